"""A SQLite file for what people write: durable, one writer at a time, brought up to date when it is opened.

What is committed is on the disk (`synchronous=FULL`); readers see a whole state while somebody writes (WAL). A file is
put in its place whole, with its tables: one that is there but holds nothing is damaged, and nobody goes on with it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.errors import CallQAError, shown
from pipeline.messages import Message

BUSY_S = 30.0
"""So long a writer waits for another."""

Migrations = Mapping[str, Sequence[str]]
"""By subject, in the order in which subjects are made: SQL that makes its tables, then what changes them, oldest first.
What once stood here never changes; a file knows of each subject how far it has come."""


class SqliteFile:
    """One database, which `migrations` make and bring up to date.

    Connections belong to a thread each. Raises CallQAError where the file cannot be read or is of a later version.
    """

    def __init__(self, path: Path, migrations: Migrations) -> None:
        self.path, self._migrations = path, migrations
        self._own = threading.local()
        self._made, self._lock = False, threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether anything was ever written; to read from a file makes it."""
        return os.path.lexists(self.path) or os.path.lexists(f"{self.path}-wal")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection on which all reads see one state."""
        connection = self._connection()
        with self._explained():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that holds the right to write: all that is written is kept when this is left, or nothing."""
        connection = self._connection()
        with self._explained():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def empty_log(self) -> None:
        """Leave nothing in the log beside the file, of what was written over or deleted either."""
        connection = self._connection()
        with self._explained():
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise sqlite3.OperationalError("somebody reads from it")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            with self._explained():
                connection = self._opened()
                try:
                    self._bring_up_to_date(connection)
                except BaseException:
                    connection.close()
                    raise
            self._own.connection = connection
        return connection

    def _opened(self) -> sqlite3.Connection:
        try:
            if not self.is_there:
                self._make()
            if not self.path.stat().st_size:
                raise sqlite3.DatabaseError("empty")
        except OSError as error:
            raise sqlite3.DatabaseError(error.strerror or type(error).__name__) from error
        # never one that SQLite would make in the place of what was lost
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw", timeout=BUSY_S, isolation_level=None, uri=True
        )
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _make(self) -> None:
        """Put a file with its tables in its place, unless somebody else did meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        making = self.path.with_name(f".making-{os.getpid()}-{threading.get_ident()}-{self.path.name}")
        try:
            with closing(sqlite3.connect(making, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("CREATE TABLE migrations (subject TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT")
                self._migrate(connection)
            try:
                os.link(making, self.path)
            except FileExistsError:
                return
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            making.unlink(missing_ok=True)

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._made:
                self._migrate(connection)
                self._made = True

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            done = {row["subject"]: row["number"] for row in connection.execute("SELECT * FROM migrations")}
            if any(number > len(self._migrations.get(subject, ())) for subject, number in done.items()):
                raise CallQAError(
                    Message("{file}: written by a later version of callqa; install that", file=shown(self.path))
                )
            for subject, steps in self._migrations.items():
                for step in steps[done.get(subject, 0) :]:
                    for statement in _statements(step):
                        connection.execute(statement)
                connection.execute("INSERT OR REPLACE INTO migrations VALUES (?, ?)", (subject, len(steps)))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what file it is and what to do, where SQLite cannot go on with it."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except sqlite3.DatabaseError as error:
            raise _unusable(self.path, error) from error


def copy_sqlite(path: Path, copy: Path, without: Collection[str] = ()) -> None:
    """Write a whole copy of a SQLite file as of now, while others write to it; its log goes into it.

    Of the tables in `without` no row is in it.

    Raises CallQAError where it is damaged: a copy of that would take the place of a good one.
    """
    copy.unlink(missing_ok=True)
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, timeout=BUSY_S, uri=True)) as source, closing(sqlite3.connect(copy)) as made:
            made.execute("PRAGMA journal_mode=OFF")
            source.backup(made)
            for (table,) in made.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                if table in without:
                    made.execute(f"DELETE FROM {table}")
            made.commit()
            if without:
                made.execute("VACUUM")
            found = made.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(str(found).splitlines()[0])
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: sqlite3.Error) -> CallQAError:
    return CallQAError(
        Message(
            "{file}: cannot be used ({error}); see to disk and permissions, or restore it from a backup",
            file=shown(path),
            error=error,
        )
    )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; a trigger has several semicolons."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
