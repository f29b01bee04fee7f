"""Which files are call metadata, which telephone system wrote each, and what they say: the legs of all of them."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import BadFile, BadMetadata, BadSetting, shown
from pipeline.intake.agents import AGENTS_FILE, AgentRow, agent_rows
from pipeline.intake.cdr import time_zone
from pipeline.intake.clock import ClockFaults, with_epochs
from pipeline.intake.listing import ingest_failure, is_passed_over, why
from pipeline.intake.reader import Leg, LegReader, MetadataFile
from pipeline.intake.readers.amazon_connect import AmazonConnectReader
from pipeline.intake.readers.asterisk import AsteriskReader, FreePbxReader
from pipeline.intake.readers.asterisk_cel import AsteriskCelReader
from pipeline.intake.readers.asterisk_queue_log import AsteriskQueueLogReader
from pipeline.intake.readers.freeswitch_csv import FreeswitchCsvReader
from pipeline.intake.readers.freeswitch_records import FreeswitchJsonReader, FreeswitchXmlReader
from pipeline.intake.readers.table import TableReader
from pipeline.intake.readers.threecx import ThreeCxReader
from pipeline.intake.readers.threecx_database import ThreeCxDatabaseReader
from pipeline.intake.readers.twilio import TwilioReader
from pipeline.intake.readers.vcon import VconReader
from pipeline.intake.readers.vicidial import VicidialReader, is_vicidial_users, vicidial_users
from pipeline.intake.rows import TABLE_SUFFIXES, read_metadata_file
from pipeline.messages import Message
from pipeline.settings import Ingest
from pipeline.storage.home import Failure

AUTO = "auto"
"""The `ingest.source` that recognises each file by its look."""

AGENTS = "agents"
"""The source of a list of agents, which is no system's."""

_TEXT_SUFFIXES = (*TABLE_SUFFIXES, ".xml", ".log", ".txt", ".vcon", "")


def leg_readers(settings: Ingest) -> tuple[LegReader, ...]:
    """A reader for each system, the most particular first: the first that recognises a file reads it."""
    return (
        # a file a leg, tens of thousands of them: told first
        FreeswitchXmlReader(),
        FreeswitchJsonReader(),
        AmazonConnectReader(),
        TwilioReader(),
        VconReader(),
        VicidialReader(),
        AsteriskQueueLogReader(),
        AsteriskCelReader(settings.column_order),
        FreePbxReader(),
        FreeswitchCsvReader(settings.column_order),
        ThreeCxDatabaseReader(),
        ThreeCxReader(settings.column_order),
        AsteriskReader(settings.column_order),
        TableReader(settings.columns),
    )


@dataclass(frozen=True, slots=True)
class RecognisedFile:
    """A file of call metadata: what wrote it, and how many legs it tells of; of `AGENTS`, how many agents."""

    path: Path
    source: str
    legs: int


@dataclass(slots=True)
class Metadata:
    """What all files together say. `unread` are files that look like tables, and that no reader recognises."""

    legs: list[Leg] = field(default_factory=list)
    files: list[RecognisedFile] = field(default_factory=list)
    agents: list[AgentRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)
    clocks: dict[tuple[str, ClockFaults], list[str]] = field(default_factory=lambda: defaultdict(list))

    def clock_warnings(self) -> Iterator[Message]:
        """What was wrong with the clocks, once for all files in which it was the same."""
        for (source, faults), files in self.clocks.items():
            many = Message("{count} files of {source}", count=len(files), source=source)
            place = many if len(files) > 1 else files[0]
            if faults.off_half_hours:
                yield Message(
                    "{place}: its clock is {hours:+g} h off the epochs beside it; the epochs count, other times are "
                    "put right by as much",
                    place=place,
                    hours=faults.off_half_hours / 2,
                )
            if faults.twice:
                yield Message(
                    "{place}: {count} times exist twice, for the clocks went back; the earlier is taken",
                    place=place,
                    count=faults.twice,
                )
            if faults.never:
                yield Message(
                    "{place}: {count} times never were, for the clocks went forward; see ingest.timezone",
                    place=place,
                    count=faults.never,
                )


