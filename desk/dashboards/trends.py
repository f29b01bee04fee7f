"""Lines over weeks and a distribution as drawings: where everything lies, in the units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

TREND_WIDTH, TREND_HEIGHT = 420, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 10, 22


@dataclass(frozen=True, slots=True)
class WeekPoint:
    """A point of a line; `name` stands below it, "" where there is no room; `says` is its number in words."""

    x: float
    y: float
    name: str
    says: str


@dataclass(frozen=True, slots=True)
class TrendChart:
    """A line in pieces, broken where there is nothing; `marks` of its axis are (height, text).

    `target` is the height of the target, `since` where the weeks asked for begin.
    """

    pieces: tuple[tuple[WeekPoint, ...], ...]
    marks: tuple[tuple[float, str], ...]
    names: tuple[tuple[float, str], ...]
    target: float | None = None
    since: float | None = None


def trend_chart(
    values: Sequence[tuple[str, float | None, str]], unit: float, text: str, target: float | None = None,
    asked: int | None = None, from_nothing: bool = False,
) -> TrendChart:  # fmt: skip
    """A chart of values, each with its name and what it says. The axis goes up to 10 units, and down to the first whole
    unit below all, or to nothing; `text` formats its marks. `asked`: so many of the last values were asked for."""
    there = [value for _, value, _ in values if value is not None]
    least = min([*there, *([target] if target is not None else [])], default=0.0)
    low = max(0, floor(least / unit - 0.3))
    low = 0 if from_nothing else min(low, 8)

    def y_of(value: float) -> float:
        share = (value / unit - low) / (10 - low)
        return round(_TOP + (1 - share) * (TREND_HEIGHT - _TOP - _BOTTOM), 1)

    step = (TREND_WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    every = max(1, -(-len(values) // 7))
    pieces: list[list[WeekPoint]] = [[]]
    names = []
    for place, (name, value, says) in enumerate(values):
        x = round(_LEFT + step * (place + 0.5), 1)
        named = name if (len(values) - 1 - place) % every == 0 else ""
        if named:
            names.append((x, named))
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(WeekPoint(x, y_of(value), named, says))
    between = 1 if 10 - low <= 4 else 2
    marks = tuple((y_of(unit * at), text.format(unit * at)) for at in range(low, 11) if (10 - at) % between == 0)
    since = round(_LEFT + step * (len(values) - asked), 1) if asked is not None and asked < len(values) else None
    return TrendChart(
        tuple(tuple(piece) for piece in pieces if piece), marks, tuple(names),
        y_of(target) if target is not None else None, since,
    )  # fmt: skip


SPREAD_WIDTH, SPREAD_HEIGHT = 720, 190


@dataclass(frozen=True, slots=True)
class SpreadBar:
    """A band of a distribution: its bar, and the height of the time before's; None: there was nothing before."""

    x: float
    width: float
    y: float
    height: float
    before: float | None
    name: str
    says: str


def spread_bars(bands: Sequence[tuple[str, float, float | None, str]]) -> tuple[SpreadBar, ...]:
    """Bars of a distribution: of each band its name, its share now and before, and what it says."""
    most = max((max(now, before or 0.0) for _, now, before, _ in bands), default=0.0) or 1.0
    floor_y, room = SPREAD_HEIGHT - _BOTTOM, SPREAD_HEIGHT - _TOP - _BOTTOM
    step = (SPREAD_WIDTH - 2 * _RIGHT) / max(1, len(bands))
    return tuple(
        SpreadBar(
            round(_RIGHT + step * (place + 0.1), 1), round(step * 0.8, 1), round(floor_y - room * now / most, 1),
            round(room * now / most, 1), None if before is None else round(floor_y - room * before / most, 1),
            name if place % 2 == 0 else "", says,
        )
        for place, (name, now, before, says) in enumerate(bands)
    )  # fmt: skip
