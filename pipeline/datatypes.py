"""The types that pass between stages. All are frozen; all times are seconds from the recording's start.

A recording goes  Recording → Audio → Transcript → Call → Judged.  `Transcript` is what is slow to make and depends
on the sound alone; `Call` is what a rule may see; both are built here only from plain values, so that
they can be written as JSON and read back equal. An alias is the name that a field has in files written before it was
renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.messages import STEERING
from pipeline.timeline import Span

RATE_HZ = 16_000
"""The one sampling rate after decoding; every model here was trained on it."""

LEVEL_STEP_S = 0.25
"""Step of `Transcript.levels_dbfs`, in seconds."""

Samples = npt.NDArray[np.float32]
Party = Literal["agent", "customer"]
Role = Literal["agent", "customer", "unknown"]
Layout = Literal["mono", "stereo", "fake-stereo", "anti-phase", "dead-channel"]
EventKind = Literal["ring", "busy", "dtmf", "music", "prompt", "silence", "transfer"]
Outcome = Literal["pass", "fail", "not_applicable", "unsure"]

PARTIES: tuple[Party, Party] = ("agent", "customer")
"""The two sides of a call, in the order in which they are counted."""

LONGEST_CELL = 1000
"""Characters of one text of a CDR."""

CALL_YEARS = range(1970, 2201)
"""Years in which a call can have been recorded; systems write year 1, 1900 or 9999 for "not known"."""


def clean_cell(text: str) -> str:
    """A text as a CDR holds it: one line, nothing that steers a terminal or a page, at most `LONGEST_CELL`."""
    return STEERING.sub(lambda found: " " if found[0].isspace() else "", text[:LONGEST_CELL])


@dataclass(frozen=True, slots=True)
class CDR:
    """Call detail record: what the telephone system knows of a call. Every field may be missing.

    Source: the metadata file beside the inbox, its columns mapped in the settings. `caller_hash` is a keyed
    hash; the number itself never gets this far. `release_method` names what says the release party, such as
    "queue_log COMPLETEAGENT". Wherever it comes from, a file of an older version too, its texts
    are as `clean_cell` makes them and its moment lies in `CALL_YEARS`.
    """

    call_id: str | None = None
    started_at: datetime | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    team: str | None = None
    company: str | None = None
    queue: str | None = None
    direction: Literal["inbound", "outbound"] | None = None
    caller_hash: str | None = None
    ring_count: int | None = None
    wait_s: float | None = None
    release_party: Literal["agent", "customer", "system"] | None = None
    release_method: str | None = None
    channel_map: dict[int, Role] | None = None
    language: str | None = None
    scenario: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if isinstance(text := getattr(self, name), str):
                object.__setattr__(self, name, clean_cell(text) or None)
        if self.started_at is not None and self.started_at.year not in CALL_YEARS:
            object.__setattr__(self, "started_at", None)
        extra = {clean_cell(column): clean_cell(text) for column, text in self.extra.items()}
        object.__setattr__(self, "extra", extra)


@dataclass(frozen=True, slots=True)
class Half:
    """A file with one side of a call, and the SHA-256 of its bytes."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of the inbox. Its identity is the SHA-256 of its bytes, in hexadecimal.

    Where a recorder wrote each side to a file of its own, `halves` are the two, the first of them is `path`, and the
    identity is a hash over both (`pipeline.intake.halves`).
    """

    sha256: str
    path: Path
    size_bytes: int
    cdr: CDR
    halves: tuple[Half, ...] = ()


@dataclass(frozen=True, slots=True)
class SoundFault:
    """What is wrong with a recording that was heard all the same; `pipeline.hearing.sound_faults` says it in words.

    "cut-short": less sound (`heard_s`) than the file claims (`stated_s`); "undecoded": a `share` of it is damaged, 0–1;
    "mixed-links": a chained file of stereo and mono, heard as mono; "unheard-track": `tracks` were left out.
    """

    kind: Literal["cut-short", "undecoded", "mixed-links", "unheard-track"]
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audio:
    """Decoded sound: `samples` is float32 in [-1, 1], shape (channels, n), at `rate_hz`.

    `layout` says what the file held: one channel; two parties; the same on two, at another level or delay too (fake
    stereo); two that are each other's negative (anti-phase); a dead one beside one that lives. Only true stereo keeps
    two channels here.
    """

    samples: Samples
    layout: Layout
    rate_hz: int = RATE_HZ
    source_rate_hz: int | None = None
    codec: str | None = None
    faults: tuple[SoundFault, ...] = ()

    @property
    def duration_s(self) -> float:
        return float(self.samples.shape[1] / self.rate_hz)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word (a Han word or character, a Latin word), with punctuation attached behind it."""

    span: Span
    text: str
    probability: float
    channel: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch that the recogniser transcribed, on one channel.

    `text` is simplified and punctuated, `raw_text` what the engine said. `gate` is why the segment is held
    to be no speech ("silence", "repetition", "phrase"…), or None. Gated segments stay in the artefact, marked.
    """

    span: Span
    channel: int
    text: str
    raw_text: str
    words: tuple[Word, ...]
    language: str
    mean_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class SpeakerSpan:
    """One speaker's stretch; spans of different speakers may overlap."""

    span: Span
    speaker: str


