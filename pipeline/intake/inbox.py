"""The door: which recordings the inbox holds, and what the telephone system knows of them.

A recording is known by the SHA-256 of its bytes, so renaming or copying a file makes no new call. What cannot
be a recording becomes a `Failure`, never an exception that would stop the night. Callers' numbers are replaced by
a keyed hash before anything else sees them.
"""

from __future__ import annotations

import os
import stat
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.datatypes import CDR, Recording
from pipeline.errors import BadArtefact, BadMetadata, BadSetting, shown
from pipeline.intake.cdr import CdrBuilder
from pipeline.intake.names import FileNames
from pipeline.intake.reader import MetadataReader, MetadataRow
from pipeline.intake.rows import TABLE_SUFFIXES
from pipeline.intake.table import TableReader
from pipeline.messages import Message
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Failure, Home, RecordingRecord, path_key, stored_path

INBOX_REASONS = {
    "missing": "a link to nothing",
    "outside-inbox": "a link to a file outside the inbox",
    "not-a-file": "a folder, pipe, socket or device that is named like a recording",
    "empty": "the file has no bytes",
    "too-large": "the file is larger than decode.largest_mb",
    "unreadable": "the file or folder cannot be read",
}
"""Every reason a Failure from here can have."""

_PARTIAL = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")
_CLOCK_GRAIN_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Scan:
    """What the inbox held. `recordings` are unique by content, in order of their paths.

    `files` counts the files looked at, `copies` those whose bytes another path has too, `renamed` recordings
    that an earlier scan knew under other paths only, `unsettled` files left for the next scan because they are
    still being written. `warnings` are faults of single metadata rows, without their values. `rows_unused` are
    metadata rows without a recording, `without_row` recordings without a row (0 when there is no metadata).
    """

    recordings: tuple[Recording, ...]
    failures: tuple[Failure, ...]
    copies: int = 0
    files: int = 0
    renamed: int = 0
    unsettled: int = 0
    rows_unused: int = 0
    without_row: int = 0
    warnings: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class HashedFile:
    """What a file looked like when its bytes were hashed."""

    size_bytes: int
    modified_ns: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes of an earlier scan by path, so that a second one reads no recording again."""

    files: dict[str, HashedFile] = field(default_factory=dict)


@dataclass(slots=True)
class _Contents:
    """The files of the inbox by content: SHA-256 → paths in order, and size in bytes."""

    paths: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    files: int = 0
    unsettled: int = 0


def scan_inbox(settings: Settings, home: Home) -> Scan:
    """Look through the inbox, write a record of every recording that is new or changed, and return what is there.

    Failures are returned, not written. Raises BadMetadata when the CDR file cannot be read or mapped, and
    BadSetting for a time zone, column or file-name pattern that makes no sense, or an inbox that is missing.
    """
    inbox = settings.paths.inbox
    if not inbox.is_dir():
        raise BadSetting(
            Message(
                "paths.inbox: {folder}: no such folder; make it, or name another in the settings", folder=shown(inbox)
            )
        )
    builder = CdrBuilder(settings.ingest, home)
    names = FileNames(settings.ingest.file_name_pattern, builder)
    reader: MetadataReader = TableReader(settings.ingest, builder)
    warnings: list[Message] = []
    metadata = _metadata_file(settings.ingest, inbox)
    rows = reader.read(metadata, warnings) if metadata else []
    contents = _contents(settings, home)
    row_of, used = _match(rows, contents.paths, inbox, warnings)
    recordings = []
    renamed = 0
    for sha256, paths in contents.paths.items():
        row = row_of.get(sha256)
        cdr = _merged(row.cdr if row else None, names.read(paths, warnings))
        renamed += _record(home, sha256, contents.sizes[sha256], paths, cdr)
        recordings.append(Recording(sha256, paths[0], contents.sizes[sha256], cdr))
    return Scan(
        recordings=tuple(recordings),
        failures=tuple(contents.failures),
        copies=sum(len(paths) - 1 for paths in contents.paths.values()),
        files=contents.files,
        renamed=renamed,
        unsettled=contents.unsettled,
        rows_unused=len(rows) - used,
        without_row=len(recordings) - len(row_of) if rows else 0,
        warnings=tuple(warnings),
    )


# --- files


def _contents(settings: Settings, home: Home) -> _Contents:
    """Every recording of the inbox, its bytes hashed unless an earlier scan did so."""
    inbox = settings.paths.inbox
    contents = _Contents()
    before = _earlier_hashes(home)
    hashes: dict[str, HashedFile] = {}
    for path, info in _files(inbox, inbox, home.root, settings.ingest.extensions, contents.failures):
        contents.files += 1
        if fault := _refused(info, settings.decode.largest_mb):
            contents.failures.append(_failure(path, *fault))
            continue
        if settings.ingest.settle_s and time.time() - info.st_mtime < settings.ingest.settle_s:
            contents.unsettled += 1
            continue
        name = stored_path(path)
        try:
            hashed = _hashed(path, info, before.files.get(name))
        except OSError as error:
            message = Message(
                "cannot be read ({error}); check its permissions and the disk", error=type(error).__name__
            )
            contents.failures.append(_failure(path, "unreadable", message))
            continue
        if hashed is None:
            contents.unsettled += 1
            continue
        # a file changed again within the clock's grain would look the same
        if time.time_ns() - info.st_mtime_ns > _CLOCK_GRAIN_NS:
            hashes[name] = hashed
        contents.paths[hashed.sha256].append(path)
        contents.sizes[hashed.sha256] = info.st_size
    if hashes != before.files:
        artefacts.write(home.hashes, Hashes(hashes))
    return contents


def _files(
    folder: Path, inbox: Path, skipped: Path, extensions: tuple[str, ...], failures: list[Failure]
) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files named like recordings, depth first in order of names. Links are not followed.

    A link to a file of the inbox is left out, as the file itself is found; one that leads elsewhere fails.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        message = Message("the folder cannot be read ({error}); check its permissions", error=type(error).__name__)
        failures.append(_failure(folder, "unreadable", message))
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name.lower().endswith(_PARTIAL):
            continue
        is_named_so = path.suffix.lower() in extensions
        try:
            info = entry.stat(follow_symlinks=False)
        except OSError:
            # gone since the folder was listed
            continue
        if stat.S_ISDIR(info.st_mode):
            if is_named_so:
                message = Message("is a folder; recordings in it are found, rename it to lose this message")
                failures.append(_failure(path, "not-a-file", message))
            if not (skipped.exists() and os.path.samefile(path, skipped)):
                yield from _files(path, inbox, skipped, extensions, failures)
        elif is_named_so and stat.S_ISREG(info.st_mode):
            yield path, info
        elif stat.S_ISLNK(info.st_mode) and (is_named_so or path.is_dir()):
            if fault := _link_fault(path, inbox):
                failures.append(_failure(path, *fault))
        elif is_named_so:
            message = Message("is not a regular file; put recordings themselves into the inbox")
            failures.append(_failure(path, "not-a-file", message))


def _link_fault(path: Path, inbox: Path) -> tuple[str, Message] | None:
    if not path.exists():
        return "missing", Message("is a link to nothing; put the recording itself there")
    if not path.resolve().is_relative_to(inbox.resolve()):
        return "outside-inbox", Message("is a link that leads out of the inbox; put the recording itself there")
    return None


def _refused(info: os.stat_result, largest_mb: float) -> tuple[str, Message] | None:
    if info.st_size == 0:
        return "empty", Message("is empty; copy it again")
    if info.st_size > largest_mb * 1e6:
        return "too-large", Message("is larger than {size:g} MB; raise decode.largest_mb", size=largest_mb)
    return None


def _failure(path: Path, reason: str, fault: Message) -> Failure:
    message = Message("{place}: {fault}", place=shown(path), fault=fault)
    return Failure(path_key(path), shown(path), "ingest", reason, message, datetime.now(UTC))


def _hashed(path: Path, info: os.stat_result, before: HashedFile | None) -> HashedFile | None:
    """The file's hash, an earlier scan's if it looks as it did then; None when it changed while being read.

    Raises OSError.
    """
    look = _look(info)
    if before and (before.size_bytes, before.modified_ns, before.inode) == look:
        return before
    sha256, after = _read_whole(path)
    return HashedFile(*look, sha256) if _look(after) == look else None


def _look(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_size, info.st_mtime_ns, info.st_ino


def _read_whole(path: Path) -> tuple[str, os.stat_result]:
    """SHA-256 of a file's bytes, and its state afterwards. Raises OSError."""
    # a pipe put in the file's place meanwhile must not block
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as stream:
        return file_sha256(stream), os.fstat(stream.fileno())


