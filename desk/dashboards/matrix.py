"""平均实现率 as a table: what stands in its rows and columns, counted from agents' weeks by indicator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from desk.calls.call_filters import NOT_GIVEN
from desk.dashboards.frame import Frame
from desk.dashboards.rates import AchievementRate, NumberChange, rate_change
from desk.snapshot import Reader
from pipeline.messages import Message

MatrixSide = Literal["rule", "team", "agent", "week"]

MATRIX_ROWS: Mapping[MatrixSide, Message] = {
    "rule": Message("Indicators"),
    "team": Message("Teams"),
    "agent": Message("Agents"),
}
MATRIX_COLUMNS: Mapping[MatrixSide, Message] = {"week": Message("Week by week"), **MATRIX_ROWS}

SHOWN_ROWS, SHOWN_COLUMNS = 60, 60
"""Rows of a page, and columns of a table; of more columns those with most verdicts are shown."""

_KEYS: Mapping[MatrixSide, str] = {
    "rule": "rule_id",
    "team": "team",
    "agent": "agent",
    "week": "week",
}
_SUMS = "sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails"
_MEANT = "passes + fails > 0"

MatrixKey = str | date


@dataclass(frozen=True, slots=True)
class MatrixAsked:
    """What a table is asked for: its sides, one agent or one rule ("": all), how it is sorted, from which row on.

    `sort` is "name", "rate", "change", "decided", or a column's key.
    """

    rows: MatrixSide
    columns: MatrixSide
    agent: str = ""
    rule: str = ""
    sort: str = "rate"
    descending: bool = False
    start: int = 0


@dataclass(slots=True)
class MatrixRow:
    """A row: the whole time, the time before, the weeks of the trend, and its cells by the columns' keys."""

    key: str
    whole: AchievementRate = field(default_factory=AchievementRate)
    before: AchievementRate = field(default_factory=AchievementRate)
    weeks: dict[date, AchievementRate] = field(default_factory=dict)
    cells: dict[MatrixKey, AchievementRate] = field(default_factory=dict)

    @property
    def change(self) -> NumberChange | None:
        return rate_change(self.whole, self.before)


@dataclass(frozen=True, slots=True)
class AchievementMatrix:
    """A table. `total` is its last row, of all rows there are; `rows` are all of them, and have cells in `shown`."""

    asked: MatrixAsked
    columns: tuple[MatrixKey, ...]
    hidden_columns: int
    rows: tuple[MatrixRow, ...]
    shown: tuple[MatrixRow, ...]
    total: MatrixRow


def read_matrix(
    reader: Reader, frame: Frame, asked: MatrixAsked, names: Mapping[str, str], most: int = SHOWN_ROWS
) -> AchievementMatrix:
    """The table of a frame. `names` are those of the rows, for sorting; `most` rows have cells and weeks."""
    narrowed, values = _narrowed(frame, asked)
    total, rows = MatrixRow(""), _rows(reader, frame, asked, narrowed, values)
    for row in rows.values():
        total.whole, total.before = total.whole + row.whole, total.before + row.before
    total.weeks = _weeks(reader, frame, narrowed, values)
    found = [row for row in rows.values() if row.whole.decided]
    columns, hidden = _columns(reader, frame, asked, narrowed, values, total)
    if sorting := [column for column in columns if str(column) == asked.sort]:
        _cells(reader, asked, narrowed, values, sorting, rows)
    found.sort(key=lambda row: _place(row, asked, names), reverse=asked.descending)
    found.sort(key=lambda row: _is_unsorted(row, asked))
    shown = tuple(found[asked.start : asked.start + most])
    if shown:
        if len(shown) < len(found):
            narrowed = f"{narrowed} AND {_among(asked.rows, 'rows', [row.key for row in shown])}"
            values["rows"] = [row.key for row in shown]
        _weeks_of_rows(reader, frame, asked, narrowed, values, rows)
        if asked.columns != "week":
            _cells(reader, asked, narrowed, values, columns if hidden else (), rows)
    if asked.columns == "week":
        for row in (*shown, total):
            row.cells = {week: row.weeks[week] for week in columns if isinstance(week, date) and week in row.weeks}
    return AchievementMatrix(asked, columns, hidden, tuple(found), shown, total)


def _given(key: Any) -> Any:
    """What stands in a row or column for a value; for a missing one too."""
    return NOT_GIVEN if key is None else key


def _among(side: MatrixSide, name: str, keys: Sequence[MatrixKey]) -> str:
    """The condition that a side has one of the keys, which stand in the values under a name."""
    condition = f"{_KEYS[side]} IN (SELECT unnest(${name}))"
    return f"({condition} OR {_KEYS[side]} IS NULL)" if NOT_GIVEN in keys else condition


def _narrowed(frame: Frame, asked: MatrixAsked) -> tuple[str, dict[str, Any]]:
    condition, values = f"{frame.condition} AND {_MEANT}", dict(frame.values)
    if asked.agent:
        condition += f" AND {_among('agent', 'agents', [asked.agent])}"
        values["agents"] = [asked.agent]
    if asked.rule:
        condition += " AND rule_id = $rule"
        values["rule"] = asked.rule
    return condition, values


