"""What was said in a call, turn by turn, and between the turns what else was heard on the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desk.calls.call_verdicts import Resting, ShownVerdict
from pipeline.datatypes import Call, Role, Turn
from pipeline.messages import Message
from pipeline.privacy.sensitive import word_places
from pipeline.timeline import Span

LONG_SILENCE_S = 3.0
"""Silence that is shown between turns."""

EVENT_LABELS: Mapping[str, Message] = {
    "ring": Message("Ringing"),
    "busy": Message("Busy tone"),
    "dtmf": Message("Keys pressed"),
    "music": Message("Music"),
    "prompt": Message("Announcement"),
    "silence": Message("Silence"),
    "transfer": Message("Transfer"),
}


@dataclass(frozen=True, slots=True)
class TurnLine:
    """A turn. `words` tells when which character is reached, `parts` is its text cut where something rests on it."""

    turn: Turn
    role: Role
    words: str
    parts: tuple[tuple[str, ShownVerdict | None], ...]
    rests: tuple[ShownVerdict, ...]


@dataclass(frozen=True, slots=True)
class SoundLine:
    """Something else that was heard."""

    kind: str
    span: Span
    count: int | None = None


def call_lines(call: Call, marked: Mapping[int, Sequence[Resting]]) -> list[TurnLine | SoundLine]:
    """All lines of a call in order."""
    lines: list[TurnLine | SoundLine] = [*line_sounds(call)]
    lines += [_turn_line(call, turn, marked.get(turn.index, ())) for turn in call.turns]
    return sorted(lines, key=lambda line: line.turn.span.start_s if isinstance(line, TurnLine) else line.span.start_s)


def line_sounds(call: Call) -> list[SoundLine]:
    """What was heard beside speech, and long silences."""
    events = [SoundLine(event.kind, event.span, event.count) for event in call.events if event.kind != "silence"]
    silent = [SoundLine("silence", each.span) for each in call.silences if each.span.duration_s >= LONG_SILENCE_S]
    return sorted([*events, *silent], key=lambda each: each.span)


def _turn_line(call: Call, turn: Turn, rests: Sequence[Resting]) -> TurnLine:
    places: list[tuple[int, int, ShownVerdict]] = []
    for shown, piece in rests:
        at = turn.text.find(piece.evidence.matched) if piece.evidence.matched else -1
        if at >= 0:
            places.append((at, at + len(piece.evidence.matched), shown))
    parts: list[tuple[str, ShownVerdict | None]] = []
    done = 0
    for first, last, shown in sorted(places, key=lambda place: (place[0], -place[1])):
        if first < done:
            continue
        parts += [(turn.text[done:first], None), (turn.text[first:last], shown)]
        done = last
    parts.append((turn.text[done:], None))
    verdicts = {shown.verdict.rule_id: shown for shown, _ in rests}
    return TurnLine(
        turn, call.role(turn), word_times(turn), tuple(part for part in parts if part[0]), tuple(verdicts.values())
    )


def word_times(turn: Turn) -> str:
    """Of each word hundredths of a second from the turn's start, and its first character, as browsers count them."""
    told = []
    wide = any(character > "\uffff" for character in turn.text)  # browsers count in UTF-16
    for word, (first, _) in zip(turn.words, word_places(turn), strict=True):
        if wide:
            first += sum(character > "\uffff" for character in turn.text[:first])
        told.append(f"{max(0, round((word.span.start_s - turn.span.start_s) * 100))}:{first}")
    return " ".join(told)
