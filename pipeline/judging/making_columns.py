"""Calls put into columns, as `pipeline.judging.call_columns` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from pipeline.datatypes import PARTIES, Call, Turn
from pipeline.judging.call_columns import HUNG_UP_BY, MICRO, ROLES, CallRest
from pipeline.judging.token_index import TokenIndex, index_call
from pipeline.language.normalise import TEXT_END
from pipeline.storage.artefacts import plain
from pipeline.storage.column_files import Column
from pipeline.timeline import Span

_LONGEST_PIECE = 255
_LANGUAGES = ("zh", "en")

Packed = dict[str, Column]


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
        millionths = np.rint(made * MICRO).astype(np.int64)
        off = made.view(np.int64) - (millionths / MICRO).view(np.int64)
        if np.abs(off).max() <= np.iinfo(np.int8).max:
            steps = np.diff(millionths, prepend=0)
            return {f"{name}_steps": _least(steps.tolist()), f"{name}_off": _least(off.tolist())}
    narrow = made.astype(np.float32)
    return {name: narrow if (narrow.astype(np.float64) == made).all() else made}
