"""Questions to the database: `run_query`, output as table, CSV or JSON, and an interactive prompt.

Whoever can type here may be anybody on the QA team, and what they paste may come from anywhere. So every query
runs in a process of its own (`sql_child`): read-only, without files, network or configuration, within limits of
memory and time.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.errors import BadQuery
from pipeline.messages import Message
from pipeline.results.store import no_database
from pipeline.settings import Sql

Format = Literal["table", "csv", "json"]

LARGEST_BYTES = 128 << 20
"""A result larger than this (as JSON) is refused, so that the asking process cannot be filled up either."""
SHOWN_ROWS = 200
SHOWN_CHARACTERS = 300
NARROWEST = 9
"""Rows and characters a cell that a printed table shows; columns narrower than that become records."""

_NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL|NUMBER)", re.IGNORECASE)
_NAMES = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One statement's answer. `rows` hold plain JSON values: times are ISO strings, lists and structs nested.

    `truncated` is true when there were more rows than asked for.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False


def run_query(
    database: Path, sql: str, settings: Sql, timezone: str = "Asia/Shanghai", limit: int | None = None
) -> tuple[QueryResult, ...]:
    """Run one or several reading statements; a Result for each, of at most `limit` rows.

    `timezone` is the zone in which times are shown. Raises BadQuery, in one line with a remedy, for SQL that
    is wrong or that wants more than to read, and when it takes too long or too much memory.
    """
    if not database.exists():
        raise no_database(database)
    if not sql.strip(" \t\r\n;"):
        raise BadQuery(Message('nothing to run; ask for example: callqa sql "FROM agent_scorecard"'))
    with tempfile.TemporaryDirectory(prefix="callqa-sql-") as scratch:
        request = {
            "database": str(database),
            "sql": sql,
            "memory": settings.memory,
            "timeout_s": settings.timeout_s,
            "timezone": timezone,
            "limit": limit,
            "largest_bytes": LARGEST_BYTES,
            "scratch": scratch,
        }
        answer = _ask(json.dumps(request).encode("utf-8", "replace"), scratch, settings)
    return _results(answer, database, settings)


def _ask(request: bytes, scratch: str, settings: Sql) -> list[dict[str, Any]]:
    # sql_child is no module to import: the file is run by itself, without callqa on its path
    child = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", str(Path(__file__).with_name("sql_child.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=scratch,
        env={"HOME": scratch},
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(request, timeout=settings.timeout_s)
    except subprocess.TimeoutExpired as error:
        raise BadQuery(
            Message(
                "the query took longer than {seconds:g} s and was stopped; narrow it (WHERE, LIMIT) or raise "
                "sql.timeout_s in the settings",
                seconds=settings.timeout_s,
            )
        ) from error
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()
    if child.returncode != 0:
        raise BadQuery(
            Message(
                "the query brought the engine down: it needs more than {memory} of memory, or something that the "
                "engine is not allowed; narrow it (WHERE, fewer columns) or raise sql.memory in the settings",
                memory=settings.memory,
            )
        )
    return [json.loads(line) for line in output.splitlines() if line]


def _results(answer: Sequence[dict[str, Any]], database: Path, settings: Sql) -> tuple[QueryResult, ...]:
    results: list[QueryResult] = []
    rows: list[tuple[Any, ...]] = []
    for message in answer:
        if "error" in message:
            raise _bad_query(message["kind"], message["error"], database, settings)
        if "columns" in message:
            rows = []
            results.append(QueryResult(tuple(message["columns"]), tuple(message["types"]), ()))
            continue
        rows += map(tuple, message.get("rows", ()))
        last = results[-1]
        results[-1] = QueryResult(last.columns, last.types, tuple(rows), last.truncated or "truncated" in message)
    return tuple(results)


def _bad_query(kind: str, text: str, database: Path, settings: Sql) -> BadQuery:
    return BadQuery(_refusal(kind, _one_line(text), str(database) in text, settings))


def _refusal(kind: str, fault: str, names_database: bool, settings: Sql) -> Message:
    """What was wrong and what to do, by the engine's kind of error and its message in one line."""
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
    if kind == "large":
        return Message(
            "the result is larger than {megabytes} MB; ask for fewer columns or rows (WHERE, LIMIT)",
            megabytes=LARGEST_BYTES >> 20,
        )
    if "read-only" in fault or kind == "PermissionException" or "is locked" in fault or "disabled by config" in fault:
        return Message("{fault}; the database can only be read, and no other file can be reached from it", fault=fault)
    if kind == "IOException" and names_database:
        return Message(
            "{fault}; delete the file and run `callqa nightly`: it is built anew from what was heard", fault=fault
        )
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
    if line and line[1] != "1":
        return Message("{fault} (line {line} of the query)", fault=said, line=line[1])
    return said


