"""Calls written down: the notation of rule cases, as a Call.

They go through `pipeline.call.facts.build_call` as heard calls do, so that what a case proves holds for recordings.

    cdr ring_count=4 company=美乐门        metadata; several in a line, quotes around values with spaces
    坐席 0.0: 您好，抱歉让您久等。          a turn: who, start in seconds, what (agent, customer, third in English)
    客户 4.1-6.0: 你好。                   with an end; without one it is guessed from the length of the text
    标记 music 22.8-34.8                   a sound mark (mark): ring, busy, dtmf, music, prompt; ring x4 counts
    挂断 坐席 30.2                          who released the line, when (hangup agent 30.2)
    单声道                                  overlap could not be heard (mono)
    听不清 12.0-20.0 坐席                   somebody speaks there, without words (unheard 12-20 agent)
    大声 12.0-15.0 坐席 8                   somebody is 8 dB louder there than otherwise (loud 12-15 agent 8)
    # a remark
"""

from __future__ import annotations

import hashlib
import re
import shlex
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from pipeline.call.build import build_call
from pipeline.call.facts import prompt_before_s, since_agent_s
from pipeline.datatypes import (
    CDR,
    LEVEL_STEP_S,
    Call,
    EventKind,
    LineEnd,
    LineEvent,
    Party,
    Role,
    Segment,
    SpeakerSpan,
    Transcript,
    Word,
)
from pipeline.language.text import HAN, speech_units
from pipeline.messages import Message
from pipeline.timeline import Span, Timeline

RATE_PER_S = {"zh": 4.4, "en": 2.6}
"""How many Han characters, or English words, a second of ordinary speech has."""

TAIL_S = 1.5
"""A recording goes on this long after the last word or the hang-up."""

Speaker = Literal["agent", "customer", "third"]
_SPEAKERS: dict[str, Speaker] = {
    "坐席": "agent", "客服": "agent", "agent": "agent", "客户": "customer", "customer": "customer",
    "third": "third", "第三方": "third",
}  # fmt: skip
_CHANNELS: dict[Speaker, int] = {"agent": 0, "customer": 1, "third": 0}
SCRIPT_ROLES: dict[int, Role] = {0: "agent", 1: "customer"}
"""Whose channel is which in a script's transcript."""

_TIME = r"\d{1,5}(?:\.\d{1,6})?"
"""Seconds: no call lasts longer than a day."""
_LINE = re.compile(rf"(?P<who>\S+)\s+(?P<start>{_TIME})(?:\s*-\s*(?P<end>{_TIME}))?\s*[:：]\s*(?P<text>.*)")
_LOUD = re.compile(rf"(?P<start>{_TIME})\s*-\s*(?P<end>{_TIME})\s+(?P<who>\S+)\s+(?P<db>\d{{1,2}}(?:\.\d{{1,6}})?)")
_SPAN = re.compile(rf"(?<![\d.])({_TIME})\s*-\s*({_TIME})(?!\d)")
_COUNT = re.compile(r"[x×](\d+)")
_PIECES = re.compile(rf"[{HAN}][^\w\s]*|[\w'’.-]*\w[^\w\s]*|\S")
_NOISE_DBFS, _SPEECH_DBFS = -55.0, -25.0


class BadScript(ValueError):
    """A script that cannot be read. `line` counts from 1 within the script."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


@dataclass(frozen=True, slots=True)
class ScriptTurn:
    speaker: Speaker
    span: Span
    text: str | None


@dataclass(frozen=True, slots=True)
class Script:
    """A call as written down."""

    turns: tuple[ScriptTurn, ...]
    events: tuple[LineEvent, ...] = ()
    cdr: CDR = field(default_factory=CDR)
    hung_up_by: Party | None = None
    hung_up_s: float | None = None
    mono: bool = False
    duration_s: float | None = None
    loud: tuple[tuple[Speaker, Span, float], ...] = ()


def call_from_script(text: str, language: str) -> Call:
    """The call that a case's script tells. Raises BadScript, which names the line."""
    return script_call(parse_script(text, language), language)


def parse_script(text: str, language: str) -> Script:
    """Read a case's notation. Raises BadScript."""
    lines = _Lines()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            lines.read(line, number)
    if not lines.turns and not lines.events:
        raise BadScript(1, Message("nothing happens in this call; write at least one turn"))
    return Script(
        tuple(_with_ends(lines.turns, language)), tuple(lines.events), _cdr(lines.fields),
        lines.hung_up_by, lines.hung_up_s, lines.mono, loud=tuple(lines.loud),
    )  # fmt: skip


