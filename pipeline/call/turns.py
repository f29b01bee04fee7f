"""Words into turns: who said each word, and where one speaker stops and the other takes over.

On true channels a word belongs to its channel. On one channel it belongs to the speaker that diarization
heard meanwhile. Gated segments are left out; a quiet copy of the other channel (echo, bleed) is left out too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from statistics import median

from pipeline.datatypes import LEVEL_STEP_S, SpeakerSpan, Transcript, Turn, Word
from pipeline.language.text import put_together
from pipeline.timeline import Span

TURN_PAUSE_S = 1.5
"""A speaker who pauses this long begins a new turn, so that a turn's span says when somebody speaks."""

SPEAKS_ON_S = 0.5
"""A speaker who pauses less than this has not stopped, whatever the other says meanwhile."""

PASSING_S = 0.8
"""A 好的 or yes in a pause shorter than this is said in passing; in a longer one it is an answer."""

PHRASE_GAP_S = 0.3
"""Words closer together than this are said in one breath."""

ECHO_DB = 10.0
"""A copy of the other channel is at least this much quieter than the original."""

ECHO_LIKENESS = 0.6
"""Share of an utterance's characters that the other channel has at the same time, to call it a copy."""

SNAP_WORDS = 2
SNAP_S = 1.0
"""How far a change of speaker heard inside a phrase may be moved to the phrase's edge."""

_PUNCTUATION = re.compile(r"[^\w\s]|_")
_SENTENCE_END = re.compile(r"[。？！?!.…；;]\s*$")
_CLAUSE_END = re.compile(r"[，、,：:。？！?!.…；;]\s*$")
_SMALL_HAN = frozenset("嗯恩唔啊阿哦噢喔呃额诶哎唉呀吧了对好是的行哈呵")
_ATTENTION_HAN = frozenset("嗯恩唔啊阿哦噢喔呃额诶")
_SMALL_PHRASES = frozenset({"我理解", "我明白", "明白", "明白了", "理解", "知道了", "我知道", "没错", "可以"})
_ATTENTION_PHRASES = frozenset({"我理解", "我明白", "明白", "理解", "我知道"})
_ATTENTION_ENGLISH = r"m+h*m*|hm+|u+h+|uh[ -]?huh|mm[ -]?hm+|oh|ah|i see|i understand"
_SMALL_ENGLISH = (
    rf"{_ATTENTION_ENGLISH}|yes|yeah|yep|ok|okay|right|sure|exactly|got it|alright|all right|of course|no|good|great"
)
_QUESTION_END = re.compile(r"[？?]\s*$|[吗呢么]\W*$")


def is_backchannel(text: str) -> bool:
    """Whether a turn is agreement or attention only (嗯, 好的, 对对对, 我理解, yes, I see): it claims no floor."""
    return _is_small(text, _SMALL_HAN, _SMALL_PHRASES, _SMALL_ENGLISH)


def is_attention(text: str) -> bool:
    """嗯, 我理解, uh-huh: what a listener says without answering anything."""
    return _is_small(text, _ATTENTION_HAN, _ATTENTION_PHRASES, _ATTENTION_ENGLISH)


def ends_in_question(text: str) -> bool:
    """Whether a turn ends in a question mark or a particle of asking."""
    return _QUESTION_END.search(text) is not None


def _is_small(text: str, han: frozenset[str], phrases: frozenset[str], english: str) -> bool:
    bare = _PUNCTUATION.sub(" ", text).strip().lower()
    if not bare:
        return True
    tight = bare.replace(" ", "")
    if len(tight) <= 6 and (all(c in han for c in tight) or tight.lstrip("嗯恩啊哦好对的是") in phrases):
        return True
    return len(bare.split()) <= 4 and re.fullmatch(rf"(?:(?:{english})(?: |$))+", re.sub(r"\s+", " ", bare)) is not None


def join(transcript: Transcript) -> tuple[Turn, ...]:
    """All turns of a call by start time; speakers are "ch0"/"ch1" on true channels, else diarization's.

    Every ungated word that is no echo is in exactly one turn. Turns of different speakers may overlap in time.
    """
    words = spoken_words(transcript)
    if transcript.channels > 1:
        tagged = [(word, f"ch{word.channel}") for word in words]
    else:
        tagged = _attribute(words, transcript.speakers)
    return make_turns(tagged, transcript.language)


def spoken_words(transcript: Transcript) -> list[Word]:
    """The ungated words that are no echo, trimmed to where voice was heard, by start time."""
    words = [
        _trim(word, transcript.voiced[word.channel] if word.channel < transcript.channels else ())
        for segment in transcript.segments
        if segment.gate is None
        for word in segment.words
        if word.text.strip()
    ]
    words.sort(key=lambda w: (w.span.start_s, w.span.end_s, w.channel))
    echoes = {id(word) for utterance in _echo_utterances(words, transcript) for word in utterance}
    return [word for word in words if id(word) not in echoes]


def echo_spans(transcript: Transcript) -> tuple[tuple[Span, ...], ...]:
    """Per channel, where it only repeats the other channel more quietly."""
    words = [word for segment in transcript.segments if segment.gate is None for word in segment.words]
    found: list[list[Span]] = [[] for _ in range(transcript.channels)]
    for utterance in _echo_utterances(sorted(words, key=lambda w: w.span), transcript):
        found[utterance[0].channel].append(Span(utterance[0].span.start_s, utterance[-1].span.end_s))
    return tuple(tuple(spans) for spans in found)


