"""Calls as columns: all that rules may see of some hundreds of calls, tokens included, in arrays.

A call comes back equal, and its token index as `index_call` makes it; what takes time there (words as objects, tokens)
is put off or read out of the arrays. Calls that are not as `build_call` makes them go through whole, as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

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
from pipeline.judging.token_index import Stretches, TokenIndex, index_call
from pipeline.language.normalise import SENTENCE, TEXT_END
from pipeline.storage.artefacts import plain
from pipeline.storage.column_files import Column, ColumnFile, damaged_columns
from pipeline.timeline import Span

_MICRO = 1_000_000
_LONGEST_PIECE = 255
_LANGUAGES = ("zh", "en")

ROLES: tuple[Role, ...] = ("unknown", *PARTIES)
HUNG_UP_BY = (None, "agent", "customer", "system")

Packed = dict[str, Column]
Ints = npt.NDArray[np.int64]


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


def columns_of(calls: Sequence[Call]) -> Packed:
    """The columns of some calls. Those of a language that no rulebook can have are kept whole."""
    rows = [_row_of(call) for call in calls]
    vocabulary: dict[str, int] = {}
    for row in rows:
        for word in row.index.words:
            vocabulary.setdefault(word, len(vocabulary))
    names = list(vocabulary)
    kept = [turn for row in rows for turn in row.turns]
    words = [word for turn in kept for word in turn.words]
    starts, sizes = [], []
    for row in rows:
        starts += np.diff(np.array(row.index.starts, np.int64), prepend=0).tolist()
        sizes += [end - start for start, end in zip(row.index.starts, row.index.ends, strict=True)]
    pieces = [piece for row in rows for piece in row.pieces]
    packed: Packed = {
        "rest": _bytes(b"".join(row.rest for row in rows)),
        "rest_size": _least([len(row.rest) for row in rows]),
        "turn_count": _least([len(row.turns) for row in rows]),
        "level_count": _least([len(row.levels) for row in rows]),
        "span_count": _least([count for row in rows for count in row.span_counts]),
        "is_whole": np.array([row.is_whole for row in rows], np.uint8),
        "duration_s": np.array([call.facts.duration_s for call in calls]),
        "speaks": np.array(
            [[call.facts.agent_turns > 0, call.facts.customer_turns > 0] for call in calls], np.uint8
        ).ravel(),
        "hung_up_by": _least([HUNG_UP_BY.index(call.hang_up.by) for call in calls]),
        "turn_speaker": _least([speaker for row in rows for speaker in row.speakers]),
        "turn_text_size": _least([len(turn.text) for turn in kept]),
        "turn_words": _least([len(turn.words) for turn in kept]),
        "turn_tokens": _least([size for row in rows for size in np.diff(row.index.first).tolist()]),
        "turn_role": _least([ROLES.index(row.index.call.role(turn)) for row in rows for turn in row.turns]),
        "turn_group": _least([group for row in rows for group in row.groups]),
        "turn_is_small": np.array([row.index.small(turn.index) for row in rows for turn in row.turns], np.uint8),
        "text": _bytes("".join(row.index.text for row in rows).encode()),
        "sentence_text": _bytes("".join(text + TEXT_END for row in rows for text in row.index.sentence_texts).encode()),
        "sentence_size": _least([sum(len(text) + 1 for text in row.index.sentence_texts) for row in rows]),
        "word_gap": _least([gap for gap, _ in pieces]),
        "word_size": _least([size for _, size in pieces]),
        "word_channel": _least([word.channel for word in words]),
        "token": _least([vocabulary[word] for row in rows for word in row.index.words]),
        "token_step": _least(starts),
        "token_size": _least(sizes),
        "token_break": _least([kind for row in rows for kind in row.index.breaks]),
        "vocabulary": _bytes(msgspec.msgpack.encode(names)),
    }
    packed |= _numbers("turn_s", [at for turn in kept for at in (turn.span.start_s, turn.span.end_s)])
    packed |= _numbers("span_s", [at for row in rows for span in row.spans for at in (span.start_s, span.end_s)])
    packed |= _numbers("word_s", [at for word in words for at in (word.span.start_s, word.span.end_s)])
    packed |= _numbers("word_probability", [word.probability for word in words])
    packed |= _numbers("level", [level for row in rows for level in row.levels])
    return packed


@dataclass(frozen=True)
class _Row:
    """A call as it goes into columns; `pieces` are the gap before each word in its turn's text, and its length; `spans`
    those of all sets of them, `span_counts` how many each has, and one more."""

    index: TokenIndex
    turns: tuple[Turn, ...]
    rest: bytes
    speakers: list[int]
    pieces: list[tuple[int, int]]
    levels: list[float]
    span_counts: list[int]
    spans: list[Span]
    is_whole: bool = False

    @property
    def groups(self) -> list[int]:
        """Of each turn, the number of its exchange, from 1; 0 for none."""
        numbers = [0] * len(self.turns)
        for number, (_, turns) in enumerate(self.index.exchanges if self.turns else (), 1):
            for turn in turns:
                numbers[turn] = number
        return numbers


def _row_of(call: Call) -> _Row:
    pieces = _pieces_of(call) if call.language in _LANGUAGES else None
    index = TokenIndex(call, "", [], [], [], [], [0], call.language)
    if pieces is not None:
        index = index_call(call, call.language)
    speakers = tuple(dict.fromkeys(turn.speaker for turn in call.turns))
    rest = CallRest(
        call.sha256, call.language, call.cdr, call.roles, call.silences, call.overlaps,
        call.overlap_heard, call.events, {party: len(levels) for party, levels in call.levels_dbfs.items()},
        call.hang_up, call.facts, speakers, call if pieces is None else None,
    )  # fmt: skip
    packed = msgspec.msgpack.encode(rest, enc_hook=plain)
    if pieces is None:
        return _Row(index, (), packed, [], [], [], [0] * 2 * len(PARTIES), [], True)
    numbers = {speaker: number for number, speaker in enumerate(speakers)}
    levels = [level for of_party in call.levels_dbfs.values() for level in of_party]
    voiced = [call.voiced.get(party) for party in PARTIES]
    covered = [index.covered[party] for party in PARTIES]
    return _Row(
        index, call.turns, packed, [numbers[turn.speaker] for turn in call.turns], pieces, levels,
        [0 if spans is None else 1 + len(spans) for spans in (*voiced, *covered)],
        [span for spans in (*voiced, *covered) for span in spans or ()],
    )  # fmt: skip


def _pieces_of(call: Call) -> list[tuple[int, int]] | None:
    """Where each word stands in its turn's text; None where the call is not as it is made of what is heard."""
    pieces: list[tuple[int, int]] = []
    for number, turn in enumerate(call.turns):
        if turn.index != number or TEXT_END in turn.text:
            return None
        place = 0
        for word in turn.words:
            at = turn.text.find(word.text, place)
            gap, size = at - place, len(word.text)
            if at < 0 or not size or word.text != word.text.strip() or max(gap, size) > _LONGEST_PIECE:
                return None
            pieces.append((gap, size))
            place = at + size
    return pieces


