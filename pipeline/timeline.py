"""Stretches of time and sets of them, with an algebra. All times are seconds from the recording's start.

A `Span` is one stretch; a `Timeline` is a set of moments, kept as sorted spans that neither touch nor overlap. Both are
immutable. The names follow pyannote.core, whose `Segment` and `Timeline` these are in small.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch of time [start_s, end_s)."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return max(0.0, self.end_s - self.start_s)

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2

    def __and__(self, other: Span) -> Span | None:
        """The stretch in which both last; None when there is none."""
        start_s, end_s = max(self.start_s, other.start_s), min(self.end_s, other.end_s)
        return Span(start_s, end_s) if start_s < end_s else None

    def overlap_s(self, other: Span) -> float:
        """How long both last together, in seconds."""
        return max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


class Timeline:
    """The moments that any of some spans covers: `|` is either, `&` both, `-` the one without the other.

    Iterating gives the spans in order. `gap_s`: spans up to this far apart are one, the time between them included.
    """

    __slots__ = ("_before_s", "_starts_s", "spans")

    spans: tuple[Span, ...]

    def __init__(self, spans: Iterable[Span] = (), gap_s: float = 0.0) -> None:
        self.spans = _union(spans, gap_s)
        self._starts_s: list[float] | None = None
        self._before_s: list[float] | None = None

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeline) and self.spans == other.spans

    def __hash__(self) -> int:
        return hash(self.spans)

    def __repr__(self) -> str:
        return f"Timeline({list(self.spans)!r})"

    def __contains__(self, at_s: float) -> bool:
        return self.at(at_s) is not None

    def __or__(self, other: Iterable[Span]) -> Timeline:
        return Timeline((*self.spans, *other))

    def __and__(self, other: Iterable[Span]) -> Timeline:
        theirs = _timeline(other).spans
        both: list[Span] = []
        i = j = 0
        while i < len(self.spans) and j < len(theirs):
            mine, their = self.spans[i], theirs[j]
            start_s, end_s = max(mine.start_s, their.start_s), min(mine.end_s, their.end_s)
            if start_s < end_s:
                both.append(Span(start_s, end_s))
            if mine.end_s < their.end_s:
                i += 1
            else:
                j += 1
        return Timeline(both)

    def __sub__(self, other: Iterable[Span]) -> Timeline:
        holes = _timeline(other).spans
        left: list[Span] = []
        first = 0
        for span in self.spans:
            while first < len(holes) and holes[first].end_s <= span.start_s:
                first += 1
            start_s = span.start_s
            for hole in holes[first:]:
                if hole.start_s >= span.end_s:
                    break
                if hole.start_s > start_s:
                    left.append(Span(start_s, hole.start_s))
                start_s = max(start_s, hole.end_s)
            if start_s < span.end_s:
                left.append(Span(start_s, span.end_s))
        return Timeline(left)

    def joined(self, gap_s: float) -> Timeline:
        """With the gaps of up to `gap_s` filled."""
        return Timeline(self.spans, gap_s)

    @property
    def total_s(self) -> float:
        """How long it lasts in all."""
        return sum(span.duration_s for span in self.spans)

    def at(self, at_s: float) -> Span | None:
        """The span that a moment is in."""
        index = bisect_right(self._starts(), at_s)
        return self.spans[index - 1] if index and at_s < self.spans[index - 1].end_s else None

    def until_s(self, at_s: float) -> float:
        """How much of it lies before a moment."""
        index = bisect_right(self._starts(), at_s)
        if not index:
            return 0.0
        if self._before_s is None:
            self._before_s = [0.0, *accumulate(span.duration_s for span in self.spans)]
        return self._before_s[index] - max(0.0, self.spans[index - 1].end_s - at_s)

    def within_s(self, region: Span) -> float:
        """How much of it lies in a region."""
        return max(0.0, self.until_s(region.end_s) - self.until_s(region.start_s))

    def _starts(self) -> list[float]:
        if self._starts_s is None:
            self._starts_s = [span.start_s for span in self.spans]
        return self._starts_s


_ORDER = attrgetter("start_s", "end_s")
"""Spans by their own order, which takes its time where there are many."""


def _timeline(spans: Iterable[Span]) -> Timeline:
    return spans if isinstance(spans, Timeline) else Timeline(spans)


def _union(spans: Iterable[Span], gap_s: float) -> tuple[Span, ...]:
    if isinstance(spans, Timeline) and not gap_s:
        return spans.spans
    united: list[Span] = []
    for span in sorted(spans, key=_ORDER):
        if span.end_s <= span.start_s:
            continue
        if united and span.start_s - united[-1].end_s <= gap_s:
            if span.end_s > united[-1].end_s:
                united[-1] = Span(united[-1].start_s, span.end_s)
        else:
            united.append(span)
    return tuple(united)
