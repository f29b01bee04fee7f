"""The month's sheet: every agent's score out of quality and what others gave, full marks, and the watch list."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN, CallFilters
from desk.dashboards.excel import ExcelColumn, ExcelTable, LinkedCell, dashboard_excel
from desk.dashboards.frame import Frame, dashboard_page, read_frame
from desk.routing import Visit, endpoint
from desk.snapshot import Reader, Row
from pipeline.messages import Message
from pipeline.results.views import COMPLAINT_COSTS, MONTH_WEIGHTS, WATCH_BELOW, WATCH_MONTHS

MONTH_PARTS: dict[str, Message] = {
    "quality": Message("Quality"), "supervisor": Message("Supervisor"), "departments": Message("Other departments"),
    "peers": Message("Peers"),
}  # fmt: skip
"""What a month's score is made of, as `MONTH_WEIGHTS`."""


@dataclass(frozen=True, slots=True)
class MonthSheet:
    """A month (its first day, None without any) of the agents in scope, and the months that can be chosen."""

    frame: Frame
    month: date | None
    months: tuple[date, ...]
    agents: Sequence[Row]
    watched: Sequence[Row]


@endpoint("/dashboard/month", "dashboards")
def _month(visit: Visit) -> Response:
    sheet = _sheet(visit)
    return dashboard_page(
        visit, "dashboards/month.html", sheet.frame, sheet=sheet, parts=MONTH_PARTS, weights=MONTH_WEIGHTS,
        costs=COMPLAINT_COSTS, below=WATCH_BELOW, running=WATCH_MONTHS, counted=counted_weight,
        full=[row for row in sheet.watched if row["reason"] == "full-marks"],
        low=[row for row in sheet.watched if row["reason"] == "below"],
        links={row["agent_id"]: agents_calls(sheet, row["agent_id"]) for row in sheet.agents},
    )  # fmt: skip


@endpoint("/dashboard/month.xlsx", "export")
def _excel(visit: Visit) -> Response:
    sheet = _sheet(visit)
    say, zh = visit.say, visit.language
    heads = [say("Agent"), say("Agent's number"), say("Team")]
    columns = [*map(ExcelColumn, heads), ExcelColumn(say("Calls"), "number")]
    columns += [
        ExcelColumn(f"{title.in_language(zh)} {MONTH_WEIGHTS[part]} %", "number") for part, title in MONTH_PARTS.items()
    ]
    ends = (say("Weight that counts"), say("Sustained complaints"), say("Month’s score"))
    columns += [ExcelColumn(title, "number") for title in ends]
    rows = [
        (
            row["agent_name"], row["agent_id"], row["team"],
            LinkedCell(row["calls"], agents_calls(sheet, row["agent_id"])), *(row[part] for part in MONTH_PARTS),
            counted_weight(row), row["sustained_complaints"], row["score"],
        )
        for row in sheet.agents
    ]  # fmt: skip
    watched = [
        (
            row["agent_name"], row["agent_id"], row["team"],
            say("full marks") if row["reason"] == "full-marks" else say("below for months"), row["score"],
            " → ".join(f"{score:g}" for score in row["scores"]),
        )
        for row in sheet.watched
    ]  # fmt: skip
    more = [
        ExcelColumn(say("Why")),
        ExcelColumn(say("Month’s score"), "number"),
        ExcelColumn(say("Scores of the months")),
    ]
    note = say(
        "A part that was not supplied leaves its weight out. A sustained complaint costs {costs} points.",
        costs=COMPLAINT_COSTS,
    )
    return dashboard_excel(visit, sheet.frame, [
        ExcelTable(say("The month"), columns, rows, note, fixed=2),
        ExcelTable(say("Watch list"), [*map(ExcelColumn, heads), *more], watched),
    ])  # fmt: skip


def counted_weight(row: Row) -> int:
    """The weights, in percent, of the parts that an agent's score is made of."""
    return sum(weight for part, weight in MONTH_WEIGHTS.items() if row[part] is not None)


def agents_calls(sheet: MonthSheet, agent_id: str) -> str:
    """The list of an agent's calls of the month."""
    return CallFilters(
        first=sheet.frame.first, last=sheet.frame.last_day, columns={"agent": (agent_id,)}
    ).address()  # fmt: skip


def _sheet(visit: Visit) -> MonthSheet:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        scope = frame.scope
        values = dict(frame.scope_values)
        if frame.team == NOT_GIVEN:
            scope += " AND team IS NULL"
        elif frame.team:
            scope, values = f"{scope} AND team = $team", {**values, "team": frame.team}
        months = tuple(
            row["month"]
            for row in reader.rows(f"SELECT DISTINCT month FROM agent_month WHERE {scope} ORDER BY month DESC", values)
        )
        asked = next((month for month in months if f"{month:%Y-%m}" == visit.query("month")), None)
        month = asked or (months[0] if months else None)
        if month is None:
            return MonthSheet(replace(frame, first=None, last=None), None, (), (), ())
        agents, watched = _rows(reader, scope, {**values, "month": month})
    end = month.replace(day=monthrange(month.year, month.month)[1])
    # the frame's last day is the month's
    shown = replace(frame, first=month, last=end - timedelta(days=6), company="", companies=())
    return MonthSheet(shown, month, months, agents, watched)


def _rows(reader: Reader, scope: str, values: dict[str, object]) -> tuple[list[Row], list[Row]]:
    """The agents of a month, the best first, and those that are listed for it."""
    agents = reader.rows(
        f"SELECT * FROM agent_month WHERE month = $month AND {scope} ORDER BY score DESC NULLS LAST, agent_id", values
    )
    watched = reader.rows(
        f"SELECT * FROM watch_list WHERE month = $month AND {scope} ORDER BY reason, score, agent_id", values
    )
    return agents, watched
