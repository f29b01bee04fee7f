"""A shard of a night that several machines share: its calls are heard and judged and their clips cut, here.

Any machine that mounts the home and the inbox can do any shard, and twice without harm: what is there already is left
as it is, and files are renamed into place. A machine knows a run's id and a shard's number; all else is in the home.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from flows.engines import fingerprint, with_worker_count
from flows.faults import RunStopped, explained, interruption
from flows.language import LANGUAGE, say
from flows.manifest import MachineFault, Manifest, NightFolder, Shard, ShardOutcome, differing
from flows.night import GONE, Night
from flows.plan import artefact_to_judge, failure_fingerprint, plan_judging
from flows.worker_pool import WorkerOutcome, WorkerPool
from pipeline.asking.prompt import PROMPT_VERSION
from pipeline.corrections import Corrections
from pipeline.datatypes import Half, Recording, Transcript
from pipeline.errors import BadArtefact, shown
from pipeline.judging.rulebook import Rulebook
from pipeline.messages import Message, in_language
from pipeline.results.excerpts import excerpt_failed
from pipeline.run import JUDGING_VERSION
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord

TRIES_OF_MACHINES = 2
"""Workers that a recording may end, in one night, before it is set aside."""


def made_by(settings: Settings, fingerprint: str, rulebooks: Mapping[str, Rulebook]) -> dict[str, str]:
    """What a night's results depend on besides the calls, hashed, by the name of its settings."""
    parts = {
        "hear": fingerprint,
        "decode": failure_fingerprint(fingerprint, settings),
        "rulebooks": repr(sorted((language, book.hash) for language, book in rulebooks.items())),
        "judge": f"{JUDGING_VERSION} {settings.judge.model_dump_json()}",
        "asks": f"{PROMPT_VERSION} {settings.asks.model_dump_json()}",
        "excerpts": settings.excerpts.model_dump_json(),
        "paths.inbox": str(settings.paths.inbox),
    }
    return {name: hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() for name, text in parts.items()}


class Machine:
    """What a machine keeps from shard to shard: settings, processes that hear, the rulebooks of a run. For threads."""

    def __init__(self, settings: Settings, name: str, stop: threading.Event) -> None:
        self.settings = with_worker_count(settings)
        self.name, self.stop = name, stop
        self.home = Home(self.settings.paths.home)
        self.fingerprint = fingerprint(self.settings)
        self._pool = WorkerPool(self.settings, stop)
        self._night: Night | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        self._pool.close()

    def do_shard(self, run_id: str, number: int) -> ShardOutcome | None:
        """Do a shard; None when it is done, or the run over. Raises CallQAError, told in the home, when it cannot."""
        folder = NightFolder(self.home, run_id)
        try:
            manifest = self._manifest(folder)
            if manifest is None or folder.outcome(number) is not None:
                return None
            night = self._night_of(manifest)
            outcome = _do(night, folder, folder.shard(number))
            folder.finish(number, outcome)
        except Exception as error:
            fault = explained(error)
            is_there = self.home.lock.exists()
            if is_there and folder.is_over and not self.stop.is_set():
                return None  # whatever went wrong, its folder has gone meanwhile
            if is_there and not getattr(fault, "interrupted", False):
                with suppress(OSError):
                    folder.tell(MachineFault(self.name, fault.in_language(LANGUAGE), datetime.now(UTC)))
            raise fault from None
        return outcome

    def _manifest(self, folder: NightFolder) -> Manifest | None:
        if not self.home.lock.exists():
            raise RunStopped(
                Message("{home}: no callqa home is there; mount it, or see to paths.home", home=shown(self.home.root))
            )
        return folder.read()

    def _night_of(self, manifest: Manifest) -> Night:
        """The night that a manifest tells of. Raises RunStopped where this machine would come to other results."""
        with self._lock:
            if self._night is None or self._night.run_id != manifest.run_id:
                night = Night(self.settings, self.fingerprint, run_id=manifest.run_id, stop=self.stop, publishes=False)
                night.pool = self._pool
                if unlike := differing(manifest.made_by, made_by(self.settings, self.fingerprint, night.rulebooks)):
                    raise RunStopped(
                        Message(
                            "this machine would come to other results than the run: settings, models, rulebooks and "
                            "callqa must be the same there ({names} differ)",
                            names=", ".join(unlike),
                        )
                    )
                self._night = night
            return self._night


