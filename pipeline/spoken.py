"""A call's words made ready for matching, once per call: one spaCy Doc over all turns, all phrases found in it.

A `Lexicon` holds every phrase a rulebook asks for. Two spaCy PhraseMatchers go over the Doc once: by spelling, and
by sound (each lexeme's NORM is its folded pinyin). What they find is looked up by the conditions afterwards, so
that the number of rules hardly matters.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from typing import Any

import spacy
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc

from pipeline import phonetics
from pipeline.datatypes import Call, Role, Span, Turn
from pipeline.literals import PieceIndex
from pipeline.normalise import SENTENCE, Tokens, tokenise
from pipeline.turns import is_backchannel

TURN_END = "\n"
"""The token between two turns; no phrase crosses it."""

GAP = {"zh": 6, "en": 4}
"""How many tokens an ellipsis in a phrase (感谢您…来电) may stand for, within a sentence."""

WORD_GAP_S = 1.0
"""Words closer than this cover the speech between them."""

BY_SOUND = "~"
"""Before a phrase of two syllables: match it by sound all the same (~请讲)."""

Part = tuple[str, ...]
Places = list[tuple[int, int, float]]
"""Where a phrase was found: first token, token behind the last, cost (0: as written)."""


@cache
def blank(language: str) -> Language:
    """spaCy's blank pipeline; in Chinese a lexeme's NORM is how it sounds."""
    nlp = spacy.blank("zh" if language == "zh" else "en")
    if language == "zh":
        nlp.vocab.lex_attr_getters[NORM] = phonetics.fold  # type: ignore[attr-defined]
        for lexeme in nlp.vocab:
            lexeme.norm_ = phonetics.fold(lexeme.orth_)
    return nlp


def make_doc(words: Sequence[str], language: str) -> Doc:
    return Doc(blank(language).vocab, words=list(words))


@cache
def phrase_parts(phrase: str, language: str) -> tuple[Part, ...]:
    """A phrase's tokens, in several parts where it has an ellipsis (… or ...)."""
    pieces = phrase.replace("...", "…").split("…")
    return tuple(tuple(words) for piece in pieces if (words := tokenise(piece, language).words))


class Lexicon:
    """All phrases of a rulebook in one language, compiled. Unchanged by use, so calls may share it."""

    def __init__(self, language: str, phrases: Iterable[str], patterns: Iterable[str] = ()) -> None:
        self.language = language
        self.patterns = PieceIndex(patterns)
        self._parts: dict[Part, None] = {}
        self._sound: dict[Part, None] = {}
        self._split: set[str] = set()
        for phrase in phrases:
            parts = phrase_parts(phrase, language)
            syllables = sum(map(len, parts))
            if len(parts) > 1:
                self._split.add(phrase)
            for part in parts:
                self._parts[part] = None
                enough = 2 if phrase.startswith(BY_SOUND) else phonetics.SHORTEST
                if language == "zh" and syllables >= enough and len(part) >= 2:
                    self._sound[part] = None
        nlp = blank(language)
        self._exact_matcher = PhraseMatcher(nlp.vocab, attr="ORTH")
        self._sound_matcher = PhraseMatcher(nlp.vocab, attr="NORM")
        self._exact_of: dict[int, Part] = {}
        self._sound_of: dict[int, list[Part]] = {}
        self._seed_of: dict[int, list[tuple[Part, int]]] = {}
        for number, part in enumerate(self._parts):
            key = f"e{number}"
            self._exact_matcher.add(key, [make_doc(words, language) for words in _politeness(part, language)])
            self._exact_of[nlp.vocab.strings[key]] = part
        classes: dict[Part, list[Part]] = {}
        seeds: dict[Part, list[tuple[Part, int]]] = {}
        for part in self._sound:
            for words in _politeness(part, language):
                classes.setdefault(tuple(map(phonetics.fold, words)), []).append(part)
            if len(part) >= phonetics.SLIP:
                # if one syllable is wrong, one half of the phrase is right
                half = len(part) // 2
                for begin, end in ((0, half), (half, len(part))):
                    seeds.setdefault(tuple(map(phonetics.fold, part[begin:end])), []).append((part, begin))
        for number, (sounds, alike) in enumerate(classes.items()):
            key = f"s{number}"
            self._sound_matcher.add(key, [_sounding(sounds, alike[0])])
            self._sound_of[nlp.vocab.strings[key]] = alike
        for number, (sounds, places) in enumerate(seeds.items()):
            key = f"h{number}"
            part, begin = places[0]
            self._sound_matcher.add(key, [make_doc(part[begin : begin + len(sounds)], language)])
            self._seed_of[nlp.vocab.strings[key]] = places

    def find(self, doc: Doc, words: Sequence[str]) -> dict[Part, Places]:
        """Where each part of a phrase is, by spelling or by sound; a sound costs what it costs."""
        found: dict[Part, Places] = {}
        for key, start, end in self._exact_matcher(doc):
            found.setdefault(self._exact_of[key], []).append((start, end, 0.0))
        if not self._sound:
            return found
        sound_of, seed_of = self._sound_of, self._seed_of
        for key, start, end in self._sound_matcher(doc):
            parts = sound_of.get(key)
            if parts is not None:
                heard = tuple(words[start:end])
                for part in parts:
                    if heard != part and (value := _cost(part, heard)) < phonetics.OTHER:
                        found.setdefault(part, []).append((start, end, value))
            else:
                for part, begin in seed_of[key]:
                    place = _around(part, words, start - begin)
                    if place and place not in found.get(part, ()):
                        found.setdefault(part, []).append(place)
        return found


