"""A rulebook's templates as arrays, for `pipeline.judging.template_scan`, and what a scan found in a call."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from pipeline.judging import list_scan
from pipeline.judging import template_arrays as arrays
from pipeline.judging.chains import Found, gap_sign
from pipeline.judging.compiled import Ints
from pipeline.judging.lexicon import EXCEPTION_TOKENS, KnownPart, Lexicon
from pipeline.judging.phrase_trie import PhraseTrie, build_trie, said_phrases
from pipeline.judging.phrases import ChainPlan, Join, ListItem, Pattern, Phrases
from pipeline.judging.template_scan import scan
from pipeline.judging.templates import NUMBERS, AnyToken, Edge, Named, Spoken
from pipeline.judging.token_index import SaidTokens, TokenIndex, digit_runs
from pipeline.language import phonetics

FIRST_ROOM = 1 << 14
"""Rows that most calls have room in; where one has not, twice as many are tried."""

HeardIn = tuple[int, int, bool, tuple[int, ...]]
"""A source that has a phrase, the phrase's text there, whether it may be heard there by sound, its firm tokens."""


class TemplateProgram:
    """The templates of a lexicon as arrays. Those that hold a list with patterns or exceptions in it are left out."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        order = _Order(lexicon)
        self.template_of = order.templates
        """By the number of the first item that has a template, the template's own; None where it is left out."""
        plans = [plan for plans in order.plans for plan in plans]
        self._sources: dict[tuple[Spoken, bool], int] = {}
        for plan in plans:
            for segment in (plan.first, *(join.segment for join in plan.joins)):
                if isinstance(segment, Spoken):
                    self._sources.setdefault((segment, plan.by_sound), len(self._sources))
        self._sources_of: dict[Spoken, list[tuple[int, bool]]] = defaultdict(list)
        for (segment, by_sound), source in self._sources.items():
            self._sources_of[segment].append((source, by_sound))
        self.texts = sorted({each.text for part in lexicon.parts.values() for each in part.segments})
        self._text_number = {text: number for number, text in enumerate(self.texts)}
        self._heard_in: dict[KnownPart, list[HeardIn]] = {}
        phrases = [(code, self._written_in(alike)) for code, alike in lexicon.written.items()]
        codes = _codes("".join(code for code, _ in phrases))
        ends = np.cumsum([0, *(len(code) for code, _ in phrases)], dtype=np.int64)
        size = 1 << max(4, (2 * len(codes)).bit_length())
        self._trie = PhraseTrie(*build_trie(codes, ends, size))
        self._texts = arrays.Texts(_ptr(self.texts), _codes("".join(self.texts)))
        first_number = len(self._sources)
        numbers = {name: first_number + number for number, name in enumerate(NUMBERS)}
        chains, joins, needed, without = _chains(plans, _Sources(self._sources, numbers, order.lists), lexicon)
        self._program = arrays.Program(
            _ptr([rows for _, rows in phrases]),
            _records([(phrase, *use) for phrase, (_, rows) in enumerate(phrases) for use in rows], arrays.PHRASE_USE),
            _ints(list(NUMBERS.values())), first_number, first_number + len(NUMBERS),
            _ints(order.steps), _ptr(order.plans), chains, needed, joins, _ptr(without),
            np.concatenate([*without, _ints([])]),
            _ptr(order.list_templates), _ints([each for own in order.list_templates for each in own]),
        )  # fmt: skip
        self._room = FIRST_ROOM
        listing = _Listing(lexicon, order.templates)
        self._list_number, self.others = listing.numbers, listing.others
        self._lists = list_scan.ListArrays(_ptr(listing.lines), *_lines(listing.lines))
        self._near = EXCEPTION_TOKENS.get(lexicon.language, 10)

    def _written_in(self, alike: Iterable[KnownPart]) -> list[tuple[int, int]]:
        """The sources that have some phrases which are spelt alike, and the texts they have there."""
        number, sources_of = self._text_number, self._sources_of
        return [
            (source, number[own.text])
            for part in alike
            for own in part.segments
            for source, _ in sources_of.get(own.segment, ())
        ]

    def _hearers(self, part: KnownPart) -> list[HeardIn]:
        """The sources that have a phrase."""
        known = self._heard_in.get(part)
        if known is None:
            long_enough = len(part.words) >= phonetics.SHORTEST
            known = self._heard_in[part] = [
                (source, self._text_number[own.text], by_sound or long_enough, own.firm)
                for own in part.segments
                for source, by_sound in self._sources_of.get(own.segment, ())
            ]
        return known

    def scan(self, index: TokenIndex) -> ScannedCall | None:
        """Where its templates were said in a call; None for one that is to be looked through the plain way."""
        found = self.scan_all(index, [len(index.words)])
        return None if found is None else found.call(0)

    def scan_all(self, said_tokens: SaidTokens, calls: Sequence[int]) -> ScannedCalls | None:
        """Where its templates were said in some calls, one behind another, each of which ends before a token; None
        where one is to be looked through the plain way."""
        code = said_tokens.code(self._lexicon)
        tokens = arrays.TokenArrays(
            _codes(code), _ints(said_tokens.sentence_of), _ints(said_tokens.sentence_ends),
            _ints(digit_runs(code)).reshape(-1, 2), _ints(calls),
        )  # fmt: skip
        heard, heard_in = self._heard(said_tokens)
        said = said_phrases(self._trie, self._program, tokens, heard, heard_in)
        while True:
            pool = arrays.empty_pool(self._room)
            ptr, rows = scan(self._program, self._texts, tokens, said, heard, pool)
            if pool.state[arrays.IS_FULL] & arrays.TOO_MUCH:
                return None
            if not pool.state[arrays.IS_FULL]:
                lists = list_scan.list_rows(self._lists, ptr, rows, tokens, self._near)
                return ScannedCalls(self, pool, (ptr, rows), lists, tokens.calls)
            self._room *= 2

    def _heard(self, tokens: SaidTokens) -> tuple[arrays.Records, Ints]:
        """The phrases that were heard otherwise than they are spelt, as rows, and of each row its source."""
        rows: list[tuple[int, int, float, int]] = []
        heard_in: list[int] = []
        words = tokens.words
        for part, places in self._lexicon.heard(tokens).items():
            for source, text, hears, firm in self._hearers(part):
                for start, end, cost in places:
                    stands = hears and (not firm or phonetics.same_syllables(part.words, words[start:end], firm))
                    rows.append((start, end, cost if stands else math.inf, text))
                    heard_in.append(source)
        return _records(rows, arrays.ROW), _ints(heard_in)

    def list_number(self, listed: int) -> int | None:
        """The place of a list among those whose rows a scan gives; None for one that is not in the rulebook."""
        return self._list_number.get(listed)