def _do(night: Night, folder: NightFolder, shard: Shard) -> ShardOutcome:
    lost: list[str] = []
    audio_s = 0.0
    for number, sha256 in enumerate(shard.calls):
        if night.stop.is_set() or folder.is_over:
            raise interruption()
        said = shard.corrections.get(sha256, Corrections())
        audio_s += _do_call(night, folder, sha256, number < len(shard.to_hear), said, lost)
    night.warn()
    best = night.cut_clips_of(shard.calls, share_best=False, count=False)
    home = night.home
    failed = [sha256 for sha256 in shard.calls if folder.has_failed(sha256)]
    return ShardOutcome(
        heard=sum(home.transcript(sha256, night.fingerprint).exists() for sha256 in shard.to_hear),
        judged=sum(home.judged(sha256).exists() for sha256 in {*shard.calls} - {*failed}),
        failed=len(failed),
        lost=tuple(lost),
        without_clips=sum(excerpt_failed(home, sha256) for sha256 in shard.calls),
        audio_s=audio_s,
        best=best,
        warnings=tuple(str(in_language(text, LANGUAGE)) for text in night.tally.warnings),
    )  # fmt: skip


def _do_call(
    night: Night, folder: NightFolder, sha256: str, to_hear: bool, said: Corrections, lost: list[str]
) -> float:
    """Hear and judge a call as far as that is not done, and return its length in seconds, if it was to be heard."""
    home = night.home
    try:
        record = artefacts.read(home.recording(sha256), RecordingRecord)
    except BadArtefact:
        return 0.0  # the next scan writes it anew
    if folder.has_failed(sha256):
        return 0.0  # a worker that was lost later came to that
    audio_s = 0.0
    if to_hear:
        heard = home.transcript(sha256, night.fingerprint)
        if heard.exists():
            with suppress(BadArtefact):
                audio_s = artefacts.read(heard, Transcript).duration_s
        else:
            outcome = _hear(night, folder, record)
            audio_s = outcome.audio_s
            if outcome.reason in GONE:
                lost.append(sha256)
            elif outcome.reason is not None:
                folder.set_failed(sha256)
    if artefact_to_judge(home, night.fingerprint, sha256) is not None:
        due = plan_judging(home, night.fingerprint, night.settings, night.rulebooks, [record], {sha256: said})
        if due and not night.judge_one(record, said):
            folder.set_failed(sha256)
    return audio_s


def _hear(night: Night, folder: NightFolder, record: RecordingRecord) -> WorkerOutcome:
    """Hear a recording, unless it ended the workers that tried before."""
    sha256 = record.sha256
    recordings = _places(record)
    left_behind = folder.marks(sha256)
    if len(left_behind) >= TRIES_OF_MACHINES:
        message = say("ended {tries} worker processes; memory may be short (callqa doctor)", tries=len(left_behind))
        outcome = WorkerOutcome(sha256, reason="crashed", message=message)
        night.note_heard(recordings[0], outcome, 0.0)
    else:
        mark = folder.begin_hearing(sha256)
        try:
            outcome = night.hear_one(*recordings)
        finally:
            mark.unlink(missing_ok=True)
    for mark in left_behind:
        mark.unlink(missing_ok=True)
    return outcome


def _places(record: RecordingRecord) -> list[Recording]:
    """A recording at every place where it may lie; its bytes tell which one it is. At least one, be it gone."""
    sides = [[Half(path, half.sha256) for path in half.files] for half in record.halves]
    if sides:
        paths = [(pair[0].path, pair) for pair in product(*sides)]
    else:
        alike = [path for path in record.files if _has_size(path, record.size_bytes)]
        paths = [(path, ()) for path in alike or [record.named[0]]]
    return [Recording(record.sha256, path, record.size_bytes, record.cdr, halves) for path, halves in paths]


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return os.stat(path).st_size == size_bytes
    except OSError:
        return False
