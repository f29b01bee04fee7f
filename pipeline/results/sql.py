"""Questions to the database: `ask` hands the answer on as it comes, `run_query` gathers it.

Whoever can type here may be anybody on the QA team, and what they paste may come from anywhere. So every query
runs in a process of its own (`sql_child`): read-only, without files, network or configuration, within limits of
memory and time. Here no more of an answer is held than a message of that process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import BadQuery, shown_text
from pipeline.messages import Message
from pipeline.results.store import cannot_open, no_database, remove_strays
from pipeline.settings import Sql

LARGEST_ROW_BYTES = 64 << 20
"""A row larger than this (as JSON) is refused: it is held whole, here as in the process that reads it."""

LONGEST_FAULT = 1000
"""Characters of the engine's message: it may quote the whole query, and a value of any length."""


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
    database: Path, sql: str, settings: Sql, timezone: str = "Asia/Shanghai", part: AnswerLimits = WHOLE
) -> Generator[Mapping[str, Any]]:
    """Run statements; gives the messages of `sql_child` as they come. Close it, when you do not read it to its end.

    `timezone` is the zone in which times are shown. Raises BadQuery, in one line with a remedy, for SQL that
    is wrong or that wants more than to read, and when it takes too long or too much memory.
    """
    if not database.exists():
        raise no_database(database)
    if not sql.strip(" \t\r\n;"):
        raise BadQuery(Message('nothing to run; ask for example: callqa sql "FROM agent_scorecard"'))
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise BadQuery(Message("the query is not text in UTF-8; type it anew, or save its file as UTF-8")) from None
    remove_strays(database)
    request = {
        "database": str(database.resolve()),
        "sql": sql,
        "memory_bytes": settings.memory_bytes,
        "timeout_s": settings.timeout_s,
        "timezone": timezone,
        "rows": part.rows,
        "columns": part.columns,
        "characters": part.characters,
        "largest_row": LARGEST_ROW_BYTES,
    }
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
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(request).encode())
        for line in child.stdout:
            message = json.loads(line)
            if "error" in message:
                raise BadQuery(_refusal(message["kind"], message["error"], database, settings))
            yield message
        status = child.wait()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    if status:
        raise BadQuery(_ended(status, settings))


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


def _refusal(kind: str, text: str, database: Path, settings: Sql) -> str:
    """What was wrong and what to do, by the engine's kind of error and its message."""
    if kind == "open":
        return cannot_open(database, text).message
    fault = _one_line(text)
    if kind == "statement":
        return Message(
            "{statement} is not allowed: the database can only be read; use SELECT, FROM, WITH or DESCRIBE",
            statement=fault,
        )
    if kind == "memory":
        return Message(
            "the query needs more than {memory} of memory; narrow it (WHERE, fewer columns) or raise sql.memory in "
            "the settings",
            memory=settings.memory,
        )
    if kind == "value":
        return Message(
            "the answer holds a value that cannot be shown ({kind}); ask for it as text: value::VARCHAR", kind=fault
        )
    if kind == "large":
        return Message(
            "a row of the result is larger than {megabytes} MB; ask for fewer columns, or for the beginning of a "
            "text: left(text, 1000)",
            megabytes=LARGEST_ROW_BYTES >> 20,
        )
    if "read-only" in fault or kind == "PermissionException" or "disabled by config" in fault:
        return Message("{fault}; the database can only be read, and no other file can be reached from it", fault=fault)
    if kind == "IOException":
        return Message("{fault}; if this comes again, build the database anew: callqa rebuild", fault=fault)
    if "does not exist" in fault and "Table" in fault:
        return Message("{fault}; `callqa sql` and .tables list what there is", fault=fault)
    if "not found in FROM" in fault:
        return Message("{fault}; .schema TABLE lists a table's columns", fault=fault)
    return Message("{fault}; `callqa sql` and .help show what can be asked", fault=fault)


def _one_line(message: str) -> str | Message:
    """The engine's message in a line: what is wrong, its suggestion, and the line of the query."""
    head, _, place = message.partition("\n\nLINE ")
    line = re.match(r"(\d+):", place)
    said = " ".join(part.strip() for part in head.splitlines() if part.strip()).rstrip(".")
    said = shown_text(said[:LONGEST_FAULT])
    if line and line[1] != "1":
        return Message("{fault} (line {line} of the query)", fault=said, line=line[1])
    return said
