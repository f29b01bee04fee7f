"""Where phrases, patterns and lists were said in one call: each is looked for once, however many rules ask."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import proxy

from pipeline.judging.chains import ChainMatches, Found, likest_of, once_each
from pipeline.judging.lexicon import EXCEPTION_TOKENS, KnownPart, Lexicon, Places
from pipeline.judging.phrases import ListItem, Pattern, Phrases
from pipeline.judging.token_index import TokenIndex, TokenRange

if TYPE_CHECKING:
    from pipeline.judging.template_program import ScannedCall


class Match(NamedTuple):
    """A place of a list: tokens from `start` to before `end`, what the likeness costs (0: as written), the phrase as it
    is written there ("" for a pattern), and the item's number in its list."""

    start: int
    end: int
    cost: float
    phrase: str
    item: int


class ListMatches:
    """All places of one list in a call. A pattern is tried on a sentence when somebody asks for the sentence's turn.

    It can be asked as long as the `CallMatches` that made it is kept.
    """

    def __init__(self, call: CallMatches, matches: list[Match], likely: list[tuple[int, ListItem, int]]) -> None:
        """`likely`: an item's number in the list, the item, a pattern, and the sentence where it may match."""
        self._index, self._call = call.index, proxy(call)
        self._likely: dict[int, list[tuple[int, ListItem, int]]] = {}
        for item in likely:
            self._likely.setdefault(self._index.sentence_turns[item[2]], []).append(item)
        matches.sort()
        self._matches = matches

    def _try(self, turns: Iterable[int]) -> None:
        self._matches += [
            Match(start, end, 0.0, "", number)
            for turn in turns
            for number, item, sentence in self._likely.pop(turn)
            if isinstance(item.what, Pattern)
            for start, end in self._call.in_sentence(item.what, sentence)
            if self._call.stands(item, start, end)
        ]
        self._matches.sort()

    def everywhere(self) -> list[Match]:
        """All of them, in order."""
        if self._likely:
            self._try(list(self._likely))
        return self._matches

    def in_turns(self, turns: Sequence[int]) -> list[Match]:
        """Those that lie whole in one of some turns."""
        if self._likely and (asked := self._likely.keys() & turns):
            self._try(asked)
        if not self._matches:
            return []
        turn_at, first = self._index.turn_at, self._index.first
        wanted: Container[int] = set(turns)
        return [
            match for match in self._matches
            if (turn := turn_at[match[0]]) in wanted and match[1] < first[turn + 1]
        ]  # fmt: skip

    def within(self, start: int, end: int) -> Iterator[Match]:
        """Those that lie whole in a stretch of tokens."""
        self._try_within(start, end)
        matches = self._matches
        for at in range(bisect_left(matches, (start,)), len(matches)):
            match = matches[at]
            if match[0] >= end:
                return
            if match[1] <= end:
                yield match

    def any_within(self, start: int, end: int) -> bool:
        """Whether one lies whole in a stretch of tokens."""
        self._try_within(start, end)
        return bool(self._matches) and next(self.within(start, end), None) is not None

    def _try_within(self, start: int, end: int) -> None:
        if self._likely and start < end:
            first, last = self._index.turn_of(max(0, start)), self._index.turn_of(end - 1)
            if asked := [turn for turn in range(first, last + 1) if turn in self._likely]:
                self._try(asked)

    @property
    def is_empty(self) -> bool:
        """Whether it was surely said nowhere."""
        return not self._matches and not self._likely


class FoundBefore(Protocol):
    """What was found in a call together with others."""

    @property
    def scanned(self) -> ScannedCall | None: ...
    @property
    def possible(self) -> Mapping[str, list[int]]: ...


