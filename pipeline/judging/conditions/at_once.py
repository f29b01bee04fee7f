"""Conditions asked of some calls at once: which truths are possible, as far as arrays tell.

What comes to one truth is that of the condition asked of the call by itself. What does not is asked so: a condition
that arrays cannot tell may come to any.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pipeline.judging.call_batch import Bools, CallBatch
    from pipeline.judging.compiled import Ints
    from pipeline.judging.conditions.base import Node, Side
    from pipeline.judging.conditions.windows import Range, Window
    from pipeline.judging.span_columns import Seconds

Truths = npt.NDArray[np.uint8]
"""Of each call the truths that are possible, as bits."""

YES, NO, NOT_SURE = TRUTHS = 1, 2, 4
ANY_TRUTH = YES | NO | NOT_SURE


def all_of(parts: list[Truths]) -> Truths:
    """What all of some conditions may come to."""
    every, decided, some, open_ = (np.full_like(parts[0], bits) for bits in (YES, 0, NOT_SURE, 0))
    for part in parts:
        every &= part
        decided |= part & NO
        some &= part << 2 | part
        open_ |= part & NOT_SURE
    return every | decided | (some & open_)


def opposite(truths: Truths) -> Truths:
    """What the contrary may come to."""
    return ((truths & YES) << 1 | (truths & NO) >> 1 | (truths & NOT_SURE)).astype(np.uint8)


def any_of(parts: list[Truths]) -> Truths:
    """What any of some conditions may come to."""
    return opposite(all_of([opposite(part) for part in parts]))


def one_after_another(parts: list[Truths]) -> Truths:
    """What some conditions one after the other may come to: where all hold, it may be in another order."""
    together = all_of(parts)
    return (together | (together & YES) << 1).astype(np.uint8)


class ScopesAtOnce(NamedTuple):
    """Where a condition looks in each call. `turns`: the turns; `has`: the calls that have any; `absent`: what it comes
    to that nothing was found there; `is_limited`: not all that is said in these turns counts."""

    turns: Bools
    has: Bools
    absent: Truths
    is_limited: bool


class _Groups(NamedTuple):
    """The exchanges of one side in all calls, by those of both: which they are, and which more than a 嗯; of each turn
    its own."""

    chosen: Bools
    solid: Bools
    call: Ints
    of_turn: Ints


class EvaluationAtOnce:
    """Some calls being judged at once."""

    def __init__(self, calls: CallBatch, coverage: float) -> None:
        self.calls, self._coverage = calls, coverage
        self._truths: dict[int, Truths] = {}
        self._scopes: dict[tuple[str, Side], ScopesAtOnce] = {}

    @property
    def anything(self) -> Truths:
        """What cannot be told."""
        return np.full(len(self.calls), ANY_TRUTH, np.uint8)

    def truths(self, node: Node) -> Truths:
        """What a condition may come to."""
        found = self._truths.get(node.number)
        if found is None:
            found = node.condition.truths(self)
            found[self.calls.columns.is_whole[self.calls.rows]] = ANY_TRUTH
            if node.number >= 0:
                self._truths[node.number] = found
        return found

    def scopes(self, window: Window | None, by: Side) -> ScopesAtOnce | None:
        """Where a condition looks for what is said by one side; None where arrays do not tell."""
        if window is not None and window.around is not None:
            return None
        key = (window.key if window is not None else "", by)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = self._found(window, by)
        return found

    def _found(self, window: Window | None, by: Side) -> ScopesAtOnce:
        turns, own = self.calls.turns, self.calls.of_side(by)
        from_s, to_s = np.zeros(len(self.calls)), self.calls.duration_s
        if window is None:
            return ScopesAtOnce(own, self._have(own), self._absent(by, *self._live), False)
        who = window.by or by
        groups = self._groups(who)
        picked = groups.chosen[groups.of_turn] & (groups.of_turn >= 0)
        counted = picked
        if window.turns is not None:
            picked = picked & self._count(groups, window.turns)[groups.of_turn]
            has = self._have(picked)
            if window.turns.first != 1:
                from_s = np.where(has, self._least(turns.start_s, picked), from_s)
            if window.turns.last != -1:
                to_s = np.where(has, self._most(turns.end_s, picked), to_s)
        chosen = picked & own
        limit = window.seconds or window.percent
        if limit is not None:
            first_s, last_s = self._limit(window, self._least(turns.start_s, counted))
            from_s = np.maximum(from_s, 0.0 if limit.first == 0 else first_s)
            to_s = np.minimum(to_s, last_s)
            within_s = np.minimum(turns.end_s, last_s[self.calls.call_of])
            chosen &= within_s - np.maximum(turns.start_s, first_s[self.calls.call_of]) > 0
        return ScopesAtOnce(chosen, self._have(chosen), self._absent(by, from_s, to_s), limit is not None)

    def _limit(self, window: Window, said_s: Seconds) -> tuple[Seconds, Seconds]:
        """The stretch of time of a window in each call; `said_s`: when its side begins."""
        start_s, end_s = self._live
        first_s, last_s = np.zeros(len(said_s)), np.full(len(said_s), math.inf)
        if window.seconds is not None:
            wanted = window.seconds
            first_s = (said_s if wanted.first >= 0 else end_s) + wanted.first
            if wanted.last != math.inf:
                last_s = (said_s if wanted.last >= 0 else end_s) + wanted.last
        if window.percent is not None:
            length_s = end_s - start_s
            first_s = np.maximum(first_s, start_s + length_s * window.percent.first / 100)
            if window.percent.last < 100:
                last_s = np.minimum(last_s, start_s + length_s * window.percent.last / 100)
        return first_s, last_s

    @cached_property
    def _live(self) -> tuple[Seconds, Seconds]:
        """From the first to the last word of the two sides; of calls where they say nothing 0 and 0."""
        own, turns = self.calls.of_side("any"), self.calls.turns
        return self._least(turns.start_s, own), self._most(turns.end_s, own)

    def _have(self, turns: Bools) -> Bools:
        """The calls that have one of some turns."""
        made = np.zeros(len(self.calls), bool)
        made[self.calls.call_of[turns]] = True
        return made

    def _least(self, values: Seconds, turns: Bools) -> Seconds:
        """The least of the values of some turns of each call, 0 where it has none of them."""
        made = np.full(len(self.calls), math.inf)
        np.minimum.at(made, self.calls.call_of[turns], values[turns])
        return np.where(made < math.inf, made, 0.0)

    def _most(self, values: Seconds, turns: Bools) -> Seconds:
        return -self._least(-values, turns)

    def _groups(self, who: Side) -> _Groups:
        calls, turns = self.calls, self.calls.turns
        most = np.zeros(len(calls), np.int64)
        np.maximum.at(most, calls.call_of, turns.group)
        begins = np.cumsum(most) - most
        of_turn = np.where(turns.group > 0, begins[calls.call_of] + turns.group - 1, -1)
        call = np.repeat(np.arange(len(calls)), most)
        # one more: what is in no exchange is in none of these
        chosen, solid = np.zeros((2, len(call) + 1), bool)
        chosen[of_turn[calls.of_side(who)]] = True
        solid[of_turn[~turns.is_small]] = True
        chosen[-1] = False
        solid &= chosen
        some = np.zeros(len(calls), bool)
        some[call[solid[:-1]]] = True
        solid[:-1] |= chosen[:-1] & ~some[call]
        return _Groups(chosen, solid, call, of_turn)

    def _count(self, groups: _Groups, wanted: Range) -> Bools:
        """The exchanges from one number to another; a 嗯 is taken along but not counted."""
        call = groups.call
        solid = groups.solid[:-1]
        count = np.bincount(call[solid], minlength=len(self.calls))
        first = int(wanted.first) - 1 if wanted.first > 0 else count + int(wanted.first)
        last = int(wanted.last) - 1 if wanted.last > 0 else count + int(wanted.last)
        first, last = np.maximum(first, 0) + np.zeros_like(count), last + np.zeros_like(count)
        is_some = (first < count) & (last >= 0) & (last >= first)
        last = np.minimum(last, count - 1)
        begins = np.cumsum(count) - count
        # the number of the last solid one up to there
        number = np.cumsum(solid) - begins[call] - 1
        made = (first[call] == 0) | (number >= first[call])
        made &= (last[call] == count[call] - 1) | (number < last[call]) | (number == last[call]) & solid
        return np.append(made & is_some[call], False)

    def _absent(self, by: Side, from_s: Seconds, to_s: Seconds) -> Truths:
        """What it comes to that nothing was found: no, or unsure where too little of the speech has words."""
        columns, rows = self.calls.columns, self.calls.rows
        share = self.calls.worded_share(by, from_s, to_s)
        made = np.where(share < self._coverage, NOT_SURE, NO).astype(np.uint8)
        made[~columns.spans.is_plain[rows]] = NO | NOT_SURE
        return made
