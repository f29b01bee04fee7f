"""3CX's cdr.log: a line a call, without a header; the administrator chooses the fields and their order.

Source: 3cx.com/docs/cdr-call-data-records. Extensions are written `Ext.1001`, in from-dn and to-dn also without; the
numbers of trunks stand there too, so a number without `Ext.` in from-no or to-no is one of outside. The clock is UTC
on many installations: `ingest.timezone` says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.errors import BadMetadata
from pipeline.intake.reader import Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.rows import csv_records
from pipeline.messages import Message

_IDS = ("historyid", "callid")
_TIMES = ("duration", "time-start", "time-answered", "time-end")
_PARTIES = ("from-no", "to-no", "from-dn", "to-dn", "dial-no", "reason-changed", "final-number", "final-dn")
_BILL = ("bill-code", "bill-rate", "bill-cost", "bill-name")
_TYPES = ("from-type", "to-type", "final-type")
_NAMES = ("from-dispname", "to-dispname", "final-dispname")

_CALL = (*_IDS, *_TIMES, "reason-terminated", *_PARTIES)
ORDERS = (
    (*_CALL, *_BILL, "chain", *_TYPES, *_NAMES, "missed-queue-calls"),
    (*_CALL, *_BILL, "chain", "missed-queue-calls", *_NAMES, *_TYPES),
    (*_CALL, "chain", *_TYPES, *_NAMES, "missed-queue-calls"),
    ("callid", "historyid", *_CALL[2:], *_BILL, "chain", "missed-queue-calls", *_NAMES, *_TYPES),
)
"""Orders of fields that are known: of 3CX's documents, of its page of settings, and of those who follow either. The
last ones of an order may be left out."""

_MOMENT = re.compile(r"(?:\d{4}[/-]\d{1,2}[/-]\d{1,2}[ T]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?")
_SHAPES = {
    "historyid": re.compile(r"(?:Call )?\d+"),
    "callid": re.compile(r"[0-9A-Za-z]{6,40}_\d+"),
    "duration": re.compile(r"(?:[\d.]+:\d\d:\d\d(?:\.\d+)?)?"),
    **dict.fromkeys(_TIMES[1:], _MOMENT),
    "reason-terminated": re.compile(r"[A-Za-z_]*"),
    "from-no": re.compile(r"(?!Chain:).*"),
    "chain": re.compile(r"(?:Chain:.*)?"),
    **dict.fromkeys(_TYPES, re.compile(r"[A-Za-z_]*")),
}
_MARKS = re.compile(r"\bCall \d+\b|\bChain:|\b(?:TerminatedBy|Failed_)\w+|\b(?:src|dst)_participant_terminated\b")
_MISSED = re.compile(r"[\d;.\sExt]*")
_EXTENSION = re.compile(r"Ext\.\s*(\S+)")
_LINES = ("line", "externalline", "external_line", "provider", "gateway", "external", "lineset")
_KNOWN_TYPES = (*_LINES, "extension", "queue", "ringgroup", "ivr", "vmail", "voicemail", "fax", "conference", "parking")
_CALLER_ENDED = ("terminatedbysrc", "src_participant_terminated")
_CALLEE_ENDED = ("terminatedbydst", "dst_participant_terminated")
_GOES_ON = ("replaced", "redirected", "continued", "bxfer", "failedbxfer")


class ThreeCxReader:
    """A `LegReader` of cdr.log, and of tables with its fields' names as header.

    `order` names the fields in the order of the installation, where it is none of the known.
    """

    source = "3cx"

    def __init__(self, order: Sequence[str] = ()) -> None:
        chosen = tuple(map(_name, order))
        # the order of another system's columns is none of this one's
        self._orders = (chosen,) if "time-start" in chosen else ORDERS

    def recognises(self, file: MetadataFile) -> bool:
        head = file.head()
        if not head:
            return False
        if _header(head[0]):
            return True
        marked = [line for line in head if _MARKS.search(line) and re.search(r"\d\d:\d\d:\d\d", line)]
        return 2 * len(marked) > len(head)

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """The calls. Raises BadMetadata when no known order of fields fits the lines."""
        order, delimiter, has_header = self._layout(file)
        talkers = {
            extension
            for _, fields in _rows(file.text, order, delimiter, has_header)
            for extension in (_talkers(fields) if fields else ())
        }
        for number, fields in _rows(file.text, order, delimiter, has_header):
            place = file.line(number)
            if fields is None:
                warnings.append(Message("{place}: not the cells of this kind of file; left out", place=place))
            else:
                yield _leg(fields, place, talkers)

    def _layout(self, file: MetadataFile) -> tuple[Sequence[str], str, bool]:
        """The fields in their order, what stands between them, and whether the first line names them."""
        head = file.head()
        delimiter = next((mark for mark in ",\t|;" if head and head[0].count(mark) > 4), ",")
        if head and (header := _header(head[0])):
            return header, delimiter, True
        lines = [cells for _, cells in csv_records("\n".join(head), delimiter) if cells]
        fitting = {order: [fields for cells in lines if (fields := _fields(cells, order))] for order in self._orders}
        order = max(self._orders, key=lambda order: (len(fitting[order]), _known_types(fitting[order])))
        if 2 * len(fitting[order]) <= len(lines):
            raise BadMetadata(
                Message(
                    "its fields are in no order that is known; name them in ingest.column_order as 3CX's CDR settings "
                    "list them"
                )
            )
        return order, delimiter, False


def _header(line: str) -> tuple[str, ...]:
    """The fields that a line names; none when it is a call's."""
    names = tuple(_name(each) for each in re.split(r"[,;\t|]", line.lstrip("\ufeff")))
    return names if {"time-start", "from-no"} <= set(names) else ()


