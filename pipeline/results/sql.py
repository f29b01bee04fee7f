"""Questions to the database: `ask` hands the answer on as it comes, `run_query` gathers it.

Whoever can type here may be anybody on the QA team, and what they paste may come from anywhere. So every query
runs in a process of its own (`sql_child`): read-only, without files, network or configuration, within limits of
memory and time. Here no more of an answer is held than a message of that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import BadQuery
from pipeline.messages import Message
from pipeline.results.sql_faults import EngineFault, engine_fault
from pipeline.results.store import cannot_open, no_database, remove_strays
from pipeline.settings import Sql

LARGEST_ROW_BYTES = 64 << 20
"""A row larger than this (as JSON) is refused: it is held whole, here as in the process that reads it."""


class FaultyQuery(BadQuery):
    """A query that the engine cannot make out; `fault` is what it says, without what to do on a command line."""

    def __init__(self, message: Message, fault: EngineFault) -> None:
        super().__init__(message)
        self.fault = fault


class StoppedQuery(BadQuery):
    """A query that was stopped by who asked, or because nobody waits for it any more."""


class QueryStop:
    """By which another thread ends a query, whether it has begun or not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self.is_stopped = False

    def stop(self) -> None:
        """End it, now or as soon as it begins."""
        with self._lock:
            self.is_stopped = True
            if self._child is not None:
                self._child.kill()

    def watch(self, child: subprocess.Popen[bytes]) -> None:
        """This process is the query."""
        with self._lock:
            self._child = child
            if self.is_stopped:
                child.kill()


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One statement's answer. `rows` hold plain JSON values: times are ISO strings, lists and structs nested.

    `truncated` is true when there were more rows than asked for; `hidden_columns` are those beyond what was asked for.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False
    hidden_columns: int = 0


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How much of an answer is wanted, at most: rows of each statement, columns, characters of a value; None: all."""

    rows: int | None = None
    columns: int | None = None
    characters: int | None = None


WHOLE = AnswerLimits()

_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT", "DECIMAL", "NUMBER")


def is_numeric(kind: str) -> bool:
    """Whether a column of a type holds numbers."""
    return kind.removeprefix("U").startswith(_NUMERIC) and not kind.endswith("]")


def run_query(
    database: Path, sql: str, settings: Sql, timezone: str = "Asia/Shanghai", part: AnswerLimits = WHOLE
) -> tuple[QueryResult, ...]:
    """Run one or several reading statements; a result for each. For answers that are small; otherwise as `ask`."""
    gathered: list[tuple[Mapping[str, Any], list[tuple[Any, ...]], list[bool]]] = []
    with closing(ask(database, sql, settings, timezone, part)) as messages:
        for message in messages:
            if "columns" in message:
                gathered.append((message, [], []))
            elif gathered:
                _, rows, truncated = gathered[-1]
                rows += map(tuple, message.get("rows", ()))
                truncated += [True] * ("truncated" in message)
    return tuple(
        QueryResult(tuple(head["columns"]), tuple(head["types"]), tuple(rows), bool(truncated), head["hidden"])
        for head, rows, truncated in gathered
    )


def ask(
    database: Path, sql: str, settings: Sql, timezone: str = "Asia/Shanghai", part: AnswerLimits = WHOLE,
    stop: QueryStop | None = None, niceness: int = 0,
) -> Generator[Mapping[str, Any]]:  # fmt: skip
    """Run statements; gives the messages of `sql_child` as they come. Close it, when you do not read it to its end.

    `timezone` is the zone in which times are shown; `niceness`, how far the query steps back for other processes.
    Raises BadQuery, in one line with a remedy, for SQL that is wrong or that wants more than to read, and when it takes
    too long or too much memory; StoppedQuery when `stop` ended it.
    """
    stop = stop or QueryStop()
    if not database.exists():
        raise no_database(database)
    if not sql.strip(" \t\r\n;"):
        raise BadQuery(Message('nothing to run; ask for example: callqa sql "FROM agent_scorecard"'))
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise BadQuery(Message("the query is not text in UTF-8; type it anew, or save its file as UTF-8")) from None
    remove_strays(database)
    request = _request(database, sql, settings, timezone, part, niceness)
    if stop.is_stopped:
        raise StoppedQuery(_STOPPED)
    # sql_child is no module to import: the file is run by itself, without callqa on its path
    child = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", str(Path(__file__).with_name("sql_child.py")), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"HOME": "/", "TMPDIR": tempfile.gettempdir()},
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        stop.watch(child)
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(request).encode())
        for line in child.stdout:
            if not line.endswith(b"\n"):
                break  # it was killed while it wrote
            message = json.loads(line)
            if "error" in message:
                raise _refusal(message["kind"], message["error"], database, settings)
            yield message
        status = child.wait()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    if stop.is_stopped:
        raise StoppedQuery(_STOPPED)
    if status:
        raise BadQuery(_ended(status, settings))


def _request(
    database: Path, sql: str, settings: Sql, timezone: str, part: AnswerLimits, niceness: int
) -> Mapping[str, Any]:
    """What the process of a query is told."""
    return {
        "database": str(database.resolve()),
        "sql": sql,
        "memory_bytes": settings.memory_bytes,
        "timeout_s": settings.timeout_s,
        "timezone": timezone,
        "rows": part.rows,
        "columns": part.columns,
        "characters": part.characters,
        "largest_row": LARGEST_ROW_BYTES,
        "niceness": niceness,
    }


_STOPPED = Message("stopped")


def _ended(status: int, settings: Sql) -> Message:
    """Why the process of a query ended by itself."""
    if status == -signal.SIGALRM:
        return Message(
            "the query took longer than {seconds:g} s and was stopped; narrow it (WHERE, LIMIT) or raise "
            "sql.timeout_s in the settings",
            seconds=settings.timeout_s,
        )
    return Message(
        "the query brought the engine down: it needs more than {memory} of memory, or something that the "
        "engine is not allowed; narrow it (WHERE, fewer columns) or raise sql.memory in the settings",
        memory=settings.memory,
    )


def _refusal(kind: str, text: str, database: Path, settings: Sql) -> BadQuery:
    """What was wrong and what to do, by the engine's kind of error and its message."""
    if kind == "open":
        return cannot_open(database, text)
    if kind == "memory":
        return BadQuery(
            Message(
                "the query needs more than {memory} of memory; narrow it (WHERE, fewer columns) or raise sql.memory in "
                "the settings",
                memory=settings.memory,
            )
        )
    if kind == "large":
        return BadQuery(
            Message(
                "a row of the result is larger than {megabytes} MB; ask for fewer columns, or for the beginning of a "
                "text: left(text, 1000)",
                megabytes=LARGEST_ROW_BYTES >> 20,
            )
        )
    fault = engine_fault(text)
    if kind == "statement":
        return BadQuery(
            Message(
                "{statement} is not allowed: the database can only be read; use SELECT, FROM, WITH or DESCRIBE",
                statement=fault.text,
            )
        )
    if kind == "value":
        return BadQuery(
            Message(
                "the answer holds a value that cannot be shown ({kind}); ask for it as text: value::VARCHAR",
                kind=fault.text,
            )
        )
    return FaultyQuery(_with_remedy(kind, fault), fault)


def _with_remedy(kind: str, fault: EngineFault) -> Message:
    said = fault.placed
    if "read-only" in fault.said or kind == "PermissionException" or "disabled by config" in fault.said:
        return Message("{fault}; the database can only be read, and no other file can be reached from it", fault=said)
    if kind == "IOException":
        return Message("{fault}; if this comes again, build the database anew: callqa rebuild", fault=said)
    if "does not exist" in fault.said and "Table" in fault.said:
        return Message("{fault}; `callqa sql` and .tables list what there is", fault=said)
    if "not found in FROM" in fault.said:
        return Message("{fault}; .schema TABLE lists a table's columns", fault=said)
    return Message("{fault}; `callqa sql` and .help show what can be asked", fault=said)
