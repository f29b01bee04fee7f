"""The process in which a query runs: one request on stdin, JSON lines on stdout, nothing else in or out.

Started by `sql.run_query` as a file of its own, not imported, with an empty environment; killed when its time is up.
The connection is read-only, cannot reach files or the network, and its configuration is locked, before the
query is so much as parsed. The JSON lines are {"columns", "types"}, then {"rows"}…, for each statement with a
result; {"truncated": true} behind rows that were cut at the limit; {"error", "kind"} where it ends early.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb

READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
# PIVOT needs a temporary type, so it arrives as CREATE + SELECT; creating anything else fails: it is read-only
ALLOWED = READING | {duckdb.StatementType.CREATE}
FETCH_ROWS = 500
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


class _TooLargeError(Exception):
    pass


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


class _Answer:
    """The stdout we were started with, with a limit on what may be said.

    The engine gets /dev/null in its place: it can be asked to log there, which would garble the answer.
    """

    def __init__(self, largest_bytes: int) -> None:
        self.left = largest_bytes
        self.stream = os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(self, message: dict[str, Any]) -> None:
        data = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        self.left -= len(data)
        if self.left < 0:
            raise _TooLargeError
        self.stream.write(data)


def _limit_memory(memory: str) -> None:
    """The engine's own limit does not count all it uses; the kernel's stands behind it."""
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]i?B)\s*", memory, re.IGNORECASE)
    if match:
        most = int(2 * float(match[1]) * _UNITS[match[2].upper()]) + (4 << 30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _connect(request: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        request["database"],
        read_only=True,
        config={
            "memory_limit": request["memory"],
            "threads": str(min(4, os.cpu_count() or 1)),
            "temp_directory": request["scratch"],
            "max_temp_directory_size": "8GB",
            "secret_directory": request["scratch"],
            "allow_persistent_secrets": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )
    connection.execute("SET TimeZone = $zone", {"zone": request["timezone"]})
    connection.execute("SET python_enable_replacements = false")
    # not in the config above: the scratch folder is itself "external", and is set first
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _run(request: dict[str, Any], answer: _Answer) -> None:
    with _connect(request) as connection:
        for statement in connection.extract_statements(request["sql"]):
            if statement.type not in ALLOWED:
                answer.say({"error": statement.type.name, "kind": "statement"})
                return
            connection.execute(statement)
            if statement.type not in READING or connection.description is None:
                continue
            columns = [str(column[0]) for column in connection.description]
            answer.say({"columns": columns, "types": [str(column[1]) for column in connection.description]})
            _send_rows(connection, answer, request["limit"])


def _send_rows(connection: duckdb.DuckDBPyConnection, answer: _Answer, limit: int | None) -> None:
    sent = 0
    while rows := connection.fetchmany(FETCH_ROWS if limit is None else min(FETCH_ROWS, limit + 1 - sent)):
        sent += len(rows)
        over = limit is not None and sent > limit
        answer.say({"rows": [[_plain(value) for value in row] for row in (rows[:-1] if over else rows)]})
        if over:
            answer.say({"truncated": True})
            return


def main() -> None:
    """Answer the one request on stdin."""
    request = json.load(sys.stdin.buffer)
    # should the parent die, nobody would be left to stop this
    signal.alarm(int(request["timeout_s"]) + 5)
    _limit_memory(request["memory"])
    answer = _Answer(request["largest_bytes"])
    error: dict[str, str] | None = None
    try:
        _run(request, answer)
    except _TooLargeError:
        error = {"error": "", "kind": "large"}
    except (MemoryError, duckdb.OutOfMemoryException):
        error = {"error": "", "kind": "memory"}
    except duckdb.Error as fault:
        error = {"error": str(fault), "kind": type(fault).__name__}
    if error:
        answer.stream.write(json.dumps(error).encode() + b"\n")
    answer.stream.close()


if __name__ == "__main__":
    main()
