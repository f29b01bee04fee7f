"""Whom to coach in what: agents who lately met a rule less often than their team, and no better than they used to.

An agent's rate is drawn towards the team's by how much of the differences between agents is chance (empirical Bayes;
Efron and Morris 1975), so that few checks or one bad week propose nobody. A proposal is below the middle half of the
team, below the team's mean beyond doubt, and not on the mend. They are ordered by points below the team plus half of
those lost against the own past, by the severity of the rule. The own past counts for less on purpose: it is what the
effect of coaching will be measured from, and choosing those whose past was good by chance would spoil it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.reviews.week_counts import Counts, Summed, summed_together, week_spread

LATELY_WEEKS, PAST_WEEKS = 4, 12
"""Weeks that tell how an agent does now, and those before that tell what they used to do."""

LEAST_LATELY, LEAST_IN_PAST, LEAST_IN_TEAM = 15, 20, 4
"""Checks of an agent and agents of a team; with fewer nothing is proposed, or nothing said of the past."""

SEVERITY_WEIGHTS: Mapping[str, float] = {"minor": 0.5, "normal": 1.0, "serious": 2.0, "fatal": 3.0}

_SURE, _LEAST_GAP = 1.64, 0.05
"""Standard deviations below the team's mean (19 of 20 such agents truly are), and points."""


@dataclass(frozen=True, slots=True)
class AgentStretch:
    """Weeks of one agent and rule added up, as `Summed`: passes of checks in so many weeks with any, the weeks' checks
    squared, their passes² ÷ checks."""

    passes: float
    checks: float
    weeks: float
    squares: float
    scattered: float

    @property
    def rate(self) -> float:
        """Passes ÷ checks, 0–1."""
        return self.passes / max(self.checks, 1)


@dataclass(frozen=True, slots=True)
class AgentRule:
    """How an agent of a team does on a rule, lately and in the weeks before."""

    team: str
    agent_id: str
    rule_id: str
    lately: AgentStretch
    past: AgentStretch


@dataclass(frozen=True, slots=True)
class AgentRules:
    """How agents do on rules, lately and in the weeks before, one place each in every array; `teams` are theirs."""

    agents: npt.NDArray[np.object_]
    rules: npt.NDArray[np.object_]
    teams: npt.NDArray[np.object_]
    lately: Summed
    past: Summed

    def one(self, place: int) -> AgentRule:
        """Those of a place."""
        team, agent, rule = (str(each[place]) for each in (self.teams, self.agents, self.rules))
        return AgentRule(team, agent, rule, _stretch(self.lately, place), _stretch(self.past, place))


@dataclass(frozen=True, slots=True)
class WeakRule:
    """A proposal. Rates are shares of 1: `low` to `high` is where the middle half of the team's agents lie, `gap` how
    far the agent is below the team's mean, `lost` how much more than the team they lost against their own past (None:
    no past to speak of), both with chance taken off. `weight` orders proposals."""

    found: AgentRule
    low: float
    high: float
    team_agents: int
    gap: float
    lost: float | None
    weight: float


def weak_rules(given: AgentRules, severities: Mapping[str, str]) -> list[WeakRule]:
    """The proposals out of some teams' agents and rules, the weightiest first."""
    if not len(given.agents):
        return []
    rules, rule = _numbered(given.rules)
    places, place_of_team = _numbered(given.teams)
    teams, team = np.unique(rule * len(places) + place_of_team, return_inverse=True)
    lately, past = given.lately, given.past
    spread = _spreads(lately, past, rule, len(rules))[rule]
    told = lately.checks >= LEAST_LATELY
    chance = lately.variance(spread, _of_one(lately, team, len(teams)))
    mean, between = _between(lately.rate, chance, told, team, rule)
    kept = between / (between + chance)
    gap = kept * (mean - lately.rate)
    sure = gap >= np.maximum(_LEAST_GAP, _SURE * np.sqrt(kept * chance))

    known = told & (past.checks >= LEAST_IN_PAST)
    drop = past.rate - lately.rate
    both = chance + past.variance(spread, _of_one(past, team, len(teams)))
    usual, wander = _between(drop, both, known, team, rule)
    lost = np.where(known, wander / (wander + both) * (drop - usual), 0.0)
    mending = known & (drop - usual < -np.sqrt(both))

    agents = np.bincount(team, told, len(teams))[team]
    found = []
    for place in map(int, np.flatnonzero(told & sure & ~mending & (agents >= LEAST_IN_TEAM))):
        low, high = np.quantile(lately.rate[told & (team == team[place])], [0.25, 0.75])
        if lately.rate[place] < low:
            severity = SEVERITY_WEIGHTS.get(severities.get(given.rules[place], "normal"), 1.0)
            weight = severity * (gap[place] + max(0.0, lost[place]) / 2)
            own = float(lost[place]) if known[place] else None
            found.append(
                WeakRule(
                    given.one(place), float(low), float(high), int(agents[place]), float(gap[place]), own, float(weight)
                )
            )
    return sorted(found, key=lambda weak: (-weak.weight, weak.found.agent_id, weak.found.rule_id))


def _numbered(names: npt.NDArray[np.object_]) -> tuple[Sequence[str], npt.NDArray[np.int64]]:
    """The names there are, and the number of each."""
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return tuple(known), np.array([known[name] for name in names], np.int64)


def _stretch(side: Summed, place: int) -> AgentStretch:
    one = side.of(place)
    return AgentStretch(*map(float, (one.passes, one.checks, one.weeks, one.squares, one.scattered)))


def _spreads(lately: Summed, past: Summed, rule: np.ndarray, rules: int) -> Counts:
    """How alike the checks of a week are, of every rule."""
    spreads = np.zeros(rules)
    for number in range(rules):
        spreads[number] = week_spread(summed_together([side.of(rule == number) for side in (lately, past)]))[0]
    return spreads


def _of_one(side: Summed, team: np.ndarray, teams: int) -> Counts:
    """The variance of one check in everybody's team, for everybody."""
    passes, checks = (np.bincount(team, each, teams) for each in (side.passes, side.checks))
    rate: Counts = ((passes + 1) / (checks + 2))[team]
    return rate * (1 - rate)


def _between(
    values: Counts, chance: Counts, told: np.ndarray, team: np.ndarray, rule: np.ndarray
) -> tuple[Counts, Counts]:
    """For everybody the mean of their team, and how much agents of one team differ beyond chance on that rule."""
    weights = told / chance
    mean, whole = _mean(values, weights, team)
    q = np.bincount(rule, weights * (values - mean) ** 2)
    agents, squares = np.bincount(team, told), np.bincount(team, weights**2)
    firsts = np.unique(team, return_index=True)[1]  # one row of every team and rule, to go from those to rules
    freedom = np.bincount(rule[firsts], np.maximum(agents - 1, 0))
    scale = np.bincount(rule[firsts], whole - squares / np.maximum(whole, 1e-12))
    between = np.maximum(q - freedom, 0) / np.maximum(scale, 1e-12)
    mean, _ = _mean(values, told / (chance + between[rule]), team)
    return mean, between[rule]


def _mean(values: Counts, weights: Counts, team: np.ndarray) -> tuple[Counts, Counts]:
    """The weighted mean of everybody's team, and every team's sum of weights."""
    whole = np.bincount(team, weights).astype(np.float64)
    return (np.bincount(team, weights * values) / np.maximum(whole, 1e-12))[team], whole
