"""Turns and verdicts as tables: a row a turn, a row a call and rule. Columns mean what they mean in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.exports.exported import ExportedCall
from pipeline.results.rows import call_rows
from pipeline.results.tables import TABLES, TableColumn, table_columns

_OF_CALL = ("sha256", "call_id", "file_name", "started_at", "day", "agent_id", "team", "language")
_OF_ITS_CARD = ("rulebook", "version", "score")


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table that can be exported: the database's table that its rows are from, and what of their call stands before
    them."""

    table: str
    of_call: tuple[str, ...]

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """The call's columns, then the row's own."""
        of_call = {column.name: column for column in table_columns("calls")}
        own = [column for column in table_columns(self.table) if column.name not in (*self.of_call, "call_day")]
        return (*(of_call[name] for name in self.of_call), *own)

    def rows(self, call: ExportedCall) -> Iterator[Mapping[str, Any]]:
        """The rows of a call, in the order of its turns or of its rulebook."""
        made = call_rows(call.said, call.record, call.books, call.zone, "")
        head = next(made)
        of_call = {name: getattr(head, name) for name in self.of_call}
        names = [column.name for column in self.columns[len(self.of_call) :]]
        kind, begun = TABLES[self.table], False
        for row in made:
            if isinstance(row, kind):
                begun = True
                yield of_call | {name: getattr(row, name) for name in names}
            elif begun:  # rows of a kind stand together
                return


EXPORT_TABLES: Mapping[str, ExportTable] = {
    "turns": ExportTable("turns", _OF_CALL),
    "verdicts": ExportTable("verdicts", (*_OF_CALL, *_OF_ITS_CARD)),
}
"""By what the command calls them."""
