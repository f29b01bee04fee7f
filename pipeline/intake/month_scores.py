"""Other people's monthly scores, a CSV that the centre supplies: supervisor, other departments, peers, complaints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.datatypes import CALL_YEARS, clean_cell
from pipeline.errors import BadMetadata, BadSetting, shown
from pipeline.intake.rows import read_rows
from pipeline.messages import Message

SCORES = ("supervisor", "departments", "peers")
_COLUMNS = ("month", "agent_id", *SCORES, "sustained_complaints")


def read_month_scores(file: Path | None) -> list[dict[str, Any]]:
    """The rows of the CSV, a month and agent each; an empty cell is a score that was not given.

    `month` is 2026-11 or any day of it. Raises BadSetting, naming file, line and remedy, without what a cell says.
    """
    if file is None:
        return []
    warnings: list[Message] = []
    try:
        table = read_rows(file, warnings, suffix=".csv", follow_links=True)
    except BadMetadata as error:
        raise BadSetting(Message("{fault} (report.month_scores)", fault=error.message)) from error
    if warnings:
        raise BadSetting(Message("{fault} (report.month_scores)", fault=warnings[0]))
    missing = [name for name in ("month", "agent_id") if name not in table.columns]
    if missing:
        raise BadSetting(
            Message(
                "{file}: no column {names}; the columns are {known}",
                file=shown(file),
                names=", ".join(missing),
                known=", ".join(_COLUMNS),
            )
        )
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for place, row in table.rows:
        try:
            scores = _row(row)
            key = (scores["month"], scores["agent_id"])
            if key in rows:
                raise BadSetting(Message("this agent has a row for this month already; keep one"))
        except BadSetting as error:
            where = Message("{file} {place}", file=shown(file), place=place)
            raise BadSetting(Message("{place}: {fault}", place=where, fault=error.message)) from error
        rows[key] = scores
    return list(rows.values())


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    cells = {name: clean_cell(row.get(name) or "").strip() for name in _COLUMNS}
    try:
        parts = [int(part) for part in cells["month"].replace("/", "-").split("-")]
        month = date(parts[0], parts[1], 1)
        if month.year not in CALL_YEARS:
            raise ValueError(month.year)
    except (ValueError, IndexError, OverflowError) as error:
        raise BadSetting(Message("the month is not written like 2026-11")) from error
    if not cells["agent_id"]:
        raise BadSetting(Message("agent_id is empty"))
    scores: dict[str, Any] = {"month": month.isoformat(), "agent_id": cells["agent_id"]}
    for name in SCORES:
        scores[name] = _number(name, cells[name], 100)
    complaints = _number("sustained_complaints", cells["sustained_complaints"], 1000)
    return scores | {"sustained_complaints": int(complaints or 0)}


def _number(name: str, cell: str, most: float) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError as error:
        raise BadSetting(Message("{column} is not a number", column=name)) from error
    if not 0 <= value <= most:
        raise BadSetting(Message("{column} is not between 0 and {most:g}", column=name, most=most))
    return value