class _Lines:
    """What the lines of a script have told so far."""

    def __init__(self) -> None:
        self.turns: list[tuple[Speaker, float, float | None, str | None]] = []
        self.events: list[LineEvent] = []
        self.fields: dict[str, str] = {}
        self.hung_up_by: Party | None = None
        self.hung_up_s: float | None = None
        self.mono = False
        self.loud: list[tuple[Speaker, Span, float]] = []

    def read(self, line: str, number: int) -> None:
        word, _, rest = line.partition(" ")
        match word.lower():
            case "cdr":
                self.fields |= _pairs(rest, number)
            case "标记" | "mark":
                self.events.append(_mark(rest, number))
            case "挂断" | "hangup":
                self._hang_up(rest, number)
            case "单声道" | "mono":
                self.mono = True
            case "大声" | "loud":
                self._loud(rest, number)
            case "听不清" | "unheard":
                self._unheard(rest, number)
            case _:
                self._turn(line, word, number)

    def _hang_up(self, rest: str, number: int) -> None:
        words = rest.split()
        who = _SPEAKERS.get(words[0].lower()) if words else None
        if who is None or who == "third" or len(words) < 2 or not re.fullmatch(_TIME, words[1]):
            raise BadScript(number, Message("a hang-up is written: 挂断 坐席 30.2 (hangup agent 30.2)"))
        self.hung_up_by, self.hung_up_s = who, float(words[1])

    def _loud(self, rest: str, number: int) -> None:
        match = _LOUD.fullmatch(rest.strip())
        who = _SPEAKERS.get(match["who"].lower()) if match else None
        if match is None or who is None or float(match["end"]) <= float(match["start"]):
            raise BadScript(number, Message("a raised voice is written: 大声 12.0-15.0 坐席 8 (loud 12-15 agent 8)"))
        self.loud.append((who, Span(float(match["start"]), float(match["end"])), float(match["db"])))

    def _unheard(self, rest: str, number: int) -> None:
        span = _SPAN.search(rest)
        who = _SPEAKERS.get(_SPAN.sub("", rest).strip().lower())
        if not span or who is None:
            raise BadScript(
                number, Message("speech without words is written: 听不清 12.0-20.0 坐席 (unheard 12-20 agent)")
            )
        self.turns.append((who, float(span[1]), float(span[2]), None))

    def _turn(self, line: str, word: str, number: int) -> None:
        match = _LINE.fullmatch(line)
        who = _SPEAKERS.get(match["who"].lower()) if match else None
        if match is None or who is None or not match["text"].strip():
            message = Message(
                "cannot read {word} here; a turn is written 坐席 0.0: 您好。 (agent 0.0: Hello.)", word=repr(word)
            )
            raise BadScript(number, message)
        end_s = float(match["end"]) if match["end"] else None
        if end_s is not None and end_s <= float(match["start"]):
            raise BadScript(number, Message("the turn ends before it starts"))
        self.turns.append((who, float(match["start"]), end_s, match["text"].strip()))


def _with_ends(turns: Sequence[tuple[Speaker, float, float | None, str | None]], language: str) -> Iterator[ScriptTurn]:
    """The turns in order; an end that is not written is guessed from the length of the text."""
    ordered = sorted(turns, key=lambda turn: turn[1])
    starts_s = [turn[1] for turn in ordered]
    for who, start_s, end_s, said in ordered:
        if end_s is None:
            end_s = start_s + max(0.4, speech_units(said or "") / RATE_PER_S.get(language, 4.0))
            later = bisect_right(starts_s, start_s)
            if later < len(ordered):
                end_s = min(end_s, max(start_s + 0.2, starts_s[later] - 0.1))
        yield ScriptTurn(who, Span(start_s, end_s), said)


def _pairs(text: str, number: int) -> dict[str, str]:
    try:
        items = shlex.split(text)
    except ValueError as error:
        raise BadScript(number, Message("a quotation mark is missing")) from error
    pairs = dict(item.split("=", 1) for item in items if "=" in item)
    if not pairs or len(pairs) < len(items):
        raise BadScript(number, Message("metadata is written: cdr ring_count=4"))
    return pairs


def _mark(text: str, number: int) -> LineEvent:
    kind = text.split()[0].lower() if text.split() else ""
    span = _SPAN.search(text)
    count = _COUNT.search(text)
    endless = count is not None and len(count[1]) > 4
    if kind not in get_args(EventKind) or not span or float(span[2]) <= float(span[1]) or endless:
        kinds = ", ".join(get_args(EventKind))
        raise BadScript(number, Message("a sound is written: 标记 music 22.8-34.8; kinds: {kinds}", kinds=kinds))
    return LineEvent(Span(float(span[1]), float(span[2])), kind, None, int(count[1]) if count else None)  # type: ignore[arg-type]


_CDR = TypeAdapter(CDR)


def _cdr(fields: Mapping[str, Any]) -> CDR:
    known = {name: value for name, value in fields.items() if name in CDR.__slots__ and name != "extra"}
    extra = {name: str(value) for name, value in fields.items() if name not in CDR.__slots__}
    try:
        return _CDR.validate_python({**known, "extra": extra})
    except ValidationError as error:
        names = ", ".join(str(item["loc"][0]) for item in error.errors())
        raise BadScript(1, Message("metadata of the wrong kind: {names}", names=names)) from error