def _politeness(part: Part, language: str) -> list[Part]:
    """您 and 你 are one word to the recogniser."""
    if language == "zh" and ("您" in part or "你" in part):
        plain = tuple("你" if word == "您" else word for word in part)
        polite = tuple("您" if word == "你" else word for word in part)
        return list(dict.fromkeys((part, plain, polite)))
    return [part]


def _sounding(sounds: Part, part: Part) -> Doc:
    """A Doc with these NORMs: the part itself in one of its forms of address."""
    for words in _politeness(part, "zh"):
        if tuple(map(phonetics.fold, words)) == sounds:
            return make_doc(words, "zh")
    raise AssertionError("a class of sounds comes from one of its phrases")


def _cost(part: Part, heard: Part) -> float:
    return min(phonetics.cost(words, heard, phonetics.budget(len(part))) for words in _politeness(part, "zh"))


def _around(part: Part, words: Sequence[str], start: int) -> tuple[int, int, float] | None:
    """The best fit of a long phrase near a place where half of it was heard."""
    best: tuple[float, int, int] | None = None
    for begin in (start, start - 1, start + 1):
        for end in (begin + len(part), begin + len(part) - 1, begin + len(part) + 1):
            if begin < 0 or end > len(words) or abs(end - begin - len(part)) > 1 or end <= begin:
                continue
            if len(part) == end - begin and begin != start:
                continue
            heard = tuple(words[begin:end])
            if TURN_END in heard:
                continue
            value = _cost(part, heard)
            if value < float("inf") and (best is None or value < best[0]):
                best = (value, begin, end)
    return (best[1], best[2], best[0]) if best and best[0] > 0 else None


