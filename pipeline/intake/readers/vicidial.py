"""VICIdial: its tables recording_log, vicidial_closer_log and vicidial_log, or one export that joins any of them.

A recording belongs to the row of the closer log (calls that came in) whose closecallid, or of the log (calls dialled)
whose uniqueid, is its vicidial_id: the agent's screen writes it so (manager_send.php). A lead is a customer and not a
call, so lead_id joins nothing. A call that is passed to another agent has a row, and a recording, of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern

from pipeline.intake.agents import AgentRow
from pipeline.intake.reader import CallSide, Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.rows import csv_records, delimiter_of
from pipeline.intake.vocabulary import field_of_column
from pipeline.messages import Message

_RECORDING_LOG = (
    "recording_id", "channel", "server_ip", "extension", "start_time", "start_epoch", "end_time", "end_epoch",
    "length_in_sec", "length_in_min", "filename", "location", "lead_id", "user", "vicidial_id",
)  # fmt: skip
_LOG = (
    "uniqueid", "lead_id", "list_id", "campaign_id", "call_date", "start_epoch", "end_epoch", "length_in_sec",
    "status", "phone_code", "phone_number", "user", "comments", "processed", "user_group", "term_reason",
    "alt_dial", "called_count",
)  # fmt: skip
_CLOSER_LOG = (
    "closecallid", "lead_id", "list_id", "campaign_id", "call_date", "start_epoch", "end_epoch",
    "length_in_sec", "status", "phone_code", "phone_number", "user", "comments", "processed", "queue_seconds",
    "user_group", "xfercallid", "term_reason", "uniqueid", "agent_only", "queue_position", "called_count",
)  # fmt: skip
_USERS = ("user_id", "user", "pass", "full_name", "user_level", "user_group")
_LONGEST_ROW = 100_000
_LEAST_USER_COLUMNS = 20
"""Columns of vicidial_users in its oldest versions; most of them are switches."""

_REPORTED = {
    "phone_number_dialed": "phone_number",
    "recording_filename": "filename",
    "recording_location": "location",
}
"""What the report "Export Calls" calls columns of the tables."""

_OWN = frozenset(["closecallid", "vicidial_id", "term_reason", "queue_seconds", "xfercallid", "length_in_sec"])
_COLUMNS = frozenset((*_RECORDING_LOG, *_LOG, *_CLOSER_LOG, "full_name"))
_NAMING = frozenset(("closecallid", "vicidial_id", "uniqueid", "recording_id", "filename", "location"))

_EPOCH = re.compile(r"\d{10}")
_EPOCH_OR_NONE = re.compile(r"\d{10}|0|NULL|\\N|")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|NULL|\\N|")
_WHOLE = re.compile(r"\d+")
_DOTTED = re.compile(r"\d+\.\d+")
_ADDRESS = re.compile(r"\d+(?:\.\d+){3}")
_TAB = re.compile(r"(?<!\\)\t")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

_NO_AGENT = frozenset(("VDAD", "VDCL"))
"""The users of calls that no agent has: the dialler's own."""

_RELEASED: dict[str, CallSide] = {
    "CALLER": "customer",
    "AGENT": "agent",
    "SYSTEM": "system",
    **dict.fromkeys(
        ("ABANDON", "QUEUETIMEOUT", "AFTERHOURS", "HOLDRECALLXFER", "HOLDTIME", "NOAGENT", "MAXCALLS", "ACFILTER",
         "CLOSETIME"),
        "nobody",
    ),
}  # fmt: skip
"""term_reason: CALLER is the customer on either kind of call. NONE says nothing."""

_FURTHER_FIELDS = frozenset(("agent_name", "team", "queue", "company", "language", "scenario", "direction"))
"""What a joined export may hold beside VICIdial's own columns, under any name that is known for it."""

_REPEATED = frozenset(
    ("user", "full_name", "campaign_id", "user_group", "status", "list_id", "term_reason", "queue_seconds",
     "length_in_sec", "alt_dial", "called_count", "queue_position", "xfercallid")
)  # fmt: skip
"""Columns whose few values stand in many rows, which share them: a month's rows are kept at once."""

_KEPT = ("status", "lead_id", "list_id", "length_in_sec", "alt_dial", "called_count", "queue_position")


class VicidialReader:
    """Reads CSV with a header, the tab-separated output of `mysql -B`, and SELECT … INTO OUTFILE without a header."""

    source = "vicidial"

    def recognises(self, file: MetadataFile) -> bool:
        """By columns that only VICIdial has; without a header, by the shapes of the tables' columns."""
        return _layout(file) is not None

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """A leg for each row."""
        layout = _layout(file)
        if layout is None:
            return
        entered: set[str] = set()
        for number, cells in _records(file.text, layout.delimiter):
            place = file.line(number)
            if cells is None or any(cell.strip() for cell in cells[layout.width :]):
                warnings.append(
                    Message("{place}: has not the columns of its table, left out; export it again", place=place)
                )
            elif number > layout.header_line and any(cells):
                yield _leg(layout.cells(cells), place, entered)


