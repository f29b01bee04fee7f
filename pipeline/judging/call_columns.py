"""Calls as columns: all that rules may see of some hundreds of calls, tokens included, in arrays.

A call comes back equal, and its token index as `index_call` makes it; what takes time there (words as objects, tokens)
is put off or read out of the arrays. Calls that are not as `build_call` makes them go through whole, as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.datatypes import (
    CDR,
    PARTIES,
    Call,
    Facts,
    HangUp,
    LineEvent,
    Overlap,
    Party,
    Role,
    Roles,
    Silence,
    Turn,
    Word,
)  # fmt: skip
from pipeline.errors import BadArtefact
from pipeline.judging.late_turns import LateTurns, LateValues, LateWords
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.span_columns import SpanColumns, ends_of
from pipeline.judging.stored_index import StoredIndex
from pipeline.judging.token_index import TokenIndex, index_call
from pipeline.language.normalise import TEXT_END
from pipeline.storage.column_files import Column, ColumnFile, damaged_columns
from pipeline.timeline import Span

if TYPE_CHECKING:
    from pipeline.judging.compiled import Ints

MICRO = 1_000_000
"""Numbers are written as steps of millionths, where that loses nothing."""
ROLES: tuple[Role, ...] = ("unknown", *PARTIES)
HUNG_UP_BY = (None, "agent", "customer", "system")


class CallRest(msgspec.Struct, frozen=True, array_like=True):
    """What a call has besides words, levels and voiced spans; `levels` are the numbers of steps of each party."""

    sha256: str
    language: str
    cdr: CDR
    roles: Roles
    silences: tuple[Silence, ...]
    overlaps: tuple[Overlap, ...]
    overlap_heard: bool
    events: tuple[LineEvent, ...]
    levels: dict[Party, int]
    hang_up: HangUp
    facts: Facts
    speakers: tuple[str, ...]
    whole: Call | None = None


_rest_decoder = msgspec.msgpack.Decoder(CallRest)
_vocabulary_decoder = msgspec.msgpack.Decoder(list[str])


class TurnColumns(NamedTuple):
    """Turns: who speaks (its place in `ROLES`), in which of the call's exchanges (from 1; 0 for none), whether it is a
    backchannel only, and when."""

    role: Column
    group: Column
    is_small: npt.NDArray[np.bool_]
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]


class CallColumns:
    """Some calls in a file of columns. Raises BadArtefact when it is damaged, when it is made or later."""

    def __init__(self, file: ColumnFile) -> None:
        self._file = file
        self._turns = ends_of(file["turn_count"])
        self.is_whole = self._column("is_whole", len(self)).astype(bool)
        """Of each call, whether it is kept whole: of those nothing else is in columns."""

    def __len__(self) -> int:
        return len(self._turns) - 1

    @cached_property
    def _rests(self) -> list[int]:
        return ends_of(self._column("rest_size", len(self)))

    @cached_property
    def _rest(self) -> memoryview:
        return memoryview(self._column("rest", self._rests[-1]).tobytes())

    @cached_property
    def _texts(self) -> list[int]:
        return ends_of(self._of_turns("turn_text_size").astype(np.int64) + 1)

    @cached_property
    def _text(self) -> str:
        return self._read_text("text", self._texts[-1])

    @cached_property
    def _sentences(self) -> list[int]:
        return ends_of(self._column("sentence_size", len(self)))

    @cached_property
    def _sentence_text(self) -> str:
        return self._read_text("sentence_text", self._sentences[-1])

    @cached_property
    def _words(self) -> list[int]:
        return ends_of(self._of_turns("turn_words"))

    @cached_property
    def _tokens(self) -> list[int]:
        return ends_of(self._of_turns("turn_tokens"))

    @cached_property
    def _speakers(self) -> list[int]:
        return _list(self._of_turns("turn_speaker"))

    @cached_property
    def _smalls(self) -> list[bool]:
        return _list(self.turn_columns.is_small)

    @cached_property
    def _turn_roles(self) -> list[int]:
        return _list(self.turn_columns.role)

    @cached_property
    def _groups(self) -> list[int]:
        return _list(self.turn_columns.group)

    @cached_property
    def _times(self) -> list[list[float]]:
        return [self.turn_columns.start_s.tolist(), self.turn_columns.end_s.tolist()]

    @cached_property
    def turn_columns(self) -> TurnColumns:
        """The turns of all calls."""
        times = _read_numbers(self._file, "turn_s")
        if len(times) != 2 * self._turns[-1]:
            raise self._damaged()
        return TurnColumns(
            self._of_turns("turn_role"), self._of_turns("turn_group"),
            self._of_turns("turn_is_small").astype(bool), times[::2], times[1::2],
        )  # fmt: skip

    def _of_turns(self, name: str) -> Column:
        return self._column(name, self._turns[-1])

    def _read_text(self, name: str, length: int) -> str:
        try:
            text = self._file[name].tobytes().decode()
        except ValueError as error:
            raise self._damaged() from error
        if len(text) != length:
            raise self._damaged()
        return text

    def _damaged(self) -> BadArtefact:
        return damaged_columns(self._file.path, ValueError())

    @cached_property
    def _vocabulary(self) -> npt.NDArray[np.object_]:
        names = _vocabulary_decoder.decode(self._file["vocabulary"].tobytes())
        made = np.empty(len(names), np.object_)
        made[:] = names
        return made

    @cached_property
    def _token(self) -> Column:
        return self._column("token", self._tokens[-1])

    @cached_property
    def _token_step(self) -> Column:
        return self._column("token_step", self._tokens[-1])

    @cached_property
    def _token_size(self) -> Column:
        return self._column("token_size", self._tokens[-1])

    @cached_property
    def _token_break(self) -> Column:
        return self._column("token_break", self._tokens[-1])

    @cached_property
    def _level_ends(self) -> list[int]:
        return ends_of(self._column("level_count", len(self)))

    @cached_property
    def _levels(self) -> npt.NDArray[np.float64]:
        made = _read_numbers(self._file, "level")
        if len(made) != self._level_ends[-1]:
            raise self._damaged()
        return made

    @cached_property
    def spans(self) -> SpanColumns:
        """When the parties of all calls are voiced, and when they are and have words."""
        counts = self._column("span_count", 2 * len(PARTIES) * len(self)).astype(np.int64)
        made = SpanColumns(counts, _read_numbers(self._file, "span_s").reshape(-1, 2))
        if len(made.times_s) != made.ends[-1]:
            raise self._damaged()
        return made

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """A number of each call."""
        return self._column(name, len(self)).astype(np.float64)

    @cached_property
    def speaks(self) -> npt.NDArray[np.bool_]:
        """(calls, parties): whether somebody is known to speak."""
        return self._column("speaks", len(PARTIES) * len(self)).astype(bool).reshape(-1, len(PARTIES))

    @cached_property
    def hung_up_by(self) -> Column:
        """Of each call who released the line, by its place in `HUNG_UP_BY`."""
        return self._column("hung_up_by", len(self))

    @cached_property
    def word_columns(self) -> tuple[Column, Column, Column, Column, Column]:
        """Of each word, the gap before it and its length in its turn's text, channel, probability, and times."""
        count = self._words[-1]
        times = _read_numbers(self._file, "word_s").reshape(-1, 2)
        probability = _read_numbers(self._file, "word_probability")
        if len(times) != count or len(probability) != count:
            raise self._damaged()
        names = ("word_gap", "word_size", "word_channel")
        gap, size, channel = (self._column(name, count) for name in names)
        return gap, size, channel, probability, times

    def _column(self, name: str, length: int) -> Column:
        made = self._file[name]
        if len(made) != length:
            raise self._damaged()
        return made

    def rest(self, row: int) -> CallRest:
        """What a call has besides words and levels."""
        try:
            return _rest_decoder.decode(self._rest[self._rests[row] : self._rests[row + 1]])
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._damaged() from error

    def index(self, row: int) -> TokenIndex:
        """A call, made ready for matching."""
        rest = self.rest(row)
        if rest.whole is not None:
            return index_call(rest.whole, rest.language)
        return StoredIndex(self, row, self._call(row, rest))

    def call(self, row: int) -> Call:
        """A call; its turns' words are made when somebody asks for them."""
        rest = self.rest(row)
        return rest.whole or self._call(row, rest)

    def _call(self, row: int, rest: CallRest) -> Call:
        turns = cast("tuple[Turn, ...]", LateTurns(self, self._turns[row], self._turns[row + 1], rest.speakers))
        levels = LateValues(tuple(rest.levels), lambda party: self._levels_of(row, rest, party))
        voiced = LateValues(self.spans.voiced_parties(row), lambda party: self.spans.of(row, party) or ())
        return Call(
            rest.sha256, rest.language, rest.cdr, turns, rest.roles,
            cast("dict[Party, tuple[Span, ...]]", voiced), rest.silences, rest.overlaps, rest.overlap_heard,
            rest.events, cast("dict[Party, tuple[float, ...]]", levels), rest.hang_up, rest.facts,
        )  # fmt: skip

    def _levels_of(self, row: int, rest: CallRest, party: Party) -> tuple[float, ...]:
        at = self._level_ends[row]
        for name, count in rest.levels.items():
            if name == party:
                return tuple(self._levels[at : at + count].tolist())
            at += count
        return ()

    def turn(self, turn: int, index: int, speakers: Sequence[str]) -> Turn:
        """A turn, counted through all calls, by its index in its own."""
        text = self._text[self._texts[turn] : self._texts[turn + 1] - 1]
        span = Span(self._times[0][turn], self._times[1][turn])
        words = cast("tuple[Word, ...]", LateWords(self, turn))
        return Turn(index, span, speakers[self._speakers[turn]], text, words)

    def words(self, turn: int) -> Iterator[Word]:
        """The words of a turn, counted through all calls."""
        text = self._text[self._texts[turn] : self._texts[turn + 1] - 1]
        begin, end = self._words[turn], self._words[turn + 1]
        channels, probabilities = (self.word_columns[n][begin:end].tolist() for n in (2, 3))
        for place, channel, probability in zip(self.word_places(turn), channels, probabilities, strict=True):
            at, behind, start_s, end_s = place
            yield Word(Span(start_s, end_s), text[at:behind], probability, channel)

    def coded(self, tokens: slice | Ints, lexicon: Lexicon, which: int) -> str:
        """Some tokens, counted through all calls, as a lexicon writes them, or (1) their sounds, one character each."""
        tables = self._codes.get(lexicon)
        if tables is None:
            code = lexicon.code(self._vocabulary.tolist())
            tables = self._codes[lexicon] = _characters(code), _characters(lexicon.sound(code))
        return tables[which][self._token[tokens]].tobytes().decode("utf-32-le")

    @cached_property
    def _codes(self) -> dict[Lexicon, tuple[Column, Column]]:
        return {}

    def turn_times(self, row: int) -> tuple[list[float], list[float]]:
        """When each turn of a call starts, and when it ends, in seconds."""
        own = self.turn_range(row)
        return self._times[0][own], self._times[1][own]

    def turn_begins(self) -> Ints:
        """The first turn of each call, counted through all, and the number of turns."""
        return np.array(self._turns)

    def token_begins(self) -> Ints:
        """The first token of each turn, counted through all calls, and the number of tokens."""
        return np.array(self._tokens)

    def turn_range(self, row: int) -> slice:
        """The turns of a call, counted through all calls."""
        return slice(self._turns[row], self._turns[row + 1])

    def token_range(self, row: int) -> slice:
        """The tokens of a call, counted through all calls."""
        return slice(self._tokens[self._turns[row]], self._tokens[self._turns[row + 1]])

    def token_words(self, tokens: slice | Ints) -> list[str]:
        return _list(self._vocabulary[self._token[tokens]])

    def token_places(self, row: int) -> tuple[list[int], list[int]]:
        """Where the tokens of a call begin and end in its text."""
        own = self.token_range(row)
        starts = np.cumsum(self._token_step[own], dtype=np.int64)
        return starts.tolist(), (starts + self._token_size[own]).tolist()

    def token_breaks(self, tokens: slice | Ints) -> Column:
        return self._token_break[tokens]

    def first_tokens(self, row: int) -> list[int]:
        """The first token of each turn of a call, and the number of tokens."""
        own = self._tokens[self._turns[row] : self._turns[row + 1] + 1]
        return [at - own[0] for at in own]

    def text(self, row: int) -> str:
        return self._text[self._texts[self._turns[row]] : self._texts[self._turns[row + 1]]]

    def sentence_texts(self, row: int) -> list[str]:
        return self._sentence_text[self._sentences[row] : self._sentences[row + 1]].split(TEXT_END)[:-1]

    def smalls(self, row: int) -> list[bool]:
        return self._smalls[self.turn_range(row)]

    def exchanges(self, row: int) -> list[tuple[str, list[int]]]:
        """The exchanges of a call: role, turns."""
        groups: list[tuple[str, list[int]]] = []
        own = self.turn_range(row)
        for turn, (number, role) in enumerate(zip(self._groups[own], self._turn_roles[own], strict=True)):
            # an exchange begins with a turn behind those that the ones before it begin with
            if number > len(groups):
                groups.append((ROLES[role], []))
            if number:
                groups[number - 1][1].append(turn)
        return groups

    def text_begins(self, row: int) -> list[int]:
        """Where each turn's text begins in a call's, and where the last ends."""
        own = self._texts[self._turns[row] : self._turns[row + 1] + 1]
        return [at - own[0] for at in own]

    def turn_number(self, row: int, turn: int) -> int:
        """A turn of a call, counted through all calls."""
        return self._turns[row] + turn

    def word_count(self, turn: int) -> int:
        return self._words[turn + 1] - self._words[turn]

    def word_places(self, turn: int) -> list[tuple[int, int, float, float]]:
        """Of each word of a turn, offsets in its text, start and end in seconds."""
        begin, end = self._words[turn], self._words[turn + 1]
        gap, size, _, _, times = (column[begin:end] for column in self.word_columns)
        behind = np.cumsum(gap.astype(np.int64) + size)
        return list(zip((behind - size).tolist(), behind.tolist(), *times.T.tolist(), strict=True))


def _read_numbers(file: ColumnFile, name: str) -> npt.NDArray[np.float64]:
    if name in file:
        return file[name].astype(np.float64)
    millionths = np.cumsum(file[f"{name}_steps"].astype(np.int64))
    bits = (millionths / MICRO).view(np.int64) + file[f"{name}_off"]
    return bits.view(np.float64)


def _list(column: Column) -> list[Any]:
    return column.tolist()  # type: ignore[no-any-return]


def _characters(text: str) -> Column:
    """The characters of a text as numbers."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4")
