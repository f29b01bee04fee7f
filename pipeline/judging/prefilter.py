"""Where a pattern cannot match, told without running it: every match holds one of a few literal pieces.

A rulebook has many hundreds of patterns and a call satisfies few. One pass of an automaton finds the pieces of all
patterns in a call's sentences, which takes less time than a few searches; a pattern is then tried on the sentences
that have its pieces.
"""

from __future__ import annotations

import re
import re._constants as kinds  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import ahocorasick

LONGEST = 16
MOST = 400
"""More pieces than this tell too little to be worth their memory."""

_LETTERS = re.compile(r"\\p(?:\{(?:Han|L|N)\}|[LN])")
"""Classes of RE2 that Python's parser does not know; to it they are letters."""

Pieces = frozenset[str]


def pieces(pattern: str) -> Pieces | None:
    """Strings one of which is in every match; None when that cannot be told."""
    return next(iter(covers(pattern)), None)


def covers(pattern: str) -> tuple[Pieces, ...]:
    """Sets of pieces, each with one that is in every match, the most telling set first."""
    tree = _parsed(pattern)
    return () if tree is None else tuple(sorted(dict.fromkeys(_covers(tree)), key=_worth, reverse=True))


def within_sentence(pattern: str) -> bool:
    """Whether every match lies in one sentence, the line breaks around it included."""
    tree = _parsed(pattern)
    return tree is not None and not _crosses(tree, True, True)


def _parsed(pattern: str) -> Any:
    if "[:" in pattern:
        return None  # [[:digit:]] is a set of letters to Python's parser
    try:
        return parser.parse(_LETTERS.sub(r"\\w", pattern))
    except Exception:  # RE2 knows more than Python's parser
        return None


def _crosses(tree: Any, first: bool, last: bool) -> bool:
    """Whether a line break can be inside a match. `first`, `last`: the tree is where a match begins, or ends."""
    if getattr(tree, "state", None) is not None and tree.state.flags & re.DOTALL:
        return True
    end = len(tree) - 1
    for number, (kind, value) in enumerate(tree):
        # a boundary that is asked for beyond a line break depends on the next sentence
        begins, ends = first and number == 0, last and number == end
        if kind is kinds.LITERAL:
            crosses = value == ord("\n") and not (begins or ends)
        elif kind is kinds.NOT_LITERAL:
            crosses = value != ord("\n") and not (begins or ends)
        elif kind is kinds.IN:
            crosses = _may_be_line_break(value) and not (begins or ends)
        elif kind is kinds.ANY or kind is kinds.AT:
            crosses = False
        elif kind is kinds.SUBPATTERN:
            crosses = bool(value[1] & re.DOTALL) or _crosses(value[-1], begins, ends)
        elif kind is kinds.BRANCH:
            crosses = any(_crosses(branch, begins, ends) for branch in value[1])
        elif kind is kinds.MAX_REPEAT or kind is kinds.MIN_REPEAT:
            crosses = _crosses(value[2], begins and value[1] == 1, ends and value[1] == 1)
        else:
            crosses = True
        if crosses:
            return True
    return False


def _may_be_line_break(members: Any) -> bool:
    """Whether a class has the line break in it; of named classes only digits and letters surely have not."""
    negated, has = False, False
    for kind, item in members:
        if kind is kinds.NEGATE:
            negated = True
        elif kind is kinds.LITERAL:
            has = has or item == ord("\n")
        elif kind is kinds.RANGE:
            has = has or item[0] <= ord("\n") <= item[1]
        elif item in (kinds.CATEGORY_DIGIT, kinds.CATEGORY_WORD):
            continue
        else:
            return True
    return has != negated


def _cover(tree: Any) -> Pieces | None:
    """The best cover among the parts of a sequence: the longest shortest piece, then the fewest."""
    return max(_covers(tree), key=_worth, default=None)


