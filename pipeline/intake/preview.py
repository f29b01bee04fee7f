"""What files of call metadata would tell a scan, for people to see before a night depends on it. Nothing is kept."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.datatypes import CDR
from pipeline.errors import BadFile, shown, shown_text
from pipeline.intake.agents import Agents
from pipeline.intake.cdr import CdrBuilder, numbers_of
from pipeline.intake.joining import JoinedCall, join_legs
from pipeline.intake.listing import named_like_recordings
from pipeline.intake.matching import Matches
from pipeline.intake.names import FileNames
from pipeline.intake.party_matching import match_recordings
from pipeline.intake.reader import Leg
from pipeline.intake.rows import csv_records, delimiter_of, read_metadata_file
from pipeline.intake.sources import RecognisedFile, read_metadata
from pipeline.intake.vocabulary import agent_field_of_column, field_of_column
from pipeline.messages import Message
from pipeline.numbers import mask_number, mask_numbers
from pipeline.settings import Settings
from pipeline.storage.home import Home

SHOWN_CALLS = 5


@dataclass(frozen=True, slots=True)
class CallPreview:
    """A call as it would be known: its CDR, the customer's number masked, and its recordings in the inbox."""

    cdr: CDR
    customer: str
    recordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A file that should be metadata: why it is none, how many columns it has, and their names if they surely are."""

    fault: str
    file: str
    columns: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetadataPreview:
    """What a scan would make of files: `matched` of the calls have a recording in the inbox, which holds `recordings`,
    of which `without_call` have no call.

    `unsaid` counts the calls of which `WANTED` fields are not known, and `unused` are the columns of tables that no
    field is known for.
    """

    files: tuple[RecognisedFile, ...]
    refused: tuple[NotUnderstood, ...]
    calls: int
    matched: int
    recordings: int
    without_call: int
    without_direction: int
    examples: tuple[CallPreview, ...]
    warnings: tuple[Message, ...]
    unsaid: Mapping[str, int]
    unused: tuple[str, ...]


WANTED: Mapping[str, tuple[str, ...]] = {
    "started_at": ("started_at",),
    "agent_id": ("agent_id", "agent_name"),
    "direction": ("direction",),
    "customer_number": ("caller_hash",),
}
"""What a night would know of every call, by the field of a column: what of a CDR is enough of it."""


def preview_metadata(settings: Settings, files: Sequence[Path]) -> MetadataPreview:
    """What the files say (none: those that a scan would find), and which recordings of the inbox they are about.

    Reads no recording. Raises BadSetting as a scan does.
    """
    inbox, skipped = settings.inbox_folder, settings.paths.home
    ingest = settings.ingest
    if files:
        ingest = ingest.model_copy(update={"metadata": tuple(str(file.absolute()) for file in files)})
    warnings: list[Message] = []
    metadata = read_metadata(ingest, inbox, skipped, warnings)
    calls = join_legs(metadata.legs)
    found = named_like_recordings(inbox, skipped, ingest.extensions, [], []) if inbox.is_dir() else ()
    paths = {str(file.path): [file.path] for file in found}
    matches, named = match_recordings(calls, paths, inbox, ingest, FileNames(ingest.file_names), warnings)
    agents = Agents(metadata.agents, warnings)
    with tempfile.TemporaryDirectory() as home:
        # a key of callers that nobody keeps
        builder = CdrBuilder(ingest, Home(Path(home)), agents)
        examples: list[CallPreview] = []
        unsaid: Counter[str] = Counter()
        unused: dict[str, None] = {}
        for call, own in (*matches.matched, *((call, []) for call in matches.unmatched)):
            legs = _as_scanned(call, own, matches, named)
            cdr = builder.build_call(legs, warnings)
            unsaid.update(name for name, enough in WANTED.items() if not any(getattr(cdr, each) for each in enough))
            unused |= {mask_numbers(name): None for leg in legs if leg.column_numbers for name in leg.extra}
            if len(examples) < SHOWN_CALLS:
                customer = builder.customer_number(legs, cdr.direction, [])
                known = numbers_of(legs)
                recordings = tuple(mask_numbers(shown_text(Path(place).name), known) for place in own)
                examples.append(CallPreview(cdr, mask_number(customer), recordings))
    warnings += builder.untold()
    read = {file.path for file in metadata.files}
    asked = [path for path in map(Path.absolute, files) if path not in read and not path.is_dir()]
    faults = {failure.path: failure.message for failure in metadata.failures}
    # asked for here, not by the settings
    faults |= {shown(path): _MISSING for path in asked if not path.exists()}
    refused = [
        NotUnderstood(faults.pop(shown(path), _UNKNOWN), shown(Path(path.name)), *columns_found(path, ingest.encoding))
        for path in (*asked, *metadata.unread)
    ]
    return MetadataPreview(
        files=tuple(metadata.files),
        refused=(*refused, *(NotUnderstood(fault, shown(Path(Path(place).name))) for place, fault in faults.items())),
        calls=len(calls),
        matched=len(matches.matched),
        recordings=len(paths),
        without_call=len(paths) - len(matches.legs),
        without_direction=builder.without_direction,
        examples=tuple(examples),
        warnings=tuple(warnings),
        unsaid={name: unsaid[name] for name in WANTED if unsaid[name]},
        unused=tuple(unused),
    )


def _as_scanned(
    call: JoinedCall, own: Sequence[str], matches: Matches, named: Mapping[str, Leg | None]
) -> tuple[Leg, ...]:
    """The legs by which a scan would know the call: as they tell of its first recording, and what that one's name
    says."""
    if not own:
        return call.legs
    by_name = named[own[0]]
    return (*matches.legs[own[0]], *([by_name] if by_name else ()))


def columns_found(path: Path, encoding: str) -> tuple[int, tuple[str, ...]]:
    """How many columns the first line of a file has, and what they are called if it surely names columns.

    It does where two of the names are known ones and none holds a number; else it may be a call's cells.
    """
    try:
        text = read_metadata_file(path, encoding).text
    except (OSError, BadFile):
        return 0, ()
    first = next((line for line in text.split("\n", 20) if line.strip()), "")[:_LONGEST_HEADER]
    cells = next((cells for _, cells in csv_records(first, delimiter_of(first)) if cells), [])
    names = tuple(cell.strip().lstrip("\ufeff") for cell in cells)
    known = sum(bool(field_of_column(name) or agent_field_of_column(name)) for name in names)
    is_header = known > 1 and not any(re.search(r"\d{4}", name) for name in names)
    return len(names), tuple(name for name in names if name) if is_header else ()


_MISSING = Message("no such file")
_UNKNOWN = Message("nothing that is known writes such a file")
_LONGEST_HEADER = 10_000
