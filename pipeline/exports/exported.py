"""A call as it leaves the house: judged, and with hidden what the settings hide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import Judged, Role
from pipeline.errors import BadArtefact
from pipeline.masks import MaskKind
from pipeline.messages import Language, Message
from pipeline.numbers import mask_numbers
from pipeline.privacy.masking import hidden_kinds
from pipeline.results.display import ROLE_LABELS, label_in
from pipeline.results.row_source import SaidCall, SaidFile, SaidJudged, SaidTurn, as_published
from pipeline.results.rows import RulebookInfo
from pipeline.settings.privacy import Privacy
from pipeline.storage import artefacts
from pipeline.storage.home import Hearing, Home, JudgedFile, RecordingRecord

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 100
_SHA_DIGITS = 16


@dataclass(frozen=True, slots=True)
class ExportedCall:
    """`said` is the judged file as it may be shown, `hidden` are the kinds of numbers that are hidden in it.

    `has_words` is false once the time for a call's words is over: what was measured and its scores are left. `books`
    name the rules, by rulebook; times without a zone are in `zone`.
    """

    said: SaidFile
    record: RecordingRecord | None
    hidden: frozenset[MaskKind]
    has_words: bool = True
    books: Mapping[str, RulebookInfo] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @property
    def call(self) -> SaidCall:
        return self.said.judged.call

    @property
    def started_at(self) -> datetime | None:
        """When the recording began, with its zone."""
        started = self.call.cdr.started_at
        return started.replace(tzinfo=started.tzinfo or self.zone) if started else None

    @property
    def name(self) -> str:
        """What its files and its lines are called: the call's id and the beginning of its SHA-256, fit for any disk."""
        paths = self.record.named if self.record else ()
        known = self.call.cdr.call_id or (PurePath(paths[0]).stem if paths else "")
        known = unicodedata.normalize("NFC", mask_numbers(known))
        known = _NOT_IN_NAMES.sub("_", known).encode()[:_LONGEST_NAME].decode(errors="ignore").strip("._-")
        return "-".join(filter(None, (known, self.call.sha256[:_SHA_DIGITS])))


def exported_call(
    home: Home, sha256: str, privacy: Privacy, books: Mapping[str, RulebookInfo], zone: ZoneInfo
) -> ExportedCall:
    """A stored call, masked by these settings. Raises BadArtefact where it is not there, or damaged."""
    path = home.verdicts(sha256)
    file = artefacts.read(path, SaidFile)
    shown = as_published(file, lambda: artefacts.read(path, JudgedFile).judged.call, privacy)
    try:
        record = artefacts.read(home.recording(sha256), RecordingRecord)
    except BadArtefact:
        record = None
    has_words = not home.scores(sha256).exists()
    return ExportedCall(shown, record, hidden_kinds(privacy), has_words, books, zone)


def as_said(judged: Judged, hearing: Hearing | None) -> SaidFile:
    """A judged call as exports take it."""
    call = judged.call
    turns = tuple(SaidTurn(turn.index, turn.span, turn.speaker, turn.text) for turn in call.turns)
    said = SaidCall(
        call.sha256, call.language, call.cdr, turns, call.roles, call.events, call.hang_up, call.facts
    )  # fmt: skip
    return SaidFile(SaidJudged(said, judged.scorecard), hearing)


def speaker_name(call: SaidCall, turn: SaidTurn, language: Language) -> str:
    """Who says a turn, for people; voices that are neither side's are told apart."""
    role: Role = call.role(turn)
    if turn.speaker == PROMPT:
        return Message("Announcement").in_language(language)
    name = label_in(ROLE_LABELS, role, language)
    return name if role != "unknown" else f"{name} {turn.speaker}"


def span_ms(turn: SaidTurn) -> tuple[int, int]:
    """When a turn begins and ends, in milliseconds; it lasts one at least: readers drop what lasts nothing."""
    start = max(0, round(turn.span.start_s * 1000))
    return start, max(start + 1, round(turn.span.end_s * 1000))


def turns_by_time(turns: Sequence[SaidTurn]) -> list[SaidTurn]:
    """Turns by when they begin."""
    return sorted(turns, key=lambda turn: (turn.span.start_s, turn.index))
