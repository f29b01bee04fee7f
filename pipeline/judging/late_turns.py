"""What a call has out of columns (`pipeline.judging.call_columns`), made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

from pipeline.datatypes import Party, Turn, Word

if TYPE_CHECKING:
    from pipeline.judging.call_columns import CallColumns

_Value = TypeVar("_Value")


class LateValues(Mapping[Party, _Value]):
    """Something of each party."""

    __slots__ = ("_made", "_make", "_parties")

    def __init__(self, parties: Sequence[Party], make: Callable[[Party], _Value]) -> None:
        self._parties, self._make = parties, make
        self._made: dict[Party, _Value] = {}

    def __getitem__(self, party: Party) -> _Value:
        if party not in self._made:
            if party not in self._parties:
                raise KeyError(party)
            self._made[party] = self._make(party)
        return self._made[party]

    def __iter__(self) -> Iterator[Party]:
        return iter(self._parties)

    def __len__(self) -> int:
        return len(self._parties)

    def __repr__(self) -> str:
        return repr(dict(self))


class LateTurns(Sequence[Turn]):
    """The turns of a call, each made when somebody looks at it: a rule asks for few."""

    __slots__ = ("_columns", "_first", "_made", "_speakers")

    def __init__(self, columns: CallColumns, first: int, last: int, speakers: Sequence[str]) -> None:
        """`first` and `last` are turns counted through all calls."""
        self._columns, self._first, self._speakers = columns, first, speakers
        self._made: list[Turn | None] = [None] * (last - first)

    def _at(self, index: int) -> Turn:
        known = self._made[index]
        if known is None:
            index %= len(self._made)
            known = self._made[index] = self._columns.turn(self._first + index, index, self._speakers)
        return known

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[Turn]:
        return map(self._at, range(len(self._made)))

    @overload
    def __getitem__(self, at: int) -> Turn: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Turn, ...]: ...
    def __getitem__(self, at: int | slice) -> Turn | tuple[Turn, ...]:
        return self._at(at) if isinstance(at, int) else tuple(self)[at]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, LateTurns) else other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class LateWords(Sequence[Word]):
    """The words of a turn."""

    __slots__ = ("_columns", "_made", "_turn")

    def __init__(self, columns: CallColumns, turn: int) -> None:
        self._columns, self._turn = columns, turn
        self._made: tuple[Word, ...] | None = None

    def _all(self) -> tuple[Word, ...]:
        if self._made is None:
            self._made = tuple(self._columns.words(self._turn))
        return self._made

    def __len__(self) -> int:
        return self._columns.word_count(self._turn)

    def __iter__(self) -> Iterator[Word]:
        return iter(self._all())

    @overload
    def __getitem__(self, at: int) -> Word: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Word, ...]: ...
    def __getitem__(self, at: int | slice) -> Word | tuple[Word, ...]:
        return self._all()[at]

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, LateWords) else other)

    def __hash__(self) -> int:
        return hash(self._all())
