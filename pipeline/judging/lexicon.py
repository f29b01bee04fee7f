"""All phrases of a rulebook, compiled: found in a call in one pass, so that the number of rules hardly matters.

There are two automata: by spelling, and by sound (folded pinyin).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ahocorasick

from pipeline.judging.prefilter import PieceIndex
from pipeline.judging.templates import Part, SentenceTemplate, Spoken
from pipeline.language import phonetics
from pipeline.language.normalise import TURN_END

if TYPE_CHECKING:
    from pipeline.judging.phrases import ListItem, Pattern, Phrases
    from pipeline.judging.template_program import TemplateProgram
    from pipeline.judging.token_index import SaidTokens, TokenIndex

Places = list[tuple[int, int, float]]
"""Where a phrase was found: first token, token behind the last, cost (0: as written)."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownPart:
    """A run of words that templates have, where it stands in them, and the numbers of the items that need one such run.

    Equal to itself only: as tuples of words they would be compared again and again.
    """

    words: Part
    segments: list[SegmentPart]
    items: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPart:
    """A run of words as one segment has it: how it is written there, and which of its tokens are firm."""

    segment: Spoken
    part: KnownPart
    text: str
    firm: tuple[int, ...]


PLAIN_CALLS = 30
"""Compiled loops find templates several times as fast, but it takes about so many calls before that pays."""

EXCEPTION_TOKENS = {"zh": 12, "en": 10}
"""An exception counts this many tokens around a phrase: recognised speech often lacks the punctuation between them."""

MOST_KEPT = 200_000
"""So much of what was heard is remembered from call to call, some 50 MB."""

HOMOPHONE = 0.01
"""The least that anything costs that is not as written."""

_UNKNOWN = "\U0010fffd"
"""Stands for a Latin word that no phrase has."""


