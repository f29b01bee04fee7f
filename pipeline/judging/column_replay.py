"""A draft replayed over calls out of columns: only what it changes is judged, the rest is what was stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import Verdict
from pipeline.errors import BadArtefact
from pipeline.judging.call_cache import CachedCalls
from pipeline.judging.replayed import MOST_FLIPS, NEW, Flip, Mean, Replay, flip_of
from pipeline.judging.rescoring import FAIL, OUTCOME_CODES, UNSURE, Outcomes, Points, scores_of
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.judging.verdicts import evaluation_on, judge_rule, outcome_of
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile


def replay_rows(
    cached: CachedCalls, rows: npt.NDArray[np.int64], home: Home, book: Rulebook, room: int = MOST_FLIPS
) -> Replay:
    """The replay of some calls out of columns; at most `room` flips come with their words. Raises BadArtefact."""
    rules = [rule for rule in book.rules if rule.status != "retired"]
    before, after, deducted, is_same = _stored(cached, rows, rules)
    # most calls were judged by the same rules: what is to be judged is put together once
    parts: dict[bytes, tuple[Rulebook, list[tuple[int, Rule]]]] = {}
    for place in np.flatnonzero(~is_same.all(axis=1)).tolist():
        changed = is_same[place].tobytes()
        if changed not in parts:
            own = [(column, rules[column]) for column in np.flatnonzero(~is_same[place]).tolist()]
            parts[changed] = book.only(rule.id for _, rule in own), own
        part, own = parts[changed]
        evaluation = evaluation_on(cached.columns.index(int(rows[place])), part)
        for column, rule in own:
            outcome, deducted[place, column] = outcome_of(evaluation, rule)
            after[place, column] = OUTCOME_CODES.index(outcome)
    replayed = Replay(calls=len(rows))
    for column, rule in enumerate(rules):
        pairs, counts = np.unique(before[:, column] * len(OUTCOME_CODES) + after[:, column], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            was, becomes = divmod(pair, len(OUTCOME_CODES))
            replayed.outcomes[rule.id, OUTCOME_CODES[was] or NEW, OUTCOME_CODES[becomes]] += count
    _add_scores(replayed, cached, rows, scores_of(book, after, deducted, cached.columns.speaks[rows, 0]))
    flips = (before != after) & ((before != 0) | np.isin(after, (FAIL, UNSURE)))
    replayed.flipped = int(flips.any(axis=1).sum())
    for place in np.flatnonzero(flips.any(axis=1)).tolist():
        if len(replayed.flips) >= room:
            break
        replayed.flips += _flips_of(
            cached, int(rows[place]), home, book, [rules[n] for n in np.flatnonzero(flips[place])]
        )
    return replayed


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
