"""What a call costs in a replay, three ways in turns: from a file as earlier versions wrote it, from a file as it is
written now, and out of columns.

    python bench/replay_ways.py                        # 200 generated calls, a draft that changes one rule, five rounds
    python bench/replay_ways.py --rule script-booking-new

Milliseconds of the processor. All three find the same, or the bench fails.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

import numpy as np
from pydantic import TypeAdapter
from replay_speed import draft, fill

from pipeline.judging.call_cache import make_file, read_calls, signatures
from pipeline.judging.column_replay import replay_rows
from pipeline.judging.loader import load_rulebook
from pipeline.judging.replay import replay_calls, seldom_collect
from pipeline.judging.replayed import Replay
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile


def as_earlier(new: Home, old: Home) -> None:
    """The calls of a home as earlier versions wrote them."""
    kind = TypeAdapter(JudgedFile)
    for path in new.files("judged"):
        to = (old.root / path.relative_to(new.root)).with_suffix(".gz")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(gzip.compress(kind.dump_json(artefacts.read(path, JudgedFile), by_alias=True), mtime=0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--book", type=Path, default=CHECKOUT / "rules" / "hotline-zh")
    parser.add_argument("--rule", default="closing", help="the rule that the draft changes")
    given = parser.parse_args()
    book = load_rulebook(given.book)
    with tempfile.TemporaryDirectory() as folder:
        old, new = Home(Path(folder) / "old"), Home(Path(folder) / "new")
        fill(new, book.folder, given.rule, given.calls)
        as_earlier(new, old)
        shas = sorted(signatures(new))
        file, _ = make_file(new, shas)
        assert file
        draft(book, Path(folder) / "draft", given.rule)
        changed = load_rulebook(Path(folder) / "draft")
        ways: dict[str, Callable[[], Replay]] = {
            "own files, json.gz": lambda: replay_calls(old, changed, None, shas),
            "own files, json.zst": lambda: replay_calls(new, changed, None, shas),
            "columns": lambda: replay_rows(read_calls(file.path), np.arange(len(shas)), new, changed),
        }
        seldom_collect()
        took_ms: dict[str, list[float]] = {name: [] for name in ways}
        found: list[Replay] = []
        for _ in range(given.rounds):
            for name, way in ways.items():
                started = time.process_time()
                found.append(way())
                took_ms[name].append(1000 * (time.process_time() - started) / len(shas))
        assert all(each.outcomes == found[0].outcomes for each in found)
        print("| way | ms a call, median | best |\n|---|---:|---:|")
        for name, times in took_ms.items():
            print(f"| {name} | {statistics.median(times):.2f} | {min(times):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
