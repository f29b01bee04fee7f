"""A table of calls, one row each: what any telephone system can be made to export."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.errors import BadMetadata
from pipeline.intake.fields import check_fields, leg_of_fields
from pipeline.intake.moments import Begins
from pipeline.intake.reader import Leg, MetadataFile
from pipeline.intake.rows import OTHER_TABLE_SUFFIXES, TABLE_SUFFIXES, Table, rows_of
from pipeline.intake.vocabulary import DIRECTIONS, columns_by_field, field_of_column, is_in_ms
from pipeline.messages import Message

_HEAD = 65_536
"""Characters by which a table is recognised."""

_OF_A_CALL = {"started_at", "agent_id", "customer_number", "caller_number", "callee_number", "queue", "release_party"}
"""Fields of which a table of calls has one, beside the recording's or the call's name."""


class TableReader:
    """A `LegReader` of CSV, Parquet, JSON and JSON-lines tables with a column a field, in any order.

    Columns are known by the settings (`columns`: field → column), else by their names. Raises BadSetting for a field in
    them that does not exist.
    """

    source = "table"

    def __init__(self, columns: Mapping[str, str]) -> None:
        check_fields(columns, "ingest.columns")
        self._chosen = dict(columns)

    def recognises(self, file: MetadataFile) -> bool:
        """Whether columns name the recording or the call, and two things more, one of them what only calls have.

        A note on one call is called like its recording, and need not name it.
        """
        if file.path.suffix.lower() not in (*TABLE_SUFFIXES, *OTHER_TABLE_SUFFIXES):
            return False
        try:
            table = rows_of(_head(file), [])
            fields = set(self._columns(table))
        except BadMetadata:
            return False
        return len(fields) > 2 and bool(fields & _OF_A_CALL)

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """The rows of the table, a leg each. Raises BadMetadata when its columns are not those of calls."""
        table = rows_of(file, warnings)
        columns = self._columns(table)
        begins = Begins(columns.pop("started_at", ()), [cells for _, cells in table.rows])
        fields = [(field, column) for field, named in columns.items() for column in named]
        numbers = {name: number for number, name in enumerate(table.columns, 1)}
        taken = {column for _, column in fields}.union(begins.columns)
        not_ids = _ids_of_several(table, columns)
        beside = str(file.path.with_suffix("")) if table.is_note else ""
        rows = table.rows
        rows.reverse()
        while rows:
            # each leg takes its row's memory
            place, cells = rows.pop()
            where = Message("{file} {place}", file=file.shown_name, place=place)
            if "" in cells:
                message = Message(
                    "{place}: more cells than columns, left out; quote cells that hold the delimiter", place=where
                )
                warnings.append(message)
                continue
            named: dict[str, list[Any]] = defaultdict(list)
            for field, column in fields:
                if column in cells:
                    named[field].append(_with_unit(column, cells[column]) if field == "wait_s" else cells[column])
            named["started_at"].append(begins.cell(cells))
            named["direction"].sort(key=lambda cell: str(cell).strip().casefold() not in DIRECTIONS)
            extra = {name: cell for name, cell in cells.items() if name not in taken}
            yield leg_of_fields(where, named, extra, numbers, not_ids, beside)
        if begins.undecided:
            warnings.append(
                Message(
                    "{file}: {count} times have the day or the month first, nothing tells which, and are left out; "
                    "export them with the year first",
                    file=file.shown_name,
                    count=begins.undecided,
                )
            )

    def _columns(self, table: Table) -> dict[str, list[str]]:
        """Field → its columns. Raises BadMetadata when a column of the settings is not there, or none names a call.

        What the columns are called is not told: without a header line they are a call's cells.
        """
        present = {name for name in table.columns if name}
        chosen = self._chosen
        if lost := sorted(name for name in chosen.values() if name not in present and present):
            raise BadMetadata(
                Message(
                    "none of its {count} columns is called {names}, as ingest.columns says; its first line "
                    "must name the columns",
                    names=", ".join(lost),
                    count=len(present),
                )
            )
        columns = columns_by_field(sorted(present - set(chosen.values())))
        columns |= {field: [column] for field, column in chosen.items()}
        if present and not {"file", "call_id"} & set(columns) and not table.is_note:
            raise BadMetadata(
                Message(
                    "none of its {count} columns names the recording or the call; its first line must name the "
                    "columns, and ingest.columns may say which is which",
                    count=len(present),
                )
            )
        return _with_customer(columns, self._chosen)


def _with_customer(columns: dict[str, list[str]], chosen: Mapping[str, str]) -> dict[str, list[str]]:
    """callqa had one field for a number, `caller_number`, whoever called. So it is the customer's where a column is
    called just that, or the settings name one that nobody calls the caller's; but not where there is a callee's too."""
    column = columns.get("caller_number", [""])[0]
    is_ours = column == "caller_number" or (
        chosen.get("caller_number") == column and field_of_column(column) != "caller_number"
    )
    if not column or not is_ours or "callee_number" in columns or "customer_number" in columns:
        return columns
    rest = {field: named for field, named in columns.items() if field != "caller_number"}
    return rest | {"customer_number": [column]}


def _with_unit(column: str, cell: Any) -> Any:
    """A length in milliseconds, where the column's name says so and the cell is nothing but a number."""
    return f"{cell} ms" if is_in_ms(column) and str(cell).strip().isdecimal() else cell


def _ids_of_several(table: Table, columns: Mapping[str, list[str]]) -> frozenset[str]:
    """Call ids that stand in rows of different recordings: such rows are calls of their own."""
    file_columns, id_columns = columns.get("file", ()), columns.get("call_id", ())
    if not file_columns:
        return frozenset()
    first: dict[str, Any] = {}
    several = set()
    for _, cells in table.rows:
        recording = next((cells[column] for column in file_columns if cells.get(column)), None)
        for column in id_columns:
            if recording and first.setdefault(id_ := str(cells.get(column)).strip(), recording) != recording:
                several.add(id_)
    return frozenset(several)


def _head(file: MetadataFile) -> MetadataFile:
    """The beginning of a long file, in whole lines; no part of XML can be read."""
    if len(file.text) <= _HEAD or file.path.suffix.lower() == ".xml":
        return file
    return MetadataFile(file.path, file.text[: file.text.rfind("\n", 0, _HEAD) + 1] or file.text[:_HEAD])
