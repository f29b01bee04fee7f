"""What there is to ask: tables, views and columns with what they mean, in the page's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from desk.routing import Visit
from pipeline.messages import Language
from pipeline.results.tables import TABLES
from pipeline.results.views import VIEWS


@dataclass(frozen=True, slots=True)
class SchemaColumn:
    """A column as it is shown."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class SchemaTable:
    """A table or view as it is shown."""

    name: str
    comment: str
    columns: tuple[SchemaColumn, ...]


def schema_of(visit: Visit) -> Sequence[SchemaTable]:
    """All tables, then all views, as the published database has them. Raises BadQuery where there is none."""
    language = visit.language
    with visit.desk.snapshot.reading() as reader:
        comments = reader.rows(
            "SELECT table_name AS name, comment FROM duckdb_tables() WHERE schema_name = 'main' "
            "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
        )
        columns = reader.rows(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
            "WHERE NOT internal AND schema_name = 'main' ORDER BY column_index"
        )
    order = {name: place for place, name in enumerate((*TABLES, *VIEWS))}
    of_table: dict[str, list[SchemaColumn]] = {}
    for row in columns:
        column = SchemaColumn(row["column_name"], row["data_type"], _one_side(row["comment"], language))
        of_table.setdefault(row["table_name"], []).append(column)
    return [
        SchemaTable(row["name"], _one_side(row["comment"], language), tuple(of_table.get(row["name"], ())))
        for row in sorted(comments, key=lambda row: (order.get(row["name"], len(order)), row["name"]))
    ]


def _one_side(comment: str | None, language: Language) -> str:
    """The side of a comment "Chinese / English" that is wanted."""
    chinese, _, english = (comment or "").partition(" / ")
    return chinese if language == "zh" or not english else english
