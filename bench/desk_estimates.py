"""Whether the desk's estimates hold the truth: months of verdicts with known truth, sampled, answered and estimated.

    python bench/desk_estimates.py                # 300 months
    python bench/desk_estimates.py --months 2000  # for tighter figures of coverage

Each month is other calls, mono and stereo, judged by twelve rules of different prevalence, precision and recall. A plan
as a house would make it is drawn by the desk's own code and answered as is right. Told is how often the 95 % interval
holds the month's true precision and missed share; beside it how often Wilson's interval does where as many verdicts are
looked at without such a plan: fails alone ("flagged"; nothing missed is found), or the fifth of the calls with most
fails ("worst calls"). Of an interval that holds exactly 95 %, 300 months show 92.5–97.5 for 19 rules of 20.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.reviews.agreement import wilson
from pipeline.reviews.estimates import EstimatedShare, estimates
from tests.support.known_truth import HOUSE_PLAN, MADE_RULES, MadeMonth


def holds(share: EstimatedShare, truth: float) -> bool:
    return share.low - 1e-9 <= truth <= share.high + 1e-9


def wilson_holds(found: int, of: int, truth: float) -> bool:
    _, low, high = wilson(found, of) if of else (0.0, 0.0, 1.0)
    return low <= truth <= high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=300)
    parser.add_argument("--seed", type=int, default=17)
    arguments = parser.parse_args()
    held, widths, drawn = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[str]()
    for number in range(arguments.months):
        month = MadeMonth(arguments.seed * 100_000 + number)
        for estimate in estimates(month.sampled(HOUSE_PLAN, str(number))):
            rule = estimate.rule_id
            precision, missed = month.shares(rule)
            drawn[rule] += estimate.drawn
            found = (("precision", estimate.precision, precision), ("missed", estimate.missed, missed))
            for name, share, truth in found:
                held[rule, name] += holds(share, truth)
                widths[rule, name] += share.high - share.low
            fails, right = month.flagged(rule, estimate.drawn)
            held[rule, "flagged: precision"] += wilson_holds(right, fails, precision)
            held[rule, "flagged: missed"] += wilson_holds(0, right, missed)
            should_fail, misses = month.worst(rule, estimate.drawn)
            held[rule, "worst calls: missed"] += wilson_holds(misses, should_fail, missed)
    print_table(arguments.months, held, widths, drawn)


COLUMNS = ("precision", "missed", "flagged: precision", "flagged: missed", "worst calls: missed")


def print_table(
    months: int, held: Counter[tuple[str, str]], widths: Counter[tuple[str, str]], drawn: Counter[str]
) -> None:
    print(f"{months} months, {len(MADE_RULES)} rules; how often the interval holds the truth, %\n")
    heads = ("prevalence, precision, recall", "drawn", *COLUMNS, "width: precision", "missed")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for rule in MADE_RULES:
        told = [f"{100 * held[rule.name, name] / months:.1f}" for name in COLUMNS]
        wide = [f"{widths[rule.name, name] / months:.2f}" for name in COLUMNS[:2]]
        of = f"{rule.prevalence:.0%}, {rule.precision:.0%}, {rule.recall:.0%}"
        print(f"| {' | '.join((of, f'{drawn[rule.name] / months:.0f}', *told, *wide))} |")
    print()
    for name in COLUMNS:
        shares = [100 * held[rule.name, name] / months for rule in MADE_RULES]
        inside = sum(93 <= share <= 97 for share in shares)
        print(
            f"{name}: mean {np.mean(shares):.1f}, least {min(shares):.1f}, most {max(shares):.1f}; "
            f"{inside} of {len(shares)} rules in 93–97"
        )


if __name__ == "__main__":
    main()
