"""Whether coaching helped: an agent's change on the rules of a session, less the change of the team without them.

Weeks before against weeks after. The session's own week counts for neither side. People are coached because their last
weeks were bad, and after bad weeks come better ones by themselves: so the four weeks that the choice rests on, and all
weeks between the choice and the session, count for neither side either.

The interval has three sources. Chance in the agent's own checks, with weeks that differ more than chance makes them
(`week_counts`). Chance in the colleagues' checks. And that agents change without any coaching: how much more the
colleagues' changes differ among each other than chance explains (DerSimonian and Laird 1986); this weighs most in small
teams, with t quantiles by Satterthwaite (1946). How often the
intervals hold the truth: `bench/coaching_effect.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student  # type: ignore[import-untyped]

from pipeline.reviews.week_counts import Counts, Summed, WeekCounts, monday_of, summed, summed_together, week_spread

CHOICE_WEEKS, MOST_WEEKS_BEFORE, MOST_WEEKS_AFTER = 4, 12, 8
"""Weeks that the choice of a session rests on, and the most that are looked at on either side."""

LEAST_WEEKS_BEFORE, LEAST_WEEKS_AFTER, LEAST_CHECKS, LEAST_COLLEAGUES = 4, 3, 20, 3
"""With less nothing is told. Checks are those of all rules of the session, on either side."""

_LEAST_OF_A_RULE, _LEAST_OF_COLLEAGUE = 8, 8
_OWN_WEIGHT = 4.0
"""How much more the agent's own weeks say of how much weeks differ than a colleague's."""

_MOST_ROOM = 2.0

EffectVerdict = Literal["early", "unknown", "improved", "none", "worse"]
"""`unknown`: it will not be told later either, as there is too little before the session, or too few colleagues."""

Lacking = Literal["", "weeks-after", "checks-after", "before", "colleagues"]


@dataclass(frozen=True, slots=True)
class EffectWeeks:
    """Which weeks (Mondays, the latter not included) are compared: those before and those after. `complete`: no more
    will come."""

    before: tuple[date, date]
    after: tuple[date, date]
    complete: bool


@dataclass(frozen=True, slots=True)
class RateChange:
    """A rate (0–1) before and after, out of so many checks; of a team the mean of its agents."""

    before: float
    after: float
    checks_before: int
    checks_after: int


@dataclass(frozen=True, slots=True)
class CoachingEffect:
    """What came of a session: `value` is the agent's change less the team's, with its 95 % interval, all in shares of
    1; told of `rules`, those with enough checks. Where nothing can be told, `lacking` says what is missing."""

    verdict: EffectVerdict
    lacking: Lacking = ""
    value: float = 0.0
    low: float = -1.0
    high: float = 1.0
    error: float = 1.0
    own: RateChange | None = None
    team: RateChange | None = None
    colleagues: int = 0
    weeks_after: int = 0
    rules: tuple[str, ...] = ()
    complete: bool = False

    @property
    def told(self) -> bool:
        return self.verdict in ("improved", "none", "worse")


def effect_weeks(chosen: date, held: date, now: date, until: date | None = None) -> EffectWeeks:
    """The weeks to compare for a session chosen and held on some days; `until` is the day of the agent's next session
    on the same rules, whose week counts no more."""
    first = monday_of(min(chosen, held)) - timedelta(weeks=CHOICE_WEEKS)
    begin = monday_of(held) + timedelta(weeks=1)
    end = begin + timedelta(weeks=MOST_WEEKS_AFTER)
    if until is not None:
        end = max(begin, min(end, monday_of(until)))
    return EffectWeeks((first - timedelta(weeks=MOST_WEEKS_BEFORE), first), (begin, end), now >= end)


def coaching_effect(counts: WeekCounts, agent: str, weeks: EffectWeeks) -> CoachingEffect:
    """What came of a session of an agent on the rules of `counts`, whose other agents are the colleagues."""
    if agent not in counts.agents:
        return CoachingEffect("unknown", "before", complete=weeks.complete)
    own = counts.agents.index(agent)
    sides = _side(counts, weeks.before, own), _side(counts, weeks.after, own)
    enough = np.minimum(*(side.all.checks[:, own] for side in sides)) >= _LEAST_OF_A_RULE
    lacking = _lacking(len(counts.agents), own, sides, enough)
    weeks_after = int(sides[1].checks.shape[2])
    if not lacking:
        of_rules = (
            _Side(sides[0].passes[enough], sides[0].checks[enough]),
            _Side(sides[1].passes[enough], sides[1].checks[enough]),
        )
        others = _colleagues(of_rules, own)
        if others.sum() >= LEAST_COLLEAGUES:
            named = tuple(rule for rule, kept in zip(counts.rules, enough, strict=True) if kept)
            told = _told(of_rules, own, others)
            return replace(told, weeks_after=weeks_after, rules=named, complete=weeks.complete)
        lacking = "colleagues"
    alone = lacking == "colleagues" and len(counts.agents) <= LEAST_COLLEAGUES
    late = lacking == "before" or alone or weeks.complete
    return CoachingEffect("unknown" if late else "early", lacking, weeks_after=weeks_after, complete=weeks.complete)


@dataclass(frozen=True, slots=True)
class _Side:
    """The weeks of a side: rules × agents × weeks, and `all` of them added up."""

    passes: Counts
    checks: Counts
    all: Summed = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "all", summed(self.passes, self.checks))


_Sides = tuple[_Side, _Side]
_Marks = npt.NDArray[np.bool_]


def _side(counts: WeekCounts, side: tuple[date, date], own: int) -> _Side:
    """The weeks of a side in which the agent has any check, of all agents."""
    chosen = np.array([side[0] <= week < side[1] for week in counts.weeks], dtype=bool)
    chosen &= counts.checks[:, own, :].sum(0) > 0
    return _Side(counts.passes[:, :, chosen], counts.checks[:, :, chosen])


def _lacking(agents: int, own: int, sides: _Sides, enough: _Marks) -> Lacking:
    """What is missing to tell anything."""
    before, after = sides
    if agents <= LEAST_COLLEAGUES:
        return "colleagues"
    if before.checks.shape[2] < LEAST_WEEKS_BEFORE or before.all.checks[:, own].sum() < LEAST_CHECKS:
        return "before"
    if after.checks.shape[2] < LEAST_WEEKS_AFTER:
        return "weeks-after"
    few = min(side.all.checks[enough, own].sum() for side in sides) < LEAST_CHECKS
    return "checks-after" if few else ""


def _colleagues(sides: _Sides, own: int) -> _Marks:
    """Whose change says something: agents with checks of every rule, and not too few, on both sides."""
    least = np.minimum(*(side.all.checks for side in sides))
    whole = np.minimum(*(side.all.checks.sum(0) for side in sides))
    there: _Marks = (least.min(0) >= 1) & (whole >= _LEAST_OF_COLLEAGUE)
    there[own] = False
    return there


def _told(sides: _Sides, own: int, others: _Marks) -> CoachingEffect:
    """The effect, where there is enough to tell it from."""
    checks = [side.all.checks[:, own] for side in sides]
    share = checks[0] * checks[1] / (checks[0] + checks[1])
    share = share / share.sum()
    variances, freedom = _variances(sides, own, share)
    rates = [share @ side.all.rate for side in sides]
    changes = rates[1] - rates[0]
    drift, weights = _drift(changes[others], variances[others])
    team = [float(weights @ rate[others]) for rate in rates]
    value = float(changes[own]) - (team[1] - team[0])
    of_team = drift * _room(sides, share, own, others) + float(weights**2 @ (variances[others] + drift))
    whole = float(variances[own]) + of_team
    degrees = whole**2 / (variances[own] ** 2 / max(freedom, 1.0) + of_team**2 / (int(others.sum()) - 1))
    half = float(student.ppf(0.975, degrees)) * math.sqrt(whole)
    low, high = value - half, value + half
    return CoachingEffect(
        "improved" if low > 0 else "worse" if high < 0 else "none", "", value, max(low, -1.0), min(high, 1.0),
        math.sqrt(whole), RateChange(float(rates[0][own]), float(rates[1][own]), *(int(n.sum()) for n in checks)),
        RateChange(team[0], team[1], *(int(side.all.checks[:, others].sum()) for side in sides)), int(others.sum()),
    )  # fmt: skip


def _variances(sides: _Sides, own: int, share: Counts) -> tuple[Counts, float]:
    """The variance by chance of every agent's change over the rules, and the degrees of freedom it rests on."""
    weights = np.ones(sides[0].checks.shape[1])
    weights[own] = _OWN_WEIGHT
    found = [
        week_spread(summed_together([side.all.of(number) for side in sides]), np.tile(weights, 2))
        for number in range(len(share))
    ]
    spread = np.array([each for each, _ in found])[:, None]
    variances: Counts = np.zeros(len(weights))
    for side in sides:
        rate = (side.all.passes + 1) / (side.all.checks + 2)
        chance = rate * (1 - rate)
        # the colleagues' as that of all together: else those who did well by chance would weigh more
        common = (chance * side.all.checks).sum(1, keepdims=True) / side.all.checks.sum(1, keepdims=True)
        alike = np.repeat(common, len(weights), axis=1)
        alike[:, own] = chance[:, own]
        variances = variances + (share[:, None] ** 2 * side.all.variance(spread, alike)).sum(0)
    return variances * _together(sides, share), min(freedom for _, freedom in found)


