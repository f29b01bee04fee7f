"""What conditions come to in many calls at once is what they come to in each; what arrays cannot tell is left."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import Call
from pipeline.judging.call_batch import CallBatch
from pipeline.judging.call_columns import CallColumns
from pipeline.judging.column_replay import outcomes_at_once
from pipeline.judging.conditions.at_once import NO, NOT_SURE, YES, EvaluationAtOnce
from pipeline.judging.conditions.base import Node
from pipeline.judging.making_columns import columns_of
from pipeline.judging.notation import call_from_script
from pipeline.judging.rescoring import OUTCOME_CODES
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import evaluation_of, outcome_of
from pipeline.storage.column_files import ColumnFile, write_columns
from pipeline.timeline import Span
from tests.support.faulty_calls import faulty
from tests.support.rulebooks import LANGUAGES, hotline

BIT = {True: YES, False: NO, None: NOT_SURE}


def calls(book: Rulebook, draw: random.Random, count: int) -> Iterator[Call]:
    """Calls of the rules' cases, most of them put together from several, badly heard, with speech that has no words."""
    cases = [case.call for rule in book.rules for case in rule.cases]
    for number in range(count):
        call = replace(call_from_script(draw.choice(cases), book.language), language=book.language)
        if draw.random() < 0.6:
            call = faulty(call, draw)
        if call.voiced and draw.random() < 0.4:
            at_s = draw.uniform(0.0, call.facts.duration_s)
            more = Span(at_s, at_s + draw.choice((0.2, 2.0, 20.0)))
            voiced = {party: tuple(sorted((*spans, more))) if draw.random() < 0.7 else (*spans, more)
                      for party, spans in call.voiced.items()}  # fmt: skip
            call = replace(call, voiced=voiced)
        yield replace(call, sha256=f"{number:064x}")


def batch_of(some: list[Call], book: Rulebook, folder: Path) -> CallBatch:
    write_columns(folder / "x.calls", columns_of(some))
    return CallBatch(CallColumns(ColumnFile(folder / "x.calls")), np.arange(len(some)), book.lexicon)


@pytest.mark.slow
@pytest.mark.xdist_group("at once")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_truth_in_a_call_is_among_those_that_are_possible(language: str, tmp_path: Path) -> None:
    book, draw = hotline(language), random.Random(7)
    nodes: dict[int, Node] = {node.number: node for rule in book.rules for node in rule.walk()}
    some = list(calls(book, draw, 80))
    batch = batch_of(some, book, tmp_path)
    assert batch.scanned is not None
    told: Counter[tuple[str, bool | None]] = Counter()
    asked: Counter[str] = Counter()
    evaluations = [evaluation_of(call, book) for call in some]
    for coverage in (0.6, 0.97, 1.0):
        at_once = EvaluationAtOnce(batch, coverage)
        for node in nodes.values():
            truths = at_once.truths(node)
            for number, evaluation in enumerate(evaluations):
                truth = evaluation.asking(coverage).result(node).truth
                assert truths[number] & BIT[truth], (node, truth, truths[number], some[number])
                told[node.kind, truth] += bool(truths[number] == BIT[truth])
                asked[node.kind] += 1
    assert sum(told["said", truth] for truth in BIT) > asked["said"] / 3
    assert all(told[kind, truth] for kind in ("said", "all", "any", "none", "hung_up") for truth in BIT), told


@pytest.mark.slow
@pytest.mark.xdist_group("at once")
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_rules_say_at_once_they_say_of_each_call(language: str, tmp_path: Path) -> None:
    book, draw = hotline(language), random.Random(8)
    rules = [
        replace(rule, coverage=draw.choice((0.3, 0.6, 1.0)), speaks=draw.choice(("any", rule.speaks)))
        for rule in book.rules
    ]
    some = list(calls(book, draw, 80))
    batch = batch_of(some, book, tmp_path)
    evaluations = [evaluation_of(call, book) for call in some]
    told: Counter[str] = Counter()
    for rule in rules:
        found = outcomes_at_once(EvaluationAtOnce(batch, rule.coverage), rule).tolist()
        for evaluation, code in zip(evaluations, found, strict=True):
            if code:
                assert OUTCOME_CODES[code] == outcome_of(evaluation, rule)[0], (rule.id, evaluation.call)
                told[OUTCOME_CODES[code]] += 1
    assert told.total() > len(rules) * len(some) / 6
    assert all(told[name] > 5 for name in OUTCOME_CODES[1:]), told
