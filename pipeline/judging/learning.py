"""Recognisers learnt from sayings: logistic regression on n-grams, the same from the same sentences every time.

What an act is told from: its near misses, the agents' or customers' turns in the rules' cases, the sayings of the
side's other acts, and turns of everyday dialogues where there are any, without those in which its lists find it. Only
grams of its own sayings and near misses are learnt, the heaviest of them are kept, and weights are rounded.

The bars are chosen by cross-validation: each fifth of the sentences is scored by what was learnt from the others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from pipeline.datatypes import PARTIES, Call, Party
from pipeline.judging.acts import side_of
from pipeline.judging.conditions.base import Act
from pipeline.judging.notation import parse_script
from pipeline.judging.recognisers import SCALE, SURE, Recogniser, Recognisers, grams_of, pairs_of, sentences_of
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.sayings import Sayings, everyday_sayings, read_sayings
from pipeline.judging.scores import Recognising, written_call
from pipeline.judging.token_index import index_call

LEAST_SAYINGS = 60
"""With fewer sentences, or near misses, nothing is learnt."""

FOLDS = 5
STIFFNESS = 1.0
"""How much the weights are held near 0 (their squares' halves beside the loss)."""

EVERYDAY_WEIGHT, FOREIGN_WEIGHT = 0.5, 0.3
"""What an everyday turn, and a saying of another act, count beside a saying: there are many of them."""

AKIN = 0.04
"""Acts are akin, and not told from one another, where the lists of one find so many of the other's sayings."""

MOST_GRAMS = 1500
"""Of one act, the heaviest."""

VERY = {"everyday": 1 / 1000, "near": 0.05, "cases": 0.003, "foreign": 0.005}
"""Of such sentences at most so many may reach the bar `very`."""

HARDLY = 0.01
"""So many of the sayings may fail the bar `hardly`."""

_DOING, _NEAR, _CASE, _EVERYDAY, _FOREIGN = range(5)
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of learning an act: the recogniser, and the share of each kind of sentence that reaches each bar when
    it was learnt without it. `listed` are the shares that its lists find, `either` those that they or `very` do."""

    act: str
    recogniser: Recogniser
    reached: dict[str, dict[str, float]]
    listed: dict[str, float]
    either: dict[str, float]


def learn(book: Rulebook, acts: Sequence[Act], everyday: Sequence[Call] = ()) -> list[Learnt]:
    """Recognisers of those acts that have sayings enough.

    Raises BadRule where sayings cannot be read.
    """
    read = ((act, read_sayings(book.folder, act.name)) for act in acts)
    enough = [(act, said) for act, said in read if min(len(said.doing), len(said.near)) >= LEAST_SAYINGS]
    lists_only = Recognising(book, [act for act, _ in enough], with_recognisers=False)
    found = []
    for side in PARTIES:
        own = [act for act, _ in enough if side_of(act) == side]
        others = _others(book, everyday, side)
        sayings = [said for act, said in enough if act in own]
        texts = dict.fromkeys(text for said in sayings for text in (*said.doing, *said.near))
        texts |= dict.fromkeys(text for each in others for text in each)
        listed = {text: lists_only.done(own, text) for text in texts if own}
        counted = _counted(texts, book.language)
        for place, (act, said) in enumerate(zip(own, sayings, strict=True)):
            flags = {text: does[place] for text, does in listed.items()}
            foreign = [
                text for other in sayings if other is not said
                and _share(np.array([flags[text] for text in other.doing])) < AKIN
                for text in (*other.doing, *other.near)
            ]  # fmt: skip
            found.append(_learn(act, said, (*others, foreign), flags, counted))
    return found


def recognisers_of(book: Rulebook, learnt: Iterable[Learnt], everyday: Sequence[Call] = ()) -> Recognisers:
    """What was learnt, put together as a rulebook keeps it."""
    turns = sum(len(call.turns) for call in everyday)
    return Recognisers(book.language, {each.act: each.recogniser for each in learnt}, turns)


def _others(book: Rulebook, everyday: Sequence[Call], side: Party) -> tuple[list[str], list[str]]:
    """What a side says in the rules' cases, and in everyday dialogues."""
    in_cases = (
        turn.text for rule in book.rules for case in rule.cases
        for turn in parse_script(case.call, book.language).turns if turn.speaker == side and turn.text
    )  # fmt: skip
    daily = [turn.text for call in everyday for turn in call.turns if call.role(turn) == side]
    return list(dict.fromkeys(in_cases)), list(dict.fromkeys([*everyday_sayings(book.folder, side), *daily]))


def _learn(
    act: Act, said: Sayings, others: tuple[list[str], ...], flags: Mapping[str, bool], counted: Mapping[str, _Counted]
) -> Learnt:
    """`others`: said in cases, every day, and for other acts. `flags`: in which texts the lists find the act."""
    known = dict.fromkeys([*said.doing, *said.near])
    texts, kinds = list(known), [_DOING] * len(said.doing) + [_NEAR] * (len(known) - len(said.doing))
    for kind, group in enumerate(others, _CASE):
        new = [text for text in dict.fromkeys(group) if text not in known]
        known |= dict.fromkeys(new)
        texts += new
        kinds += [kind] * len(new)
    return _learnt(act, said, texts, np.array(kinds), flags, counted)


def _learnt(
    act: Act, said: Sayings, texts: list[str], kinds: _Ints, flags: Mapping[str, bool], counted: Mapping[str, _Counted]
) -> Learnt:
    """What comes of learning an act from texts of some kinds."""
    listed = np.array([flags[text] for text in texts])
    # what the lists find elsewhere may be the act itself
    kept = (kinds <= _NEAR) | ~listed
    texts, kinds, listed = [t for t, keep in zip(texts, kept, strict=True) if keep], kinds[kept], listed[kept]
    sentences = _Sentences([counted[text] for text in texts], int((kinds <= _NEAR).sum()))
    folds = np.array([int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % FOLDS for text in texts])
    scores = np.zeros(len(texts))
    for fold in range(FOLDS):
        weights, bias = _fit(sentences.whole[folds != fold], kinds[folds != fold])
        scores[folds == fold] = sentences.best(weights, bias)[folds == fold]
    bars = _bars(scores, kinds)
    weights, bias = _fit(sentences.whole, kinds)
    recogniser = Recogniser(
        of=said.key, said=len(said.doing), near=len(said.near), bias=round(bias * SCALE),
        bars={sure: round(bars[sure], 2) for sure in SURE},
        weights={sentences.grams[at]: round(weights[at] * SCALE) for at in np.nonzero(weights)[0]},
    )  # fmt: skip
    names = ("doing", "near", "cases", "everyday", "foreign")
    reached = {
        sure: {name: _share(scores[kinds == kind] >= bar) for kind, name in enumerate(names)}
        for sure, bar in bars.items()
    }
    either = listed | (scores >= bars["very"])
    return Learnt(
        act.name, recogniser, reached,
        {name: _share(listed[kinds == kind]) for kind, name in enumerate(names[:2])},
        {name: _share(either[kinds == kind]) for kind, name in enumerate(names[:2])},
    )  # fmt: skip


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


@dataclass(frozen=True, slots=True)
class _Counted:
    """The grams of a text's sentences, and which short ones stand side by side."""

    sentences: tuple[Counter[str], ...]
    pairs: tuple[tuple[int, int], ...]


def _counted(texts: Iterable[str], language: str) -> dict[str, _Counted]:
    found = {}
    for text in texts:
        index = index_call(written_call([("agent", text)], language), language)
        sentences = list(sentences_of(index))
        counts = (Counter(grams_of(index.words[start:end], language)) for start, end in sentences)
        found[text] = _Counted(tuple(counts), tuple(pairs_of(index, sentences)))
    return found


class _Sentences:
    """Texts as counts of grams: as wholes, to learn from, and in the pieces in which calls are scored."""

    def __init__(self, texts: Sequence[_Counted], own: int) -> None:
        """`own`: so many texts at the beginning, whose grams are learnt."""
        counts = [count for text in texts for count in text.sentences]
        turns = [number for number, text in enumerate(texts) for _ in text.sentences]
        starts = np.cumsum([0, *(len(text.sentences) for text in texts)]).tolist()
        texts_with: dict[str, set[int]] = {}
        for turn, grams in zip(turns, counts, strict=True):
            for gram in grams if turn < own else ():
                texts_with.setdefault(gram, set()).add(turn)
        self.grams = sorted(gram for gram, places in texts_with.items() if len(places) > 1)
        by_sentence = _matrix(counts, {gram: number for number, gram in enumerate(self.grams)})
        pairs = [
            (start + one, start + other)
            for start, text in zip(starts, texts, strict=False)
            for one, other in text.pairs
        ]
        self._size = len(texts)
        self._turns = np.array(turns + [turns[one] for one, _ in pairs])
        first = csr_matrix((np.ones(len(turns)), (turns, range(len(turns)))), shape=(len(texts), len(turns)))
        self.whole: Any = first @ by_sentence
        two = [at for pair in pairs for at in pair]
        joined = csr_matrix((np.ones(len(two)), (np.repeat(range(len(pairs)), 2), two)), shape=(len(pairs), len(turns)))
        self._by_sentence, self._joined = by_sentence, joined @ by_sentence

    def best(self, weights: _Floats, bias: float) -> _Floats:
        """The highest score of a piece of each text."""
        scores = np.concatenate([self._by_sentence @ weights, self._joined @ weights]) + bias
        best = np.full(self._size, -np.inf)
        np.maximum.at(best, self._turns, scores)
        return best


def _matrix(counts: Sequence[Counter[str]], numbers: dict[str, int]) -> Any:
    columns, values, ends = [], [], [0]
    for each in counts:
        known = [(numbers[gram], count) for gram, count in each.items() if gram in numbers]
        columns += [number for number, _ in known]
        values += [count for _, count in known]
        ends.append(len(columns))
    return csr_matrix((np.array(values, float), columns, ends), shape=(len(counts), len(numbers)))


def _fit(grams: Any, kinds: _Ints) -> tuple[_Floats, float]:
    """Weights and bias, rounded to what is kept of them."""
    sign = np.where(kinds == _DOING, 1.0, -1.0)
    each = np.where(kinds == _EVERYDAY, EVERYDAY_WEIGHT, np.where(kinds == _FOREIGN, FOREIGN_WEIGHT, 1.0))

    def loss(parameters: _Floats) -> tuple[float, _Floats]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = sign * (grams @ weights + bias)
        slope = -sign * each / (1.0 + np.exp(margin))
        value = float((each * np.logaddexp(0.0, -margin)).sum() + STIFFNESS * (weights @ weights) / 2)
        return value, np.append(grams.T @ slope + STIFFNESS * weights, slope.sum())

    start = np.zeros(grams.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    weights = np.round(found[:-1], 2)
    if len(weights) > MOST_GRAMS:
        weights[np.abs(weights) < np.sort(np.abs(weights))[-MOST_GRAMS]] = 0.0
    return weights, round(float(found[-1]), 2)


def _bars(scores: _Floats, kinds: _Ints) -> dict[str, float]:
    """The bar of each sureness; see the constants above."""
    said = np.sort(scores[kinds == _DOING])
    limits = zip((_EVERYDAY, _NEAR, _CASE, _FOREIGN), VERY.values(), strict=True)
    very = max(_passed_by(scores[kinds == kind], share) for kind, share in limits)
    # near misses, and all others together, weigh as much as the sayings
    balance = [len(said) / max(1, int(group.sum())) for group in (kinds == _NEAR, kinds > _NEAR)]
    best, fairly = -1.0, very
    for bar in said:
        right = float((said >= bar).sum())
        wrong = sum(
            weight * float((scores[group] >= bar).sum())
            for weight, group in zip(balance, (kinds == _NEAR, kinds > _NEAR), strict=True)
        )
        value = 2 * right / (right + wrong + len(said))
        if value > best:
            best, fairly = value, float(bar)
    below = scores[scores < fairly]
    fairly = (fairly + float(below.max())) / 2 if len(below) else fairly
    hardly = float(said[int(HARDLY * len(said))])
    # where there is nothing to choose between, they are one
    return {"very": max(very, fairly), "fairly": fairly, "hardly": min(hardly, fairly)}


def _passed_by(scores: _Floats, share: float) -> float:
    """The lowest bar that no more than a share of some scores reach."""
    if not len(scores):
        return -np.inf
    return float(np.sort(scores)[::-1][int(share * len(scores))]) + 0.01
