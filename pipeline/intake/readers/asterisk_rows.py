"""Rows of Asterisk's own files, whatever they are called: with a header line, in a known order, or as JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import shown
from pipeline.intake.cells import cell_text
from pipeline.intake.reader import MetadataFile
from pipeline.intake.rows import csv_records
from pipeline.messages import Message

NamedRow = tuple[Message, dict[str, str]]
"""Where a row stands, and its cells by Asterisk's own names. Empty cells and NULL are left out."""

Orders = Callable[[list[str]], Sequence[str] | None]
"""The names of a row's cells in order, by the look of the cells; None when it looks like no row of the kind."""


def first_cells(file: MetadataFile) -> list[str]:
    """The cells of the file's first line."""
    head = file.head(1)
    return next((cells or [] for _, cells in _records("\n".join(head).lstrip("\ufeff"))), [])


def column_name(name: str) -> str:
    """A column's name in one spelling: "Src. Channel" and src_channel are the same."""
    return re.sub(r"[^a-z0-9]+", "", name.casefold())


def named_header(cells: Sequence[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The names that a header line gives its columns, "" for those that mean nothing here."""
    named = tuple(aliases.get(column_name(cell), "") for cell in cells)
    return tuple(name if name not in named[:at] else "" for at, name in enumerate(named))


def json_head(file: MetadataFile, aliases: Mapping[str, str]) -> set[str]:
    """The names in the first object of JSON lines or of a JSON list; none when the file is no JSON."""
    first = file.text.lstrip("\ufeff \t\r\n[")
    if not first.startswith("{"):
        return set()
    try:
        row, _ = json.JSONDecoder().raw_decode(first[:100_000])
    except (ValueError, RecursionError):
        return set()
    return set(named_header(list(row), aliases)) - {""}


def named_rows(
    file: MetadataFile,
    aliases: Mapping[str, str],
    orders: Orders,
    is_header: Callable[[set[str]], bool],
    warnings: list[Message],
) -> Iterator[NamedRow]:
    """The rows of a file, each cell by its name.

    A first line that names columns is a header; every other line's names are those that `orders` gives for it. A line
    that fits neither is left out with a warning.
    """
    name = shown_name(file)
    if json_head(file, aliases):
        yield from _json_rows(file, aliases, warnings)
        return
    header: list[str] = []
    named: Sequence[str] | None = None
    is_first = True
    for number, cells in _records(file.text.removeprefix("\ufeff")):
        if cells is None:
            fault = Message(
                "line {number}: a quotation mark that is not closed or doubled, or a cell of more than 128 KB; "
                "left out",
                number=number,
            )
            warnings.append(Message("{file} {place}", file=name, place=fault))
            continue
        if not any(cells) or cells == header:
            continue
        if is_first and is_header(set(found := named_header(cells, aliases))):
            header, named = cells, found
            continue
        is_first = False
        place = Message("{file} {place}", file=name, place=Message("line {number}", number=number))
        if names := named or orders(cells):
            yield place, _cells(names, cells)
        else:
            warnings.append(Message("{place}: not the cells of this kind of file; left out", place=place))


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


def _json_rows(file: MetadataFile, aliases: Mapping[str, str], warnings: list[Message]) -> Iterator[NamedRow]:
    name = shown_name(file)
    for where, row in _json_objects(file.text.removeprefix("\ufeff")):
        place = Message("{file} {place}", file=name, place=where)
        if not isinstance(row, dict):
            warnings.append(Message("{place}: is not a JSON object that can be read; left out", place=place))
            continue
        named: dict[str, str] = {}
        for key, cell in row.items():
            if (known := aliases.get(column_name(key))) and known not in named and (text := _json_text(cell)):
                named[known] = text
        yield place, named


def _json_objects(text: str) -> Iterator[tuple[Message, Any]]:
    """Each object of a JSON list or of JSON lines and where it stands; None for one that is damaged."""
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
