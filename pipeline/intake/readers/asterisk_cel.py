"""Asterisk's channel event log: cel_custom, in the order of its samples or with a header line, JSON, tables.

What it tells beside the call detail record is who hung up: the extra of HANGUP has `hangupsource`, the name of the
channel whose side ended the call. Source: main/cel.c, main/channel.c (ast_set_hangupsource), cel/cel_custom.c,
configs/samples/cel_custom.conf.sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.intake.reader import Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.readers.asterisk_channels import (
    epoch_of,
    is_channel,
    is_local,
    is_trunk,
    line_of,
    release_by,
)
from pipeline.intake.readers.asterisk_contexts import direction_of
from pipeline.intake.readers.asterisk_rows import RowKind, column_name
from pipeline.messages import Message
from pipeline.numbers import is_telephone_number

_SAMPLE = (
    "eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context", "channame",
    "appname", "appdata", "amaflags", "acctcode", "uniqueid", "linkedid", "peer", "userfield", "userdeftype", "extra",
)  # fmt: skip
_WITH_LITERAL = (_SAMPLE[0], "", *_SAMPLE[1:])
_ADVANCED = (
    "eventtype", "eventenum", "literal", "eventtime", "usereventname", "cidname", "cidnum", "exten", "context",
    "channame", "appname", "appdata", "amaflags", "acctcode", "uniqueid", "userfield", "cidani", "cidrdnis", "ciddnid",
    "peer", "linkedid", "peeracct", "extra", "tenantid",
)  # fmt: skip
_ORDERS = (_SAMPLE, _WITH_LITERAL, _ADVANCED, tuple(name for name in _ADVANCED if name != "literal"))

_ALIASES = {
    **{name: name for name in (*_SAMPLE, *_ADVANCED) if name},
    # the manager's event CEL
    "eventname": "eventtype", "calleridnum": "cidnum", "calleridname": "cidname", "channel": "channame",
    "channelname": "channame", "application": "appname", "applicationdata": "appdata", "accountcode": "acctcode",
    # what res_cdrel_custom calls them
    "name": "cidname", "num": "cidnum", "ani": "cidani", "rdnis": "cidrdnis", "dnid": "ciddnid",
    "eventextra": "extra", "bridgepeer": "peer",
}  # fmt: skip

_EVENTS = frozenset((
    "CHAN_START", "CHAN_END", "ANSWER", "HANGUP", "APP_START", "APP_END", "PARK_START", "PARK_END", "BRIDGE_START",
    "BRIDGE_END", "BRIDGE_ENTER", "BRIDGE_EXIT", "CONF_ENTER", "CONF_EXIT", "BLINDTRANSFER", "ATTENDEDTRANSFER",
    "TRANSFER", "PICKUP", "FORWARD", "LINKEDID_END", "LOCAL_OPTIMIZE", "LOCAL_OPTIMIZE_BEGIN", "USER_DEFINED",
    "STREAM_BEGIN", "STREAM_END", "DTMF", "CONF_START", "CONF_END", "3WAY_START", "3WAY_END",
))  # fmt: skip
_OLD_EXTRA = re.compile(r"(\d+),([^,{}]*),([A-Z]*)")
_NORMAL_CLEARING = "16"
_METHOD = "CEL hangupsource"


@dataclass(frozen=True, slots=True)
class AsteriskCelReader:
    """A `LegReader` of CEL. `columns` is the order of a cel_custom of one's own, by CEL's names of fields."""

    columns: tuple[str, ...] = ()
    source: str = "asterisk-cel"

    def recognises(self, file: MetadataFile) -> bool:
        """By an event's name at the start of a line, or by columns of its names."""
        return self._kind().recognises(file)

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """One leg for each call of which the file says something, in order of the calls' first events."""
        calls: dict[str, _Call] = {}
        for place, row in self._kind().rows(file, warnings):
            if not (own := row.get("uniqueid", "")):
                continue
            call = row.get("linkedid") or own
            if call not in calls:
                calls[call] = _Call(place, call)
            calls[call].see(row, own)
        for each in calls.values():
            yield each.leg()

    def _kind(self) -> RowKind:
        own = tuple(_ALIASES.get(column_name(name), "") for name in self.columns)
        # the setting is for other systems' files too
        own = own if {"eventtype", "uniqueid"} <= set(own) else ()

        def order(cells: list[str]) -> Sequence[str] | None:
            if own and len(cells) == len(own):
                return own
            if not cells or cells[0] not in _EVENTS:
                return None
            return next((names for names in _ORDERS if _fits(names, cells)), None)

        return RowKind(_ALIASES, _is_header, order)


def _is_header(names: set[str]) -> bool:
    return {"eventtype", "uniqueid"} <= names and bool(names & {"linkedid", "extra", "channame"})


