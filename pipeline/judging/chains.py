"""Where the chains of templates were said in one call: their segments, each looked for once, joined by sentences.

Most chains lack something in every sentence. Which sentences have a segment is kept as bits, so that is told before
anything is joined.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from pipeline.judging.lexicon import KnownPart, Places, SegmentPart
from pipeline.judging.phrases import ChainPlan, Join, Phrases
from pipeline.judging.templates import NUMBERS, AnyToken, Edge, Named, Spoken, TemplateSegment
from pipeline.judging.token_index import TokenIndex
from pipeline.language import phonetics
from pipeline.language.tokens import TURN_END

PAIRS_A_TOKEN = 50
"""Per token of a call, so many pairs are looked at to join two parts of a template: people's sentences come to less
than one, and a template that was written to take for ever stops here."""

LOOKED_THROUGH = 8
"""So many places are looked through as fast as a part of them is found."""

Found = tuple[int, int, float, str]
"""Tokens from, to before, what the likeness costs, and what it is written as."""

_end = itemgetter(1)


@dataclass(frozen=True, slots=True)
class FoundPlaces:
    """Where something was said, in order, each stretch of tokens once; the same by the sentences that they begin in;
    and these sentences as bits."""

    places: Sequence[Found]
    by_sentence: Mapping[int, list[Found]]
    sentences: int


class ChainMatches:
    """Where chains were said in a call. `parts` are the phrases found in it; `list_places` tells those of a list."""

    def __init__(
        self,
        index: TokenIndex,
        parts: Mapping[KnownPart, Places],
        list_places: Callable[[Phrases], Sequence[Found]],
    ) -> None:
        self._index, self._parts, self._list_places = index, parts, list_places
        self._ends = index.sentence_ends
        self._parts_of: dict[Spoken, list[SegmentPart]] = {}
        self._sentences: dict[Spoken, int] = {}
        """Where a segment may have been said; by sound not every one of them holds."""
        self._part_sentences: dict[KnownPart, int] = {}
        sentence_of, parts_of = index.sentence_of, self._parts_of
        for part, places in parts.items():
            sentences = 0
            for start, _, _ in places:
                sentences |= 1 << sentence_of[start]
            self._part_sentences[part] = sentences
            for own in part.segments:
                if own.segment in parts_of:
                    parts_of[own.segment].append(own)
                else:
                    parts_of[own.segment] = [own]
        self._spoken_places: tuple[dict[Spoken, Sequence[Found]], dict[Spoken, Sequence[Found]]] = ({}, {})
        self._spoken_in: tuple[dict[tuple[Spoken, int], Sequence[Found]], ...] = ({}, {})
        self._lists: dict[int, FoundPlaces] = {}
        self._numbers: dict[str, FoundPlaces] = {}

    def of(self, plan: ChainPlan) -> Sequence[Found]:
        """Where a chain was said, in order, each stretch once."""
        sentences = -1
        for segment in plan.spoken:
            sentences &= self._said_in(segment)
            if not sentences:
                return ()
        if not plan.joins:
            if isinstance(plan.first, Spoken):
                return self._places(plan.first, plan.by_sound)
            return self._filled(plan.first, plan).places
        for named in plan.named:
            sentences &= self._filled(named, plan).sentences
            if not sentences:
                return ()
        found: list[Found] = []
        left = len(plan.joins) * PAIRS_A_TOKEN * len(self._index.words)
        while sentences and left > 0:
            lowest = sentences & -sentences
            sentences ^= lowest
            number = lowest.bit_length() - 1
            reached = self._in_sentence(plan.first, plan, number)
            for join in plan.joins:
                if not reached:
                    break
                reached, left = self._longer(reached, join, plan, number, left)
            found += reached
        found.sort()
        return found

    def _longer(
        self, reached: Sequence[Found], join: Join, plan: ChainPlan, number: int, left: int
    ) -> tuple[Sequence[Found], int]:
        """What was reached in a sentence, each with what stands beside it: of every stretch the likest. And how many
        of the pairs are left that may be looked at."""
        likest: dict[tuple[int, int], Found] = {found[:2]: found for found in reached} if join.optional else {}
        others = self._beside(join, plan, number)
        last, words, language = self._ends[number], self._index.words, self._index.language
        for one in reached:
            if left <= 0:
                break
            for other in others if len(others) <= LOOKED_THROUGH else _near(one, others, join):
                left -= 1
                before, after = (one, other) if join.is_after else (other, one)
                if not join.least <= after[0] - before[1] <= join.most or after[1] > last:
                    continue
                if join.without and not join.without.isdisjoint(words[before[1] : after[0]]):
                    continue
                stretch, cost = (before[0], after[1]), before[2] + after[2]
                known = likest.get(stretch)
                if known is None or known[2] > cost:
                    likest[stretch] = (*stretch, cost, _together(before[3], after[3], join.most, language))
        return list(likest.values()), left

    def _beside(self, join: Join, plan: ChainPlan, number: int) -> Sequence[Found]:
        """What there is of a segment in a sentence: by its beginning where it is to come after, else by its end."""
        segment = join.segment
        if isinstance(segment, Spoken | Named):
            found = self._in_sentence(segment, plan, number)
            return found if join.is_after or len(found) < 2 else sorted(found, key=_end)
        first, last = self._ends[number - 1] if number else 0, self._ends[number]
        if isinstance(segment, Edge):
            at = last if join.is_after else first
            return [(at, at, 0.0, "")] if (segment.at == "end") == join.is_after else ()
        return [(at, at + 1, 0.0, "") for at in range(first, last) if _taken(segment, self._index.words[at])]

    def _said_in(self, segment: Spoken) -> int:
        """The sentences in which one of a segment's phrases was heard, as bits."""
        sentences = self._sentences.get(segment)
        if sentences is None:
            sentences = 0
            for own in self._parts_of.get(segment, ()):
                sentences |= self._part_sentences[own.part]
            self._sentences[segment] = sentences
        return sentences

    def _in_sentence(self, segment: Spoken | Named, plan: ChainPlan, number: int) -> Sequence[Found]:
        """Where the words of a segment, or what fills it, were said in one sentence."""
        if isinstance(segment, Named):
            return self._filled(segment, plan).by_sentence.get(number, ())
        known = self._spoken_in[plan.by_sound]
        found = known.get((segment, number))
        if found is None:
            first, last = self._ends[number - 1] if number else 0, self._ends[number]
            found = known[segment, number] = self._of_parts(segment, plan.by_sound, first, last)
        return found

    def _filled(self, segment: Named, plan: ChainPlan) -> FoundPlaces:
        """Where what fills a segment was said."""
        if segment.name in NUMBERS:
            if segment.name not in self._numbers:
                least = NUMBERS[segment.name]
                plain = self._index.plain
                runs = [(start, end, 0.0, plain[start:end]) for start, end in self._index.digit_runs]
                self._numbers[segment.name] = self._in_sentences([run for run in runs if run[1] - run[0] >= least])
            return self._numbers[segment.name]
        listed = plan.filled_by[segment.name]
        found = self._lists.get(listed.number)
        if found is None:
            found = self._in_sentences(self._list_places(listed))
            if listed.number >= 0:
                self._lists[listed.number] = found
        return found

    def _in_sentences(self, places: Sequence[Found]) -> FoundPlaces:
        """Places in order, each stretch once, by their sentences."""
        by_sentence: dict[int, list[Found]] = {}
        sentences, sentence_of = 0, self._index.sentence_of
        for place in places:
            number = sentence_of[place[0]]
            if number in by_sentence:
                by_sentence[number].append(place)
            else:
                by_sentence[number] = [place]
                sentences |= 1 << number
        return FoundPlaces(places, by_sentence, sentences)

    def _places(self, segment: Spoken, by_sound: bool) -> Sequence[Found]:
        """Where the words of a segment were said, in order, each stretch once."""
        known = self._spoken_places[by_sound]
        found = known.get(segment)
        if found is None:
            found = known[segment] = self._of_parts(segment, by_sound, 0, len(self._index.words))
        return found

    def _of_parts(self, segment: Spoken, by_sound: bool, first: int, last: int) -> Sequence[Found]:
        """The same, of those places that begin between two tokens."""
        # what is short has too many homophones to be matched by its sound
        every = [
            (start, end, cost, own.text)
            for own in self._parts_of.get(segment, ())
            for start, end, cost in self._parts[own.part]
            if first <= start < last
            and (
                not cost
                or (
                    (by_sound or len(own.part.words) >= phonetics.SHORTEST)
                    and (
                        not own.firm or phonetics.same_syllables(own.part.words, self._index.words[start:end], own.firm)
                    )
                )
            )
        ]
        return once_each(every) if len(every) > 1 else every


