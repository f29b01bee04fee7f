"""Complaints for who answers them: week by week, by team, agent, queue and scenario, and the newest as a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN
from desk.calls.found import hidden_verdicts
from desk.dashboards.drawings import BarChart, bar_chart
from desk.dashboards.frame import Frame, calls_link, dashboard_page, read_frame
from desk.routing import Visit, endpoint
from desk.snapshot import Reader, Row
from pipeline.messages import Message

COMPLAINTS_PAGE = 50
"""Complaints on a page of the list."""

MOST_COMPLAINING = 12
"""Teams, agents, queues or scenarios with most complaints that are shown."""

COMPLAINT_CHOICES: Mapping[str, tuple[Message, str]] = {
    "all": (Message("all of them"), "true"),
    "unhandled": (Message("not handled by the script"), "handled = 'fail'"),
    "uncommitted": (Message("nobody said who and when"), "commitment = 'fail'"),
}
"""Which complaints are listed, with the condition."""

COMPLAINT_GROUPS: Mapping[str, Message] = {
    "team": Message("Team"),
    "agent": Message("Agent"),
    "queue": Message("Queue"),
    "scenario": Message("Scenario"),
}

_COUNTED = """count(*) AS complaints, count(*) FILTER (handled = 'pass') AS handled,
    count(*) FILTER (handled = 'fail') AS unhandled, count(*) FILTER (handled = 'unsure') AS untold,
    count(*) FILTER (commitment = 'pass') AS committed, count(*) FILTER (commitment = 'fail') AS uncommitted"""


@endpoint("/dashboard/complaints", "dashboards")
def _complaints(visit: Visit) -> Response:
    asked = visit.query("show")
    which = asked if asked in COMPLAINT_CHOICES else "all"
    number = max(1, int(visit.query("page"))) if visit.query("page").isdecimal() and len(visit.query("page")) < 6 else 1
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        weeks, trend = complaint_weeks(reader, frame), complaint_weeks(reader, frame.trend)
        groups = {column: complaint_groups(reader, frame, column) for column in COMPLAINT_GROUPS}
        offset = (number - 1) * COMPLAINTS_PAGE
        found = newest_complaints(reader, frame, which, COMPLAINTS_PAGE + 1, offset)
        sustained = sustained_complaints(reader, frame)
    return dashboard_page(
        visit, "dashboards/complaints.html", frame, weeks=weeks, whole=_whole(weeks),
        chart=_chart(visit, frame.trend, trend), zone=visit.desk.snapshot.timezone,
        groups=groups, groupings=COMPLAINT_GROUPS, listed=seen_complaints(visit, found[:COMPLAINTS_PAGE]), which=which,
        choices=COMPLAINT_CHOICES, number=number, more=len(found) > COMPLAINTS_PAGE, sustained=sustained,
        link=lambda **given: calls_link(frame, flags=("complaint",), **given),
        group_link=lambda column, value: calls_link(
            frame, flags=("complaint",), columns={column: (NOT_GIVEN if value is None else value,)}
        ),
    )  # fmt: skip


def complaint_weeks(reader: Reader, frame: Frame) -> list[Row]:
    """Each week's complaints and calls, the earliest first."""
    return reader.rows(
        f"SELECT week, calls, coalesce(complaints, 0) AS complaints, coalesce(handled, 0) AS handled, "
        "coalesce(unhandled, 0) AS unhandled, coalesce(untold, 0) AS untold, coalesce(committed, 0) AS committed, "
        "coalesce(uncommitted, 0) AS uncommitted FROM ("
        f"SELECT week, sum(calls)::BIGINT AS calls FROM totals.agent_weeks WHERE {frame.condition} GROUP BY week"
        ") LEFT JOIN ("
        f"SELECT week, {_COUNTED} FROM totals.complaint_calls WHERE {frame.condition} GROUP BY week"
        ") USING (week) ORDER BY week",
        dict(frame.values),
    )


