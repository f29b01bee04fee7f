"""A draft replayed over calls out of columns: only what it changes is judged, the rest is what was stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import PARTIES, Verdict
from pipeline.errors import BadArtefact
from pipeline.judging.call_batch import CallBatch
from pipeline.judging.call_cache import CachedCalls
from pipeline.judging.conditions.at_once import NO, NOT_SURE, TRUTHS, YES, EvaluationAtOnce
from pipeline.judging.replayed import MOST_FLIPS, NEW, Flip, Mean, Replay, flip_of
from pipeline.judging.rescoring import OUTCOME_CODES, Outcomes, Points, scores_of
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.judging.verdicts import evaluation_on, judge_rule, outcome_of, points_lost
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile

AT_ONCE = 100
"""Calls that are judged together: with more, little is saved, and what is found takes memory."""


def replay_rows(
    cached: CachedCalls, rows: npt.NDArray[np.int64], home: Home, book: Rulebook, room: int = MOST_FLIPS
) -> Replay:
    """The replay of some calls out of columns; at most `room` flips come with their words. Raises BadArtefact."""
    rules = [rule for rule in book.rules if rule.status != "retired"]
    before, after, deducted, is_same = _stored(cached, rows, rules)
    # most calls were judged by the same rules: those of which the same is to be judged are judged together
    alike: dict[bytes, list[int]] = {}
    for place in np.flatnonzero(~is_same.all(axis=1)).tolist():
        alike.setdefault(is_same[place].tobytes(), []).append(place)
    for places in alike.values():
        columns = np.flatnonzero(~is_same[places[0]])
        part = book.only(rules[column].id for column in columns)
        for at in range(0, len(places), AT_ONCE):
            some = np.array(places[at : at + AT_ONCE])
            own = np.ix_(some, columns)
            after[own], deducted[own] = _judged(cached, rows[some], part, [rules[column] for column in columns])
    replayed = Replay(calls=len(rows))
    for column, rule in enumerate(rules):
        pairs, counts = np.unique(before[:, column] * len(OUTCOME_CODES) + after[:, column], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            was, becomes = divmod(pair, len(OUTCOME_CODES))
            replayed.outcomes[rule.id, OUTCOME_CODES[was] or NEW, OUTCOME_CODES[becomes]] += count
    _add_scores(replayed, cached, rows, scores_of(book, after, deducted, cached.columns.speaks[rows, 0]))
    flips = (before != after) & (
        (before != 0) | np.isin(after, [OUTCOME_CODES.index(name) for name in ("fail", "unsure")])
    )
    replayed.flipped = int(flips.any(axis=1).sum())
    for place in np.flatnonzero(flips.any(axis=1)).tolist():
        if len(replayed.flips) >= room:
            break
        replayed.flips += _flips_of(
            cached, int(rows[place]), home, book, [rules[n] for n in np.flatnonzero(flips[place])]
        )
    return replayed


def _judged(
    cached: CachedCalls, rows: npt.NDArray[np.int64], part: Rulebook, rules: Sequence[Rule]
) -> tuple[Outcomes, Points]:
    """What some rules say of some calls, and the points lost by it, as arrays (calls, rules)."""
    batch = CallBatch(cached.columns, rows, part.lexicon)
    asking = {coverage: EvaluationAtOnce(batch, coverage) for coverage in {rule.coverage for rule in rules}}
    outcomes = np.stack([outcomes_at_once(asking[rule.coverage], rule) for rule in rules], axis=1)
    lost = np.array([points_lost(rule, 1) for rule in rules])
    deducted = np.where(outcomes == OUTCOME_CODES.index("fail"), lost, 0.0)
    for place in np.flatnonzero((outcomes == 0).any(axis=1)).tolist():
        evaluation = evaluation_on(cached.columns.index(int(rows[place])), part, found=batch.call(place))
        for column in np.flatnonzero(outcomes[place] == 0).tolist():
            outcome, deducted[place, column] = outcome_of(evaluation, rules[column])
            outcomes[place, column] = OUTCOME_CODES.index(outcome)
    return outcomes, deducted


def outcomes_at_once(calls: EvaluationAtOnce, rule: Rule) -> Outcomes:
    """What a rule says of each of some calls; 0 where it must be asked of the call by itself."""
    batch, size = calls.calls, len(calls.calls)
    speaks = batch.columns.speaks[batch.rows]
    silent = np.zeros(size, bool)
    for number, party in enumerate(PARTIES):
        if rule.speaks in ("both", party):
            silent |= ~speaks[:, number]
    applies = calls.truths(rule.applies) if rule.applies else np.full(size, YES, np.uint8)
    required = calls.truths(rule.require) if rule.require else np.full(size, YES, np.uint8)
    forbidden = calls.truths(rule.forbid) if rule.forbid else np.full(size, NO, np.uint8)
    has, needs = {bit: forbidden & bit > 0 for bit in TRUTHS}, {bit: required & bit > 0 for bit in TRUTHS}
    may_pass = has[NO] & needs[YES]
    may_be_unsure = has[NOT_SURE] & (needs[YES] | needs[NOT_SURE]) | has[NO] & needs[NOT_SURE]
    may_fail = has[YES] | (has[NO] | has[NOT_SURE]) & needs[NO]
    made = np.zeros(size, np.uint8)
    made[(applies == YES) & may_pass & ~may_be_unsure & ~may_fail] = OUTCOME_CODES.index("pass")
    made[(applies == YES) & ~may_pass & ~may_be_unsure & (~has[YES] | (rule.deduct is None))] = OUTCOME_CODES.index(
        "fail"
    )
    made[(applies == NOT_SURE) | (applies == YES) & ~may_pass & ~may_fail] = OUTCOME_CODES.index("unsure")
    made[silent | (applies == NO)] = OUTCOME_CODES.index("not_applicable")
    return made


def _stored(
    cached: CachedCalls, rows: npt.NDArray[np.int64], rules: Sequence[Rule]
) -> tuple[Outcomes, Outcomes, Points, npt.NDArray[np.bool_]]:
    """Of calls and rules, the outcomes there are, those that stay, the points that these cost, and whether they stay:
    a rule that is what it was says what it said."""
    stored = cached.stored
    shape = (len(rows), len(rules))
    before, after = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    deducted = np.zeros(shape)
    for column, rule in enumerate(rules):
        for number, (rule_id, rule_hash) in enumerate(stored.rules):
            if rule_id == rule.id:
                own = stored.outcomes[rows, number]
                before[:, column] = np.maximum(before[:, column], own)
                if rule_hash == rule.hash:
                    after[:, column], deducted[:, column] = own, stored.deducted[rows, number]
    return before, after, deducted, after != 0


def _add_scores(replayed: Replay, cached: CachedCalls, rows: npt.NDArray[np.int64], scores: Points) -> None:
    for row, before, after in zip(rows.tolist(), cached.stored.scores[rows].tolist(), scores.tolist(), strict=True):
        if not math.isnan(before) and not math.isnan(after):
            replayed.agents.setdefault(cached.agents[row], Mean()).add(Mean(1, before, after))


def _flips_of(cached: CachedCalls, row: int, home: Home, book: Rulebook, rules: Sequence[Rule]) -> Iterator[Flip]:
    """The flips of a call, with their words."""
    index = cached.columns.index(row)
    evaluation = evaluation_on(index, book.only(rule.id for rule in rules))
    known: Mapping[str, Verdict] = {}
    verdicts = [judge_rule(evaluation, rule) for rule in rules]
    with suppress(BadArtefact):
        judged = artefacts.read(home.judged(index.call.sha256), JudgedFile).judged
        known = {verdict.rule_id: verdict for verdict in judged.scorecard.verdicts} if judged.scorecard else {}
    for verdict in verdicts:
        yield flip_of(index.call, known.get(verdict.rule_id), verdict)
