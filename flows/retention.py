"""What has been kept for its time is deleted: audio, transcripts, scores, by `privacy.keep_…_days`.

It is done before the database is built, so that what is published never shows what is gone: clips go first, then words,
of which outcomes and scores are left, and then the call is forgotten as by `callqa forget`. Days count from the call's
beginning. Off by default. Only for who holds the run lock.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.erasing import close_erasure, erase_files
from flows.forgetting import began, whole_erasure
from flows.tally import Tally
from pipeline.intake.servers.cache import fetched_contents
from pipeline.settings import Settings
from pipeline.storage import audit
from pipeline.storage.call_files import WITH_SOUND, stored_calls
from pipeline.storage.erasure import Erasure, begin
from pipeline.storage.home import Home, RecordingRecord


def is_over(record: RecordingRecord, settings: Settings, days: int | None) -> bool:
    """Whether a call began so many days ago or earlier."""
    if days is None:
        return False
    return datetime.now(UTC) - began(record, ZoneInfo(settings.ingest.timezone)) >= timedelta(days=days)


def expired(home: Home, settings: Settings) -> Erasure:
    """What of the home has been kept for its time."""
    keep = settings.privacy
    if keep.keep_audio_days is keep.keep_transcripts_days is keep.keep_scores_days is None:
        return Erasure()
    said = stored_calls(home, ("heard", "judged", "answers"))
    clips, fetched = stored_calls(home, WITH_SOUND), fetched_contents(home.root / "fetched")
    records = {record.sha256: record for record in home.recording_records()}
    calls: set[str] = set()
    words: set[str] = set()
    silent: set[str] = set()
    for sha256, record in records.items():
        if is_over(record, settings, keep.keep_scores_days):
            calls.add(sha256)
        elif is_over(record, settings, keep.keep_transcripts_days) and sha256 in said:
            words.add(sha256)
        if is_over(record, settings, keep.keep_audio_days) and (
            sha256 in clips or not fetched.isdisjoint(parts_of(record))
        ):
            silent.add(sha256)
    whole = whole_erasure(home, records, calls)
    gone = [records[sha256].first_seen for sha256 in calls | words | silent]
    return replace(
        whole,
        words=tuple(sorted(words - set(whole.calls))),
        clips=tuple(sorted(silent - words - set(whole.calls))),
        recordings=(),
        copies=tuple(sorted({part for sha256 in words | silent for part in parts_of(records[sha256])})),
        since=min(gone, default=None),
    )


def parts_of(record: RecordingRecord) -> tuple[str, ...]:
    """The SHA-256s of a recording's files: its own, or those of both sides."""
    return tuple(half.sha256 for half in record.halves) or (record.sha256,)


def begin_retention(home: Home, settings: Settings) -> Erasure:
    """Delete what has been kept for its time; it is put down before. Raises OSError, CallQAError."""
    over = expired(home, settings)
    if over:
        forgotten, transcripts, clips = len(over.calls), len(over.words), len(over.clips)
        audit.record(home, "retention", forgotten=forgotten, transcripts=transcripts, clips=clips)
        over = begin(home, over)
        erase_files(home, over)
    return over


def end_retention(home: Home, settings: Settings, over: Erasure, tally: Tally) -> None:
    """Once the database is built: see that nothing older shows it, and count it."""
    if over:
        tally.calls_expired, tally.transcripts_expired = len(over.calls), len(over.words)
        tally.clips_expired = len(over.clips)
        tally.not_erased += len(close_erasure(home, settings, over))
