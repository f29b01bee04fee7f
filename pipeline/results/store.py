"""The database that people query: made from the home's files and swapped in by one atomic rename.

What belongs to calls lies in parts, a week each (`parts`), which are never changed; the database itself is small: views
over the parts, what is summed up over all of them, and the tables that are no call's. DuckDB lets one process write or
many read, so nothing ever writes to the database that analysts have open. `build_database` makes the parts of the weeks
in which something changed and a new file beside the old one, closes it, opens it again to count its rows, flushes it to
the disk and renames it over the old one; whoever has the old one open goes on reading that, and the old parts. The
files of the home are the truth: the database and its parts can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb
import msgspec

from pipeline.errors import BadArtefact, BadQuery, CallQAError
from pipeline.intake.month_scores import read_month_scores
from pipeline.messages import Message
from pipeline.privacy.masking import masking_of
from pipeline.results.part_plans import OldDatabase, find_changes, plan_parts, week_of
from pipeline.results.part_processes import make_parts
from pipeline.results.parts import (
    NOTHING_LOADED,
    PART_FILES,
    DamagedPart,
    WeekPlan,
    damaged_row,
    file_list,
    make_part,
    part_rows,
    quoted,
    read_lines,
    remove_old_parts,
    remove_unfinished,
    row_line,
    unneeded_index_files,
)
from pipeline.results.people_rows import people_rows
from pipeline.results.rows import RulebookInfo, failure_row, rule_rows, run_row
from pipeline.results.tables import (
    CALL_TABLES,
    TABLES,
    AboutRow,
    FailureRow,
    MonthScoreRow,
    table_columns,
    table_comment,
)
from pipeline.results.totals import sum_up
from pipeline.results.views import ACHIEVEMENT_BY, TOTALS, VIEWS, WEEKLY
from pipeline.reviews.store import Reviews
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.changes import file_mark
from pipeline.storage.files import put_in_place, write_whole
from pipeline.storage.home import Failure, Home, Run, parts_folder
from pipeline.storage.lock import database_lock

STARTING_S, COPYING_S = 60, 3600
"""A query that has not opened the database, or its copy of it, after so long is not about to do so."""

LAYOUT = "4"
"""Raised when parts of earlier versions shall not be used: 4, a part may be a day."""

_Artefact = TypeVar("_Artefact")

_SMALL_TABLES = tuple(table for table in TABLES if table not in CALL_TABLES)


class BadDatabase(CallQAError):
    """A database that was built and does not hold what it should."""


@dataclass(frozen=True, slots=True)
class BuiltDatabase:
    """What was built: `rows` by table; `damaged` are artefacts that could not be read and were left out."""

    path: Path
    rows: dict[str, int]
    changed: bool
    damaged: tuple[Path, ...] = ()


def build_database(
    home: Home,
    settings: Settings,
    rulebooks: Sequence[RulebookInfo] = (),
    anew: bool = False,
    on_progress: Callable[[int, int], None] = lambda calls, of: None,
) -> BuiltDatabase:
    """Build the database from the home's files and swap it in; does nothing when nothing has changed.

    Makes the parts of the weeks in which calls have changed; `anew`: of all weeks, whatever the old ones hold, and so,
    too, where one of them turns out to be damaged. Both give the same rows. `on_progress` is told how many calls of how
    many are in their parts. Cut excerpts first: `clips` lists those that lie in the home. A second builder waits for
    the first; what one left behind when it was killed is used or removed. Raises CallQAError when it cannot be built (a
    full disk); the old one then stays.
    """
    with database_lock(home):
        _remove_leftovers(home)
        month_scores = read_month_scores(settings.report.month_scores)
        try:
            try:
                return _bring_up_to_date(home, settings, rulebooks, month_scores, anew, on_progress)
            except (OSError, duckdb.Error, BadDatabase, DamagedPart):
                if anew:
                    raise
                # an old part may be rotten, and nothing in it is needed
                _remove_leftovers(home)
                return _bring_up_to_date(home, settings, rulebooks, month_scores, True, on_progress)
        except (OSError, duckdb.Error, DamagedPart) as error:
            raise CallQAError(
                Message(
                    "{database}: could not be built ({error}); the old one stays. Make room on the disk, or look at "
                    "what the message names, and build it again: callqa rebuild",
                    database=home.database,
                    error=_first_line(error),
                )
            ) from error
        finally:
            _remove_leftovers(home)


def _bring_up_to_date(
    home: Home,
    settings: Settings,
    rulebooks: Sequence[RulebookInfo],
    month_scores: Sequence[Mapping[str, Any]],
    anew: bool,
    on_progress: Callable[[int, int], None],
) -> BuiltDatabase:
    """What `build_database` does, without its care for errors and leftovers."""
    building = home.database.with_name(home.database.name + ".building")
    shape, present = _shape(settings, rulebooks), _old_database(home.database)
    was, old = present.about, OldDatabase() if anew else present
    changes = find_changes(home, old if old.about.get("shape") == shape else OldDatabase())
    people, unread = _peoples_lines(home, settings)
    about = _wanted_about(home, settings, shape, changes.files, month_scores, people)
    if old.about == about:
        return BuiltDatabase(home.database, _counted(home.database), changed=False)
    if old.about.get("shape") != shape:
        old = OldDatabase()
    salt = _salt(home, anew)
    books = {book.name: book for book in rulebooks}
    zone = ZoneInfo(settings.ingest.timezone)
    base = WeekPlan(home, books, zone, shape, salt=salt, privacy=settings.privacy)
    made = make_parts(plan_parts(base, old, changes), on_progress)
    split = {week_of(part.part) for part in made if week_of(part.part) != part.part}
    parts = {part: name for part, name in old.parts.items() if part not in split} | {p.part: p.name for p in made}
    kept = {part: name for part, name in parts.items() if part_rows(home.parts / name)["calls"]}
    if not kept:
        kept = {base.part: make_part(base).name}
    damaged = [*unread, *(item for part in made for item in part.damaged)]
    names = [kept[part] for part in sorted(kept)]
    rows = assemble(building, home, names, about, books, month_scores, damaged, people, old)
    _verify(building, home.parts, rows)
    put_in_place(building, home.database)
    (home.parts / _SALT).unlink(missing_ok=True)
    if not was or was.get("masked") == about["masked"]:
        remove_old_parts(home.parts, names)
    else:  # parts of a database that showed more do not stay for who has it open
        remove_old_parts(home.parts, names, 0)
        for path in unneeded_index_files(home, names):
            path.unlink(missing_ok=True)
    return BuiltDatabase(home.database, rows, changed=True, damaged=tuple(path for path, _ in damaged))


def published_masking(database: Path) -> str | None:
    """What a database says is hidden in it (see `masking_of`); "" where it was made before anything was, None without
    a database."""
    return _old_database(database).about.get("masked", "") if database.exists() else None


_SALT = "rebuilding"


def _salt(home: Home, anew: bool) -> str:
    """What tells the parts of a build from nothing from the old ones; the same again where one was cut short."""
    file = home.parts / _SALT
    if not anew:
        file.unlink(missing_ok=True)
        return ""
    if not file.exists():
        write_whole(file, secrets.token_hex(8).encode())
    return file.read_text()


@contextmanager
def open_database(
    database: Path, timezone: str, parts: Path | None = None, limits: Mapping[str, str] = MappingProxyType({})
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for callqa's own reading; times are shown in `timezone`. Raises BadQuery.

    Read-only, and locked: whatever a database says, a view of it can reach no file and no network. `parts`: where the
    database's parts lie, if not beside it. `limits` are settings of DuckDB, such as its memory.
    """
    if not database.exists():
        raise no_database(database)
    try:
        connection = _read_only(database, parts, limits)
    except duckdb.Error as error:
        raise cannot_open(database, str(error)) from error
    with connection:
        connection.execute("SET TimeZone = $zone", {"zone": timezone})
        connection.execute("SET lock_configuration = true")
        try:
            yield connection
        except (duckdb.Error, UnicodeDecodeError) as error:
            # our own queries: whoever changed the database, it is not what was built
            raise BadQuery(_damaged(database)) from error


