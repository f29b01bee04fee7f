"""Exports: which calls are meant, and writing them into files that other programs read."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from flows.options import meant_records, no_such_call, several_match
from pipeline.errors import BadArtefact, BadSetting, CallQAError, shown
from pipeline.exports.export_tables import ExportTable
from pipeline.exports.exported import ExportedCall, exported_call
from pipeline.exports.formats import CallFormat, ExportChoices
from pipeline.exports.table_files import TABLE_FILES, writing_whole
from pipeline.messages import Message, shown_lines
from pipeline.numbers import mask_numbers
from pipeline.results.rows import RulebookInfo, call_day
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.call_files import stored_calls
from pipeline.storage.erasure import Erasure, unfinished
from pipeline.storage.home import Home, RecordingRecord

WITH_VERDICTS = ("judged", "scores")
"""Folders of the home that say which calls there are."""

MOST_LISTED = 20
"""Calls that could not be read and are told one by one."""


@dataclass(frozen=True, slots=True)
class ChosenBy:
    """Which calls are to be exported: those that texts name, or all from a day to another, of a team, of an agent."""

    calls: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    team: str | None = None
    agent: str | None = None


@dataclass
class Exported:
    """What an export came to: calls written, and why others were not, or without their sound. `damaged` are told one
    by one."""

    calls: int = 0
    without_words: int = 0
    being_forgotten: int = 0
    were_there: int = 0
    damaged: list[str] = field(default_factory=list)
    without_sound: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        left_out = self.without_words or self.being_forgotten or self.were_there or self.damaged
        return not (left_out or self.without_sound)

    def note_no_sound(self, fault: CallQAError) -> None:
        """A call is exported, but its sound cannot be."""
        self.without_sound.append(fault.message)


def chosen_calls(home: Home, settings: Settings, by: ChosenBy, done: Exported) -> list[str]:
    """The SHA-256s of the calls that are meant, the oldest first; `done` notes those of which that cannot be told.

    Raises CallQAError for a text that names no call, or several.
    """
    if by.calls:
        return _named(home, by.calls)
    zone = ZoneInfo(settings.ingest.timezone)
    found: list[tuple[float, str]] = []
    for sha256 in stored_calls(home, WITH_VERDICTS):
        try:
            record = artefacts.read(home.recording(sha256), RecordingRecord)
        except BadArtefact as error:
            record = None
            if by != ChosenBy():
                done.damaged.append(error.message)
                continue
        if record is None or _is_meant(record, by, zone):
            started = record.cdr.started_at if record else None
            found.append((started.replace(tzinfo=started.tzinfo or zone).timestamp() if started else 0.0, sha256))
    return [sha256 for _, sha256 in sorted(found)]


def _is_meant(record: RecordingRecord, by: ChosenBy, zone: ZoneInfo) -> bool:
    cdr = record.cdr
    if record.superseded_by or (by.team is not None and cdr.team != by.team):
        return False
    if by.agent is not None and by.agent not in (cdr.agent_id, cdr.agent_name):
        return False
    if by.first is None and by.last is None:
        return True
    day = call_day(cdr, zone)
    return day is not None and (by.first or day) <= day <= (by.last or day)


def _named(home: Home, texts: Collection[str]) -> list[str]:
    records = list(home.recording_records())
    found: dict[str, None] = {}
    for text in texts:
        matches = meant_records(records, text)
        if not matches:
            raise no_such_call(text, home)
        if len(matches) > 1:
            raise several_match(text, len(matches))
        if not home.verdicts(matches[0].sha256).exists():
            raise CallQAError(
                Message("{call}: not judged yet; `callqa nightly` transcribes and judges it", call=mask_numbers(text))
            )
        found[matches[0].sha256] = None
    return list(found)


def check_target(target: Path, home: Home, settings: Settings) -> None:
    """Raises BadSetting for a place inside the home, which others must not have, or inside the inbox, whose tables are
    read as call metadata."""
    place = target.resolve()
    if place.is_relative_to(home.root.resolve()):
        raise BadSetting(
            Message("{folder}: lies in callqa's home; choose a place outside of {home}", folder=target, home=home.root)
        )
    inbox = settings.paths.inbox
    if isinstance(inbox, Path) and place.is_relative_to(inbox.resolve()):
        raise BadSetting(
            Message(
                "{folder}: lies in the inbox, where tables are read as call metadata; choose another place",
                folder=target,
            )
        )


@dataclass
class CallExport:
    """One export: reads the calls one after the other, and counts what became of them."""

    home: Home
    settings: Settings
    calls: Sequence[str]
    books: Mapping[str, RulebookInfo]
    done: Exported
    on_progress: Callable[[int, int], None] = lambda done, total: None

    def files(self, form: CallFormat, choices: ExportChoices, target: Path | None, force: bool) -> None:
        """A file a call, in a folder; of one call, a file that is named like one. Without a `target`, all to the
        standard output. Raises CallQAError where none can be written."""
        is_file = target is not None and len(self.calls) == 1 and target.suffix == form.suffix and not target.is_dir()
        for call in self._read(form.needs_words):
            path = target if target is None or is_file else target / (call.name + form.suffix)
            if path is not None and not force and path.exists():
                self.done.were_there += 1
                continue
            text = form.text(call, choices).encode("utf-8", "replace")
            if path is None:
                _Stdout().write(text)
            else:
                self._write(path, text)
            self.done.calls += 1
        if target is not None:
            os.sync()

    def _write(self, path: Path, text: bytes) -> None:
        try:
            with writing_whole(path, flush=False) as stream:
                stream.write(text)
        except OSError as error:
            raise _cannot_write(path, error, self.done.calls) from error

    def table(self, table: ExportTable, kind: str, target: Path | None) -> None:
        """The rows of all calls in one file, or to the standard output. Raises CallQAError where it cannot be
        written."""
        write = TABLE_FILES[kind]
        if target is None:
            write(table.columns, self._rows(table), _Stdout(), Path(tempfile.gettempdir()))
            return
        try:
            with writing_whole(target) as stream:
                write(table.columns, self._rows(table), stream, target.parent)
        except (OSError, duckdb.Error) as error:
            raise _cannot_write(target, error, 0) from error

    def _rows(self, table: ExportTable) -> Iterator[Mapping[str, Any]]:
        for call in self._read(needs_words=table.table == "turns"):
            yield from table.rows(call)
            self.done.calls += 1

    def _read(self, needs_words: bool) -> Iterator[ExportedCall]:
        """The calls, without those that cannot be had."""
        privacy, zone = self.settings.privacy, ZoneInfo(self.settings.ingest.timezone)
        going = unfinished(self.home) or Erasure()
        gone = frozenset((*going.calls, *going.words))
        for number, sha256 in enumerate(self.calls, start=1):
            if sha256 in gone:
                self.done.being_forgotten += 1
                continue
            try:
                call = exported_call(self.home, sha256, privacy, self.books, zone)
            except BadArtefact as error:
                self.done.damaged.append(error.message)
            else:
                if call.has_words or not needs_words:
                    yield call
                else:
                    self.done.without_words += 1
            self.on_progress(number, len(self.calls))


class _Stdout:
    """Bytes to the standard output; on a terminal, what would steer it is escaped."""

    def write(self, data: bytes) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(shown_lines(data.decode("utf-8", "replace").replace("\r\n", "\n")))
        else:
            sys.stdout.buffer.write(data)


def _cannot_write(path: Path, error: Exception, written: int) -> CallQAError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]
    return CallQAError(
        Message(
            "{file}: cannot be written ({reason}); {count} calls were exported before",
            file=shown(path), reason=reason, count=written,
        )
    )  # fmt: skip
