"""The sentence of a call that is most like what was looked for and not found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from pipeline.datatypes import Evidence
from pipeline.judging.conditions.base import Evaluation, Node, TellingSentence
from pipeline.judging.phrases import word_pieces
from pipeline.judging.templates import Part
from pipeline.judging.token_index import TokenRange

LEAST_ALIKE = 0.1
"""Of what makes a sentence this one, so much at least is in the lists; a sentence that has less is not told."""


def nearest_said(evaluation: Evaluation, step: Node, by: str = "agent") -> Evidence | None:
    """The sentence of one side that has most in common with the lists of a condition, None where none has anything."""
    wanted: set[Part] = set()
    for node in step.walk():
        if getattr(node.condition, "by", by) in (by, "any"):
            wanted.update(*(listed.vocabulary for listed in node.condition.phrase_lists))
    if not wanted:
        return None
    known = evaluation.telling.get(by)
    if known is None:
        known = evaluation.telling[by] = _telling(evaluation, by)
    best, found = LEAST_ALIKE, None
    for place, weights, whole in known:
        # the sum does not depend on the order, which differs from process to process
        shared = math.fsum(weight for piece, weight in weights.items() if piece in wanted)
        likeness = shared / math.sqrt(whole * (whole + 10)) if whole else 0.0
        if likeness > best:
            best, found = likeness, place
    if found is None:
        return None
    words = evaluation.index.quote(*found)
    return evaluation.words(*found, evaluation.say("nearest: “{words}”", words=words))


def _telling(evaluation: Evaluation, by: str) -> list[TellingSentence]:
    """The sentences of one side: what everybody says all the time tells nothing."""
    sentences = list(_sentences(evaluation, by))
    pieces = [word_pieces(evaluation.index.words[start:end], evaluation.language) for start, end in sentences]
    said = Counter(piece for each in pieces for piece in each)
    weight = {piece: math.log(1 + len(sentences) / count) for piece, count in said.items()}
    weights = ({piece: weight[piece] for piece in each} for each in pieces)
    return [(place, each, math.fsum(each.values())) for place, each in zip(sentences, weights, strict=True)]


def _sentences(evaluation: Evaluation, by: str) -> Iterator[TokenRange]:
    index = evaluation.index
    for turn in index.side(by).turns:
        start, end = index.range_of(turn)
        while start < end:
            last = min(index.sentence(start)[1], end)
            yield start, last
            start = last
