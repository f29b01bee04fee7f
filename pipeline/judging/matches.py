"""Where phrases, patterns and lists were said in one call: each is looked for once, however many rules ask."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.judging.lexicon import BY_SOUND, GAP, Lexicon, Places, phrase_parts
from pipeline.judging.phrases import Pattern, Phrases
from pipeline.judging.token_index import TokenIndex, TokenRange
from pipeline.language import phonetics


class Match(NamedTuple):
    """A place of a list: tokens from `start` to before `end`, what the likeness costs (0: as written), the phrase (""
    for a pattern), and the item's number in its list."""

    start: int
    end: int
    cost: float
    phrase: str
    item: int


class ListMatches:
    """All places of one list in a call. A pattern is tried on a sentence when somebody asks for the sentence's turn."""

    def __init__(self, call: CallMatches, matches: list[Match], likely: list[tuple[int, Pattern, int]]) -> None:
        """`likely`: item's number in the list, its pattern, and the sentence where it may match."""
        self._call = call
        self._likely: dict[int, list[tuple[int, Pattern, int]]] = {}
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
            Match(start, end, 0.0, "", item)
            for turn in turns
            for item, pattern, sentence in self._likely.pop(turn)
            for start, end in self._call.in_sentence(pattern, sentence)
        ]
        if found:
            self._add(self._matches + found)

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
        self._in_lists = lexicon.in_lists(self._parts, self._possible)
        self._found_lists: dict[int, ListMatches] = {}
        self._found_phrases: dict[str, Places] = {}
        self._found_patterns: dict[str, list[TokenRange]] = {}
        self._found_in_sentences: dict[tuple[str, int], list[TokenRange]] = {}

    def of(self, listed: Phrases) -> ListMatches:
        """Where the phrases and patterns of a list were said."""
        found = self._found_lists.get(listed.number)
        if found is None:
            found = self._find(listed)
            if listed.number >= 0:
                self._found_lists[listed.number] = found
        return found

    def _find(self, listed: Phrases) -> ListMatches:
        items: Iterable[tuple[int, str | Pattern]] = enumerate(listed.items)
        if listed.number >= 0:
            items = self._in_lists.get(listed.number, ())
        matches: list[Match] = []
        likely: list[tuple[int, Pattern, int]] = []
        for item, what in items:
            if isinstance(what, str):
                matches += [Match(start, end, cost, what, item) for start, end, cost in self._phrase(what)]
            elif sentences := self._possible.get(what.source):
                likely += [(item, what, sentence) for sentence in sentences]
            else:
                matches += [Match(start, end, 0.0, "", item) for start, end in self.pattern(what)]
        return ListMatches(self, matches, likely)

    def _phrase(self, phrase: str) -> Places:
        found = self._found_phrases.get(phrase)
        if found is None:
            found = self._found_phrases[phrase] = self._find_phrase(phrase)
        return found

    def _find_phrase(self, phrase: str) -> Places:
        """Where a phrase of the lexicon was said, in order; a part with an ellipsis reaches over a few words."""
        parts = phrase_parts(phrase, self.index.language)
        if len(parts) == 1:
            places = self._parts.get(parts[0], [])
            if len(parts[0]) < phonetics.SHORTEST and not phrase.startswith(BY_SOUND):
                places = [place for place in places if not place[2]]
            return sorted(places)
        limit = phonetics.budget(sum(map(len, parts)))
        chains = [(start, end, cost) for start, end, cost in self._parts.get(parts[0], [])] if parts else []
        gap = GAP.get(self.index.language, 4)
        for part in parts[1:]:
            following = self._parts.get(part, [])
            chains = [
                (start, further, cost + more)
                for start, end, cost in chains
                for begin, further, more in following
                if end <= begin <= end + gap and cost + more <= limit and self.index.same_sentence(start, further)
            ]
        nearest: dict[int, tuple[int, int, float]] = {}
        for chain in sorted(chains, key=lambda c: (c[0], c[2], c[1])):
            nearest.setdefault(chain[0], chain)
        return sorted(nearest.values())

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
