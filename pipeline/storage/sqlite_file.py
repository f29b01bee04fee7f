"""A SQLite file for what people write: durable, one writer at a time, brought up to date when it is opened.

What is committed is on the disk (`synchronous=FULL`); readers see a whole state while somebody writes (WAL).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import CallQAError, shown
from pipeline.messages import Message

BUSY_S = 30.0
"""So long a writer waits for another."""


class SqliteFile:
    """One database; `migrations` make its tables, the first from nothing, each later one from the one before.

    Connections belong to a thread each. Raises CallQAError where the file cannot be opened or is of a later version.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path, self._migrations = path, tuple(migrations)
        self._own = threading.local()
        self._made, self._lock = False, threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection on which all reads see one state."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that holds the right to write: all that is written is kept when this is left, or nothing."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
                connection.row_factory = sqlite3.Row
                for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
                    connection.execute(f"PRAGMA {pragma}")
            except sqlite3.Error as error:
                raise CallQAError(
                    Message("{file}: cannot be opened ({error}); restore it from a backup", file=shown(self.path),
                            error=error)
                ) from error  # fmt: skip
            self._bring_up_to_date(connection)
            self._own.connection = connection
        return connection

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._made:
                return
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(self._migrations):
                connection.execute("ROLLBACK")
                raise CallQAError(
                    Message("{file}: written by a later version of callqa; install that", file=shown(self.path))
                )
            for migration in self._migrations[version:]:
                for statement in filter(str.strip, migration.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
            connection.execute("COMMIT")
            self._made = True
