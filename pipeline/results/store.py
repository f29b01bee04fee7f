"""The database that people query: built from the home's files and swapped in by one atomic rename.

DuckDB lets one process write or many read, so nothing ever writes to the database that analysts have open.
`build_database` builds a new file beside it, closes it, opens it again to count its rows, flushes it to the disk and
renames it over the old one; whoever has the old one open goes on reading that. The files of the home are the
truth: the database can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb

from pipeline.errors import BadArtefact, BadQuery, CallQAError
from pipeline.intake.month_scores import read_month_scores
from pipeline.messages import Message
from pipeline.results.excerpts import ExcerptSet, excerpt_record
from pipeline.results.rows import RulebookInfo, call_rows, clip_rows, failure_row, rule_rows, run_row
from pipeline.results.tables import TABLES, AboutRow, MonthScoreRow, TableRow, table_columns, table_comment
from pipeline.results.views import ACHIEVEMENT_BY, VIEWS
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import put_in_place
from pipeline.storage.home import Failure, Home, JudgedFile, RecordingRecord, Run
from pipeline.storage.lock import database_lock

BATCH_CALLS = 1000
"""Calls held in memory, and in the batch files beside the database, at one time."""

AMENDED_SHARE = 0.5
"""Up to this share of changed calls the old database is amended; beyond it is built anew, which leaves no holes."""

STARTING_S, COPYING_S = 60, 3600
"""A query that has not opened the database, or its copy of it, after so long is not about to do so."""

LAYOUT = "2"
"""Raised when databases of earlier versions shall not be amended but built anew: 2, they could be forged."""

_NOTHING_LOADED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

_Artefact = TypeVar("_Artefact")

_TABLE_OF = {row: table for table, row in TABLES.items()}
_CALL_TABLES = tuple(table for table in TABLES if table_columns(table)[0].name == "sha256")


def _plain(value: object) -> object:
    """A row, a cell or a time as JSON has it."""
    return value.isoformat() if isinstance(value, date) else vars(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain)


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
    home: Home, settings: Settings, rulebooks: Sequence[RulebookInfo] = (), anew: bool = False
) -> BuiltDatabase:
    """Build the database from the home's files and swap it in; does nothing when nothing has changed.

    Starts from a copy of the old database where few calls have changed, else from nothing; both give the same
    rows. `anew`: from nothing, whatever the old one holds; so, too, where the old one turns out to be damaged. Cut
    excerpts first: `clips` lists those that lie in the home. A second builder waits for the first; what one left behind
    when it was killed is removed. Raises CallQAError when it cannot be built (a full disk); the old one then stays.
    """
    with database_lock(home):
        _remove_leftovers(home)
        month_scores = read_month_scores(settings.report.month_scores)
        try:
            try:
                return _bring_up_to_date(home, settings, rulebooks, month_scores, anew)
            except (OSError, duckdb.Error, BadDatabase):
                if anew:
                    raise
                # the old database may be rotten, and nothing in it is needed
                _remove_leftovers(home)
                return _bring_up_to_date(home, settings, rulebooks, month_scores, anew=True)
        except (OSError, duckdb.Error) as error:
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


@dataclass(frozen=True)
class _Job:
    """What a build needs to know; `damaged` collects the artefacts that it could not read."""

    home: Home
    books: Mapping[str, RulebookInfo]
    zone: ZoneInfo
    sources: Mapping[str, str]
    month_scores: Sequence[Mapping[str, Any]] = ()
    damaged: list[Path] = field(default_factory=list)


def _bring_up_to_date(
    home: Home,
    settings: Settings,
    rulebooks: Sequence[RulebookInfo],
    month_scores: Sequence[Mapping[str, Any]],
    anew: bool,
) -> BuiltDatabase:
    """What `build_database` does, without its care for errors and leftovers."""
    building = home.database.with_name(home.database.name + ".building")
    sources = _sources(home)
    about = _wanted_about(home, settings, rulebooks, sources, month_scores)
    old_about, old_sources = ({}, {}) if anew else _state(home.database)
    if old_about == about:
        return BuiltDatabase(home.database, _counted(home.database), changed=False)
    stale = {sha for sha, signature in old_sources.items() if sources.get(sha) != signature}
    todo = [sha for sha, signature in sources.items() if old_sources.get(sha) != signature]
    few = len(stale.union(todo)) <= AMENDED_SHARE * len(old_sources)
    if few and old_about.get("shape") == about["shape"]:
        shutil.copyfile(home.database, building)
    else:
        stale, todo = set(), list(sources)
    zone = ZoneInfo(settings.ingest.timezone)
    job = _Job(home, {book.name: book for book in rulebooks}, zone, sources, month_scores)
    rows = _build(building, job, stale, todo, about)
    _verify(building, rows)
    put_in_place(building, home.database)
    return BuiltDatabase(home.database, rows, changed=True, damaged=tuple(job.damaged))


@contextmanager
def open_database(database: Path, timezone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for callqa's own reading; times are shown in `timezone`. Raises BadQuery.

    Read-only, and locked: whatever a database says, a view of it can reach no file and no network.
    """
    if not database.exists():
        raise no_database(database)
    try:
        connection = _read_only(database)
    except duckdb.Error as error:
        raise cannot_open(database, str(error)) from error
    with connection:
        connection.execute("SET TimeZone = $zone", {"zone": timezone})
        connection.execute("SET lock_configuration = true")
        try:
            yield connection
        except duckdb.Error as error:  # our own queries: whoever changed the database, it is not what was built
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


