"""Asterisk's call detail records: Master.csv, cdr_custom in an order of one's own, and the `cdr` table of FreePBX and
Issabel.

A row is a pair of legs; a call through a queue or a ring group has several, with one linkedid. No row says who hung up,
unless the dialplan keeps CHANNEL(hangupsource) in the userfield. Source: cdr/cdr_csv.c, cdr/cdr_custom.c,
configs/samples/cdr.conf.sample and cdr_custom.conf.sample, main/cdr.c; the modules core and cdr of FreePBX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.intake.cells import parse_time
from pipeline.intake.reader import Direction, Leg, MetadataFile
from pipeline.intake.readers.asterisk_channels import (
    agent_of,
    epoch_of,
    id_in_name,
    is_channel,
    is_local,
    is_trunk,
    line_of,
    release_by,
)
from pipeline.intake.readers.asterisk_contexts import direction_of, is_known_context
from pipeline.intake.readers.asterisk_rows import RowKind, column_name, head_cells
from pipeline.intake.vocabulary import DIRECTIONS, FIELD_VALUES
from pipeline.messages import Message
from pipeline.numbers import is_telephone_number

MASTER_COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip
"""The cells of Master.csv. Those after amaflags are there as loguniqueid, loguserfield and newcdrcolumns say."""

CUSTOM_COLUMNS = (
    "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
    "duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "sequence",
)  # fmt: skip
"""The cells of cdr_custom's sample configuration."""

_TABLE_COLUMNS = (
    "start", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec",
    "disposition", "amaflags", "accountcode", "uniqueid", "userfield",
)  # fmt: skip
_PARTIES = ("cnum", "cnam", "", "", "dstcnam")
FREEPBX_COLUMNS = (*_TABLE_COLUMNS, "did", "recordingfile", *_PARTIES, "linkedid", "peeraccount", "sequence")
"""The columns of FreePBX's table, as `mysql -N` and INTO OUTFILE give them without a header line."""

_ISSABEL_COLUMNS = (*_TABLE_COLUMNS, "recordingfile", *_PARTIES, "did")

_ALIASES: Mapping[str, str] = {
    **{name: name for name in MASTER_COLUMNS},
    **{name: name for name in ("did", "recordingfile", "cnum", "cnam", "dstcnam")},
    # tables of databases, the manager's event Cdr, and the reports of Issabel
    "calldate": "start", "starttime": "start", "date": "start", "answertime": "answer", "endtime": "end",
    "source": "src", "destination": "dst", "destinationcontext": "dcontext", "callerid": "clid",
    "srcchannel": "channel", "destinationchannel": "dstchannel", "lastapplication": "lastapp",
    "lastappdata": "lastdata", "billableseconds": "billsec", "status": "disposition", "recording": "recordingfile",
    "recordfile": "recordingfile", "recordfiles": "recordingfile", "calltype": "calltype", "hangup": "hangup",
    # a variable of the dialplan's own: Set(CDR(hangupsource)=${CHANNEL(hangupsource)})
    "hangupsource": "hangupsource",
}  # fmt: skip

_TELLING = frozenset((
    "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "billsec", "disposition",
))  # fmt: skip
_OWN = frozenset(("dcontext", "dstchannel", "lastapp", "amaflags"))
_FREEPBX = frozenset(("calldate", "recordingfile", "did", "cnum"))
_DISPOSITIONS = frozenset(("ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", "CANCEL", "NOANSWER"))

# other dispositions are of one attempt: the next member of the queue, or the next trunk, may have answered
_ANSWERED: Mapping[str, str] = {"disposition": "ANSWERED"}