def _earlier_hashes(home: Home) -> Hashes:
    try:
        return artefacts.read(home.hashes, Hashes)
    except BadArtefact:
        return Hashes()


def _record(home: Home, sha256: str, size_bytes: int, paths: list[Path], cdr: CDR) -> bool:
    """Write the recording's record if it is new or says something else now. True when every earlier path is gone."""
    file = home.recording(sha256)
    try:
        old = artefacts.read(file, RecordingRecord)
    except BadArtefact:
        old = None
    now = [stored_path(path) for path in paths]
    gone = [path for path in old.paths if path not in now] if old else []
    record = RecordingRecord(sha256, size_bytes, (*now, *gone), old.first_seen if old else datetime.now(UTC), cdr)
    if record != old:
        artefacts.write(file, record)
    return old is not None and len(gone) == len(old.paths)


# --- metadata


def _metadata_file(settings: Ingest, inbox: Path) -> Path | None:
    if settings.metadata is not None:
        file = inbox / settings.metadata
        if not file.is_file():
            raise BadMetadata(
                Message("ingest.metadata: {file}: no such file; a relative path starts at the inbox", file=shown(file))
            )
        return file
    files = [inbox / f"cdr{suffix}" for suffix in TABLE_SUFFIXES if (inbox / f"cdr{suffix}").is_file()]
    if len(files) > 1:
        raise BadMetadata(
            Message(
                "{folder}: {names}: which one counts? name it in the settings as ingest.metadata",
                folder=shown(inbox),
                names=", ".join(file.name for file in files),
            )
        )
    return files[0] if files else None


