"""The sheets of the workbook: their queries over the database, and their columns. Headings are messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.messages import Message
from pipeline.results.display import OUTCOME_LABELS, SEVERITY_LABELS

Kind = Literal["text", "number", "percent", "date", "time", "clip", "name", "quote"]
"""How a cell is shown; a `quote` has its row's `matched` words marked in it."""


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column of a query: its name there, its heading, and how it is shown."""

    name: str
    heading: Message
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its name, its query and its columns; `fixed` columns stay in sight."""

    name: Message
    query: str
    columns: tuple[SheetColumn, ...]
    fixed: int = 1


_AGENT = (
    SheetColumn("agent_id", Message("Agent no.")),
    SheetColumn("agent_name", Message("Agent")),
    SheetColumn("team", Message("Team")),
)
_CALL = (
    SheetColumn("started_at", Message("Call at"), "time"),
    SheetColumn("call_id", Message("Call id")),
    SheetColumn("file_name", Message("File")),
)
_COUNTS = (
    SheetColumn("achievement", Message("Achievement"), "percent"),
    SheetColumn("passes", Message("Passed"), "number"),
    SheetColumn("fails", Message("Failed"), "number"),
    SheetColumn("unsure", Message("Unsure"), "number"),
    SheetColumn("not_applicable", Message("N/A"), "number"),
)
INDICATOR = SheetColumn("title", Message("Indicator"))
ACHIEVEMENT = (
    INDICATOR,
    SheetColumn("dimension", Message("Dimension")),
    *_COUNTS,
    SheetColumn("precision", Message("Right when failed"), "percent"),
    SheetColumn("recall", Message("Found of all"), "percent"),
    SheetColumn("n", Message("Measured on (sentences)"), "number"),
)
_AT = SheetColumn("at_s", Message("At (s)"), "number")

SHEETS = (
    Sheet(
        Message("Agents"),
        "FROM agent_scorecard ORDER BY mean_score NULLS LAST, agent_id",
        (
            *_AGENT,
            SheetColumn("calls", Message("Calls"), "number"),
            SheetColumn("mean_score", Message("Mean score"), "number"),
            SheetColumn("lowest_score", Message("Lowest"), "number"),
            SheetColumn("passed_calls", Message("Passing"), "number"),
            SheetColumn("fatal_calls", Message("Fatal"), "number"),
            *_COUNTS,
            SheetColumn("talk_minutes", Message("Talk (min)"), "number"),
        ),
        2,
    ),
    Sheet(
        Message("Daily sheet"),
        "FROM agent_day ORDER BY day DESC NULLS LAST, agent_id",
        (
            SheetColumn("day", Message("Day"), "date"),
            *_AGENT,
            SheetColumn("calls", Message("Calls"), "number"),
            SheetColumn("handled_minutes", Message("Calls (min)"), "number"),
            SheetColumn("talk_minutes", Message("Talk (min)"), "number"),
            SheetColumn("bookings", Message("Bookings"), "number"),
            SheetColumn("complaints", Message("Complaints"), "number"),
            SheetColumn("mean_score", Message("Mean score"), "number"),
            SheetColumn("fails", Message("Failed"), "number"),
        ),
        3,
    ),
    Sheet(
        Message("Monthly"),
        "FROM agent_month ORDER BY month DESC, score NULLS LAST, agent_id",
        (
            SheetColumn("month", Message("Month"), "date"),
            *_AGENT,
            SheetColumn("calls", Message("Calls"), "number"),
            SheetColumn("quality", Message("Quality"), "number"),
            SheetColumn("supervisor", Message("Supervisor"), "number"),
            SheetColumn("departments", Message("Departments"), "number"),
            SheetColumn("peers", Message("Peers"), "number"),
            SheetColumn("sustained_complaints", Message("Sustained complaints"), "number"),
            SheetColumn("score", Message("Score"), "number"),
        ),
        3,
    ),
    Sheet(
        Message("Watch list"),
        "SELECT *, array_to_string(scores, ' → ') AS course FROM watch_list ORDER BY month DESC, reason, agent_id",
        (
            SheetColumn("month", Message("Month"), "date"),
            *_AGENT,
            SheetColumn("reason", Message("Why listed"), "name"),
            SheetColumn("score", Message("Score"), "number"),
            SheetColumn("course", Message("Last months")),
        ),
        3,
    ),
    Sheet(
        Message("Complaints"),
        "FROM complaints ORDER BY started_at NULLS LAST, sha256",
        (
            *_CALL,
            *_AGENT,
            _AT,
            SheetColumn("words", Message("The customer's words"), "quote"),
            SheetColumn("clip", Message("Clip"), "clip"),
            SheetColumn("handled", Message("Handled"), "name"),
            SheetColumn("commitment", Message("Commitment"), "name"),
            SheetColumn("reason", Message("Reason")),
        ),
        2,
    ),
    Sheet(
        Message("Clips to share"),
        "SELECT *, {title} AS title FROM clips_to_share ORDER BY week DESC NULLS LAST, rule_id, kind",
        (
            SheetColumn("week", Message("Week"), "date"),
            INDICATOR,
            SheetColumn("kind", Message("Kind"), "name"),
            *_AGENT,
            *_CALL,
            SheetColumn("path", Message("Clip"), "clip"),
            SheetColumn("quote", Message("Words"), "quote"),
            SheetColumn("words", Message("In the clip")),
            SheetColumn("score", Message("Score"), "number"),
        ),
        3,
    ),
    Sheet(
        Message("Failed checks"),
        "SELECT *, {title} AS title FROM failed_checks ORDER BY started_at DESC NULLS LAST, sha256, rule_id",
        (
            *_CALL,
            *_AGENT,
            INDICATOR,
            SheetColumn("severity", Message("Severity"), "name"),
            SheetColumn("deducted", Message("Points"), "number"),
            _AT,
            SheetColumn("quote", Message("Words"), "quote"),
            SheetColumn("reason", Message("Reason")),
            SheetColumn("clip", Message("Clip"), "clip"),
        ),
        2,
    ),
    Sheet(
        Message("Pace and level"),
        "FROM agent_tone ORDER BY team NULLS LAST, agent_id",
        (
            *_AGENT,
            SheetColumn("calls", Message("Calls"), "number"),
            SheetColumn("rate", Message("Pace (/min)"), "number"),
            SheetColumn("rate_percentile", Message("In the team"), "percent"),
            SheetColumn("level_dbfs", Message("Level (dBFS)"), "number"),
            SheetColumn("level_percentile", Message("In the team"), "percent"),
            SheetColumn("rate_ratio", Message("Rate ratio"), "number"),
            SheetColumn("talk_share", Message("Talk share"), "percent"),
        ),
        2,
    ),
)
GROUPINGS = {
    "company": Message("Achievement by company"),
    "team": Message("Achievement by team"),
    "agent_id": Message("Achievement by agent"),
    "week": Message("Achievement by week"),
}
"""Sheets of achievement_groups, by what it is grouped by."""

CELL_LABELS = {
    **OUTCOME_LABELS,
    **SEVERITY_LABELS,
    "best": Message("best"),
    "worst": Message("worst"),
    "below": Message("below the mark"),
    "full-marks": Message("full marks"),
}
"""What values of a column of kind `name` are called."""