@dataclass(frozen=True, slots=True)
class LineEvent:
    """A sound that is no speech, or a transfer: from its announcement to the new voice.

    `channel` is None when it was found on the only channel of a mono call, and for a transfer. `count` is
    the number of ring-back bursts, busy bursts or DTMF keys in the span.
    """

    span: Span
    kind: EventKind
    channel: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class LineEnd:
    """How one channel ended: `kind` is "digital-silence" or "busy", from `at_s` to the recording's end."""

    channel: int
    at_s: float
    kind: Literal["digital-silence", "busy"]


@dataclass(frozen=True, slots=True)
class Transcript:
    """The durable artefact of one recording: all that was heard, no waveform, no voice print.

    `voiced` holds, per channel, the spans of speech found by voice activity; `levels_dbfs`, per channel, the
    RMS level every `LEVEL_STEP_S`. Speakers are "ch0"/"ch1" when channels are true, else "S1", "S2"… in
    order of appearance. `overlap_heard` is false where overlapping speech could not have been noticed.
    `coverage` is the share of voiced time that has words, 0–1 (1.0 when nothing is voiced). `codes_removed` is the
    version of what took out the card security codes and PINs that were said ("": nothing did).
    """

    sha256: str
    duration_s: float
    layout: Layout
    language: str
    language_probability: float
    voiced: tuple[tuple[Span, ...], ...]
    segments: tuple[Segment, ...]
    speakers: tuple[SpeakerSpan, ...]
    overlap_heard: bool
    events: Annotated[tuple[LineEvent, ...], Field(alias="marks")]
    line_ends: tuple[LineEnd, ...]
    levels_dbfs: tuple[tuple[float, ...], ...]
    coverage: float
    fingerprint: str
    provenance: dict[str, str] = field(default_factory=dict)
    timings_s: dict[str, float] = field(default_factory=dict)
    faults: tuple[SoundFault, ...] = ()
    codes_removed: str = ""

    @property
    def channels(self) -> int:
        return len(self.voiced)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says until the other takes over; `text` is its words put together, punctuated."""

    index: int
    span: Span
    speaker: str
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is who. A speaker that is not in `by_speaker` is unknown. `confidence` is 0–1.

    `method` names the evidence that decided: "channel-map", "cdr", "script" (what agents and customers
    say), "first-voice"…, joined by "+", or why there is none ("mixed", "one-side", "none"); third voices (prompts,
    transfers) are listed in `third_voices`.
    """

    by_speaker: dict[str, Role]
    method: str
    confidence: float
    third_voices: tuple[str, ...] = ()

    def of(self, speaker: str) -> Role:
        """A speaker's role; "unknown" is a value."""
        return self.by_speaker.get(speaker, "unknown")


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody speaks and no music, ring or prompt plays. `after` is who spoke last before it."""

    span: Span
    where: Literal["leading", "inner", "trailing"]
    after: Party | None
    music_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Overlap:
    """`by` starts while `over` has been speaking for `other_spoke_s`, and both go on for `span`.

    `took_floor` is true unless `over` goes on for a second after `by` has stopped; `turn` is the index of the
    turn that `by` begins.
    """

    span: Span
    by: Party
    over: Party
    other_spoke_s: float
    took_floor: bool
    turn: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """Who released the line first. `by` is None when the evidence does not tell."""

    by: Literal["agent", "customer", "system"] | None
    method: Literal["cdr", "inferred", "none"]
    at_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Measured numbers about a call; None where nothing could be measured. Rates: zh 字/min, en words/min.

    `since_agent_s` is from the agent's first word to the last of the call; `agent_wait_s` from asking for a person to
    the agent's first word; `prompt_before_s` the announcements before the first live word.
    """

    duration_s: float
    conversation_s: float
    voiced_s: float
    coverage: float
    turns: int
    agent_turns: int
    customer_turns: int
    first_agent_s: float | None
    first_customer_s: float | None
    agent_talk_s: float
    customer_talk_s: float
    agent_talk_share: float | None
    agent_rate: float | None
    customer_rate: float | None
    rate_ratio: float | None
    longest_agent_monologue_s: float | None
    longest_silence_s: float
    inner_silence_s: float
    overlap_s: float | None
    interruptions_by_agent: int | None
    ring_count: int | None
    ring_s: float
    music_s: float
    prompt_s: float
    dtmf_keys: int
    busy_s: float
    agent_level_dbfs: float | None = None
    since_agent_s: float | None = None
    agent_wait_s: float | None = None
    prompt_before_s: float | None = None
    keys_before_agent: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """All that a rule may see of a call, and nothing else.

    `voiced` says of each party that is known when it speaks, by voice activity, words or not.
    """

    sha256: str
    language: str
    cdr: CDR
    turns: tuple[Turn, ...]
    roles: Roles
    voiced: dict[Party, tuple[Span, ...]]
    silences: tuple[Silence, ...]
    overlaps: tuple[Overlap, ...]
    overlap_heard: bool
    events: Annotated[tuple[LineEvent, ...], Field(alias="marks")]
    levels_dbfs: dict[Party, tuple[float, ...]]
    hang_up: HangUp
    facts: Facts

    def role(self, turn: Turn) -> Role:
        """The role of a turn's speaker; "unknown" is a value."""
        return self.roles.of(turn.speaker)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence: where in the call (turn index, span), the words it rests on, and why.

    `matched` are the words of the transcript that were matched ("" for a sound or a silence), `sentence` the whole
    sentence around them: what people read, with `matched` marked in it.
    """

    turn: int | None
    span: Span | None
    matched: Annotated[str, Field(alias="quote")]
    reason: str
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What makes a passed call worth a look: the sentence most like what is forbidden, or least like what is required.

    `suspicion` orders the calls of one rule; above 0 the rule's recogniser speaks against the verdict.
    """

    suspicion: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one call. `occurrences` is how many times it was broken (0 unless fail).

    `evidence` is that of the outcome, `grounds` what made the rule apply. `nothing_found`: it passed, by a rule that is
    known to miss much of what it looks for. `suspect` is of a pass that a recogniser has something to say of.
    """

    rule_id: str
    rule_hash: str
    outcome: Outcome
    evidence: Annotated[tuple[Evidence, ...], Field(alias="hits")]
    reason: str
    occurrences: int = 0
    deducted: float = 0.0
    grounds: tuple[Evidence, ...] = ()
    nothing_found: bool = False
    suspect: Suspect | None = None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All verdicts on one call. `score` is 0–100, or None when nothing could be scored.

    `coverage` is the share of the applicable weight that was decided (pass or fail), 0–1; `version` is the
    rulebook's.
    """

    sha256: str
    rulebook: str
    rulebook_hash: str
    verdicts: tuple[Verdict, ...]
    score: float | None
    coverage: float
    fatal: bool
    version: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A call and its scorecard: what the store and the reports are built from.

    `scorecard` is None when the call's language has no rulebook.
    """

    call: Call
    scorecard: Scorecard | None


class Recognizer(Protocol):
    """Speech to text. `fingerprint` changes whenever the same sound could give other words."""

    fingerprint: str

    def detect_language(self, samples: Samples, voiced: tuple[Span, ...], among: tuple[str, ...]) -> tuple[str, float]:
        """The likeliest of `among` (empty: of all) for one channel (shape (n,), 16 kHz), and its probability."""
        ...

    def transcribe(
        self, channels: Sequence[Samples], voiced: Sequence[tuple[Span, ...]], language: str
    ) -> list[Segment]:
        """Transcribe the `voiced` spans of a call's channels (each shape (n,), 16 kHz), those of a channel in order."""
        ...


class Diarizer(Protocol):
    """Who speaks when on a mixed channel. `overlap_aware` tells whether its spans can overlap."""

    fingerprint: str
    overlap_aware: bool

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        """Speaker spans of one channel (shape (n,), 16 kHz), speakers "S1", "S2"… by first appearance."""
        ...


class VoiceActivity(Protocol):
    """Finds speech."""

    fingerprint: str

    def voiced(self, samples: Samples, shared: bool = False) -> tuple[Span, ...]:
        """Spans of one channel (shape (n,), 16 kHz), sorted and disjoint. `shared`: both sides speak on it."""
        ...
