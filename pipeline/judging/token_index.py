"""A call's words made ready for matching, once per call: all phrases of a rulebook found in one pass.

A `Lexicon` holds every phrase a rulebook asks for in two automata: by spelling, and by sound (folded pinyin). What
they find is looked up by the conditions afterwards, so that the number of rules hardly matters. spaCy serves the
token patterns, on the turns that they are asked of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import Any

import ahocorasick
import spacy
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokens import Doc

from pipeline.call.turns import is_backchannel
from pipeline.datatypes import Call, Role, Turn
from pipeline.judging.prefilter import PieceIndex
from pipeline.language import phonetics
from pipeline.language.normalise import SENTENCE, TURN_END, tokenise, tokenise_all
from pipeline.timeline import Span

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


_UNKNOWN = "\U0010fffd"
"""Stands for a Latin word that no phrase has."""


class Lexicon:
    """All phrases of a rulebook in one language, compiled. Unchanged by use, so calls may share it.

    A token is one character here: a Han character or a digit itself, a Latin word one from the private planes; a
    class of sounds is another. So one pass of an Aho–Corasick automaton finds all phrases.
    """

    def __init__(self, language: str, phrases: Iterable[str], patterns: Iterable[str] = ()) -> None:
        self.language = language
        self.patterns = PieceIndex(patterns)
        self._codes: dict[str, str] = {}
        self._sounds = _Sounds()
        parts: dict[Part, None] = {}
        sounding: dict[Part, None] = {}
        for phrase in phrases:
            own = phrase_parts(phrase, language)
            syllables = sum(map(len, own))
            for part in own:
                parts[part] = None
                enough = 2 if phrase.startswith(BY_SOUND) else phonetics.SHORTEST
                if language == "zh" and syllables >= enough and len(part) >= 2:
                    sounding[part] = None
        written: dict[str, list[Part]] = {}
        for part in parts:
            for words in _politeness(part, language):
                written.setdefault(self._learn(words), []).append(part)
        classes: dict[str, list[_Sounding]] = {}
        seeds: dict[str, list[tuple[_Sounding, int]]] = {}
        for part in sounding:
            own_forms = _politeness(part, language)
            heard_as = _Sounding(part, tuple(map(self._learn, own_forms)), phonetics.budget(len(part)))
            for words in own_forms:
                classes.setdefault(self._sound(self._learn(words)), []).append(heard_as)
            if len(part) >= phonetics.SLIP:
                # if one syllable is wrong, one half of the phrase is right
                half = len(part) // 2
                for begin, end in ((0, half), (half, len(part))):
                    seeds.setdefault(self._sound(self._learn(part[begin:end])), []).append((heard_as, begin))
        self._written = ahocorasick.Automaton()
        for code, alike in written.items():
            self._written.add_word(code, (len(code), alike))
        self._written.make_automaton()
        self._heard = ahocorasick.Automaton()
        for code in dict.fromkeys((*classes, *seeds)):
            self._heard.add_word(code, (len(code), classes.get(code, ()), seeds.get(code, ())))
        self._heard.make_automaton()
        self.index_lists(())

    def index_lists(self, lists: Sequence[tuple[Any, int]]) -> None:
        """Number lists of phrases and compiled patterns (equal ones alike), and note what is in which."""
        self._lists = lists  # an id is theirs as long as they live
        self.list_numbers: dict[int, int] = {id(listed): number for listed, number in lists}
        self._with_part: dict[Part, list[tuple[int, int, str]]] = {}
        self._with_pattern: dict[str, list[tuple[int, int, Any]]] = {}
        self._always: list[tuple[int, int, Any]] = []
        for number, listed in {number: listed for listed, number in lists}.items():
            phrases, patterns = listed.phrases, listed.patterns
            for item, phrase in enumerate(phrases):
                part = phrase_parts(phrase, self.language)[0]
                self._with_part.setdefault(part, []).append((number, item, phrase))
            for item, pattern in enumerate(patterns, len(phrases)):
                place = (number, item, pattern)
                if pattern.pattern in self.patterns.patterns:
                    self._with_pattern.setdefault(pattern.pattern, []).append(place)
                else:
                    self._always.append(place)

    def in_lists(self, parts: Iterable[Part], patterns: Iterable[str]) -> dict[int, list[tuple[int, Any]]]:
        """By the list's number, which of its items (their numbers, and the phrases or patterns) may have been said."""
        found: dict[int, list[tuple[int, Any]]] = {}
        for holders in (
            *(self._with_part.get(part, ()) for part in parts),
            *(self._with_pattern.get(pattern, ()) for pattern in patterns),
            self._always,
        ):
            for number, item, what in holders:
                if number in found:
                    found[number].append((item, what))
                else:
                    found[number] = [(item, what)]
        return found

    def _learn(self, words: Sequence[str]) -> str:
        codes = self._codes
        return "".join([w if len(w) == 1 else codes.setdefault(w, chr(0xF0000 + len(codes))) for w in words])

    def code(self, words: Sequence[str]) -> str:
        """Tokens as a string, one character each."""
        codes = self._codes
        return "".join([word if len(word) == 1 else codes.get(word, _UNKNOWN) for word in words])

    def _sound(self, code: str) -> str:
        return "".join(map(self._sounds.__getitem__, code))

    def find(self, words: Sequence[str]) -> dict[Part, Places]:
        """Where each part of a phrase is, by spelling or by sound; a sound costs what it costs."""
        found: dict[Part, Places] = {}
        code = self.code(words)
        # an automaton without keys cannot be asked
        for last, (size, alike) in self._written.iter(code) if len(self._written) else ():
            place = (last + 1 - size, last + 1, 0.0)
            for part in alike:
                if part in found:
                    found[part].append(place)
                else:
                    found[part] = [place]
        if not len(self._heard):
            return found
        for last, (size, sounding, seeds) in self._heard.iter(self._sound(code)):
            start, end = last + 1 - size, last + 1
            for item in sounding:
                if not item.written_at(code, start) and (value := item.cost(words[start:end])) < phonetics.OTHER:
                    found.setdefault(item.part, []).append((start, end, value))
            for item, begin in seeds:
                if not item.written_at(code, start - begin) and (place := item.around(words, start - begin)):
                    places = found.setdefault(item.part, [])
                    if place not in places:
                        places.append(place)
        return found


