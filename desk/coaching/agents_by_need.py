"""The agents whom somebody may coach, those first who met the indicators least in the last weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from desk.calls.scope import within
from desk.coaching.rates import RATES_WEEKS
from desk.coaching.whose import CoachedAgent
from desk.routing import Visit
from pipeline.reviews.coaching import CoachingSession

WEAKEST_SHOWN = 2


@dataclass(frozen=True, slots=True)
class AgentNeed:
    """An agent's last weeks: calls, their mean score (0–100), the share of checks that passed (0–1), the rules that
    failed most often. `session` is the last session that was not called off."""

    agent: CoachedAgent
    calls: int
    score: float | None
    rate: float | None
    weakest: tuple[str, ...]
    session: CoachingSession | None


def agents_by_need(
    visit: Visit, agents: Mapping[str, CoachedAgent], sessions: list[CoachingSession]
) -> list[AgentNeed]:
    """All of some agents with calls in the last weeks, those first who met the indicators least."""
    scope, values = within(visit)
    weeks = (
        f"week > (SELECT max(week) FROM totals.agent_weeks WHERE {scope}) - INTERVAL {RATES_WEEKS} WEEK AND {scope} "
        "AND agent_id IS NOT NULL"
    )
    with visit.desk.snapshot.reading() as reader:
        rows = reader.rows(
            f"""SELECT agent_id, calls, score, rate, weakest
            FROM (SELECT agent_id, sum(calls)::BIGINT AS calls, sum(score_sum) / nullif(sum(scored), 0) AS score
                FROM totals.agent_weeks WHERE {weeks} GROUP BY agent_id)
            LEFT JOIN (SELECT agent_id, sum(passes) / nullif(sum(passes + fails), 0) AS rate,
                list(rule_id ORDER BY fails DESC, passes, rule_id) FILTER (fails > 0) AS weakest
                FROM (SELECT agent_id, rule_id, sum(passes) AS passes, sum(fails) AS fails
                    FROM totals.agent_rules WHERE {weeks} GROUP BY agent_id, rule_id)
                GROUP BY agent_id) USING (agent_id)
            ORDER BY rate NULLS LAST, score, agent_id""",
            values,
        )
    last: dict[str, CoachingSession] = {}
    for session in sessions:
        if session.state != "called_off" and _day(session) >= _day(last.get(session.agent_id)):
            last[session.agent_id] = session
    return [
        AgentNeed(
            agents[row["agent_id"]], row["calls"], row["score"], row["rate"],
            tuple((row["weakest"] or ())[:WEAKEST_SHOWN]), last.get(row["agent_id"]),
        )
        for row in rows
        if row["agent_id"] in agents
    ]  # fmt: skip


def _day(session: CoachingSession | None) -> date:
    return (session and (session.held_on or session.plan.planned_on)) or date.min
