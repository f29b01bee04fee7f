"""Rows of Asterisk's own files, whatever they are called: with a header line, in a known order, or as JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import shown
from pipeline.intake.cells import cell_text
from pipeline.intake.reader import MetadataFile
from pipeline.intake.rows import csv_records
from pipeline.messages import Message

_FUNCTION = re.compile(r"\b(?:CDR|CALLERID|CHANNEL)\((\w+)")
_NO_NAME = re.compile(r"[^a-z0-9]+")

NamedRow = tuple[Message, dict[str, str]]
"""Where a row stands, and its cells by Asterisk's own names. Empty cells and NULL are left out."""

HEAD = 5
"""In how many of a file's first lines its kind must show: a title, or a line cut short, may stand before."""


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
        if keys := _first_keys(file):
            return self.is_header(set(self.header(keys)))
        return any(self.is_header(set(self.header(cells))) or self.order(cells) for cells in head_cells(file))

    def header(self, names: Sequence[str]) -> tuple[str, ...]:
        """What columns are called here, "" for those that mean nothing, or the same as one before."""
        named = tuple(self.aliases.get(column_name(name), "") for name in names)
        return tuple(name if name not in named[:at] else "" for at, name in enumerate(named))

    def rows(self, file: MetadataFile, warnings: list[Message]) -> Iterator[NamedRow]:
        """The rows of a file, each cell by its name. A line that is none of the kind is left out with a warning."""
        if _first_keys(file):
            yield from self._json_rows(file, warnings)
            return
        name = shown_name(file)
        header: list[str] = []
        named: Sequence[str] | None = None
        is_head = HEAD
        for number, cells in _records(file.text):
            place = Message("{file} {place}", file=name, place=Message("line {number}", number=number))
            if cells is None:
                warnings.append(Message("{file} {place}", file=name, place=_bad_quotes(number)))
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

    def _json_rows(self, file: MetadataFile, warnings: list[Message]) -> Iterator[NamedRow]:
        name = shown_name(file)
        for where, row in _json_objects(file.text):
            place = Message("{file} {place}", file=name, place=where)
            if not isinstance(row, dict):
                warnings.append(Message("{place}: is not a JSON object that can be read; left out", place=place))
                continue
            named: dict[str, str] = {}
            for key, cell in row.items():
                known = self.aliases.get(column_name(key))
                if known and known not in named and (text := _json_text(cell)):
                    named[known] = text
            yield place, named


def head_cells(file: MetadataFile) -> list[list[str]]:
    """The cells of the file's first lines."""
    return [cells for _, cells in _records("\n".join(file.head(HEAD))) if cells]


def column_name(name: str) -> str:
    """A column's name in one spelling: "Src. Channel" and src_channel are the same; that of `${CDR(src)}` is src."""
    if function := _FUNCTION.search(name):
        name = function[1]
    return _NO_NAME.sub("", name.casefold())


def _first_keys(file: MetadataFile) -> list[str]:
    """The keys of the first object of JSON lines or of a JSON list; none when the file is no JSON."""
    first = file.text[:100_000].lstrip("\ufeff \t\r\n[")
    if not first.startswith("{"):
        return []
    try:
        row, _ = json.JSONDecoder().raw_decode(first)
    except (ValueError, RecursionError):
        return []
    return list(row)


def _bad_quotes(number: int) -> Message:
    return Message(
        "line {number}: a quotation mark that is not closed or doubled, or a cell of more than 128 KB; left out",
        number=number,
    )


def shown_name(file: MetadataFile) -> str:
    """The file's name, for messages."""
    return shown(file.path).replace("\\", "/").rsplit("/", 1)[-1]


def _cells(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    row = {}
    for name, cell in zip(names, cells, strict=False):
        if name and (text := cell.strip()) and text not in ("NULL", "\\N"):
            row[name] = text
    return row


def _records(text: str) -> Iterator[tuple[int, list[str] | None]]:
    text = text.removeprefix("\ufeff")
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",\t;|", key=header.count)
    if delimiter != "\t":
        yield from csv_records(text, delimiter)
        return
    # what `mysql -B` prints has quotation marks that quote nothing
    for number, line in enumerate(text.split("\n"), 1):
        yield number, [_unquoted(cell) for cell in line.rstrip("\r").split("\t")]


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _json_objects(text: str) -> Iterator[tuple[Message, Any]]:
    """Each object of a JSON list or of JSON lines and where it stands; None for one that is damaged."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("["):
        whole = _parsed(text)
        for number, row in enumerate(whole if isinstance(whole, list) else [None], 1):
            yield Message("row {number}", number=number), row
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Message("line {number}", number=number), _parsed(line)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_text(cell: Any) -> str:
    """A value as text; an object, such as the extra of a channel event, as JSON."""
    if isinstance(cell, dict):
        try:
            return json.dumps(cell, ensure_ascii=False)
        except RecursionError:
            return ""
    try:
        return cell_text(cell)
    except ValueError:
        return ""