def _covers(tree: Any) -> list[Pieces]:
    """The covers of a sequence: those of its parts, and of the strings that neighbouring parts make together."""
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
                runs += _covers(value[-1])
        elif kind is kinds.BRANCH:
            own = _exact_branch(value[1])
            if own is None:
                each = [_cover(branch) for branch in value[1]]
                runs.append(None if None in each else frozenset().union(*each))  # type: ignore[arg-type]
        elif kind is kinds.MAX_REPEAT or kind is kinds.MIN_REPEAT:
            if value[0] >= 1:
                runs += _covers(value[2])
        elif kind is kinds.AT:
            continue
        if own is not None and len(exact) * len(own) <= MOST:
            exact = {left + right for left in exact for right in own}
        else:
            runs.append(_cut(exact))
            exact = own if own is not None and len(own) <= MOST else {""}
    runs.append(_cut(exact))
    # a piece is looked for in one sentence
    lines = [frozenset(max(piece.split("\n"), key=len) for piece in run) for run in runs if run]
    return [run for run in lines if "" not in run and len(run) <= MOST]


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
    """All patterns of a rulebook by their pieces.

    `patterns` are those that have any; `across` are those of them that may reach over a sentence's end.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        found = {pattern: own for pattern in dict.fromkeys(patterns) if (own := covers(pattern))}
        self.patterns = frozenset(found)
        self.across = frozenset(pattern for pattern in found if not within_sentence(pattern))
        numbers: dict[Pieces, int] = {}
        self._needs: dict[str, frozenset[int]] = {}
        self._by_best: dict[int, list[str]] = {}
        for pattern, (best, *others) in found.items():
            needs = [numbers.setdefault(cover, len(numbers)) for cover in (best, *others)]
            self._needs[pattern] = frozenset(needs)
            self._by_best.setdefault(needs[0], []).append(pattern)
        self._best = frozenset(self._by_best)
        by_piece: dict[str, list[int]] = {}
        for cover, number in numbers.items():
            for piece in cover:
                by_piece.setdefault(piece, []).append(number)
        self._pieces = ahocorasick.Automaton()
        for piece, own_covers in by_piece.items():
            self._pieces.add_word(piece, own_covers)
        self._pieces.make_automaton()

    def possible(self, sentences: Sequence[str]) -> dict[str, list[int]]:
        """The patterns that may match, and the numbers of the sentences where they may (those `across`: nowhere in
        particular)."""
        (found,) = self.possible_in(sentences, [len(sentences)])
        return found

    def possible_in(self, sentences: Sequence[str], calls: Sequence[int]) -> list[dict[str, list[int]]]:
        """The same of several calls, each of which ends before a sentence; sentences are counted in each."""
        found: list[dict[str, list[int]]] = [{} for _ in calls]
        if not self.patterns:
            return found
        needs, by_best, across, best = self._needs, self._by_best, self.across, self._best
        everywhere: list[set[int]] = [set() for _ in calls]
        call, first = 0, 0
        for number, had in self._had(sentences):
            while number >= calls[call]:
                first = calls[call]
                call += 1
            everywhere[call] |= had
            for cover in had & best:
                for pattern in by_best[cover]:
                    if needs[pattern] <= had and pattern not in across:
                        found[call].setdefault(pattern, []).append(number - first)
        for pattern in across:
            for own, had in zip(found, everywhere, strict=True):
                if needs[pattern] <= had:
                    own[pattern] = []
        return found

    def _had(self, sentences: Sequence[str]) -> Iterator[tuple[int, set[int]]]:
        """The sentences that have pieces, and the covers that have these."""
        number, end, had = -1, 0, set[int]()
        for last, own in self._pieces.iter("\n".join(sentences)):
            if last >= end:
                if had:
                    yield number, had
                had = set()
                while last >= end:
                    number += 1
                    end += len(sentences[number]) + 1
            had.update(own)
        if had:
            yield number, had
