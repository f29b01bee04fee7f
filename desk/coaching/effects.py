"""What came of coaching sessions, told from the weeks of the agent and of the colleagues in their team.

The statistics are `pipeline.reviews.coaching_effects`. Colleagues who were coached in the same rules in those weeks are
left out; where too few others remain they stay in, and what they gained counts against the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from desk.calls.scope import within
from desk.coaching.effect_cache import SessionEffect
from desk.coaching.plan_form import today
from desk.routing import Visit
from pipeline.messages import Message
from pipeline.reviews.coaching import CoachingSession, all_coaching
from pipeline.reviews.coaching_effects import (
    LEAST_COLLEAGUES,
    LEAST_WEEKS_AFTER,
    EffectVerdict,
    EffectWeeks,
    Lacking,
    coaching_effect,
    effect_weeks,
)
from pipeline.reviews.week_counts import AgentWeeks, monday_of, week_counts

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


def session_effects(visit: Visit, sessions: Sequence[CoachingSession]) -> dict[str, SessionEffect]:
    """What came of those of some sessions that were held, by their refs. `sessions` are in the scope of who asks."""
    held = sorted((each for each in sessions if each.held_on), key=lambda each: str(each.held_on))[-MOST_EFFECTS:]
    if not held:
        return {}
    with visit.desk.reviews.file.reading() as rows:
        every = [each for each in all_coaching(rows) if each.held_on]
    seen = visit.desk.snapshot.identity(), visit.whose.scope, visit.whose.teams
    asked = {each.ref: _asked(visit, each, every) for each in held}
    told = {ref: visit.desk.effects.get((*seen, one)) for ref, one in asked.items()}
    missing = [one for ref, one in asked.items() if told[ref] is None]
    for one, groups in zip(missing, _counted(visit, missing), strict=True):
        told[one.ref] = effect = _told(one, groups)
        visit.desk.effects.keep((*seen, one), effect)
    return {ref: effect for ref, effect in told.items() if effect is not None}


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that the effect of a session is told from, beside the published weeks. `coached` are other agents who were
    coached in some of its rules in the weeks that are compared."""

    ref: str
    agent_id: str
    rules: tuple[str, ...]
    held: date
    weeks: EffectWeeks
    coached: frozenset[str]


def _asked(visit: Visit, session: CoachingSession, every: Sequence[CoachingSession]) -> _Asked:
    held = session.held_on or date.min
    alike = [each for each in every if set(each.rules) & set(session.rules) and each.held_on is not None]
    later = [
        each.held_on
        for each in alike
        if each.agent_id == session.agent_id and each.held_on and monday_of(each.held_on) > monday_of(held)
    ]
    chosen = datetime.fromtimestamp(session.at, ZoneInfo(visit.desk.settings.ingest.timezone)).date()
    weeks = effect_weeks(chosen, held, today(visit), min(later, default=None))
    coached = frozenset(
        each.agent_id
        for each in alike
        if each.held_on and weeks.before[0] <= each.held_on < weeks.after[1] and each.agent_id != session.agent_id
    )
    return _Asked(session.ref, session.agent_id, session.rules, held, weeks, coached)


def _counted(visit: Visit, asked: Sequence[_Asked]) -> list[list[AgentWeeks]]:
    """For each session the weeks of its agent, and of those who were in the agent's team when it was held."""
    if not asked:
        return []
    scope, values = within(visit)
    with visit.desk.snapshot.reading() as reader:
        rows = reader.rows(
            f"""WITH asked AS (
                SELECT unnest($numbers) AS number, unnest($agents) AS coached, unnest($rules) AS rules,
                    unnest($held) AS held, unnest($first) AS first, unnest($last) AS last
            ), own AS (
                SELECT number, arg_max(w.team, w.week) AS own_team FROM asked JOIN totals.agent_weeks AS w
                ON w.agent_id = asked.coached AND w.week <= asked.held GROUP BY number
            )
            SELECT number, rule_id, agent_id, list(date_diff('day', first, week) // 7) AS weeks,
                list(passes) AS passes, list(passes + fails) AS checks
            FROM asked JOIN own USING (number) JOIN totals.agent_rules ON week >= first AND week < last
                AND list_contains(rules, rule_id) AND (team = own_team OR agent_id = coached)
            WHERE {scope} AND agent_id IS NOT NULL AND passes + fails > 0 GROUP BY number, rule_id, agent_id""",
            {
                **values, "numbers": list(range(len(asked))), "agents": [each.agent_id for each in asked],
                "rules": [list(each.rules) for each in asked], "held": [each.held for each in asked],
                "first": [each.weeks.before[0] for each in asked], "last": [each.weeks.after[1] for each in asked],
            },
        )  # fmt: skip
    found: list[list[AgentWeeks]] = [[] for _ in asked]
    for row in rows:
        found[row.pop("number")].append(AgentWeeks(**row))
    return found


def _told(asked: _Asked, groups: Sequence[AgentWeeks]) -> SessionEffect:
    counts = week_counts(asked.weeks.before[0], groups)
    if len(set(counts.agents) - asked.coached) > LEAST_COLLEAGUES:
        counts = counts.only(counts.rules, without=asked.coached)
    whole = coaching_effect(counts, asked.agent_id, asked.weeks)
    each = {rule: coaching_effect(counts.only([rule]), asked.agent_id, asked.weeks) for rule in asked.rules}
    return SessionEffect(whole, each if len(each) > 1 else dict.fromkeys(each, whole), asked.weeks, counts, asked.held)
