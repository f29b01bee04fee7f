"""What came of coaching sessions, told from the weeks of the agent and of the colleagues in their team.

The statistics are `pipeline.reviews.coaching_effects`. Colleagues who were coached in the same rules in those weeks are
left out; where too few others remain they stay in, and what they gained counts against the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from desk.calls.scope import within
from desk.coaching.plan_form import today
from desk.routing import Visit
from pipeline.messages import Message
from pipeline.reviews.coaching import CoachingSession, all_coaching
from pipeline.reviews.coaching_effects import (
    LEAST_COLLEAGUES,
    LEAST_WEEKS_AFTER,
    CoachingEffect,
    EffectVerdict,
    EffectWeeks,
    Lacking,
    coaching_effect,
    effect_weeks,
)
from pipeline.reviews.week_counts import WeekCounts, monday_of, week_counts

MOST_EFFECTS = 200
"""Sessions that are told of at once, those held last."""

EFFECT_TITLES: Mapping[EffectVerdict, Message] = {
    "early": Message("too early to tell"),
    "unknown": Message("cannot be told"),
    "improved": Message("improved"),
    "none": Message("no effect shown"),
    "worse": Message("worse"),
}

LACKING_TITLES: Mapping[Lacking, Message] = {
    "weeks-after": Message("fewer than {least} weeks with checks since", least=LEAST_WEEKS_AFTER),
    "checks-after": Message("too few checks since"),
    "before": Message("too few checks before it"),
    "colleagues": Message("fewer than {least} colleagues with these checks", least=LEAST_COLLEAGUES),
}


@dataclass(frozen=True, slots=True)
class SessionEffect:
    """What came of a session: of all its rules together, and of each. `counts` are the weeks of its agent and of the
    colleagues that it was told from, `weeks` those that were compared."""

    whole: CoachingEffect
    rules: Mapping[str, CoachingEffect]
    weeks: EffectWeeks
    counts: WeekCounts
    held: date


def session_effects(visit: Visit, sessions: Sequence[CoachingSession]) -> dict[str, SessionEffect]:
    """What came of those of some sessions that were held, by their refs. `sessions` are in the scope of who asks."""
    held = sorted((each for each in sessions if each.held_on), key=lambda each: str(each.held_on))[-MOST_EFFECTS:]
    if not held:
        return {}
    with visit.desk.reviews.file.reading() as rows:
        every = [each for each in all_coaching(rows) if each.held_on]
    compared = {each.ref: _weeks(visit, each, every) for each in held}
    found = _counted(visit, held, compared)
    return {each.ref: _effect(each, compared[each.ref], found.get(each.ref, []), every) for each in held}


def _weeks(visit: Visit, session: CoachingSession, every: Sequence[CoachingSession]) -> EffectWeeks:
    held = session.held_on or date.min
    later = [
        each.held_on
        for each in every
        if each.agent_id == session.agent_id
        and each.held_on is not None
        and monday_of(each.held_on) > monday_of(held)
        and set(each.rules) & set(session.rules)
    ]
    chosen = datetime.fromtimestamp(session.at, ZoneInfo(visit.desk.settings.ingest.timezone)).date()
    return effect_weeks(chosen, held, today(visit), min(later, default=None))


def _counted(
    visit: Visit, sessions: Sequence[CoachingSession], compared: Mapping[str, EffectWeeks]
) -> dict[str, list[dict[str, Any]]]:
    """The weeks of the agents of some sessions, and of those who were in the agent's team when it was held."""
    scope, values = within(visit)
    with visit.desk.snapshot.reading() as reader:
        rows = reader.rows(
            f"""WITH asked AS (
                SELECT unnest($refs) AS ref, unnest($agents) AS coached, unnest($rules) AS rules, unnest($held) AS held,
                    unnest($first) AS first, unnest($last) AS last
            ), own AS (
                SELECT asked.ref, arg_max(w.team, w.week) AS own_team FROM asked JOIN totals.agent_weeks AS w
                ON w.agent_id = asked.coached AND w.week <= asked.held GROUP BY asked.ref
            )
            SELECT asked.ref, rule_id, agent_id, week, sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails
            FROM asked JOIN own ON own.ref = asked.ref JOIN totals.agent_rules ON week >= asked.first
                AND week < asked.last AND list_contains(asked.rules, rule_id)
                AND (team = own.own_team OR agent_id = asked.coached)
            WHERE {scope} AND agent_id IS NOT NULL AND passes + fails > 0 GROUP BY ALL""",
            {
                **values, "refs": [each.ref for each in sessions], "agents": [each.agent_id for each in sessions],
                "rules": [list(each.rules) for each in sessions], "held": [each.held_on for each in sessions],
                "first": [compared[each.ref].before[0] for each in sessions],
                "last": [compared[each.ref].after[1] for each in sessions],
            },
        )  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["ref"], []).append(row)
    return found


def _effect(
    session: CoachingSession, weeks: EffectWeeks, rows: Sequence[Mapping[str, Any]], every: Sequence[CoachingSession]
) -> SessionEffect:
    counts = week_counts(rows)
    coached = {
        each.agent_id
        for each in every
        if each.held_on is not None
        and weeks.before[0] <= each.held_on < weeks.after[1]
        and set(each.rules) & set(session.rules)
        and each.agent_id != session.agent_id
    }
    if len(set(counts.agents) - coached) > LEAST_COLLEAGUES:
        counts = counts.only(counts.rules, without=coached)
    return SessionEffect(
        coaching_effect(counts, session.agent_id, weeks),
        {rule: coaching_effect(counts.only([rule]), session.agent_id, weeks) for rule in session.rules},
        weeks, counts, session.held_on or date.min,
    )  # fmt: skip