def _fits(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether cells are in this order: the time, the channel and the ids stand where it says."""
    if len(cells) != len(names):
        return False
    row = dict(zip(names, cells, strict=True))
    channel, time = row["channame"], row["eventtime"]
    return time[:4].isdigit() and (not channel or is_channel(channel)) and epoch_of(row["uniqueid"]) is not None


@dataclass(slots=True)
class _Channel:
    """One channel of a call."""

    name: str = ""
    is_answered: bool = False
    is_refused: bool = False
    hung_up_by: str = ""
    left_at: int = -1


@dataclass(slots=True)
class _Call:
    """What a file says of one call so far; `channels` are by their uniqueid, in order of their first events."""

    place: Message
    id: str
    number: str = ""
    dialled: str = ""
    context: str = ""
    queue: str = ""
    events: int = 0
    channels: dict[str, _Channel] = field(default_factory=dict)

    def see(self, row: dict[str, str], own: str) -> None:
        """Take in an event."""
        self.events += 1
        event = row.get("eventtype", "")
        channel = self.channels.setdefault(own, _Channel())
        channel.name = row.get("channame", "") or channel.name
        if own == self.id and event == "CHAN_START":
            self.number, self.dialled = row.get("cidnum", ""), row.get("exten", "")
            self.context = row.get("context", "")
        if own == self.id and is_telephone_number(exten := row.get("exten", "")) and line_of(channel.name):
            # a call that was begun for the agent dials afterwards
            self.dialled = self.dialled if is_telephone_number(self.dialled) else exten
        if event in ("ANSWER", "BRIDGE_ENTER", "BRIDGE_START"):
            channel.is_answered = True
        elif event == "HANGUP":
            extra = _hangup_extra(row.get("extra", ""))
            channel.left_at, channel.hung_up_by = self.events, extra.get("hangupsource", "")
            channel.is_refused = extra.get("hangupcause", "16") != _NORMAL_CLEARING or (
                own == self.id and extra.get("dialstatus", "") not in ("", "ANSWER")
            )
        if row.get("appname") == "Queue" and not self.queue:
            self.queue = row.get("appdata", "").split(",")[0].split("|")[0]

    def leg(self) -> Leg:
        direction = self._direction()
        return Leg(
            place=self.place,
            ids=(self.id, *(own for own in self.channels if own != self.id)),
            call_id=self.id,
            direction=direction,
            caller=self.number,
            callee=self.dialled if self.dialled != "s" else "",
            extension=self._extension(direction),
            released=self._released(),
            epoch_s=epoch_of(self.id),
            cells={"queue": self.queue} if self.queue else {},
        )

    @property
    def _caller(self) -> str:
        """The name of the channel that began the call; "" when the file has nothing of it."""
        return self.channels[self.id].name if self.id in self.channels else ""

    def _others(self) -> list[_Channel]:
        """The real channels that were called and answered; where the file tells no answers, that did not refuse."""
        called = [each for own, each in self.channels.items() if own != self.id and not is_local(each.name)]
        if self._tells_answers():
            return [each for each in called if each.is_answered]
        return [each for each in called if not each.is_refused]

    def _tells_answers(self) -> bool:
        return any(each.is_answered for each in self.channels.values())

    def _direction(self) -> Direction | None:
        called = [each.name for own, each in self.channels.items() if own != self.id and not is_local(each.name)]
        caller = self._caller
        # of all who were called, one of the other kind tells
        opposite = is_trunk if line_of(caller) else line_of
        other = next(filter(opposite, called), "") or next(iter(called), "")
        return direction_of(self.context, caller, other, self.number, self.dialled) if caller else None

    def _extension(self, direction: Direction | None) -> str:
        if direction == "outbound" and line_of(self._caller):
            return line_of(self._caller)
        # between two extensions nobody knows who serves whom
        is_known = direction or not line_of(self._caller)
        return next(filter(None, (line_of(each.name) for each in self._others())), "") if is_known else ""

    def _released(self) -> ReleaseRecord | None:
        """Who ended the last conversation.

        A hang-up is written into the channel it comes from and the one it is bridged with, so the called channel that
        left last knows; the caller's own keeps the first that it heard of. A phone that was rung and refused ended
        nothing.
        """
        others = sorted(self._others(), key=lambda each: each.left_at, reverse=True)
        local = [each for own, each in self.channels.items() if own != self.id and is_local(each.name)]
        own = [self.channels[self.id]] if self.id in self.channels else []
        if self._tells_answers():
            has_talked = bool(others)
        else:
            has_talked = not any(each.is_refused for each in own) and (
                bool(others) or self.channels.keys() <= {self.id}
            )
        if not has_talked:
            return None
        for channel in (*others, *local, *own):
            if channel.hung_up_by:
                return self._release(channel.hung_up_by)
        return None

    def _release(self, source: str) -> ReleaseRecord | None:
        caller = self._caller
        if source == caller:
            return ReleaseRecord("caller", _METHOD)
        called = {each.name for own, each in self.channels.items() if own != self.id}
        if line_of(source) and not line_of(caller):
            return ReleaseRecord("agent", _METHOD)
        if source in called:
            return ReleaseRecord("callee", _METHOD)
        return release_by(source, caller, "", _METHOD)


def _hangup_extra(extra: str) -> dict[str, str]:
    """The texts in the extra of a HANGUP: JSON, up to Asterisk 11 cause, source and dial status; none of others."""
    if old := _OLD_EXTRA.fullmatch(extra):
        return {"hangupcause": old[1], "hangupsource": old[2], "dialstatus": old[3]}
    if "hangupsource" not in extra:
        return {}
    try:
        found = json.loads(extra)
    except (ValueError, RecursionError):
        return {}
    texts = found if isinstance(found, dict) else {}
    return {key: str(text) for key, text in texts.items() if isinstance(text, str | int)}