def _known_types(lines: Sequence[Mapping[str, str]]) -> int:
    """How many types are some of 3CX's words, less those that are none: names may stand there in another order."""
    kinds = (_kind(fields, name) for fields in lines for name in _TYPES)
    return sum(1 if kind in _KNOWN_TYPES else -1 for kind in kinds if kind)


def _name(text: str) -> str:
    return text.strip().strip('"').casefold().replace("_", "-")


def _rows(
    text: str, order: Sequence[str], delimiter: str, has_header: bool
) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """The number of each line that is not blank, and its fields; None for one that is not understood."""
    records = csv_records(text.lstrip("\ufeff"), delimiter)
    if has_header:
        next((cells for _, cells in records if cells), None)
    for number, cells in records:
        if cells is None or any(cell.strip() for cell in cells):
            yield number, None if cells is None else _fields([cell.strip() for cell in cells], order)


def _fields(cells: Sequence[str], order: Sequence[str]) -> Mapping[str, str] | None:
    """The fields of a line in this order; None when it is in another.

    Names are not quoted, and may hold a comma: with more cells than fields, nobody can tell the names apart.
    """
    cells = [cell.strip() for cell in cells]
    surplus = len(cells) - len(order)
    if surplus > 0 and any(cells[len(order) :]):
        names = [at for at, name in enumerate(order) if name in _NAMES]
        if not names:
            return None
        cells = [*cells[: names[0]], *[""] * len(names), *cells[names[-1] + 1 + surplus :]]
    fields = dict(zip(order, cells, strict=False))
    if not _MISSED.fullmatch(fields.get("missed-queue-calls", "")):
        fields = {name: text for name, text in fields.items() if name not in (*_NAMES, "missed-queue-calls")}
    is_whole = all(shape.fullmatch(fields.get(name, "")) for name, shape in _SHAPES.items() if name in fields)
    return fields if is_whole and fields.get("time-start") and ("from-no" in fields or "chain" in fields) else None


# --- who spoke with whom


def _leg(fields: Mapping[str, str], place: Message, talkers: set[str]) -> Leg:
    chain = _chain(fields)
    caller = fields.get("from-no") or (chain[0] if chain else "")
    is_answered = _is_answered(fields)
    direction = _direction(fields, caller, chain)
    own, own_name = _answering(fields, chain) if direction != "outbound" else _calling(fields, caller)
    extension = own if is_answered or direction == "outbound" else ""
    queue = _queue(fields, chain, talkers)
    cells: dict[str, Any] = {
        "started_at": fields["time-start"],
        "agent_name": own_name if extension else "",
        "queue": queue,
        "wait_s": _wait_s(fields, is_answered) if queue else "",
    }
    call_id = fields.get("callid", "")
    history_id = fields.get("historyid", "").removeprefix("Call ")
    return Leg(
        place=place,
        ids=tuple(filter(None, (call_id, history_id))),
        call_id=call_id or history_id,
        direction=direction,
        caller=_number(caller),
        callee=_called(fields, direction, chain),
        extension=extension,
        released=_released(fields, is_answered),
        cells={name: cell for name, cell in cells.items() if cell},
        extra={
            name.replace("-", "_"): fields[name] for name in ("reason-terminated", "reason-changed") if fields.get(name)
        },
    )


