"""The process in which a query runs: one request on stdin, JSON lines on stdout, nothing else in or out.

Started by `sql.ask` as a file of its own, not imported, with an empty environment. What is asked may be hostile, so
what it can do is limited three times over, before it is so much as parsed:

- The engine has the database read-only, under a name that is gone once it is open (`_passing_name`), and may reach no
  other file but the database's parts, nor the network, nor its own configuration.
- The process opens no file any more but those parts, and them only to read; it starts no program and connects to
  nothing (Landlock, where the kernel has it); it can write nothing to files (RLIMIT_FSIZE), has so much memory and no
  more (RLIMIT_DATA), and ends with whoever started it.
- Of statements, those that read are taken. EXPLAIN ANALYZE executes: it is for a SELECT alone.

Nothing is spilled to the disk: what needs more memory than there may be is refused.

The lines are {"results": number of answers}, then for each {"columns", "types", "hidden"} (how many columns were left
out) and {"rows"}…, with {"truncated": true} behind rows that were cut at the limit; {"error", "kind"} where it ends
early. Time counts while the engine
works, not while the reader takes its time; when it is up, SIGALRM ends the process.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
FETCH_ROWS = 500
MESSAGE_BYTES = 1 << 16
"""Rows are gathered into messages of about this size, so that neither side holds many."""

THREADS = 2
NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL = 38, 1  # of prctl(2)
# of syscall(2), the same on every processor; landlock(7)
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ_FILE, READ_DIR = 1 << 2, 1 << 3

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE)


class _RefusedError(Exception):
    """A statement that does more than read, by its kind."""


class _OpenError(Exception):
    """The database that cannot be opened, in the engine's words."""


class _TooLargeError(Exception):
    """A row that is larger than any may be."""


