"""Recognisers: how much a sentence is like what people say who do an act, by the n-grams in it.

They are learnt from sayings (`pipeline.judging.learning`) and frozen in the rulebook's `recognisers.json`; judging
looks up and adds. One pass over a call serves all acts: a matrix has a row a gram and a column an act.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.judging.faults import Faults
from pipeline.judging.rulebook_files import read_text
from pipeline.judging.token_index import TokenIndex, TokenRange
from pipeline.language.tokens import TURN_END
from pipeline.messages import Message

Sure = Literal["very", "fairly", "hardly"]
"""How sure a recogniser must be: `very`, that hardly anybody who talks of something else is taken for it; `fairly`, as
suits it best; `hardly`, that only what is clearly unlike is refused."""

SURE: tuple[Sure, ...] = get_args(Sure)
SCALE = 100
"""Weights are whole hundredths."""

LONGEST_GRAM = {"zh": 3, "en": 2}
PAIR_TOKENS = {"zh": 40, "en": 30}
"""Two sentences of a turn are taken together as well when they are no longer than this."""

_BEGIN, _END = "^", "$"


class Recogniser(BaseModel):
    """What was learnt of one act. `bars` are the scores it must reach, `said` and `near` so many sentences, `of` their
    hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str
    said: int
    near: int
    bias: int
    bars: dict[Sure, float]
    weights: dict[str, int] = Field(repr=False)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    everyday: int
    acts: dict[str, Recogniser]


class Piece(NamedTuple):
    """A sentence, or two, as tokens from `start` to before `end`, and their score."""

    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Recognisers:
    """All recognisers of a rulebook, by act. `everyday`: so many turns of everyday dialogues they were learnt with."""

    language: str
    acts: Mapping[str, Recogniser]
    everyday: int = 0

    @cached_property
    def columns(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.acts)}

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each gram; row 0 is that of grams nobody learnt."""
        grams = dict.fromkeys(gram for each in self.acts.values() for gram in each.weights)
        return {gram: number for number, gram in enumerate(grams, 1)}

    @cached_property
    def matrix(self) -> npt.NDArray[np.float32]:
        """(grams + 1, acts)"""
        made = np.zeros((len(self.rows) + 1, len(self.acts)), np.float32)
        for column, each in enumerate(self.acts.values()):
            for gram, weight in each.weights.items():
                made[self.rows[gram], column] = weight
        return made

    @cached_property
    def biases(self) -> npt.NDArray[np.float32]:
        return np.array([each.bias for each in self.acts.values()], np.float32)

    def in_call(self, index: TokenIndex) -> CallScores:
        """The scores of a call's sentences."""
        return CallScores(self, index)


