"""Whether the effect of coaching is told right: made weeks of agents with known rates, some of them coached.

    python bench/coaching_effect.py              # 300 runs a row, two minutes
    python bench/coaching_effect.py --runs 1000  # for tighter figures

Every run makes 16 weeks of a team, chooses an agent (by chance, by the lowest rate of the last four weeks as people do,
or by the desk's own first proposal out of six rules), lets the agent gain nothing or 15 points by the coaching, makes
eight more weeks and asks the desk. Told is how often the interval holds what the agent truly gained, how often no gain
is called none ("no effect shown", or too early), how often 15 points are seen as an improvement, how wide the interval
is, and by how much the effect is off in the mean. "naive" is what is often done instead, the last four weeks against
those after without the team: how often that finds an improvement where there is none. Of an interval that holds exactly
95 %, 300 runs show 92.5-97.5 for 19 rows of 20.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.made_weeks import MadeTeams, MadeWeeks

GAIN = 0.15
CASES = {
    "30 agents, 15 checks a week each": MadeTeams(rules=6),
    "4 checks a week": MadeTeams(rules=6, checks=4),
    "60 checks a week": MadeTeams(rules=6, checks=60),
    "8 agents": MadeTeams(rules=6, agents=8),
    "5 agents": MadeTeams(rules=6, agents=5),
    "weeks differ much (spread 0.10)": MadeTeams(rules=6, spread=0.1),
    "weeks differ, of some agents more": MadeTeams(rules=6, spread=0.05, by_agent=0.8),
    "weeks differ by chance alone": MadeTeams(rules=6, spread=0),
    "weeks that all share (sd 5 points)": MadeTeams(rules=6, shock=0.05),
    "everybody gains 6 points": MadeTeams(rules=6, trend=0.06),
    "everybody loses 6 points": MadeTeams(rules=6, trend=-0.06),
    "agents change by themselves (sd 5)": MadeTeams(rules=6, wander=0.05),
    "agents all the same": MadeTeams(rules=6, differ=0.02),
    "rates near 1 (mean 95 %)": MadeTeams(rules=6, rate=0.95, differ=0.03),
    "rates near 0 (mean 10 %)": MadeTeams(rules=6, rate=0.1, differ=0.05),
    "three weeks after": MadeTeams(rules=6, weeks_after=3),
    "three rules in one session": MadeTeams(rules=3),
}
CHOICES = ("chance", "lowest", "proposal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=18)
    arguments = parser.parse_args()
    heads = ("", "chosen by", "runs", "0: holds", "0: called none", "15: holds", "15: seen", "width", "off by", "naive")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    worst = 100.0
    for name, teams in CASES.items():
        for choice in CHOICES:
            row, least = told(teams, choice, arguments.runs, arguments.seed)
            worst = min(worst, least)
            print(f"| {name} | {choice} | {' | '.join(row)} |", flush=True)
    print(f"\nleast of the shares that should be 93 % or more: {worst:.1f} %")


def told(teams: MadeTeams, choice: str, runs: int, seed: int) -> tuple[list[str], float]:
    """The cells of a row, and the least of its shares that should be high (%)."""
    holds, none, width, off, naive, seen = {0.0: [], GAIN: []}, [], [], [], [], []
    for run in range(runs):
        made = MadeWeeks(teams, seed * 100_000 + run)
        coached, rule = chosen(made, choice)
        if coached is None:
            continue
        rules = tuple(range(teams.rules)) if teams.rules == 3 and choice != "proposal" else (rule,)
        for gain in holds:
            effect, gained = made.effect(coached, rules, gain)
            if gain:
                seen.append(effect.verdict == "improved")
            else:
                none.append(effect.verdict not in ("improved", "worse"))
                naive.append(finds(made, coached, rules))
            if effect.told:
                holds[gain].append(effect.low <= gained <= effect.high)
                width.append(effect.high - effect.low)
                off.append(effect.value - gained)
    shares = [100 * float(np.mean(each)) if each else math.nan for each in (holds[0.0], none, holds[GAIN], seen)]
    cells = [str(len(none)), *(f"{share:.1f} %" for share in shares)]
    cells += [f"{100 * np.mean(width):.0f}", f"{100 * np.mean(off):+.1f}", f"{100 * np.mean(naive):.0f} %"]
    return cells, min(shares[:3])


def chosen(made: MadeWeeks, choice: str) -> tuple[int | None, int]:
    match choice:
        case "chance":
            return 0, 0
        case "lowest":
            return made.lowest_lately(), 0
    return made.proposed() or (None, 0)


def finds(made: MadeWeeks, coached: int, rules: tuple[int, ...]) -> bool:
    """Whether the naive comparison finds an improvement where there is none: by the interval of two shares."""
    counts, _ = made.counts(coached, rules, 0.0)
    passes, checks = (each[list(rules)][:, coached].sum(0) for each in (counts.passes, counts.checks))
    before, after = slice(12, 16), slice(17, None)
    if not checks[before].sum() or not checks[after].sum():
        return False
    first, last = (passes[side].sum() / checks[side].sum() for side in (before, after))
    error = math.sqrt(first * (1 - first) / checks[before].sum() + last * (1 - last) / checks[after].sum())
    return bool(last - first > 1.96 * error)


if __name__ == "__main__":
    main()
