"""What of calls that are to be forgotten is still published: parts of older databases, rows of the one in force."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from pipeline.results.parts import unneeded_index_files
from pipeline.results.store import open_database, records
from pipeline.results.tables import CALL_TABLES
from pipeline.storage.home import Home
from pipeline.storage.lock import call_index_lock, database_lock


def drop_old_parts(home: Home) -> None:
    """Remove at once the parts that the database does not need, and what the index of calls has of them. Who still
    reads an older one reads it no more.

    Raises BadQuery where the database cannot be read, OSError.
    """
    with database_lock(home), call_index_lock(home):
        for path in unneeded_parts(home):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def unneeded_parts(home: Home) -> list[Path]:
    """The parts, whole or not, that the database does not need, and files of the index of calls. Raises BadQuery."""
    needed: set[str] = set()
    if home.database.exists():
        with open_database(home.database, "UTC") as connection:
            needed = {row["name"] for row in records(connection, "SELECT name FROM totals.parts")}
    parts = [path for path in sorted(home.parts.glob("*")) if path.is_dir() and path.name not in needed]
    return [*parts, *unneeded_index_files(home, needed)]


def calls_in_database(home: Home, calls: Collection[str], wordless: Collection[str], silent: Collection[str]) -> int:
    """How many of these calls (SHA-256) have rows at all, rows with words, or clips. Raises BadQuery."""
    unheard = (*calls, *wordless)
    asked = dict.fromkeys(CALL_TABLES, tuple(calls)) | {"turns": unheard, "clips": (*unheard, *silent)}
    found: set[str] = set()
    with open_database(home.database, "UTC") as connection:
        for table, gone in asked.items():
            query = f"SELECT DISTINCT sha256 FROM {table} WHERE sha256 IN (SELECT unnest(?::VARCHAR[]))"
            found.update(row[0] for row in connection.execute(query, [list(gone)]).fetchall())
    return len(found)
