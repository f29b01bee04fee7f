"""Parts of the database: the calls of one week each, or of a day, as Parquet files that are never changed once written.

    callqa.parts/2025-03-03-<hash>/
      calls.parquet, turns.parquet …      the tables, the rows of that week's calls
      failed_checks.parquet …             what is made of them (`views.WEEKLY`)
      part.json                           rows of each table, SHA-256 of each file

The hash is of what a part is made from, so that one which is there already need not be made again: a build that was
killed goes on where it was. A night makes anew the parts in which something changed: from the old part, and from the
files of the calls that changed. Old parts stay for a day for who has the database of the day before open.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb
import msgspec

from pipeline.datatypes import CDR
from pipeline.errors import BadArtefact
from pipeline.messages import Message
from pipeline.results.excerpts import ExcerptSet, excerpt_record
from pipeline.results.row_source import SaidFile, as_published
from pipeline.results.rows import RulebookInfo, call_day, call_rows, clip_rows, failure_row, monday
from pipeline.results.tables import CALL_TABLES, TABLES, FailureRow, TableRow, VerdictRow, table_columns
from pipeline.results.views import WEEKLY
from pipeline.settings.privacy import Privacy
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256, put_in_place
from pipeline.storage.home import Failure, Home, JudgedFile, RecordingRecord

UNDATED = "undated"
"""How parts of calls begin that have no date."""

KEPT_S = 86_400
"""So long a part stays that no database needs any more: whoever opened an older one may still read it."""

PART_FILES = (*CALL_TABLES, *WEEKLY)

NOTHING_LOADED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

_OUTCOMES = ("fail", "unsure", "pass", "not_applicable")
_ROW_GROUPS = {"verdicts": 20_480, "turns": 61_440}
"""Rows that can be passed over at one time; a day's calls are found in few of them."""

_CONTENT, _REPLACED = "part.json", "replaced"

_Artefact = TypeVar("_Artefact")
_TABLE_OF = {row: table for table, row in TABLES.items()}
_rows = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class WeekPlan:
    """What a part is made from, for any process.

    `part` is what it holds: a week by its Monday, or a day of a busy one. `fresh` are the calls to read, with the mark
    of their files; all others come from the part `old`, without `gone`. `salt` tells a build from nothing from what was
    there before.
    """

    home: Home
    books: Mapping[str, RulebookInfo]
    zone: ZoneInfo
    shape: str
    part: str = UNDATED
    fresh: Mapping[str, str] = field(default_factory=dict)
    old: str = ""
    gone: tuple[str, ...] = ()
    salt: str = ""
    privacy: Privacy = field(default_factory=lambda: Privacy())  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class WeekPart:
    """A part that is there: its `name` is its folder's; `damaged` are artefacts that were left out, and why."""

    name: str
    part: str
    damaged: tuple[tuple[Path, FailureRow], ...] = ()


class DamagedPart(Exception):
    """A part whose files are not what was written."""


def make_part(plan: WeekPlan) -> WeekPart:
    """Make a part, unless it is there. Raises OSError, duckdb.Error, DamagedPart for an old one that cannot be used."""
    parts = plan.home.parts
    name = _name(plan, plan.fresh)
    if is_whole(parts / name):
        (parts / name / _REPLACED).unlink(missing_ok=True)
        return WeekPart(name, plan.part)
    if plan.old and not is_whole(parts / plan.old):
        raise DamagedPart(plan.old)
    making = parts / f".making-{name}"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    stage = _Stage(making / ".stage", plan)
    often = gc.get_threshold()
    gc.set_threshold(100_000)  # nothing here goes in circles, and looking for that takes a tenth of the time
    try:
        for sha256 in plan.fresh:
            stage.add_call(sha256)
    finally:
        gc.set_threshold(*often)
    write_files(making, stage.rows(), plan)
    shutil.rmtree(stage.folder)
    # a call without its damaged part is no match for its files, so the next build tries again
    name = _name(plan, stage.built_from)
    shutil.rmtree(parts / name, ignore_errors=True)
    put_in_place(making, parts / name)
    return WeekPart(name, plan.part, tuple(stage.damaged))


