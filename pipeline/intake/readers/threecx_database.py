"""3CX's table `cdroutput` (version 20 and later), exported with its columns' names: a row each way that a call took.

Source: 3cx.com/docs/call-detail-record-guide. Rows of one call share call_history_id; its moments are UTC and say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipeline.errors import BadMetadata
from pipeline.intake.reader import CallSide, Direction, Leg, MetadataFile, ReleaseRecord
from pipeline.intake.rows import csv_records, delimiter_of
from pipeline.messages import Message

_COLUMNS = {"call_history_id", "source_entity_type", "destination_entity_type", "cdr_started_at"}
_ENDS = {"src_participant_terminated": "source", "dst_participant_terminated": "destination"}
_GOES_ON = ("continued_in", "redirected")
_SIDES: dict[str, CallSide] = {"external_line": "customer", "extension": "agent"}
_FALSE = ("f", "false", "0", "no")


class ThreeCxDatabaseReader:
    """A `LegReader` of the rows of cdroutput."""

    source = "3cx-database"

    def recognises(self, file: MetadataFile) -> bool:
        head = file.head(1)
        return bool(head) and _header(head[0]) is not None

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """The rows, a leg each. Raises BadMetadata when the first line does not name the columns."""
        head = file.head(1)
        header = _header(head[0]) if head else None
        if header is None:
            raise BadMetadata(Message("its first line must name the columns; export it again"))
        names, delimiter = header
        records = csv_records(file.text.lstrip("\ufeff"), delimiter)
        next((cells for _, cells in records if cells), None)
        for number, cells in records:
            if cells == [] or (cells and not any(cells)):
                continue
            place = file.line(number)
            if cells is None or len(cells) != len(names):
                warnings.append(Message("{place}: not the cells of this kind of file; left out", place=place))
            else:
                row = {
                    name: "" if cell.strip() in ("NULL", r"\N") else cell.strip()
                    for name, cell in zip(names, cells, strict=True)
                }
                yield _leg(row, place)


def _header(line: str) -> tuple[list[str], str] | None:
    line = line.lstrip("\ufeff")
    delimiter = delimiter_of(line)
    _, cells = next(csv_records(line, delimiter), (0, None))
    names = [cell.strip().casefold() for cell in cells or ()]
    return (names, delimiter) if set(names) >= _COLUMNS else None


def _leg(row: Mapping[str, str], place: Message) -> Leg:
    direction = _direction(row)
    is_answered = bool(row.get("cdr_answered_at"))
    agent_end = "source" if direction == "outbound" else "destination"
    has_agent = row.get(f"{agent_end}_entity_type") == "extension" and (is_answered or direction == "outbound")
    queue_end = next((end for end in ("destination", "source") if row.get(f"{end}_entity_type") == "queue"), "")
    started = _moment(row["cdr_started_at"])
    cells: dict[str, Any] = {
        "started_at": row["cdr_started_at"],
        "agent_name": row.get(f"{agent_end}_dn_name", "") if has_agent else "",
        "queue": row.get(f"{queue_end}_dn_name") or row.get(f"{queue_end}_dn_number", ""),
        "wait_s": _seconds(started, _moment(row.get("cdr_ended_at", ""))) if queue_end == "destination" else "",
    }
    call_id = row["call_history_id"]
    return Leg(
        place=place,
        ids=tuple(filter(None, dict.fromkeys((call_id, row.get("main_call_history_id", ""), row.get("cdr_id", ""))))),
        call_id=row.get("main_call_history_id") or call_id,
        direction=direction,
        caller=row.get("source_participant_phone_number") or row.get("source_dn_number", ""),
        callee=_called(row, direction),
        extension=row.get(f"{agent_end}_dn_number", "") if has_agent else "",
        released=_released(row, is_answered),
        epoch_s=started.timestamp() if started and started.tzinfo else None,
        cells={name: cell for name, cell in cells.items() if cell},
        extra={name: row[name] for name in ("termination_reason", "termination_reason_details") if row.get(name)},
    )


def _direction(row: Mapping[str, str]) -> Direction | None:
    if row["source_entity_type"] == "external_line":
        return "outbound" if row.get("source_participant_is_incoming", "").casefold() in _FALSE else "inbound"
    goes_outside = row["destination_entity_type"] in ("external_line", "outbound_rule")
    return "outbound" if row["source_entity_type"] == "extension" and goes_outside else None


def _called(row: Mapping[str, str], direction: Direction | None) -> str:
    if direction == "inbound" and (did := row.get("source_participant_trunk_did")):
        return did
    return row.get("destination_participant_phone_number") or row.get("destination_dn_number", "")


def _released(row: Mapping[str, str], is_answered: bool) -> ReleaseRecord | None:
    reason = row.get("termination_reason", "")
    # a phone that rang in vain tells nothing of a call that another answered
    if not reason or reason in _GOES_ON or (row.get("creation_forward_reason") == "polling" and not is_answered):
        return None
    method = f"termination_reason {reason}"
    if not is_answered:
        return ReleaseRecord("nobody", method)
    end = _ENDS.get(reason)
    return ReleaseRecord(_side(row, end), method) if end else None


def _side(row: Mapping[str, str], end: str) -> CallSide:
    """Who is at an end: the trunk's is the customer's, and the other is an agent's."""
    types = {row["source_entity_type"], row["destination_entity_type"]}
    if "external_line" in types and len(types) == 2:
        return _SIDES.get(row[f"{end}_entity_type"], "system")
    return "caller" if end == "source" else "callee"


def _moment(text: str) -> datetime | None:
    """A moment such as 2025-12-08 21:32:26.70634+00."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _seconds(begin: datetime | None, end: datetime | None) -> str:
    if begin is None or end is None or (begin.tzinfo is None) != (end.tzinfo is None):
        return ""
    seconds = (end - begin).total_seconds()
    return f"{seconds:.0f}" if seconds >= 0 else ""