def print_results(results: Sequence[QueryResult], form: Format, stream: IO[str], language: str = "en") -> None:
    """Write results as aligned tables, as CSV (RFC 4180) or as JSON (a list of objects; of lists, if several).

    `language` is that of the words around a table. In CSV a text that a spreadsheet would run as a formula (it begins
    with = + - @ or a tab) gets a ' in front: transcripts and file names are written by strangers. JSON gives every
    value as it is.
    """
    if form == "json":
        listed = [[dict(zip(_unique(r.columns), row, strict=True)) for row in r.rows] for r in results]
        json.dump(listed[0] if len(listed) == 1 else listed, stream, ensure_ascii=False, indent=2)
        stream.write("\n")
    elif form == "csv":
        writer = csv.writer(stream, lineterminator="\r\n")
        for index, result in enumerate(results):
            if index:
                stream.write("\r\n")
            writer.writerow([_harmless(column) for column in result.columns])
            writer.writerows([[_csv_cell(value) for value in row] for row in result.rows])
    else:
        for result in results:
            _print_table(result, stream, language)


def _unique(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names


def _harmless(text: str) -> str:
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return _harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, float):
        text = f"{value:.4f}".rstrip("0").rstrip(".")
    elif isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
    # a transcript or a file name must not be able to steer the terminal
    text = "".join(c for c in text if c == "\n" or c.isprintable())
    return Text(text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…")


def _print_table(result: QueryResult, stream: IO[str], language: str) -> None:
    terminal = stream.isatty()
    console = Console(file=stream, width=None if terminal else 10_000, highlight=False, soft_wrap=False)
    rows = result.rows[:SHOWN_ROWS]
    if not terminal or console.width >= NARROWEST * len(result.columns):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column, kind in zip(result.columns, result.types, strict=True):
            table.add_column(Text(column), justify="right" if _NUMBERS.match(kind) else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(_cell, row))
        console.print(table)
    else:
        width = max(map(len, result.columns))
        for number, row in enumerate(rows, start=1):
            console.rule(Text(str(number), style="dim"), align="left")
            grid = Table.grid(padding=(0, 1))
            grid.add_column(width=width)
            grid.add_column(overflow="fold")
            for column, value in zip(result.columns, row, strict=True):
                grid.add_row(Text(column, style="bold"), _cell(value))
            console.print(grid)
    more = result.truncated or len(result.rows) > SHOWN_ROWS
    if more:
        count = Message("first {rows} rows; --format csv or json gives all", rows=len(rows))
    else:
        count = Message("1 row") if len(rows) == 1 else Message("{rows} rows", rows=len(rows))
    console.print(Text(f"({count.in_language(language)})", style="dim"))


def answer(
    database: Path, sql: str, settings: Sql, form: Format, stream: IO[str], timezone: str, language: str = "en"
) -> None:
    """`callqa sql "…"`: run and print. Raises BadQuery."""
    limit = SHOWN_ROWS if form == "table" else None
    print_results(run_query(database, sql, settings, timezone, limit), form, stream, language)


_HELP = Message(
    "SELECT … ;               end a query with a semicolon; it may span lines\n"
    ".tables                  tables and views\n"
    ".schema NAME             the columns of one, with comments\n"
    ".format table|csv|json   form of the output\n"
    ".help  .quit             this, and leave (or Ctrl-D)\n"
    "e.g.   FROM achievement;   FROM achievement_by(team);   FROM agent_scorecard ORDER BY mean_score;\n"
)


def list_tables(database: Path, settings: Sql) -> QueryResult:
    """Every table and view, with its comment."""
    return run_query(
        database,
        "SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables() "
        "UNION ALL SELECT view_name, 'view', comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
        settings,
    )[0]


def describe_table(database: Path, name: str, settings: Sql) -> QueryResult:
    """The columns of one table or view, with their comments. Raises BadQuery when there is none of that name."""
    quoted = name.replace("'", "''")
    result = run_query(
        database,
        "SELECT column_name AS name, data_type AS type, comment FROM duckdb_columns() "
        f"WHERE NOT internal AND lower(table_name) = lower('{quoted}') ORDER BY column_index",
        settings,
    )[0]
    if not result.rows:
        raise BadQuery(Message("{name}: no such table or view; .tables lists them", name=name))
    return result


def shell(
    database: Path,
    settings: Sql,
    timezone: str,
    stream: IO[str],
    read: Callable[[str], str] = input,
    language: str = "en",
) -> None:
    """The prompt of `callqa sql`: ask until .quit or the end of input. Errors are printed, not raised.

    Nothing is written to disk: what people search for may be what customers said. Raises BadQuery when there
    is no database.
    """
    names = [row[0] for row in run_query(database, _NAMES, settings)[0].rows]
    _complete(names)
    stream.write(f"callqa · {database.name} · .help  .tables  .quit\n")
    prompt = _Prompt(database, settings, timezone, stream, language)
    pending = ""
    while True:
        try:
            line = read("   ...> " if pending else "callqa> ")
        except EOFError:
            stream.write("\n")
            return
        except KeyboardInterrupt:
            pending = ""
            stream.write("\n")
            continue
        if not pending and line.strip().startswith("."):
            command, _, argument = line.strip().partition(" ")
            if command in (".quit", ".exit", ".q"):
                return
            prompt.command(command, argument.strip(" ;"))
            continue
        pending = f"{pending}\n{line}" if pending else line
        if pending.rstrip().endswith(";"):
            prompt.query(pending)
            pending = ""


@dataclass
class _Prompt:
    """What the prompt knows between lines."""

    database: Path
    settings: Sql
    timezone: str
    stream: IO[str]
    language: str
    form: Format = "table"

    def command(self, command: str, argument: str) -> None:
        """Do what a line that begins with a dot says."""
        if command == ".tables":
            self._attempt(lambda: self._show(list_tables(self.database, self.settings)))
        elif command == ".schema" and argument:
            self._attempt(lambda: self._show(describe_table(self.database, argument, self.settings)))
        elif command == ".format" and argument in ("table", "csv", "json"):
            self.form = argument  # type: ignore[assignment]
        else:
            self.stream.write(_HELP.in_language(self.language))

    def query(self, sql: str) -> None:
        """Answer one query, or say what is wrong with it."""
        self._attempt(
            lambda: answer(self.database, sql, self.settings, self.form, self.stream, self.timezone, self.language)
        )

    def _show(self, result: QueryResult) -> None:
        print_results([result], "table", self.stream, self.language)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BadQuery as error:
            self.stream.write(f"{error.in_language(self.language)}\n")
        except KeyboardInterrupt:
            self.stream.write(f"{Message('stopped').in_language(self.language)}\n")


def _complete(names: Sequence[str]) -> None:
    """Tab completes table names, where the platform has readline; history stays in memory."""
    try:
        import readline
    except ImportError:
        return

    def complete(text: str, state: int) -> str | None:
        matching = [name for name in names if name.startswith(text.lower())]
        return matching[state] if state < len(matching) else None

    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
