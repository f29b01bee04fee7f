"""Asterisk's queue_log: the file, rotated or not, and exports of its realtime table.

It is what tells most of a call through a queue: the queue, the wait, the agent, and which side hung up. A call is
followed through the file by the uniqueid of the caller's channel. Source: main/logger.c, apps/app_queue.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.intake.reader import Leg, MetadataFile, ReleaseRecord
from pipeline.intake.readers.asterisk_channels import agent_of, epoch_of, is_channel
from pipeline.intake.readers.asterisk_rows import RowKind
from pipeline.messages import Message

_LINE = re.compile(r"\ufeff?\d{9,10}(?:\.\d+)?\|[^|]*\|[^|]*\|[^|]*\|[A-Z]+(?:\||\s*\Z)")

_EPOCH = re.compile(r"\d{9,10}(?:\.\d{1,9})?")

_COLUMNS = ("time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5")
_ALIASES = {**{name: name for name in _COLUMNS}, "uniqueid": "callid", "queue": "queuename", "data": "data"}

_TABLE = RowKind(_ALIASES, lambda names: {"callid", "queuename", "agent", "event"} <= names, lambda _: None)

_TELEPHONE_NUMBER = re.compile(r"\+?\d{10,}|0\d{6,}")

_NO_CALL = frozenset(("", "NONE", "MANAGER", "REALTIME"))
_RELEASED = {
    "COMPLETEAGENT": ReleaseRecord("agent", "queue_log COMPLETEAGENT"),
    "COMPLETECALLER": ReleaseRecord("customer", "queue_log COMPLETECALLER"),
}
_ABANDONED = ReleaseRecord("nobody", "queue_log ABANDON")
_TRANSFERS = frozenset(("TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"))
_WAIT_AT = {"ABANDON": 2, "EXITEMPTY": 2, "EXITWITHTIMEOUT": 2, "EXITWITHKEY": 3, "WITHDRAW": 2}
"""Event that ends the wait without an agent → which of its data says how long the caller waited."""


@dataclass(frozen=True, slots=True)
class AsteriskQueueLogReader:
    """A `LegReader` of `queue_log`, `queue_log-20261120` and so on, and of CSV from the table `queue_log`."""

    source: str = "asterisk-queue-log"

    def recognises(self, file: MetadataFile) -> bool:
        """By lines of a time, three names and an event between bars, or by the table's columns."""
        if any(map(_LINE.match, file.head(5))):
            return True
        return _TABLE.recognises(file)

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """One leg a call, in order of the calls' first lines. Events of agents and of the queue itself are no calls."""
        calls: dict[str, _QueueCall] = {}
        for place, event in _events(file, warnings):
            if event.call in _NO_CALL:
                continue
            if event.call not in calls:
                calls[event.call] = _QueueCall(place, event.call, event.time)
            calls[event.call].see(event)
        for call in calls.values():
            yield call.leg()


@dataclass(frozen=True, slots=True)
class _Event:
    time: str
    call: str
    queue: str
    member: str
    name: str
    data: Sequence[str]

    def __getitem__(self, at: int) -> str:
        return self.data[at].strip() if at < len(self.data) else ""


def _events(file: MetadataFile, warnings: list[Message]) -> Iterator[tuple[Message, _Event]]:
    if not any(map(_LINE.match, file.head(5))):
        for place, row in _TABLE.rows(file, warnings):
            data = row["data"].split("|") if "data" in row else [row.get(name, "") for name in _COLUMNS[5:]]
            time, call, queue, member, event = (row.get(name, "") for name in _COLUMNS[:5])
            yield place, _Event(time, call, queue, member, event, data)
        return
    for number, line in enumerate(file.text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        place = file.line(number)
        cells = line.rstrip("\r").split("|")
        if len(cells) < 5 or not cells[0].replace(".", "", 1).isdigit():
            warnings.append(Message("{place}: not the cells of this kind of file; left out", place=place))
        else:
            time, call, queue, member, event = (cell.strip() for cell in cells[:5])
            yield place, _Event(time, call, queue, member, event, cells[5:])


@dataclass(slots=True)
class _QueueCall:
    """What a file says of one call so far."""

    place: Message
    id: str
    time: str
    queue: str = ""
    wait_s: str = ""
    member: str = ""
    member_id: str = ""
    caller: str = ""
    is_dialled: bool = False
    released: ReleaseRecord | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def see(self, event: _Event) -> None:
        """Take in an event. The first agent counts, with the queue and the wait that led there; the last end."""
        if event.name == "ENTERQUEUE":
            self.caller = self.caller or event[1]
            if not self.member:
                self.queue = event.queue
                self.released = None
        elif event.name == "CONNECT":
            if not self.member:
                self._connected(event, event[0])
                self.member_id = event[1]
                if event[2].isdigit():
                    self.extra["ring_s"] = event[2]
            self.released = None
        elif event.name in _RELEASED:
            if not self.member:
                self._connected(event, event[0])
            self.released = _RELEASED[event.name]
        elif event.name in _TRANSFERS:
            if not self.member:
                # the wait stands after the place it went to, or after the bridge or bridges that were joined
                self._connected(event, event[3 if event[0] == "LINK" else 2])
            self.released = None
        elif event.name in _WAIT_AT and not self.member:
            self.queue, self.wait_s = event.queue, event[_WAIT_AT[event.name]]
            self.released = _ABANDONED if event.name == "ABANDON" else None
        elif event.name == "OUTCALL":
            self.is_dialled = True
            self._connected(event, "")

    def _connected(self, event: _Event, wait_s: str) -> None:
        self.queue, self.member, self.wait_s = event.queue, event.member, wait_s

    def leg(self) -> Leg:
        interface = self.member if is_channel(self.member) else ""
        name = "" if interface or self.member in _NO_CALL else self.member
        epoch_s = epoch_of(self.id) or (float(self.time) if _EPOCH.fullmatch(self.time) else None)
        cells = {"started_at": "" if epoch_s else self.time, "queue": self.queue, "wait_s": self.wait_s}
        # a member without a name of its own may be called by its extension alone
        # or, reached from outside, by a telephone number
        cells["agent_id" if name.isdigit() else "agent_name"] = "" if _TELEPHONE_NUMBER.fullmatch(name) else name
        is_agents = interface.casefold().startswith("agent/")
        if is_agents:
            cells["agent_id"] = agent_of(interface)
        return Leg(
            place=self.place,
            ids=tuple(filter(None, (self.id, self.member_id if self.member_id not in _NO_CALL else ""))),
            call_id=self.id,
            direction="outbound" if self.is_dialled else "inbound",
            caller="" if self.is_dialled else self.caller,
            extension="" if is_agents else agent_of(interface),
            released=self.released,
            epoch_s=epoch_s,
            cells={key: cell for key, cell in cells.items() if cell and cell != "NONE"},
            extra=self.extra,
        )
