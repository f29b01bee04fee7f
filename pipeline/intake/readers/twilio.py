"""Twilio: calls and recordings, as its API lists them, as bulk exports have them a line each, or as the console's CSV.

A call that <Dial> connects has two legs, the second of which names the first as its parent; a recording names its leg.
A leg's own `direction` is Twilio's view, in which an agent's browser that calls a customer is inbound: which side is
the agent's is told by the client or SIP user that a leg begins or ends at; without one, the parent's direction counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.intake.reader import Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.readers.json_values import json_objects, json_text, looks_like_json, moment_text
from pipeline.intake.rows import csv_records, delimiter_of
from pipeline.messages import Message

_SID = re.compile(r"(?:CA|RE)[0-9a-fA-F]{32}")
_SID_IN_JSON = re.compile(r'"(?:sid|call_?sid|recording_?sid)"\s*:\s*"(?:CA|RE)[0-9a-f]{32}"', re.IGNORECASE)
_SID_COLUMN = re.compile(r"sid\b", re.IGNORECASE)
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NUMBER = re.compile(r"(?:sip:)?(\+?\d{7,15})(?:@.*)?", re.IGNORECASE)
_DEVICE = re.compile(r"(?:client:|sips?:)([^@;]+).*", re.IGNORECASE)

_WITHHELD = ("266696687", "86282452253", "7378742833", "2562533", "8656696")
"""What stands for a number that is not shown: ANONYMOUS, UNAVAILABLE, RESTRICTED, BLOCKED, UNKNOWN on the keypad."""

_NEVER_TALKED = ("busy", "no-answer", "canceled", "failed")
_PAGES = ("calls", "recordings")


class TwilioReader:
    """Reads the JSON of calls and of recordings, and tables of them with a header."""

    source = "twilio"

    def recognises(self, file: MetadataFile) -> bool:
        """By Twilio's ids of calls and recordings."""
        if looks_like_json(file):
            return bool(_SID_IN_JSON.search(file.text[:200_000]))
        header, *rows = [*file.head(2), ""]
        return bool(_SID_COLUMN.search(header) and _SID.search(rows[0]))

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """A leg for each call and each recording."""
        rows = list(_rows(file, warnings))
        dialled: dict[str, list[_Row]] = defaultdict(list)
        for row in rows:
            dialled[row["parent_call_sid"]].append(row)
        for row in rows:
            if row.sid.startswith("RE"):
                yield _recording(row)
            elif row.sid.startswith("CA"):
                yield _call(row, [] if row["parent_call_sid"] else dialled.get(row.sid, []))
            else:
                warnings.append(Message("{place}: is neither a call nor a recording; left out", place=row.place))


@dataclass(frozen=True, slots=True)
class _Row:
    """A resource, its properties named as the API names them, whether JSON, an SDK or a table's header wrote them."""

    place: Message
    properties: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def sid(self) -> str:
        return self["recording_sid"] or self["sid"] or self["call_sid"]

    @property
    def direction(self) -> str:
        said = _NO_WORD.sub("-", self["direction"].casefold())
        return said.replace("outgoing", "outbound").replace("incoming", "inbound")

    @property
    def status(self) -> str:
        return _NO_WORD.sub("-", self["status"].casefold())


def _rows(file: MetadataFile, warnings: list[Message]) -> Iterator[_Row]:
    if not looks_like_json(file):
        yield from _table_rows(file, warnings)
        return
    for place, value in json_objects(file, warnings):
        page = next((value[name] for name in _PAGES if isinstance(value.get(name), list)), None)
        if page is None:
            yield _row(place, value)
            continue
        for number, resource in enumerate(page, 1):
            inside = Message("{file} {place}", file=place, place=Message("row {number}", number=number))
            yield _row(inside, resource if isinstance(resource, dict) else {})


def _row(place: Message, resource: Mapping[str, Any]) -> _Row:
    return _Row(place, {_property(name): json_text(resource, name) for name in resource})


