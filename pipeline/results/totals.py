"""What is summed up over all parts when a database is made.

Of weeks in which no part is new or gone, the rows of `BY_WEEK` come from the last database: copying them costs less
than half of what summing them does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb

from pipeline.results.call_totals import BY_WEEK
from pipeline.results.part_plans import OldDatabase, week_of
from pipeline.results.parts import UNDATED, file_list, part_rows, quoted
from pipeline.results.views import TOTALS
from pipeline.storage.home import Home

_NO_WEEK = "infinity"


def sum_up(connection: duckdb.DuckDBPyConnection, home: Home, names: Sequence[str], old: OldDatabase) -> None:
    """Make every table of `TOTALS` over some parts, for which the views `weekly` are there already.

    `old`: what the home's database says, if it is of the same shape; nothing is copied without. Raises duckdb.Error
    where it is damaged.
    """
    parts = {name.rpartition("-")[0]: name for name in names}
    changed = {_week(part) for part, _ in parts.items() ^ old.parts.items()}
    unchanged = [name for part, name in parts.items() if _week(part) not in changed]
    copied = unchanged and _can_be_copied(connection, home, unchanged, changed)
    for name, query in TOTALS.items():
        if copied and name in BY_WEEK:
            summed = [name for part, name in parts.items() if _week(part) in changed]
            connection.execute(f"CREATE TABLE totals.{name} AS {_copy(name, changed)}")
            if summed:
                _view_parts(connection, home, summed, name)
                connection.execute(f"INSERT INTO totals.{name} {query}")
                _view_parts(connection, home, names, name)
        else:
            connection.execute(f"CREATE TABLE totals.{name} AS {query}")


def _week(part: str) -> str:
    """What stands in the column `week` of a part's calls, as `_copy` compares it."""
    return _NO_WEEK if part.startswith(UNDATED) else week_of(part)


def _copy(name: str, changed: Collection[str]) -> str:
    weeks = ", ".join(map(quoted, sorted(changed)))
    return f"FROM old.totals.{name} WHERE coalesce(week, DATE '{_NO_WEEK}') NOT IN (SELECT unnest([{weeks}]::DATE[]))"


def _can_be_copied(
    connection: duckdb.DuckDBPyConnection, home: Home, unchanged: Sequence[str], changed: Collection[str]
) -> bool:
    """Whether the old tables are tables, and count as many calls and verdicts as the parts that they are of."""
    connection.execute(f"ATTACH {quoted(str(home.database))} AS old (READ_ONLY)")
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'old' AND schema_name = 'totals'"
    ).fetchall()
    if not {(name,) for name in BY_WEEK} <= set(tables):
        return False  # a view would be asked here, where it reaches every file
    counted = connection.execute(
        f"SELECT (SELECT sum(calls) {_copy('agent_weeks', changed)}), (SELECT sum(calls) "
        f"{_copy('hearing_days', changed)}), (SELECT sum(passes + fails + unsure + not_applicable) "
        f"{_copy('agent_rules', changed)})"
    ).fetchone()
    rows = [part_rows(home.parts / name) for name in unchanged]
    calls, verdicts = (sum(row[table] for row in rows) for table in ("calls", "verdicts"))
    return counted == (calls, calls, verdicts or None)


def _view_parts(connection: duckdb.DuckDBPyConnection, home: Home, names: Sequence[str], table: str) -> None:
    files = file_list(home.parts, names, table)
    connection.execute(f"CREATE OR REPLACE VIEW weekly.{table} AS FROM read_parquet({files})")
