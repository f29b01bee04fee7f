"""Some calls out of columns at once: their turns and tokens as arrays, and what of a lexicon was said in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import PARTIES, Party
from pipeline.judging.call_columns import ROLES, CallColumns, TurnColumns
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.phrases import Pattern
from pipeline.judging.span_columns import Seconds
from pipeline.language.normalise import SENTENCE

if TYPE_CHECKING:
    from pipeline.judging.compiled import Ints
    from pipeline.judging.template_arrays import Records
    from pipeline.judging.template_program import ScannedCall, ScannedCalls

Bools = npt.NDArray[np.bool_]


class CallBatch:
    """Some calls of a file of columns, one behind another. Tokens, sentences and turns are counted through all."""

    def __init__(self, columns: CallColumns, rows: Ints, lexicon: Lexicon) -> None:
        self.columns, self.rows, self._lexicon = columns, rows, lexicon
        self.language = lexicon.language
        begins = columns.turn_begins()
        self._turns = _ranges(begins[rows], begins[rows + 1])
        self.call_of = np.repeat(np.arange(len(rows)), begins[rows + 1] - begins[rows])
        """The call of each turn."""

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def turns(self) -> TurnColumns:
        own, at = self.columns.turn_columns, self._turns
        return TurnColumns(own.role[at], own.group[at], own.is_small[at], own.start_s[at], own.end_s[at])

    @cached_property
    def duration_s(self) -> Seconds:
        return self.columns.numbers("duration_s")[self.rows]

    def of_side(self, by: str) -> Bools:
        """The turns of one side; "any": of both."""
        role = self.turns.role
        return role > 0 if by == "any" else role == ROLES.index(by)

    @cached_property
    def _token_sizes(self) -> Ints:
        begins = self.columns.token_begins()
        return begins[self._turns + 1] - begins[self._turns]

    @cached_property
    def behind(self) -> Ints:
        """Of each turn, the token behind its last."""
        return np.cumsum(self._token_sizes)

    @cached_property
    def calls(self) -> Ints:
        """Where each call ends, as tokens."""
        sizes = np.bincount(self.call_of, self._token_sizes, len(self)).astype(np.int64)
        return np.cumsum(sizes)

    @cached_property
    def _tokens(self) -> Ints:
        begins = self.columns.token_begins()
        return _ranges(begins[self._turns], begins[self._turns + 1])

    @cached_property
    def words(self) -> list[str]:
        return self.columns.token_words(self._tokens)

    def code(self, lexicon: Lexicon) -> str:
        return self.columns.coded(self._tokens, lexicon, 0)

    def sounds(self, lexicon: Lexicon) -> str:
        return self.columns.coded(self._tokens, lexicon, 1)

    @cached_property
    def _ends_sentence(self) -> Bools:
        ends: Bools = self.columns.token_breaks(self._tokens) == SENTENCE
        return ends

    @cached_property
    def sentence_of(self) -> Ints:
        return np.cumsum(self._ends_sentence) - self._ends_sentence

    @cached_property
    def sentence_ends(self) -> Ints:
        return np.flatnonzero(self._ends_sentence) + 1

    def turn_of(self, tokens: Ints) -> Ints:
        """The turn of each of some tokens."""
        return np.searchsorted(self.behind, tokens, "right")

    @cached_property
    def scanned(self) -> ScannedCalls | None:
        """What a scan finds in all of them; None where they are better looked through one by one."""
        program = self._lexicon.program(len(self))
        return program.scan_all(self, self.calls.tolist()) if program and self.calls[-1:].any() else None

    @cached_property
    def possible(self) -> list[dict[str, list[int]]]:
        """Of each call the patterns that may match, and in which of its sentences."""
        patterns = self._lexicon.patterns
        if not patterns.patterns:
            return [{} for _ in self.rows]
        sentences = [self.columns.sentence_texts(row) for row in self.rows.tolist()]
        ends = list(accumulate(map(len, sentences)))
        return patterns.possible_in([text for own in sentences for text in own], ends)

    def patterns_in(self, lines: Sequence[Pattern | None], turns: Bools) -> Bools:
        """The calls where one of some patterns may match in one of some turns; None stands for what may be anywhere."""
        found = np.zeros(len(self), bool)
        known = [line.source for line in lines if line and line.source in self._lexicon.patterns.patterns]
        if len(known) < len(lines):
            found[self.call_of[turns]] = True
            return found
        for source in known:
            calls, sentences = self._where.get(source, ((), ()))
            if source in self._lexicon.patterns.across:
                found[list(calls)] = True
            elif sentences:
                turn = self.turn_of(self.sentence_ends[list(sentences)] - 1)
                found[self.call_of[turn[turns[turn]]]] = True
        return found

    @cached_property
    def _where(self) -> dict[str, tuple[list[int], list[int]]]:
        """The patterns that may match: in which calls, and in which sentences."""
        made: dict[str, tuple[list[int], list[int]]] = {}
        first = np.searchsorted(self.sentence_ends, np.concatenate([[0], self.calls[:-1]]), "right").tolist()
        for call, (begin, possible) in enumerate(zip(first, self.possible, strict=True)):
            for source, sentences in possible.items():
                calls, numbers = made.setdefault(source, ([], []))
                calls.append(call)
                numbers += [begin + number for number in sentences]
        return made

    def call(self, number: int) -> CallOfBatch | None:
        """What was found in one of them; None for one that is not in columns."""
        return None if self.columns.is_whole[self.rows[number]] else CallOfBatch(self, number)

    # what follows is asked where there is a scan

    def rows_of(self, listed: int) -> Records:
        """Where the lines of a list were said."""
        assert self.scanned is not None
        return self.scanned.list_rows(listed)

    def text(self, number: int) -> str:
        """The text of a row."""
        assert self.scanned is not None
        return self.scanned.text(number)

    def others_of(self, listed: int) -> list[Pattern | None]:
        """The lines of a list that a scan leaves out: patterns, or None."""
        assert self.scanned is not None
        others = self.scanned.program.others.get(listed, ())
        return [item.what if isinstance(item.what, Pattern) else None for _, item, _ in others]

    def may_say(self, listed: int) -> Bools:
        """The calls where a list may be said."""
        found = np.full(len(self), listed < 0)
        if not found.all():
            found[self.call_of[self.turn_of(self.rows_of(listed)["start"])]] = True
            if others := self.others_of(listed):
                found |= self.patterns_in(others, np.ones(len(self.call_of), bool))
        return found

    def worded_share(self, by: str, from_s: Seconds, to_s: Seconds) -> Seconds:
        """The share of a side's voiced time in a region of each call that has words."""
        parties: tuple[Party, ...] = tuple(party for party in PARTIES if by in ("any", party))
        return self.columns.spans.worded_share(self.rows, parties, from_s, to_s)


class CallOfBatch(NamedTuple):
    """One of some calls, and what was found in it together with the others."""

    batch: CallBatch
    number: int

    @property
    def scanned(self) -> ScannedCall | None:
        """What a scan found; None where the call is better looked through by itself."""
        found = self.batch.scanned
        return None if found is None else found.call(self.number)

    @property
    def possible(self) -> Mapping[str, list[int]]:
        """The patterns that may match, and in which sentences."""
        return self.batch.possible[self.number]


def _ranges(first: Ints, behind: Ints) -> Ints:
    """All numbers of some ranges."""
    sizes = behind - first
    ends = np.cumsum(sizes)
    made: Ints = np.arange(sizes.sum()) + np.repeat(first - (ends - sizes), sizes)
    return made
