"""What an agent sees first: their released calls, those that they have not acknowledged before others, how their own
weeks went, and their appeals. Nobody is ranked: of the team there is only where its middle half lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.reviews.results import appeal_rules
from desk.routing import Visit, endpoint
from pipeline.reviews.appeals import appeals_by, left_this_month
from pipeline.reviews.releases import ResultStep, released_to

MOST_SHOWN, WEEKS_SHOWN, LEAST_AGENTS = 200, 8, 4
"""Calls and weeks on the page; of a team with fewer agents nothing is told, as it would tell of single people."""


@dataclass(frozen=True, slots=True)
class ReleasedCall:
    """A released call: its id in addresses, what it is called, when it began."""

    call_id: str
    title: str
    started: datetime | None
    step: ResultStep

    @property
    def fails(self) -> int:
        return sum(verdict.stands == "fail" for verdict in self.step.result.verdicts)


@dataclass(frozen=True, slots=True)
class OwnWeek:
    """An agent's week: released calls, mean of the system's scores, and between which scores the middle half of the
    team's agents lie."""

    week: date
    calls: int
    score: float | None
    low: float | None
    high: float | None


@endpoint("/my", "appeal")
def _home(visit: Visit) -> Response:
    desk, user = visit.desk, visit.whose
    agent_id = user.agent_id or ""
    with desk.reviews.file.reading() as rows:
        steps, appeals = released_to(rows, agent_id), appeals_by(rows, agent_id)
        left = left_this_month(rows, agent_id, appeal_rules(desk), datetime.now().timestamp())
    facts, team_weeks = _published(visit, steps, agent_id)
    steps.sort(key=lambda step: (step.acknowledged_at is not None, -step.at))
    calls = [
        ReleasedCall(
            desk.call_ids.of(step.result.sha256), facts.get(step.result.sha256, {}).get("call_id") or "",
            facts.get(step.result.sha256, {}).get("started_at"), step,
        )
        for step in steps[:MOST_SHOWN]
    ]  # fmt: skip
    return visit.page(
        "reviews/agent_home.html", calls=calls, waiting=sum(step.acknowledged_at is None for step in steps),
        weeks=_weeks(steps, facts, team_weeks), appeals=list(reversed(appeals)), left=left, ids=desk.call_ids,
        zone=desk.settings.ingest.timezone, facts=facts,
    )  # fmt: skip


def _published(
    visit: Visit, steps: Sequence[ResultStep], agent_id: str
) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[date, tuple[float, float]]]:
    """What the database tells of some calls, and by week where the middle half of the agent's team lies."""
    with visit.desk.snapshot.reading() as reader:
        rows = reader.rows(
            "SELECT sha256, call_id, started_at, week FROM calls WHERE sha256 IN (SELECT unnest($calls))",
            {"calls": [step.result.sha256 for step in steps]},
        )
        team = reader.rows(
            "SELECT week, quantile_cont(mean, [0.25, 0.75]) AS middle FROM ("
            "  SELECT week, agent_id, avg(score) AS mean FROM calls WHERE score IS NOT NULL AND agent_id IS NOT NULL "
            "  AND team = (SELECT any_value(team ORDER BY started_at DESC) FROM calls WHERE agent_id = $agent) "
            "  GROUP BY week, agent_id) WHERE week IS NOT NULL GROUP BY week HAVING count(*) >= $least",
            {"agent": agent_id, "least": LEAST_AGENTS},
        )
    zone = ZoneInfo(visit.desk.settings.ingest.timezone)
    for row in rows:
        row["started_at"] = row["started_at"].astimezone(zone) if row["started_at"] else None
    return {row["sha256"]: row for row in rows}, {row["week"]: tuple(row["middle"]) for row in team}


def _weeks(
    steps: Sequence[ResultStep], facts: Mapping[str, Mapping[str, Any]], team: Mapping[date, tuple[float, float]]
) -> list[OwnWeek]:
    """The last weeks with released calls, the latest first."""
    by_week: dict[date, list[float | None]] = {}
    for step in steps:
        week = facts.get(step.result.sha256, {}).get("week")
        if week is not None:
            by_week.setdefault(week, []).append(step.result.score)
    weeks = []
    for week in sorted(by_week, reverse=True)[:WEEKS_SHOWN]:
        scores = [score for score in by_week[week] if score is not None]
        low, high = team.get(week, (None, None))
        mean = round(sum(scores) / len(scores), 1) if scores else None
        weeks.append(OwnWeek(week, len(by_week[week]), mean, low, high))
    return weeks