def _direction(fields: Mapping[str, str], caller: str, chain: Sequence[str]) -> Direction | None:
    kind = _kind(fields, "from-type")
    if kind in _LINES or (not kind and caller and not _EXTENSION.match(caller)):
        return "inbound"
    if kind not in ("", "extension"):
        return None
    called = fields.get("to-no") or (chain[1] if len(chain) > 1 else "")
    to = _kind(fields, "to-type")
    return "outbound" if to in _LINES or (not to and called and not _EXTENSION.match(called)) else None


def _called(fields: Mapping[str, str], direction: Direction | None, chain: Sequence[str]) -> str:
    to_no, dialled = fields.get("to-no", ""), fields.get("dial-no", "")
    if direction == "inbound":
        return _number(dialled or to_no)
    if direction == "outbound" and (not to_no or _EXTENSION.match(to_no)):
        return _number(dialled or (chain[-1] if chain else ""))
    return _number(to_no or dialled)


def _calling(fields: Mapping[str, str], caller: str) -> tuple[str, str]:
    """The extension that called, and its name."""
    return _number(caller), fields.get("from-dispname", "")


def _answering(fields: Mapping[str, str], chain: Sequence[str]) -> tuple[str, str]:
    """The extension that the caller was connected to last, and its name; "" when it was a queue, a voice mailbox, …"""
    for end in ("final", "to"):
        number = fields.get(f"{end}-number" if end == "final" else "to-no") or fields.get(f"{end}-dn", "")
        if number:
            kind = _kind(fields, f"{end}-type")
            is_own = kind == "extension" or (not kind and (end == "final" or bool(_EXTENSION.match(number))))
            return (_number(number), fields.get(f"{end}-dispname", "")) if is_own else ("", "")
    last = chain[-1] if len(chain) > 1 else ""
    return (_number(last), "") if _EXTENSION.match(last) else ("", "")


def _talkers(fields: Mapping[str, str]) -> Iterator[str]:
    """Extensions that people speak on: they call, or a call that was answered ends with them."""
    chain = _chain(fields)
    ends = (fields.get("from-no") or "".join(chain[:1]), chain[-1] if chain and _is_answered(fields) else "")
    yield from (_number(end) for end in ends if _EXTENSION.match(end))


def _queue(fields: Mapping[str, str], chain: Sequence[str], talkers: set[str]) -> str:
    """The queue, by its name if it has one. Where no field says what is one, it is what the chain goes through that is
    nobody's extension."""
    for end, name in (("to", "to-no"), ("from", "from-no"), ("final", "final-number")):
        if _kind(fields, f"{end}-type") == "queue":
            return fields.get(f"{end}-dispname") or _number(fields.get(name) or fields.get(f"{end}-dn", ""))
    has_types = any(fields.get(name) for name in _TYPES)
    between = [_number(each) for each in chain[1:-1] if _EXTENSION.match(each)]
    if not between or (has_types and not fields.get("missed-queue-calls")):
        return ""
    return next((number for number in reversed(between) if number not in talkers), "")


def _chain(fields: Mapping[str, str]) -> list[str]:
    """Everybody whom the call went through, the caller first."""
    text = fields.get("chain", "").removeprefix("Chain:")
    return [each.strip() for each in text.split(";") if each.strip()]


def _number(text: str) -> str:
    own = _EXTENSION.match(text)
    return own[1] if own else text


def _kind(fields: Mapping[str, str], name: str) -> str:
    return fields.get(name, "").casefold()


# --- how it ended


def _is_answered(fields: Mapping[str, str]) -> bool:
    if "time-answered" in fields:
        return bool(fields["time-answered"])
    return fields.get("reason-terminated", "").casefold() in (*_CALLER_ENDED, *_CALLEE_ENDED)


def _released(fields: Mapping[str, str], is_answered: bool) -> ReleaseRecord | None:
    reason = fields.get("reason-terminated", "")
    folded = reason.casefold()
    if not reason or folded.startswith(_GOES_ON):
        return None
    method = f"reason-terminated {reason}"
    if not is_answered:
        return ReleaseRecord("nobody", method)
    if folded in _CALLER_ENDED:
        return ReleaseRecord("caller", method)
    return ReleaseRecord("callee", method) if folded in _CALLEE_ENDED else None


def _wait_s(fields: Mapping[str, str], is_answered: bool) -> str:
    """Seconds from the call's begin to the agent, or to its end without one."""
    try:
        begin, end = (
            datetime.fromisoformat(fields[name].replace("/", "-"))
            for name in ("time-start", "time-answered" if is_answered else "time-end")
        )
    except (KeyError, ValueError):
        return ""
    seconds = (end - begin).total_seconds()
    return f"{seconds:g}" if seconds >= 0 else ""