class Lexicon:
    """All phrases of a rulebook in one language, compiled. Unchanged by use, so calls may share it.

    A token is one character here: a Han character or a digit itself, a Latin word one from the private planes; a
    class of sounds is another. So one pass of an Aho–Corasick automaton finds all phrases.
    """

    def __init__(self, language: str, lists: Iterable[Phrases], patterns: Iterable[Pattern] = ()) -> None:
        """`patterns`: those that stand in no list."""
        known: dict[int, Phrases] = {}
        for listed in lists:
            listed.within(known)
        lists = tuple(known.values())
        self.language = language
        self.patterns = PieceIndex(
            pattern.source for pattern in (*(p for each in lists for p in each.patterns), *patterns)
        )
        self._codes: dict[str, str] = {}
        self._sounds = _Sounds()
        self._kept = _Kept()
        self.parts: dict[Part, KnownPart] = {}
        # by part, whether a syllable may be altogether different
        sounding: dict[Part, bool] = {}
        for template in dict.fromkeys(template for listed in lists for template in listed.templates):
            self.learn(sorted(template.barred))
            enough = 2 if template.by_sound else phonetics.SHORTEST
            for part, is_firm in template.phrases:
                if part not in self.parts:
                    self.parts[part] = KnownPart(part, [], [])
                if language == "zh" and len(part) >= enough:
                    sounding[part] = sounding.get(part, False) or not is_firm
        written: dict[str, list[KnownPart]] = {}
        for part, known_part in self.parts.items():
            for words in _politeness(part, language):
                written.setdefault(self.learn(words), []).append(known_part)
        classes: dict[str, list[_Sounding]] = {}
        seeds: dict[str, list[tuple[_Sounding, int]]] = {}
        for part, may_slip in sounding.items():
            own_forms = _politeness(part, language)
            heard_as = _Sounding(
                self.parts[part], tuple(map(self.learn, own_forms)), phonetics.budget(len(part)), self._kept
            )
            for words in own_forms:
                classes.setdefault(self.sound(self.learn(words)), []).append(heard_as)
            if may_slip and len(part) >= phonetics.SLIP:
                # if one syllable is wrong, one half of the phrase is right
                half = len(part) // 2
                for begin, end in ((0, half), (half, len(part))):
                    seeds.setdefault(self.sound(self.learn(part[begin:end])), []).append((heard_as, begin))
        self.written: Mapping[str, list[KnownPart]] = written
        """The phrases by how they are spelt, in code."""
        self._heard = ahocorasick.Automaton()
        for code in dict.fromkeys((*classes, *seeds)):
            self._heard.add_word(code, (len(code), classes.get(code, ()), seeds.get(code, ())))
        self._heard.make_automaton()
        self._index(lists)
        self.plain_calls = PLAIN_CALLS
        """So many calls more are looked through the plain way."""
        self._program: TemplateProgram | None = None

    def _index(self, lists: Iterable[Phrases]) -> None:
        """Note what is in which list."""
        items: dict[ListItem, int] = {}
        same: dict[tuple[SentenceTemplate, tuple[int, ...]], int] = {}
        with_pattern: dict[str, list[int]] = {}
        always: list[int] = []
        segments: dict[Spoken, None] = {}
        lists_with: list[list[tuple[int, int]]] = []
        for listed in lists:
            for place, item in enumerate(listed.items):
                number = items.setdefault(item, len(items))
                if number == len(lists_with):
                    lists_with.append([])
                lists_with[number].append((listed.number, place))
        self.lists_with = lists_with
        """Of each item, the numbers of the lists that have it, and its places in them."""
        self.items: tuple[ListItem, ...] = tuple(items)
        """What stands in lists, each once."""
        self.alike: list[int] = []
        """Of each item, the first that has the same template, whatever its exceptions are."""
        for item, number in items.items():
            if isinstance(item.what, SentenceTemplate):
                fillings = tuple(filling.number for _, filling in item.filled_by)
                self.alike.append(same.setdefault((item.what, fillings), number))
                segments.update(dict.fromkeys(item.what.spoken))
                for part in item.needed:
                    self.parts[part].items.append(number)
                if not item.needed:
                    always.append(number)
            else:
                self.alike.append(number)
                holders = with_pattern.setdefault(item.what.source, [])
                (holders if item.what.source in self.patterns.patterns else always).append(number)
        for segment in segments:
            for part, text in segment.phrases.items():
                known = self.parts[part]
                known.segments.append(SegmentPart(segment, known, text, segment.firm.get(part, ())))
        self._with_pattern = {pattern: tuple(each) for pattern, each in with_pattern.items()}
        self._always = tuple(always)

    def items_with(self, parts: Iterable[KnownPart], patterns: Iterable[str]) -> set[int]:
        """The numbers of the items that may have been said, by the phrases and patterns that may."""
        with_pattern = self._with_pattern
        found = set(self._always)
        found.update(*[part.items for part in parts])
        found.update(*[with_pattern[pattern] for pattern in patterns if pattern in with_pattern])
        return found

    def learn(self, words: Sequence[str]) -> str:
        codes = self._codes
        return "".join([w if len(w) == 1 else codes.setdefault(w, chr(0xF0000 + len(codes))) for w in words])

    def code(self, words: Sequence[str]) -> str:
        """Tokens as a string, one character each."""
        codes = self._codes
        return "".join([word if len(word) == 1 else codes.get(word, _UNKNOWN) for word in words])

    def sound(self, code: str) -> str:
        """Tokens as classes of sounds, one character each."""
        return "".join(map(self._sounds.__getitem__, code))

    def find(self, index: TokenIndex) -> dict[KnownPart, Places]:
        """Where each part of a phrase is, by spelling or by sound; a sound costs what it costs."""
        found: dict[KnownPart, Places] = {}
        # an automaton without keys cannot be asked
        for last, (size, alike) in self._spelling.iter(index.code(self)) if self.written else ():
            place = (last + 1 - size, last + 1, 0.0)
            for part in alike:
                if part in found:
                    found[part].append(place)
                else:
                    found[part] = [place]
        for part, places in self.heard(index).items():
            found[part] = found[part] + places if part in found else places
        return found

    @cached_property
    def _spelling(self) -> Any:
        """The automaton that finds phrases as they are spelt."""
        made = ahocorasick.Automaton()
        for code, alike in self.written.items():
            made.add_word(code, (len(code), alike))
        made.make_automaton()
        return made

    def program(self, calls: int = 1) -> TemplateProgram | None:
        """Its templates as arrays, for so many calls more; None for the first, for which making them does not pay."""
        if self._program is None and self.plain_calls >= calls:
            self.plain_calls -= calls
        elif self._program is None:
            try:
                from pipeline.judging.template_program import TemplateProgram

                self._program = TemplateProgram(self)
            except RuntimeError:  # compiled code can be kept nowhere, and making it takes longer than many calls
                self.plain_calls = sys.maxsize
        return self._program

    def heard(self, tokens: SaidTokens) -> dict[KnownPart, Places]:
        """Where each part of a phrase was heard by its sound, spelt otherwise."""
        found: dict[KnownPart, Places] = {}
        if not len(self._heard):
            return found
        self._kept.forget_much()
        words, code = tokens.words, tokens.code(self)
        for last, (size, sounding, seeds) in self._heard.iter(tokens.sounds(self)):
            start, end = last + 1 - size, last + 1
            for item in sounding:
                if (value := item.cost_of(code[start:end], words, start)) < phonetics.OTHER:
                    found.setdefault(item.part, []).append((start, end, value))
            for item, begin in seeds:
                if place := item.around(code, words, start - begin):
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
class _Kept:
    """What was worked out of what was heard, of all phrases together."""

    costs: dict[tuple[_Sounding, str], float] = field(default_factory=dict)
    around: dict[tuple[_Sounding, str, int], tuple[int, int, float] | None] = field(default_factory=dict)

    def forget_much(self) -> None:
        """Begin anew where it has grown large: a process may judge a million calls."""
        for known in (self.costs, self.around):
            if len(known) > MOST_KEPT:
                known.clear()


