"""A token index that is read out of columns (`pipeline.judging.call_columns`)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.datatypes import PARTIES, Call, Party
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.token_index import Stretches, TokenIndex
from pipeline.language.normalise import SENTENCE
from pipeline.storage.column_files import Column
from pipeline.timeline import Span

if TYPE_CHECKING:
    from pipeline.judging.call_columns import CallColumns


class StoredIndex(TokenIndex):
    """A token index that is read out of columns, and what was worked out of it too, as it is asked for."""

    def __init__(self, columns: CallColumns, row: int, call: Call) -> None:
        self.__dict__.update(columns=columns, row=row, call=call, language=call.language)

    columns: CallColumns
    row: int

    @cached_property
    def text(self) -> str:
        return self.columns.text(self.row)

    @cached_property
    def words(self) -> list[str]:
        return self.columns.token_words(self.columns.token_range(self.row))

    @cached_property
    def _places(self) -> tuple[list[int], list[int]]:
        return self.columns.token_places(self.row)

    @property
    def starts(self) -> list[int]:
        return self._places[0]

    @property
    def ends(self) -> list[int]:
        return self._places[1]

    @property
    def _breaks(self) -> Column:
        return self.columns.token_breaks(self.columns.token_range(self.row))

    @cached_property
    def breaks(self) -> list[int]:
        return list(self._breaks.tolist())

    @cached_property
    def first(self) -> list[int]:
        return self.columns.first_tokens(self.row)

    @cached_property
    def covered(self) -> dict[Party, tuple[Span, ...]]:
        return {party: self.columns.spans.of(self.row, party, worded=True) or () for party in PARTIES}

    @cached_property
    def exchanges(self) -> list[tuple[str, list[int]]]:
        return self.columns.exchanges(self.row)

    def _stretches(self, party: Party) -> tuple[Stretches, Stretches]:
        spans, row = self.columns.spans, self.row
        if not spans.is_plain[row]:
            return super()._stretches(party)
        return spans.stretches(row, party, False), spans.stretches(row, party, True)

    def code(self, lexicon: Lexicon) -> str:
        return self.columns.coded(self.columns.token_range(self.row), lexicon, 0)

    def sounds(self, lexicon: Lexicon) -> str:
        return self.columns.coded(self.columns.token_range(self.row), lexicon, 1)

    @cached_property
    def live(self) -> Span:
        starts_s, ends_s = self.columns.turn_times(self.row)
        turns = self.side("any").turns
        return Span(min([starts_s[turn] for turn in turns]), max([ends_s[turn] for turn in turns]))

    @cached_property
    def _begins(self) -> list[int]:
        return self.columns.text_begins(self.row)

    @cached_property
    def turn_at(self) -> list[int]:
        first = np.array(self.first)
        return np.repeat(np.arange(len(first) - 1), np.diff(first)).tolist()

    @cached_property
    def sentence_of(self) -> list[int]:
        sizes = np.diff(np.array([0, *self.sentence_ends]))
        return np.repeat(np.arange(len(sizes)), sizes).tolist()

    @cached_property
    def smalls(self) -> list[bool]:
        return self.columns.smalls(self.row)

    @cached_property
    def sentence_ends(self) -> list[int]:
        return (np.flatnonzero(self._breaks == SENTENCE) + 1).tolist()

    @cached_property
    def sentence_texts(self) -> list[str]:
        return self.columns.sentence_texts(self.row)

    def word_times(self, turn: int) -> list[tuple[int, int, float, float]]:
        found = self.columns.word_places(self.columns.turn_number(self.row, turn))
        return found or super().word_times(turn)
