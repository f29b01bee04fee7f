"""What an engine says of a window, given back to the cuts in it: whose words are whose, and when."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.windows import REST_S, Cut, DecodingWindow
from pipeline.datatypes import Segment, Word
from pipeline.timeline import Span

SHORTEST_WORD_S = 0.02

LEAST_PROBABILITY = 1e-4
"""Probability that a word has at least, so that one cannot outweigh a sentence."""

SHORT_S = 0.15
"""A word is held to be said in its last so many seconds, whatever its start."""

WORDLESS_TAIL_S = 1.5
"""Speech that has no word for so long at its end is cut there, and the rest decoded again."""

LOOP_RATIO = 2.4
"""Compression ratio above which Whisper's authors hold a text to be a loop."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word as an engine gives it: times in the window, text with its leading space."""

    start_s: float
    end_s: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an engine says of one window."""

    tokens: tuple[Token, ...]
    no_speech_probability: float


def assign_tokens(tokens: Iterable[Token], window: DecodingWindow) -> list[list[Token]]:
    """Each cut's tokens, with times from the recording's start: the cut in which a token ends.

    Alignment gives a pause to the word behind it, so that a word's end can be relied on and its start cannot.
    """
    shares: list[list[Token]] = [[] for _ in window.cuts]
    ends_s = [
        offset_s + cut.sound.duration_s + REST_S / 2
        for cut, offset_s in zip(window.cuts, window.offsets_s, strict=True)
    ]
    for token in tokens:
        at_s = max((token.start_s + token.end_s) / 2, token.end_s - SHORT_S)
        index = next((i for i, end_s in enumerate(ends_s) if at_s < end_s), len(ends_s) - 1)
        shift_s = window.cuts[index].sound.start_s - window.offsets_s[index]
        shares[index].append(Token(token.start_s + shift_s, token.end_s + shift_s, token.text, token.probability))
    return shares


def trim_to_words(cut: Cut, tokens: Sequence[Token]) -> tuple[Cut, list[Cut]]:
    """A cut as far as it has words, and what follows when the decoder stopped long before its end."""
    end_s = max(token.end_s for token in tokens)
    if cut.voiced.end_s - end_s < WORDLESS_TAIL_S or end_s - cut.voiced.start_s < WORDLESS_TAIL_S:
        return cut, []
    voiced, sound = cut.voiced, cut.sound
    return (
        Cut(Span(voiced.start_s, end_s), Span(sound.start_s, end_s)),
        [Cut(Span(end_s, voiced.end_s), Span(end_s, sound.end_s))],
    )


def segment_of(tokens: Sequence[Token], cut: Cut, language: str, channel: int, no_speech_probability: float) -> Segment:
    """The segment of one cut and its tokens, of which there is at least one."""
    raw = "".join(token.text for token in tokens).strip()
    words = tuple(
        Word(span, token.text, token.probability, channel)
        for token, span in zip(tokens, clamp_words(tokens, cut.voiced), strict=True)
    )
    logs = (math.log(max(token.probability, LEAST_PROBABILITY)) for token in tokens)
    return Segment(
        span=cut.voiced,
        channel=channel,
        text=raw,
        raw_text=raw,
        words=words,
        language=language,
        mean_log_probability=sum(logs) / len(tokens),
        no_speech_probability=no_speech_probability,
        compression_ratio=compression_ratio(raw),
    )


def clamp_words(tokens: Sequence[Token], within: Span) -> list[Span]:
    """Spans of the tokens, in order, none empty, none overlapping, all inside `within`."""
    shortest_s = min(SHORTEST_WORD_S, within.duration_s / len(tokens))
    starts = [min(max(token.start_s, within.start_s), within.end_s) for token in tokens]
    ends = [min(max(token.end_s, within.start_s), within.end_s) for token in tokens]
    floor_s = within.start_s
    for i in range(len(tokens)):
        starts[i] = max(starts[i], floor_s)
        ends[i] = max(ends[i], starts[i] + shortest_s)
        floor_s = ends[i]
    ceiling_s = within.end_s
    for i in reversed(range(len(tokens))):
        ends[i] = min(ends[i], ceiling_s)
        starts[i] = min(starts[i], ends[i] - shortest_s)
        ceiling_s = starts[i]
    return [Span(max(0.0, start_s), end_s) for start_s, end_s in zip(starts, ends, strict=True)]


def mean_log_probability(segments: Iterable[Segment]) -> float:
    """Mean over the words of all segments, of which there is at least one."""
    logs = [math.log(max(word.probability, LEAST_PROBABILITY)) for segment in segments for word in segment.words]
    return sum(logs) / len(logs)


def loops(decoded: Decoded) -> bool:
    """Whether the text repeats itself so much that the decoder is likely to be caught in a loop."""
    return compression_ratio("".join(token.text for token in decoded.tokens)) > LOOP_RATIO


def compression_ratio(text: str) -> float:
    """How far zlib shrinks the text (bytes before / after), as Whisper measures repetition."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data)) if data else 0.0
