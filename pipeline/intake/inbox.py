"""The door: which recordings the inbox holds, and what the telephone system knows of them.

A recording is known by the SHA-256 of its bytes, so renaming or copying a file makes no new call. What cannot
be a recording, and metadata that cannot be read, becomes a `Failure`, never an exception that would stop the night.
Callers' numbers are replaced by a keyed hash before anything else sees them.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pipeline.datatypes import CDR, Recording
from pipeline.errors import BadArtefact, BadSetting, shown
from pipeline.intake.agents import Agents
from pipeline.intake.cdr import CdrBuilder, numbers_of
from pipeline.intake.contents import Contents, read_contents, work_in_sides
from pipeline.intake.joining import join_legs
from pipeline.intake.matching import Matches
from pipeline.intake.names import FileNames
from pipeline.intake.party_matching import match_recordings
from pipeline.intake.reader import Leg
from pipeline.intake.sources import RecognisedFile, metadata_places, read_metadata
from pipeline.intake.superseded import set_aside, superseded_contents
from pipeline.messages import Message
from pipeline.numbers import mask_numbers
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, HalfRecord, Home, RecordingRecord, path_key, stored_path
from pipeline.storage.tombstones import Tombstones

INBOX_REASONS = {
    "metadata": "call metadata that cannot be read",
    "missing": "a link to nothing, or a file that left the server while it was read",
    "outside-inbox": "a link to a file outside the inbox",
    "not-a-file": "a folder, pipe, socket or device that is named like a recording",
    "empty": "the file has no bytes",
    "too-large": "the file is larger than decode.largest_mb",
    "unreadable": "the file or folder cannot be read, or the server does not give it",
}
"""Every reason a Failure from here can have."""

_ENDING = re.compile(r"(?:\.[a-z][a-z0-9-]{0,9})?")


@dataclass(frozen=True, slots=True)
class Scan:
    """What the inbox held. `recordings` are unique by content, in order of their paths.

    `files` counts the files looked at, `copies` those whose bytes another path has too, `renamed` recordings that an
    earlier scan knew under other paths only, `unsettled` files left for the next scan because they are still being
    written. `metadata` are the files of call metadata that were read, `unread` those that look like tables and are not
    used, `calls` how many calls they tell of, `names` how many recordings' names were understood as which system's,
    `warnings` faults of single rows, without their values. `rows_unused` are calls without a recording, `without_row`
    recordings without a call (0 when there is no metadata). `forgotten` are recordings of calls that were forgotten:
    they are left where they are, and nothing of them is kept.
    """

    recordings: tuple[Recording, ...]
    failures: tuple[Failure, ...]
    copies: int = 0
    files: int = 0
    renamed: int = 0
    unsettled: int = 0
    pairs: int = 0
    one_sided: int = 0
    mixes: int = 0
    superseded: tuple[str, ...] = ()
    passed_over: dict[str, int] = field(default_factory=dict)
    metadata: tuple[RecognisedFile, ...] = ()
    unread: tuple[Path, ...] = ()
    calls: int = 0
    names: dict[str, int] = field(default_factory=dict)
    rows_unused: int = 0
    without_row: int = 0
    forgotten: int = 0
    warnings: tuple[Message, ...] = ()


def scan_inbox(settings: Settings, home: Home, contents: Contents | None = None) -> Scan:
    """Look through the inbox, write a record of every recording that is new or changed, and return what is there.

    `contents` is what was fetched from a server (`pipeline.intake.servers.fetching`); without it the folder is read.
    Failures are returned, not written; one of an earlier scan is removed when what it tells of is as it should be.
    Metadata that cannot be read is such a failure, and what was known of a call stays, as it does when there is no row
    for it any more. Raises BadSetting for a time zone, column or file-name pattern that makes no sense, or an inbox
    that is missing.
    """
    inbox = _inbox_folder(settings)
    warnings: list[Message] = []
    metadata = read_metadata(settings.ingest, inbox, home.root, warnings)
    agents = Agents(metadata.agents, warnings)
    # the second one's counts are told to nobody
    builder, again = (CdrBuilder(settings.ingest, home, agents) for _ in range(2))
    names = FileNames(settings.ingest.file_names)
    calls = join_legs(metadata.legs)
    if contents is None:
        contents = read_contents(settings, home, names.knows)
    else:
        work_in_sides(contents, (), names.knows)
    copies, tombstones = contents.copies, Tombstones(home)
    forgotten = _leave_forgotten(contents, tombstones)
    matches, named = match_recordings(calls, contents.paths, settings.inbox_folder, settings.ingest, names, warnings)
    superseded = dict(superseded_contents(contents, home, names.knows, partial(_call_ids, matches)))
    earlier_of = _earlier_of(superseded)
    recordings = []
    renamed = 0
    for sha256, paths in contents.paths.items():
        halves = contents.sides.halves.get(sha256, ())
        told = _Told(matches.legs.get(sha256, ()), named[sha256], names.sides_leg(paths[0]) if halves else None)
        old = _earlier_record(home, sha256)
        # a half copy, or a half, was the same call
        known = old or next(filter(None, (_earlier_record(home, same) for same in earlier_of[sha256])), None)
        cdr = _cdr(told, known, builder, again, warnings)
        if known is None and tombstones.holds_call(cdr):
            forgotten += 1  # another copy of it, in other bytes
            continue
        recording = Recording(sha256, paths[0], contents.sizes[sha256], cdr, halves)
        renamed += _record(home, recording, paths, told, known, old, builder)
        recordings.append(recording)
    failures = [*metadata.failures, *contents.failures]
    _forget_healed(home, failures, metadata_places(settings.ingest, inbox, metadata), contents)
    warnings += builder.untold()
    return Scan(
        recordings=tuple(recordings),
        failures=tuple(failures),
        copies=copies,
        pairs=len(contents.sides.halves),
        one_sided=len(contents.sides.alone),
        mixes=contents.sides.left_out,
        superseded=set_aside(superseded, home),
        passed_over=_passed_over(contents, {*metadata.unread, *(file.path for file in metadata.files)}, failures),
        files=contents.files,
        renamed=renamed,
        unsettled=contents.unsettled,
        metadata=tuple(metadata.files),
        unread=tuple(metadata.unread),
        calls=len(calls),
        names=dict(names.told),
        rows_unused=len(matches.unmatched),
        without_row=max(0, len(recordings) - len(matches.legs)) if calls else 0,
        forgotten=forgotten,
        warnings=tuple(warnings),
    )


def _leave_forgotten(contents: Contents, tombstones: Tombstones) -> int:
    """Take the recordings of forgotten calls out of what the inbox holds, and say how many there are."""
    if not tombstones:
        return 0
    halves = contents.sides.halves
    gone = [
        sha256
        for sha256 in contents.paths
        if any(map(tombstones.holds, (sha256, *(half.sha256 for half in halves.get(sha256, ())))))
    ]
    for sha256 in gone:
        del contents.paths[sha256]
    return len(gone)


def _inbox_folder(settings: Settings) -> Path:
    """The inbox. Raises BadSetting where there is none."""
    inbox = settings.inbox_folder
    if not os.path.isdir(inbox):
        raise BadSetting(
            Message(
                "paths.inbox: {folder}: no such folder; make it, or name another in the settings", folder=shown(inbox)
            )
        )
    return inbox


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of a recording: by the rows of call metadata, by its name, and by its being in two files."""

    rows: tuple[Leg, ...] = ()
    by_name: Leg | None = None
    sides: Leg | None = None

    @property
    def legs(self) -> tuple[Leg, ...]:
        """All of it, what is surest first."""
        return tuple(leg for leg in (self.sides, *self.rows, self.by_name) if leg is not None)


