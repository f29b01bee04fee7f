"""Checks by week: how often agents met their rules, and how much more weeks differ than chance alone makes them.

A week's checks of one agent have something in common (a promotion, a bad cold, a new form), so that weeks differ more
than draws from one urn would. Of n checks a rate p varies by p (1 - p) (1 + (n - 1) spread) / n, where `spread` is the
correlation of two checks of one week, as in beta-binomial counts (Williams 1982).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

LARGEST_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class WeekCounts:
    """Passes, and passes plus fails, of rules × agents × weeks; `weeks` are all Mondays from the first to the last."""

    rules: tuple[str, ...]
    agents: tuple[str, ...]
    weeks: tuple[date, ...]
    passes: Counts
    checks: Counts

    def only(self, rules: Iterable[str], without: Iterable[str] = ()) -> WeekCounts:
        """Some of the rules, as far as they are there, without some agents."""
        left_out = frozenset(without)
        kept = tuple(rule for rule in dict.fromkeys(rules) if rule in self.rules)
        agents = tuple(agent for agent in self.agents if agent not in left_out)
        chosen = np.ix_([self.rules.index(r) for r in kept], [self.agents.index(a) for a in agents])
        return WeekCounts(kept, agents, self.weeks, self.passes[chosen], self.checks[chosen])


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True, slots=True)
class AgentWeeks:
    """An agent's weeks with checks of a rule: how many weeks each is after a first one, its passes, its passes plus
    fails. The same week may be there more than once."""

    rule_id: str
    agent_id: str
    weeks: Sequence[int]
    passes: Sequence[int]
    checks: Sequence[int]


def week_counts(first: date, groups: Sequence[AgentWeeks]) -> WeekCounts:
    """Counts of some agents and rules, whose weeks are counted from the Monday `first`."""
    rules = {name: place for place, name in enumerate(sorted({each.rule_id for each in groups}))}
    agents = {name: place for place, name in enumerate(sorted({each.agent_id for each in groups}))}
    length = max((max(each.weeks) + 1 for each in groups), default=0)
    passes, checks = np.zeros((2, len(rules), len(agents), length))
    for each in groups:
        at = rules[each.rule_id], agents[each.agent_id]
        np.add.at(passes[at], each.weeks, each.passes)
        np.add.at(checks[at], each.weeks, each.checks)
    return WeekCounts(
        tuple(rules), tuple(agents), tuple(first + timedelta(weeks=n) for n in range(length)), passes, checks
    )


@dataclass(frozen=True, slots=True)
class Summed:
    """Weeks of counts added up, over the last axis: `passes` of `checks` in so many `weeks` that have any; `squares`
    are the weeks' checks squared, `scattered` is their passes² ÷ checks."""

    passes: Counts
    checks: Counts
    weeks: Counts
    squares: Counts
    scattered: Counts

    @property
    def rate(self) -> Counts:
        """Passes ÷ checks; 0 without checks."""
        return self.passes / np.maximum(self.checks, 1)

    def of(self, chosen: Any) -> Summed:
        """Those of a rule, or of some groups, by their places."""
        return Summed(*(getattr(self, name)[chosen] for name in Summed.__slots__))

    def variance(self, spread: Counts | float, of_one: Counts) -> Counts:
        """The variance that the rate has by chance, where that of one check is `of_one`: p (1 - p)."""
        checks = np.maximum(self.checks, 1)
        alike: Counts = of_one * (1 / checks + spread * np.maximum(self.squares - checks, 0) / checks**2)
        return alike


def summed(passes: Counts, checks: Counts) -> Summed:
    """Weeks (the last axis) added up."""
    scattered = np.divide(passes**2, checks, out=np.zeros_like(passes), where=checks > 0)
    return Summed(passes.sum(-1), checks.sum(-1), (checks > 0).sum(-1) * 1.0, (checks**2).sum(-1), scattered.sum(-1))


def summed_together(groups: Sequence[Summed]) -> Summed:
    """Groups one after the other."""
    return Summed(*(np.concatenate([getattr(each, name) for each in groups]) for name in Summed.__slots__))


def week_spread(groups: Summed, weights: Counts | float = 1.0) -> tuple[float, float]:
    """How alike the checks of a week are, by how much the weeks of each group (an agent in a stretch of time) scatter
    about the group's rate; and how many degrees of freedom that rests on."""
    told = (groups.weeks > 1) & (groups.checks > 2)
    weight = np.where(told, weights, 0.0)
    checks = np.maximum(groups.checks, 2)
    chance = groups.rate * (1 - groups.rate) * checks / (checks - 1)
    scatter = groups.scattered - groups.passes**2 / checks
    expected = chance * (groups.weeks - 1)
    more = chance * (checks - groups.weeks - groups.squares / checks + 1)
    freedom = (weight * (groups.weeks - 1)).sum()
    if not freedom:
        return 0.0, 0.0
    found = (weight * (scatter - expected)).sum() / max((weight * more).sum(), 1e-9)
    own = freedom**2 / (weight**2 * (groups.weeks - 1)).sum()
    return float(min(max(found, 0.0), LARGEST_SPREAD)), float(own)
