"""What a night does, step by step, without Prefect: find out what is left to do, hear, judge, build the results.

The files of the home folder decide what is done (see `pipeline.storage.home`). A killed night therefore goes on
where it was, a second one finds nothing to do, and no step trusts what an earlier process believed.
"""

from __future__ import annotations

import gzip
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from flows.rulebooks import rulebooks_in_force
from flows.worker import DISK_FULL, NightStopped, Outcome, WorkerPool, place
from pipeline.datatypes import Judged, Recording, Scorecard, Transcript
from pipeline.errors import BadArtefact, CallQAError, shown
from pipeline.judging.rulebook import Rulebook
from pipeline.messages import Message
from pipeline.run import judge, judging_key
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Failure, Hearing, Home, JudgedFile, PastCard, RecordingRecord, Run

JUDGED_A_SHARD = 200
"""Judging a call takes milliseconds; this many make one Prefect task."""

PCM_BYTES_S, CODED_BYTES_S = 16_000, 4_000
"""Bytes a second of usual telephone recordings, to cut shards before anything is decoded."""


@dataclass(frozen=True, slots=True)
class Options:
    """What one night is told beside the settings."""

    limit: int | None = None
    retry_failed: bool = False
    report: bool = True


@dataclass
class Tally:
    """Counts of a night while it goes on; read by the progress display."""

    found: int = 0
    copies: int = 0
    warnings: tuple[Message, ...] = ()
    rows_unused: int = 0
    without_row: int = 0
    to_hear: int = 0
    heard: int = 0
    to_judge: int = 0
    judged: int = 0
    failed: int = 0
    known_failures: int = 0
    left: int = 0
    audio_s: float = 0.0
    expected_s: float = 0.0
    done_s: float = 0.0


class Unpublished:
    """A mark in the home that results changed since the database was built, with the calls judged since."""

    def __init__(self, home: Home) -> None:
        self.path = home.root / "unpublished"

    def set(self) -> None:
        if not self.path.exists():
            write_whole(self.path, b"")

    def add(self, sha256: str) -> None:
        """Name a call that was judged; a line that a kill cut short is left out when they are read."""
        with self.path.open("a", encoding="ascii") as stream:
            stream.write(f"\n{sha256}\n")

    def calls(self) -> frozenset[str]:
        """The calls judged since the last report."""
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return frozenset()
        return frozenset(line for line in text.split() if len(line) == 64)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def __bool__(self) -> bool:
        return self.path.exists()


def stored_key(path: Path) -> str | None:
    """The key of a judged file without reading the rest of it; None when there is none or it is damaged."""
    try:
        with gzip.open(path) as stream:
            start = stream.read(200)
    except (OSError, EOFError):
        return None
    found = re.match(rb'\{"key":"([0-9a-f]+)"', start)
    return found[1].decode() if found else None


def seconds_expected(path: Path, size_bytes: int) -> float:
    """A guess at a recording's length, for shards and the remaining time; nothing else rests on it."""
    return size_bytes / (PCM_BYTES_S if path.suffix.lower() == ".wav" else CODED_BYTES_S)