def part_rows(folder: Path) -> dict[str, int]:
    """Rows of every table in a part, as they were counted when it was written. Raises DamagedPart."""
    return {table: int(count) for table, count in _content(folder)["rows"].items()}


def is_whole(folder: Path) -> bool:
    """Whether a part is there and its files hold what was written."""
    try:
        files = _content(folder)["files"]
        return set(files) == set(PART_FILES) and all(
            file_sha256(folder / f"{name}.parquet") == digest for name, digest in files.items()
        )
    except (DamagedPart, OSError, AttributeError):
        return False


def remove_old_parts(parts: Path, used: Iterable[str], kept_s: float = KEPT_S) -> None:
    """Remove the parts that no database has needed for so long; 0: all at once."""
    needed = set(used)
    for folder in parts.iterdir():
        mark = folder / _REPLACED
        with suppress(OSError):
            if folder.name in needed:
                mark.unlink(missing_ok=True)
            elif kept_s and not mark.exists():
                mark.touch()
            elif not kept_s or mark.stat().st_mtime < time.time() - kept_s:
                shutil.rmtree(folder)


def index_part(file: Path) -> str:
    """The part that a file of the index of calls is of: PART.calls.sqlite; other files are of none."""
    part, _, kind = file.name.partition(".sqlite")[0].rpartition(".")
    return part if kind and file.name.endswith(".sqlite") else ""


def unneeded_index_files(home: Home, used: Iterable[str]) -> list[Path]:
    """The files of the index of calls that are of no part that is used."""
    needed = set(used)
    return [path for path in sorted(home.call_index.glob("*/*")) if index_part(path) not in needed]


def remove_unfinished(parts: Path) -> None:
    """Remove what killed builders left of parts that they had not finished."""
    for folder in parts.glob(".making-*"):
        shutil.rmtree(folder, ignore_errors=True)


def quoted(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def file_list(parts: Path, names: Sequence[str], table: str) -> str:
    """A table's files in some parts, for read_parquet."""
    root = os.path.realpath(parts)
    return "[" + ", ".join(quoted(f"{root}/{name}/{table}.parquet") for name in names) + "]"


def damaged_row(path: Path, error: BadArtefact) -> FailureRow:
    """What the failures table says of an artefact that cannot be read."""
    failure = Failure(
        key=path.parent.name if path.name.startswith("excerpts.") else path.name.split(".")[0],
        path=str(path),
        stage="judge",
        reason="damaged-artefact",
        message=str(Message("{error}; delete it and run `callqa nightly` to make it again", error=error.message)),
        at=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC),
    )
    return msgspec.structs.replace(failure_row(failure), stage="publish")


def _name(plan: WeekPlan, fresh: Mapping[str, str]) -> str:
    content = (plan.shape, plan.salt, plan.part, plan.old, sorted(plan.gone), sorted(fresh.items()))
    return f"{plan.part}-{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"


def _content(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / _CONTENT).read_bytes())
        if isinstance(content, dict) and isinstance(content.get("rows"), dict):
            return content
    except (OSError, ValueError):
        pass
    raise DamagedPart(folder.name)


