"""The rows of a CSV, Parquet, JSON or JSON-lines file, whatever they mean."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from pipeline.errors import BadMetadata, BadSetting, shown
from pipeline.messages import Message

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
"""What a table of calls may be called, in the order in which an inbox is searched for cdr.*."""

PlacedRow = tuple[Message, dict[str, Any]]
"""A row's place ("line 3", "row 3") and its cells by column; cells beyond the last column stand under ""."""


def read_rows(file: Path, encoding: str = "utf-8-sig") -> list[PlacedRow]:
    """The rows of a CSV, Parquet, JSON (list) or JSON-lines file.

    Raises BadMetadata, with a remedy, when the file cannot be read as what its name says.
    """
    suffix = file.suffix.lower()
    try:
        if suffix == ".parquet":
            return _numbered(_parquet_rows(file))
        data = file.read_bytes()
        if suffix in (".json", ".jsonl", ".ndjson"):
            return _numbered(_json_rows(_decoded(data, "utf-8-sig")))
        if suffix in (".csv", ".tsv", ".txt"):
            return _csv_rows(_decoded(data, encoding))
    except BadMetadata as error:
        raise BadMetadata(Message("{place}: {fault}", place=shown(file), fault=error.message)) from error
    except (OSError, ValueError, csv.Error) as error:
        fault = _unreadable(suffix.lstrip(".").upper(), error)
        raise BadMetadata(Message("{place}: {fault}", place=shown(file), fault=fault)) from error
    raise BadMetadata(
        Message("{file}: unknown kind of metadata; use .csv, .parquet, .json or .jsonl", file=shown(file))
    )


def _unreadable(kind: str, error: Exception) -> Message:
    # the error's own text may quote a caller's number
    return Message("cannot be read as {kind} ({error}); export it again", kind=kind, error=type(error).__name__)


def _numbered(rows: list[dict[str, Any]]) -> list[PlacedRow]:
    return [(Message("row {number}", number=number), row) for number, row in enumerate(rows, 1)]


def _decoded(data: bytes, encoding: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("gb18030")
    except LookupError as error:
        message = Message("ingest.encoding: {encoding}: no such encoding; use utf-8-sig or gb18030", encoding=encoding)
        raise BadSetting(message) from error


def _csv_rows(text: str) -> list[PlacedRow]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise BadMetadata(Message("has no header line; the first line must name the columns"))
    if len(set(names)) < len(names):
        raise BadMetadata(Message("has two columns of the same name; rename one"))
    rows: list[PlacedRow] = []
    for cells in reader:
        if any(cell.strip() for cell in cells):
            row: dict[str, Any] = dict(zip(names, cells, strict=False))
            if len(cells) > len(names):
                row[""] = "too many"
            rows.append((Message("line {number}", number=reader.line_num), row))
    return rows


def _json_rows(text: str) -> list[dict[str, Any]]:
    try:
        whole = json.loads(text)
        rows = whole if isinstance(whole, list) else [whole]
        if isinstance(whole, dict):
            lists = (part for part in whole.values() if isinstance(part, list))
            rows = next((part for part in lists if all(isinstance(row, dict) for row in part)), rows)
    except json.JSONDecodeError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise BadMetadata(Message("must hold a list of objects, or one object a line"))
    return rows


def _parquet_rows(file: Path) -> list[dict[str, Any]]:
    # DuckDB is for the results, yet nothing else that is installed reads Parquet
    import duckdb

    try:
        with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as database:
            result = database.execute("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet($1)", [_no_glob(file)])
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    except duckdb.Error as error:
        raise BadMetadata(_unreadable("PARQUET", error)) from error


def _no_glob(file: Path) -> str:
    """The path as DuckDB takes it literally, where * ? [ would name other files."""
    return re.sub(r"([*?\[])", r"[\1]", str(file))
