"""When legs began: an epoch counts before a clock's text, and a clock that is off by whole half hours is put right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.datatypes import CALL_YEARS
from pipeline.intake.cells import cell_text, parse_time
from pipeline.intake.reader import Leg

_HALF_HOUR_S = 1800
_SAME_S = 120
"""A leg's epoch and the time of its text may be so far apart: one is the channel's, one the dialplan's."""

_SHARE = 0.9
"""The share of a file's legs that must agree on how far its clock is off."""


@dataclass(frozen=True, slots=True)
class ClockFaults:
    """How far the clock of a file is off its own epochs, in half hours, and how many of its times exist twice or never,
    for the clocks went back or forward, and could not be told by their neighbours."""

    off_half_hours: int = 0
    twice: int = 0
    never: int = 0


def with_epochs(legs: list[Leg], zone: ZoneInfo) -> tuple[list[Leg], ClockFaults]:
    """A file's legs, each with the epoch of its begin where a text says it, and what was wrong with its clock.

    The list is the one given: two of a hundred thousand legs would be much.
    """
    moments = [_moment(leg) for leg in legs]
    offsets: Counter[int] = Counter()
    for leg, moment in zip(legs, moments, strict=True):
        if leg.epoch_s is not None and moment is not None and moment.tzinfo is None:
            apart_s = moment.replace(tzinfo=zone).timestamp() - leg.epoch_s
            half_hours = round(apart_s / _HALF_HOUR_S)
            is_clock = abs(apart_s - half_hours * _HALF_HOUR_S) <= _SAME_S and abs(half_hours) <= 2 * 26
            offsets[half_hours if is_clock else 0] += 1
    off, count = offsets.most_common(1)[0] if offsets else (0, 0)
    if count < _SHARE * offsets.total():
        off = 0
    last_s: float | None = None
    twice = never = 0
    for number, (leg, moment) in enumerate(zip(legs, moments, strict=True)):
        own = leg
        if leg.epoch_s is None and moment is not None:
            epoch_s, is_twice, is_never = _epoch(moment, zone, last_s)
            own = replace(leg, epoch_s=epoch_s - (off * _HALF_HOUR_S if moment.tzinfo is None else 0))
            twice, never = twice + is_twice, never + is_never
        last_s = own.epoch_s if own.epoch_s is not None else last_s
        legs[number] = own
    return legs, ClockFaults(off, twice, never)


def _moment(leg: Leg) -> datetime | None:
    """When the text says that the leg began; None of one that says nothing that makes sense, which is told later."""
    try:
        text = cell_text(leg.cells.get("started_at"))
        moment = parse_time(text) if text else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment and moment.year in CALL_YEARS else None


def _epoch(moment: datetime, zone: ZoneInfo, last_s: float | None) -> tuple[float, bool, bool]:
    """Seconds since 1970; whether the time exists twice, and its neighbour does not tell which it is; or never."""
    if moment.tzinfo is not None:
        return moment.timestamp(), False, False
    first = moment.replace(tzinfo=zone)
    second = first.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.timestamp(), False, False
    first_s, second_s = first.timestamp(), second.timestamp()
    if datetime.fromtimestamp(first_s, zone).replace(tzinfo=None) != moment:
        return first_s, False, True
    # rows stand in the order of time
    if last_s is not None and first_s < last_s - _SAME_S:
        return second_s, False, False
    return first_s, last_s is None or last_s < first_s - _HALF_HOUR_S, False