@dataclass(frozen=True)
class Spoken:
    """All that was said in a call: tokens, where they come from, and which phrases are among them."""

    call: Call
    words: list[str]
    tokens: list[Tokens]
    first: list[int]
    """Per turn, its first token."""
    doc: Doc
    parts: dict[Part, Places]
    language: str
    lexicon: Lexicon

    def turn_of(self, token: int) -> int:
        return bisect_right(self.first, token) - 1

    def turn(self, token: int) -> Turn:
        return self.call.turns[self.turn_of(token)]

    def range_of(self, turn: int) -> tuple[int, int]:
        """First token of a turn, and the one behind its last."""
        return self.first[turn], self.first[turn] + len(self.tokens[turn].words)

    def break_after(self, token: int) -> int:
        """What punctuation stands behind a token: SENTENCE, CLAUSE or 0. A turn's end ends a sentence."""
        turn = self.turn_of(token)
        offset = token - self.first[turn]
        own = self.tokens[turn]
        return own.breaks[offset] if offset < len(own.words) - 1 else SENTENCE

    def same_sentence(self, start: int, end: int) -> bool:
        """Whether no sentence ends between two tokens (`end` exclusive)."""
        turn = self.turn_of(start)
        first, last = self.range_of(turn)
        if end > last:
            return False
        return SENTENCE not in self.tokens[turn].breaks[start - first : end - 1 - first]

    def sentence(self, token: int) -> tuple[int, int]:
        """The sentence around a token: first token, and the one behind its last."""
        turn = self.turn_of(token)
        first, last = self.range_of(turn)
        breaks = self.tokens[turn].breaks
        start = end = token
        while start > first and breaks[start - 1 - first] != SENTENCE:
            start -= 1
        while end < last - 1 and breaks[end - first] != SENTENCE:
            end += 1
        return start, end + 1

    def quote(self, start: int, end: int) -> str:
        """The words of the transcript behind these tokens, as they stand there."""
        turn = self.turn_of(start)
        first, own = self.first[turn], self.tokens[turn]
        return self.call.turns[turn].text[own.starts[start - first] : own.ends[end - 1 - first]]

    def span(self, start: int, end: int) -> Span:
        """When these tokens were said, by the times of the words they are in."""
        turn = self.turn_of(start)
        first, own = self.first[turn], self.tokens[turn]
        times = self._times(turn)
        begin = _time_at(times, own.starts[start - first], 0)
        finish = _time_at(times, own.ends[end - 1 - first] - 1, 1)
        return Span(begin, max(begin, finish))

    @cached_property
    def _time_cache(self) -> dict[int, list[tuple[int, int, float, float]]]:
        return {}

    def _times(self, turn: int) -> list[tuple[int, int, float, float]]:
        """Per word of a turn: offsets in its text, start and end in seconds."""
        known = self._time_cache.get(turn)
        if known is None:
            known = []
            item, place = self.call.turns[turn], 0
            for word in item.words:
                piece = word.text.strip()
                at = item.text.find(piece, place)
                if piece and at >= 0:
                    place = at + len(piece)
                    known.append((at, place, word.span.start_s, word.span.end_s))
            if not known:
                known.append((0, max(1, len(item.text)), item.span.start_s, item.span.end_s))
            self._time_cache[turn] = known
        return known

    @cached_property
    def _occurrence_cache(self) -> dict[str, Places]:
        return {}

    def occurrences(self, phrase: str) -> Places:
        """Where a phrase of the lexicon was said, in order; a part with an ellipsis reaches over a few words."""
        known = self._occurrence_cache.get(phrase)
        if known is None:
            known = self._occurrence_cache[phrase] = self._occurrences(phrase)
        return known

    def _occurrences(self, phrase: str) -> Places:
        parts = phrase_parts(phrase, self.language)
        if len(parts) == 1:
            places = self.parts.get(parts[0], [])
            if len(parts[0]) < phonetics.SHORTEST and not phrase.startswith(BY_SOUND):
                places = [place for place in places if not place[2]]
            return sorted(places)
        limit = phonetics.budget(sum(map(len, parts)))
        chains = [(start, end, cost) for start, end, cost in self.parts.get(parts[0], [])] if parts else []
        gap = GAP.get(self.language, 4)
        for part in parts[1:]:
            following = self.parts.get(part, [])
            chains = [
                (start, further, cost + more)
                for start, end, cost in chains
                for begin, further, more in following
                if end <= begin <= end + gap and cost + more <= limit and self.same_sentence(start, further)
            ]
        nearest: dict[int, tuple[int, int, float]] = {}
        for chain in sorted(chains, key=lambda c: (c[0], c[2], c[1])):
            nearest.setdefault(chain[0], chain)
        return sorted(nearest.values())

    @cached_property
    def plain(self) -> str:
        """All tokens, one character each (a Latin word is an x), so that offsets are token numbers."""
        return "".join(word if len(word) == 1 else "x" for word in self.words)

    @cached_property
    def entities(self) -> dict[tuple[str, tuple[int, int]], Places]:
        """Entities already found: by label and stretch of tokens."""
        return {}

    @cached_property
    def notes(self) -> dict[str, frozenset[str]]:
        """What entity finders have worked out about this call."""
        return {}

    @cached_property
    def exchanges(self) -> list[tuple[str, list[int]]]:
        """Turns as a listener counts them: (role, turn indices), a role goes on until the other takes over.

        A 嗯 of the other in between takes nothing over, and stands by itself. Turns of unknown speakers do not
        part anything, and are in no exchange.
        """
        runs: list[tuple[str, list[int]]] = []
        floor = last = -1  # the run that has the floor, and the one that the turn before is in
        for turn in self.call.turns:
            role = self.call.role(turn)
            if role == "unknown":
                continue
            if not runs or role not in (runs[last][0], runs[floor][0]):
                runs.append((role, []))
                last = len(runs) - 1
            elif runs[last][0] != role:
                last = floor
            runs[last][1].append(turn.index)
            if floor < 0 or not self.small(turn.index):
                floor = last
        return runs

    @cached_property
    def _smalls(self) -> list[bool]:
        turns = self.call.turns
        return [len(own.words) <= 8 and is_backchannel(turns[i].text) for i, own in enumerate(self.tokens)]

    def small(self, turn: int) -> bool:
        """Whether a turn is a backchannel only."""
        return self._smalls[turn]

    def side(self, by: str) -> Side:
        """The exchanges of one side ("any": of both), with what windows start from."""
        known = self._side_cache.get(by)
        if known is None:
            groups = [turns for role, turns in self.exchanges if by in ("any", role)]
            known = self._side_cache[by] = Side(groups, tuple(sorted(i for turns in groups for i in turns)))
        return known

    @cached_property
    def _side_cache(self) -> dict[str, Side]:
        return {}

    @cached_property
    def live(self) -> Span:
        """From the first to the last word of the two sides."""
        spans = [self.call.turns[i].span for i in self.side("any").turns]
        return Span(min(span.start_s for span in spans), max(span.end_s for span in spans))

    @cached_property
    def scope_cache(self) -> dict[tuple[int, str], Any]:
        """Scopes of windows that depend on nothing but the call."""
        return {}

    @cached_property
    def sentences(self) -> tuple[str, list[int]]:
        """The whole call as normalised text for patterns, a line break where a sentence or turn ends, and the offset
        of each token in it."""
        pieces: list[str] = []
        offsets: list[int] = []
        length, spaced = 0, self.language == "en"
        for own in self.tokens:
            last = len(own.words) - 1
            for place, word in enumerate(own.words):
                offsets.append(length)
                ends = own.breaks[place] == SENTENCE or place == last
                tail = "\n" if ends and place != last else " " if spaced and not ends else ""
                pieces.append(word + tail)
                length += len(word) + len(tail)
            offsets.append(length)
            pieces.append(TURN_END)
            length += 1
        return "".join(pieces), offsets

    @cached_property
    def encoded(self) -> tuple[bytes, list[int]]:
        """The same text as bytes, which RE2 works on, and the offset of each token in them."""
        text, offsets = self.sentences
        if text.isascii():
            return text.encode(), offsets
        lengths = [0, *accumulate(len(character.encode("utf-8", "replace")) for character in text)]
        return text.encode("utf-8", "replace"), [lengths[offset] for offset in offsets]

    @cached_property
    def possible(self) -> set[str]:
        """The patterns of the lexicon that this call may match."""
        return self.lexicon.patterns.possible(self.sentences[0])

    @cached_property
    def pattern_cache(self) -> dict[str, list[tuple[int, int]]]:
        """Where patterns already tried were found."""
        return {}

    @cached_property
    def list_cache(self) -> dict[int, Any]:
        """Where the phrases and patterns of lists already asked for were found."""
        return {}

    @cached_property
    def scenario_cache(self) -> dict[str, Any]:
        """Which scenarios were already looked for, and what was found."""
        return {}

    @cached_property
    def worded(self) -> dict[Role, tuple[Span, ...]]:
        """Per role, the stretches of time that have words, a little margin around them."""
        spans: dict[Role, list[Span]] = {}
        for turn in self.call.turns:
            own = spans.setdefault(self.call.role(turn), [])
            for word in turn.words:
                start_s, end_s = word.span.start_s, word.span.end_s
                if own and start_s - own[-1].end_s <= WORD_GAP_S and start_s >= own[-1].start_s:
                    own[-1] = Span(own[-1].start_s, max(own[-1].end_s, end_s))
                else:
                    own.append(Span(start_s, end_s))
        margin = WORD_GAP_S / 2
        return {role: tuple(Span(s.start_s - margin, s.end_s + margin) for s in own) for role, own in spans.items()}

    def worded_s(self, role: Role, region: Span) -> tuple[float, float]:
        """How long a role is voiced in a region, and how much of that has words, in seconds."""
        known = self._worded_cache.get(role)
        if known is None:
            voiced = self.call.voiced.get(role, ())
            known = self._worded_cache[role] = (_Line(voiced), _Line(_common(voiced, self.worded.get(role, ()))))
        voiced_line, worded_line = known
        return voiced_line.within_s(region), worded_line.within_s(region)

    @cached_property
    def _worded_cache(self) -> dict[Role, tuple[_Line, _Line]]:
        return {}