class _Stage:
    """Rows of the calls that are read, on their way into a part: files of JSON lines.

    The fastest way in with DuckDB alone (no Arrow, no pandas); no call is held in memory.
    """

    def __init__(self, folder: Path, plan: WeekPlan) -> None:
        folder.mkdir()
        self.folder, self.plan = folder, plan
        self.files: dict[str, IO[bytes]] = {}
        self.longest: dict[str, int] = {}
        self.built_from: dict[str, str] = {}
        self.damaged: list[tuple[Path, FailureRow]] = []

    def add_call(self, sha256: str) -> None:
        """All rows of one recording, without what is damaged."""
        plan, damaged = self.plan, len(self.damaged)
        record = excerpt_record(plan.home, sha256)
        path = plan.home.verdicts(sha256)
        judged = self._read(path, SaidFile)
        recording = self._read(plan.home.recording(sha256), RecordingRecord)
        excerpts = self._read(record, ExcerptSet)
        if judged is None:
            return
        built_from = plan.fresh[sha256] if len(self.damaged) == damaged else ""
        self.built_from[sha256] = built_from
        judged = as_published(judged, lambda: artefacts.read(path, JudgedFile).judged.call, plan.privacy)
        clips = clip_rows(excerpts, record.parent.relative_to(plan.home.root)) if excerpts else ()
        rows: dict[str, list[TableRow]] = {}
        for row in (*call_rows(judged, recording, plan.books, plan.zone, built_from), *clips):
            rows.setdefault(_file_of(row), []).append(row)
        for name, some in rows.items():
            self._add(name, some)

    def rows(self) -> dict[str, str]:
        """What was added, as SQL: a table's rows, and those of each outcome."""
        for file in self.files.values():
            file.close()
        return {
            name: f"FROM {read_lines(self._path(name), name.partition('-')[0], self.longest[name])}"
            for name in self.files
        }

    def _add(self, name: str, rows: Sequence[TableRow]) -> None:
        lines = row_lines(rows)
        if name not in self.files:
            self.files[name] = self._path(name).open("wb")
        self.longest[name] = max(len(lines), self.longest.get(name, 0))
        self.files[name].write(lines)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.ndjson"

    def _read(self, path: Path, kind: type[_Artefact]) -> _Artefact | None:
        """An artefact; None when there is none, or when it is damaged, which makes a row in failures."""
        if not path.exists():
            return None
        try:
            return artefacts.read(path, kind)
        except BadArtefact as error:
            self.damaged.append((path, damaged_row(path, error)))
            return None


def _file_of(row: TableRow) -> str:
    return f"verdicts-{row.outcome}" if isinstance(row, VerdictRow) else _TABLE_OF[type(row)]


def row_lines(rows: Sequence[TableRow]) -> bytes:
    """Rows as lines of JSON, each with its end."""
    try:
        return _rows.encode_lines(rows)
    except UnicodeEncodeError:
        return b"".join(row_line(row) + b"\n" for row in rows)


def row_line(row: TableRow) -> bytes:
    """A row as a line of JSON."""
    try:
        return msgspec.json.encode(row)
    except UnicodeEncodeError:
        # a file name may hold bytes that are no UTF-8; they arrive as lone surrogates and leave as "?"
        return json.dumps(msgspec.structs.asdict(row), ensure_ascii=False, default=_plain).encode("utf-8", "replace")


def _plain(value: date | msgspec.Struct) -> object:
    return value.isoformat() if isinstance(value, date) else msgspec.structs.asdict(value)


def read_lines(path: Path, table: str, longest: int) -> str:
    """A file of JSON lines as SQL reads it into a table; no line of it has more than `longest` bytes."""
    kinds = ", ".join(f'"{column.name}": {quoted(column.sql_type)}' for column in table_columns(table))
    return (
        f"read_json({quoted(str(path))}, format = 'newline_delimited', columns = {{{kinds}}}, "
        f"maximum_object_size = {max(1 << 20, 1 + longest)})"
    )


def write_files(making: Path, fresh: Mapping[str, str], plan: WeekPlan) -> None:
    """The tables of a part, from the old one and from `fresh`, queries that give new rows; then what is made of them.

    A table's new rows stand under its name, those of the verdicts under `verdicts-fail` and so on.
    """
    config = {"memory_limit": "1GB", "threads": "2", "temp_directory": str(making / ".spill"), **NOTHING_LOADED}
    rows: dict[str, int] = {}
    with duckdb.connect(config=config) as connection:
        connection.execute("CREATE TABLE gone AS SELECT unnest($gone::VARCHAR[]) AS sha256", {"gone": list(plan.gone)})
        for table in CALL_TABLES:
            old = plan.home.parts / plan.old / f"{table}.parquet" if plan.old else None
            rows[table] = write_rows(connection, _rows_of(table, fresh, old), making, table)
        for name, query in WEEKLY.items():
            write_rows(connection, query, making, name)
    shutil.rmtree(making / ".spill", ignore_errors=True)
    finish_part(making, rows)


