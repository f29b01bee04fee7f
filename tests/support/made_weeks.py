"""Made weeks of agents with known rates: teams that differ, weeks that differ, one agent who improves by coaching."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.reviews.coaching_effects import CoachingEffect, coaching_effect, effect_weeks
from pipeline.reviews.weak_rules import AgentRules, weak_rules
from pipeline.reviews.week_counts import Summed, WeekCounts, summed

FIRST_WEEK = date(2025, 1, 6)
WEEKS_BEFORE = 16
"""Weeks before the session's: twelve that count, and four that the choice rests on."""


@dataclass(frozen=True, slots=True)
class MadeTeams:
    """How weeks are made. `rate` is the mean of the agents' true rates, `differ` their standard deviation; `checks` are
    the mean of an agent's on a rule in a week; `spread` is how alike a week's checks are, and `by_agent`: how much that
    itself differs among agents; `trend` is what everybody gains from one side of the session to the other, `wander` the
    standard deviation of what each gains by themselves; `shock` that of weeks that all agents share."""

    agents: int = 30
    rules: int = 1
    rate: float = 0.8
    differ: float = 0.08
    checks: float = 15.0
    spread: float = 0.03
    by_agent: float = 0.0
    trend: float = 0.0
    wander: float = 0.0
    shock: float = 0.0
    weeks_after: int = 8

    @property
    def held(self) -> date:
        """The Wednesday of the session."""
        return FIRST_WEEK + timedelta(weeks=WEEKS_BEFORE, days=2)

    @property
    def end(self) -> date:
        """The Monday after the last week."""
        return FIRST_WEEK + timedelta(weeks=WEEKS_BEFORE + 1 + self.weeks_after)


class MadeWeeks:
    """Weeks of some agents before a session; what comes after is made when it is known who was coached."""

    def __init__(self, teams: MadeTeams, seed: int) -> None:
        self.teams, self.chance = teams, np.random.default_rng(seed)
        shape = (teams.rules, teams.agents)
        strength = teams.rate * (1 - teams.rate) / teams.differ**2 - 1
        self.rates = self.chance.beta(teams.rate * strength, (1 - teams.rate) * strength, shape)
        self.spreads = np.clip(teams.spread * np.exp(teams.by_agent * self.chance.normal(size=teams.agents)), 0, 0.4)
        self.before = self._weeks(self.rates, WEEKS_BEFORE)

    def counts(self, coached: int, rules: tuple[int, ...], gain: float) -> tuple[WeekCounts, float]:
        """All weeks, with an agent who gains so much by coaching on some rules, and what they truly gain: less where
        they would do better than always."""
        teams = self.teams
        after = self.rates + teams.trend + teams.wander * self.chance.normal(size=self.rates.shape)
        plain = np.clip(after, 0.02, 0.98)
        after = plain.copy()
        for rule in rules:
            after[rule, coached] = min(plain[rule, coached] + gain, 0.98)
        gained = float(np.mean([after[rule, coached] - plain[rule, coached] for rule in rules]))
        session, rest = self._weeks(plain, 1), self._weeks(after, teams.weeks_after)
        passes, checks = (
            np.concatenate([part[n] for part in (self.before, session, rest)], axis=2) for n in range(2)
        )  # fmt: skip
        names = tuple(f"rule-{n}" for n in range(teams.rules)), tuple(f"{1000 + n}" for n in range(teams.agents))
        weeks = tuple(FIRST_WEEK + timedelta(weeks=n) for n in range(passes.shape[2]))
        return WeekCounts(*names, weeks, passes, checks), gained

    def lowest_lately(self) -> int:
        """The agent with the lowest rate in the last four weeks, as people choose."""
        passes, checks = (part[0, :, -4:].sum(1) for part in self.before)
        return int(np.argmin((passes + 0.5) / (checks + 1)))

    def proposed(self) -> tuple[int, int] | None:
        """The agent and the rule that the desk proposes first."""
        passes, checks = self.before
        sides = [summed(passes[:, :, side], checks[:, :, side]) for side in (np.s_[-4:], np.s_[:-4])]
        rules, agents = (each.ravel().astype(str).astype(object) for each in np.indices(passes.shape[:2]))
        flat = [Summed(*(getattr(side, name).ravel() for name in Summed.__slots__)) for side in sides]
        weak = weak_rules(AgentRules(agents, rules, np.full(len(agents), "team", dtype=object), *flat), {})
        return (int(weak[0].found.agent_id), int(weak[0].found.rule_id)) if weak else None

    def effect(self, coached: int, rules: tuple[int, ...], gain: float) -> tuple[CoachingEffect, float]:
        """What the desk tells of the session, and what is true."""
        counts, gained = self.counts(coached, rules, gain)
        weeks = effect_weeks(self.teams.held, self.teams.held, self.teams.end)
        return coaching_effect(
            counts.only([counts.rules[rule] for rule in rules]), counts.agents[coached], weeks
        ), gained

    def _weeks(self, rates: np.ndarray, weeks: int) -> tuple[np.ndarray, np.ndarray]:
        shape = (*rates.shape, weeks)
        mean = rates[:, :, None] + self.teams.shock * self.chance.normal(size=(rates.shape[0], 1, weeks))
        mean = np.clip(np.broadcast_to(mean, shape), 0.01, 0.99)
        strength = (1 / np.maximum(self.spreads, 1e-6) - 1)[None, :, None]
        week_rates = self.chance.beta(mean * strength, (1 - mean) * strength) if self.teams.spread else mean
        checks = self.chance.poisson(self.teams.checks, shape)
        return self.chance.binomial(checks, week_rates) * 1.0, checks * 1.0
