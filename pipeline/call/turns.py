"""Words into turns: where one speaker stops and the other takes over."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from pipeline.call.words import SpeakerWord
from pipeline.datatypes import Turn, Word
from pipeline.language.backchannels import ends_in_question, is_attention, is_backchannel
from pipeline.language.text import put_together
from pipeline.timeline import Span

TURN_PAUSE_S = 1.5
"""A speaker who pauses this long begins a new turn, so that a turn's span says when somebody speaks."""

SPEAKS_ON_S = 0.5
"""A speaker who pauses less than this has not stopped, whatever the other says meanwhile."""

PASSING_S = 0.8
"""A 好的 or yes in a pause shorter than this is said in passing; in a longer one it is an answer."""

_SENTENCE_END = re.compile(r"[。？！?!.…；;]\s*$")


def make_turns(words: Iterable[SpeakerWord], language: str = "") -> tuple[Turn, ...]:
    """Turns, numbered by start time. Every word is in exactly one; those of different speakers may overlap in time."""
    return tuple(
        Turn(
            index=index,
            span=Span(group[0].span.start_s, max(word.span.end_s for word in group)),
            speaker=speaker,
            text=put_together(group, language),
            words=tuple(group),
        )
        for index, (speaker, group) in enumerate(grouped(words))
    )


def grouped(words: Iterable[SpeakerWord]) -> list[tuple[str, list[Word]]]:
    """Speaker and words of each turn, by start time."""
    ordered = sorted(words, key=lambda pair: (pair[0].span.start_s, pair[0].span.end_s, pair[1]))
    by_speaker: dict[str, list[Word]] = {}
    for word, speaker in ordered:
        by_speaker.setdefault(speaker, []).append(word)
    groups: list[tuple[str, list[Word]]] = []
    for speaker, speaker_words in by_speaker.items():
        others = [(word.span.middle_s, word) for word, whose in ordered if whose != speaker]
        others.sort(key=lambda pair: pair[0])
        middles = [middle for middle, _ in others]
        group: list[Word] = []
        reached_s = 0.0
        for word in speaker_words:
            if group:
                between = others[bisect_left(middles, reached_s) : bisect_left(middles, word.span.start_s)]
                pause_s = word.span.start_s - reached_s
                if pause_s >= TURN_PAUSE_S or _taken_over([w for _, w in between], group[-1], pause_s):
                    groups.append((speaker, group))
                    group = []
            group.append(word)
            reached_s = max(reached_s, word.span.end_s) if len(group) > 1 else word.span.end_s
        groups.append((speaker, group))
    return sorted(groups, key=lambda item: (item[1][0].span.start_s, item[1][-1].span.end_s, item[0]))


def _taken_over(between: Sequence[Word], last: Word, pause_s: float) -> bool:
    """Whether what another says in a speaker's pause ends the turn; attention does not, nor a 好的 in passing."""
    if not between or pause_s < SPEAKS_ON_S:
        return False
    text = put_together(between)
    if not is_backchannel(text) or ends_in_question(last.text):
        return True
    return pause_s >= PASSING_S and not is_attention(text)


def sentences(words: Sequence[Word], gap_s: float = 0.6) -> list[list[Word]]:
    """A turn's words cut after sentence punctuation and at pauses of `gap_s` or more."""
    parts: list[list[Word]] = []
    for word in words:
        if parts:
            last = parts[-1][-1]
            if not _SENTENCE_END.search(last.text) and word.span.start_s - last.span.end_s < gap_s:
                parts[-1].append(word)
                continue
        parts.append([word])
    return parts
