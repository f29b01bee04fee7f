"""The interactive prompt of `callqa sql`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.errors import BadQuery, shown_text
from pipeline.messages import Message
from pipeline.results.sql import QueryResult, run_query
from pipeline.results.sql_output import SHOWN, Format, answer, print_table
from pipeline.results.tables import TABLES
from pipeline.settings import Sql

_NAMES = (
    "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' "
    "UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
)

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
        f"SELECT table_name AS name, CASE WHEN name IN {tuple(TABLES)!r} THEN 'table' ELSE 'view' END AS kind, comment "
        f"FROM ({_NAMES.replace('_name FROM', '_name, comment FROM')}) ORDER BY ALL",
        settings,
        part=SHOWN,
    )[0]


def describe_table(database: Path, name: str, settings: Sql) -> QueryResult:
    """The columns of one table or view, with their comments. Raises BadQuery when there is none of that name."""
    quoted = name.replace("'", "''")
    result = run_query(
        database,
        "SELECT column_name AS name, data_type AS type, comment FROM duckdb_columns() "
        f"WHERE NOT internal AND schema_name = 'main' AND lower(table_name) = lower('{quoted}') ORDER BY column_index",
        settings,
        part=SHOWN,
    )[0]
    if not result.rows:
        raise BadQuery(Message("{name}: no such table or view; .tables lists them", name=shown_text(name)))
    return result


def shell(
    database: Path,
    settings: Sql,
    timezone: str,
    stream: IO[str],
    read: Callable[[str], str] = input,
    language: str = "en",
    on_query: Callable[[str], None] = lambda sql: None,
) -> None:
    """The prompt of `callqa sql`: ask until .quit or the end of input. Errors are printed, not raised.

    `on_query` is told every query before it is asked.
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
            on_query(pending)
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
        print_table(result, self.stream, self.language)

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
