"""Scores of many calls at once, by their verdicts as arrays: to the last digit what `scorecard` gives each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.judging.rulebook import Rulebook

OUTCOME_CODES = ("", "pass", "fail", "not_applicable", "unsure")
"""An outcome as a number; 0 is none."""
PASS, FAIL, UNSURE = (OUTCOME_CODES.index(name) for name in ("pass", "fail", "unsure"))

Outcomes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


def scores_of(book: Rulebook, outcomes: Outcomes, deducted: Points, agent_speaks: npt.NDArray[np.bool_]) -> Points:
    """The scores of calls, NaN where there is none.

    `outcomes` and `deducted` have shape (calls, rules), the rules those of the book that are not retired.
    """
    calls = len(outcomes)
    decided = {name: np.zeros(calls) for name in book.dimensions}
    lost = {name: np.zeros(calls) for name in book.dimensions}
    fatal = np.zeros(calls, bool)
    # rule after rule, as one call's are added up: another order would round otherwise
    for column, rule in enumerate(rule for rule in book.rules if rule.status != "retired"):
        if rule.status != "stable":
            continue
        own = outcomes[:, column]
        counts = (own == PASS) | (own == FAIL)
        decided[rule.dimension] += np.where(counts, rule.weight, 0.0)
        lost[rule.dimension] += np.where(counts, deducted[:, column], 0.0)
        if rule.severity == "fatal":
            fatal |= own == FAIL
    total, points = np.zeros(calls), np.zeros(calls)
    for name, dimension in book.dimensions.items():
        has = decided[name] > 0
        most = 1.0 if dimension.at_most is None else dimension.at_most
        share = np.minimum(most, lost[name] / np.where(has, decided[name], 1.0))
        total += np.where(has, dimension.weight, 0.0)
        points += np.where(has, dimension.weight * (1.0 - share), 0.0)
    scored = (total > 0) & agent_speaks
    made = 100.0 * points / np.where(scored, total, 1.0)
    rounded = np.array([round(value, 2) for value in made.tolist()])
    return np.where(scored, np.where(fatal, 0.0, rounded), np.nan)
