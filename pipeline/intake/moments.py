"""When the calls of a table began: which of its columns says so, and whether its dates have the day or the month first.

One cell cannot tell 05/11 from 11/05, but a whole file can: no month is a thirteenth. A time of day alone is joined to
the date beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pipeline.intake.cells import DATE, cell_text, parse_time
from pipeline.intake.vocabulary import is_vague_begin, may_be_length

DayOrder = Literal["day", "month"]

_YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?!\d)[,\s]*(.*)", re.DOTALL)
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s*[ap]\.?m\.?)?", re.IGNORECASE)


class Begins:
    """Finds the begin of each row's call among the `columns` that may say it, the plainest of them first."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        self.columns = columns
        self._order = _day_order(_text(row.get(column)) for row in rows for column in columns) if columns else None
        self.undecided = 0

    def cell(self, row: Mapping[str, Any]) -> Any:
        """The first cell that is a moment, its year first; else a date and a time of day as one, else the first cell
        of a column that says nothing but the begin. None where there is none, or where it is not known which of day and
        month stands first: `undecided` counts those.
        """
        found = [(column, row[column], text) for column in self.columns if (text := _text(row.get(column)))]
        day = clock = ""
        for column, cell, text in found:
            if _TIME_OF_DAY.fullmatch(text):
                clock = clock or ("" if may_be_length(column) else text)
                continue
            ordered = self._year_first(text)
            if ordered is None:
                self.undecided += 1
                return None
            if not _is_moment(ordered):
                continue
            if (date := DATE.fullmatch(ordered)) and date[4] is None:
                day = day or ordered
                continue
            if is_vague_begin(column) and self._is_later(ordered, row):
                continue
            return cell if ordered == text else ordered
        if day:
            return f"{day} {clock}" if clock else day
        return next((cell for column, cell, _ in found if not is_vague_begin(column)), None)

    def _year_first(self, text: str) -> str | None:
        """A date with its year last as one with its year first; None where day and month cannot be told apart."""
        if not (found := _YEAR_LAST.fullmatch(text)):
            return text
        first, mark, second, year, rest = found.groups()
        # nobody writes a month before a day with dots between
        order = "day" if mark == "." else self._order
        if order is None:
            return None
        day, month = (first, second) if order == "day" else (second, first)
        return f"{year}-{month}-{day} {rest}".rstrip()

    def _is_later(self, text: str, row: Mapping[str, Any]) -> bool:
        """Whether another cell of the row is an earlier moment: then this one is no begin, but that of the record."""
        own = parse_time(text)
        for column, cell in row.items():
            other = self._year_first(_text(cell)) if column not in self.columns else None
            if other and DATE.match(other) and _is_moment(other):
                moment = parse_time(other)
                if (moment.tzinfo is None) == (own.tzinfo is None) and moment < own:
                    return True
        return False


def _day_order(texts: Iterable[str]) -> DayOrder | None:
    orders: set[DayOrder] = set()
    for text in texts:
        if (found := _YEAR_LAST.fullmatch(text)) and found[2] != ".":
            if int(found[1]) > 12:
                orders.add("day")
            if int(found[3]) > 12:
                orders.add("month")
    return orders.pop() if len(orders) == 1 else None


def _is_moment(text: str) -> bool:
    try:
        parse_time(text)
    except (ValueError, OverflowError, OSError):
        return False
    return True


def _text(cell: Any) -> str:
    try:
        return cell_text(cell)
    except ValueError:
        return ""
