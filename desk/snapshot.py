"""The published database as the desk reads it: one open snapshot, exchanged when a night has put a new one in place.

A request reads one snapshot from its beginning to its end, however many are published meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from pipeline.results.store import open_database

Row = dict[str, Any]


class _Opened:
    """A snapshot that is open, and how many requests read it."""

    def __init__(self, database: Path, timezone: str, identity: tuple[int, int]) -> None:
        self.identity, self.readers, self.retired = identity, 0, False
        self._stack = ExitStack()
        self.connection = self._stack.enter_context(open_database(database, timezone))

    def close(self) -> None:
        self._stack.close()


class Snapshot:
    """The database of a home, opened when it is first read. Raises BadQuery where there is none."""

    def __init__(self, database: Path, timezone: str) -> None:
        self.database, self.timezone = database, timezone
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Read one snapshot."""
        opened = self._take()
        try:
            yield Reader(opened.connection.cursor())
        finally:
            with self._lock:
                opened.readers -= 1
                if opened.retired and not opened.readers:
                    opened.close()

    def _take(self) -> _Opened:
        with self._lock:
            identity = self._identity()
            if self._opened is None or self._opened.identity != identity:
                old, self._opened = self._opened, _Opened(self.database, self.timezone, identity)
                if old is not None:
                    old.retired = True
                    if not old.readers:
                        old.close()
            self._opened.readers += 1
            return self._opened

    def _identity(self) -> tuple[int, int]:
        try:
            info = os.stat(self.database)
        except FileNotFoundError:
            return (0, 0)
        return info.st_ino, info.st_mtime_ns


class Reader:
    """Questions to one snapshot."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def rows(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """The rows of a query, each by its columns' names."""
        found = self._cursor.execute(sql, values)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def value(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The first value of the first row, None without one."""
        found = self._cursor.execute(sql, values).fetchone()
        return found[0] if found else None
