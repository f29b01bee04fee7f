"""A small chart of an answer: one column of names or days, and one to three of numbers, each with its own scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Literal

from desk.sql.answers import QueryAnswer
from pipeline.results.sql import is_numeric

MOST_BARS, MOST_POINTS = 40, 400

LINE_WIDTH, LINE_HEIGHT = 400, 170
"""Of the area in which a line is drawn."""

BARS_FROM, LONGEST_BAR = 130, 210
"""Where bars begin, and the width of the longest."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class ChartMark:
    """A bar, or a point of a line: what it is of, its value; where it begins, how long or high it is."""

    label: str
    value: float
    x: float
    y: float
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class ChartPanel:
    """One column's chart of so many `rows`; `lines` are the points of each stretch without a gap."""

    name: str
    marks: tuple[ChartMark, ...]
    lines: tuple[str, ...] = ()
    lowest: float = 0.0
    highest: float = 0.0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """Charts side by side of one answer."""

    kind: Literal["bars", "line"]
    label: str
    panels: tuple[ChartPanel, ...]


def chart_of(answer: QueryAnswer) -> Chart | None:
    """The chart of an answer, or None where its columns are no names and numbers, or too many rows."""
    numbers = [place for place, kind in enumerate(answer.types) if is_numeric(kind)]
    names = [place for place, kind in enumerate(answer.types) if kind.startswith(("VARCHAR", "DATE", "TIMESTAMP"))]
    if answer.more or answer.hidden or len(names) != 1 or not 1 <= len(numbers) <= 3:
        return None
    if len(names) + len(numbers) != len(answer.types) or answer.types[names[0]].endswith("]"):
        return None
    rows = [row for row in answer.rows if row[names[0]] is not None]
    labels = [str(row[names[0]]) for row in rows]
    days = _days(labels)
    columns = [[_number(row[place]) for row in rows] for place in numbers]
    if days and 3 <= len(rows) <= MOST_POINTS and len(set(days)) == len(days):
        drawn = [_line(answer.columns[place], days, values) for place, values in zip(numbers, columns, strict=True)]
        return _chart("line", answer.columns[names[0]], drawn)
    if 2 <= len(rows) <= MOST_BARS:
        drawn = [_bars(answer.columns[place], labels, values) for place, values in zip(numbers, columns, strict=True)]
        return _chart("bars", answer.columns[names[0]], drawn)
    return None


def _chart(kind: Literal["bars", "line"], label: str, panels: Sequence[ChartPanel]) -> Chart | None:
    return Chart(kind, label, tuple(panels)) if all(panel.marks for panel in panels) else None


def _number(value: Any) -> float | None:
    """A value as a number; what is none ("inf" came as a text) is a gap."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _days(labels: Sequence[str]) -> list[float] | None:
    """Days since the year 1, and parts of one, if all are days or times."""
    days = []
    for label in labels:
        if not _DAY.match(label):
            return None
        try:
            day = date.fromisoformat(label[:10]).toordinal()
            clock = time.fromisoformat(label[11:19]) if len(label) >= 19 else time()
        except ValueError:
            return None
        days.append(day + (clock.hour + clock.minute / 60 + clock.second / 3600) / 24)
    return days


def _bars(name: str, labels: Sequence[str], values: Sequence[float | None]) -> ChartPanel:
    known = [value for value in values if value is not None]
    lowest, highest = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    scale = LONGEST_BAR / ((highest - lowest) or 1)
    marks = tuple(
        ChartMark(label, value, BARS_FROM + (min(value, 0.0) - lowest) * scale, 22.0 * n, abs(value) * scale)
        for n, (label, value) in enumerate(zip(labels, values, strict=True))
        if value is not None
    )
    return ChartPanel(name, marks, lowest=lowest, highest=highest, rows=len(labels))


def _line(name: str, days: Sequence[float], values: Sequence[float | None]) -> ChartPanel:
    known = [value for value in values if value is not None]
    if not known:
        return ChartPanel(name, ())
    lowest, highest = min(known), max(known)
    across, up = LINE_WIDTH / ((max(days) - min(days)) or 1), LINE_HEIGHT / ((highest - lowest) or 1)
    stretches: list[list[ChartMark]] = [[]]
    for day, value in sorted(zip(days, values, strict=True), key=lambda pair: pair[0]):
        if value is None:
            stretches.append([])
        else:
            y = LINE_HEIGHT / 2 if highest == lowest else (highest - value) * up
            label = date.fromordinal(int(day)).isoformat()
            stretches[-1].append(ChartMark(label, value, (day - min(days)) * across, y))
    lines = tuple(" ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in stretch) for stretch in stretches if stretch)
    return ChartPanel(name, tuple(mark for stretch in stretches for mark in stretch), lines, lowest, highest)