def is_vicidial_users(file: MetadataFile) -> bool:
    """Whether a file holds the table vicidial_users, which is the house's list of agents."""
    return _users_layout(file) is not None


def vicidial_users(file: MetadataFile) -> Iterator[AgentRow]:
    """The agents of vicidial_users."""
    layout = _users_layout(file)
    for number, cells in _records(file.text, layout.delimiter) if layout else ():
        row = layout.cells(cells or []) if layout and number > layout.header_line else {}
        if "user" in row and row["user"].upper() not in _NO_AGENT:
            yield AgentRow(
                place=file.line(number),
                agent_id=row["user"],
                name=row.get("full_name", ""),
                team=row.get("user_group", ""),
            )


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file's rows are written; `columns` are by position, and a later one of a name counts if the first is empty.

    SELECT * over two tables has columns of both tables' names twice.
    """

    delimiter: str
    columns: tuple[str, ...]
    header_line: int = 0
    width: int = field(init=False)

    def __post_init__(self) -> None:
        # newer versions, and houses, add columns at the end
        object.__setattr__(self, "width", len(self.columns) if self.header_line else 1_000)

    def cells(self, row: list[str]) -> dict[str, str]:
        cells: dict[str, str] = {}
        for name, cell in zip(self.columns, row, strict=False):
            text = cell.strip()
            if text and text not in ("NULL", "\\N") and not cells.get(name):
                cells[name] = intern(text) if name in _REPEATED else text
        return cells


def _layout(file: MetadataFile) -> _Layout | None:
    head = _Head.of(file)
    names = head.names
    if _NAMING & {*names} and len(_COLUMNS & {*names}) >= (2 if _OWN & {*names} else 5):
        return _Layout(head.delimiter, names, head.line)
    for table, is_row in _SHAPES:
        if head.rows and all(map(is_row, head.rows)):
            return _Layout(head.delimiter, table)
    return None


def _users_layout(file: MetadataFile) -> _Layout | None:
    head = _Head.of(file)
    if {"user", "full_name", "user_group"} <= {*head.names} and not _NAMING & {*head.names}:
        return _Layout(head.delimiter, head.names, head.line)
    return _Layout(head.delimiter, _USERS) if head.rows and all(map(_is_user_row, head.rows)) else None


@dataclass(frozen=True, slots=True)
class _Head:
    """The first rows of a file, the names they would have if the first were a header, and the line it is in."""

    delimiter: str
    rows: list[list[str]]
    names: tuple[str, ...]
    line: int

    @classmethod
    def of(cls, file: MetadataFile) -> _Head:
        lines = file.head() if file.text[:1] not in ("{", "[", "<") else []
        if not lines or len(lines[0]) > _LONGEST_ROW:
            return cls(",", [], (), 0)
        delimiter = delimiter_of(lines[0])
        rows = [cells or [] for _, cells in _records("\n".join(lines) + "\n", delimiter)]
        names = tuple(_column(cell) for cell in rows[0]) if rows else ()
        # a cell that runs over lines may have been cut with the head
        rows = rows[:-1] if len(lines) == 20 else rows
        return cls(delimiter, rows, names, file.text[: file.text.index(lines[0])].count("\n") + 1)


def _column(cell: str) -> str:
    name = cell.strip("\ufeff \"'`").rsplit(".", 1)[-1].casefold()
    return _REPORTED.get(name, name)


def _is_user_row(row: list[str]) -> bool:
    switches = sum(cell in ("0", "1", "Y", "N") for cell in row)
    return (
        len(row) >= _LEAST_USER_COLUMNS
        and bool(_WHOLE.fullmatch(row[0]) and re.fullmatch(r"\d", row[4]))
        and switches * 3 >= len(row)
    )


def _is_recording_row(row: list[str]) -> bool:
    return (
        len(row) >= 12
        and bool(_WHOLE.fullmatch(row[0]) and _ADDRESS.fullmatch(row[2]))
        and bool(_DATE_TIME.fullmatch(row[4]) and _EPOCH_OR_NONE.fullmatch(row[5]) and _DATE_TIME.fullmatch(row[6]))
    )


def _is_log_row(row: list[str]) -> bool:
    return len(row) >= 14 and bool(_DOTTED.fullmatch(row[0])) and _has_log_shape(row)


def _is_closer_row(row: list[str]) -> bool:
    return len(row) >= 14 and bool(_WHOLE.fullmatch(row[0])) and _has_log_shape(row)


def _has_log_shape(row: list[str]) -> bool:
    """The first 14 columns of both logs are alike but for the first."""
    shapes = ((1, _WHOLE), (4, _DATE_TIME), (5, _EPOCH_OR_NONE), (6, _EPOCH_OR_NONE))
    return row[13] in ("Y", "N", "NULL", "\\N", "") and all(shape.fullmatch(row[at]) for at, shape in shapes)


_SHAPES = ((_RECORDING_LOG, _is_recording_row), (_LOG, _is_log_row), (_CLOSER_LOG, _is_closer_row))


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Rows by their last line. MySQL quotes nothing in text between tabs, and puts a backslash before what it must."""
    if delimiter != "\t":
        yield from csv_records(text, delimiter)
        return
    begun = ""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if (len(line) - len(line.rstrip("\\"))) % 2:
            begun += line + "\n"
        elif line or begun:
            line, begun = begun + line, ""
            yield number, [_unescaped(cell) for cell in _cells(line)]