def read_metadata(settings: Ingest, inbox: Path, skipped: Path, warnings: list[Message]) -> Metadata:
    """The legs of the files that the settings name, else of all in the inbox that are recognised.

    `skipped` is a folder that is not entered. A file that should be metadata and cannot be read is a failure. Raises
    BadSetting for a source that there is not.
    """
    readers = leg_readers(settings)
    if settings.source != AUTO:
        readers = tuple(reader for reader in readers if reader.source == settings.source)
        if not readers:
            known = ", ".join([AUTO, *(reader.source for reader in leg_readers(settings))])
            message = Message(
                "ingest.source: {source}: no such source; there are {known}", source=settings.source, known=known
            )
            raise BadSetting(message)
    metadata = Metadata()
    for file in (*_agents(settings, inbox, metadata), *_candidates(settings, inbox, skipped, metadata)):
        try:
            _read(file, readers, settings, metadata, warnings)
        except (BadMetadata, BadFile) as error:
            metadata.failures.append(ingest_failure(file.path, "metadata", error.message))
        except OSError as error:
            fault = Message("cannot be read ({error}); check its permissions and the disk", error=why(error))
            metadata.failures.append(ingest_failure(file.path, "metadata", fault))
    warnings += metadata.clock_warnings()
    return metadata


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that may be metadata; `is_named` is one that must be, by the settings or by its name; `is_agents` is the
    house's list of them.
    """

    path: Path
    is_named: bool = False
    is_agents: bool = False
    follow_links: bool = False


def _read(
    candidate: _Candidate,
    readers: tuple[LegReader, ...],
    settings: Ingest,
    metadata: Metadata,
    warnings: list[Message],
) -> None:
    """Add what a file says, if a reader recognises it. Raises BadMetadata, BadFile or OSError."""
    file = read_metadata_file(candidate.path, settings.encoding, follow_links=candidate.follow_links)
    if candidate.is_agents or is_vicidial_users(file):
        agents = list(vicidial_users(file)) if is_vicidial_users(file) else agent_rows(file, warnings)
        metadata.agents += agents
        metadata.files.append(RecognisedFile(candidate.path, AGENTS, len(agents)))
        return
    recognised = next((reader for reader in readers if _recognises(reader, file)), None)
    # the last one says what is wrong with a file that should be metadata
    reader = recognised or (readers[-1] if candidate.is_named else None)
    if reader is None:
        # one object beside a recording is a note on it
        if candidate.path.suffix.lower() in TABLE_SUFFIXES and not file.text.lstrip().startswith("{"):
            metadata.unread.append(candidate.path)
        return
    told: list[Message] = []
    legs, faults = with_epochs(list(reader.read(file, told)), time_zone(settings.timezone))
    if not recognised and not isinstance(reader, TableReader) and not any(leg.ids or leg.recordings for leg in legs):
        raise BadMetadata(Message("holds nothing that {source} writes; see ingest.source", source=reader.source))
    warnings += told
    metadata.clocks[reader.source, faults].append(shown(Path(candidate.path.name)))
    metadata.legs += legs
    metadata.files.append(RecognisedFile(candidate.path, reader.source, len(legs)))


def _recognises(reader: LegReader, file: MetadataFile) -> bool:
    try:
        return reader.recognises(file)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # a hostile file is no file of its
        return False


def metadata_places(settings: Ingest, inbox: Path, metadata: Metadata) -> set[Path]:
    """Where metadata was read, or could not be before: a failure of such a place that is none now is over."""
    names = (*settings.metadata_names, settings.agents or AGENTS_FILE, *(f"cdr{suffix}" for suffix in TABLE_SUFFIXES))
    return {inbox, *(inbox / name for name in names), *(file.path for file in metadata.files)}


def _agents(settings: Ingest, inbox: Path, metadata: Metadata) -> Iterator[_Candidate]:
    """The list of agents that the settings name, else that of the inbox, if there is one."""
    path = inbox / (settings.agents or AGENTS_FILE)
    if os.path.lexists(path):
        is_absolute = settings.agents is not None and Path(settings.agents).is_absolute()
        yield _Candidate(path, is_agents=True, follow_links=is_absolute)
    elif settings.agents is not None:
        fault = Message("no such file; ingest.agents names it, a relative path starts at the inbox")
        metadata.failures.append(ingest_failure(path, "metadata", fault))


def _candidates(settings: Ingest, inbox: Path, skipped: Path, metadata: Metadata) -> Iterator[_Candidate]:
    """The files that the settings name, in their order, and those in folders they name; else those of the inbox."""
    if not settings.metadata:
        agents = inbox / (settings.agents or AGENTS_FILE)
        files = [path for path in _files(inbox, skipped, settings.extensions) if path != agents]
        cdrs = [path for path in files if path.parent == inbox and _is_called_cdr(path)]
        if len(cdrs) > 1:
            names = ", ".join(path.name for path in cdrs)
            fault = Message("{names}: which one counts? name it in the settings as ingest.metadata", names=names)
            metadata.failures.append(ingest_failure(inbox, "metadata", fault))
        for path in files:
            if path not in cdrs:
                yield _Candidate(path)
            elif len(cdrs) == 1:
                yield _Candidate(path, is_named=True)
        return
    for name in settings.metadata_names:
        path = inbox / name
        if path.is_dir():
            yield from (_Candidate(found, is_named=False) for found in _files(path, skipped, settings.extensions))
        elif os.path.lexists(path):
            # whoever writes into the inbox must not choose a file elsewhere; the settings may
            yield _Candidate(path, is_named=True, follow_links=Path(name).is_absolute())
        else:
            fault = Message("no such file; ingest.metadata names it, a relative path starts at the inbox")
            metadata.failures.append(ingest_failure(path, "metadata", fault))


def _files(folder: Path, skipped: Path, extensions: tuple[str, ...]) -> Iterator[Path]:
    """Files below a folder that may be metadata by their names, in order, its subfolders last."""
    folders = deque([str(folder)])
    while folders:
        try:
            with os.scandir(folders.popleft()) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            # the listing of recordings tells of it
            continue
        for entry in entries:
            if is_passed_over(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not _is_same(Path(entry.path), skipped):
                    folders.append(entry.path)
            elif may_be_metadata(path := Path(entry.path), extensions) and (
                not entry.is_symlink() or _is_called_cdr(path)
            ):
                yield path


def _is_called_cdr(path: Path) -> bool:
    return path.stem.casefold() == "cdr" and path.suffix.lower() in TABLE_SUFFIXES


def may_be_metadata(path: Path, extensions: tuple[str, ...]) -> bool:
    """Whether a file may hold call metadata by its name; recordings are named by `extensions`."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        suffix = path.with_suffix("").suffix.lower()
    # logs are rotated: queue_log.1, Master.csv.2026-11-20-00-00-00
    return suffix not in extensions and (suffix in _TEXT_SUFFIXES or suffix[1:].replace("-", "").isdecimal())


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