def _table_rows(file: MetadataFile, warnings: list[Message]) -> Iterator[_Row]:
    header: list[str] = []
    delimiter = delimiter_of("".join(file.head(1)))
    for number, cells in csv_records(file.text.removeprefix("\ufeff"), delimiter):
        place = file.line(number)
        if cells and not header:
            header = [_property(name) for name in cells]
        elif cells is None or any(cell.strip() for cell in cells[len(header) :]):
            warnings.append(
                Message("{place}: has not the columns of its table, left out; export it again", place=place)
            )
        elif any(cells):
            yield _Row(place, {name: cell.strip() for name, cell in zip(header, cells, strict=False)})


def _property(name: str) -> str:
    """call_sid, for "Call Sid" and "callSid" as well."""
    return _NO_WORD.sub("_", _HUMP.sub("_", name)).strip("_").casefold()


# --- legs


def _recording(row: _Row) -> Leg:
    started_at, epoch_s = moment_text(row["start_time"] or row["date_created"])
    extra = {name: row[name] for name in ("source", "duration", "track", "conference_sid") if row[name]}
    if row["channels"]:
        # their number, and no map of them
        extra["recording_channels"] = row["channels"]
    return Leg(
        place=row.place,
        ids=tuple(filter(None, (row.sid, row["call_sid"], row["conference_sid"]))),
        call_id=row["call_sid"],
        recordings=tuple(filter(None, (row.sid, row["media_url"]))),
        epoch_s=epoch_s,
        cells={"started_at": started_at} if started_at else {},
        extra=extra,
    )


def _call(row: _Row, dialled: list[_Row]) -> Leg:
    """A leg of a call; `dialled` are those that <Dial> made of it."""
    parent = row["parent_call_sid"]
    sides = _Sides() if parent else _sides(row, dialled)
    started_at, epoch_s = moment_text(row["start_time"] or row["date_created"])
    agent = sides.agent
    if parent and row.status == "completed":
        agent = _device(row["to"])
    cells = {
        "started_at": started_at,
        "agent_id": agent,
        # the parent is the first channel of a recording of both (recordingChannels=dual)
        "channel_map": {"agent": "0=agent,1=customer", "customer": "0=customer,1=agent"}.get(sides.parent, ""),
    }
    is_vain = not parent and row.status in _NEVER_TALKED
    return Leg(
        place=row.place,
        ids=tuple(filter(None, (row.sid, parent))),
        call_id=parent or row.sid,
        direction=sides.direction,
        customer=sides.customer,
        released=ReleaseRecord("nobody", f"Twilio status {row.status}") if is_vain else None,
        epoch_s=epoch_s,
        cells={name: text for name, text in cells.items() if text},
        extra={name: row[name] for name in ("status", "duration", "answered_by") if row[name]},
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """What the legs of a call say of its sides. `parent` is whose leg the parent is: agent, customer, or "" unknown."""

    direction: Direction | None = None
    customer: str = ""
    agent: str = ""
    parent: str = ""


def _sides(row: _Row, dialled: list[_Row]) -> _Sides:
    in_order = sorted(dialled, key=lambda leg: leg.status != "completed")
    numbers = [number for leg in in_order if (number := _number(leg["to"]))]
    devices = [device for leg in in_order if (device := _device(leg["to"]))]
    caller, callee = _number(row["from"]), _number(row["to"])
    match row.direction:
        case "inbound" if agent := _device(row["from"]):
            return _Sides("outbound", numbers[0], agent, "agent") if numbers else _Sides()
        case "inbound":
            return _Sides("inbound", caller, parent="customer")
        case "outbound-api" if agent := _device(row["to"]):
            return _Sides("outbound", next(iter(numbers), ""), agent, "agent")
        case "outbound-api" if devices:
            return _Sides("outbound", callee, parent="customer")
        case "outbound-api":
            # of two telephones, either may be the agent's
            return _Sides("outbound", "" if numbers else callee)
        case "trunking-originating":
            return _Sides("inbound", caller)
        case "trunking-terminating":
            return _Sides("outbound", callee)
    return _Sides()


def _number(endpoint: str) -> str:
    found = _NUMBER.fullmatch(endpoint)
    return found[1] if found and found[1].lstrip("+") not in _WITHHELD else ""


def _device(endpoint: str) -> str:
    """The client or SIP user that an endpoint is; "" for a telephone."""
    found = _DEVICE.fullmatch(endpoint)
    return found[1] if found and not _NUMBER.fullmatch(endpoint) else ""
