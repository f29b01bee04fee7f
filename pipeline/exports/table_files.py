"""Rows as CSV, JSON lines or Parquet, written as they come: many calls need no more memory than one."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import duckdb
import msgspec

from pipeline.messages import shown_json
from pipeline.results.csv_cells import guarded
from pipeline.results.parts import NOTHING_LOADED, quoted
from pipeline.results.tables import TableColumn
from pipeline.storage.files import put_in_place

_ROW_GROUP = 20_480
"""Rows of Parquet that are held at one time."""


class ByteSink(Protocol):
    """Where bytes go: a file, or the standard output."""

    def write(self, data: bytes, /) -> object: ...


Rows = Iterable[Mapping[str, Any]]
RowsWriter = Callable[[Sequence[TableColumn], Rows, ByteSink, Path], None]


def write_csv_rows(columns: Sequence[TableColumn], rows: Rows, stream: ByteSink, beside: Path) -> None:
    """CSV as RFC 4180 has it, in UTF-8. Lists are JSON; what a spreadsheet would run as a formula gets a ' in front."""
    writer = csv.writer(_Encoded(stream), lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([guarded(_cell(row[column.name])) for column in columns])


def write_json_lines(columns: Sequence[TableColumn], rows: Rows, stream: ByteSink, beside: Path) -> None:
    """A JSON object a line. What would steer a terminal is written as JSON's own escapes, and reads back the same."""
    for row in rows:
        stream.write(shown_json(msgspec.json.encode(row).decode()).encode() + b"\n")


def write_parquet_rows(columns: Sequence[TableColumn], rows: Rows, stream: ByteSink, beside: Path) -> None:
    """Parquet, made by DuckDB out of JSON lines, which lie in the folder `beside` meanwhile. Raises duckdb.Error."""
    with tempfile.TemporaryDirectory(prefix=".export-", dir=beside) as made:
        lines, target = Path(made, "rows.jsonl"), Path(made, "rows.parquet")
        longest = 0
        with lines.open("wb") as file:
            for row in rows:
                line = msgspec.json.encode(row)
                longest = max(longest, len(line))
                file.write(line + b"\n")
        kinds = ", ".join(f'"{column.name}": {quoted(column.sql_type)}' for column in columns)
        read = (
            f"read_json({quoted(str(lines))}, format = 'newline_delimited', columns = {{{kinds}}}, "
            f"maximum_object_size = {max(1 << 20, 1 + longest)})"
        )
        config = {"memory_limit": "1GB", "threads": "1", "temp_directory": made, **NOTHING_LOADED}
        with duckdb.connect(config=config) as connection:
            connection.execute(
                f"COPY (FROM {read}) TO {quoted(str(target))} "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
        lines.unlink()
        with target.open("rb") as file:
            while block := file.read(1 << 20):
                stream.write(block)


TABLE_FILES: Mapping[str, RowsWriter] = {
    "csv": write_csv_rows,
    "jsonl": write_json_lines,
    "parquet": write_parquet_rows,
}
"""Kinds of files, by how their names end."""


@contextmanager
def writing_whole(target: Path, flush: bool = True) -> Iterator[BinaryIO]:
    """A file that is written piece by piece, and is there once it is whole, or not at all. Raises OSError.

    Without `flush` it may still be on its way to the disk: who writes many has them flushed together (`os.sync`).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        if flush:
            put_in_place(Path(temporary), target)
        else:
            os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class _Encoded:
    """What csv writes its lines to."""

    def __init__(self, stream: ByteSink) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.encode("utf-8", "replace"))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):  # a moment, too
        return value.isoformat()
    if isinstance(value, tuple | list | dict | msgspec.Struct):
        return msgspec.json.encode(value).decode()
    return value
