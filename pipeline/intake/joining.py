"""From legs to calls: legs that share an id, in whatever file or system it stands, are one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.intake.reader import Leg


@dataclass(frozen=True, slots=True)
class JoinedCall:
    """The legs of one call in order of their begin; those that say none come last, in the order of their files."""

    legs: tuple[Leg, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Every id by which a leg is known."""
        return frozenset(id_ for leg in self.legs for id_ in leg.ids)

    @property
    def recordings(self) -> tuple[str, ...]:
        """Every recording that a leg names."""
        return tuple(dict.fromkeys(name for leg in self.legs for name in leg.recordings))

    def legs_for(self, names: Iterable[str]) -> tuple[Leg, ...]:
        """The legs as they tell of one recording, known under these names: its own, then those of the whole call, then
        those that have another recording."""
        own = set(names)

        def rank(leg: Leg) -> int:
            return 0 if own & set(leg.recordings) else 2 if leg.recordings else 1

        return tuple(sorted(self.legs, key=rank))


def join_legs(legs: Iterable[Leg]) -> list[JoinedCall]:
    """The calls, in the order of their first leg."""
    found = list(legs)
    parent = list(range(len(found)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    first_with: dict[str, int] = {}
    for number, leg in enumerate(found):
        for id_ in leg.ids:
            one, other = root(first_with.setdefault(id_, number)), root(number)
            parent[max(one, other)] = min(one, other)
    calls: dict[int, list[Leg]] = {}
    for number, leg in enumerate(found):
        calls.setdefault(root(number), []).append(leg)
    return [JoinedCall(tuple(in_order(group))) for group in calls.values()]


def in_order(legs: Sequence[Leg]) -> list[Leg]:
    """Legs by their begin; those without an epoch last, by what the clock's text says."""

    def begin(leg: Leg) -> tuple[float, str]:
        epoch_s = float("inf") if leg.epoch_s is None else leg.epoch_s
        return epoch_s, str(leg.cells.get("started_at") or "\uffff")

    return sorted(legs, key=begin)