def _cdr(
    told: _Told, known: RecordingRecord | None, builder: CdrBuilder, again: CdrBuilder, warnings: list[Message]
) -> CDR:
    """What is told of a call now, and what was known of it before where that says nothing."""
    cdr = builder.build_call(told.legs, warnings)
    if known is None:
        return cdr
    if not told.rows:
        # what rows said before goes before what the name says, and that before what it said by older settings
        return _merged(known.cdr, cdr) if known.has_row else _merged(cdr, known.cdr)
    # a row replaces what was known, but an empty cell does not
    by_rows = _merged(again.build_call(told.rows, []), known.cdr) if known.has_row and told.by_name else cdr
    return _merged(by_rows, _merged(cdr, known.cdr))


def _forget_healed(home: Home, failures: list[Failure], metadata: set[Path], contents: Contents) -> None:
    """Remove failures of earlier scans whose file is a recording now, or whose metadata is read now or gone."""
    kept = {path.name.split(".")[0] for path in home.files("failures") if path.name.startswith("path-")}
    if kept:
        healed = {path_key(path) for paths in contents.paths.values() for path in paths} | set(map(path_key, metadata))
        for key in kept & healed - {failure.key for failure in failures}:
            home.failure(key).unlink(missing_ok=True)


def _earlier_record(home: Home, sha256: str) -> RecordingRecord | None:
    try:
        return artefacts.read(home.recording(sha256), RecordingRecord)
    except BadArtefact:
        return None


