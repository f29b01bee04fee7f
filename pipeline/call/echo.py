"""Echo: a quiet copy of one channel in the other, which the other side did not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from statistics import median

from pipeline.call.words import PHRASE_GAP_S
from pipeline.datatypes import LEVEL_STEP_S, Transcript, Word
from pipeline.timeline import Span, Timeline

ECHO_DB = 10.0
"""A copy of the other channel is at least this much quieter than the original."""

ECHO_LIKENESS = 0.6
"""Share of an utterance's characters that the other channel has at the same time, to call it a copy."""

_PUNCTUATION = re.compile(r"[^\w\s]|_")

SpokenPhrase = tuple[Word, ...]
"""Words of one channel, said in one breath."""


def find_echoes(words: Sequence[Word], transcript: Transcript) -> tuple[SpokenPhrase, ...]:
    """The utterances that only repeat the other channel more quietly; `words` by start time."""
    if transcript.channels != 2 or len(transcript.levels_dbfs) != 2:
        return ()
    echoes = []
    for channel in (0, 1):
        original = [word for word in words if word.channel == 1 - channel]
        for utterance in _utterances(word for word in words if word.channel == channel):
            span = Span(utterance[0].span.start_s, utterance[-1].span.end_s)
            # the level first: it spares most utterances the search for words
            level, loud = (level_dbfs(transcript.levels_dbfs[c], span) for c in (channel, 1 - channel))
            if level is None or loud is None or level > loud - ECHO_DB:
                continue
            near = Span(span.start_s - 0.5, span.end_s + 0.3)
            text, other = _bare(utterance), _bare(w for w in original if w.span.overlap_s(near) > 0)
            if not text or not other:
                continue
            shared = sum(block.size for block in SequenceMatcher(None, text, other, False).get_matching_blocks())
            if shared / len(text) >= ECHO_LIKENESS:
                echoes.append(utterance)
    return tuple(echoes)


def without_echoes(words: Iterable[Word], echoes: Iterable[SpokenPhrase]) -> list[Word]:
    """The words that are somebody's own."""
    copies = {word for utterance in echoes for word in utterance}
    return [word for word in words if word not in copies] if copies else list(words)


def echo_times(echoes: Iterable[SpokenPhrase], channel: int) -> Timeline:
    """When a channel only repeats the other."""
    return Timeline(
        Span(utterance[0].span.start_s, utterance[-1].span.end_s)
        for utterance in echoes
        if utterance[0].channel == channel
    )


def level_dbfs(levels: Sequence[float], span: Span) -> float | None:
    """Median of the levels in a span, in dBFS; None when the span has none."""
    first, last = int(span.start_s / LEVEL_STEP_S), int(span.end_s / LEVEL_STEP_S) + 1
    inside = levels[max(0, first) : last]
    return median(inside) if inside else None


def _utterances(words: Iterable[Word]) -> list[SpokenPhrase]:
    parts: list[list[Word]] = []
    for word in words:
        if parts and word.span.start_s - parts[-1][-1].span.end_s < PHRASE_GAP_S:
            parts[-1].append(word)
        else:
            parts.append([word])
    return [tuple(part) for part in parts]


def _bare(words: Iterable[Word]) -> str:
    return _PUNCTUATION.sub("", "".join(word.text for word in words)).replace(" ", "").lower()
