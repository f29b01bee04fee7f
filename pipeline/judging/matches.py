"""Where phrases, patterns and lists were said in one call: each is looked for once, however many rules ask."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from pipeline.judging.lexicon import Lexicon
from pipeline.judging.phrases import ListItem, Pattern, Phrases
from pipeline.judging.templates import (
    NUMBERS,
    AnyToken,
    Chain,
    Edge,
    Named,
    Part,
    SentenceTemplate,
    Spoken,
    Step,
    TemplateSegment,
)
from pipeline.judging.token_index import TokenIndex, TokenRange
from pipeline.language import phonetics
from pipeline.language.tokens import TURN_END

EXCLUSION_TOKENS = {"zh": 12, "en": 10}
"""An exclusion counts this many tokens around a phrase: recognised speech often lacks the punctuation between them."""


PAIRS_A_TOKEN = 50
"""Per token of a call, so many pairs are looked at to join two parts of a template: people's sentences come to less
than one, and a template that was written to take for ever stops here."""

_Found = tuple[int, int, float, str]
_Places = list[_Found]
"""Tokens from, to before, what the likeness costs, and what it is written as."""


_Beside = Callable[[_Found], _Places]
"""What stands beside a place, so far as the gap between them goes."""

_end = itemgetter(1)


class Match(NamedTuple):
    """A place of a list: tokens from `start` to before `end`, what the likeness costs (0: as written), the phrase as it
    is written there ("" for a pattern), and the item's number in its list."""

    start: int
    end: int
    cost: float
    phrase: str
    item: int


class ListMatches:
    """All places of one list in a call. A pattern is tried on a sentence when somebody asks for the sentence's turn."""

    def __init__(self, call: CallMatches, matches: list[Match], likely: list[tuple[int, ListItem, int]]) -> None:
        """`likely`: an item's number in the list, the item, a pattern, and the sentence where it may match."""
        self._call = call
        self._likely: dict[int, list[tuple[int, ListItem, int]]] = {}
        for item in likely:
            self._likely.setdefault(call.index.sentence_turns[item[2]], []).append(item)
        self._add(matches)

    def _add(self, matches: list[Match]) -> None:
        matches.sort()
        self._matches = matches
        self._starts = [match[0] for match in matches]
        index, self._turns = self._call.index, []
        for start, end, *_ in matches:
            turn = index.turn_of(start)
            # what reaches over several turns is in none
            self._turns.append(turn if end < index.first[turn + 1] else -1)

    def _try(self, turns: Iterable[int]) -> None:
        found = [
            Match(start, end, 0.0, "", number)
            for turn in turns
            for number, item, sentence in self._likely.pop(turn)
            if isinstance(item.what, Pattern)
            for start, end in self._call.in_sentence(item.what, sentence)
            if self._call.stands(item, start, end)
        ]
        if found:
            self._add(self._matches + found)

    def everywhere(self) -> list[Match]:
        """All of them, in order."""
        self._try(list(self._likely))
        return self._matches

    def in_turns(self, turns: Sequence[int]) -> list[Match]:
        """Those that lie whole in one of some turns."""
        if self._likely and (asked := self._likely.keys() & turns):
            self._try(asked)
        if not self._starts:
            return []
        wanted = set(turns)
        return [match for match, turn in zip(self._matches, self._turns, strict=True) if turn in wanted]

    def within(self, start: int, end: int) -> Iterator[Match]:
        """Those that lie whole in a stretch of tokens."""
        if self._likely and start < end:
            first, last = self._call.index.turn_of(max(0, start)), self._call.index.turn_of(end - 1)
            if asked := [turn for turn in range(first, last + 1) if turn in self._likely]:
                self._try(asked)
        for at in range(bisect_left(self._starts, start), bisect_left(self._starts, end)):
            if self._matches[at][1] <= end:
                yield self._matches[at]

    def any_within(self, start: int, end: int) -> bool:
        """Whether one lies whole in a stretch of tokens."""
        return next(self.within(start, end), None) is not None


