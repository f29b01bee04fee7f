"""A recogniser that replays a written transcript: real sound, real voice activity, perfect words, no model.

It separates what the engines got wrong from what everything behind them did, and lets tests hear without weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from pipeline.datatypes import Samples, Segment, Word
from pipeline.timeline import Span


class ScriptedRecognizer:
    """Says on each channel what was written for it: `lines` maps a channel to (span, text), seconds of the channel.

    A line is heard when voice activity found speech in it; its words are spread evenly over its span.
    """

    def __init__(self, lines: Mapping[int, Sequence[tuple[Span, str]]], language: str) -> None:
        self._lines = {channel: sorted(own) for channel, own in lines.items()}
        self._language = language
        self.fingerprint = "scripted " + hashlib.sha256(repr((self._lines, language)).encode()).hexdigest()[:16]

    def detect_language(self, samples: Samples, voiced: tuple[Span, ...], among: tuple[str, ...]) -> tuple[str, float]:
        """The script's own language, for certain."""
        return self._language, 1.0

    def transcribe(
        self, channels: Sequence[Samples], voiced: Sequence[tuple[Span, ...]], language: str
    ) -> list[Segment]:
        """The channels' lines in which somebody was heard to speak."""
        return [
            Segment(span, channel, text, text, _words(span, text, language, channel), language, 0.0, 0.0, 1.0)
            for channel, heard in enumerate(voiced)
            for span, text in self._lines.get(channel, [])
            if any(span.overlap_s(other) > 0 for other in heard)
        ]


def _words(span: Span, text: str, language: str, channel: int) -> tuple[Word, ...]:
    # a word that begins with a space is one of its own, as engines write it
    pieces = list(text) if language == "zh" else [f" {word}" for word in text.split()]
    step_s = span.duration_s / max(1, len(pieces))
    return tuple(
        Word(Span(span.start_s + i * step_s, span.start_s + (i + 1) * step_s), piece, 1.0, channel)
        for i, piece in enumerate(pieces)
    )
