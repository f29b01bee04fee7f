"""Reads back what was erased: what of it is still in the home, and why."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flows.erased_reports import report_folders, shows_erased
from flows.prefect_server import prefect_folder
from pipeline.errors import CallQAError, shown
from pipeline.judging.call_cache import is_in_columns
from pipeline.messages import Message
from pipeline.results.erased_rows import calls_in_database, unneeded_parts
from pipeline.results.report_record import read_report_record
from pipeline.reviews.store import Reviews
from pipeline.storage.audit import audit_file
from pipeline.storage.backup import backup_targets, read_manifest
from pipeline.storage.call_files import WITH_SOUND, WITH_WORDS, call_files
from pipeline.storage.erasure import Erasure
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home, files_stored_as

SHORTEST_NAME = 6
"""Characters of an id or a name that is looked for in files: a shorter one stands everywhere."""


@dataclass(frozen=True, slots=True)
class Remnant:
    """A file that still holds something, or could not be deleted, and why."""

    path: Path
    why: str = ""


def remnants(home: Home, erasure: Erasure) -> list[Remnant]:
    """What is still there of what was to be erased."""
    return [*_own_files(home, erasure), *_shared_files(home, erasure), *_named(home, erasure), *_recordings(erasure)]


def _own_files(home: Home, erasure: Erasure) -> Iterator[Remnant]:
    why = Message("could not be deleted")
    for file in call_files(home, erasure.calls):
        yield Remnant(file.path, why)
    for file in call_files(home, erasure.words, WITH_WORDS):
        yield Remnant(file.path, why)
    for file in call_files(home, erasure.clips, WITH_SOUND):
        yield Remnant(file.path, why)


def _shared_files(home: Home, erasure: Erasure) -> Iterator[Remnant]:
    for path in is_in_columns(home, {*erasure.calls, *erasure.words}):
        yield Remnant(path, Message("holds the call with others"))
    if home.database.exists():
        try:
            if found := calls_in_database(home, erasure.calls, erasure.words, erasure.clips):
                yield Remnant(home.database, Message("still has rows of {calls} calls", calls=found))
            for folder in unneeded_parts(home):
                yield Remnant(folder, Message("a part of an older database"))
        except CallQAError as error:
            yield Remnant(home.database, error.message)
    try:
        if said := len(Reviews(home).said_of(erasure.calls)):
            yield Remnant(home.root / "reviews.sqlite", Message("still has rows of {calls} calls", calls=said))
    except CallQAError as error:
        yield Remnant(home.root / "reviews.sqlite", error.message)
    for folder in report_folders(home):
        record = read_report_record(folder)
        if shows_erased(folder, erasure) and (record is None or not set(erasure.calls).isdisjoint(record.calls or ())):
            yield Remnant(folder, Message("a report that shows the call"))


def _named(home: Home, erasure: Erasure) -> Iterator[Remnant]:
    """Files that are no call's own and name one all the same."""
    names = [*(name for name in erasure.names if len(name) >= SHORTEST_NAME), *erasure.calls]
    own = {home.erasing, home.lock, audit_file(home)}
    scratch = Path(tempfile.gettempdir())
    places = [
        *(path for path in home.root.glob("*") if path.is_file()),
        *(home.root / name for name in ("logs", "nights", "runs")),
        prefect_folder(home.root),
        *scratch.glob("callqa-*"),
    ]
    if erasure.calls:
        for path in named_in(places, names):
            if path not in own:
                yield Remnant(path, Message("names the call"))


def named_in(places: Iterable[Path], names: Iterable[str]) -> Iterator[Path]:
    """The files at or below some places in whose own names or bytes one of the names stands."""
    wanted = [name.encode("utf-8", "surrogateescape") for name in names]
    for path in (each for place in places for each in _files_below(place)):
        with suppress(OSError):
            data = os.fsencode(path.name) + b"\n" + path.read_bytes()
            if any(name in data for name in wanted):
                yield path


def _files_below(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for top, _, files in os.walk(place):
        yield from (path for name in files if (path := Path(top, name)).is_file())


def _recordings(erasure: Erasure) -> Iterator[Remnant]:
    for recording in erasure.recordings:
        for path in files_stored_as(recording.path):
            with suppress(OSError):
                if path.is_file() and file_sha256(path) == recording.sha256:
                    yield Remnant(path, Message("the recording; could not be deleted"))


def holding_backups(home: Home, erasure: Erasure) -> list[Message]:
    """The backups that hold what was erased until they are brought up to date, a line each."""
    lines = []
    gone = {*erasure.calls, *erasure.words, *erasure.clips}
    for target, taken_at in backup_targets(home).items() if gone else ():
        when = f"{taken_at:%Y-%m-%d}"
        try:
            held = any(not gone.isdisjoint(_shas_in(file.path)) for file in read_manifest(Path(target)).files)
        except (CallQAError, OSError):
            lines.append(
                Message("{target}: the backup of {when} cannot be read, and may hold it", target=target, when=when)
            )
            continue
        if held:
            lines.append(Message("{target}: still holds it; callqa backup {target} removes it", target=target))
    return lines


def _shas_in(path: str) -> set[str]:
    """The recordings whose file one of a backup is."""
    return {part[:64] for part in Path(path).parts}


def told_remnant(remnant: Remnant) -> Message:
    """A remnant in one line."""
    return Message("{path}: {why}", path=shown(remnant.path), why=remnant.why)