def _match(
    rows: list[MetadataRow], paths_of: Mapping[str, list[Path]], inbox: Path, warnings: list[Message]
) -> tuple[dict[str, MetadataRow], int]:
    """The row of each recording (by SHA-256), and how many rows found theirs.

    A row names its recording by the path in the inbox, an absolute path, the file's name, or the name without
    its extension; without such a column, by its call id. A later row replaces an earlier one.
    """
    index: dict[str, set[str]] = defaultdict(set)
    for sha256, paths in paths_of.items():
        for path in paths:
            inside = path.relative_to(inbox)
            for key in (str(path), inside.as_posix(), inside.with_suffix("").as_posix(), path.name, path.stem):
                index[key.casefold()].add(sha256)
    row_of: dict[str, MetadataRow] = {}
    used = 0
    for row in rows:
        key = (row.file or row.cdr.call_id or "").replace("\\", "/").removeprefix("./").casefold()
        name = key.rsplit("/", 1)[-1]
        named = index.get(key) or index.get(name) or index.get(name.rsplit(".", 1)[0], set())
        if len(named) > 1:
            message = Message(
                "{place}: several recordings have this name; give their path in the inbox", place=row.place
            )
            warnings.append(message)
        elif named:
            (sha256,) = named
            used += 1
            if sha256 in row_of and row_of[sha256].cdr != row.cdr:
                message = Message(
                    "{place}: says something else than {other} of one recording",
                    place=row.place,
                    other=row_of[sha256].place,
                )
                warnings.append(message)
            row_of[sha256] = row
    return row_of, used


def _merged(row: CDR | None, from_name: CDR | None) -> CDR:
    """The row's fields, and those of the file's name where the row says nothing."""
    if row is None or from_name is None:
        return row or from_name or CDR()
    missing = {
        part.name: getattr(from_name, part.name)
        for part in fields(CDR)
        if part.name != "extra" and getattr(row, part.name) is None
    }
    return replace(row, **missing, extra={**from_name.extra, **row.extra})
