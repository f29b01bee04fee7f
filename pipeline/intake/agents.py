"""The house's own list of its agents (`ingest.agents`): who has which number, team and extension, from when to when."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from pipeline.errors import BadMetadata
from pipeline.intake.cells import cell_text, parse_time, plain_number
from pipeline.intake.reader import MetadataFile
from pipeline.intake.rows import rows_of
from pipeline.intake.vocabulary import agent_field_of_column
from pipeline.messages import Message

AGENTS_FILE = "agents.csv"
"""What the list is called in an inbox whose settings name none."""

_OPEN = frozenset(("", "-", "now", "至今", "今"))
_BETWEEN_LINES = re.compile(r"[,;/|，；、\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """What is true of an agent from the first day to the last, both included; None: always before, or until now."""

    place: Message
    agent_id: str = ""
    name: str = ""
    team: str = ""
    extensions: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    @property
    def cells(self) -> dict[str, str]:
        """What the row says of an agent, by the fields of a CDR."""
        cells = {"agent_id": self.agent_id, "agent_name": self.name, "team": self.team}
        return {field: text for field, text in cells.items() if text}

    def is_valid_on(self, day: date) -> bool:
        """Whether the row is true of a day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class Agents:
    """Finds agents by their id, their name or their extension. Of rows that are true of a day the later one counts."""

    def __init__(self, rows: Iterable[AgentRow] = (), warnings: list[Message] | None = None) -> None:
        self._by_id: dict[str, list[AgentRow]] = defaultdict(list)
        self._by_name: dict[str, list[AgentRow]] = defaultdict(list)
        self._by_extension: dict[str, list[AgentRow]] = defaultdict(list)
        for row in rows:
            if row.agent_id:
                self._by_id[_key(row.agent_id)].append(row)
            if row.name:
                self._by_name[_key(row.name)].append(row)
            for extension in row.extensions:
                self._by_extension[_key(extension)].append(row)
        if warnings is not None:
            for found in (*self._by_id.values(), *self._by_extension.values()):
                warnings += _overlaps(found)

    def fill(self, cells: Mapping[str, Any], extension: str, on: date | None) -> dict[str, str]:
        """The agent's id, name and team as the list has them, of a call on a day (None: not known) in which the CDR has
        these cells and the agent this extension; empty when nobody is found, or several could be meant.
        """
        agent, name = _key(str(cells.get("agent_id") or "")), _key(str(cells.get("agent_name") or ""))
        line = _key(extension)
        # a number of an agent who is not in the list is not that of whoever has the extension
        has_other_id = agent.isdecimal() and agent != line
        for index, key in (
            (self._by_id, agent),
            (self._by_name, agent),
            (self._by_name, name),
            (self._by_extension, agent),
            (self._by_extension, "" if has_other_id else line),
        ):
            if rows := index.get(key) if key else None:
                row = _on_day(rows, on)
                is_several = index is self._by_name and len({row.agent_id for row in rows}) > 1
                return row.cells if row and not is_several else {}
        return {}


def _on_day(rows: Sequence[AgentRow], day: date | None) -> AgentRow | None:
    valid = [row for row in rows if day is None or row.is_valid_on(day)]
    begun = max((row.first or date.min for row in valid), default=None)
    # without a day, rows of different times are as likely
    last = [row for row in valid if day is None or (row.first or date.min) == begun]
    return last[0] if last and all(row.cells == last[0].cells for row in last) else None


def _overlaps(rows: Sequence[AgentRow]) -> list[Message]:
    """What to say of rows of one agent, or one extension, that are true of the same days and differ. One without an end
    ends where the next one begins.
    """
    in_order = sorted(rows, key=lambda row: row.first or date.min)
    return [
        Message(
            "{place}: the same agent or extension as in {other}, on the same days; give from and to",
            place=later.place,
            other=earlier.place,
        )
        for earlier, later in pairwise(in_order)
        if earlier.cells != later.cells
        and (
            (earlier.first or date.min) == (later.first or date.min)
            or (earlier.last is not None and later.first is not None and later.first <= earlier.last)
        )
    ]


def _key(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def agent_rows(file: MetadataFile, warnings: list[Message]) -> list[AgentRow]:
    """The rows of a list of agents. Raises BadMetadata, with a remedy, when its columns name no agents."""
    table = rows_of(file, warnings)
    columns: dict[str, str] = {}
    for column in table.columns:
        if field := agent_field_of_column(column):
            columns.setdefault(field, column)
    if "id" not in columns and not {"name", "extension"} <= columns.keys():
        raise BadMetadata(
            Message("is no list of agents; its first line must name the columns: id, name, team, extension, from, to")
        )
    found = []
    for place, cells in table.rows:
        where = Message("{file} {place}", file=file.shown_name, place=place)
        texts = {field: _text(cells.get(column)) for field, column in columns.items()}
        try:
            first, last = _day(texts.get("from", "")), _day(texts.get("to", ""))
        except (ValueError, OverflowError, OSError):
            warnings.append(Message("{place}: from or to is no date, left out; write 2026-11-20", place=where))
            continue
        row = AgentRow(
            place=where,
            agent_id=texts.get("id", ""),
            name=texts.get("name", ""),
            team=texts.get("team", ""),
            extensions=tuple(filter(None, _BETWEEN_LINES.split(texts.get("extension", "")))),
            first=first,
            last=last,
        )
        if row.agent_id or (row.name and row.extensions):
            found.append(row)
        elif any(texts.values()):
            warnings.append(Message("{place}: says of no agent who it is, left out; give an id", place=where))
    return found


def _text(cell: Any) -> str:
    """A cell's text; numbers as they were before a spreadsheet had them, "" for one that has lost digits."""
    try:
        return plain_number(cell_text(cell))
    except ValueError:
        return ""


def _day(text: str) -> date | None:
    return None if text.casefold() in _OPEN else parse_time(text).date()
