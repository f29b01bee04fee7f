"""From the legs of a call to its CDR: what every reader's rows end as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.datatypes import CALL_YEARS, CDR, LONGEST_CELL
from pipeline.errors import BadSetting, shown_text
from pipeline.intake.agents import Agents
from pipeline.intake.callers import CallerHash
from pipeline.intake.cells import (
    cell_text,
    channel_map_text,
    parse_channel_map,
    parse_count,
    parse_duration_s,
    parse_time,
    plain_number,
)
from pipeline.intake.fields import check_fields, leg_of_fields
from pipeline.intake.reader import Direction, Leg, ReleaseRecord
from pipeline.intake.rows import BROKEN_TEXT
from pipeline.intake.sides import released_by
from pipeline.intake.vocabulary import DIRECTIONS, FIELD_VALUES
from pipeline.messages import Message
from pipeline.numbers import SHORTEST_NUMBER, KnownNumbers, is_called, mask_numbers
from pipeline.settings import Ingest
from pipeline.storage.home import Home

_NUMBERS = ("call_id", "agent_id", "extension", "queue", "customer_number", "caller_number", "callee_number")
"""Fields whose cells a spreadsheet takes for quantities."""

_PLAIN = ("direction", "caller_hash", "release_party", "release_method", "language")
"""Fields whose texts are callqa's own."""