@dataclass
class Night:
    """One run over a home. Its steps are called in this order: scan, hear (by shard), judge (by shard), finish."""

    settings: Settings
    fingerprint: str
    options: Options = field(default_factory=Options)
    run_id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stop: threading.Event = field(default_factory=threading.Event)
    tally: Tally = field(default_factory=Tally)
    shards: list[list[Recording]] = field(default_factory=list)
    to_judge: list[RecordingRecord] = field(default_factory=list)
    error: BaseException | None = None
    on_change: Callable[[], None] = lambda: None
    rulebooks: dict[str, Rulebook] = field(default_factory=dict)
    scanned: bool = False
    report_file: Path | None = None
    _found: tuple[Recording, ...] = ()
    _recorded: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        from flows.engines import with_worker_count  # not above: see flows.worker

        self.home = Home(self.settings.paths.home)
        self.unpublished = Unpublished(self.home)
        # once: what is free changes while the night is at work
        self.settings = with_worker_count(self.settings)
        self.pool = WorkerPool(self.settings, self.stop)

    # --- scan

    def scan(self) -> None:
        """Look through the inbox and plan the shards of hearing."""
        from pipeline.intake.inbox import scan_inbox

        self.rulebooks = rulebooks_in_force(self.settings)
        scanned = scan_inbox(self.settings, self.home)
        self._found = scanned.recordings
        self.tally.copies = scanned.copies
        self.tally.warnings = scanned.warnings
        self.tally.rows_unused, self.tally.without_row = scanned.rows_unused, scanned.without_row
        self.tally.found = len(scanned.recordings) + len(scanned.failures)
        for failure in scanned.failures:
            self._fail(failure)
        to_hear = []
        for recording in self._found:
            if self.home.transcript(recording.sha256, self.fingerprint).exists():
                # killed between the artefact and the failure's removal, or heard elsewhere with these engines
                self.home.failure(recording.sha256).unlink(missing_ok=True)
                continue
            if self._failed_before(recording.sha256):
                self.tally.known_failures += 1
                continue
            to_hear.append(recording)
        if self.options.limit is not None:
            to_hear, left = to_hear[: self.options.limit], to_hear[self.options.limit :]
            self.tally.left = len(left)
        self.shards = self._cut(to_hear)
        self.tally.to_hear = len(to_hear)
        self.tally.expected_s = sum(seconds_expected(r.path, r.size_bytes) for r in to_hear)
        self.scanned = True

    def _failed_before(self, sha256: str) -> bool:
        path = self.home.failure(sha256)
        if self.options.retry_failed or not path.exists():
            return False
        try:
            return artefacts.read(path, Failure).fingerprint == self.fingerprint
        except BadArtefact:
            return False

    def _cut(self, recordings: list[Recording]) -> list[list[Recording]]:
        lengths_s = [seconds_expected(recording.path, recording.size_bytes) for recording in recordings]
        # small enough, too, that no worker is idle for long at the end
        largest_s = min(self.settings.hear.shard_minutes * 60, sum(lengths_s) / (4 * self.settings.hear.workers))
        shards: list[list[Recording]] = []
        room_s = 0.0
        for recording, length_s in zip(recordings, lengths_s, strict=True):
            if not shards or room_s < length_s:
                shards.append([])
                room_s = largest_s
            shards[-1].append(recording)
            room_s -= length_s
        return shards

    def idle(self) -> bool:
        """True when everything found is heard, judged and published. Call after `scan`."""
        if self.shards or self.stale():
            return False
        self.plan_judging()
        return not self.to_judge

    def stale(self) -> bool:
        """True when the database does not show what the files say."""
        return bool(self.unpublished) or not self.home.database.exists()

    def plan_judging(self, everything: bool = False) -> None:
        """List what must be judged (again): what the inbox holds, or `everything` in the home."""
        if everything:
            recording_records = self.home.recording_records()
        else:
            paths = (self.home.recording(r.sha256) for r in self._found)
            recording_records = (artefacts.read(path, RecordingRecord) for path in paths if path.exists())
        self.rulebooks = self.rulebooks or rulebooks_in_force(self.settings)
        self.to_judge = []
        for record in recording_records:
            transcript = self._artefact(record.sha256)
            if transcript is not None:
                fingerprint = transcript.name.split(".")[1]
                key = judging_key(record.sha256, fingerprint, record.cdr, self.rulebooks, self.settings)
                if stored_key(self.home.judged(record.sha256)) != key:
                    self.to_judge.append(record)
        self.tally.to_judge = len(self.to_judge)

    def _artefact(self, sha256: str) -> Path | None:
        """The artefact to judge: of tonight's engines, else the newest there is."""
        path = self.home.transcript(sha256, self.fingerprint)
        if path.exists():
            return path
        others = sorted(path.parent.glob(f"{sha256}.*.json.gz"), key=lambda p: (p.stat().st_mtime, p.name))
        return others[-1] if others else None

    # --- hear

    def hear(self, shard: int) -> None:
        """Hear one shard's recordings. Raises NightStopped, or keeps the reason in `error` for the flow."""
        self._record_start()
        for recording in self.shards[shard]:
            if self.stop.is_set():
                raise NightStopped("interrupted", interrupted=True)
            if self.home.transcript(recording.sha256, self.fingerprint).exists():
                continue
            guess_s = seconds_expected(recording.path, recording.size_bytes)
            outcome = self.pool.hear(recording.sha256, recording.path, partial(self._length, guess_s))
            self._heard(recording, outcome, guess_s)

    def _length(self, guess_s: float, audio_s: float) -> None:
        with self._lock:
            self.tally.expected_s += audio_s - guess_s
        self.on_change()

    def _heard(self, recording: Recording, outcome: Outcome, guess_s: float) -> None:
        if outcome.reason is None:
            self.home.failure(recording.sha256).unlink(missing_ok=True)
        else:
            stage: Literal["decode", "hear"] = "decode" if outcome.stage == "decode" else "hear"
            self._fail(
                Failure(
                    recording.sha256,
                    shown(recording.path),
                    stage,
                    outcome.reason,
                    outcome.message,
                    datetime.now(UTC),
                    self.fingerprint,
                )
            )
        with self._lock:
            self.tally.heard += outcome.reason is None
            self.tally.audio_s += outcome.audio_s
            self.tally.done_s += outcome.audio_s or guess_s
        self.on_change()

    def _fail(self, failure: Failure) -> None:
        """Keep a failure; one that is known already is left as it was, so that it changes nothing."""
        path = self.home.failure(failure.key)
        with self._lock:
            self.tally.failed += 1
        with suppress(BadArtefact):
            known = artefacts.read(path, Failure)
            if replace(known, at=failure.at) == failure:
                return
        self.unpublished.set()
        artefacts.write(path, failure)

    # --- judge

    def judge(self, shard: int) -> None:
        """Judge one shard of `to_judge`."""
        self._record_start()
        for record in self.to_judge[shard * JUDGED_A_SHARD : (shard + 1) * JUDGED_A_SHARD]:
            if self.stop.is_set():
                raise NightStopped("interrupted", interrupted=True)
            path = self._artefact(record.sha256)
            assert path is not None
            try:
                transcript = artefacts.read(path, Transcript)
            except BadArtefact:
                # heard anew the next time; until then the failures table says so
                path.unlink(missing_ok=True)
                self._fail(
                    Failure(
                        record.sha256,
                        record.paths[0] if record.paths else "",
                        "judge",
                        "damaged-artefact",
                        "what was heard could not be read back; it will be heard again",
                        datetime.now(UTC),
                    )
                )
                continue
            key = judging_key(transcript.sha256, path.name.split(".")[1], record.cdr, self.rulebooks, self.settings)
            try:
                judged = judge(transcript, record.cdr, self.rulebooks, self.settings)
            except Exception as error:  # one odd call must not cost the others their verdicts
                self._fail(
                    Failure(
                        record.sha256,
                        record.paths[0] if record.paths else "",
                        "judge",
                        "unforeseen",
                        str(explain(error)),
                        datetime.now(UTC),
                    )
                )
                continue
            hearing = Hearing(
                transcript.fingerprint, transcript.layout, transcript.language_probability, transcript.provenance
            )
            # named first: a kill in between costs a look at the call, not its clips
            self.unpublished.add(transcript.sha256)
            past = self._past(transcript.sha256, judged.scorecard)
            artefacts.write(self.home.judged(transcript.sha256), JudgedFile(key, judged, hearing, past))
            self._judged_after_all(transcript.sha256)
            with self._lock:
                self.tally.judged += 1
            self.on_change()

    def _judged_after_all(self, sha256: str) -> None:
        """Take back the failure of an earlier judging; one of hearing stays, it says what these engines cannot hear."""
        path = self.home.failure(sha256)
        with suppress(BadArtefact):
            if artefacts.read(path, Failure).stage == "judge":
                path.unlink(missing_ok=True)

    def _past(self, sha256: str, card: Scorecard | None) -> tuple[PastCard, ...]:
        """What other versions said of a call before it is judged again."""
        try:
            before = artefacts.read(self.home.judged(sha256), JudgedFile)
        except BadArtefact:
            return ()
        old = before.judged.scorecard
        cards = list(before.past)
        if old is not None:
            cards.append(PastCard(old.rulebook, old.version, old.score, {v.rule_id: v.outcome for v in old.verdicts}))
        now = (card.rulebook, card.version) if card else None
        by_version = {(past.rulebook, past.version): past for past in cards}
        return tuple(past for version, past in by_version.items() if version != now)

    @property
    def judge_shards(self) -> int:
        return -(-len(self.to_judge) // JUDGED_A_SHARD)

    # --- results

    def cut_excerpts(self, everything: bool = False) -> None:
        """Cut the clips of the calls judged since the last report, or of all, from whichever file is still there."""
        from pipeline.results.excerpts import best_calls, complaint_rules, cut_excerpts, due_early, prune_excerpts

        self.rulebooks = self.rulebooks or rulebooks_in_force(self.settings)
        early, complaints = due_early(self.rulebooks.values()), complaint_rules(self.rulebooks.values())
        fresh = sorted(self.unpublished.calls())
        paths = list(self.home.files("judged") if everything else map(self.home.judged, fresh))
        best = best_calls(self._judged(paths))
        for path in paths:
            if self.stop.is_set():
                raise NightStopped("interrupted", interrupted=True)
            with suppress(BadArtefact):  # the database's builder lists damaged files
                judged = artefacts.read(path, JudgedFile).judged
                record = artefacts.read(self.home.recording(judged.call.sha256), RecordingRecord)
                sources = [Path(name) for name in record.paths]
                source = next((file for file in sources if file.is_file()), sources[0] if sources else None)
                if source is not None:
                    share = best.get(judged.call.sha256, frozenset())
                    cut_excerpts(judged, source, self.home, self.settings, early, share, complaints)
        prune_excerpts(self.home)

    @staticmethod
    def _judged(paths: Iterable[Path]) -> Iterator[Judged]:
        for path in paths:
            with suppress(BadArtefact):
                yield artefacts.read(path, JudgedFile).judged

    def build_database(self, anew: bool = False) -> None:
        """Build the database, `anew` from nothing, and put it in place of the old one."""
        from pipeline.results.rows import rulebook_info
        from pipeline.results.store import build_database

        self.rulebooks = self.rulebooks or rulebooks_in_force(self.settings)
        build_database(self.home, self.settings, [rulebook_info(book) for book in self.rulebooks.values()], anew)

    def report(self) -> None:
        """Make the report of the calls judged since the last one (all, if none), unless the options say no."""
        from pipeline.results.report import report_folder, write_report
        from pipeline.results.workbook import write_workbook

        if self.options.report:
            run = artefacts.read(self.home.run(self.run_id), Run) if self._recorded else None
            self.report_file = write_report(self.home, self.settings, run, self.unpublished.calls() or None)
            write_workbook(self.home, self.settings, report_folder(self.home, self.settings, run))

    # --- the run's own record

    def _record_start(self) -> None:
        with self._lock:
            if self._recorded:
                return
            self._recorded = True
        self.unpublished.set()
        self.record("running")

    def record(self, status: str) -> None:
        """Write the run's row; `status` as in `Run`."""
        if not self._recorded:
            return
        t = self.tally
        artefacts.write(
            self.home.run(self.run_id),
            Run(
                self.run_id,
                self.started_at,
                None if status == "running" else datetime.now(UTC),
                "running" if status == "running" else "completed" if status == "completed" else "failed",
                found=t.found,
                heard=t.heard,
                judged=t.judged,
                failed=t.failed,
                skipped=t.found - t.to_hear,
                audio_s=t.audio_s,
                settings={"engine": self.settings.hear.engine, "model": self.settings.hear.model},
            ),
        )

    def close_lost_runs(self) -> None:
        """Runs that say they are running, while we hold the lock, were killed: say so."""
        for path in self.home.files("runs"):
            with suppress(BadArtefact):
                run = artefacts.read(path, Run)
                if run.status == "running":
                    self.unpublished.set()
                    artefacts.write(path, replace(run, status="failed"))


def explain(error: BaseException) -> CallQAError:
    """An error as one line that may be shown: our own as they are, a full disk in words, others by kind."""
    if isinstance(error, CallQAError):
        return error
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return NightStopped("the disk is full: make room and run again; nothing that was done is lost")
    if isinstance(error, OSError):
        return CallQAError(f"{error.filename or 'file system'}: {error.strerror or type(error).__name__}")
    return CallQAError(f"unforeseen {type(error).__name__} at {place(error)}; please report it")
