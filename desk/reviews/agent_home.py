"""What an agent sees first: results and coaching sessions that they have not acknowledged, their calls, how they do
against their own weeks before, their appeals, and what went well. Nobody is ranked: of the team there is only where its
middle half lies, and the own place where the house switched that on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.queues.people import rule_titles
from desk.reviews.good_clips import good_clips
from desk.reviews.own_numbers import (
    NUMBERS_BEFORE,
    NUMBERS_LATELY,
    OwnRule,
    OwnWeek,
    TeamNumbers,
    first_week,
    last_week,
    own_rules,
    own_weeks,
    team_numbers,
)
from desk.reviews.results import appeal_rules
from desk.routing import Visit, endpoint
from pipeline.reviews.appeals import appeals_by, left_this_month
from pipeline.reviews.coaching import coaching_with
from pipeline.reviews.releases import CallResult, ResultStep, released_to
from pipeline.reviews.voice_leave import voice_may_be_heard
from pipeline.reviews.week_counts import monday_of

MOST_SHOWN, WEEKS_SHOWN, APPEALS_SHOWN = 50, 8, 20
"""Calls, weeks and appeals on the page; the list has all calls."""


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
class OwnNumbers:
    """An agent's numbers; `place` is theirs among so many, where that is switched on."""

    weeks: Sequence[OwnWeek] = ()
    rules: Sequence[OwnRule] = ()
    place: tuple[int, int] | None = None


Listed = Mapping[str, sqlite3.Row]
"""What the index of calls knows of some, by SHA-256."""


@endpoint("/my", "appeal")
def _home(visit: Visit) -> Response:
    desk, user = visit.desk, visit.whose
    agent_id = user.agent_id or ""
    zone = ZoneInfo(desk.settings.ingest.timezone)
    with desk.snapshot.reading() as reader:
        last = last_week(reader)
        team = team_numbers(visit, reader, agent_id, last) if last else TeamNumbers({}, {})
    # calls are released after they were made: those of the last weeks are among what was released since
    since = datetime.combine(first_week(last), datetime.min.time(), zone).timestamp() if last else 0.0
    with desk.reviews.file.reading() as rows:
        steps = released_to(rows, agent_id, since)
        appeals = appeals_by(rows, agent_id)[-APPEALS_SHOWN:]
        left = left_this_month(rows, agent_id, appeal_rules(desk), datetime.now().timestamp())
        held = [session for session in coaching_with(rows, agent_id) if session.held_on] if agent_id else []
        leave = voice_may_be_heard(rows, agent_id)
    steps.sort(key=lambda step: (step.acknowledged_at is not None, -step.at))
    listed = _listed(visit, steps, {appeal.key.sha256 for appeal in appeals}, last)
    titles = rule_titles(visit)
    return visit.page(
        "reviews/agent_home.html", calls=[_call(visit, step, listed, zone) for step in steps[:MOST_SHOWN]],
        waiting=sum(step.acknowledged_at is None for step in steps), own=_numbers(steps, listed, team, last),
        appeals=list(reversed(appeals)), left=left, ids=desk.call_ids, zone=desk.settings.ingest.timezone,
        names_of={sha256: row["call_id"] or "" for sha256, row in listed.items()}, titles=titles,
        good=good_clips(visit, sorted(steps, key=lambda step: -step.at), titles), leave=leave,
        sessions=sorted(held, key=lambda each: (each.acknowledged is not None, -each.id)),
        lately=NUMBERS_LATELY, before=NUMBERS_BEFORE,
    )  # fmt: skip


def _listed(visit: Visit, steps: Sequence[ResultStep], appealed: set[str], last: date | None) -> Listed:
    """What the index knows of the calls on the page and of those of the last weeks."""
    index = visit.desk.index
    state = index.state()
    recent = {step.result.sha256 for step in steps}
    found = index.found(state, recent, (first_week(last) - timedelta(weeks=1)).isoformat() if last else "")
    shown = {step.result.sha256 for step in steps[:MOST_SHOWN]} | appealed
    return found | index.found(state, shown - found.keys())


def _call(visit: Visit, step: ResultStep, listed: Listed, zone: ZoneInfo) -> ReleasedCall:
    sha256 = step.result.sha256
    row = listed.get(sha256)
    started = datetime.fromtimestamp(row["started"], zone) if row and row["started"] is not None else None
    return ReleasedCall(visit.desk.call_ids.of(sha256), row["call_id"] or "" if row else "", started, step)


def _numbers(steps: Sequence[ResultStep], listed: Listed, team: TeamNumbers, last: date | None) -> OwnNumbers:
    if last is None:
        return OwnNumbers()
    results: list[tuple[date, CallResult]] = []
    for step in steps:
        row = listed.get(step.result.sha256)
        if row and row["day"]:
            results.append((monday_of(date.fromisoformat(row["day"])), step.result))
    return OwnNumbers(own_weeks(results, team.weeks, WEEKS_SHOWN), own_rules(results, last, team.rules), team.place)