class _Sounds(dict[str, str]):
    """The class of sounds of a token, one character for one; made as they are met."""

    def __init__(self) -> None:
        super().__init__()
        self._classes: dict[str, str] = {}

    def __missing__(self, code: str) -> str:
        sound = phonetics.fold(code)
        self[code] = code if sound == code else self._classes.setdefault(sound, chr(0x100000 + len(self._classes)))
        return self[code]


@dataclass(frozen=True, slots=True)
class _Sounding:
    """A phrase, or a part of one, that is listened for. `forms` are its ways to address somebody, in code."""

    part: Part
    forms: tuple[str, ...]
    limit: float

    def written_at(self, code: str, start: int) -> bool:
        """Whether it stands there as it is spelt, so that there is nothing to hear."""
        return start >= 0 and code.startswith(self.forms, start)

    def cost(self, heard: Sequence[str]) -> float:
        return min(phonetics.cost(words, heard, self.limit) for words in _politeness(self.part, "zh"))

    def around(self, words: Sequence[str], start: int) -> tuple[int, int, float] | None:
        """The best fit of a long phrase near a place where half of it was heard."""
        best: tuple[float, int, int] | None = None
        size = len(self.part)
        for begin in (start, start - 1, start + 1):
            for end in (begin + size, begin + size - 1, begin + size + 1):
                if begin < 0 or end > len(words) or abs(end - begin - size) > 1 or end <= begin:
                    continue
                if size == end - begin and begin != start:
                    continue
                heard = words[begin:end]
                if TURN_END in heard:
                    continue
                value = self.cost(heard)
                if value < float("inf") and (best is None or value < best[0]):
                    best = (value, begin, end)
            if best and best[0] <= phonetics.OTHER:
                break  # one syllable more or less costs that much at least
        return (best[1], best[2], best[0]) if best and best[0] > 0 else None


def _politeness(part: Part, language: str) -> list[Part]:
    """您 and 你 are one word to the recogniser."""
    if language == "zh" and ("您" in part or "你" in part):
        plain = tuple("你" if word == "您" else word for word in part)
        polite = tuple("您" if word == "你" else word for word in part)
        return list(dict.fromkeys((part, plain, polite)))
    return [part]


