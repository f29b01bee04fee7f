"""Whether coaching helped, and whom to coach: told of made weeks whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.reviews.coaching_effects import CoachingEffect, RateChange, coaching_effect, effect_weeks
from pipeline.reviews.weak_rules import AgentRules, weak_rules
from pipeline.reviews.week_counts import AgentWeeks, Summed, week_counts
from pipeline.reviews.what_helped import pooled_effect, what_helped
from tests.support.made_weeks import MadeTeams, MadeWeeks

MONDAY, HELD = date(2025, 1, 6), date(2025, 4, 30)
"""The first week, and a day in the seventeenth."""


def weeks_of(agent: str, before: tuple[int, int], after: tuple[int, int], weeks: int = 25) -> AgentWeeks:
    """Weeks of an agent: passes and fails before the session, in its week all fails, and after it."""
    counts = [before if n < 16 else (0, 9) if n == 16 else after for n in range(weeks)]
    return AgentWeeks("closing", agent, list(range(weeks)), [p for p, _ in counts], [p + f for p, f in counts])


def effect_of(
    own: AgentWeeks | None, colleagues: int = 5, now: date = date(2026, 1, 5), until: date | None = None
) -> CoachingEffect:
    groups = [weeks_of(f"200{number}", (8, 2), (9, 1)) for number in range(colleagues)]
    counts = week_counts(MONDAY, [*groups, *([own] if own else [])])
    return coaching_effect(counts, "1001", effect_weeks(HELD, HELD, now, until))


@pytest.mark.parametrize("choice", ["lowest", "proposal"])
def test_the_interval_holds_what_is_true(choice: str) -> None:
    """Those who are chosen for their worst weeks get better by themselves, and no effect is made of it."""
    teams, runs, held, called_none, seen = MadeTeams(rules=3, spread=0.05, trend=0.04), 300, 0, 0, 0
    for run in range(runs):
        made = MadeWeeks(teams, run)
        coached, rule = (made.lowest_lately(), 0) if choice == "lowest" else made.proposed() or (0, 0)
        gain = 0.15 if run % 2 else 0.0
        effect, gained = made.effect(coached, (rule,), gain)
        held += effect.low <= gained <= effect.high
        called_none += not gain and effect.verdict == "none"
        seen += gain > 0 and effect.verdict == "improved"
    assert held / runs >= 0.93
    assert called_none / (runs / 2) >= 0.93
    assert seen / (runs / 2) > 0.4


def test_an_effect_is_the_change_less_the_teams() -> None:
    effect = effect_of(weeks_of("1001", (5, 5), (9, 1)))
    assert effect.verdict == "improved"
    assert effect.value == pytest.approx(0.4 - 0.1)
    assert effect.own is not None
    assert effect.own == RateChange(0.5, 0.9, 120, 80)
    assert effect.team is not None
    assert (effect.team.before, effect.team.after) == (pytest.approx(0.8), pytest.approx(0.9))
    assert effect_of(weeks_of("1001", (8, 2), (4, 6))).verdict == "worse"
    assert effect_of(weeks_of("1001", (8, 2), (9, 1))).verdict == "none"


def test_bad_weeks_before_the_session_count_for_neither_side() -> None:
    own = weeks_of("1001", (8, 2), (9, 1))
    own = replace(own, passes=[*own.passes[:12], *[1] * 4, *own.passes[16:]])
    effect = effect_of(own)
    assert effect.own is not None
    assert effect.own.before == 0.8
    assert effect.verdict == "none"


@pytest.mark.parametrize(
    ("own", "colleagues", "now", "verdict", "lacking"),
    [
        (weeks_of("1001", (5, 5), (9, 1), 19), 5, date(2025, 5, 19), "early", "weeks-after"),
        (weeks_of("1001", (5, 5), (2, 0), 20), 5, date(2025, 5, 26), "early", "checks-after"),
        (weeks_of("1001", (5, 5), (1, 0)), 5, date(2026, 1, 5), "unknown", "checks-after"),
        (weeks_of("1001", (1, 0), (9, 1)), 5, date(2026, 1, 5), "unknown", "before"),
        (weeks_of("1001", (5, 5), (9, 1)), 2, date(2026, 1, 5), "unknown", "colleagues"),
        (None, 5, date(2026, 1, 5), "unknown", "before"),
    ],
)  # fmt: skip
def test_with_too_little_nothing_is_told(
    own: AgentWeeks | None, colleagues: int, now: date, verdict: str, lacking: str
) -> None:
    effect = effect_of(own, colleagues, now)
    assert (effect.verdict, effect.lacking, effect.told) == (verdict, lacking, False)


def test_the_next_session_on_the_same_rules_ends_the_weeks_after() -> None:
    effect = effect_of(weeks_of("1001", (5, 5), (9, 1)), until=HELD + timedelta(weeks=5))
    assert effect.weeks_after == 4
    assert effect.complete


def summed_weeks(passes: Sequence[int], checks: Sequence[int], weeks: int) -> Summed:
    """So many weeks, all the same, of each of some agents."""
    n, hits = np.array(checks) / weeks, np.array(passes) / weeks
    return Summed(hits * weeks, n * weeks, np.full(len(n), weeks * 1.0), n**2 * weeks, hits**2 / n * weeks)


def team_with(lately: tuple[int, int], past: tuple[int, int]) -> AgentRules:
    """Nine agents who pass eight or nine of ten, and one."""
    rates = [85, 88, 90, 86, 84, 91, 87, 89, 85]
    names = np.array([*(f"2{number}" for number in range(len(rates))), "1001"], dtype=object)
    now = summed_weeks([*rates, lately[0]], [*[100] * 9, lately[1]], 4)
    then = summed_weeks([*(3 * rate for rate in rates), past[0]], [*[300] * 9, past[1]], 12)
    return AgentRules(names, np.full(10, "closing", object), np.full(10, "A", object), now, then)


def test_the_weak_are_proposed_and_nobody_else() -> None:
    (weak,) = weak_rules(team_with((60, 100), (250, 300)), {})
    assert weak.found.agent_id == "1001"
    assert weak.low > 0.8
    assert 0.1 < weak.gap < 0.28
    assert weak.lost is not None
    assert weak.lost > 0.05
    serious = weak_rules(team_with((60, 100), (250, 300)), {"closing": "serious"})[0]
    assert serious.weight == pytest.approx(2 * weak.weight)


@pytest.mark.parametrize(
    ("lately", "past"), [((83, 100), (250, 300)), ((8, 14), (250, 300)), ((60, 100), (90, 300)), ((12, 16), (260, 300))]
)
def test_who_is_as_good_as_others_or_mending_or_hardly_checked_is_not_proposed(
    lately: tuple[int, int], past: tuple[int, int]
) -> None:
    assert weak_rules(team_with(lately, past), {}) == []


def test_sessions_of_a_rule_are_taken_together() -> None:
    sessions = [effect_of(weeks_of("1001", (5, 5), (after, 10 - after))) for after in (8, 9, 7)]
    pooled = pooled_effect("closing", sessions)
    assert pooled.value is not None
    assert pooled.value == pytest.approx(0.2, abs=0.03)
    assert pooled.low < pooled.value < pooled.high
    assert (pooled.sessions, pooled.waiting) == (3, 0)
    assert pooled_effect("closing", sessions[:2]).value is None
    few = {"greeting": sessions[0]}
    assert [each.rule_id for each in what_helped([few, *({"closing": each} for each in sessions)])] == [
        "closing",
        "greeting",
    ]