@dataclass(frozen=True, slots=True, eq=False)
class _Sounding:
    """A phrase, or a part of one, that is listened for. `forms` are its ways to address somebody, in code.

    What was worked out is kept: people say much the same in all calls.
    """

    part: KnownPart
    forms: tuple[str, ...]
    limit: float
    kept: _Kept

    def cost_of(self, heard: str, words: Sequence[str], start: int) -> float:
        """What it costs to hear it as what stands from one word on, in code; infinite where it is spelt so."""
        value = self.kept.costs.get((self, heard))
        if value is None:
            is_written = heard in self.forms
            value = math.inf if is_written else max(self._cost(words[start : start + len(heard)]), HOMOPHONE)
            self.kept.costs[self, heard] = value
        return value

    def _cost(self, heard: Sequence[str]) -> float:
        return min(phonetics.cost(words, heard, self.limit) for words in _politeness(self.part.words, "zh"))

    def around(self, code: str, words: Sequence[str], start: int) -> tuple[int, int, float] | None:
        """The best fit of a long phrase near a place where half of it was heard; none where it is spelt there."""
        if start >= 0 and code.startswith(self.forms, start):
            return None
        first = max(0, start - 1)
        near = self, code[first : start + len(self.part.words) + 2], start - first
        known = self.kept.around
        if near not in known:
            found = self._fit(words, start)
            known[near] = (found[0] - start, found[1] - start, found[2]) if found else None
        place = known[near]
        return (place[0] + start, place[1] + start, place[2]) if place else None

    def _fit(self, words: Sequence[str], start: int) -> tuple[int, int, float] | None:
        best: tuple[float, int, int] | None = None
        size = len(self.part.words)
        for begin in (start, start - 1, start + 1):
            for end in (begin + size, begin + size - 1, begin + size + 1):
                if begin < 0 or end > len(words) or abs(end - begin - size) > 1 or end <= begin:
                    continue
                if size == end - begin and begin != start:
                    continue
                heard = words[begin:end]
                if TURN_END in heard:
                    continue
                value = self._cost(heard)
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