class ScannedCalls:
    """What a scan found in some calls, as it is asked for."""

    def __init__(
        self, program: TemplateProgram, pool: arrays.Pool, templates: tuple[Ints, arrays.Records],
        lists: tuple[Ints, arrays.Records], calls: Ints
    ) -> None:  # fmt: skip
        self.program = program
        self._pool, self._templates, self._lists = pool, templates, lists
        self._calls, self._begins = calls, np.concatenate([_ints([0]), calls[:-1]])

    def call(self, number: int) -> ScannedCall:
        """What was found in one of them."""
        return ScannedCall(self, number)

    def list_rows(self, listed: int) -> arrays.Records:
        """Where the lines of a list were said and stand, tokens counted through all calls."""
        number, (ptr, rows) = self.program.list_number(listed), self._lists
        return rows[:0] if number is None else rows[ptr[number] : ptr[number + 1]]

    @cached_property
    def _by_call(self) -> tuple[list[int], list[list[Any]]]:
        """The rows of the lists, call after call, as columns; and where those of each list of each call begin."""
        ptr, rows = self._lists
        if len(self._calls) == 1:
            return ptr.tolist(), _columns(rows)
        lists = len(ptr) - 1
        call = np.searchsorted(self._calls, rows["start"], "right")
        key = call * lists + np.repeat(np.arange(lists), np.diff(ptr))
        order = np.argsort(key, kind="stable")
        rows, begins = rows[order], self._begins[call[order]]
        rows["start"] -= begins
        rows["end"] -= begins
        begin = np.searchsorted(key[order], np.arange(len(self._calls) * lists + 1))
        return begin.tolist(), _columns(rows)

    def template(self, call: int, number: int) -> list[Found]:
        """Where a template was said in a call, in order, each stretch once."""
        ptr, rows = self._templates
        own, begin = rows[ptr[number] : ptr[number + 1]], self._begins[call]
        first, last = np.searchsorted(own["start"], (begin, self._calls[call]))
        starts, ends, costs, texts = _columns(own[first:last])
        return [
            (start - begin, end - begin, cost, self.text(text))
            for start, end, cost, text in zip(starts, ends, costs, texts, strict=True)
        ]

    def lines(self, call: int, listed: int) -> Iterator[tuple[int, int, float, str, int]]:
        """Where the lines of a list were said in a call and stand, in no order: token from, to before, cost, text, and
        the line's place in the list."""
        number = self.program.list_number(listed)
        if number is None:
            return iter(())
        begin, columns = self._by_call
        at = call * (len(self._lists[0]) - 1) + number
        own = slice(begin[at], begin[at + 1])
        starts, ends, costs, texts, places = (column[own] for column in columns)
        return zip(starts, ends, costs, map(self.text, texts), places, strict=True)

    def text(self, number: int) -> str:
        """The text of a row."""
        if number < 0:
            return ""
        written = self.program.texts
        return written[number] if number < len(written) else self._made[number - len(written)]

    @cached_property
    def _made(self) -> list[str]:
        """The texts that were put together."""
        ends = self._pool.ptr[: self._pool.state[arrays.TEXTS] + 1]
        chars = self._pool.chars[: ends[-1]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return [chars[start:end] for start, end in pairwise(ends.tolist())]


class ScannedCall(NamedTuple):
    """One of some calls that were scanned."""

    calls: ScannedCalls
    number: int

    @property
    def program(self) -> TemplateProgram:
        return self.calls.program

    def template(self, number: int) -> list[Found]:
        """Where a template was said, in order, each stretch once."""
        return self.calls.template(self.number, number)

    def lines(self, listed: int) -> Iterator[tuple[int, int, float, str, int]]:
        """Where the lines of a list were said and stand, in no order."""
        return self.calls.lines(self.number, listed)


class _Order:
    """The templates of a lexicon in an order in which each comes behind the lists that it holds."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._number = {item: number for number, item in enumerate(lexicon.items)}
        self.templates: dict[int, int | None] = {}
        self.plans: list[tuple[ChainPlan, ...]] = []
        self.lists: dict[int, int | None] = {}
        self.list_templates: list[list[int]] = []
        self.steps: list[int] = []
        for number in lexicon.alike:
            self._template(number)

    def _template(self, number: int) -> int | None:
        """Its own number; None where it is left out."""
        if number in self.templates:
            return self.templates[number]
        item = self._lexicon.items[number]
        fillings = [self._list(filling) for _, filling in item.filled_by]
        own = None
        if not isinstance(item.what, Pattern) and None not in fillings:
            own = len(self.plans)
            self.plans.append(item.plans)
            self.steps.append(own)
        self.templates[number] = own
        return own

    def _list(self, listed: Phrases) -> int | None:
        if listed.number not in self.lists:
            is_plain = listed.number >= 0 and not any(
                item.exceptions or isinstance(item.what, Pattern) for item in listed.items
            )
            alike, number = self._lexicon.alike, self._number
            inside = [self._template(alike[number[item]]) for item in listed.items] if is_plain else []
            templates = [template for template in inside if template is not None]
            own = None
            if is_plain and len(templates) == len(inside):
                own = len(self.list_templates)
                self.list_templates.append(templates)
                self.steps.append(-1 - own)
            self.lists[listed.number] = own
        return self.lists[listed.number]


class _Listing:
    """The lists of a lexicon as lines of templates, each behind those that take its lines back.

    `others` are, by a list's number, its lines that are left to the plain way: place in the list, item, number.
    """

    def __init__(self, lexicon: Lexicon, templates: Mapping[int, int | None]) -> None:
        self._templates, self._alike = templates, lexicon.alike
        self._items: dict[int, list[tuple[int, ListItem, int]]] = defaultdict(list)
        for number, (item, holders) in enumerate(zip(lexicon.items, lexicon.lists_with, strict=True)):
            for listed, place in holders:
                self._items[listed].append((place, item, number))
        self.numbers: dict[int, int] = {}
        self.others: dict[int, list[tuple[int, ListItem, int]]] = {}
        self.lines: list[list[tuple[int, int, list[int]]]] = []
        for listed in list(self._items):
            self._add(listed)

    def _add(self, listed: int) -> int | None:
        """Its own number; None where some of its lines are left out."""
        if listed not in self.numbers:
            lines: list[tuple[int, int, list[int]]] = []
            others: list[tuple[int, ListItem, int]] = []
            for place, item, number in self._items[listed]:
                template = self._templates[self._alike[number]]
                exceptions = [self._add(each.number) for each in item.exceptions]
                known = [each for each in exceptions if each is not None]
                if template is None or len(known) < len(exceptions):
                    others.append((place, item, number))
                else:
                    lines.append((template, place, known))
            self.others[listed] = others
            self.numbers[listed] = len(self.lines)
            self.lines.append(lines)
        return None if self.others[listed] else self.numbers[listed]


class _Sources:
    """What the segments of chains are called in the arrays."""

    def __init__(
        self, spoken: dict[tuple[Spoken, bool], int], numbers: dict[str, int], lists: dict[int, int | None]
    ) -> None:
        self._spoken, self._numbers, self._lists = spoken, numbers, lists
        self._first_list = len(spoken) + len(numbers)

    def of(self, segment: object, plan: ChainPlan) -> int:
        if isinstance(segment, Spoken):
            return self._spoken[segment, plan.by_sound]
        if isinstance(segment, Named):
            if segment.name in self._numbers:
                return self._numbers[segment.name]
            own = self._lists[plan.filled_by[segment.name].number]
            assert own is not None
            return self._first_list + own
        if isinstance(segment, Edge):
            return arrays.EDGE_START if segment.at == "start" else arrays.EDGE_END
        return arrays.ANY_TOKEN


def _chains(
    plans: Sequence[ChainPlan], sources: _Sources, lexicon: Lexicon
) -> tuple[arrays.Records, arrays.Records, Ints, list[Ints]]:
    """The chains, their joins and what they need, and the sets of words that may not stand in gaps."""
    without: dict[frozenset[str], int] = defaultdict(lambda: len(without))
    joins: list[tuple[int, ...]] = []
    needed: list[int] = []
    chains: list[tuple[int, int, int]] = []
    for plan in plans:
        chains.append((sources.of(plan.first, plan), len(needed), len(joins)))
        needed += [sources.of(each, plan) for each in (*plan.spoken, *plan.named)]
        joins += [_join(sources.of(join.segment, plan), join, without, lexicon.language) for join in plan.joins]
    chains.append((0, len(needed), len(joins)))
    words = [_codes(lexicon.code(sorted(each))) for each in without]
    return _records(chains, arrays.CHAIN), _records(joins, arrays.JOIN), _ints(needed), words


def _lines(lists: Sequence[Sequence[tuple[int, int, Sequence[int]]]]) -> tuple[arrays.Records, Ints]:
    """The lines of all lists, and what takes them back."""
    lines: list[tuple[int, int, int]] = []
    exceptions: list[int] = []
    for template, place, own in chain.from_iterable(lists):
        lines.append((template, place, len(exceptions)))
        exceptions += own
    return _records([*lines, (0, 0, len(exceptions))], list_scan.LINE), _ints(exceptions)


def _columns(rows: arrays.Records) -> list[list[Any]]:
    return [rows[name].tolist() for name in rows.dtype.names or ()]


def _join(source: int, join: Join, without: dict[frozenset[str], int], language: str) -> tuple[int, ...]:
    own = join.segment.without if isinstance(join.segment, AnyToken) else frozenset[str]()
    gap, not_any = (without[words] if words else -1 for words in (join.without, own))
    sign = gap_sign(join.most, language)
    return source, join.is_after, join.least, join.most, gap, not_any, join.optional, ord(sign) if sign else 0


def _records(rows: Sequence[tuple[float, ...]], kind: np.dtype[np.void]) -> arrays.Records:
    return np.array(rows, kind)


def _codes(text: str) -> Ints:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.int32).astype(np.int64)


def _ints(values: Sequence[int] | Sequence[tuple[int, int]] | Ints) -> Ints:
    return np.asarray(values, np.int64)


def _ptr(rows: Sequence[Sequence[object]] | Sequence[Ints]) -> Ints:
    """Where each of some rows begins when they are put behind one another, and where the last ends."""
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)
