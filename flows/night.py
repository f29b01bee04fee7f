"""What a run does, step by step, without Prefect: find out what is left to do, hear, judge, build the database.

The files of the home folder decide what is done (see `flows.plan`). A killed run therefore goes on where it was, a
second one finds nothing to do, and no step trusts what an earlier process believed.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial

from flows.artefact_codes import read_without_codes
from flows.engines import with_worker_count
from flows.faults import RunStopped, explained, interruption
from flows.language import LANGUAGE
from flows.log import log_event
from flows.manifest import forget_nights
from flows.plan import (
    HearingPlan,
    artefact_to_judge,
    expected_s,
    failed_before,
    failure_fingerprint,
    plan_hearing,
    plan_judging,
    was_heard,
)
from flows.records import Failures, PendingReport, RunRecord, close_lost_runs
from flows.retention import begin_retention, end_retention
from flows.rulebooks import rulebooks_in_force
from flows.tally import Tally
from flows.worker_pool import MACHINE, MachineFaults, WorkerOutcome, WorkerPool
from pipeline.asking.ask import Asker
from pipeline.asking.endpoint import Endpoint
from pipeline.corrections import Corrections
from pipeline.datatypes import Half, Recording
from pipeline.errors import BadArtefact, shown
from pipeline.hearing.formats import DECODE_REASONS
from pipeline.intake.contents import forget_hash
from pipeline.intake.servers.fetching import FetchedSoFar, RemoteInbox
from pipeline.judging.rulebook import Rulebook
from pipeline.messages import Message
from pipeline.privacy.masking import masking_of
from pipeline.reviews.corrections import all_corrections, corrections_of
from pipeline.reviews.store import Reviews
from pipeline.run import judged_file, judging_key
from pipeline.settings import Settings
from pipeline.storage import artefacts, audit
from pipeline.storage.home import Failure, HalfRecord, Home, JudgedFile, RecordingRecord
from pipeline.storage.keys import finish_rotation
from pipeline.storage.resealing import begin_sealed
from pipeline.storage.tombstones import Tombstones

JUDGED_A_SHARD = 200
"""Judging a call takes milliseconds; this many make one Prefect task."""

GONE = ("missing", "replaced")
FINAL = {*DECODE_REASONS, "stuck"}
"""Reasons that say something of the recording itself: it is not tried again by the same engines and limits."""

RUNS_TRIED = 3
"""Runs after which a recording that ends its workers, or asks for too much memory, is given up."""

AGAIN_AFTER_S = (1.0, 10.0)
"""Pauses before a recording is tried again when the machine failed."""

LONG_TRY_S = 60.0
"""A try that took longer waited for the machine already."""


@dataclass(frozen=True, slots=True)
class Options:
    """What one run is told beside the settings."""

    limit: int | None = None
    retry_failed: bool = False
    report: bool = True


@dataclass
class Night:
    """One run over a home. Its steps, in this order: scan, hear (by shard), judge (by shard), then the clips, the
    database and the report.
    """

    settings: Settings
    fingerprint: str
    options: Options = field(default_factory=Options)
    run_id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stop: threading.Event = field(default_factory=threading.Event)
    tally: Tally = field(default_factory=Tally)
    error: BaseException | None = None
    plan: HearingPlan | None = None
    on_fetch: Callable[[FetchedSoFar], None] = lambda progress: None
    on_publish: Callable[[tuple[int, int]], None] = lambda done: None
    to_judge: list[RecordingRecord] = field(default_factory=list)
    publishes: bool = True
    corrections: Mapping[str, Corrections] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # once: what is free changes while the run is at work
        self.settings = with_worker_count(self.settings)
        self.home = Home(self.settings.paths.home)
        self.pool = WorkerPool(self.settings, self.stop)
        self.pending = PendingReport(self.home, self.publishes)
        self.failures = Failures(self.home, self.pending, self.tally, LANGUAGE)
        self.reviews = Reviews(self.home)
        self.record = RunRecord(self.home, self.run_id, self.started_at, self.settings)
        self._machine_faults = MachineFaults()
        self._hashes_lock = threading.Lock()
        self._inbox: tuple[Recording, ...] = ()
        self._told: set[str] = set()
        self._not_carried = 0
        self._recording_of: dict[str, str] = {}
        self.remote = self._remote() if self.settings.is_remote else None

    def _remote(self) -> RemoteInbox:
        return RemoteInbox(
            self.settings, heed_stop=self.heed_stop, on_progress=lambda progress: self.on_fetch(progress)
        )

    @cached_property
    def rulebooks(self) -> dict[str, Rulebook]:
        return rulebooks_in_force(self.settings)

    @cached_property
    def asker(self) -> Asker | None:
        """Asks a local model what the rulebooks want to know; None where the settings name none, or no rule asks."""
        asks = self.settings.asks
        if asks.endpoint is None or not any(book.questions for book in self.rulebooks.values()):
            return None
        endpoint = Endpoint(asks.endpoint, asks.model, asks.timeout_s, asks.token_env)
        return Asker(self.home, endpoint, asks.minutes * 60)

    @cached_property
    def tombstones(self) -> Tombstones:
        """The calls that were forgotten."""
        return Tombstones(self.home)

    def close_lost_runs(self) -> None:
        finish_rotation(self.home)
        begin_sealed(self.home)
        forget_nights(self.home)
        close_lost_runs(self.home, self.pending)

    def scan(self) -> HearingPlan:
        """Look through the inbox and plan the hearing. A rulebook with faults is told before the long work."""
        from pipeline.hearing.known_sound import check_ffmpeg
        from pipeline.intake.inbox import scan_inbox

        assert self.rulebooks is not None
        fetched = self.remote.fetch(self._is_to_hear) if self.remote else None
        scanned = scan_inbox(self.settings, self.home, fetched)
        self._inbox = scanned.recordings
        tally = self.tally
        tally.count_scan(scanned)
        for sha256 in scanned.superseded:
            # the database shows them until it is built again
            self.pending.add(sha256)
        for failure in scanned.failures:
            if failure.key not in self._told:
                self.failures.keep(failure)
                self._told.add(failure.key)
        limit = self.options.limit
        plan = plan_hearing(
            self.home,
            self.fingerprint,
            self.settings,
            self._inbox,
            limit=None if limit is None else limit - tally.to_hear,
            retry_failed=self.options.retry_failed,
        )
        for recording in plan.transcribed:
            # killed between the artefact and the failure's removal, or heard elsewhere with these engines
            self.failures.forget(recording.sha256)
        if plan.recordings:
            # before a single one of them is held to be what cannot be decoded
            check_ffmpeg(self.settings.decode)
        if self.plan is None:
            tally.known_failures = plan.known_failures
        tally.left = plan.left + (self.remote.left if self.remote else 0)
        tally.to_hear += len(plan.recordings)
        tally.expected_s += sum(expected_s(recording.path, recording.size_bytes) for recording in plan.recordings)
        self._recording_of = {
            part: recording.sha256
            for recording in plan.recordings
            for part in (recording.sha256, *(half.sha256 for half in recording.halves))
        }
        self.plan = plan
        log_event(
            "run.scanned",
            found=tally.found,
            to_hear=tally.to_hear,
            copies=tally.copies,
            unsettled=tally.waiting,
            known_failures=tally.known_failures,
            warnings=len(tally.warnings),
        )
        return plan

    @property
    def has_more(self) -> bool:
        """Whether recordings wait on a server for the room that those of this plan take; `scan` goes on with them."""
        assert self.plan is not None
        return self.remote is not None and self.remote.has_more and not self.plan.left

    def _is_to_hear(self, sha256: str) -> bool:
        """Whether a file's bytes are needed still: its recording's, where it holds one side. Before the first scan of
        a night it is not known which files are sides."""
        recording = sha256 if self.plan is None else self._recording_of.get(sha256)
        if recording is not None and self.tombstones.holds(recording):
            return False
        if recording is None or was_heard(self.home, self.fingerprint, recording):
            return False
        return not failed_before(self.home, failure_fingerprint(self.fingerprint, self.settings), recording)

    def idle(self) -> bool:
        """True when everything in the inbox is heard, judged and in the database. Call after `scan`."""
        if (self.plan and (self.plan.shards or self.has_more)) or self.outdated():
            return False
        self.plan_judging()
        return not self.to_judge

    def outdated(self) -> bool:
        """True when the database does not show what the files say."""
        return bool(self.pending) or not self.home.database.exists() or self.masked_otherwise

    @cached_property
    def masked_otherwise(self) -> bool:
        """Whether what is published hides something else than this run: then all of it is made anew."""
        from pipeline.results.store import published_masking

        return published_masking(self.home.database) not in (None, masking_of(self.settings.privacy))

    def plan_judging(self, everything: bool = False) -> None:
        """List what must be judged (again): what the inbox holds and what people corrected, or `everything` in the
        home."""
        records: Iterable[RecordingRecord]
        self.corrections = all_corrections(self.reviews)
        if everything:
            records = self.home.recording_records()
        else:
            calls = dict.fromkeys((*(recording.sha256 for recording in self._inbox), *self.corrections))
            paths = (self.home.recording(sha256) for sha256 in calls)
            records = (artefacts.read(path, RecordingRecord) for path in paths if path.exists())
        self.to_judge = plan_judging(
            self.home, self.fingerprint, self.settings, self.rulebooks, records, self.corrections
        )
        self.tally.to_judge = len(self.to_judge)

    @property
    def judge_shards(self) -> int:
        return -(-len(self.to_judge) // JUDGED_A_SHARD)

    def hear(self, shard: int) -> None:
        """Hear one shard's recordings. Raises RunStopped."""
        assert self.plan is not None
        self.record.begin(self.pending, self.tally)
        for recording in self.plan.shards[shard]:
            self.heed_stop()
            if not self.home.transcript(recording.sha256, self.fingerprint).exists():
                with self.bytes_of(recording.sha256, recording.halves):
                    self.hear_one(recording)

    def hear_one(self, *places: Recording) -> WorkerOutcome:
        """Hear a recording that this machine can read, from whichever place has its bytes, and keep what became of it.

        Raises RunStopped.
        """
        for recording in places:
            guess_s = expected_s(recording.path, recording.size_bytes)
            outcome = self._heard(recording, guess_s)
            if outcome.reason not in GONE:
                break
        self.note_heard(recording, outcome, guess_s)
        return outcome

    @contextmanager
    def bytes_of(self, sha256: str, halves: Sequence[Half | HalfRecord]) -> Iterator[bool]:
        """Have the bytes of a recording that is on a server on this machine; False where they cannot be had."""
        parts = [half.sha256 for half in halves] or [sha256]
        held = [self.remote.hold(part, self._is_to_hear) for part in parts] if self.remote else []
        try:
            yield None not in held
        finally:
            for path in filter(None, held):
                assert self.remote is not None
                self.remote.release(path)

    def _learn_length(self, guess_s: float, audio_s: float) -> None:
        self.tally.add(expected_s=audio_s - guess_s)

    def _heard(self, recording: Recording, guess_s: float) -> WorkerOutcome:
        """Hear one recording, again where the machine failed. Raises RunStopped when it fails again and again."""
        decoded = partial(self._learn_length, guess_s)
        outcome = self.pool.hear(recording.sha256, recording.path, decoded, recording.halves)
        for pause_s in AGAIN_AFTER_S:
            if outcome.reason != MACHINE or outcome.took_s > LONG_TRY_S:
                break
            self._check_inbox()
            self.stop.wait(pause_s)
            self.heed_stop()
            outcome = self.pool.hear(recording.sha256, recording.path, decoded, recording.halves)
        self._machine_faults.note(outcome)
        return outcome

    def _check_inbox(self) -> None:
        """A share that went away is no fault of what lies on it. Raises RunStopped."""
        inbox = self.settings.inbox_folder
        if not os.path.isdir(inbox):
            message = Message("{folder}: the inbox is gone; see to the share and run again", folder=shown(inbox))
            raise RunStopped(message)

    def note_heard(self, recording: Recording, outcome: WorkerOutcome, guess_s: float) -> None:
        """Keep what became of a recording. Raises RunStopped when the inbox is gone."""
        if outcome.reason is None:
            self.failures.forget(recording.sha256)
        elif outcome.reason in GONE:
            # nothing of the recording: the next scan sees what is there then
            self._check_inbox()
            if self.publishes:
                self.forget_hash(recording)
            self.tally.add(lost=1)
        else:
            self.failures.keep(self._hearing_failure(recording, outcome, outcome.reason))
        self.tally.add(
            heard=outcome.reason is None,
            audio_s=outcome.audio_s,
            done_s=outcome.audio_s or guess_s,
            tried=1,
            stage_s=outcome.stage_s,
        )

    def forget_hash(self, recording: Recording) -> None:
        """Have the next scan read a recording's file again."""
        with self._hashes_lock:
            forget_hash(self.home, recording.path)

    def _hearing_failure(self, recording: Recording, outcome: WorkerOutcome, reason: str) -> Failure:
        """Only what is wrong with the recording is final; what may be the machine's fault the next runs try again."""
        tries = 1
        with suppress(BadArtefact):
            known = artefacts.read(self.home.failure(recording.sha256), Failure)
            tries += known.tries if known.reason == reason else 0
        final = reason in FINAL or (reason != MACHINE and tries >= RUNS_TRIED)
        return Failure(
            recording.sha256,
            shown(recording.path),
            "decode" if outcome.stage == "decode" else "hear",
            reason,
            outcome.message,
            datetime.now(UTC),
            failure_fingerprint(self.fingerprint, self.settings) if final else "",
            tries,
        )

    def judge(self, shard: int) -> None:
        """Judge one shard of `to_judge`. Raises RunStopped."""
        self.record.begin(self.pending, self.tally)
        for record in self.to_judge[shard * JUDGED_A_SHARD : (shard + 1) * JUDGED_A_SHARD]:
            self.heed_stop()
            # what somebody corrected since it was planned counts too
            self.judge_one(record, corrections_of(self.reviews, record.sha256).in_force)
        self.warn()

    def warn(self) -> None:
        """Have the summary tell what of judging somebody should know."""
        if self._not_carried:
            count, self._not_carried = self._not_carried, 0
            told = Message(
                "what people corrected was not carried over in {count} calls that were judged again: callqa "
                "corrections lists them",
                count=count,
            )
            self.tally.warnings = (*self.tally.warnings, told)
        if self.asker and self.asker.stopped:
            why = (
                self.asker.fault.message if self.asker.fault else Message("the time for asking is over (asks.minutes)")
            )
            told = Message("the local model was not asked about all calls, the next run does: {why}", why=why)
            self.tally.warnings = tuple(dict.fromkeys((*self.tally.warnings, told)))

    def judge_one(self, record: RecordingRecord, corrections: Corrections) -> bool:
        """Judge a call that has an artefact, by what people said of it too, and keep the verdicts, or why there are
        none: False."""
        path = artefact_to_judge(self.home, self.fingerprint, record.sha256)
        assert path is not None
        try:
            transcript = read_without_codes(self.home, path)
        except BadArtefact:
            # heard anew the next time; until then the failures table says so
            path.unlink(missing_ok=True)
            lost = Message("its transcript could not be read back; it will be transcribed again")
            self._fail_judging(record, "damaged-artefact", lost)
            return False
        artefact = path.name.split(".")[1]
        key = judging_key(record.sha256, artefact, record.cdr, self.rulebooks, self.settings, corrections)
        before = None
        with suppress(BadArtefact):
            before = artefacts.read(self.home.judged(record.sha256), JudgedFile)
        try:
            judged = judged_file(
                key, transcript, record.cdr, self.rulebooks, self.settings, self.asker, corrections, before
            )
        except Exception as error:  # one odd call must not cost the others their verdicts
            self._fail_judging(record, "unforeseen", explained(error).message)
            return False
        self._not_carried += bool(judged.corrected and judged.corrected.left_out)
        # named first: a kill in between costs a look at the call, not its clips
        self.pending.add(record.sha256)
        artefacts.write(self.home.judged(record.sha256), judged)
        self.failures.forget_judging(record.sha256)
        self.tally.add(judged=1)
        return True

    def _fail_judging(self, record: RecordingRecord, reason: str, message: str) -> None:
        path = shown(record.named[0]) if record.named else ""
        self.failures.keep(Failure(record.sha256, path, "judge", reason, message, datetime.now(UTC)))

    def cut_clips(self, everything: bool = False, count: bool = True) -> None:
        """Cut the clips of the calls judged since the last report, or of all, from files that still are theirs.

        `count` what could not be cut, at the end of the night.
        """
        from pipeline.results.excerpts import prune_excerpts

        if everything or self.masked_otherwise:
            self.cut_clips_of([path.name.split(".")[0] for path in self.home.files("judged")], True, count)
        else:
            self.cut_clips_of(sorted(self.pending.calls()), True, count)
        prune_excerpts(self.home)

    def cut_best_clips(self, candidates: Sequence[str]) -> None:
        """Cut what the night's best calls among some that have their other clips get besides."""
        from pipeline.results.excerpts import prune_excerpts

        self.cut_clips_of(candidates, True, count=False)
        prune_excerpts(self.home)

    def cut_clips_of(self, calls: Sequence[str], share_best: bool, count: bool) -> tuple[str, ...]:
        """Cut the clips of these calls, and return which of them are the best of a rule; `share_best`: those get one
        of it.
        """
        from flows.clips import cut_clips_of

        return cut_clips_of(self, calls, share_best, count)

    def build_database(self, anew: bool = False) -> None:
        """Delete what was kept for its time, and build the database, `anew` from nothing, in place of the old one."""
        from pipeline.results.rows import rulebook_info
        from pipeline.results.store import build_database

        expired = begin_retention(self.home, self.settings)
        books = [rulebook_info(book) for book in self.rulebooks.values()]
        built = build_database(self.home, self.settings, books, anew, lambda calls, of: self.on_publish((calls, of)))
        self.tally.damaged = len(built.damaged)
        end_retention(self.home, self.settings, expired, self.tally)
        if built.changed:
            audit.record(self.home, "publish", run=self.run_id, calls_shown=built.rows.get("calls", 0))
            self._make_call_index()

    def _make_call_index(self) -> None:
        """What the desk lists and searches, where there is a desk: else people wait for it in the morning."""
        from desk.accounts import accounts_file
        from desk.calls.call_index import make_index
        from desk.snapshot import Snapshot

        if accounts_file(self.home).exists():
            make_index(self.home, Snapshot(self.home.database, self.settings.ingest.timezone).parts())

    def write_report(self) -> None:
        """Make the report of the calls judged since the last one (all, if none), unless the options say no."""
        from flows.erased_reports import renew_all_reports
        from pipeline.results.report import report_folder, write_report
        from pipeline.results.workbook import write_workbook

        if self.masked_otherwise:
            self.tally.warnings = (*self.tally.warnings, *renew_all_reports(self.home, self.settings))
        if self.options.report:
            run = self.record.read()
            audit.record(self.home, "export", run=self.run_id, what="report, workbook")
            write_report(self.home, self.settings, run, self.pending.calls() or None)
            write_workbook(self.home, self.settings, report_folder(self.home, self.settings, run))

    def heed_stop(self) -> None:
        """Raises RunStopped when somebody asked for the end."""
        if self.stop.is_set():
            raise interruption()
