"""How well calls are heard: coverage by week, team, queue and line, calls hard to hear, nights and their failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN
from desk.dashboards.drawings import BarChart, bar_chart
from desk.dashboards.frame import Frame, calls_link, dashboard_page, read_frame
from desk.dashboards.hearing_advice import FAILURE_ADVICE, FAULT_TITLES, LAYOUT_ADVICE, LAYOUT_TITLES, STAGE_TITLES
from desk.routing import Visit, endpoint
from desk.snapshot import Reader, Row
from pipeline.messages import Message
from pipeline.results.agent_weeks import HARD_TO_HEAR

MOST_HARD_CALLS, MOST_NIGHTS, MOST_SHOWN_LINES = 50, 40, 20

FEWEST_CALLS = 20
"""Of fewer calls nothing is said of a line."""

WORSE_COVERAGE, WORSE_TIMES = 0.05, 2.0
"""A line is worse than the rest by so much less coverage and so many times the share of calls hard to hear."""

HEARING_GROUPS: Mapping[str, Message] = {
    "team": Message("Team"),
    "queue": Message("Queue"),
    "layout": Message("Channels"),
}

_COUNTED = """sum(calls)::BIGINT AS calls, sum(audio_s) AS audio_s,
    sum(transcribed_s) / nullif(sum(voiced_s), 0) AS coverage, sum(hard_to_hear)::BIGINT AS hard_to_hear,
    sum(faulty)::BIGINT AS faulty"""


@endpoint("/dashboard/hearing", "dashboards")
def _hearing(visit: Visit) -> Response:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        whole = hearing_of(reader, frame)[0]
        weeks, trend = (hearing_of(reader, each, "week") for each in (frame, frame.trend))
        groups = {column: hearing_of(reader, frame, column) for column in HEARING_GROUPS}
        engines = hearing_of(reader, frame, "fingerprint")
        hard = hard_calls(reader, frame, MOST_HARD_CALLS)
        # nights and files that were not heard are of no team
        all_calls = visit.whose.scope == "all"
        nights = _nights(visit, reader, frame) if all_calls else []
        failures = _failures(visit, reader, frame) if all_calls else []
    return dashboard_page(
        visit, "dashboards/hearing.html", frame, whole=whole, weeks=weeks, chart=_chart(visit, frame.trend, trend),
        groups={column: _lines(rows, whole) for column, rows in groups.items()}, groupings=HEARING_GROUPS,
        engines=engines, hard=[(visit.desk.call_ids.of(row["sha256"]), row) for row in hard], nights=nights,
        failures=failures, failed=sum(row["files"] for row in failures), all_calls=all_calls,
        zone=visit.desk.snapshot.timezone, limit=HARD_TO_HEAR, layouts=LAYOUT_TITLES, layout_advice=LAYOUT_ADVICE,
        faults=FAULT_TITLES, advice=FAILURE_ADVICE, stages=STAGE_TITLES,
        week_link=lambda week: calls_link(frame, week, week),
        group_link=lambda column, value: calls_link(frame, columns={column: (value or NOT_GIVEN,)}),
    )  # fmt: skip


def hearing_of(reader: Reader, frame: Frame, column: str = "") -> list[Row]:
    """How well calls are heard in all, or for each value of a column: weeks in order, else what is worst first."""
    if not column:
        return reader.rows(f"SELECT {_COUNTED} FROM totals.hearing_days WHERE {frame.condition}", dict(frame.values))
    more = ", any_value(recognizer) AS recognizer, min(day) AS first, max(day) AS last"
    order = "1" if column == "week" else "coverage NULLS LAST, 1 NULLS LAST"
    return reader.rows(
        f"SELECT {column} AS value, {_COUNTED}{more} FROM totals.hearing_days WHERE {frame.condition} "
        f"GROUP BY {column} ORDER BY {order}",
        dict(frame.values),
    )


def _lines(rows: Sequence[Row], whole: Row) -> list[Mapping[str, Any]]:
    """Rows with whether each is worse than the rest; the worst and, where there are many, the others left out."""
    share = whole["hard_to_hear"] / whole["calls"] if whole["calls"] else 0.0
    return [
        {
            **row,
            "worse": row["calls"] >= FEWEST_CALLS
            and row["coverage"] is not None
            and row["coverage"] <= whole["coverage"] - WORSE_COVERAGE
            and row["hard_to_hear"] / row["calls"] >= WORSE_TIMES * share,
        }
        for row in rows[:MOST_SHOWN_LINES]
    ]


def hard_calls(reader: Reader, frame: Frame, most: int) -> list[Row]:
    """The newest calls that are hard to hear, or of which something was not heard."""
    return reader.rows(
        "SELECT sha256, started_at, agent_id, agent_name, team, queue, call_id, file_name, layout, coverage, voiced_s, "
        f"sound_faults FROM totals.hard_calls WHERE {frame.condition} ORDER BY started_at DESC NULLS LAST, sha256 "
        "LIMIT $most",
        {**frame.values, "most": most},
    )


def _span(visit: Visit, frame: Frame) -> dict[str, Any]:
    """The moments between which nights and failures are told: those of the frame; up to now where it is the newest."""
    zone = ZoneInfo(visit.desk.snapshot.timezone)
    first = frame.first or datetime.now(zone).date()
    last = frame.last_day + timedelta(days=1) if frame.last_day and frame.until else datetime.now(zone).date()
    return {
        "since": datetime.combine(first, time(), zone),
        "until": datetime.combine(last + timedelta(days=1), time(), zone),
    }


def _nights(visit: Visit, reader: Reader, frame: Frame) -> list[Row]:
    return reader.rows(
        "SELECT started_at, ended_at, status, found, heard, failed, skipped, waiting, audio_s FROM runs "
        f"WHERE started_at >= $since AND started_at < $until ORDER BY started_at DESC LIMIT {MOST_NIGHTS}",
        _span(visit, frame),
    )


def _failures(visit: Visit, reader: Reader, frame: Frame) -> list[Row]:
    """Files that could not be dealt with and still cannot, by day, stage and reason."""
    return reader.rows(
        "SELECT timezone($zone, failed_at)::DATE AS day, stage, reason, count(*) AS files FROM failures "
        "WHERE failed_at >= $since AND failed_at < $until GROUP BY ALL ORDER BY day DESC, files DESC, stage, reason",
        {**_span(visit, frame), "zone": visit.desk.snapshot.timezone},
    )


def _chart(visit: Visit, frame: Frame, weeks: Sequence[Row]) -> BarChart:
    known = {week["value"]: week for week in weeks}
    columns = []
    for monday in frame.mondays():
        week = known.get(monday, {"coverage": None, "hard_to_hear": 0, "calls": 0})
        covered = 100 * (week["coverage"] or 0.0)
        says = visit.say(
            "week of {week}: words for {percent} % of the speech, {count} of {calls} calls hard to hear",
            week=monday, percent=round(covered), count=week["hard_to_hear"], calls=week["calls"],
        )  # fmt: skip
        columns.append((f"{monday:%m-%d}", [("plain", covered)], says))
    return bar_chart(columns)
