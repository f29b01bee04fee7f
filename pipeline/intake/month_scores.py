"""Other people's monthly scores, a CSV that the centre supplies: supervisor, other departments, peers, complaints."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.errors import BadSetting, shown
from pipeline.messages import Message

SCORES = ("supervisor", "departments", "peers")
_COLUMNS = ("month", "agent_id", *SCORES, "sustained_complaints")


def read_month_scores(file: Path | None) -> list[dict[str, Any]]:
    """The rows of the CSV, a month and agent each; an empty cell is a score that was not given.

    `month` is 2026-11 or any day of it. Raises BadSetting, naming file, line and remedy.
    """
    if file is None:
        return []
    try:
        data = file.read_bytes()
    except OSError as error:
        message = Message(
            "{file}: cannot be read ({error}); see report.month_scores", file=shown(file), error=error.strerror
        )
        raise BadSetting(message) from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = data.decode(encoding).splitlines()
            break
        except UnicodeDecodeError:
            continue
    else:
        raise BadSetting(Message("{file}: neither UTF-8 nor GB 18030; save it as UTF-8", file=shown(file)))
    reader = csv.DictReader(lines)
    missing = [name for name in ("month", "agent_id") if name not in (reader.fieldnames or ())]
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
    for number, row in enumerate(reader, start=2):
        try:
            scores = _row(row)
            key = (scores["month"], scores["agent_id"])
            if key in rows:
                raise BadSetting(Message("{agent} has a row for {month} already; keep one", agent=key[1], month=key[0]))
        except BadSetting as error:
            place = f"{shown(file)}:{number}"
            raise BadSetting(Message("{place}: {fault}", place=place, fault=error.message)) from error
        rows[key] = scores
    return list(rows.values())


def _row(row: Mapping[str, str | None]) -> dict[str, Any]:
    cells = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    try:
        parts = [int(part) for part in cells["month"].replace("/", "-").split("-")]
        month = date(parts[0], parts[1], 1)
    except (ValueError, IndexError) as error:
        raise BadSetting(Message("{value!r} is not a month; write 2026-11", value=cells["month"])) from error
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
        raise BadSetting(Message("{column}: {value!r} is not a number", column=name, value=cell)) from error
    if not 0 <= value <= most:
        raise BadSetting(Message("{column}: {value} is not between 0 and {most:g}", column=name, value=cell, most=most))
    return value