def _cells(line: str) -> list[str]:
    if "\\" not in line:
        return line.split("\t")
    # a backslash that is one itself must not be taken for that of a tab
    cells = _TAB.split(line.replace("\\\\", "\0"))
    return [cell.replace("\0", "\\\\") for cell in cells]


def _unescaped(cell: str) -> str:
    if "\\" not in cell or cell == "\\N":
        return cell.strip('"')
    return _ESCAPED.sub(lambda found: {"n": "\n", "t": "\t", "0": ""}.get(found[1], found[1]), cell)


def _leg(row: Mapping[str, str], place: Message, entered: set[str]) -> Leg:
    """`entered` are the uniqueids of calls that came in by themselves, of the rows before."""
    if _DOTTED.fullmatch(row.get("alt_dial", "")):
        # the report has one column for both, of calls that came in the seconds in the queue
        row = {"queue_seconds": row["alt_dial"], **{name: row[name] for name in row if name != "alt_dial"}}
    key = row.get("closecallid") or row.get("vicidial_id") or row.get("uniqueid", "")
    # a closecallid is a whole number, a uniqueid has a point
    is_closer = "closecallid" in row or "queue_seconds" in row or bool(_WHOLE.fullmatch(key))
    agent = row.get("user", "")
    is_answered = bool(agent) and agent.upper() not in _NO_AGENT
    cells = {name: text for name, text in _further(row).items() if text}
    cells["started_at"] = row.get("call_date") or row.get("start_time", "")
    if is_answered:
        cells |= {"agent_id": agent}
        cells |= {"agent_name": row["full_name"]} if "full_name" in row else {}
        cells |= {"team": row["user_group"]} if "user_group" in row else {}
    if is_closer:
        cells |= {"queue": row["campaign_id"]} if "campaign_id" in row else {}
        cells |= {"wait_s": row["queue_seconds"]} if "queue_seconds" in row else {}
    reason = row.get("term_reason", "").upper()
    extra = {name: row[name] for name in _KEPT if name in row}
    if not is_closer and "campaign_id" in row:
        extra["campaign_id"] = row["campaign_id"]
    return Leg(
        place=place,
        ids=(f"vicidial {key}",) if is_closer and key else (key,) if key else (),
        call_id=key,
        recordings=_names(row),
        direction=_direction(row, is_closer, key, entered),
        customer=row.get("phone_number", ""),
        released=ReleaseRecord(_RELEASED[reason], f"VICIdial term_reason {reason}") if reason in _RELEASED else None,
        epoch_s=float(row["start_epoch"]) if _EPOCH.fullmatch(row.get("start_epoch", "")) else None,
        cells=cells,
        extra=extra,
    )


def _direction(row: Mapping[str, str], is_closer: bool, key: str, entered: set[str]) -> Direction | None:
    """The log holds calls that were dialled. The closer log also has those that an agent passed on to its in-groups,
    which came in only if an earlier row of theirs did; of such a recording alone nothing is known.
    """
    if not is_closer:
        return "outbound" if _DOTTED.fullmatch(key) or "alt_dial" in row else None
    uniqueid = row.get("uniqueid", "")
    if not {"closecallid", "queue_seconds"} & row.keys():
        return None
    if row.get("xfercallid", "0") == "0":
        entered.add(uniqueid)
        return "inbound"
    return "inbound" if uniqueid in entered else None


def _names(row: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses of the recordings, and their names without a side. The report puts several into one cell."""
    return tuple(name for column in ("location", "filename") for name in row.get(column, "").split("|") if name)


def _further(row: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name in row.keys() - _COLUMNS:
        known = field_of_column(name)
        if known in _FURTHER_FIELDS:
            found[known] = row[name]
    return found
