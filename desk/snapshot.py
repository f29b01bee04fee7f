"""The published database as the desk reads it: one open snapshot, exchanged when a night has put a new one in place.

A request reads one snapshot from its beginning to its end, however many are published meanwhile.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from pipeline.results.store import no_database, open_database
from pipeline.storage.home import parts_folder

Row = dict[str, Any]

SNAPSHOT_MEMORY, SNAPSHOT_THREADS = "1GB", 2
"""What all questions to one snapshot have in common."""

SnapshotIdentity = tuple[int, int]
"""Which snapshot a database's file is: its inode, and when it was written."""


class _Opened:
    """A snapshot that is open, and how many requests read it."""

    def __init__(self, database: Path, timezone: str) -> None:
        self.readers, self.retired = 0, False
        self._stack = ExitStack()
        # DuckDB gives a file that is open once more to whoever asks for its name, even when another has been put in its
        # place; so every snapshot is opened under a name of its own, which is gone as soon as it is open
        name = database.with_name(f".{database.name}.desk-{secrets.token_hex(8)}")
        try:
            _link(database, name)
            limits = {
                "memory_limit": SNAPSHOT_MEMORY,
                "threads": str(SNAPSHOT_THREADS),
                "temp_directory": f"{database}.desk-spill",
            }
            opened = open_database(name, timezone, parts_folder(database), limits)
            self.connection = self._stack.enter_context(opened)
        finally:
            name.unlink(missing_ok=True)
        self.parts: tuple[str, ...] = tuple(
            row[0] for row in self.connection.execute("SELECT name FROM totals.parts ORDER BY part").fetchall()
        )

    def close(self) -> None:
        self._stack.close()


def _link(database: Path, name: Path) -> None:
    try:
        os.link(database, name)
    except FileNotFoundError:
        raise no_database(database) from None
    except OSError:  # a file system without links
        shutil.copyfile(database, name)
        shutil.copystat(database, name)


def _identity(file: Path) -> SnapshotIdentity:
    try:
        info = os.stat(file)
    except FileNotFoundError:
        return (0, 0)
    return info.st_ino, info.st_mtime_ns


class Snapshot:
    """The database of a home, opened when it is first read. Raises BadQuery where there is none."""

    def __init__(self, database: Path, timezone: str) -> None:
        self.database, self.timezone = database, timezone
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self._seen: SnapshotIdentity = (0, 0)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Read one snapshot."""
        opened = self._take()
        try:
            with opened.connection.cursor() as cursor:
                yield Reader(cursor, opened.parts)
        finally:
            self._leave(opened)

    def identity(self) -> SnapshotIdentity:
        """Which database there is now; (0, 0) without one."""
        return _identity(self.database)

    def parts(self) -> tuple[str, ...]:
        """The names of the parts that the database consists of now, the oldest week first; none without a database."""
        if _identity(self.database) == (0, 0):
            return ()
        opened = self._take()
        self._leave(opened)
        return opened.parts

    def _take(self) -> _Opened:
        with self._lock:
            if self._opened is None or self._seen != _identity(self.database):
                # asked before it is opened: what is put in place between the two is found by the next request
                seen = _identity(self.database)
                old, self._opened = self._opened, _Opened(self.database, self.timezone)
                self._seen = seen
                if old is not None:
                    old.retired = True
                    if not old.readers:
                        old.close()
            self._opened.readers += 1
            return self._opened

    def _leave(self, opened: _Opened) -> None:
        with self._lock:
            opened.readers -= 1
            if opened.retired and not opened.readers:
                opened.close()


class Reader:
    """Questions to one snapshot, which consists of `parts`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, parts: tuple[str, ...] = ()) -> None:
        self._cursor, self.parts = cursor, parts

    def rows(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """The rows of a query, each by its columns' names."""
        found = self._cursor.execute(sql, values)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def columns(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> dict[str, Any]:
        """The columns of a query without nulls, each as an array of NumPy; for more rows than one would look at."""
        return dict(self._cursor.execute(sql, values).fetchnumpy())

    def value(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The first value of the first row, None without one."""
        found = self._cursor.execute(sql, values).fetchone()
        return found[0] if found else None
