"""When the parties of some calls are voiced, and when they are and have words, as columns."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import PARTIES, Party
from pipeline.judging.token_index import Stretches
from pipeline.storage.column_files import Column
from pipeline.timeline import Span

SETS = 2 * len(PARTIES)
"""Sets of spans a call: voiced by each party, then of each party those with words."""

Seconds = npt.NDArray[np.float64]


def ends_of(sizes: Column) -> list[int]:
    """Where things of these sizes begin in a row of them, and where the last ends."""
    return [0, *np.cumsum(sizes, dtype=np.int64).tolist()]


class _Stretches(NamedTuple):
    """Spans in order, and how much lies before each and in all, as `Timeline` has them."""

    starts_s: list[float]
    ends_s: list[float]
    before_s: list[float]

    def until_s(self, at_s: float) -> float:
        index = bisect_right(self.starts_s, at_s)
        return self.before_s[index] - max(0.0, self.ends_s[index - 1] - at_s) if index else 0.0

    def within_s(self, region: Span) -> float:
        return max(0.0, self.until_s(region.end_s) - self.until_s(region.start_s))


class _Table(NamedTuple):
    """One set of all calls, a row a call, filled up with spans that never begin."""

    starts_s: Seconds
    ends_s: Seconds
    before_s: Seconds

    def until_s(self, rows: npt.NDArray[np.int64], at_s: Seconds) -> Seconds:
        index = (self.starts_s[rows] <= at_s[:, None]).sum(axis=1)
        left_s = np.maximum(0.0, self.ends_s[rows, np.maximum(index - 1, 0)] - at_s)
        made: Seconds = np.where(index > 0, self.before_s[rows, index] - left_s, 0.0)
        return made

    def within_s(self, rows: npt.NDArray[np.int64], from_s: Seconds, to_s: Seconds) -> Seconds:
        return np.maximum(0.0, self.until_s(rows, to_s) - self.until_s(rows, from_s))


class SpanColumns:
    """The spans of some calls. `counts`: of each set of each call, how many there are and one more; 0 where the party
    is none of the call's. `times_s` (spans, 2)."""

    def __init__(self, counts: npt.NDArray[np.int64], times_s: Seconds) -> None:
        self._counts, self.times_s = counts, times_s
        self.ends = ends_of(np.maximum(counts - 1, 0))

    def _slice(self, row: int, party: Party, worded: bool) -> slice:
        number = SETS * row + PARTIES.index(party) + (len(PARTIES) if worded else 0)
        return slice(self.ends[number], self.ends[number + 1])

    def voiced_parties(self, row: int) -> list[Party]:
        return [party for number, party in enumerate(PARTIES) if self._counts[SETS * row + number]]

    def of(self, row: int, party: Party, worded: bool = False) -> tuple[Span, ...]:
        """When a party of a call is voiced (and has words)."""
        return tuple([Span(*times) for times in self.times_s[self._slice(row, party, worded)].tolist()])

    @cached_property
    def is_plain(self) -> npt.NDArray[np.bool_]:
        """(calls,): whether the spans of every set stand in order, and apart."""
        starts_s, ends_s = self.times_s.T
        good = ends_s > starts_s
        good[1:] &= (starts_s[1:] > ends_s[:-1]) | np.isin(np.arange(1, len(good)), self.ends)
        bad = np.concatenate([[0], np.cumsum(~good)])[self.ends]
        is_plain: npt.NDArray[np.bool_] = bad[SETS::SETS] == bad[:-SETS:SETS]
        return is_plain

    def stretches(self, row: int, party: Party, worded: bool) -> Stretches:
        """When a party of a call is voiced (and has words). The call must be plain."""
        starts_s, ends_s = self.times_s[self._slice(row, party, worded)].T
        return _Stretches(starts_s.tolist(), ends_s.tolist(), [0.0, *np.cumsum(ends_s - starts_s).tolist()])

    def worded_share(
        self, rows: npt.NDArray[np.int64], parties: tuple[Party, ...], from_s: Seconds, to_s: Seconds
    ) -> Seconds:
        """The share of the voiced time of some parties that has words, in a region of each of some calls; 1 where
        hardly anything is voiced. The calls must be plain."""
        sums = [np.zeros(len(rows)), np.zeros(len(rows))]
        for worded in (False, True):
            for party in parties:
                sums[worded] = sums[worded] + self._table(party, worded).within_s(rows, from_s, to_s)
        voiced_s, worded_s = sums
        has = voiced_s >= 0.5
        made: Seconds = np.where(has, worded_s / np.where(has, voiced_s, 1.0), 1.0)
        return made

    def _table(self, party: Party, worded: bool) -> _Table:
        known = self._tables.get((party, worded))
        if known is None:
            first = PARTIES.index(party) + (len(PARTIES) if worded else 0)
            ends = np.array(self.ends)
            begins, sizes = ends[:-1][first::SETS], np.diff(ends)[first::SETS]
            place = np.arange(sizes.max(initial=0))
            has = place < sizes[:, None]
            at = np.where(has, begins[:, None] + place, 0)
            times_s = self.times_s if len(self.times_s) else np.zeros((1, 2))
            starts_s, ends_s = times_s[at, 0], times_s[at, 1]
            # added up one after the other, as those of one call are
            before_s = np.cumsum(np.where(has, ends_s - starts_s, 0.0), axis=1)
            known = self._tables[party, worded] = _Table(
                np.where(has, starts_s, np.inf), np.pad(ends_s, ((0, 0), (0, 1))), np.pad(before_s, ((0, 0), (1, 0)))
            )
        return known

    @cached_property
    def _tables(self) -> dict[tuple[Party, bool], _Table]:
        return {}
