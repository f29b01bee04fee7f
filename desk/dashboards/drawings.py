"""Small charts of dashboards: where their points lie, in the units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SPARK_WIDTH, SPARK_HEIGHT = 120, 26
BARS_WIDTH, BARS_HEIGHT = 720, 170
_LEFT, _TOP, _BOTTOM = 44, 10, 24


def spark_points(shares: Sequence[float | None], most: float) -> list[tuple[float, float]]:
    """The places of a line's points, of which some may be missing; `most` is what its top stands for."""
    step = (SPARK_WIDTH - 6) / max(1, len(shares) - 1)
    return [
        (round(3 + step * number, 1), round(3 + (1 - share / most if most else 1) * (SPARK_HEIGHT - 6), 1))
        for number, share in enumerate(shares)
        if share is not None
    ]


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A bar of one or more pieces, each (its class, its top, its height); `x` and `width` are where it stands.

    `name` stands below it, "" where there is no room for it; `says` is what it shows, in words.
    """

    x: float
    width: float
    pieces: tuple[tuple[str, float, float], ...]
    name: str
    says: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars over an axis, whose marks are (height, text)."""

    bars: tuple[ChartBar, ...]
    marks: tuple[tuple[float, str], ...]


def bar_chart(columns: Sequence[tuple[str, Sequence[tuple[str, float]], str]]) -> BarChart:
    """A chart of columns: the name of each, its pieces from below (a class, a number), and what it says."""
    most = _round_number(max((sum(number for _, number in pieces) for _, pieces, _ in columns), default=0))
    room, floor = BARS_HEIGHT - _TOP - _BOTTOM, BARS_HEIGHT - _BOTTOM
    step = (BARS_WIDTH - _LEFT - 6) / max(1, len(columns))
    every = max(1, -(-len(columns) // 9))
    bars = []
    for place, (name, pieces, says) in enumerate(columns):
        made, y = [], float(floor)
        for kind, number in pieces:
            height = room * number / most
            y -= height
            made.append((kind, round(y, 1), round(height, 1)))
        named = name if (len(columns) - 1 - place) % every == 0 else ""
        width = min(step * 0.7, 46)
        bars.append(
            ChartBar(round(_LEFT + step * (place + 0.5) - width / 2, 1), round(width, 1), tuple(made), named, says)
        )
    marks = tuple((floor - room * share, f"{most * share:g}") for share in (0, 0.5, 1))
    return BarChart(tuple(bars), marks)


def _round_number(most: float) -> float:
    """The least of 2, 4, 10, 20, 40, 100 … that is not below a number."""
    top = 2.0
    while top < most:
        top *= 2.5 if str(top).startswith("4") else 2
    return top
