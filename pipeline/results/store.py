"""The database that people query: built from the home's files and published by one atomic rename.

DuckDB lets one process write or many read, so nothing ever writes to the database that analysts have open.
`publish` builds a new file beside it, closes it, opens it again to count its rows, flushes it to the disk and
renames it over the old one; whoever has the old one open goes on reading that. The files of the home are the
truth: the database can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb

from pipeline.datatypes import Call, Evidence, Facts, Judged, Verdict
from pipeline.errors import BadArtefact, BadQuery, CallQAError
from pipeline.intake.month_scores import read_month_scores
from pipeline.results.excerpts import RECORD, ExcerptSet, excerpt_folder, spoken_lines
from pipeline.results.tables import ACHIEVEMENT_BY, TABLES, VIEWS
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import put_in_place
from pipeline.storage.home import Failure, Home, JudgedFile, RecordingRecord, Run
from pipeline.storage.lock import publish_lock

if TYPE_CHECKING:
    from pipeline.judging.rulebook import Rulebook

BATCH_CALLS = 1000
"""Calls held in memory, and in the batch files beside the database, at one time."""

FEW = 0.2
"""Up to this share of changed calls the old database is amended; beyond it is built anew, which leaves no holes."""

T = TypeVar("T")
Row = dict[str, Any]

_CALL_TABLES = tuple(table for table, (_, columns) in TABLES.items() if columns[0][0] == "sha256")
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=datetime.isoformat)


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What the store tells of a rule beside its verdicts. `title` and `dimension_title` are by language."""

    rule_id: str
    title: Mapping[str, str]
    dimension: str
    severity: str
    weight: float
    status: str = "stable"
    why: str = ""
    dimension_title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RulebookInfo:
    """A rulebook as the store shows it; `pass_mark` is the score (0–100) from which a call passes."""

    name: str
    language: str
    hash: str
    pass_mark: float
    rules: tuple[RuleInfo, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """What `publish` did: `rows` by table; `damaged` are artefacts that could not be read and were left out."""

    path: Path
    rows: dict[str, int]
    changed: bool
    damaged: tuple[Path, ...] = ()


def rulebook_info(rulebook: Rulebook) -> RulebookInfo:
    """What `publish` wants to know of a loaded rulebook."""
    rules = tuple(
        RuleInfo(
            rule_id=rule.id,
            title={"zh": rule.title.zh, "en": rule.title.en},
            dimension=rule.dimension,
            severity=rule.severity,
            weight=rule.weight,
            status=rule.status,
            why=rule.why,
            dimension_title=_dimension_title(rulebook, rule.dimension),
        )
        for rule in rulebook.rules
    )
    return RulebookInfo(rulebook.name, rulebook.language, rulebook.hash, rulebook.pass_mark, rules)


def _dimension_title(rulebook: Rulebook, dimension: str) -> dict[str, str]:
    title = rulebook.dimensions[dimension].title
    return {"zh": title.zh, "en": title.en}


def mask_numbers(text: str) -> str:
    """Hide what may be a telephone number in a file name: all but its last two digits become `*`.

    Recorders like to put the caller's number into the name. Dates and times (20250304, 202503040130) stay.
    """

    def mask(match: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", match[0])
        if re.match(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", digits):
            return match[0]
        return "*" * (len(match[0]) - 2) + match[0][-2:]

    return re.sub(r"(?<!\d)(\d{10,13}|\d{3}[-. ]\d{3,4}[-. ]\d{4}|0\d{2,3}[-. ]\d{7,8})(?!\d)", mask, text)


def publish(home: Home, settings: Settings, rulebooks: Sequence[RulebookInfo] = (), anew: bool = False) -> Published:
    """Build the database from the home's files and put it in place; does nothing when nothing has changed.

    Starts from a copy of the old database where few calls have changed, else from nothing; both give the same
    rows. `anew`: from nothing, whatever the old one holds. Cut excerpts first: `clips` lists those that lie in the
    home. A second publisher waits for the first; what one left behind when it was killed is removed. Raises
    CallQAError when it cannot be built (a full disk); the old database then stays.
    """
    with publish_lock(home):
        building = home.database.with_name(home.database.name + ".building")
        _remove_leftovers(home)
        month_scores = read_month_scores(settings.report.month_scores)
        try:
            sources = _sources(home)
            about = _wanted_about(home, settings, rulebooks, sources, month_scores)
            old_about, old_sources = ({}, {}) if anew else _state(home.database)
            if old_about == about:
                return Published(home.database, _counted(home.database), changed=False)
            stale = {sha for sha, signature in old_sources.items() if sources.get(sha) != signature}
            todo = [sha for sha, signature in sources.items() if old_sources.get(sha) != signature]
            few = len(stale) + len(todo) <= FEW * len(old_sources)
            if few and old_about.get("shape") == about["shape"]:
                shutil.copyfile(home.database, building)
            else:
                stale, todo = set(), list(sources)
            zone = ZoneInfo(settings.ingest.timezone)
            job = _Job(home, {book.name: book for book in rulebooks}, zone, sources, month_scores)
            rows = _build(building, job, stale, todo, about)
            _verify(building, rows)
            put_in_place(building, home.database)
        except (OSError, duckdb.Error) as error:
            raise CallQAError(
                f"{home.database}: could not be built ({_first_line(error)}); the old one stays. "
                "Make room on the disk, or look at what the message names, and publish again"
            ) from error
        finally:
            _remove_leftovers(home)
    return Published(home.database, rows, changed=True, damaged=tuple(job.damaged))


@dataclass(frozen=True)
class _Job:
    """What a build needs to know; `damaged` collects the artefacts that it could not read."""

    home: Home
    books: Mapping[str, RulebookInfo]
    zone: ZoneInfo
    sources: Mapping[str, str]
    month_scores: Sequence[Row] = ()
    damaged: list[Path] = field(default_factory=list)


@contextmanager
def open_database(database: Path, timezone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection for callqa's own reading; times are shown in `timezone`. Raises BadQuery."""
    if not database.exists():
        raise BadQuery(f"{database}: there is no database yet; `callqa nightly` makes it")
    try:
        connection = duckdb.connect(str(database), read_only=True)
    except duckdb.Error as error:
        raise BadQuery(f"{database}: {_first_line(error)}; delete it and publish again") from error
    with connection:
        connection.execute("SET TimeZone = $zone", {"zone": timezone})
        yield connection


def _remove_leftovers(home: Home) -> None:
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
        record = excerpt_folder(home, sha256) / RECORD
        files = (path, home.recording(sha256), record)
        sources[sha256] = hashlib.sha256("|".join(map(_signature, files)).encode()).hexdigest()[:16]
    return sources


def _wanted_about(
    home: Home,
    settings: Settings,
    rulebooks: Sequence[RulebookInfo],
    sources: Mapping[str, str],
    month_scores: Sequence[Row],
) -> dict[str, str]:
    """What the about table must say: `shape` is a hash of all that every row depends on, `content` of the rest."""
    target, timezone = str(settings.report.target), settings.ingest.timezone
    shape = repr((TABLES, VIEWS, ACHIEVEMENT_BY, duckdb.__version__, [asdict(book) for book in rulebooks], timezone))
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
    """The about table of a published database and the signatures of its calls; empty when it is none of ours."""
    if not database.exists():
        return {}, {}
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            return about, dict(connection.execute("SELECT sha256, built_from FROM calls").fetchall())
    except (duckdb.Error, OSError):
        return {}, {}


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(database),
        config={
            "memory_limit": "1GB",
            "threads": "2",
            "temp_directory": f"{database}.spill",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")  # else every comment is flushed to the disk by itself
    for table, (comment, columns) in TABLES.items():
        typed = ", ".join(f'"{name}" {kind}' for name, kind, _ in columns)
        connection.execute(f"CREATE TABLE {table} ({typed})")
        connection.execute(f"COMMENT ON TABLE {table} IS {_quoted(comment)}")
        for name, _, text in columns:
            connection.execute(f'COMMENT ON COLUMN {table}."{name}" IS {_quoted(text)}')
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

    def add(self, table: str, row: Row) -> None:
        # a file name may hold bytes that are no UTF-8; they arrive as lone surrogates and leave as "?"
        line = _ENCODER.encode(row)
        self.lines[table].append(line.encode("utf-8", "replace"))

    def flush(self) -> None:
        for table, lines in self.lines.items():
            if not lines:
                continue
            path = self.folder / f"{table}.ndjson"
            path.write_bytes(b"\n".join(lines) + b"\n")
            largest = max(1 << 20, 1 + max(map(len, lines)))
            kinds = ", ".join(f'"{name}": {_quoted(kind)}' for name, kind, _ in TABLES[table][1])
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
        for row in _rule_rows(job.books.values()):
            batch.add("rules", row)
        for row in job.month_scores:
            batch.add("month_scores", row)
        _add_all(batch, "failures", job, job.home.files("failures"), Failure, _failure_row)
        _add_all(batch, "runs", job, job.home.files("runs"), Run, _run_row)
        for key, value in about.items():
            batch.add("about", {"key": key, "value": value})
        batch.flush()
        connection.execute("CHECKPOINT")
        return {table: kept[table] + batch.rows[table] for table in TABLES}


def _add_call(batch: _Batch, job: _Job, sha256: str) -> None:
    """All rows of one recording, without what is damaged."""
    damaged = len(job.damaged)
    record = excerpt_folder(job.home, sha256) / RECORD
    judged = _read(batch, job, job.home.judged(sha256), JudgedFile)
    recording = _read(batch, job, job.home.recording(sha256), RecordingRecord)
    excerpts = _read(batch, job, record, ExcerptSet)
    if judged is None:
        return
    # a call without its damaged part is no match for its files, so the next publish tries again
    built_from = job.sources[sha256] if len(job.damaged) == damaged else ""
    for table, row in _call_rows(judged, recording, job.books, job.zone, built_from):
        batch.add(table, row)
    for row in _clip_rows(excerpts, record.parent.relative_to(job.home.root)) if excerpts else ():
        batch.add("clips", row)


def _add_all(
    batch: _Batch, table: str, job: _Job, paths: Iterable[Path], kind: type[T], row: Callable[[T], Row]
) -> None:
    for path in paths:
        value = _read(batch, job, path, kind)
        if value is not None:
            batch.add(table, row(value))


def _read(batch: _Batch, job: _Job, path: Path, kind: type[T]) -> T | None:
    """An artefact; None when there is none, or when it is damaged, which makes a row in failures."""
    if not path.exists():
        return None
    try:
        return artefacts.read(path, kind)
    except BadArtefact as error:
        job.damaged.append(path)
        failure = Failure(
            key=path.parent.name if path.name == RECORD else path.name.split(".")[0],
            path=str(path),
            stage="judge",
            reason="damaged-artefact",
            message=f"{error}; delete it and run `callqa nightly` to make it again",
            at=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC),
        )
        batch.add("failures", {**_failure_row(failure), "stage": "publish"})
        return None


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        counts[table] = int(found[0]) if found else 0
    return counts


def _counted(database: Path) -> dict[str, int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return _counts(connection)


def _verify(building: Path, rows: Mapping[str, int]) -> None:
    """Open what was built as a reader would; every row must be there and every view must answer."""
    with duckdb.connect(str(building), read_only=True) as connection:
        found = _counts(connection)
        if found != dict(rows):
            wrong = ", ".join(f"{t}: {found[t]} of {rows[t]} rows" for t in rows if found[t] != rows[t])
            raise CallQAError(f"{building}: does not hold what was written ({wrong}); the old database stays")
        for view in VIEWS:
            connection.execute(f"SELECT * FROM {view} LIMIT 0")


def _rule_rows(rulebooks: Iterable[RulebookInfo]) -> Iterator[Row]:
    for book in rulebooks:
        for rule in book.rules:
            yield {
                "rulebook": book.name,
                "language": book.language,
                "rule_id": rule.rule_id,
                "title_zh": rule.title.get("zh", rule.rule_id),
                "title_en": rule.title.get("en", rule.rule_id),
                "dimension": rule.dimension,
                "dimension_zh": rule.dimension_title.get("zh", rule.dimension),
                "dimension_en": rule.dimension_title.get("en", rule.dimension),
                "severity": rule.severity,
                "weight": rule.weight,
                "status": rule.status,
                "why": rule.why,
            }


def _call_rows(
    file: JudgedFile,
    recording: RecordingRecord | None,
    books: Mapping[str, RulebookInfo],
    zone: ZoneInfo,
    built_from: str,
) -> Iterator[tuple[str, Row]]:
    judged = file.judged
    call, card = judged.call, judged.scorecard
    book = books.get(card.rulebook) if card else None
    passed = _passed(judged, book)
    verdicts = card.verdicts if card else ()
    yield "calls", {**_call_row(file, recording, passed, zone), "built_from": built_from}
    for turn in call.turns:
        yield (
            "turns",
            {
                "sha256": call.sha256,
                "turn": turn.index,
                "role": call.role(turn),
                "speaker": turn.speaker,
                "start_s": turn.span.start_s,
                "end_s": turn.span.end_s,
                "text": turn.text,
            },
        )
    for mark in call.events:
        yield (
            "marks",
            {
                "sha256": call.sha256,
                "kind": mark.kind,
                "start_s": mark.span.start_s,
                "end_s": mark.span.end_s,
                "channel": mark.channel,
                "count": mark.count,
            },
        )
    rules = {rule.rule_id: rule for rule in book.rules} if book else {}
    for verdict in verdicts:
        yield "verdicts", _verdict_row(call, verdict, rules.get(verdict.rule_id), card.version if card else None)
    for past in file.past:
        for rule_id, outcome in past.outcomes.items():
            yield (
                "past_verdicts",
                {
                    "sha256": call.sha256,
                    "rulebook": past.rulebook,
                    "version": past.version,
                    "rule_id": rule_id,
                    "outcome": outcome,
                    "score": past.score,
                },
            )
    if card:
        outcomes = [verdict.outcome for verdict in verdicts]
        yield (
            "scorecards",
            {
                "sha256": call.sha256,
                "rulebook": card.rulebook,
                "rulebook_hash": card.rulebook_hash,
                "version": card.version,
                "score": card.score,
                "coverage": card.coverage,
                "passed": passed,
                "fatal": card.fatal,
                "passes": outcomes.count("pass"),
                "fails": outcomes.count("fail"),
                "unsure": outcomes.count("unsure"),
                "not_applicable": outcomes.count("not_applicable"),
                "deducted": sum(verdict.deducted for verdict in verdicts),
            },
        )


def _passed(judged: Judged, book: RulebookInfo | None) -> bool | None:
    card = judged.scorecard
    if card is None or card.score is None or book is None:
        return None
    return not card.fatal and card.score >= book.pass_mark


def _call_row(file: JudgedFile, recording: RecordingRecord | None, passed: bool | None, zone: ZoneInfo) -> Row:
    call, card, hearing = file.judged.call, file.judged.scorecard, file.hearing
    cdr = call.cdr
    paths = [mask_numbers(path) for path in (recording.paths if recording else ())]
    started = cdr.started_at
    day = (started.astimezone(zone) if started and started.tzinfo else started) if started else None
    date = day.date() if day else None
    return {
        "sha256": call.sha256,
        "call_id": cdr.call_id,
        "file_name": Path(paths[0]).name if paths else None,
        "paths": paths,
        "size_bytes": recording.size_bytes if recording else None,
        "first_seen": recording.first_seen if recording else None,
        "started_at": (started if started.tzinfo else started.replace(tzinfo=zone)) if started else None,
        "day": str(date) if date else None,
        "week": str(date - timedelta(days=date.weekday())) if date else None,
        "month": str(date.replace(day=1)) if date else None,
        "agent_id": cdr.agent_id,
        "agent_name": cdr.agent_name,
        "team": cdr.team,
        "company": cdr.company,
        "queue": cdr.queue,
        "direction": cdr.direction,
        "scenario": cdr.scenario,
        "caller_hash": cdr.caller_hash,
        "cdr_ring_count": cdr.ring_count,
        "wait_s": cdr.wait_s,
        "release_party": cdr.release_party,
        "language": call.language,
        "language_probability": hearing.language_probability if hearing else None,
        "layout": hearing.layout if hearing else None,
        "roles_method": call.roles.method,
        "roles_confidence": call.roles.confidence,
        "hung_up_by": call.hang_up.by,
        "hung_up_method": call.hang_up.method,
        "hung_up_at_s": call.hang_up.at_s,
        **{name: getattr(call.facts, name) for name in Facts.__dataclass_fields__},
        "rulebook": card.rulebook if card else None,
        "rulebook_hash": card.rulebook_hash if card else None,
        "version": card.version if card else None,
        "score": card.score if card else None,
        "score_coverage": card.coverage if card else None,
        "passed": passed,
        "fatal": card.fatal if card else None,
        "failed_rules": sum(verdict.outcome == "fail" for verdict in card.verdicts) if card else None,
        "fingerprint": hearing.fingerprint if hearing else None,
        "heard_with": hearing.provenance if hearing else None,
    }


def _verdict_row(call: Call, verdict: Verdict, rule: RuleInfo | None, version: str | None) -> Row:
    return {
        "sha256": call.sha256,
        "rule_id": verdict.rule_id,
        "title_zh": rule.title.get("zh", rule.rule_id) if rule else verdict.rule_id,
        "title_en": rule.title.get("en", rule.rule_id) if rule else verdict.rule_id,
        "dimension": rule.dimension if rule else None,
        "severity": rule.severity if rule else None,
        "outcome": verdict.outcome,
        "occurrences": verdict.occurrences,
        "deducted": verdict.deducted,
        "reason": verdict.reason,
        "rule_hash": verdict.rule_hash,
        "version": version,
        "evidence": [_evidence(call, hit) for hit in verdict.evidence],
        "grounds": [_evidence(call, hit) for hit in verdict.grounds],
    }


def _evidence(call: Call, hit: Evidence) -> Row:
    turn = call.turns[hit.turn] if hit.turn is not None and 0 <= hit.turn < len(call.turns) else None
    return {
        "turn": hit.turn,
        "role": call.role(turn) if turn else None,
        "start_s": hit.span.start_s if hit.span else None,
        "end_s": hit.span.end_s if hit.span else None,
        "quote": hit.matched,
        "reason": hit.reason,
    }


def _clip_rows(excerpts: ExcerptSet, folder: Path) -> Iterator[Row]:
    for excerpt in excerpts.excerpts:
        yield {
            "sha256": excerpts.sha256,
            "rule_id": excerpt.rule_id,
            "n": excerpt.n,
            "path": str(folder / excerpt.file),
            "start_s": excerpt.span.start_s,
            "end_s": excerpt.span.end_s,
            "quote": excerpt.quote,
            "words": spoken_lines(excerpt),
        }


def _failure_row(failure: Failure) -> Row:
    path = mask_numbers(failure.path)
    return {
        "key": failure.key,
        "file_name": Path(path).name,
        "path": path,
        "stage": failure.stage,
        "reason": failure.reason,
        "message": mask_numbers(failure.message),
        "failed_at": failure.at,
    }


def _run_row(run: Run) -> Row:
    return asdict(run)