def _plain(value: Any) -> Any:
    """A value of Python's DuckDB as JSON has it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds" if not value.microsecond else "auto")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _cut(value: Any, most: int | None) -> Any:
    """A value of which so many characters are wanted at most; then what is nested is a text. None: all of it."""
    if most is None:
        return value
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return value[:most] if isinstance(value, str) else value


class _Answer:
    """The stdout we were started with, in messages; the clock stands still while somebody else reads them.

    The engine gets /dev/null in its place: it can be asked to log there, which would garble the answer.
    """

    def __init__(self, largest_row: int) -> None:
        self.largest_row = largest_row
        self.stream = os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        self.rows: list[bytes] = []
        self.size = 0

    def say(self, message: dict[str, Any]) -> None:
        self.flush()
        self._write(_line(message))

    def row(self, values: list[Any]) -> None:
        line = _line(values)
        if len(line) > self.largest_row:
            raise _TooLargeError
        self.rows.append(line)
        self.size += len(line)
        if self.size >= MESSAGE_BYTES:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            rows, self.rows, self.size = self.rows, [], 0
            self._write(b'{"rows": [' + b",".join(rows) + b"]}")

    def _write(self, line: bytes) -> None:
        left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        self.stream.write(line + b"\n")
        self.stream.flush()
        signal.setitimer(signal.ITIMER_REAL, max(left_s, 0.001))


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


@contextmanager
def _passing_name(database: Path) -> Iterator[Path]:
    """A name for the database that is gone when the block ends, with the folder that it was in.

    The engine lets a query write to the path that it opened and to logs beside it, whatever else is forbidden: then
    there must be no such place. It is a hard link; a copy where the file system has none; and the database itself
    where this account can write neither to it nor beside it, as the kernel then sees to it.
    """
    if not os.access(database, os.W_OK) and not os.access(database.parent, os.W_OK):
        yield database
        return
    with ExitStack() as folders:
        try:
            name = folders.enter_context(_folder(".sql-", database.parent)) / database.name
            os.link(database, name)
        except OSError:
            name = folders.enter_context(_folder("callqa-sql-")) / database.name
            shutil.copyfile(database, name)
        yield name


@contextmanager
def _folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _connect(request: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    with _passing_name(Path(request["database"])) as name:
        connection = duckdb.connect(
            str(name),
            read_only=True,
            config={
                "memory_limit": f"{request['memory_bytes'] // 1000}KB",
                "threads": "1",
                "temp_directory": "",
                "allow_persistent_secrets": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
            },
        )
    connection.execute("SET TimeZone = $zone", {"zone": request["timezone"]})
    # modules that values are made with are loaded by the first such value: now, as no file can be opened afterwards
    connection.execute("SELECT now(), uuid(), 1.5, INTERVAL 1 DAY, TIME '10:00', DATE '2025-03-03'").fetchall()
    parts = os.path.realpath(Path(request["database"]).with_suffix(".parts"))
    connection.execute("SET allowed_directories = ?", [[parts]])
    _shut_in(request["memory_bytes"], parts)
    connection.execute(f"SET threads = {THREADS}")  # a thread is shut in when it is started from here on
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _shut_in(memory_bytes: int, parts: str) -> None:
    """From here on this process has so much memory, of files the parts to read, and no programs or connections."""
    data_pages = int(Path("/proc/self/statm").read_text().split()[5])
    # the engine counts most of what it uses, Python's values come on top, and so do threads and what is in pieces
    most = data_pages * resource.getpagesize() + memory_bytes * 5 // 4 + (64 << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return  # an older kernel: the limits above, and what the engine forbids, are what there is
    # files: 13 kinds of access at first, then REFER, TRUNCATE and IOCTL_DEV; later TCP, abstract sockets and signals
    files = (1 << (12 + min(version, 3) + (version >= 5))) - 1
    rules = struct.pack("QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    handle = libc.syscall(CREATE_RULESET, rules, len(rules), 0)
    with suppress(FileNotFoundError):
        folder = os.open(parts, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(ADD_RULE, handle, 1, struct.pack("=Qi", READ_FILE | READ_DIR, folder), 0)
        os.close(folder)
    if handle < 0 or libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(RESTRICT_SELF, handle, 0):
        raise OSError(ctypes.get_errno(), "Landlock")
    os.close(handle)


def _permitted(connection: duckdb.DuckDBPyConnection, sql: str) -> list[duckdb.Statement]:
    """The statements of a request, all of which do nothing but read. Raises _RefusedError."""
    statements = connection.extract_statements(sql)
    for index, statement in enumerate(statements):
        if statement.type == duckdb.StatementType.EXPLAIN:
            statements[index] = _explained_select(connection, statement)
        elif statement.type != duckdb.StatementType.SELECT and not _part_of_pivot(statement):
            raise _RefusedError(statement.type.name)
    return statements


def _explained_select(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> duckdb.Statement:
    """EXPLAIN put together anew before what is a SELECT when it stands alone; of anything else it is refused."""
    match = _EXPLAIN.match(statement.query)  # what the parser made of a PIVOT has no text
    inner = connection.extract_statements(statement.query[match.end() :]) if match else []
    if match is None or [each.type for each in inner] != [duckdb.StatementType.SELECT]:
        raise _RefusedError("EXPLAIN")
    return connection.extract_statements(f"EXPLAIN {match[1] or ''}{inner[0].query}")[0]


def _part_of_pivot(statement: duckdb.Statement) -> bool:
    """PIVOT needs a temporary type, which the parser puts before it as a statement of its own, without a text."""
    return statement.type == duckdb.StatementType.CREATE and not statement.query


def _run(request: dict[str, Any], answer: _Answer) -> None:
    try:
        opened = _connect(request)
    except (duckdb.Error, OSError) as fault:
        raise _OpenError(str(fault)) from fault
    with opened as connection:
        statements = _permitted(connection, request["sql"])
        answer.say({"results": sum(statement.type in READING for statement in statements)})
        for statement in statements:
            connection.execute(statement)
            if statement.type not in READING or connection.description is None:
                continue
            described = connection.description[: request["columns"]]
            names = [_cut(str(column[0]), request["characters"]) for column in described]
            types = [str(column[1]) for column in described]
            hidden = len(connection.description) - len(described)
            answer.say({"columns": names, "types": types, "hidden": hidden})
            _send_rows(connection, answer, request)


def _send_rows(connection: duckdb.DuckDBPyConnection, answer: _Answer, request: dict[str, Any]) -> None:
    limit, columns, characters = request["rows"], request["columns"], request["characters"]
    sent = 0
    while rows := connection.fetchmany(FETCH_ROWS if limit is None else min(FETCH_ROWS, limit + 1 - sent)):
        for row in rows:
            sent += 1
            if limit is not None and sent > limit:
                answer.say({"truncated": True})
                return
            answer.row([_cut(_plain(value), characters) for value in row[:columns]])
    answer.flush()


def main() -> None:
    """Answer the one request on stdin; the argument is the process that asks."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        return  # it is gone already
    request = json.load(sys.stdin.buffer)
    os.nice(request["niceness"])
    with suppress(OSError):  # where the machine has no memory left, a query is what can be done without
        Path("/proc/self/oom_score_adj").write_text("1000")
    signal.setitimer(signal.ITIMER_REAL, request["timeout_s"])
    answer = _Answer(request["largest_row"])
    try:
        _run(request, answer)
        return
    except _RefusedError as fault:
        error = {"error": str(fault), "kind": "statement"}
    except _OpenError as fault:
        error = {"error": str(fault), "kind": "open"}
    except _TooLargeError:
        error = {"error": "", "kind": "large"}
    except (MemoryError, duckdb.OutOfMemoryException):
        error = {"error": "", "kind": "memory"}
    except duckdb.Error as fault:
        error = {"error": str(fault), "kind": type(fault).__name__}
    except Exception as fault:  # a value that Python has no room for: a date behind the year 9999, nesting without end
        error = {"error": type(fault).__name__, "kind": "value"}
    answer.rows.clear()
    answer.say(error)


if __name__ == "__main__":
    main()