def make_turns(tagged: Iterable[tuple[Word, str]], language: str = "") -> tuple[Turn, ...]:
    """Group words that already have a speaker into turns, numbered by start time."""
    by_speaker: dict[str, list[Word]] = {}
    ordered = sorted(tagged, key=lambda pair: (pair[0].span.start_s, pair[0].span.end_s, pair[1]))
    for word, speaker in ordered:
        by_speaker.setdefault(speaker, []).append(word)
    groups: list[tuple[str, list[Word]]] = []
    for speaker, own in by_speaker.items():
        others = [(word.span.middle_s, word) for word, whose in ordered if whose != speaker]
        others.sort(key=lambda pair: pair[0])
        middles = [middle for middle, _ in others]
        group: list[Word] = []
        reached_s = 0.0
        for word in own:
            if group:
                between = others[bisect_left(middles, reached_s) : bisect_left(middles, word.span.start_s)]
                pause_s = word.span.start_s - reached_s
                if pause_s >= TURN_PAUSE_S or _taken_over([w for _, w in between], group[-1], pause_s):
                    groups.append((speaker, group))
                    group = []
            group.append(word)
            reached_s = max(reached_s, word.span.end_s) if len(group) > 1 else word.span.end_s
        if group:
            groups.append((speaker, group))
    groups.sort(key=lambda item: (item[1][0].span.start_s, item[1][-1].span.end_s, item[0]))
    return tuple(
        Turn(
            index=index,
            span=Span(group[0].span.start_s, max(word.span.end_s for word in group)),
            speaker=speaker,
            text=put_together(group, language),
            words=tuple(group),
        )
        for index, (speaker, group) in enumerate(groups)
    )


def _taken_over(between: Sequence[Word], last: Word, pause_s: float) -> bool:
    """Whether what another says in a speaker's pause ends the turn; attention does not, nor a 好的 in passing."""
    if not between or pause_s < SPEAKS_ON_S:
        return False
    text = put_together(between)
    if not is_backchannel(text) or ends_in_question(last.text):
        return True
    return pause_s >= PASSING_S and not is_attention(text)


def _trim(word: Word, voiced: Sequence[Span]) -> Word:
    """Engines stretch a word over the pause beside it; voice activity (sorted, disjoint) says where it really was."""
    first = bisect_right(voiced, word.span.start_s, key=lambda span: span.end_s)
    last = bisect_left(voiced, word.span.end_s, key=lambda span: span.start_s)
    best = max(voiced[first:last], key=word.span.overlap_s, default=None)
    if best is None or word.span.overlap_s(best) <= 0:
        return word
    start_s, end_s = max(word.span.start_s, best.start_s), min(word.span.end_s, best.end_s)
    return (
        word if (start_s, end_s) == (word.span.start_s, word.span.end_s) else replace(word, span=Span(start_s, end_s))
    )


# --- echo -----------------------------------------------------------------------------------------------------


def _utterances(words: Sequence[Word], gap_s: float) -> list[list[Word]]:
    parts: list[list[Word]] = []
    for word in words:
        if parts and word.span.start_s - parts[-1][-1].span.end_s < gap_s:
            parts[-1].append(word)
        else:
            parts.append([word])
    return parts


def _bare(words: Iterable[Word]) -> str:
    return _PUNCTUATION.sub("", "".join(word.text for word in words)).replace(" ", "").lower()


def level_dbfs(levels: Sequence[float], span: Span) -> float | None:
    """Median of the levels in a span, in dBFS; None when the span has none."""
    first, last = int(span.start_s / LEVEL_STEP_S), int(span.end_s / LEVEL_STEP_S) + 1
    inside = levels[max(0, first) : last]
    return median(inside) if inside else None


def _echo_utterances(words: Sequence[Word], transcript: Transcript) -> list[list[Word]]:
    if transcript.channels != 2 or len(transcript.levels_dbfs) != 2:
        return []
    echoes = []
    for channel in (0, 1):
        original = [word for word in words if word.channel == 1 - channel]
        for utterance in _utterances([word for word in words if word.channel == channel], PHRASE_GAP_S):
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
    return echoes


# --- one channel, several speakers ------------------------------------------------------------------------------


def _attribute(words: Sequence[Word], speakers: Sequence[SpeakerSpan]) -> list[tuple[Word, str]]:
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
    _snap_changes(words, names)
    _smooth_flips(words, names, speakers)
    return list(zip(words, names, strict=True))


def _edges(words: Sequence[Word]) -> list[bool]:
    """For each word, whether a phrase may begin with it: after a pause or after punctuation."""
    return [
        position == 0
        or word.span.start_s - words[position - 1].span.end_s >= PHRASE_GAP_S
        or _CLAUSE_END.search(words[position - 1].text) is not None
        for position, word in enumerate(words)
    ]


def _snap_changes(words: Sequence[Word], names: list[str]) -> None:
    """Diarization is some tenths of a second unsure of a change; speakers change at the edges of phrases."""
    edges = _edges(words)
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


def _smooth_flips(words: Sequence[Word], names: list[str], speakers: Sequence[SpeakerSpan]) -> None:
    """A single word of B in the middle of A's phrase is A's, unless B has a short span of its own there."""
    edges = _edges(words)
    for i in range(1, len(words) - 1):
        if names[i - 1] != names[i + 1] or names[i] == names[i - 1] or edges[i] or edges[i + 1]:
            continue
        own = [s.span for s in speakers if s.speaker == names[i] and s.span.overlap_s(words[i].span) > 0]
        short = any(span.duration_s < 1.0 and abs(span.middle_s - words[i].span.middle_s) < 0.3 for span in own)
        if not (short and is_backchannel(words[i].text)):
            names[i] = names[i - 1]


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