def _bytes(data: bytes) -> Column:
    return np.frombuffer(data, np.uint8)


def _least(values: Sequence[int]) -> Column:
    """Whole numbers in the smallest type that has room for them."""
    made = np.array(values, np.int64)
    for kind in (np.uint8, np.int8, np.uint16, np.int16, np.int32):
        limits = np.iinfo(kind)
        if not len(made) or (made.min() >= limits.min and made.max() <= limits.max):
            return made.astype(kind)
    return made


def _numbers(name: str, values: Sequence[float]) -> Packed:
    """Numbers without loss: as steps of millionths, and the units in the last place that these are off by; or as they
    are, where that is no way to write them."""
    made = np.array(values, np.float64)
    if len(made) and np.isfinite(made).all() and np.abs(made).max() < 1e9:
        millionths = np.rint(made * _MICRO).astype(np.int64)
        off = made.view(np.int64) - (millionths / _MICRO).view(np.int64)
        if np.abs(off).max() <= np.iinfo(np.int8).max:
            steps = np.diff(millionths, prepend=0)
            return {f"{name}_steps": _least(steps.tolist()), f"{name}_off": _least(off.tolist())}
    narrow = made.astype(np.float32)
    return {name: narrow if (narrow.astype(np.float64) == made).all() else made}


def _read_numbers(file: ColumnFile, name: str) -> npt.NDArray[np.float64]:
    if name in file:
        return file[name].astype(np.float64)
    millionths = np.cumsum(file[f"{name}_steps"].astype(np.int64))
    bits = (millionths / _MICRO).view(np.int64) + file[f"{name}_off"]
    return bits.view(np.float64)


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
        return StoredIndex(self, row, rest, self._call(row, rest))

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


def _list(column: Column) -> list[Any]:
    return column.tolist()  # type: ignore[no-any-return]


def _characters(text: str) -> Column:
    """The characters of a text as numbers."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


class StoredIndex(TokenIndex):
    """A token index that is read out of columns, and what was worked out of it too, as it is asked for."""

    def __init__(self, columns: CallColumns, row: int, rest: CallRest, call: Call) -> None:
        self.__dict__.update(columns=columns, row=row, call=call, language=rest.language)

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

    @cached_property
    def breaks(self) -> list[int]:
        return _list(self.columns.token_breaks(self.columns.token_range(self.row)))

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
        breaks = self.columns.token_breaks(self.columns.token_range(self.row))
        return (np.flatnonzero(breaks == SENTENCE) + 1).tolist()

    @cached_property
    def sentence_texts(self) -> list[str]:
        return self.columns.sentence_texts(self.row)

    def word_times(self, turn: int) -> list[tuple[int, int, float, float]]:
        found = self.columns.word_places(self.columns.turn_number(self.row, turn))
        return found or super().word_times(turn)
