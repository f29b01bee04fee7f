"""Damaged recordings by the thousand through `decode`: refused with a reason or heard as far as they go, nothing else.

    python bench/hostile_audio.py                  # 2,700 of seed 1: minutes
    python bench/hostile_audio.py --count 300 --seed 7

Fifteen forms, ten mutations (see tests/support/mutants.py). Exit status 1 when one did anything else: another error, a
sample that is not a number, a process or a file left behind, more time than the limit. The same seed makes it again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.support.mutants import mutants, outcome

PARTS = 27
"""The mutants are made again in every part, each of which looks at its own."""


def part(number: int, seed: int, count: int) -> tuple[Counter[str], list[str], float]:
    """Outcomes of every 27th mutant, what got through, and the longest time of one in seconds."""
    outcomes: Counter[str] = Counter()
    through: list[str] = []
    longest_s = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for at, mutant in enumerate(mutants(folder, seed, count)):
            if at % PARTS != number:
                continue
            start = time.monotonic()
            try:
                outcomes[outcome(mutant, folder)] += 1
            except Exception as error:
                through.append(f"{at} {mutant.name} ({mutant.mutation}): {type(error).__name__}: {error}")
            longest_s = max(longest_s, time.monotonic() - start)
            (folder / mutant.name).unlink()
        through += [f"left behind: {path}" for path in os.listdir(folder)]
    return outcomes, through, longest_s


def main() -> int:
    """Run and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2700)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    start = time.monotonic()
    with ProcessPoolExecutor(given.workers) as pool:
        jobs = [pool.submit(part, number, given.seed, given.count) for number in range(PARTS)]
        results = [job.result() for job in jobs]
    outcomes = sum((counts for counts, _, _ in results), Counter[str]())
    through = [line for _, lines, _ in results for line in lines]
    for reason, count in outcomes.most_common():
        print(f"{count:6} {reason}")
    done, longest_s, all_s = sum(outcomes.values()), max(s for *_, s in results), time.monotonic() - start
    print(f"{done} of {given.count} refused or heard, longest {longest_s:.1f} s, {all_s:.0f} s in all")
    print(f"{len(through)} got through")
    for line in through:
        print(line)
    return 1 if through or done != given.count else 0


if __name__ == "__main__":
    sys.exit(main())