def _together(sides: _Sides, share: Counts) -> float:
    """How much more the weeks of several rules vary than were the rules independent, as a factor: rules are met and
    missed in the same calls."""
    together = alone = 0.0
    for side in sides:
        weight = (share[:, None] / np.maximum(side.all.checks, 1))[:, :, None]
        off = (side.passes - side.checks * side.all.rate[:, :, None]) * weight
        together += float((off.sum(0) ** 2).sum())
        alone += float((off**2).sum())
    return min(max(together / max(alone, 1e-12), 1.0), float(len(share)))


def _drift(changes: Counts, variances: Counts) -> tuple[float, Counts]:
    """How much the colleagues' changes differ beyond chance (a variance), and the weight of each in the team's."""
    weights = 1 / variances
    mean = weights @ changes / weights.sum()
    q = float(weights @ (changes - mean) ** 2)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    drift = max(0.0, (q - (len(changes) - 1)) / scale)
    weights = 1 / (variances + drift)
    return drift, weights / weights.sum()


def _room(sides: _Sides, share: Counts, own: int, others: _Marks) -> float:
    """How much more than the colleagues the agent can change: who passes everything hardly can."""
    passes, checks = (sum(getattr(side.all, name) for side in sides) for name in ("passes", "checks"))
    rate = (passes + 1) / (checks + 2)
    chance = share @ (rate * (1 - rate))
    return float(min(max(chance[own] / chance[others].mean(), 1.0), _MOST_ROOM))
