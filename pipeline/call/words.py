"""The words of a call, and who said each.

On true channels a word belongs to its channel. On one channel it belongs to the speaker that diarization
heard meanwhile. Gated segments are left out.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from pipeline.datatypes import SpeakerSpan, Transcript, Word
from pipeline.language.backchannels import is_backchannel
from pipeline.timeline import Span

PHRASE_GAP_S = 0.3
"""Words closer together than this are said in one breath."""

SNAP_WORDS = 2
SNAP_S = 1.0
"""How far a change of speaker heard inside a phrase may be moved to the phrase's edge."""

_CLAUSE_END = re.compile(r"[，、,：:。？！?!.…；;]\s*$")

SpeakerWord = tuple[Word, str]
"""A word and its speaker: "ch0"/"ch1" on true channels, else diarization's."""


def transcribed_words(transcript: Transcript) -> list[Word]:
    """The ungated words, trimmed to where voice was heard, by start time."""
    words = [
        _trim(word, transcript.voiced[word.channel] if word.channel < transcript.channels else ())
        for segment in transcript.segments
        if segment.gate is None
        for word in segment.words
        if word.text.strip()
    ]
    return sorted(words, key=lambda w: (w.span.start_s, w.span.end_s, w.channel))


def attribute(words: Sequence[Word], transcript: Transcript) -> list[SpeakerWord]:
    """Each word, by start time, with its speaker."""
    if transcript.channels > 1:
        return [(word, f"ch{word.channel}") for word in words]
    return _by_diarization(words, transcript.speakers)


def _trim(word: Word, voiced: Sequence[Span]) -> Word:
    """Engines stretch a word over the pause beside it; voice activity (sorted, disjoint) says where it really was."""
    first = bisect_right(voiced, word.span.start_s, key=lambda span: span.end_s)
    last = bisect_left(voiced, word.span.end_s, key=lambda span: span.start_s)
    best = max(voiced[first:last], key=word.span.overlap_s, default=None)
    voice = word.span & best if best is not None else None
    return word if voice is None or voice == word.span else replace(word, span=voice)


def _by_diarization(words: Sequence[Word], speakers: Sequence[SpeakerSpan]) -> list[SpeakerWord]:
    if not speakers:
        return [(word, "S1") for word in words]
    names: list[str] = []
    for position, word in enumerate(words):
        shares: dict[str, float] = {}
        for item in speakers:
            shared = item.span.overlap_s(word.span)
            if shared > 0:
                shares[item.speaker] = shares.get(item.speaker, 0.0) + shared
        if not shares:
            # nobody was heard here: the nearest in time
            nearest = min(
                speakers, key=lambda s: max(s.span.start_s - word.span.end_s, word.span.start_s - s.span.end_s)
            )
            names.append(nearest.speaker)
            continue
        most = max(shares.values())
        leaders = [name for name, share in shares.items() if share >= most - 0.02]
        before = names[-1] if names and word.span.start_s - words[position - 1].span.end_s < PHRASE_GAP_S else None
        names.append(before if before in leaders else leaders[0])
    edges = _edges(words)
    _snap_changes(words, names, edges)
    _smooth_flips(words, names, edges, speakers)
    return list(zip(words, names, strict=True))


def _edges(words: Sequence[Word]) -> list[bool]:
    """For each word, whether a phrase may begin with it: after a pause or after punctuation."""
    return [
        position == 0
        or word.span.start_s - words[position - 1].span.end_s >= PHRASE_GAP_S
        or _CLAUSE_END.search(words[position - 1].text) is not None
        for position, word in enumerate(words)
    ]


def _snap_changes(words: Sequence[Word], names: list[str], edges: Sequence[bool]) -> None:
    """Diarization is some tenths of a second unsure of a change; speakers change at the edges of phrases."""
    position = 1
    while position < len(words):
        if names[position] == names[position - 1] or edges[position]:
            position += 1
            continue
        left, right = names[position - 1], names[position]
        candidates = []
        for shift in range(-SNAP_WORDS, SNAP_WORDS + 1):
            edge = position + shift
            if shift == 0 or not 0 < edge < len(words) or not edges[edge]:
                continue
            moved = range(edge, position) if shift < 0 else range(position, edge)
            expected = left if shift < 0 else right
            if any(names[i] != expected for i in moved):
                continue
            if abs(words[edge].span.start_s - words[position].span.start_s) <= SNAP_S:
                candidates.append((abs(words[edge].span.start_s - words[position].span.start_s), edge))
        if candidates:
            edge = min(candidates)[1]
            for i in range(min(edge, position), max(edge, position)):
                names[i] = right if edge < position else left
            position = max(edge, position)
        position += 1


def _smooth_flips(
    words: Sequence[Word], names: list[str], edges: Sequence[bool], speakers: Sequence[SpeakerSpan]
) -> None:
    """A single word of B in the middle of A's phrase is A's, unless B has a short span of its own there."""
    for i in range(1, len(words) - 1):
        if names[i - 1] != names[i + 1] or names[i] == names[i - 1] or edges[i] or edges[i + 1]:
            continue
        own = [s.span for s in speakers if s.speaker == names[i] and s.span.overlap_s(words[i].span) > 0]
        short = any(span.duration_s < 1.0 and abs(span.middle_s - words[i].span.middle_s) < 0.3 for span in own)
        if not (short and is_backchannel(words[i].text)):
            names[i] = names[i - 1]
