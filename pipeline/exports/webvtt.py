"""A call as captions: WebVTT, a cue a turn, each with its voice. Source: the W3C's WebVTT."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.exports.exported import ExportedCall, span_ms, speaker_name, turns_by_time
from pipeline.messages import Language, shown_text

# a line's end ends a cue, an arrow would be its times, and other control characters are no text
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ARROW = re.compile("-+>")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def webvtt(call: ExportedCall, language: Language = "en") -> str:
    """The captions of a call; `language` is that of the voices' names."""
    return "\n\n".join(_blocks(call, language)) + "\n"


def _blocks(call: ExportedCall, language: Language) -> Iterator[str]:
    yield "WEBVTT"
    yield "NOTE\n" + "\n".join(_said_of(call))
    for number, turn in enumerate(turns_by_time(call.call.turns), start=1):
        start, end = span_ms(turn)
        voice = _one_line(speaker_name(call.call, turn, language))
        yield f"{number}\n{_clock(start)} --> {_clock(end)}\n<v {voice}>{_one_line(turn.text)}</v>"


def _said_of(call: ExportedCall) -> Iterator[str]:
    """What the file is of: a comment, in which an arrow may not stand."""
    cdr = call.call.cdr
    if cdr.call_id:
        yield "call: " + _ARROW.sub("->", shown_text(cdr.call_id))
    yield f"recording: {call.call.sha256}"
    if call.started_at:
        yield f"began: {call.started_at.isoformat()}"
    yield f"lasts: {call.call.facts.duration_s:.3f} s"
    yield f"language: {call.call.language}"
    yield f"hidden: {', '.join(sorted(call.hidden))}"


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", text).translate(_ESCAPES)


def _clock(at_ms: int) -> str:
    minutes, ms = divmod(at_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"
