"""How long a replay of a whole store takes, and how much memory.

    python bench/replay_speed.py                        # 100,000 stored calls, a draft that changes one rule
    python bench/replay_speed.py --calls 5000 --distinct 200

The calls are those of judge_speed.py: some hundreds are generated and judged, and the store is filled with links to
their files, so that every call is read, judged and compared as in a real store, though the disk's cache helps more.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

from judge_speed import generate

from flows.console import counting
from pipeline.datatypes import Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.replay import replay
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile


def fill(home: Home, book: Rulebook, calls: int, distinct: int) -> None:
    """Store `distinct` judged calls, each under as many names as it takes."""
    for number, call in enumerate(generate(book, distinct)):
        first = home.judged(f"{number:064x}")
        artefacts.write(first, JudgedFile("bench", Judged(call, judge_call(call, book))))
        for other in range(number + distinct, calls, distinct):
            path = home.judged(f"{other:064x}")
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(first, path)


def draft(book: Rulebook, folder: Path, rule_id: str) -> tuple[Rulebook, int]:
    """The rulebook with another coverage for one rule, and how many rules that changes."""
    shutil.copytree(book.folder, folder)
    file = folder / book.rule(rule_id).file.relative_to(book.folder)
    file.write_text(f"coverage: 0.55\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    changed = load_rulebook(folder)
    return changed, sum(rule.hash != book.rule(rule.id).hash for rule in changed.rules)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--distinct", type=int, default=500)
    parser.add_argument("--book", type=Path, default=CHECKOUT / "rules" / "hotline-zh")
    parser.add_argument("--rule", default="closing", help="the rule that the draft changes")
    given = parser.parse_args()
    book = load_rulebook(given.book)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        fill(home, book, given.calls, min(given.distinct, given.calls))
        changed, rules = draft(book, Path(folder) / "draft", given.rule)
        started = time.perf_counter()
        with counting("replay") as tell:
            found = replay(home, changed, progress=tell)
        took_s = time.perf_counter() - started
    peak_mb = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(f"{found.calls} calls, {rules} of {len(book.rules)} rules changed, {found.flipped} calls flip")
    print(f"{took_s:.0f} s on {os.cpu_count()} processors, {found.calls / took_s:.0f} calls a second")
    print(f"peak memory of the largest process {peak_mb:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
