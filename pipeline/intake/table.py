"""A table of calls, one row each: what any telephone system can be made to export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import BadMetadata, shown
from pipeline.intake.cdr import CdrBuilder, check_fields
from pipeline.intake.cells import cell_text
from pipeline.intake.reader import MetadataRow
from pipeline.intake.rows import read_rows
from pipeline.intake.vocabulary import field_of_column
from pipeline.messages import Message
from pipeline.settings import Ingest


class TableReader:
    """A `MetadataReader` of CSV, Parquet, JSON and JSON-lines tables with a column a field, in any order.

    Columns are known by the settings, else by their names. Raises BadSetting for a field in `ingest.columns` that
    does not exist.
    """

    def __init__(self, settings: Ingest, builder: CdrBuilder) -> None:
        self._settings = settings
        self._builder = builder
        check_fields(settings.columns, "ingest.columns")

    def read(self, file: Path, warnings: list[Message]) -> list[MetadataRow]:
        """The rows of the table. Raises BadMetadata when it cannot be read, or lacks a column of the settings."""
        placed = read_rows(file, self._settings.encoding)
        columns = self._columns(file, {name for _, cells in placed for name in cells if name})
        rows = []
        for place, cells in placed:
            where = Message("{file} {place}", file=shown(Path(file.name)), place=place)
            if "" in cells:
                message = Message(
                    "{place}: more cells than columns, left out; quote cells that hold the delimiter", place=where
                )
                warnings.append(message)
                continue
            named: dict[str, Any] = {}
            extra: dict[str, Any] = {}
            for name, cell in cells.items():
                (named if name in columns else extra)[columns.get(name, name)] = cell
            recording = cell_text(named.pop("file", None))
            rows.append(MetadataRow(where, recording, self._builder.build(named, extra, where, warnings)))
        return rows

    def _columns(self, file: Path, present: set[str]) -> dict[str, str]:
        """Column name → field. Raises BadMetadata when a column of the settings is not there."""
        chosen = {**self._settings.columns}
        if self._settings.file_column in present:
            chosen.setdefault("file", self._settings.file_column)
        if lost := sorted(name for name in chosen.values() if name not in present and present):
            raise BadMetadata(
                Message(
                    "{file}: no column {names} as ingest.columns says; there are {present}",
                    file=shown(file),
                    names=", ".join(lost),
                    present=", ".join(sorted(present)),
                )
            )
        mapping = {column: field for field, column in chosen.items()}
        for column in sorted(present):
            field = field_of_column(column)
            if field and field not in mapping.values() and column not in mapping:
                mapping[column] = field
        return mapping