def _rows(
    reader: Reader, frame: Frame, asked: MatrixAsked, narrowed: str, values: Mapping[str, Any]
) -> dict[str, MatrixRow]:
    """The rows, the whole of each and the time before."""
    if frame.first is None:
        return {}
    found = reader.rows(
        f"SELECT {_KEYS[asked.rows]} AS key, week >= $asked AS now, {_SUMS} FROM totals.agent_rules "
        f"WHERE {narrowed} GROUP BY key, now",
        {**values, "first": frame.before.first, "asked": frame.first},
    )
    for each in found:
        each["key"] = _given(each["key"])
    rows: dict[str, MatrixRow] = {each["key"]: MatrixRow(each["key"]) for each in found}
    for each in found:
        rate = AchievementRate(each["passes"], each["fails"])
        if each["now"]:
            rows[each["key"]].whole = rate
        else:
            rows[each["key"]].before = rate
    return rows


def _weeks(reader: Reader, frame: Frame, narrowed: str, values: Mapping[str, Any]) -> dict[date, AchievementRate]:
    """All rows together in the weeks of the trend."""
    found = reader.rows(
        f"SELECT week, {_SUMS} FROM totals.agent_rules WHERE {narrowed} GROUP BY week",
        {**values, "first": frame.trend.first},
    )
    return {each["week"]: AchievementRate(each["passes"], each["fails"]) for each in found}


def _weeks_of_rows(
    reader: Reader, frame: Frame, asked: MatrixAsked, narrowed: str, values: Mapping[str, Any],
    rows: Mapping[str, MatrixRow],
) -> None:  # fmt: skip
    """Give rows their weeks of the trend."""
    found = reader.rows(
        f"SELECT {_KEYS[asked.rows]} AS key, week, {_SUMS} FROM totals.agent_rules WHERE {narrowed} GROUP BY key, week",
        {**values, "first": frame.trend.first},
    )
    for each in found:
        if row := rows.get(_given(each["key"])):  # others were there earlier alone
            row.weeks[each["week"]] = AchievementRate(each["passes"], each["fails"])


def _columns(
    reader: Reader, frame: Frame, asked: MatrixAsked, narrowed: str, values: Mapping[str, Any], total: MatrixRow
) -> tuple[tuple[MatrixKey, ...], int]:
    """The columns, and how many there are besides; gives the total its cells."""
    if asked.columns == "week":
        return tuple(frame.mondays()), 0
    found = reader.rows(
        f"SELECT {_KEYS[asked.columns]} AS key, {_SUMS} FROM totals.agent_rules WHERE {narrowed} GROUP BY key",
        dict(values),
    )
    for each in found:
        each["key"] = _given(each["key"])
    found.sort(key=lambda each: (-each["passes"] - each["fails"], each["key"]))
    for each in found[:SHOWN_COLUMNS]:
        total.cells[each["key"]] = AchievementRate(each["passes"], each["fails"])
    return tuple(sorted(map(str, total.cells))), max(0, len(found) - SHOWN_COLUMNS)


def _cells(
    reader: Reader, asked: MatrixAsked, narrowed: str, values: Mapping[str, Any], columns: Sequence[MatrixKey],
    rows: Mapping[str, MatrixRow],
) -> None:  # fmt: skip
    """Give rows their cells, of some columns or (none named) of all."""
    column = _KEYS[asked.columns]
    if columns:
        narrowed = f"{narrowed} AND {_among(asked.columns, 'columns', columns)}"
        values = {**values, "columns": list(columns)}
    found = reader.rows(
        f"SELECT {_KEYS[asked.rows]} AS row_key, {column} AS column_key, {_SUMS} FROM totals.agent_rules "
        f"WHERE {narrowed} GROUP BY row_key, column_key",
        dict(values),
    )
    for each in found:
        rows[_given(each["row_key"])].cells[_given(each["column_key"])] = AchievementRate(each["passes"], each["fails"])


def _sorted_cell(row: MatrixRow, asked: MatrixAsked) -> AchievementRate | None:
    return next((rate for key, rate in row.cells.items() if str(key) == asked.sort), None)


def _place(row: MatrixRow, asked: MatrixAsked, names: Mapping[str, str]) -> tuple[float, str]:
    name = names.get(row.key, row.key)
    match asked.sort:
        case "name":
            return 0, name
        case "decided":
            return row.whole.decided, name
        case "change":
            return (row.change.by if row.change else 0), name
        case "rate":
            return row.whole.share or 0, name
    cell = _sorted_cell(row, asked)
    return (cell.share or 0 if cell else 0), name


def _is_unsorted(row: MatrixRow, asked: MatrixAsked) -> int:
    """Rows that say little of what is sorted by stand last, whichever way it is sorted."""
    match asked.sort:
        case "name" | "decided":
            return 0
        case "change":
            return row.change is None
        case "rate":
            return row.whole.is_few
    cell = _sorted_cell(row, asked)
    return 2 if cell is None else cell.is_few