class CallScores:
    """How much each sentence of a call, and each two short ones beside one another, are like each act."""

    def __init__(self, recognisers: Recognisers, index: TokenIndex) -> None:
        self._recognisers, self._index = recognisers, index
        self._pieces: dict[tuple[str, Sure], list[Piece]] = {}
        self._reached: dict[tuple[str, Sure], list[TokenRange]] = {}

    @cached_property
    def _scored(self) -> tuple[list[tuple[int, int]], npt.NDArray[np.float32]]:
        """The pieces, as tokens, and (pieces, acts) their scores."""
        index, rows = self._index, self._recognisers.rows
        sentences, looked_up, begins = list(sentences_of(index)), list[int](), list[int]()
        for start, end in sentences:
            begins.append(len(looked_up))
            # most grams are known to nobody; every sentence has one row at least
            looked_up.append(0)
            looked_up += [row for row in map(rows.get, grams_of(index.words[start:end], index.language)) if row]
        if not sentences:
            return [], np.zeros((0, len(self._recognisers.acts)), np.float32)
        sums = np.add.reduceat(self._recognisers.matrix[looked_up], begins, axis=0)
        pairs = list(pairs_of(index, sentences))
        if pairs:
            ones, others = np.array(pairs).T
            sums = np.concatenate([sums, sums[ones] + sums[others]])
        pieces = sentences + [(sentences[one][0], sentences[other][1]) for one, other in pairs]
        return pieces, (sums + self._recognisers.biases) / np.float32(SCALE)

    def _of(self, act: str) -> tuple[list[tuple[int, int]], npt.NDArray[np.float32]]:
        pieces, scores = self._scored
        return pieces, scores[:, self._recognisers.columns[act]]

    def pieces(self, act: str, sure: Sure) -> list[Piece]:
        """What reaches the bar of an act, in order: sentences, and of two that do not by themselves, both together."""
        kept = self._pieces.get((act, sure))
        if kept is None:
            kept = self._pieces[act, sure] = self._reaching(act, sure)
        return kept

    def _reaching(self, act: str, sure: Sure) -> list[Piece]:
        pieces, column = self._of(act)
        # the single sentences stand before the pairs
        found = np.nonzero(column >= self._recognisers.acts[act].bars[sure])[0]
        kept: list[Piece] = []
        for at in found.tolist():
            start, end = pieces[at]
            if all(end <= other.start or other.end <= start for other in kept):
                kept.append(Piece(start, end, float(column[at])))
        return sorted(kept)

    def holds(self, act: str, sure: Sure, start: int, end: int) -> bool:
        """Whether the sentence of some tokens, alone or with one beside it, reaches the bar of an act."""
        reaching = self._reached.get((act, sure))
        if reaching is None:
            pieces, column = self._of(act)
            bar = self._recognisers.acts[act].bars[sure]
            reaching = self._reached[act, sure] = [pieces[at] for at in np.flatnonzero(column >= bar).tolist()]
        return any(first <= start and end <= last for first, last in reaching)

    @cached_property
    def _edges(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of each piece its first token, the one behind its last, and its turn."""
        pieces, _ = self._scored
        starts, ends = np.array(pieces, np.int64).reshape(-1, 2).T
        return starts, ends, np.searchsorted(np.array(self._index.first), starts, side="right") - 1

    def knows(self, act: str) -> bool:
        """Whether there is a recogniser of an act."""
        return act in self._recognisers.acts

    def likest(self, act: str, turns: Sequence[int]) -> Piece | None:
        """The sentence of some turns that is most like an act; its score is how far it is above the bar `fairly`."""
        pieces, column = self._of(act)
        asked = np.zeros(len(self._index.first), bool)
        asked[list(turns)] = True
        own = np.nonzero(asked[self._edges[2]])[0]
        if not len(own):
            return None
        best = int(own[np.argmax(column[own])])
        start, end = pieces[best]
        return Piece(start, end, round(float(column[best]) - self._recognisers.acts[act].bars["fairly"], 2))


def sentences_of(index: TokenIndex) -> Iterator[tuple[int, int]]:
    """Every sentence that has a word, as tokens."""
    start = 0
    for end in index.sentence_ends:
        behind = end - 1 if index.words[end - 1] == TURN_END else end
        if behind > start:
            yield start, behind
        start = end


def pairs_of(index: TokenIndex, sentences: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The numbers of two short sentences beside one another in a turn."""
    most = PAIR_TOKENS[index.language]
    for number in range(len(sentences) - 1):
        (start, middle), (begin, end) = sentences[number], sentences[number + 1]
        # between two turns is a token
        if begin == middle and end - start <= most:
            yield number, number + 1


def grams_of(words: Sequence[str], language: str) -> list[str]:
    """The n-grams of a sentence: of one to three characters in Chinese, of one or two words in English."""
    if language == "zh":
        tokens = [_BEGIN, *("你" if word == "您" else word for word in words), _END]
        pairs = list(map(add, tokens, tokens[1:]))
        threes = list(map(add, pairs, tokens[2:]))
        return tokens[1:-1] + pairs + threes
    tokens = [_BEGIN, *words, _END]
    return tokens[1:-1] + [f"{one} {other}" for one, other in pairwise(tokens)]


def read_recognisers(file: Path, language: str, faults: Faults) -> Recognisers | None:
    """What stands in a `recognisers.json`; None where there is none, or it is at fault."""
    text = read_text(file, faults) if file.exists() else None
    if text is None:
        return None
    try:
        found = _File.model_validate(json.loads(text))
        if any(set(each.bars) != set(SURE) for each in found.acts.values()):
            raise ValueError
    except (ValueError, ValidationError, RecursionError):
        faults.add(file, None, Message("damaged; make it anew with callqa rules learn"))
        return None
    return Recognisers(language, found.acts, found.everyday)


def written_recognisers(recognisers: Recognisers) -> str:
    """The text of a `recognisers.json`, an act a line."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    acts = (f"{line(name)}:{line(each.model_dump(mode='json'))}" for name, each in sorted(recognisers.acts.items()))
    return f'{{"everyday":{recognisers.everyday},"acts":{{\n' + ",\n".join(acts) + "\n}}\n"
