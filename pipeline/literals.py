"""Which texts a pattern cannot match, told without running it: every match holds one of a few literal pieces.

A rulebook has many hundreds of patterns and a call satisfies few. The pieces of all patterns are looked up in the
call's own pieces of one to three characters, which takes less time than one search.
"""

from __future__ import annotations

import re._constants as kinds  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterable
from typing import Any

LONGEST = 3
MOST = 60
"""More pieces than this tell too little to be worth their memory."""

Pieces = frozenset[str]


def pieces(pattern: str) -> Pieces | None:
    """Strings of up to three characters, one of which is in every match; None when that cannot be told."""
    try:
        found = _cover(parser.parse(pattern))
    except Exception:  # RE2 knows classes (\\pL) that Python's parser does not
        return None
    return found if found and len(found) <= MOST else None


def _cover(tree: Any) -> Pieces | None:
    """The best cover among the parts of a sequence: the longest shortest piece, then the fewest."""
    best: Pieces | None = None
    runs: list[Pieces | None] = []
    exact: set[str] = {""}
    for kind, value in tree:
        own: set[str] | None = None
        if kind is kinds.LITERAL:
            own = {chr(value)}
        elif kind is kinds.IN and (members := _members(value)):
            own = members
        elif kind is kinds.SUBPATTERN:
            own = _exact(value[-1])
            if own is None:
                runs.append(_cover(value[-1]))
        elif kind is kinds.BRANCH:
            own = _exact_branch(value[1])
            if own is None:
                covers = [_cover(branch) for branch in value[1]]
                runs.append(None if any(c is None for c in covers) else frozenset().union(*covers))  # type: ignore[arg-type]
        elif kind is kinds.MAX_REPEAT or kind is kinds.MIN_REPEAT:
            if value[0] >= 1:
                runs.append(_cover(value[2]))
        elif kind is kinds.AT:
            continue
        if own is not None and len(exact) * len(own) <= MOST:
            exact = {left + right for left in exact for right in own}
        else:
            runs.append(_cut(exact))
            exact = own if own is not None and len(own) <= MOST else {""}
    runs.append(_cut(exact))
    for run in runs:
        if run and (best is None or _worth(run) > _worth(best)):
            best = run
    return best


def _worth(found: Pieces) -> tuple[int, int]:
    return min(map(len, found)), -len(found)


def _cut(strings: Iterable[str]) -> Pieces | None:
    strings = set(strings)
    return None if "" in strings else frozenset(string[:LONGEST] for string in strings)


def _exact(tree: Any) -> set[str] | None:
    """All strings that a part can be, when they are few; None otherwise."""
    strings = {""}
    for kind, value in tree:
        own: set[str] | None = None
        if kind is kinds.LITERAL:
            own = {chr(value)}
        elif kind is kinds.IN:
            own = _members(value)
        elif kind is kinds.SUBPATTERN:
            own = _exact(value[-1])
        elif kind is kinds.BRANCH:
            own = _exact_branch(value[1])
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT) and tuple(value[:2]) == (0, 1):
            own = _exact(value[2])
            own = own | {""} if own is not None else None
        if own is None or len(strings) * len(own) > MOST:
            return None
        strings = {left + right for left in strings for right in own}
    return strings


def _exact_branch(branches: Any) -> set[str] | None:
    found: set[str] = set()
    for branch in branches:
        own = _exact(branch)
        if own is None:
            return None
        found |= own
    return found if len(found) <= MOST else None


def _members(value: Any) -> set[str] | None:
    """The characters of a class, when it lists them."""
    found: set[str] = set()
    for kind, item in value:
        if kind is kinds.LITERAL:
            found.add(chr(item))
        elif kind is kinds.RANGE and item[1] - item[0] < 12:
            found |= {chr(code) for code in range(item[0], item[1] + 1)}
        else:
            return None
    return found


class PieceIndex:
    """All patterns of a rulebook by their pieces."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = frozenset(patterns)
        self._always: set[str] = set()
        self._by_piece: dict[str, list[str]] = {}
        for pattern in self.patterns:
            found = pieces(pattern)
            if found is None:
                self._always.add(pattern)
            for piece in found or ():
                self._by_piece.setdefault(piece, []).append(pattern)
        self._sizes = sorted({len(piece) for piece in self._by_piece})

    def possible(self, text: str) -> set[str]:
        """The patterns that a text may match."""
        grams: set[str] = set()
        for size in self._sizes:
            grams.update([text[at : at + size] for at in range(len(text) - size + 1)])
        found = set(self._always)
        for piece in self._by_piece.keys() & grams:
            found.update(self._by_piece[piece])
        return found