@dataclass(frozen=True, slots=True)
class Side:
    """One side's exchanges, as lists of turns, and all its turns."""

    groups: list[list[int]]
    turns: tuple[int, ...]


class _Line:
    """Sorted, disjoint spans that can be asked how much of them lies in a region, without going through them."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.starts = [span.start_s for span in spans]
        self.ends = [span.end_s for span in spans]
        self.before = [0.0, *accumulate(span.duration_s for span in spans)]

    def until_s(self, at_s: float) -> float:
        index = bisect_right(self.starts, at_s)
        if not index:
            return 0.0
        return self.before[index] - max(0.0, self.ends[index - 1] - at_s)

    def within_s(self, region: Span) -> float:
        return max(0.0, self.until_s(region.end_s) - self.until_s(region.start_s))


def _common(ones: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Where two sorted sequences of spans both last; `others` may overlap one another."""
    found: list[Span] = []
    first = 0
    for one in ones:
        while first < len(others) and others[first].end_s <= one.start_s:
            first += 1
        at = first
        while at < len(others) and others[at].start_s < one.end_s:
            start_s, end_s = max(one.start_s, others[at].start_s), min(one.end_s, others[at].end_s)
            if found and start_s <= found[-1].end_s:
                if end_s > found[-1].end_s:
                    found[-1] = Span(found[-1].start_s, end_s)
            elif start_s < end_s:
                found.append(Span(start_s, end_s))
            at += 1
    return found


def _time_at(times: Sequence[tuple[int, int, float, float]], offset: int, edge: int) -> float:
    """Time of a character, words of several characters being spoken evenly."""
    index = max(0, bisect_right(times, (offset, float("inf"), 0.0, 0.0)) - 1)
    start, end, start_s, end_s = times[index]
    share = min(1.0, max(0.0, (offset + edge - start) / max(1, end - start)))
    return start_s + share * (end_s - start_s)


def read(call: Call, lexicon: Lexicon) -> Spoken:
    """Tokenise a call and find every phrase of the lexicon in it."""
    words: list[str] = []
    first: list[int] = []
    tokens: list[Tokens] = []
    for turn in call.turns:
        own = tokenise(turn.text, lexicon.language)
        first.append(len(words))
        tokens.append(own)
        words += own.words
        words.append(TURN_END)
    doc = make_doc(words, lexicon.language)
    return Spoken(call, words, tokens, first, doc, lexicon.find(doc, words), lexicon.language, lexicon)