class CallMatches:
    """What of a rulebook's lexicon was said in a call."""

    def __init__(self, index: TokenIndex, lexicon: Lexicon) -> None:
        self.index = index
        self._patterns = lexicon.patterns
        self._parts = lexicon.find(index.words)
        self._possible = lexicon.patterns.possible(index.sentence_texts)
        self._parts_of: dict[Spoken, list[Part]] = {}
        for part in self._parts:
            for segment in lexicon.segments_with(part):
                self._parts_of.setdefault(segment, []).append(part)
        self._in_lists = lexicon.in_lists(self._parts, self._possible)
        self._found_lists: dict[int, ListMatches] = {}
        self._found_segments: dict[Spoken, _Places] = {}
        self._found_templates: dict[SentenceTemplate, _Places] = {}
        self._found_patterns: dict[str, list[TokenRange]] = {}
        self._found_in_sentences: dict[tuple[str, int], list[TokenRange]] = {}

    def of(self, listed: Phrases) -> ListMatches:
        """Where the phrases and patterns of a list were said, but where an exception takes it back."""
        found = self._found_lists.get(listed.number)
        if found is None:
            found = self._find(listed)
            if listed.number >= 0:
                self._found_lists[listed.number] = found
        return found

    def _find(self, listed: Phrases) -> ListMatches:
        items: Iterable[tuple[int, ListItem]] = enumerate(listed.items)
        if listed.number >= 0:
            items = self._in_lists.get(listed.number, {}).items()
        matches: list[Match] = []
        likely: list[tuple[int, ListItem, int]] = []
        for number, item in items:
            if isinstance(item.what, SentenceTemplate):
                found = self._template(item.what, dict(item.filled_by))
            elif sentences := self._possible.get(item.what.source):
                likely += [(number, item, sentence) for sentence in sentences]
                continue
            else:
                found = [(start, end, 0.0, "") for start, end in self.pattern(item.what)]
            matches += [
                Match(start, end, cost, phrase, number)
                for start, end, cost, phrase in found
                if not item.exceptions or self.stands(item, start, end)
            ]
        return ListMatches(self, matches, likely)

    def stands(self, item: ListItem, start: int, end: int) -> bool:
        """Whether no exception of an item takes it back where it was said."""
        return not any(self.taken_back(listed, start, end) for listed in item.exceptions)

    def taken_back(self, by: Phrases, start: int, end: int) -> bool:
        """Whether a list is said in the same sentence, close by."""
        near = EXCLUSION_TOKENS.get(self.index.language, 10)
        first, last = self.index.sentence(start)
        return self.of(by).any_within(max(first, start - near), min(max(last, end), end + near))

    def _template(self, template: SentenceTemplate, filled_by: Mapping[str, Phrases]) -> _Places:
        """Where a template was said, each place once; a template around it may need the shorter or the longer one."""
        if not filled_by and template in self._found_templates:
            return self._found_templates[template]
        likest: dict[TokenRange, _Found] = {}
        for chain in template.chains:
            for found in self._chain(chain, filled_by, template.by_sound):
                other = likest.get(found[:2])
                if other is None or found[2] < other[2]:
                    likest[found[:2]] = found
        places = sorted(likest.values())
        if not filled_by:
            self._found_templates[template] = places
        return places

    def _chain(self, chain: Chain, filled_by: Mapping[str, Phrases], by_sound: bool) -> _Places:
        """Where a chain was said: from its first words that must be there to the right, then to the left."""
        # most templates lack something: nothing is joined before all that must be there may be
        for step in chain:
            segment = step.segment
            if step.optional:
                continue
            if isinstance(segment, Spoken):
                if segment not in self._parts_of:
                    return []
            elif isinstance(segment, Named) and segment.name in filled_by:
                number = filled_by[segment.name].number
                if number >= 0 and number not in self._in_lists:
                    return []
        first = next(
            number for number, step in enumerate(chain)
            if isinstance(step.segment, Spoken | Named) and not step.optional
        )  # fmt: skip
        reached = self._segment(chain[first].segment, filled_by, by_sound)
        for step in chain[first + 1 :]:
            if not reached:
                return []
            reached = self._longer(reached, step, step, self._after(step, filled_by, by_sound))
        for step, following in zip(reversed(chain[:first]), reversed(chain[1 : first + 1]), strict=True):
            if not reached:
                return []
            reached = self._longer(reached, step, following, self._before(step, following, filled_by, by_sound))
        return reached

    def _longer(self, reached: _Places, step: Step, joint: Step, beside: _Beside) -> _Places:
        """What was reached, each with what stands beside it in the same sentence, over the gap that `joint` has before
        it: of every stretch the likest."""
        likest: dict[TokenRange, _Found] = {found[:2]: found for found in reached} if step.optional else {}
        words = self.index.words
        pairs = ((one, other) for one in reached for other in beside(one))
        for one, other in islice(pairs, PAIRS_A_TOKEN * len(words)):
            left, right = (one, other) if one[1] <= other[0] else (other, one)
            stretch = left[0], right[1]
            cost = left[2] + right[2]
            known = likest.get(stretch)
            if known is not None and known[2] <= cost:
                continue
            if not self.index.same_sentence(*stretch):
                continue
            if joint.without and joint.without.intersection(words[left[1] : right[0]]):
                continue
            phrase = _together(left[3], right[3], joint.most, self.index.language)
            likest[stretch] = (*stretch, cost, phrase)
        return list(likest.values())

    def _after(self, step: Step, filled_by: Mapping[str, Phrases], by_sound: bool) -> _Beside:
        """What may follow a place, by the step's segment and gap."""
        segment = step.segment
        if isinstance(segment, AnyToken):
            return lambda one: self._tokens(segment, one[1] + step.least, one[1] + step.most)
        if isinstance(segment, Edge):
            return lambda one: self._edge(
                segment.at == "end", self.index.sentence(one[0])[1], one[1] + step.least, one[1] + step.most
            )
        places = self._segment(segment, filled_by, by_sound)
        starts = [start for start, *_ in places]
        return lambda one: places[bisect_left(starts, one[1] + step.least) : bisect_right(starts, one[1] + step.most)]

    def _before(self, step: Step, joint: Step, filled_by: Mapping[str, Phrases], by_sound: bool) -> _Beside:
        """What may stand before a place, by the step's segment and the gap of the one that follows it."""
        segment = step.segment
        if isinstance(segment, AnyToken):
            return lambda one: self._tokens(segment, one[0] - joint.most - 1, one[0] - joint.least - 1)
        if isinstance(segment, Edge):
            return lambda one: self._edge(
                segment.at == "start", self.index.sentence(one[0])[0], one[0] - joint.most, one[0] - joint.least
            )
        places = sorted(self._segment(segment, filled_by, by_sound), key=_end)
        ends = [end for _, end, *_ in places]
        return lambda one: places[bisect_left(ends, one[0] - joint.most) : bisect_right(ends, one[0] - joint.least)]

    def _tokens(self, segment: AnyToken, first: int, last: int) -> _Places:
        """The tokens from `first` to `last` that a segment takes."""
        words = self.index.words
        return [
            (at, at + 1, 0.0, "")
            for at in range(max(0, first), min(last, len(words) - 1) + 1)
            if words[at] != TURN_END and words[at] not in segment.without
        ]

    @staticmethod
    def _edge(is_that: bool, at: int, first: int, last: int) -> _Places:
        """A sentence's edge, where it is the one asked for and lies between two tokens."""
        return [(at, at, 0.0, "")] if is_that and first <= at <= last else []

    def _segment(self, segment: TemplateSegment, filled_by: Mapping[str, Phrases], by_sound: bool) -> _Places:
        """Where the words of a segment were said, or what fills it."""
        if isinstance(segment, Spoken):
            return self._spoken(segment, by_sound)
        if not isinstance(segment, Named):
            return []
        if segment.name in NUMBERS:
            return [run for run in self._numbers if run[1] - run[0] >= NUMBERS[segment.name]]
        matches = self.of(filled_by[segment.name]).everywhere()
        return [(start, end, cost, phrase) for start, end, cost, phrase, _ in matches]

    def _spoken(self, segment: Spoken, by_sound: bool) -> _Places:
        found = self._found_segments.get(segment)
        if found is None:
            # what is short has too many homophones to be matched by its sound
            found = self._found_segments[segment] = sorted(
                (start, end, cost, segment.phrases[part])
                for part in self._parts_of.get(segment, ())
                for start, end, cost in self._parts[part]
                if not cost
                or ((by_sound or len(part) >= phonetics.SHORTEST) and self._sounds_so(part, segment, start, end))
            )
        return found

    def _sounds_so(self, part: Part, segment: Spoken, start: int, end: int) -> bool:
        """Whether what was heard has the very syllables of a phrase where it must."""
        firm = segment.firm.get(part, ())
        heard = self.index.words[start:end]
        if not firm:
            return True
        return len(heard) == len(part) and all(
            phonetics.distance(part[at], heard[at]) <= phonetics.TONE or {part[at], heard[at]} == {"您", "你"}
            for at in firm
        )

    @cached_property
    def _numbers(self) -> _Places:
        runs = re.finditer(r"\d+", self.index.plain)
        return [(run.start(), run.end(), 0.0, run[0]) for run in runs]

    def pattern(self, pattern: Pattern) -> list[TokenRange]:
        """Where a pattern matches, as tokens."""
        source = pattern.source
        found = self._found_patterns.get(source)
        if found is None:
            if source in self._patterns.patterns and source not in self._possible:
                found = []
            elif source in self._patterns.patterns and source not in self._patterns.across:
                found = [place for number in self._possible[source] for place in self.in_sentence(pattern, number)]
            else:
                found = self._in_text(pattern)
            self._found_patterns[source] = found
        return found

    def in_sentence(self, pattern: Pattern, number: int) -> list[TokenRange]:
        """Where a pattern matches in one sentence."""
        key = (pattern.source, number)
        found = self._found_in_sentences.get(key)
        if found is None:
            found = self._found_in_sentences[key] = []
            text = self.index.bounded_sentences[number]
            for match in pattern.regex.finditer(text):
                first, last = match.span()
                piece = text[first:last].decode()
                first = len(text[:first].decode()) - bool(number)
                # line breaks and spaces at either edge belong to no token
                last = first + len(piece.rstrip(" \n"))
                first += len(piece) - len(piece.lstrip(" \n"))
                if first < last:
                    found.append(self.index.tokens_at(number, first, last))
        return found

    def _in_text(self, pattern: Pattern) -> list[TokenRange]:
        found = []
        text, offsets = self.index.encoded
        for match in pattern.regex.finditer(text):
            first, last = match.span()
            # line breaks at either edge belong to no token
            while first < last and text[first] in b"\n ":
                first += 1
            while last > first and text[last - 1] in b"\n ":
                last -= 1
            if first < last:
                begin, finish = self._token_at(text, offsets, first), self._token_at(text, offsets, last - 1)
                found.append((begin, finish + 1))
        return found

    def _token_at(self, text: bytes, offsets: Sequence[int], at: int) -> int:
        """The token that has a byte of the whole text."""
        number = bisect_right(offsets, at) - 1
        place = len(text[offsets[number] : at].decode("utf-8", "ignore"))
        return self.index.tokens_at(number, place, place + 1)[0]


def _together(phrase: str, text: str, gap: int, language: str) -> str:
    """What two segments are written as, one behind the other."""
    if not phrase or not text:
        return phrase or text
    return phrase + ("…" if gap else " " if language == "en" else "") + text
