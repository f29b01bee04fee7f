"""What is left to do: the files of the home folder decide it (see `pipeline.storage.home`); nothing is changed here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corrections import Corrections
from pipeline.datatypes import Recording
from pipeline.errors import BadArtefact
from pipeline.judging.rulebook import Rulebook
from pipeline.run import judging_key
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home, RecordingRecord

PCM_BYTES_S, CODED_BYTES_S = 16_000, 4_000
"""Bytes a second of usual telephone recordings, to cut shards before anything is decoded."""


@dataclass(frozen=True, slots=True)
class HearingPlan:
    """Which recordings are to be heard, by shard, and what becomes of the others.

    `transcribed` have their artefact, or had it until its time was over, `known_failures` failed with these engines and
    limits before, `left` are over what one run was asked for.
    """

    shards: tuple[tuple[Recording, ...], ...] = ()
    transcribed: tuple[Recording, ...] = ()
    known_failures: int = 0
    left: int = 0

    @property
    def recordings(self) -> tuple[Recording, ...]:
        return tuple(recording for shard in self.shards for recording in shard)


def plan_hearing(
    home: Home,
    fingerprint: str,
    settings: Settings,
    recordings: Iterable[Recording],
    *,
    limit: int | None = None,
    retry_failed: bool = False,
) -> HearingPlan:
    """What of the inbox is to be heard by the engines of `fingerprint`."""
    transcribed: list[Recording] = []
    to_hear: list[Recording] = []
    known_failures = 0
    failing = failure_fingerprint(fingerprint, settings)
    for recording in recordings:
        if was_heard(home, fingerprint, recording.sha256):
            transcribed.append(recording)
        elif not retry_failed and failed_before(home, failing, recording.sha256):
            known_failures += 1
        else:
            to_hear.append(recording)
    now = to_hear if limit is None else to_hear[:limit]
    shards = tuple(tuple(shard) for shard in cut_shards(now, settings))
    return HearingPlan(shards, tuple(transcribed), known_failures, len(to_hear) - len(now))


def was_heard(home: Home, fingerprint: str, sha256: str) -> bool:
    """Whether a recording needs no hearing by these engines, or none ever again: of its words only scores are kept."""
    return home.transcript(sha256, fingerprint).exists() or home.scores(sha256).exists()


def failure_fingerprint(fingerprint: str, settings: Settings) -> str:
    """A hash of all by which a recording may fail: the hearing's `fingerprint`, and the limits set to it."""
    limits = f"{settings.decode.model_dump_json()} {settings.hear.stuck_factor}"
    return hashlib.sha256(f"{fingerprint}\n{limits}".encode()).hexdigest()


def failed_before(home: Home, failing: str, sha256: str) -> bool:
    """Whether a recording could not be heard for good by these engines and limits (see `failure_fingerprint`)."""
    try:
        return artefacts.read(home.failure(sha256), Failure).fingerprint == failing
    except BadArtefact:
        return False


def cut_shards(recordings: Sequence[Recording], settings: Settings) -> list[list[Recording]]:
    """Recordings in parts of about `hear.shard_minutes`."""
    lengths_s = [expected_s(recording.path, recording.size_bytes) for recording in recordings]
    # small enough, too, that no worker is idle for long at the end
    largest_s = min(settings.hear.shard_minutes * 60, sum(lengths_s) / (4 * settings.hear.workers))
    shards: list[list[Recording]] = []
    room_s = 0.0
    for recording, length_s in zip(recordings, lengths_s, strict=True):
        if not shards or room_s < length_s:
            shards.append([])
            room_s = largest_s
        shards[-1].append(recording)
        room_s -= length_s
    return shards


def expected_s(path: Path, size_bytes: int) -> float:
    """A guess at a recording's length, for shards and the remaining time; nothing else rests on it."""
    return size_bytes / (PCM_BYTES_S if path.suffix.lower() == ".wav" else CODED_BYTES_S)


def plan_judging(
    home: Home,
    fingerprint: str,
    settings: Settings,
    rulebooks: Mapping[str, Rulebook],
    records: Iterable[RecordingRecord],
    corrections: Mapping[str, Corrections],
) -> list[RecordingRecord]:
    """The recordings whose verdicts are missing or were made from something else than there is now. `corrections` are
    what people said of calls, by SHA-256."""
    to_judge = []
    asking = settings.asks.endpoint is not None
    for record in records:
        if record.superseded_by:
            continue
        artefact = artefact_to_judge(home, fingerprint, record.sha256)
        if artefact is not None:
            said = corrections.get(record.sha256, Corrections())
            key = judging_key(record.sha256, artefact.name.split(".")[1], record.cdr, rulebooks, settings, said)
            if stored_key(home.judged(record.sha256)) != key or (asking and home.unanswered(record.sha256).exists()):
                to_judge.append(record)
    return to_judge


def artefact_to_judge(home: Home, fingerprint: str, sha256: str) -> Path | None:
    """A recording's artefact: of these engines, else the newest there is."""
    path = home.transcript(sha256, fingerprint)
    return path if path.exists() else home.newest_transcript(sha256)


def stored_key(path: Path) -> str | None:
    """The key of a judged file, unpacked whole to see that it is not damaged; None when there is none or it is."""
    try:
        data = artefacts.unpacked(path)
    except BadArtefact:
        return None
    match = re.match(rb'\{"key":"([0-9a-f]+)"', data)
    return match[1].decode() if match else None
