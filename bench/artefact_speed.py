"""How long a stored call takes to read: as versions before wrote it (gzipped JSON, pydantic) and as it is written now.

    python bench/artefact_speed.py                     # 40 generated calls, each read ten times

The calls are those of judge_speed.py, judged by the whole rulebook. Both are read in turns, so that what else the
machine does falls on both; seconds are the processor's.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

from judge_speed import generate
from pydantic import TypeAdapter

from pipeline.datatypes import Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--book", type=Path, default=CHECKOUT / "rules" / "hotline-zh")
    given = parser.parse_args()
    book = load_rulebook(given.book)
    earlier = TypeAdapter(JudgedFile)
    with tempfile.TemporaryDirectory() as folder:
        homes = {"json.gz, pydantic": Home(Path(folder) / "old"), "json.zst, msgspec": Home(Path(folder) / "new")}
        old, new = homes.values()
        for number, call in enumerate(generate(book, given.calls)):
            file = JudgedFile("bench", Judged(call, judge_call(call, book)))
            path = new.judged(f"{number:064x}")
            artefacts.write(path, file)
            path = old.root / path.relative_to(new.root).with_suffix(".gz")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(earlier.dump_json(file, by_alias=True), compresslevel=6, mtime=0))
        files = {name: list(home.files("judged")) for name, home in homes.items()}
        for one, other in zip(*files.values(), strict=True):
            assert artefacts.read(one, JudgedFile) == artefacts.read(other, JudgedFile)
        took_ms: dict[str, list[float]] = {name: [] for name in files}
        for _ in range(given.rounds):
            for name, paths in files.items():
                started = time.process_time()
                for path in paths:
                    artefacts.read(path, JudgedFile)
                took_ms[name].append(1000 * (time.process_time() - started) / len(paths))
        print("| format | ms a call, median | best | kB a call |\n|---|---:|---:|---:|")
        for name, times in took_ms.items():
            size_kb = sum(path.stat().st_size for path in files[name]) / len(files[name]) / 1000
            print(f"| {name} | {statistics.median(times):.2f} | {min(times):.2f} | {size_kb:.1f} |")
        before, now = (statistics.median(times) for times in took_ms.values())
        print(f"\n{before / now:.2f} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
