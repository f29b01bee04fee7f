"""The ground truth of calls, as people label it: one JSON beside each recording (docs/truth.md).

A folder may hold a `transcripts.tsv` instead: utterances (file, speaker, text), which are scored for their words alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.datatypes import CDR, Call, EventKind, LineEvent
from pipeline.errors import BadTruth
from pipeline.evaluation.metrics import Label
from pipeline.judging.notation import Script, ScriptTurn, script_call
from pipeline.language.text import HAN_CHARACTER
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.timeline import Span

TRANSCRIPTS = "transcripts.tsv"
"""Utterances without calls: one line a file, with file name, speaker and text between tabs."""

_KINDS: Mapping[str, EventKind] = {"hold_music": "music", **{kind: kind for kind in get_args(EventKind)}}


class TruthTurn(BaseModel):
    """One turn of the truth. Some sources know only roles, only speakers, or no words."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    role: Literal["agent", "customer"] | None = None
    speaker: str | None = None
    start_s: float = Field(ge=0)
    end_s: float
    text: str | None = None

    @property
    def span(self) -> Span:
        return Span(self.start_s, self.end_s)

    @property
    def voice(self) -> str | None:
        return self.speaker or self.role


class TruthMark(BaseModel):
    """A sound of the line: ring, busy, hold_music… Kinds that callqa does not know are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    kind: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    count: int | None = None


class Truth(BaseModel):
    """The ground truth of one call. Times in seconds from the recording's start."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str | None = None
    language: Literal["zh", "en"]
    duration_s: float | None = None
    turns: tuple[TruthTurn, ...]
    channels: dict[str, str] | None = None
    marks: tuple[TruthMark, ...] | None = None
    hung_up_first: Literal["agent", "customer"] | None = None
    hangup_s: float | None = None
    labels: dict[str, Label] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def worded(self) -> bool:
        """Whether all that is said is written down."""
        return bool(self.turns) and all(turn.text is not None for turn in self.turns)


@dataclass(frozen=True)
class LabelledRecording:
    """One thing to score. An `utterance` comes from a table: it has one voice, and only its words are known."""

    id: str
    truth: Truth
    recording: Path | None
    utterance: bool = False


@dataclass(frozen=True)
class Labelled:
    """What can be scored in a folder, and why the rest cannot: file → one line."""

    folder: Path
    recordings: tuple[LabelledRecording, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    def spread(self, limit: int | None) -> Labelled:
        """At most `limit` recordings, evenly spread over the folder."""
        count = len(self.recordings)
        if limit is None or limit >= count:
            return self
        return replace(self, recordings=tuple(self.recordings[number * count // limit] for number in range(limit)))


def find_labelled(folder: Path, settings: Settings, *, scripted: bool = False) -> Labelled:
    """List what can be scored in a folder (not its subfolders).

    A truth without its recording is left out, unless its turns are to be judged as a script. Raises BadTruth when there
    is no folder.
    """
    if not folder.is_dir():
        raise BadTruth(Message("{folder}: no such folder", folder=folder))
    labelled: dict[str, LabelledRecording] = {}
    skipped: dict[str, str] = {}
    metadata = {"cdr.json", *(Path(name).name for name in settings.ingest.metadata_names)}
    for path in sorted(folder.glob("*.json")):
        if path.name in metadata:
            continue
        try:
            one = _read_truth(path, settings)
            if one.id in labelled:
                raise BadTruth(
                    Message("{path}: the id {id} belongs to another file too; give each truth its own",
                            path=path, id=one.id)
                )  # fmt: skip
            if one.recording is None and not scripted:
                raise BadTruth(Message("{path}: no recording of that name beside it", path=path))
            labelled[one.id] = one
        except BadTruth as error:
            skipped[path.name] = error.message
    if not scripted and (folder / TRANSCRIPTS).is_file():
        for one in _read_transcripts(folder / TRANSCRIPTS):
            if one.recording is not None and one.recording.is_file():
                labelled[one.id] = one
            else:
                skipped[one.id] = Message(
                    "{path}: {id} has no recording beside it", path=folder / TRANSCRIPTS, id=one.id
                )
    return Labelled(folder, tuple(labelled.values()), skipped)


def _read_truth(path: Path, settings: Settings) -> LabelledRecording:
    try:
        truth = Truth.model_validate(json.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        # places and kinds only: the values are what people said
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:3])
        raise BadTruth(Message("{path}: not the truth of a call: {faults}", path=path, faults=faults)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadTruth(
            Message("{path}: cannot be read as JSON ({kind})", path=path, kind=type(error).__name__)
        ) from error
    beside = (path.with_suffix(suffix) for suffix in settings.ingest.extensions)
    return LabelledRecording(truth.id or path.stem, truth, next((file for file in beside if file.is_file()), None))


def _read_transcripts(path: Path) -> Iterable[LabelledRecording]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTruth(Message("{path}: cannot be read as UTF-8 text", path=path)) from error
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells[0].strip() == "file"):
            continue
        if len(cells) != 3:
            raise BadTruth(
                Message("{path}:{line}: three cells wanted between tabs (file, speaker, text), {count} found",
                        path=path, line=number, count=len(cells))
            )  # fmt: skip
        name, speaker, text = (cell.strip() for cell in cells)
        chinese = HAN_CHARACTER.search(text)
        turn = TruthTurn(speaker=speaker, start_s=0, end_s=0, text=text)
        truth = Truth(language="zh" if chinese else "en", turns=(turn,))
        yield LabelledRecording(Path(name).stem, truth, path.parent / name, utterance=True)


def cdr_from_truth(meta: Mapping[str, Any]) -> CDR:
    """The CDR that a truth's `meta` stands for; keys that no CDR field has go to `extra`.

    Raises BadTruth when a value is of the wrong type.
    """
    known = {f.name for f in fields(CDR)} - {"extra"}
    extra = {key: str(value) for key, value in meta.items() if key not in known}
    try:
        return TypeAdapter(CDR).validate_python({k: v for k, v in meta.items() if k in known} | {"extra": extra})
    except ValidationError as error:
        keys = ", ".join(sorted({str(e["loc"][0]) for e in error.errors()}))
        raise BadTruth(Message("meta: {keys} has a value of the wrong type", keys=keys)) from error


def call_from_truth(truth: Truth, use_cdr: bool = True) -> Call:
    """The call as perfect engines would hear it. Turns without text are voiced only.

    `use_cdr`: whether the truth's CDR fields are known. Raises BadTruth when a turn has no role, a mark no end,
    or `meta` a value of the wrong type.
    """
    turns = []
    for number, turn in enumerate(truth.turns):
        if turn.role is None:
            raise BadTruth(Message("turns.{number}: has no role, and cannot be judged as a script", number=number))
        turns.append(ScriptTurn(turn.role, turn.span, turn.text))
    events = []
    for number, mark in enumerate(truth.marks or ()):
        kind = _KINDS.get(mark.kind or "")
        if kind is None:
            continue
        if mark.end_s is None:
            raise BadTruth(Message("marks.{number}: has no end_s", number=number))
        events.append(LineEvent(Span(mark.start_s, mark.end_s), kind, None, mark.count))
    script = Script(
        turns=tuple(turns),
        events=tuple(events),
        cdr=cdr_from_truth(truth.meta) if use_cdr else CDR(),
        hung_up_by=truth.hung_up_first,
        hung_up_s=truth.hangup_s,
        duration_s=truth.duration_s or None,
    )
    return script_call(script, truth.language)