def _record(
    home: Home,
    recording: Recording,
    paths: list[Path],
    told: _Told,
    known: RecordingRecord | None,
    old: RecordingRecord | None,
    builder: CdrBuilder,
) -> bool:
    """Write a recording's record if it is new or says something else now. True when every earlier path is gone."""
    numbers = numbers_of(told.legs)
    now = tuple(stored_path(path, numbers) for path in paths)
    # homes of before have paths with numbers
    earlier = tuple(dict.fromkeys(mask_numbers(path) for path in old.paths)) if old else ()
    gone = [path for path in earlier if path not in now]
    record = RecordingRecord(
        recording.sha256,
        recording.size_bytes,
        (*now, *gone),
        old.first_seen if old else datetime.now(UTC),
        recording.cdr,
        has_row=bool(told.rows) or bool(known and known.has_row),
        halves=tuple(HalfRecord(half.sha256, stored_path(half.path, numbers)) for half in recording.halves),
        key_id=_key_id(recording.cdr, known, builder),
    )
    if record != old:
        artefacts.write(home.recording(record.sha256), record)
    return old is not None and len(gone) == len(earlier)


def _key_id(cdr: CDR, known: RecordingRecord | None, builder: CdrBuilder) -> str:
    """By which key the hash in a CDR was made: what was known before may be under an earlier one."""
    if cdr.caller_hash is None or (known and known.cdr.caller_hash == cdr.caller_hash):
        return known.key_id if known else ""
    return builder.key_id


def _earlier_of(superseded: dict[str, str]) -> dict[str, list[str]]:
    """The contents that each content takes the place of."""
    found: dict[str, list[str]] = defaultdict(list)
    for earlier, later in superseded.items():
        found[later].append(earlier)
    return found


def _call_ids(matches: Matches, sha256: str) -> set[str]:
    return {leg.call_id for leg in matches.legs.get(sha256, ()) if leg.call_id}


def _passed_over(contents: Contents, read: set[Path], failures: list[Failure]) -> dict[str, int]:
    """How many files of each ending were neither read nor told of otherwise, most first.

    "" is no ending, "*" what is none: anything may follow a dot, a telephone number too.
    """
    told = {failure.key for failure in failures}
    endings = [path.suffix.lower() for path in contents.others if path not in read and path_key(path) not in told]
    counts = Counter(ending if _ENDING.fullmatch(ending) else "*" for ending in endings)
    return dict(counts.most_common())


def _merged(first: CDR, second: CDR) -> CDR:
    """The fields of the first, and those of the second where the first says nothing."""
    missing = {
        part.name: getattr(second, part.name)
        for part in fields(CDR)
        if part.name != "extra" and getattr(first, part.name) is None
    }
    if first.release_party is not None:
        # whoever says the one says the other
        missing.pop("release_method", None)
    return replace(first, **missing, extra={**second.extra, **first.extra})