def _read_only(database: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection that reaches nothing but the database. Raises duckdb.Error."""
    remove_strays(database)
    config = {**_NOTHING_LOADED, "enable_external_access": "false"}
    return duckdb.connect(str(database), read_only=True, config=config)


def _remove_leftovers(home: Home) -> None:
    remove_strays(home.database)
    for path in home.root.glob(f"{home.database.name}.building*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _signature(path: Path) -> str:
    """Size and time of a file, or "": every file of the home is written by rename, so any change shows in them."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _sources(home: Home) -> dict[str, str]:
    """For every judged recording, by SHA-256, the signature of the files that its rows are made from."""
    sources = {}
    for path in home.files("judged"):
        sha256 = path.name.split(".")[0]
        record = excerpt_record(home, sha256)
        files = (path, home.recording(sha256), record)
        sources[sha256] = hashlib.sha256("|".join(map(_signature, files)).encode()).hexdigest()[:16]
    return sources


def _wanted_about(
    home: Home,
    settings: Settings,
    rulebooks: Sequence[RulebookInfo],
    sources: Mapping[str, str],
    month_scores: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
    """What the about table must say: `shape` is a hash of all that every row depends on, `content` of the rest."""
    target, timezone = str(settings.report.target), settings.ingest.timezone
    tables = [(table, table_comment(table), table_columns(table)) for table in TABLES]
    books = [asdict(book) for book in rulebooks]
    shape = repr((LAYOUT, tables, VIEWS, ACHIEVEMENT_BY, duckdb.__version__, books, timezone))
    content = hashlib.sha256(repr((list(sources.items()), target, month_scores)).encode())
    for path in (*home.files("failures"), *home.files("runs")):
        content.update(f"{path.name} {_signature(path)}\n".encode("utf-8", "surrogateescape"))
    return {
        "shape": hashlib.sha256(shape.encode()).hexdigest(),
        "content": content.hexdigest(),
        "target": target,
        "timezone": timezone,
    }


def _state(database: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The about table of a database and the signatures of its calls; empty when it is none of ours."""
    if not database.exists():
        return {}, {}
    try:
        with _read_only(database) as connection:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            return about, dict(connection.execute("SELECT sha256, built_from FROM calls").fetchall())
    except (duckdb.Error, OSError):
        return {}, {}


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(database),
        config={"memory_limit": "1GB", "threads": "2", "temp_directory": f"{database}.spill", **_NOTHING_LOADED},
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")  # else every comment is flushed to the disk by itself
    for table in TABLES:
        columns = table_columns(table)
        typed = ", ".join(f'"{column.name}" {column.sql_type}' for column in columns)
        connection.execute(f"CREATE TABLE {table} ({typed})")
        connection.execute(f"COMMENT ON TABLE {table} IS {_quoted(table_comment(table))}")
        for column in columns:
            connection.execute(f'COMMENT ON COLUMN {table}."{column.name}" IS {_quoted(column.comment)}')
    for view, (comment, described, query) in VIEWS.items():
        names = ", ".join(f'"{name}"' for name, _ in described)
        connection.execute(f"CREATE VIEW {view} AS SELECT {names} FROM ({query})")
        connection.execute(f"COMMENT ON VIEW {view} IS {_quoted(comment)}")
        for name, text in described:
            connection.execute(f'COMMENT ON COLUMN {view}."{name}" IS {_quoted(text)}')
    connection.execute(ACHIEVEMENT_BY)
    connection.execute("COMMIT")


class _Batch:
    """Rows on their way into the tables: to one file of JSON lines a table, which DuckDB reads whole.

    The fastest way in with DuckDB alone (no Arrow, no pandas), in parallel and with bounded memory.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        folder.mkdir()
        self.connection, self.folder = connection, folder
        self.lines: dict[str, list[bytes]] = {table: [] for table in TABLES}
        self.rows = dict.fromkeys(TABLES, 0)

    def add(self, row: TableRow) -> None:
        # a file name may hold bytes that are no UTF-8; they arrive as lone surrogates and leave as "?"
        line = _ENCODER.encode(vars(row))
        self.lines[_TABLE_OF[type(row)]].append(line.encode("utf-8", "replace"))

    def flush(self) -> None:
        for table, lines in self.lines.items():
            if not lines:
                continue
            path = self.folder / f"{table}.ndjson"
            path.write_bytes(b"\n".join(lines) + b"\n")
            largest = max(1 << 20, 1 + max(map(len, lines)))
            kinds = ", ".join(f'"{column.name}": {_quoted(column.sql_type)}' for column in table_columns(table))
            self.connection.execute(
                f"INSERT INTO {table} SELECT * FROM read_json({_quoted(str(path))}, format = 'newline_delimited', "
                f"columns = {{{kinds}}}, maximum_object_size = {largest})"
            )
            self.rows[table] += len(lines)
            lines.clear()
            path.unlink()


def _build(
    building: Path, job: _Job, stale: Collection[str], todo: Iterable[str], about: Mapping[str, str]
) -> dict[str, int]:
    """Bring the database up to date: drop the `stale` calls, add those `todo`, write the small tables anew.

    Returns the number of rows every table must have.
    """
    fresh = not building.exists()
    with _connect(building) as connection:
        if fresh:
            _create(connection)
        batch = _Batch(connection, building.with_name(building.name + ".rows"))
        for table in _CALL_TABLES:
            connection.execute(f"DELETE FROM {table} WHERE sha256 IN (SELECT unnest(?))", [sorted(stale)])
        for table in TABLES.keys() - set(_CALL_TABLES):
            connection.execute(f"DELETE FROM {table}")
        kept = _counts(connection)
        for number, sha256 in enumerate(todo, start=1):
            _add_call(batch, job, sha256)
            if number % BATCH_CALLS == 0:
                batch.flush()
        for rule in rule_rows(job.books.values()):
            batch.add(rule)
        for scores in job.month_scores:
            batch.add(MonthScoreRow(**scores))
        _add_all(batch, job, job.home.files("failures"), Failure, failure_row)
        _add_all(batch, job, job.home.files("runs"), Run, run_row)
        for key, value in about.items():
            batch.add(AboutRow(key, value))
        batch.flush()
        connection.execute("CHECKPOINT")
        return {table: kept[table] + batch.rows[table] for table in TABLES}


def _add_call(batch: _Batch, job: _Job, sha256: str) -> None:
    """All rows of one recording, without what is damaged."""
    damaged = len(job.damaged)
    record = excerpt_record(job.home, sha256)
    judged = _read(batch, job, job.home.judged(sha256), JudgedFile)
    recording = _read(batch, job, job.home.recording(sha256), RecordingRecord)
    excerpts = _read(batch, job, record, ExcerptSet)
    if judged is None:
        return
    # a call without its damaged part is no match for its files, so the next build tries again
    built_from = job.sources[sha256] if len(job.damaged) == damaged else ""
    for row in call_rows(judged, recording, job.books, job.zone, built_from):
        batch.add(row)
    for clip in clip_rows(excerpts, record.parent.relative_to(job.home.root)) if excerpts else ():
        batch.add(clip)


def _add_all(
    batch: _Batch, job: _Job, paths: Iterable[Path], kind: type[_Artefact], row: Callable[[_Artefact], TableRow]
) -> None:
    for path in paths:
        value = _read(batch, job, path, kind)
        if value is not None:
            batch.add(row(value))


def _read(batch: _Batch, job: _Job, path: Path, kind: type[_Artefact]) -> _Artefact | None:
    """An artefact; None when there is none, or when it is damaged, which makes a row in failures."""
    if not path.exists():
        return None
    try:
        return artefacts.read(path, kind)
    except BadArtefact as error:
        job.damaged.append(path)
        failure = Failure(
            key=path.parent.name if path.name.startswith("excerpts.") else path.name.split(".")[0],
            path=str(path),
            stage="judge",
            reason="damaged-artefact",
            message=str(Message("{error}; delete it and run `callqa nightly` to make it again", error=error.message)),
            at=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC),
        )
        batch.add(replace(failure_row(failure), stage="publish"))
        return None


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        counts[table] = int(found[0]) if found else 0
    return counts


def _counted(database: Path) -> dict[str, int]:
    with _read_only(database) as connection:
        return _counts(connection)


def _verify(building: Path, rows: Mapping[str, int]) -> None:
    """Open what was built as a reader would; every row must be there and every view must answer."""
    with _read_only(building) as connection:
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
