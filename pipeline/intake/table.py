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

    def read(self, file: Path, warnings: list[Message], *, follow_links: bool = False) -> list[MetadataRow]:
        """The rows of the table. Raises BadMetadata when it cannot be read, or its columns are not those of calls."""
        table = read_rows(file, warnings, self._settings.encoding, follow_links=follow_links)
        columns = self._columns(file, {name for name in table.columns if name})
        rows = []
        for place, cells in table.rows:
            where = Message("{file} {place}", file=shown(Path(file.name)), place=place)
            if "" in cells:
                message = Message(
                    "{place}: more cells than columns, left out; quote cells that hold the delimiter", place=where
                )
                warnings.append(message)
                continue
            named: dict[str, Any] = {}
            extra: dict[int, tuple[str, Any]] = {}
            for number, (name, cell) in enumerate(cells.items(), 1):
                if name in columns:
                    named[columns[name]] = cell
                else:
                    extra[number] = (name, cell)
            recording = _name_of_recording(named.pop("file", None))
            rows.append(MetadataRow(where, recording, self._builder.build(named, extra, where, warnings)))
        return rows

    def _columns(self, file: Path, present: set[str]) -> dict[str, str]:
        """Column name → field. Raises BadMetadata when a column of the settings is not there, or none names a call.

        What the columns are called is not told: without a header line they are a call's cells.
        """
        chosen = {**self._settings.columns}
        if self._settings.file_column in present:
            chosen.setdefault("file", self._settings.file_column)
        if lost := sorted(name for name in chosen.values() if name not in present and present):
            raise BadMetadata(
                Message(
                    "{file}: none of its {count} columns is called {names}, as ingest.columns says; its first line "
                    "must name the columns",
                    file=shown(file),
                    names=", ".join(lost),
                    count=len(present),
                )
            )
        mapping = {column: field for field, column in chosen.items()}
        for column in sorted(present):
            field = field_of_column(column)
            if field and field not in mapping.values() and column not in mapping:
                mapping[column] = field
        if present and not {"file", "call_id"} & set(mapping.values()):
            raise BadMetadata(
                Message(
                    "{file}: none of its {count} columns names the recording or the call; its first line must name the "
                    "columns, and ingest.columns may say which is which",
                    file=shown(file),
                    count=len(present),
                )
            )
        return mapping


def _name_of_recording(cell: Any) -> str:
    try:
        return cell_text(cell)
    except ValueError:
        return ""