class CallMatches:
    """What of a rulebook's lexicon was said in a call."""

    def __init__(self, index: TokenIndex, lexicon: Lexicon, found: FoundBefore | None = None) -> None:
        """`found`: what was found in the call together with others."""
        self.index, self._lexicon = index, lexicon
        self._found_before = found
        self._patterns = lexicon.patterns
        self._found_lists: dict[int, ListMatches] = {}
        self._found_items: dict[int, Sequence[Found]] = {}
        self._found_templates: dict[int, Sequence[Found]] = {}
        self._found_patterns: dict[str, list[TokenRange]] = {}
        self._found_in_sentences: dict[tuple[str, int], list[TokenRange]] = {}

    @cached_property
    def _possible(self) -> Mapping[str, list[int]]:
        """The patterns that may match, and in which sentences."""
        if self._found_before is not None:
            return self._found_before.possible
        return self._patterns.possible(self.index.sentence_texts) if self._patterns.patterns else {}

    @cached_property
    def _scanned(self) -> ScannedCall | None:
        """What a scan finds, for the first who asks; many a rule of a replay asks for no word at all."""
        found = self._found_before.scanned if self._found_before is not None else None
        if found is not None:
            return found
        program = self._lexicon.program()
        return program.scan(self.index) if program else None

    @cached_property
    def _items(self) -> Mapping[int, list[tuple[int, ListItem, int]]]:
        """By list, its items that may have been said: place in the list, item, number in the lexicon."""
        lexicon, found = self._lexicon, dict[int, list[tuple[int, ListItem, int]]]()
        for number in lexicon.items_with(self._parts, self._possible):
            item = lexicon.items[number]
            for listed, place in lexicon.lists_with[number]:
                if listed in found:
                    found[listed].append((place, item, number))
                else:
                    found[listed] = [(place, item, number)]
        return found

    @cached_property
    def _parts(self) -> Mapping[KnownPart, Places]:
        return self._lexicon.find(self.index)

    @cached_property
    def _chains(self) -> ChainMatches:
        # nothing refers back to what it is kept by, so that all goes at once when the call is judged
        own = proxy(self)
        return ChainMatches(self.index, self._parts, lambda listed: own._places(listed))

    def of(self, listed: Phrases) -> ListMatches:
        """Where the phrases and patterns of a list were said, but where an exception takes it back."""
        found = self._found_lists.get(listed.number)
        if found is None:
            found = self._find(listed)
            if listed.number >= 0:
                self._found_lists[listed.number] = found
        return found

    def _find(self, listed: Phrases) -> ListMatches:
        matches: list[Match] = []
        likely: list[tuple[int, ListItem, int]] = []
        if self._scanned and listed.number >= 0:
            matches = list(map(Match._make, self._scanned.lines(listed.number)))
            items: Sequence[tuple[int, ListItem, int]] = self._scanned.program.others.get(listed.number, ())
        else:
            items = self._items_of(listed)
        for place, item, number in items:
            if not isinstance(item.what, Pattern):
                found = self._item(item, number)
            elif sentences := self._possible.get(item.what.source):
                likely += [(place, item, sentence) for sentence in sentences]
                continue
            else:
                found = [
                    (start, end, 0.0, "") for start, end in self.pattern(item.what) if self.stands(item, start, end)
                ]
            matches += [Match(start, end, cost, phrase, place) for start, end, cost, phrase in found]
        return ListMatches(self, matches, likely)

    def _items_of(self, listed: Phrases) -> Sequence[tuple[int, ListItem, int]]:
        """The items of a list that may have been said; the number of those of a list that is in no rulebook is -1."""
        if listed.number < 0:
            return [(place, item, -1) for place, item in enumerate(listed.items)]
        return self._items.get(listed.number, ())

    def _item(self, item: ListItem, number: int) -> Sequence[Found]:
        """Where a template of a list was said and is not taken back."""
        found = self._found_items.get(number)
        if found is None:
            found = self._template(item, self._lexicon.alike[number] if number >= 0 else -1)
            if found and item.exceptions:
                found = [place for place in found if self.stands(item, place[0], place[1])]
            if number >= 0:
                self._found_items[number] = found
        return found

    def _template(self, item: ListItem, number: int) -> Sequence[Found]:
        """Where a template was said; `number` is that of the first item that has it."""
        found = self._found_templates.get(number)
        if found is None:
            own = self._scanned.program.template_of[number] if self._scanned and number >= 0 else None
            if own is not None and self._scanned:
                found = self._scanned.template(own)
            else:
                plans, said = item.plans, self._chains.of
                found = said(plans[0]) if len(plans) == 1 else likest_of([said(plan) for plan in plans])
            if number >= 0:
                self._found_templates[number] = found
        return found

    def _places(self, listed: Phrases) -> Sequence[Found]:
        """Where a list that stands in a template was said, in order."""
        found: list[Sequence[Found]] = []
        for _, item, number in self._items_of(listed):
            if isinstance(item.what, Pattern):
                return once_each(match[:4] for match in self.of(listed).everywhere())
            if places := self._item(item, number):
                found.append(places)
        return found[0] if len(found) == 1 else once_each(chain.from_iterable(found))

    def stands(self, item: ListItem, start: int, end: int) -> bool:
        """Whether no exception of an item takes it back where it was said."""
        return not any(self.taken_back(listed, start, end) for listed in item.exceptions)

    def taken_back(self, by: Phrases, start: int, end: int) -> bool:
        """Whether a list is said in the same sentence, close by."""
        said = self.of(by)
        if said.is_empty:
            return False
        near = EXCEPTION_TOKENS.get(self.index.language, 10)
        first, last = self.index.sentence(start)
        return said.any_within(max(first, start - near), min(max(last, end), end + near))

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
        text = self.index.encoded
        for match in pattern.regex.finditer(text):
            first, last = match.span()
            # line breaks at either edge belong to no token
            while first < last and text[first] in b"\n ":
                first += 1
            while last > first and text[last - 1] in b"\n ":
                last -= 1
            if first < last:
                found.append((self.index.token_at(first), self.index.token_at(last - 1) + 1))
        return found
