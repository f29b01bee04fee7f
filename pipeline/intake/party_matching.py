"""Recordings whose names say who spoke and when, for calls that name no recording and have no id in its name.

FreeSWITCH's record_session is called `NUMBER.2026-11-20-09-31-00`, 3CX's recordings `[Name]_FROM-TO_20261120093100`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.intake.cdr import moment_of, time_zone
from pipeline.intake.joining import JoinedCall
from pipeline.intake.matching import Matches, match_calls
from pipeline.intake.names import FileNames
from pipeline.intake.reader import Leg
from pipeline.messages import Message
from pipeline.numbers import SHORTEST_NUMBER, subscriber_digits
from pipeline.settings import Ingest

EARLIEST_S, LATEST_S = -5.0, 3600.0
"""From a call's begin to that of its recording: clocks are read in whole seconds, and queues are long."""

_LATEST_APART_S = 600.0
_FEWEST_APART = 3
"""Where clocks seem to be hours apart, chance would find a call for many a recording: it must be near, and the same
for some, and for most."""

_HOURS = tuple(sign * hours for hours in range(1, 15) for sign in (1, -1))


@dataclass(frozen=True, slots=True)
class _Dated:
    """When something began, in seconds since 1970, and the digits of its parties' numbers and extensions."""

    begin_s: float
    parties: frozenset[str]


_Calls = Mapping[str, list[tuple[_Dated, int]]]


def match_parties(matches: Matches, named: Mapping[str, Leg | None], zone: ZoneInfo, warnings: list[Message]) -> None:
    """Add the recordings that one call alone can be: whom the name tells took part in it, and of all their calls it
    is the last that began before. `named` has what each recording's name says, by SHA-256; an id in it goes before.

    Names in local time and records in UTC are a whole number of hours apart, all of them the same. Where it is as many
    as the zone is from UTC, the records' times are put right, and a single recording is enough.
    """
    recordings = {
        sha256: dated
        for sha256, leg in named.items()
        if leg and not leg.ids and sha256 not in matches.legs and (dated := _dated([leg], zone)) and dated.parties
    }
    calls = _by_party(matches.unmatched, frozenset().union(*(each.parties for each in recordings.values())), zone)
    found, apart_h, is_utc = _fitting(recordings, calls, 0), 0, False
    if not found and recordings:
        own_h = _from_utc_h(recordings.values(), zone)
        by_hours = {hours: _fitting(recordings, calls, hours) for hours in _HOURS}
        apart_h = max(by_hours, key=lambda hours: (len(by_hours[hours]), hours == own_h))
        is_utc = apart_h == own_h
        found = by_hours[apart_h]
        if len(found) < max(1 if is_utc else _FEWEST_APART, len(recordings) / 2):
            return
    if apart_h:
        warnings.append(_told_apart(apart_h, is_utc))
    of_call: dict[int, list[str]] = defaultdict(list)
    for sha256, number in found.items():
        by_name = named[sha256]
        legs = tuple(_of_line(leg, by_name.extension if by_name else "") for leg in matches.unmatched[number].legs)
        matches.legs[sha256] = tuple(_later(leg, apart_h) for leg in legs) if is_utc else legs
        of_call[number].append(sha256)
    matches.matched += ((matches.unmatched[number], own) for number, own in of_call.items())
    matches.unmatched = [call for number, call in enumerate(matches.unmatched) if number not in of_call]


def match_recordings(
    calls: Iterable[JoinedCall],
    paths_of: Mapping[str, list[Path]],
    inbox: Path,
    settings: Ingest,
    names: FileNames,
    warnings: list[Message],
) -> tuple[Matches, dict[str, Leg | None]]:
    """Which legs tell of which recording, by names and ids, then by what names tell; and what each name tells."""
    matches = match_calls(calls, paths_of, inbox, settings.extensions, warnings)
    named = {sha256: names.leg(paths) for sha256, paths in paths_of.items()}
    match_parties(matches, named, time_zone(settings.timezone), warnings)
    return matches, named