@dataclass(frozen=True)
class TokenIndex:
    """All that was said in a call: tokens, where they come from, and which phrases are among them.

    `text` is the turns' texts, a `TEXT_END` behind each, and `starts` and `ends` are offsets into it; `breaks` says
    what punctuation stands behind a token: SENTENCE, CLAUSE or 0. A turn's end ends a sentence.
    """

    call: Call
    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    breaks: list[int]
    first: list[int]
    """Per turn, its first token, and the number of tokens at last; between two turns is a `TURN_END`."""
    parts: dict[Part, Places]
    language: str
    lexicon: Lexicon

    def turn_of(self, token: int) -> int:
        return bisect_right(self.first, token) - 1

    def turn(self, token: int) -> Turn:
        return self.call.turns[self.turn_of(token)]

    def range_of(self, turn: int) -> tuple[int, int]:
        """First token of a turn, and the one behind its last."""
        return self.first[turn], self.first[turn + 1] - 1

    def break_after(self, token: int) -> int:
        """What punctuation stands behind a token: SENTENCE, CLAUSE or 0."""
        return self.breaks[token]

    @cached_property
    def sentence_ends(self) -> list[int]:
        """The tokens behind the last ones of sentences, those behind a `TURN_END` among them."""
        return [token for token, kind in enumerate(self.breaks, 1) if kind == SENTENCE]

    def same_sentence(self, start: int, end: int) -> bool:
        """Whether no sentence ends between two tokens (`end` exclusive)."""
        return end <= self.sentence_ends[bisect_right(self.sentence_ends, start)]

    def sentence(self, token: int) -> tuple[int, int]:
        """The sentence around a token: first token, and the one behind its last."""
        ends = self.sentence_ends
        number = bisect_right(ends, token)
        return ends[number - 1] if number else 0, ends[number]

    def quote(self, start: int, end: int) -> str:
        """The words of the transcript behind these tokens, as they stand there."""
        return self.text[self.starts[start] : self.ends[end - 1]]

    def span(self, start: int, end: int) -> Span:
        """When these tokens were said, by the times of the words they are in."""
        turn = self.turn_of(start)
        times, begins = self._times(turn), self._begins[turn]
        begin = _time_at(times, self.starts[start] - begins, 0)
        finish = _time_at(times, self.ends[end - 1] - begins - 1, 1)
        return Span(begin, max(begin, finish))

    @cached_property
    def _begins(self) -> list[int]:
        """Where each turn's text begins in the whole."""
        return [0, *accumulate(len(turn.text) + 1 for turn in self.call.turns)]

    @cached_property
    def _time_cache(self) -> dict[int, list[tuple[int, int, float, float]]]:
        return {}

    @cached_property
    def hit_cache(self) -> dict[Any, Any]:
        """Evidence already made: many conditions find the same phrase."""
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
        first = self.first
        return [
            first[turn.index + 1] - first[turn.index] <= 9 and is_backchannel(turn.text) for turn in self.call.turns
        ]

    def small(self, turn: int) -> bool:
        """Whether a turn is a backchannel only."""
        return self._smalls[turn]

    def side(self, by: str) -> Side:
        """The exchanges of one side ("any": of both), with what windows start from."""
        known = self._side_cache.get(by)
        if known is None:
            groups = [turns for role, turns in self.exchanges if by in ("any", role)]
            smalls = self._smalls
            solid = [n for n, turns in enumerate(groups) if not all(smalls[i] for i in turns)]
            turns = tuple(sorted(i for turns in groups for i in turns))
            known = self._side_cache[by] = Side(groups, turns, solid or list(range(len(groups))))
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
    def encoded(self) -> tuple[bytes, list[int]]:
        """The whole call as normalised text for patterns, a line break where a sentence or turn ends, as the bytes
        that RE2 works on; and the offset of each sentence in them."""
        texts = self.encoded_sentences
        lines = [
            text if b"\n" in (text, following) else text + b"\n"
            for text, following in zip(texts, [*texts[1:], b"\n"], strict=True)
        ]
        return b"".join(lines), [0, *accumulate(map(len, lines))]

    @cached_property
    def sentence_texts(self) -> list[str]:
        """Every sentence as normalised text; that of a `TURN_END` is a line break."""
        words, begins = self.words, [0, *self.sentence_ends]
        between = " " if self.language == "en" else ""
        return [between.join(words[start:end]) for start, end in pairwise(begins)]

    @cached_property
    def encoded_sentences(self) -> list[bytes]:
        return [text.encode("utf-8", "replace") for text in self.sentence_texts]

    @cached_property
    def bounded_sentences(self) -> list[bytes]:
        """Every sentence with the line breaks around it: nothing stands before the first."""
        return [(b"\n" if number else b"") + text + b"\n" for number, text in enumerate(self.encoded_sentences)]

    @cached_property
    def sentence_turns(self) -> list[int]:
        """The turn of each sentence."""
        return [self.turn_of(end - 1) for end in self.sentence_ends]

    @cached_property
    def sentence_cache(self) -> dict[tuple[str, int], Any]:
        """Where a pattern matches in a sentence, of those already tried."""
        return {}

    @cached_property
    def possible(self) -> dict[str, list[int]]:
        """The patterns of the lexicon that this call may match, and the numbers of the sentences where they may."""
        return self.lexicon.patterns.possible(self.sentence_texts)

    def tokens_at(self, sentence: int, first: int, last: int) -> tuple[int, int]:
        """The tokens that have the characters from `first` to before `last` of a sentence's text."""
        start = self.sentence_ends[sentence - 1] if sentence else 0
        words = self.words[start : self.sentence_ends[sentence]]
        if len(self.sentence_texts[sentence]) == len(words):
            return start + first, start + last
        gap = self.language == "en"
        offsets = [0, *accumulate(len(word) + gap for word in words)]
        return start + bisect_right(offsets, first) - 1, start + bisect_right(offsets, last - 1)

    @cached_property
    def pattern_cache(self) -> dict[str, list[tuple[int, int]]]:
        """Where patterns already tried were found."""
        return {}

    @cached_property
    def in_lists(self) -> dict[int, list[tuple[int, Any]]]:
        """By the number of a list of the lexicon, its items that may have been said."""
        return self.lexicon.in_lists(self.parts, self.possible)

    @cached_property
    def list_cache(self) -> dict[int, Any]:
        """Where the phrases and patterns of lists already asked for were found."""
        return {}

    @cached_property
    def findings(self) -> dict[float, dict[int, Any]]:
        """What conditions have found, by the coverage they ask for and their number."""
        return {}

    def forget(self) -> None:
        """Drop what refers back to this call, so that it goes as soon as nobody uses it."""
        self.list_cache.clear()
        self.findings.clear()

    @cached_property
    def worded(self) -> dict[Role, tuple[Span, ...]]:
        """Per role, the stretches of time that have words, a little margin around them."""
        spans: dict[Role, list[list[float]]] = {}
        for turn in self.call.turns:
            own = spans.setdefault(self.call.role(turn), [])
            for word in turn.words:
                start_s, end_s = word.span.start_s, word.span.end_s
                if own and start_s - own[-1][1] <= WORD_GAP_S and start_s >= own[-1][0]:
                    if end_s > own[-1][1]:
                        own[-1][1] = end_s
                else:
                    own.append([start_s, end_s])
        margin = WORD_GAP_S / 2
        return {role: tuple(Span(start - margin, end + margin) for start, end in own) for role, own in spans.items()}

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
    solid: list[int]
    """The numbers of the exchanges that are more than a 嗯; of all, where none is."""


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


def read(call: Call, lexicon: Lexicon) -> TokenIndex:
    """Tokenise a call and find every phrase of the lexicon in it."""
    text, tokens = tokenise_all([turn.text for turn in call.turns], lexicon.language)
    words, breaks = tokens.words, tokens.breaks
    first = [0, *[token for token, word in enumerate(words, 1) if word == TURN_END]]
    for behind in first[1:]:
        breaks[behind - 1] = SENTENCE
        if behind > 1 and words[behind - 2] != TURN_END:
            breaks[behind - 2] = SENTENCE
    found = lexicon.find(words)
    return TokenIndex(call, text, words, tokens.starts, tokens.ends, breaks, first, found, lexicon.language, lexicon)
