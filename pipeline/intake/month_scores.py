"""Other people's monthly scores, a CSV that the centre supplies: supervisor, other departments, peers, complaints."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.errors import BadSetting

SCORES = ("supervisor", "departments", "peers")
_COLUMNS = ("month", "agent_id", *SCORES, "sustained_complaints")


def read_month_scores(file: Path | None) -> list[dict[str, Any]]:
    """The rows of the CSV, a month and agent each; an empty cell is a score that was not given.

    `month` is 2026-11 or any day of it. Raises BadSetting, naming file, line and remedy.
    """
    if file is None:
        return []
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BadSetting(f"{file}: cannot be read ({error.strerror}); see report.month_scores") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = text.decode(encoding).splitlines()
            break
        except UnicodeDecodeError:
            continue
    else:
        raise BadSetting(f"{file}: neither UTF-8 nor GB 18030; save it as UTF-8")
    reader = csv.DictReader(lines)
    missing = [name for name in ("month", "agent_id") if name not in (reader.fieldnames or ())]
    if missing:
        raise BadSetting(f"{file}: no column {', '.join(missing)}; the columns are {', '.join(_COLUMNS)}")
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for number, row in enumerate(reader, start=2):
        try:
            read = _row(row)
        except ValueError as error:
            raise BadSetting(f"{file}:{number}: {error}") from error
        key = (read["month"], read["agent_id"])
        if key in rows:
            raise BadSetting(f"{file}:{number}: {key[1]} has a row for {key[0]} already; keep one")
        rows[key] = read
    return list(rows.values())


def _row(row: Mapping[str, str | None]) -> dict[str, Any]:
    cells = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    try:
        parts = [int(part) for part in cells["month"].replace("/", "-").split("-")]
        month = date(parts[0], parts[1], 1)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{cells['month']!r} is no month; write 2026-11") from error
    if not cells["agent_id"]:
        raise ValueError("agent_id is empty")
    read: dict[str, Any] = {"month": month.isoformat(), "agent_id": cells["agent_id"]}
    for name in SCORES:
        read[name] = _number(name, cells[name], 100)
    complaints = _number("sustained_complaints", cells["sustained_complaints"], 1000)
    return read | {"sustained_complaints": int(complaints or 0)}


def _number(name: str, cell: str, most: float) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError as error:
        raise ValueError(f"{name}: {cell!r} is no number") from error
    if not 0 <= value <= most:
        raise ValueError(f"{name}: {cell} is not between 0 and {most:g}")
    return value