def _from_utc_h(recordings: Iterable[_Dated], zone: ZoneInfo) -> float:
    """How many hours the zone is before UTC, when the first recording began."""
    begin_s = min(each.begin_s for each in recordings)
    offset = datetime.fromtimestamp(begin_s, zone).utcoffset()
    return offset.total_seconds() / 3600 if offset else 0.0


def _told_apart(apart_h: int, is_utc: bool) -> Message:
    if is_utc:
        return Message("call records are in UTC, recordings' names in the zone of ingest.timezone; put right")
    return Message("recordings' names and call records are {hours:+d} h apart; see ingest.timezone", hours=apart_h)


def _of_line(leg: Leg, line: str) -> Leg:
    """What a leg tells of the recording of one line: nothing of whoever spoke, or hung up, on another one."""
    if not line or leg.extension in ("", line):
        return leg
    cells = {name: cell for name, cell in leg.cells.items() if name not in ("agent_id", "agent_name", "team")}
    return replace(leg, extension="", released=None, cells=cells)


def _later(leg: Leg, hours: int) -> Leg:
    return leg if leg.epoch_s is None else replace(leg, epoch_s=leg.epoch_s + hours * 3600)


def _by_party(
    calls: Sequence[JoinedCall], wanted: frozenset[str], zone: ZoneInfo
) -> dict[str, list[tuple[_Dated, int]]]:
    """The calls of each wanted party, with their numbers in the list."""
    found: dict[str, list[tuple[_Dated, int]]] = defaultdict(list)
    for number, call in enumerate(calls if wanted else ()):
        if (parties := _parties(call.legs) & wanted) and (dated := _dated(call.legs, zone)):
            for party in parties:
                found[party].append((dated, number))
    return found


def _fitting(recordings: Mapping[str, _Dated], calls: _Calls, apart_h: int) -> dict[str, int]:
    """The number of the one call of each recording that has one, when names are so many hours before records."""
    latest_s = _LATEST_APART_S if apart_h else LATEST_S
    found = {sha256: _only_call(each, calls, apart_h * 3600, latest_s) for sha256, each in recordings.items()}
    return {sha256: number for sha256, number in found.items() if number is not None}


def _only_call(recording: _Dated, calls: _Calls, apart_s: float, latest_s: float) -> int | None:
    """The last call of these parties before the recording; None without one, or where two began at once."""
    of_one = min((calls.get(party, []) for party in recording.parties), key=len)
    delays = sorted(
        (recording.begin_s - apart_s - call.begin_s, number)
        for call, number in of_one
        if recording.parties <= call.parties
    )
    fitting = [each for each in delays if EARLIEST_S <= each[0] <= latest_s]
    is_one = len(fitting) == 1 or (len(fitting) > 1 and fitting[0][0] < fitting[1][0])
    return fitting[0][1] if is_one else None


def _dated(legs: Iterable[Leg], zone: ZoneInfo) -> _Dated | None:
    legs = list(legs)
    begin_s = next(filter(None, (_begin_s(leg, zone) for leg in legs)), None)
    return None if begin_s is None else _Dated(begin_s, _parties(legs))


def _begin_s(leg: Leg, zone: ZoneInfo) -> float | None:
    if leg.epoch_s is not None:
        return leg.epoch_s
    try:
        return moment_of(str(leg.cells.get("started_at") or ""), zone).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _parties(legs: Iterable[Leg]) -> frozenset[str]:
    return frozenset(key for leg in legs for key in _keys(leg))


def _keys(leg: Leg) -> Iterator[str]:
    """Numbers by the digits that tell a subscriber, and extensions as they are."""
    for text in (leg.caller, leg.callee, leg.customer, leg.extension):
        digits = subscriber_digits(text)
        if len(digits) >= SHORTEST_NUMBER:
            yield digits
        elif text.isdecimal():
            yield text