_NAME_AND_NUMBER = re.compile(r'"?([^"<]*)"?\s*<([^>]*)>')
_RECORDING = re.compile(r"\.(?:wav|wav49|gsm|mp3|ogg|opus|sln\w*|raw|g722|g729|ulaw|alaw|ul|al|au)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AsteriskReader:
    """A `LegReader` of Master.csv and cdr_custom, with a header line or none.

    `columns` is the order of a cdr_custom of one's own, by the names in CDR(): ("clid", "src", …).
    """

    columns: tuple[str, ...] = ()
    source: str = "asterisk"

    def recognises(self, file: MetadataFile) -> bool:
        """By a header of Asterisk's names, or by a row's cells: disposition, length and flags in their places."""
        return self._kind().recognises(file)

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """A leg for each row, and one for the wait of each call whose queue and agent have rows of their own."""
        waits = _Waits()
        for place, cells in self._kind().rows(file, warnings):
            row = _Row(cells)
            yield _leg(place, row)
            waits.see(place, row)
        yield from waits.legs()

    def _kind(self) -> RowKind:
        own = tuple(_ALIASES.get(column_name(name), "") for name in self.columns)
        # the setting is for other systems' files too
        own = own if len({"src", "dst", "channel", "dstchannel", "uniqueid"} & set(own)) > 1 else ()

        def order(cells: list[str]) -> Sequence[str] | None:
            if own and len(cells) == len(own):
                return own
            known = (_master_columns(cells), CUSTOM_COLUMNS, _table_columns(cells))
            return next((names for names in known if _fits(names, cells)), None)

        return RowKind(_ALIASES, _is_header, order)


@dataclass(frozen=True, slots=True)
class FreePbxReader:
    """A `LegReader` of the table `asteriskcdrdb.cdr`, as CSV or as `mysql -B` and INTO OUTFILE write it."""

    source: str = "freepbx"

    def recognises(self, file: MetadataFile) -> bool:
        """By a header of Asterisk's names that has calldate or a column that only FreePBX adds, or by a row's cells."""
        return any(map(_is_freepbx, head_cells(file)))

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """As `AsteriskReader.read`."""
        return AsteriskReader().read(file, warnings)


def _is_freepbx(cells: Sequence[str]) -> bool:
    names = {column_name(cell) for cell in cells}
    is_header = names & _FREEPBX and _is_header({_ALIASES.get(name, "") for name in names})
    return bool(is_header) or _fits(_table_columns(cells), cells)


def _is_header(names: set[str]) -> bool:
    return len(names & _TELLING) >= 4 and bool(names & _OWN)


def _master_columns(cells: Sequence[str]) -> Sequence[str]:
    """The columns of Master.csv that a row of so many cells has: each setting adds its own, the uniqueid shows."""
    optional = len(cells) - 16
    added = MASTER_COLUMNS[18:] if optional >= 3 else ()
    own = MASTER_COLUMNS[16:18][: max(optional - len(added), 0)]
    if len(own) == 1 and epoch_of(cells[16].strip()) is None:
        own = MASTER_COLUMNS[17:18]
    return (*MASTER_COLUMNS[:16], *own, *added)


def _table_columns(cells: Sequence[str]) -> Sequence[str]:
    """The columns of FreePBX's or Issabel's table: Issabel has the number that was dialled last."""
    return FREEPBX_COLUMNS if len(cells) <= 16 or not _RECORDING.search(cells[16]) else _ISSABEL_COLUMNS


def _fits(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether cells without a header are those of `names`."""
    at = names.index("disposition")
    if not 16 <= len(cells) <= len(names):
        return False
    return cells[at].strip().upper() in _DISPOSITIONS and all(
        cell.strip().replace(".", "", 1).isdigit() for cell in cells[at - 2 : at]
    )


class _Row:
    """The cells of one row, "" for those that are not there, and what follows from them."""

    __slots__ = ("call", "callee_line", "caller_line", "cells", "context", "is_first")

    def __init__(self, cells: Mapping[str, str]) -> None:
        self.cells = cells
        self.context = cells.get("dcontext", "").casefold()
        self.caller_line = line_of(cells.get("channel", ""))
        self.callee_line = line_of(cells.get("dstchannel", ""))
        own = cells.get("uniqueid", "")
        self.call = cells.get("linkedid") or id_in_name(cells.get("recordingfile", "")) or own
        # the second half of a Local channel belongs to a call that began before
        self.is_first = own in ("", self.call) and not cells.get("channel", "").endswith((";2", ",2"))

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    @property
    def is_answered(self) -> bool:
        return self["disposition"].upper() == "ANSWERED"


def _leg(place: Message, row: _Row) -> Leg:
    direction = _direction(row)
    extension = _extension(row, direction)
    cells: dict[str, str] = {"started_at": row["start"], "queue": _queue(row)}
    if extension and (name := _name_of_line(row, extension)):
        cells["agent_name"] = name
    if direction is None and row.is_first and not is_known_context(row["dcontext"]):
        cells["direction"] = row["dcontext"]
    # words of those who build on Asterisk: what its own columns say goes before
    words = (row["calltype"], row["userfield"])
    if direction is None and (said := next((word for word in words if word.casefold() in DIRECTIONS), "")):
        cells["direction"] = said
    if row["hangup"].casefold() in FIELD_VALUES["release_party"]:
        cells["release_party"] = row["hangup"]
    source = row["hangupsource"] or row["userfield"]
    return Leg(
        place=place,
        ids=tuple(dict.fromkeys(filter(None, (row["uniqueid"], row.call)))),
        call_id=row.call,
        recordings=_recordings(row),
        direction=direction,
        caller=row["src"] or _caller_id(row)[1],
        callee=row["dst"],
        extension=extension,
        released=release_by(source, row["channel"], row["dstchannel"], "CDR hangupsource"),
        epoch_s=epoch_of(row["uniqueid"]),
        cells={name: cell for name, cell in cells.items() if cell},
        extra=_ANSWERED if row.is_answered else {},
    )


def _direction(row: _Row) -> Direction | None:
    """Only the row that began the call says it: the legs that a queue or a forwarded call dials have directions of
    their own."""
    if not row.is_first:
        return None
    if row["did"]:
        return "inbound"
    return direction_of(row["dcontext"], row["channel"], row["dstchannel"], row["src"], row["dst"])


def _extension(row: _Row, direction: Direction | None) -> str:
    """The line of the agent of this row: who was called and answered, on outbound calls who calls."""
    other = row["dstchannel"]
    if direction == "outbound":
        # a dialler calls the customer first
        dialled = row.callee_line if row.is_answered and is_trunk(row["channel"]) else ""
        return row.caller_line or dialled or agent_of(row["channel"])
    if not row.is_answered or not (direction or not row.is_first or row["lastapp"] == "Queue"):
        return ""
    if row.callee_line:
        return row.callee_line
    # a peer with a name is an agent's, unless a number is dialled through it
    is_dialled_on = not is_channel(other) or is_local(other) or any(map(is_telephone_number, _dialled(row)))
    return "" if is_dialled_on or direction != "inbound" else agent_of(other)


def _dialled(row: _Row) -> list[str]:
    return re.split(r"[^\d+]+", row["lastdata"]) if row["lastapp"] == "Dial" else []


def _queue(row: _Row) -> str:
    if row["lastapp"] == "Queue":
        queue = row["lastdata"].split(",")[0].split("|")[0]
        return "" if is_telephone_number(queue) else queue
    return row["dst"] if row.context == "ext-queues" and not is_telephone_number(row["dst"]) else ""


def _caller_id(row: _Row) -> tuple[str, str]:
    """The name and the number of `"Name" <number>`."""
    found = _NAME_AND_NUMBER.fullmatch(row["clid"])
    return (found[1].strip(), found[2].strip()) if found else ("", "")


def _name_of_line(row: _Row, extension: str) -> str:
    """What the telephone system calls the agent's line, where it names it."""
    if extension == row.caller_line:
        name, number = (row["cnam"], row["cnum"]) if row["cnum"] else _caller_id(row)
        return name if number == extension != name and not is_telephone_number(name) else ""
    return row["dstcnam"] if extension == row["dst"] else ""


def _recordings(row: _Row) -> tuple[str, ...]:
    userfield = row["userfield"].removeprefix("audio:")
    named = userfield if _RECORDING.search(userfield) else ""
    # Grandstream names several, with an @ behind each
    return tuple(dict.fromkeys(filter(None, (*row["recordingfile"].split("@"), named))))


@dataclass(slots=True)
class _Waits:
    """How long callers waited, by the call: from when the queue took the call until an agent's leg was answered."""

    _queued_s: dict[str, float] = field(default_factory=dict)
    _answered_s: dict[str, tuple[float, Message]] = field(default_factory=dict)

    def see(self, place: Message, row: _Row) -> None:
        is_agents = not row.is_first and row.callee_line and is_local(row["channel"])
        if not row.is_answered or not (is_agents or (row.is_first and row["lastapp"] == "Queue")):
            return
        if (answered_s := _answered_s(row)) is None:
            return
        if row.is_first:
            self._queued_s[row.call] = min(answered_s, self._queued_s.get(row.call, answered_s))
        elif row.call not in self._answered_s or answered_s < self._answered_s[row.call][0]:
            self._answered_s[row.call] = answered_s, place

    def legs(self) -> Iterator[Leg]:
        for call, (answered_s, place) in self._answered_s.items():
            if (wait_s := answered_s - self._queued_s.get(call, answered_s + 1)) >= 0:
                yield Leg(place=place, ids=(call,), cells={"wait_s": f"{wait_s:g}"})


def _answered_s(row: _Row) -> float | None:
    """When the row's call was answered, on the clock of its file."""
    try:
        if row["answer"]:
            return _clock_s(row["answer"])
        return _clock_s(row["start"]) + float(row["duration"]) - float(row["billsec"])
    except (ValueError, OverflowError, OSError):
        return None


def _clock_s(text: str) -> float:
    moment = parse_time(text)
    return (moment.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()