_ID_COLUMN = re.compile(r"(?:^|[_ -])id$|uuid|uniqueid|linkedid|epoch|编号|流水|单号|(?<=[a-z])I[Dd]$", re.IGNORECASE)
_NUMBER_COLUMN = re.compile(
    r"phone|telephone|mobile|callback|caller|callee|(?:^|_)(?:tel|ani|did|dnis)(?:$|_)|号码|电话|手机|主叫|被叫|回电",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\+?\d(?:[\s().-]?\d){4,}")

_BY_LEGS = ("direction", "release_party", "channel_map")
"""Fields that need the whole call: they are read after the others."""

MOST_TOLD = 10
"""Faults of one kind in one field that are told one by one."""


class CdrBuilder:
    """Translates values as the settings say, tells customer from agent by the direction, knows agents by the
    house's list, and hashes callers' numbers.

    `without_direction` counts the calls so far in which that would have told something and is not known. Raises
    BadSetting for a time zone that does not exist, or a field in `ingest.values` that does not.
    """

    def __init__(self, settings: Ingest, home: Home, agents: Agents | None = None) -> None:
        self._agents = agents or Agents()
        self._translations = settings.values
        self._direction = settings.direction
        self._callers = CallerHash(home)
        self.zone = time_zone(settings.timezone)
        self.without_direction = 0
        self._told: Counter[tuple[str, str]] = Counter()
        check_fields(settings.values, "ingest.values")
        self._parsers: dict[str, Callable[[str], Any]] = {
            "started_at": partial(moment_of, zone=self.zone),
            "ring_count": parse_count,
            "wait_s": parse_duration_s,
            **{name: partial(_choice, name) for name in FIELD_VALUES},
        }

    @property
    def key_id(self) -> str:
        """The id of the key by which callers' numbers are hashed."""
        return self._callers.key_id

    def build(self, named: Mapping[str, Any], extra: Mapping[str, Any], place: str, warnings: list[Message]) -> CDR:
        """The CDR of cells by field, and of further columns by name."""
        leg = leg_of_fields(Message("{place}", place=place), {name: [cell] for name, cell in named.items()}, extra)
        return self.build_call([leg], warnings)

    def build_call(self, legs: Sequence[Leg], warnings: list[Message]) -> CDR:
        """The CDR of a call's legs: of each field the first that says something. What makes no sense is left out.

        The warning of it names the leg's place and the field or column, and does not quote the cell.
        """
        values: dict[str, Any] = {}
        extra: dict[str, str] = {}
        # a recording's own leg stands first, and begins when the recording does
        if begun_s := [leg.epoch_s for leg in legs if leg.epoch_s is not None]:
            values["started_at"] = datetime.fromtimestamp(min(begun_s), self.zone)
        for leg in legs:
            for name, cell in leg.cells.items():
                if name not in values and name not in _BY_LEGS:
                    self._add(values, name, cell, leg.place, warnings)
        values.setdefault("call_id", self._first(legs, "call_id", warnings))
        direction = self._direction_of(legs, warnings)
        begun = values.get("started_at")
        day = begun.astimezone(self.zone).date() if begun else None
        extension = self._first(legs, "extension", warnings)
        if extension is None and not {"agent_id", "agent_name"} & values.keys():
            extension = self._own_line(legs, direction, day)
        values.setdefault("agent_id", extension)
        values |= self._agents.fill(values, extension or "", day)
        caller = self.customer_number(legs, direction, warnings)
        values |= {"direction": direction, "caller_hash": self._callers.hashed(caller)}
        release = released_by(self._releases(legs, warnings), direction)
        values |= {"release_party": release.party, "release_method": release.method or None}
        channel_map, map_needs_direction = self._channel_map(legs, direction, warnings)
        values["channel_map"] = channel_map
        if direction is None and (
            release.needs_direction
            or map_needs_direction
            or any((leg.caller or leg.callee) and not leg.customer for leg in legs)
        ):
            self.without_direction += 1
        known = numbers_of(legs)
        for leg in legs:
            for name, cell in leg.extra.items():
                if name not in extra and (text := self._text(_column(leg, name), cell, leg.place, warnings)):
                    # a line that is no header gives a column a call's number for a name
                    extra[mask_numbers(name)] = self._scrubbed(name, text, known)
        texts = {
            name: self._scrubbed(name, value, known)
            for name, value in values.items()
            if isinstance(value, str) and name not in _PLAIN
        }
        return CDR(**values | texts, extra=dict(sorted(extra.items())))

    def _scrubbed(self, name: str, text: str, known: KnownNumbers) -> str:
        """A text of a field or column without the call's numbers and what else is a number to call.

        Ids are what people search by, and may look like one: they lose the call's own numbers only.
        """
        text = self._callers.without_known(text, known)
        if name in ("agent_id", "call_id") and is_called(text):
            return self._callers.hashed(text) or ""
        if name in ("agent_id", "call_id") or _ID_COLUMN.search(name):
            return text
        if _NUMBER_COLUMN.search(name):
            return _DIGITS.sub(lambda found: self._callers.hashed(found[0]) or "", text)
        return self._callers.without_numbers(text)

    def _add(self, values: dict[str, Any], name: str, cell: Any, place: Message, warnings: list[Message]) -> None:
        """Add the field that a cell says, if it says something that makes sense."""
        if not (text := self._text(name, cell, place, warnings)):
            return
        parse = self._parsers.get(name)
        try:
            values[name] = parse(text) if parse else text
        except (ValueError, OverflowError, OSError):
            self._tell(_left_out(place, name), name, warnings)

    def _first(self, legs: Sequence[Leg], name: str, warnings: list[Message]) -> str | None:
        """The first text that a leg has of its own attribute `name`."""
        for leg in legs:
            field = "agent_id" if name == "extension" else name
            if text := self._text(field, getattr(leg, name), leg.place, warnings):
                return text
        return None

    def _direction_of(self, legs: Sequence[Leg], warnings: list[Message]) -> Direction | None:
        """What the first leg says that says it, else the settings."""
        for leg in legs:
            if leg.direction:
                return leg.direction
            text = self._text("direction", leg.cells.get("direction"), leg.place, warnings)
            if text.casefold() in DIRECTIONS:
                return DIRECTIONS[text.casefold()]
            if text:
                self._tell(_left_out(leg.place, "direction"), "direction", warnings)
        return self._direction

    def _own_line(self, legs: Sequence[Leg], direction: Direction | None, day: date | None) -> str | None:
        """The agent's extension where the house's side of the call is one: whoever calls out of the house from so short
        a number, or is called on one that the list of agents has. Another one that is called may be a queue's.
        """
        for leg in legs:
            line = {"inbound": leg.callee, "outbound": leg.caller}.get(direction or "", "")
            is_short = line.isdecimal() and len(line) < SHORTEST_NUMBER
            if is_short and (direction == "outbound" or self._agents.fill({}, line, day)):
                return line
        return None

    def customer_number(self, legs: Sequence[Leg], direction: Direction | None, warnings: list[Message]) -> str:
        """The customer's number: where a leg says it, else the caller's or callee's by the direction."""
        sides = {"inbound": "caller", "outbound": "callee"}
        for side in ("customer", *([sides[direction]] if direction else ())):
            for leg in legs:
                if number := self._text(f"{side}_number", getattr(leg, side), leg.place, warnings):
                    return number
        return ""

    def _releases(self, legs: Sequence[Leg], warnings: list[Message]) -> list[ReleaseRecord]:
        records = []
        for leg in legs:
            found: dict[str, Any] = {}
            if leg.released:
                records.append(leg.released)
            elif cell := leg.cells.get("release_party"):
                self._add(found, "release_party", cell, leg.place, warnings)
                records += [ReleaseRecord(side, "") for side in found.values()]
        return records

    def _channel_map(
        self, legs: Sequence[Leg], direction: Direction | None, warnings: list[Message]
    ) -> tuple[dict[int, Any] | None, bool]:
        """Who is on which channel, and whether the direction would tell it."""
        for leg in legs:
            cell = leg.cells.get("channel_map")
            if text := self._text("channel_map", cell, leg.place, warnings):
                try:
                    found = parse_channel_map(text, direction)
                except ValueError:
                    self._tell(_left_out(leg.place, "channel_map"), "channel_map", warnings)
                else:
                    return found or None, not found
        return None, False

    def _tell(self, warning: Message, name: str, warnings: list[Message]) -> None:
        """Tell of a cell, unless so many of its kind were told of that more would tell nothing."""
        self._told[warning.template, name] += 1
        if self._told[warning.template, name] <= MOST_TOLD:
            warnings.append(warning)

    def untold(self) -> Iterator[Message]:
        """How many faults of each kind were not told one by one, and of how many calls the direction is missing."""
        for (_, name), count in self._told.items():
            if count > MOST_TOLD:
                yield Message(
                    "{field}: {count} cells more were left out like these", field=name, count=count - MOST_TOLD
                )
        if self.without_direction:
            yield Message(
                "{calls} calls: who of caller and callee is the customer is not known, for no direction is; "
                "ingest.direction may say it, or ingest.values.direction translate it",
                calls=self.without_direction,
            )

    def _text(self, name: str, cell: Any, place: Message, warnings: list[Message]) -> str:
        """A cell's text, translated as the settings say; "" where there is none, or none that can be used."""
        try:
            text = channel_map_text(cell) if name == "channel_map" else cell_text(cell)
        except ValueError:
            self._tell(_left_out(place, name), name, warnings)
            return ""
        if BROKEN_TEXT.search(text):
            broken = Message(
                "{place}: {field}: holds control characters or broken text and is left out; export it as UTF-8",
                place=place,
                field=name,
            )
            self._tell(broken, name, warnings)
            return ""
        if len(text) > LONGEST_CELL:
            cut = Message(
                "{place}: {field}: longer than {most} characters; the rest is left out",
                place=place,
                field=name,
                most=LONGEST_CELL,
            )
            self._tell(cut, name, warnings)
            text = text[:LONGEST_CELL]
        if name in _NUMBERS and text[:1].isdigit():
            try:
                text = plain_number(text)
            except ValueError:
                shortened = Message(
                    "{place}: {field}: a spreadsheet has shortened the number, left out; format the column as text "
                    "before you export",
                    place=place,
                    field=name,
                )
                self._tell(shortened, name, warnings)
                return ""
        return self._translations.get(name, {}).get(text, text)


def numbers_of(legs: Iterable[Leg]) -> KnownNumbers:
    """The telephone numbers of a call's parties, to be found in texts."""
    return KnownNumbers(number for leg in legs for number in (leg.customer, leg.caller, leg.callee, leg.extension))


def _column(leg: Leg, name: str) -> str:
    """What a further column is called in messages: what it holds may stand in its name's place, so it is not quoted."""
    number = leg.column_numbers.get(name)
    return Message("column {number}", number=number) if number else shown_text(name)


def _left_out(place: Message, name: str) -> Message:
    return Message(
        "{place}: {field}: not understood and left out; see ingest.values in the settings", place=place, field=name
    )


def time_zone(name: str) -> ZoneInfo:
    """The zone that `ingest.timezone` names. Raises BadSetting."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = Message("ingest.timezone: {zone}: no such zone; use one like Asia/Shanghai", zone=name)
        raise BadSetting(message) from error


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """A moment as `parse_time` reads it, in this zone where it names none. Raises what that does, ValueError too."""
    moment = parse_time(text)
    if moment.year not in CALL_YEARS:
        raise ValueError(moment.year)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _choice(field: str, text: str) -> str:
    try:
        return FIELD_VALUES[field][text.casefold()]
    except KeyError as error:
        raise ValueError(field) from error