def once_each(places: Iterable[Found]) -> list[Found]:
    """Places in order, of each stretch the one that costs least."""
    likest: dict[tuple[int, int], Found] = {}
    for place in sorted(places):
        likest.setdefault(place[:2], place)
    return list(likest.values())


def likest_of(found: Iterable[Sequence[Found]]) -> Sequence[Found]:
    """The places of several in order: of each stretch the one that costs least, of those the first."""
    several = [places for places in found if places]
    if len(several) < 2:
        return several[0] if several else ()
    likest: dict[tuple[int, int], Found] = {}
    for places in several:
        for place in places:
            other = likest.get(place[:2])
            if other is None or place[2] < other[2]:
                likest[place[:2]] = place
    return sorted(likest.values())


def _near(one: Found, others: Sequence[Found], join: Join) -> Iterator[Found]:
    """Of many places in order those that a gap may reach."""
    if join.is_after:
        first, last = bisect_left(others, (one[1] + join.least,)), bisect_left(others, (one[1] + join.most + 1,))
    else:
        first = bisect_left(others, one[0] - join.most, key=_end)
        last = bisect_right(others, one[0] - join.least, key=_end)
    return iter(others[first:last])


def _taken(segment: TemplateSegment, word: str) -> bool:
    """Whether a token may stand where any may."""
    return isinstance(segment, AnyToken) and word != TURN_END and word not in segment.without


def _together(phrase: str, text: str, gap: int, language: str) -> str:
    """What two segments are written as, one behind the other."""
    if not phrase or not text:
        return phrase or text
    return phrase + gap_sign(gap, language) + text


def gap_sign(most: int, language: str) -> str:
    """What is written between two segments, for the gap that may be between them."""
    return "…" if most else " " if language == "en" else ""