def finish_part(making: Path, rows: Mapping[str, int]) -> None:
    """Flush a part's files to the disk and write down what is in them."""
    digests = {}
    for name in PART_FILES:
        path = making / f"{name}.parquet"
        digests[name] = file_sha256(path)
        path.chmod(path.stat().st_mode & ~0o222)
        put_in_place(path, path)
    content = making / _CONTENT
    content.write_text(json.dumps({"rows": rows, "files": digests}))
    put_in_place(content, content)


def _rows_of(table: str, fresh: Mapping[str, str], old: Path | None) -> str:
    columns = table_columns(table)
    names = ", ".join(f'"{column.name}"' for column in columns)
    typed = ", ".join(f'NULL::{column.sql_type} AS "{column.name}"' for column in columns)
    branches = [f"SELECT {typed} WHERE false"]
    # verdicts that are asked for most stand together and first; a question about them passes over the others
    for outcome in _OUTCOMES if table == "verdicts" else ("",):
        name, which = (f"{table}-{outcome}", f"outcome = '{outcome}'") if outcome else (table, "true")
        if old:
            kept = f"{which} AND sha256 NOT IN (SELECT sha256 FROM gone)"
            branches.append(f"SELECT {names} FROM read_parquet({quoted(str(old))}) WHERE {kept}")
        if name in fresh:
            branches.append(f"SELECT {names} FROM ({fresh[name]})")
    return " UNION ALL ".join(branches)


def write_rows(connection: duckdb.DuckDBPyConnection, query: str, making: Path, name: str) -> int:
    """Write a file of a part and name it for the queries that follow; how many rows it has."""
    path, size = quoted(str(making / f"{name}.parquet")), _ROW_GROUPS.get(name, 122_880)
    connection.execute(f"COPY ({query}) TO {path} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {size})")
    connection.execute(f"CREATE VIEW {name} AS FROM read_parquet({path})")
    counted = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    return int(counted[0]) if counted else 0


@dataclass(frozen=True, slots=True)
class _DatedCall:
    cdr: CDR


@dataclass(frozen=True, slots=True)
class _DatedJudged:
    call: _DatedCall


@dataclass(frozen=True, slots=True)
class _DatedFile:
    judged: _DatedJudged


_dated = msgspec.json.Decoder(_DatedFile)


def _cdr(path: Path) -> CDR:
    """A judged file's call metadata. It stands before the turns, which are most of the file."""
    head, turns, _ = artefacts.beginning(path, 1 << 14).partition(b',"turns":[')
    try:
        file = _dated.decode(head + b"}}}") if turns else artefacts.read(path, _DatedFile)
        return file.judged.call.cdr
    except (BadArtefact, msgspec.DecodeError):
        return CDR()


@dataclass(frozen=True, slots=True)
class PartPlace:
    """Where a call belongs: the name of its week's part, the weekday (from 1), and when it began."""

    week: str
    weekday: int
    started: str


def part_places(home: Home, zone: ZoneInfo, calls: Iterable[str]) -> dict[str, PartPlace]:
    """Where some calls belong, by the judged files, of which nothing else is read; those without a date go by when
    they were first seen.

    What cannot be read has no date; whoever makes its part finds out why.
    """
    found: dict[str, PartPlace] = {}
    for sha256 in calls:
        cdr = _cdr(home.verdicts(sha256))
        started = cdr.started_at.isoformat() if cdr.started_at else ""
        day, kind = call_day(cdr, zone), ""
        if day is None:
            with suppress(BadArtefact):
                day = artefacts.read(home.recording(sha256), RecordingRecord).first_seen.astimezone(zone).date()
            kind = f"{UNDATED}-" if day else UNDATED
        week = f"{kind}{monday(day)}" if day else kind
        found[sha256] = PartPlace(week, day.isoweekday() if day else 1, started)
    return found