def script_call(script: Script, language: str) -> Call:
    """A script as a call: heard without a fault, on two channels, roles known."""
    transcript = script_transcript(script, language)
    call = build_call(transcript, replace(script.cdr, channel_map=script.cdr.channel_map or SCRIPT_ROLES))
    if any(turn.speaker == "third" for turn in script.turns):
        call = _third_voices(call, script)
    if script.mono:
        facts = replace(call.facts, overlap_s=None, interruptions_by_agent=None)
        call = replace(call, overlaps=(), overlap_heard=False, facts=facts)
    return call


def script_transcript(script: Script, language: str) -> Transcript:
    """What would have been heard of a script: the agent on channel 0, the customer on channel 1, without a fault."""
    ends = [turn.span.end_s for turn in script.turns] + [event.span.end_s for event in script.events]
    last_s = max([*ends, script.hung_up_s or 0.0])
    duration_s = max(script.duration_s or 0.0, last_s + (TAIL_S if script.duration_s is None else 0.0))
    line_ends: tuple[LineEnd, ...] = ()
    if script.hung_up_by in ("agent", "customer") and script.hung_up_s is not None:
        duration_s = max(duration_s, script.hung_up_s + TAIL_S)
        line_ends = (LineEnd(0 if script.hung_up_by == "agent" else 1, script.hung_up_s, "digital-silence"),)
    segments = tuple(_segment(turn, language) for turn in script.turns if turn.text)
    voiced = tuple(
        Timeline(turn.span for turn in script.turns if _CHANNELS[turn.speaker] == channel).spans for channel in (0, 1)
    )
    talk_s = sum(turn.span.duration_s for turn in script.turns)
    worded_s = sum(turn.span.duration_s for turn in script.turns if turn.text)
    return Transcript(
        sha256=hashlib.sha256(repr(script).encode()).hexdigest(),
        duration_s=duration_s,
        layout="stereo",
        language=language,
        language_probability=1.0,
        voiced=voiced,
        segments=segments,
        speakers=tuple(SpeakerSpan(turn.span, f"ch{_CHANNELS[turn.speaker]}") for turn in script.turns),
        overlap_heard=True,
        events=script.events,
        line_ends=line_ends,
        levels_dbfs=tuple(_levels(spans, channel, script, duration_s) for channel, spans in enumerate(voiced)),
        coverage=worded_s / talk_s if talk_s else 1.0,
        fingerprint="script",
        provenance={"recognizer": "script"},
    )


def _levels(voiced: tuple[Span, ...], channel: int, script: Script, duration_s: float) -> tuple[float, ...]:
    """An even voice over even noise, louder where the script says so."""
    levels = [_NOISE_DBFS] * int(duration_s / LEVEL_STEP_S)
    steps = range(len(levels))
    for span in voiced:
        for step in steps[int(span.start_s / LEVEL_STEP_S) : int(span.end_s / LEVEL_STEP_S) + 1]:
            levels[step] = _SPEECH_DBFS
    for who, span, louder_db in script.loud:
        if _CHANNELS[who] == channel:
            for step in steps[int(span.start_s / LEVEL_STEP_S) : int(span.end_s / LEVEL_STEP_S)]:
                levels[step] += louder_db
    return tuple(levels)


def _segment(turn: ScriptTurn, language: str) -> Segment:
    words = _words(turn, language)
    return Segment(turn.span, _CHANNELS[turn.speaker], turn.text or "", turn.text or "", words, language, 0.0, 0.0, 1.0)


def _words(turn: ScriptTurn, language: str) -> tuple[Word, ...]:
    """The turn's words, spoken evenly over its span."""
    pieces = _PIECES.findall(turn.text or "")
    weights = [max(1, speech_units(piece)) if language == "zh" else max(1, len(piece)) for piece in pieces]
    total, done, words = sum(weights) or 1, 0, []
    for piece, weight in zip(pieces, weights, strict=True):
        start_s = turn.span.start_s + turn.span.duration_s * done / total
        done += weight
        end_s = turn.span.start_s + turn.span.duration_s * done / total
        words.append(Word(Span(start_s, end_s), piece, 1.0, _CHANNELS[turn.speaker]))
    return tuple(words)


def _third_voices(call: Call, script: Script) -> Call:
    """Turns of a third voice (a colleague, a prompt) belong to neither side."""
    spans = [turn.span for turn in script.turns if turn.speaker == "third"]
    turns = tuple(
        replace(turn, speaker="third")
        if any(turn.span.overlap_s(span) >= 0.5 * turn.span.duration_s for span in spans)
        else turn
        for turn in call.turns
    )
    roles = replace(call.roles, third_voices=("third", *call.roles.third_voices))
    facts = replace(
        call.facts,
        since_agent_s=since_agent_s(turns, roles),
        prompt_before_s=prompt_before_s(turns, roles, call.events),
    )
    return replace(call, turns=turns, roles=roles, facts=facts)
