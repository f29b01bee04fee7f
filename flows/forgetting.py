"""Which calls are to be forgotten, and all that has to be known of them to do it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from flows.erased_reports import report_folders, shows_erased
from flows.options import BEGINNING, meant_records, no_such_call, several_match
from pipeline.errors import BadArtefact
from pipeline.intake.callers import CallerHash
from pipeline.judging.call_cache import is_in_columns
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.call_files import call_files, stored_calls
from pipeline.storage.erasure import Erasure, InboxFile
from pipeline.storage.home import Home, RecordingRecord, files_stored_as, path_key
from pipeline.storage.tombstones import call_mark


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose calls are to be forgotten: those that texts name, those of a caller's number, those before a day."""

    calls: tuple[str, ...] = ()
    caller: str | None = None
    before: date | None = None


def calls_wanted(home: Home, settings: Settings, wanted: Wanted) -> Erasure:
    """What is to be erased, the recordings in the inbox with it. Raises CallQAError for a text that names no call, or
    several."""
    records = {record.sha256: record for record in home.recording_records()}
    found: set[str] = set()
    for identity in wanted.calls:
        found |= _named(home, records, identity)
    if wanted.caller is not None:
        hashed = CallerHash(home).every_hash(wanted.caller)
        found |= {sha256 for sha256, record in records.items() if record.cdr.caller_hash in hashed}
    if wanted.before is not None:
        zone = ZoneInfo(settings.ingest.timezone)
        found |= {sha256 for sha256, record in records.items() if began(record, zone).date() < wanted.before}
    return whole_erasure(home, records, found)


def whole_erasure(home: Home, records: dict[str, RecordingRecord], found: Collection[str]) -> Erasure:
    """What is to be erased so that nothing is left of some calls (SHA-256): their other recordings go too."""
    calls = _with_others(records, found)
    chosen = [records[sha256] for sha256 in sorted(calls) if sha256 in records]
    halves = {half.sha256 for record in chosen for half in record.halves}
    names: set[str] = set()
    keys: set[str] = set()
    for record in chosen:
        paths = {*record.named, *record.files, *(path for half in record.halves for path in half.files)}
        names |= {record.cdr.call_id or "", *(part for path in paths for part in (path.name, path.stem))}
        keys |= {path_key(path) for path in paths}
    return Erasure(
        calls=tuple(sorted(calls)),
        known_by=tuple(sorted({*calls, *halves, *filter(None, (call_mark(record.cdr) for record in chosen))})),
        recordings=tuple(_inbox_files(chosen)),
        names=tuple(sorted(names - {""})),
        since=min((record.first_seen for record in chosen), default=None) if len(chosen) == len(calls) else None,
        failures=tuple(sorted(key for key in keys if home.failure(key).exists())),
        had_failures=any(home.failure(name).exists() for name in (*calls, *(f"{c}-excerpt" for c in calls), *keys)),
    )


def began(record: RecordingRecord, zone: ZoneInfo) -> datetime:
    """When a call began, else when it was first seen, in a time zone."""
    moment = record.cdr.started_at or record.first_seen
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


def _named(home: Home, records: dict[str, RecordingRecord], identity: str) -> set[str]:
    """The recordings of the one call that a text names; a call may have several."""
    matches = meant_records(records.values(), identity)
    if not matches:
        # a record may be damaged, or gone
        begun = {
            sha256
            for sha256 in stored_calls(home)
            if len(identity) >= BEGINNING and sha256.startswith(identity.lower())
        }
        if len(begun) != 1:
            raise several_match(identity, len(begun)) if begun else no_such_call(identity, home)
        return begun
    if len(matches) > 1 and any(record.cdr.call_id != identity for record in matches):
        raise several_match(identity, len(matches))
    return {record.sha256 for record in matches}


def _with_others(records: dict[str, RecordingRecord], found: Collection[str]) -> set[str]:
    """Some recordings, what took the place of them, and what they took the place of."""
    calls = set(found)
    while True:
        later = {records[sha256].superseded_by for sha256 in calls if sha256 in records} - {""}
        earlier = {sha256 for sha256, record in records.items() if record.superseded_by in calls}
        if (later | earlier) <= calls:
            return calls
        calls |= later | earlier


def _inbox_files(records: Iterable[RecordingRecord]) -> Iterable[InboxFile]:
    for record in records:
        if record.halves:
            yield from (InboxFile(half.sha256, half.path) for half in record.halves)
        else:
            yield from (InboxFile(record.sha256, path) for path in record.paths)


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call that is to be forgotten, as people know it. `began` is when it did, or was first seen."""

    sha256: str
    call_id: str | None
    began: datetime | None


def listed_calls(home: Home, settings: Settings, erasure: Erasure) -> list[WantedCall]:
    """The calls of an erasure, the oldest first."""
    zone = ZoneInfo(settings.ingest.timezone)
    found = []
    for sha256 in erasure.calls:
        try:
            record = artefacts.read(home.recording(sha256), RecordingRecord)
            found.append(WantedCall(sha256, record.cdr.call_id, began(record, zone)))
        except BadArtefact:
            found.append(WantedCall(sha256, None, None))
    return sorted(found, key=lambda call: (str(call.began), call.sha256))


@dataclass(frozen=True, slots=True)
class Held:
    """How many files of a kind, and how large together."""

    kind: str
    files: int
    size_bytes: int


def held_by(home: Home, erasure: Erasure) -> list[Held]:
    """What would go with an erasure, by kind: the calls' own files, then what is made anew without them."""
    by_kind: dict[str, list[Path]] = {}
    for file in call_files(home, erasure.calls):
        if file.path.is_file():
            by_kind.setdefault(file.kind, []).append(file.path)
    by_kind["columns"] = is_in_columns(home, erasure.calls)
    shown = [folder for folder in report_folders(home) if shows_erased(folder, erasure)]
    by_kind["reports"] = [path for folder in shown for path in folder.rglob("*") if path.is_file()]
    files = [path for recording in erasure.recordings for path in files_stored_as(recording.path)]
    by_kind["inbox"] = [path for path in dict.fromkeys(files) if path.is_file()]
    return [Held(kind, len(paths), _size(paths)) for kind, paths in by_kind.items() if paths]


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())