def records(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """The rows of a query, each by its columns' names."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def no_database(database: Path) -> BadQuery:
    """What to say where no night has been."""
    return BadQuery(Message("{database}: there is no database yet; `callqa nightly` makes it", database=database))


def cannot_open(database: Path, fault: str) -> BadQuery:
    """Why a database cannot be opened and what to do, by the engine's words."""
    if "et lock on file" in fault or "onflicting lock" in fault:
        message = Message("{database}: another program has it open for writing; close it there", database=database)
    elif "ermission denied" in fault:
        message = Message("{database}: this account may not read it", database=database)
    elif "version" in fault:
        message = Message(
            "{database}: made by another version of DuckDB; build it anew: callqa rebuild", database=database
        )
    else:
        message = _damaged(database)
    return BadQuery(message)


def _damaged(database: Path) -> Message:
    return Message("{database}: damaged; build it anew: callqa rebuild", database=database)


def remove_strays(database: Path) -> None:
    """Remove what stands beside a database and does not belong to it, as far as this account may.

    callqa closes a database before it is swapped in, so a log beside it is none of ours: whoever opens the database
    would have it replayed into it. Folders are what queries left that were killed in their first moments.
    """
    for suffix in ("", ".checkpoint", ".recovery"):
        with suppress(OSError):
            database.with_name(f"{database.name}.wal{suffix}").unlink()
    for folders, old_s in (
        (database.parent.glob(".sql-*"), STARTING_S),
        (Path(tempfile.gettempdir()).glob("callqa-sql-*"), COPYING_S),
    ):
        for folder in folders:
            with suppress(OSError):
                if folder.stat().st_mtime < time.time() - old_s:
                    shutil.rmtree(folder)


def _read_only(
    database: Path, parts: Path | None = None, limits: Mapping[str, str] = MappingProxyType({})
) -> duckdb.DuckDBPyConnection:
    """A read-only connection that reaches nothing but the database and its parts. Raises duckdb.Error."""
    remove_strays(database)
    connection = duckdb.connect(str(database), read_only=True, config={**NOTHING_LOADED, **limits})
    try:
        connection.execute("SET allowed_directories = ?", [[os.path.realpath(parts or parts_folder(database))]])
        connection.execute("SET enable_external_access = false")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _remove_leftovers(home: Home) -> None:
    remove_strays(home.database)
    remove_unfinished(home.parts)
    for link in home.root.glob(f".{home.database.name}.desk-*"):  # a desk that was killed while it opened one
        with suppress(OSError):
            if link.stat().st_ctime < time.time() - STARTING_S:
                link.unlink()
    for path in home.root.glob(f"{home.database.name}.building*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _shape(settings: Settings, rulebooks: Sequence[RulebookInfo]) -> str:
    """A hash of all that every row depends on."""
    tables = [(table, table_comment(table), table_columns(table)) for table in TABLES]
    books, timezone = [asdict(book) for book in rulebooks], settings.ingest.timezone
    masked = masking_of(settings.privacy)
    shape = repr((LAYOUT, tables, VIEWS, WEEKLY, TOTALS, ACHIEVEMENT_BY, duckdb.__version__, books, timezone, masked))
    return hashlib.sha256(shape.encode()).hexdigest()


def _peoples_lines(
    home: Home, settings: Settings
) -> tuple[Mapping[str, Sequence[bytes]], list[tuple[Path, FailureRow]]]:
    """What people said, and the file of it if that is damaged: calls are published all the same, and it is told."""
    try:
        rows = people_rows(home, settings.privacy)
    except CallQAError as error:
        file = Reviews(home).file.path
        failure = Failure("reviews", str(file), "judge", "damaged-artefact", str(error.message), datetime.now(UTC))
        return {}, [(file, msgspec.structs.replace(failure_row(failure), stage="publish"))]
    return {table: [row_line(row) for row in made] for table, made in rows.items()}, []


def _wanted_about(
    home: Home, settings: Settings, shape: str, files: str, month_scores: Sequence[Mapping[str, Any]],
    people: Mapping[str, Sequence[bytes]],
) -> dict[str, str]:  # fmt: skip
    """What the about table must say; `content` is a hash of all that the database is made from beside `shape`."""
    target = str(settings.report.target)
    place = os.path.realpath(home.parts)  # it stands in the views
    content = hashlib.sha256(repr((target, month_scores, place, files)).encode("utf-8", "replace"))
    for path in (*home.files("failures"), *home.files("runs")):
        content.update(f"{path.name} {file_mark(os.fspath(path))}\n".encode("utf-8", "surrogateescape"))
    for table, lines in people.items():
        content.update(b"\n".join((table.encode(), *lines)))
    return {
        "shape": shape,
        "content": content.hexdigest(),
        "target": target,
        "timezone": settings.ingest.timezone,
        "masked": masking_of(settings.privacy),
    }


def _old_database(database: Path) -> OldDatabase:
    """What the last database says; nothing when it is none of ours."""
    if not database.exists():
        return OldDatabase()
    try:
        with _read_only(database) as connection:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            parts = dict(connection.execute("SELECT part, name FROM totals.parts").fetchall())
    except (duckdb.Error, OSError, UnicodeDecodeError):  # the last of text that is rotten
        return OldDatabase()
    return OldDatabase(about, parts)


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(database),
        config={"memory_limit": "1GB", "threads": "2", "temp_directory": f"{database}.spill", **NOTHING_LOADED},
    )


def _create(connection: duckdb.DuckDBPyConnection, home: Home, names: Sequence[str], old: OldDatabase) -> None:
    """The small tables, the views over the parts, and what is summed up."""
    connection.execute("BEGIN")  # else every comment is flushed to the disk by itself
    connection.execute("CREATE SCHEMA weekly")
    connection.execute("CREATE SCHEMA totals")
    for name in PART_FILES:
        connection.execute(f"CREATE VIEW weekly.{name} AS FROM read_parquet({file_list(home.parts, names, name)})")
    for table in TABLES:
        columns = table_columns(table)
        if table in CALL_TABLES:
            listed = ", ".join(f'"{column.name}"' for column in columns)
            connection.execute(f"CREATE VIEW {table} AS SELECT {listed} FROM weekly.{table}")
        else:
            typed = ", ".join(f'"{column.name}" {column.sql_type}' for column in columns)
            connection.execute(f"CREATE TABLE {table} ({typed})")
        described = tuple((column.name, column.comment) for column in columns)
        _describe(connection, "VIEW" if table in CALL_TABLES else "TABLE", table, table_comment(table), described)
    sum_up(connection, home, names, old)
    for view, (comment, described, query) in VIEWS.items():
        listed = ", ".join(f'"{name}"' for name, _ in described)
        connection.execute(f"CREATE VIEW {view} AS SELECT {listed} FROM ({query})")
        _describe(connection, "VIEW", view, comment, described)
    connection.execute(ACHIEVEMENT_BY)
    connection.execute("COMMIT")


def _describe(
    connection: duckdb.DuckDBPyConnection, kind: str, name: str, comment: str, columns: Iterable[tuple[str, str]]
) -> None:
    connection.execute(f"COMMENT ON {kind} {name} IS {quoted(comment)}")
    for column, text in columns:
        connection.execute(f'COMMENT ON COLUMN {name}."{column}" IS {quoted(text)}')


def assemble(
    building: Path,
    home: Home,
    names: Sequence[str],
    about: Mapping[str, str],
    books: Mapping[str, RulebookInfo],
    month_scores: Sequence[Mapping[str, Any]],
    damaged: list[tuple[Path, FailureRow]],
    people: Mapping[str, Sequence[bytes]] = MappingProxyType({}),
    old: OldDatabase = OldDatabase(),  # noqa: B008
) -> dict[str, int]:
    """Make the database over some parts; adds to `damaged`. `people` are lines of what people said, by table; `old` is
    the home's database of the same shape, whose sums of weeks in which nothing changed are used again.

    Returns the number of rows every table must have.
    """
    lines: dict[str, list[bytes]] = {table: [] for table in _SMALL_TABLES}
    lines["rules"] += map(row_line, rule_rows(books.values()))
    lines["month_scores"] += (row_line(MonthScoreRow(**scores)) for scores in month_scores)
    lines["failures"] += (row_line(failure_row(value)) for value in _all(home.files("failures"), Failure, damaged))
    lines["runs"] += (row_line(run_row(value)) for value in _all(home.files("runs"), Run, damaged))
    lines["failures"] += (row_line(row) for _, row in damaged)
    for table, said in people.items():
        lines[table] += said
    lines["about"] += (row_line(AboutRow(key, value)) for key, value in about.items())
    rows = {table: len(lines[table]) for table in _SMALL_TABLES} | dict.fromkeys(CALL_TABLES, 0)
    for name in names:
        for table, count in part_rows(home.parts / name).items():
            rows[table] += count
    with _connect(building) as connection:
        _create(connection, home, names, old)
        connection.execute("CREATE TABLE totals.parts (part VARCHAR, name VARCHAR)")
        listed = [(name.rpartition("-")[0], name) for name in names]
        connection.executemany("INSERT INTO totals.parts VALUES (?, ?)", listed)
        path = building.with_name(building.name + ".rows")
        for table, written in lines.items():
            if written:
                path.write_bytes(b"\n".join(written) + b"\n")
                connection.execute(
                    f"INSERT INTO {table} SELECT * FROM {read_lines(path, table, max(map(len, written)))}"
                )
        connection.execute("CHECKPOINT")
    return rows


def _all(paths: Iterable[Path], kind: type[_Artefact], damaged: list[tuple[Path, FailureRow]]) -> Iterator[_Artefact]:
    for path in paths:
        try:
            yield artefacts.read(path, kind)
        except BadArtefact as error:
            damaged.append((path, damaged_row(path, error)))


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        counts[table] = int(found[0]) if found else 0
    return counts


def _counted(database: Path) -> dict[str, int]:
    with _read_only(database) as connection:
        return _counts(connection)


def _verify(building: Path, parts: Path, rows: Mapping[str, int]) -> None:
    """Open what was built as a reader would; every row must be there and every view must answer."""
    with _read_only(building, parts) as connection:
        found = _counts(connection)
        if found != dict(rows):
            wrong = ", ".join(
                f"{table} {found[table]}/{count}" for table, count in rows.items() if found[table] != count
            )
            raise BadDatabase(
                Message(
                    "{database}: does not hold what was written ({wrong}); the old database stays",
                    database=building,
                    wrong=wrong,
                )
            )
        for view in VIEWS:
            connection.execute(f"SELECT * FROM {view} LIMIT 0")