def complaint_groups(reader: Reader, frame: Frame, column: str) -> list[Row]:
    """The complaints of each team, agent, queue or scenario, most first."""
    value = "coalesce(agent_id, agent_name)" if column == "agent" else column
    name = "any_value(agent_name ORDER BY started_at DESC)" if column == "agent" else "NULL"
    return reader.rows(
        f"SELECT {value} AS value, {name} AS name, {_COUNTED} FROM totals.complaint_calls "
        f"WHERE {frame.condition} GROUP BY 1 ORDER BY complaints DESC, 1 NULLS LAST LIMIT {MOST_COMPLAINING}",
        dict(frame.values),
    )


def sustained_complaints(reader: Reader, frame: Frame) -> list[Row]:
    """The sustained complaints that were supplied for the months of the frame, by agent."""
    if frame.first is None or frame.last_day is None:
        return []
    condition, values = frame.scope, {**frame.scope_values, "from": frame.first.replace(day=1), "to": frame.last_day}
    if frame.team == NOT_GIVEN:
        condition += " AND team IS NULL"
    elif frame.team:
        condition, values = f"{condition} AND team = $team", {**values, "team": frame.team}
    if frame.company:  # a month is of an agent, and the agent of a company
        given = "" if frame.company == NOT_GIVEN else frame.company
        of_company = "SELECT agent_id FROM totals.agent_weeks WHERE coalesce(company, '') = $company"
        condition, values = f"{condition} AND agent_id IN ({of_company})", {**values, "company": given}
    return reader.rows(
        "SELECT month, agent_id, agent_name, team, sustained_complaints FROM agent_month "
        f"WHERE sustained_complaints > 0 AND month BETWEEN $from AND $to AND {condition} "
        "ORDER BY month DESC, sustained_complaints DESC, agent_id",
        values,
    )


def newest_complaints(reader: Reader, frame: Frame, which: str, most: int, offset: int = 0) -> list[Row]:
    """Complaints of a choice, the newest first."""
    return reader.rows(
        "SELECT sha256, started_at, day, agent_id, agent_name, team, queue, scenario, call_id, file_name, rule_id, "
        "handled, commitment_rule, commitment, at_s, words FROM totals.complaint_calls "
        f"WHERE {frame.condition} AND {COMPLAINT_CHOICES[which][1]} ORDER BY started_at DESC NULLS LAST, sha256 "
        "LIMIT $most OFFSET $offset",
        {**frame.values, "most": most, "offset": offset},
    )


def seen_complaints(visit: Visit, found: Sequence[Row]) -> list[tuple[str, Row]]:
    """Complaints with the ids of their calls, but those whose verdicts who asks is to answer blind."""
    hidden = hidden_verdicts(visit, [row["sha256"] for row in found])
    return [
        (visit.desk.call_ids.of(row["sha256"]), row)
        for row in found
        if not hidden.intersection((row["sha256"], row[rule]) for rule in ("rule_id", "commitment_rule"))
    ]


def _whole(weeks: Sequence[Row]) -> dict[str, int]:
    names = ("calls", "complaints", "handled", "unhandled", "untold", "committed", "uncommitted")
    return {name: sum(week[name] for week in weeks) for name in names}


def _chart(visit: Visit, frame: Frame, weeks: Sequence[Row]) -> BarChart:
    known = {week["week"]: week for week in weeks}
    columns = []
    for monday in frame.mondays():
        week = known.get(monday, dict.fromkeys(("complaints", "handled", "untold", "unhandled"), 0))
        says = visit.say(
            "week of {week}: {count} complaints, {handled} handled, {unhandled} not",
            week=monday, count=week["complaints"], handled=week["handled"], unhandled=week["unhandled"],
        )  # fmt: skip
        pieces = [("good", week["handled"]), ("none", week["untold"]), ("bad", week["unhandled"])]
        columns.append((f"{monday:%m-%d}", pieces, says))
    return bar_chart(columns)
