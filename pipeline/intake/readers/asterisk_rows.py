"""Rows of Asterisk's own files, whatever they are called: with a header line, in a known order, as JSON, or as the
manager's events."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from pipeline.intake.cells import cell_text
from pipeline.intake.reader import MetadataFile
from pipeline.intake.readers.json_values import json_objects
from pipeline.intake.rows import csv_records, delimiter_of
from pipeline.messages import Message

_FUNCTION = re.compile(r"\b(?:CDR|CALLERID|CHANNEL)\((\w+)")
# quotation marks within a name or JSON: a quoted cell begins with one
_BACKSLASHED = re.compile(r'[{"]\\"')
_HEAD_CHARS = 200_000
_NO_NAME = re.compile(r"[^a-z0-9]+")

NamedRow = tuple[Message, dict[str, str]]
"""Where a row stands, and its cells by Asterisk's own names. Empty cells and NULL are left out."""

HEAD = 5
"""In how many of a file's first lines its kind must show: a title, or a line cut short, may stand before."""

_MOST_EVENTS = 200
"""In how many of a manager's first events: there are many kinds."""


@dataclass(frozen=True, slots=True)
class RowKind:
    """How to know the rows of one kind of file.

    `aliases` are spellings of columns (see `column_name`), by what they are called here. `is_header` says whether the
    columns of a header line, or the keys of an object, are those of this kind. `order` gives the names of a row's cells
    by their look, where no header does; None when it looks like no row of the kind.
    """

    aliases: Mapping[str, str]
    is_header: Callable[[set[str]], bool]
    order: Callable[[list[str]], Sequence[str] | None]

    def recognises(self, file: MetadataFile) -> bool:
        """Whether one of the first lines, or the first object, is of this kind."""
        if objects := _objects(file, []):
            return any(self._is_own(row) for _, row in islice(objects, _MOST_EVENTS))
        return any(self.is_header(set(self.header(cells))) or self.order(cells) for cells in head_cells(file))

    def header(self, names: Sequence[str]) -> tuple[str, ...]:
        """What columns are called here, "" for those that mean nothing, or the same as one before."""
        named = tuple(self.aliases.get(column_name(name), "") for name in names)
        return tuple(name if name not in named[:at] else "" for at, name in enumerate(named))

    def rows(self, file: MetadataFile, warnings: list[Message]) -> Iterator[NamedRow]:
        """The rows of a file, each cell by its name. A line that is none of the kind is left out with a warning."""
        if objects := _objects(file, warnings):
            yield from ((place, self._named(row)) for place, row in objects if "Event" not in row or self._is_own(row))
            return
        header: list[str] = []
        named: Sequence[str] | None = None
        is_head = HEAD
        for number, cells in _records(file.text):
            place = file.line(number)
            if cells is None:
                warnings.append(Message("{file} {place}", file=file.shown_name, place=_bad_quotes(number)))
                continue
            if not any(cells) or cells == header:
                continue
            if is_head and self.is_header(set(found := self.header(cells))):
                header, named, is_head = cells, found, 0
                continue
            is_head = max(is_head - 1, 0)
            if names := named or self.order(cells):
                yield place, _cells(names, cells)
            else:
                warnings.append(Message("{place}: not the cells of this kind of file; left out", place=place))

    def _is_own(self, row: Mapping[str, Any]) -> bool:
        return self.is_header(set(self.header(list(row))))

    def _named(self, row: Mapping[str, Any]) -> dict[str, str]:
        named: dict[str, str] = {}
        for key, cell in row.items():
            known = self.aliases.get(column_name(key))
            if known and known not in named and (text := _object_text(cell)):
                named[known] = text
        return named


def head_cells(file: MetadataFile) -> list[list[str]]:
    """The cells of the file's first lines."""
    return [cells for _, cells in _records("\n".join(file.head(HEAD))) if cells]


def column_name(name: str) -> str:
    """A column's name in one spelling: "Src. Channel" and src_channel are the same; that of `${CDR(src)}` is src."""
    if function := _FUNCTION.search(name):
        name = function[1]
    return _NO_NAME.sub("", name.casefold())


def _bad_quotes(number: int) -> Message:
    return Message(
        "line {number}: a quotation mark that is not closed or doubled, or a cell of more than 128 KB; left out",
        number=number,
    )


def _cells(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    row = {}
    for name, cell in zip(names, cells, strict=False):
        if name and (text := cell.strip()) and text not in ("NULL", "\\N"):
            row[name] = text
    return row


def _records(text: str) -> Iterator[tuple[int, list[str] | None]]:
    text = text.removeprefix("\ufeff")
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = delimiter_of(header)
    if _BACKSLASHED.search(text[:_HEAD_CHARS]):
        # quote_escape_character of cdr_custom and cel_custom
        for number, line in enumerate(text.split("\n"), 1):
            try:
                yield number, next(csv.reader([line.rstrip("\r")], delimiter=delimiter, escapechar="\\"), [])
            except csv.Error:
                yield number, None
    elif delimiter != "\t":
        yield from csv_records(text, delimiter)
    else:
        # what `mysql -B` prints has quotation marks that quote nothing
        for number, line in enumerate(text.split("\n"), 1):
            yield number, [_unquoted(cell) for cell in line.rstrip("\r").split("\t")]


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _objects(file: MetadataFile, warnings: list[Message]) -> Iterator[tuple[Message, Mapping[str, Any]]] | None:
    """The objects of JSON, or the manager's events; None when the file holds rows."""
    if file.text[:1000].lstrip("\ufeff \t\r\n[").startswith("{"):
        return json_objects(file, warnings)
    return _events(file) if any(line.startswith("Event: ") for line in file.head(20)) else None


def _events(file: MetadataFile) -> Iterator[tuple[Message, Mapping[str, str]]]:
    """The manager's events: a line for each key, and a blank line after each event."""
    event: dict[str, str] = {}
    for number, line in enumerate(chain(file.text.split("\n"), [""]), 1):
        key, colon, cell = line.partition(":")
        if colon:
            event[key.strip()] = cell.strip()
        elif not line.strip():
            # answers to commands are no events
            if "Event" in event:
                yield file.line(number - len(event)), event
            event = {}


def _object_text(cell: Any) -> str:
    """A value as text; an object, such as the extra of a channel event, as JSON."""
    if isinstance(cell, dict):
        return json.dumps(cell, ensure_ascii=False)
    try:
        return cell_text(cell)
    except ValueError:
        return ""
