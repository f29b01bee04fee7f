"""Estimates from samples: the truth lies in their intervals as often as they say; what nobody drew is not told."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.reviews.estimates import EstimatedShare, SampledAnswer, estimates, rule_estimate
from pipeline.reviews.sampling import Stratum
from tests.support.known_truth import HOUSE_PLAN, MADE_RULES, MadeMonth

FAILS, PASSES, DOUBTFUL = Stratum("r", "fail"), Stratum("r", "pass"), Stratum("r", "pass", "", True)


def answers(stratum: Stratum, size: int, of: int, fails: int) -> list[SampledAnswer]:
    """A stratum of `size` of which `of` were drawn and answered, `fails` of them as fails."""
    return [SampledAnswer(str(n), stratum, of / size, "fail" if n < fails else "pass") for n in range(of)]


def test_the_truth_lies_in_the_interval_in_most_months_but_not_where_only_fails_are_looked_at() -> None:
    """A small version of bench/desk_estimates.py, whose 300 months say how often."""
    rules, months = [MADE_RULES[4], MADE_RULES[7], MADE_RULES[10]], 12
    held = Counter[str]()
    for number in range(months):
        month = MadeMonth(1000 + number, rules, calls=1500)
        for estimate in estimates(month.sampled(HOUSE_PLAN, str(number))):
            for name, truth in zip(("precision", "missed"), month.shares(estimate.rule_id), strict=True):
                share: EstimatedShare = getattr(estimate, name)
                held[name] += share.low <= truth <= share.high
            # who looks at fails alone finds nothing missed, and is sure of it
            held["flagged"] += month.shares(estimate.rule_id)[1] <= 3.84 / (month.flagged(estimate.rule_id, 100)[1] + 4)
    assert held["precision"] >= 31
    assert held["missed"] >= 31
    assert held["flagged"] <= 3


def test_strata_weigh_as_much_as_they_hold() -> None:
    sample = [
        *answers(FAILS, 100, 25, 20),
        *answers(PASSES, 900, 50, 1),
        *answers(DOUBTFUL, 100, 50, 25),
    ]
    estimate = rule_estimate("r", sample)
    assert estimate.precision.value == pytest.approx(0.8)
    assert estimate.missed.value == pytest.approx((18 + 50) / (18 + 50 + 80))
    assert estimate.missed.low < 68 / 148 < estimate.missed.high
    assert (estimate.precision.n, estimate.missed.n) == (25, 100)


def test_what_was_answered_whole_is_known() -> None:
    estimate = rule_estimate("r", [*answers(FAILS, 30, 30, 24), *answers(PASSES, 60, 60, 6)])
    assert (estimate.precision.low, estimate.precision.high) == pytest.approx((0.8, 0.8))
    assert (estimate.missed.low, estimate.missed.high) == pytest.approx((0.2, 0.2))


def test_few_answers_tell_nothing_and_fails_alone_nothing_of_what_is_missed() -> None:
    estimate = rule_estimate("r", answers(FAILS, 100, 19, 19))
    assert estimate.precision.too_few
    assert estimate.missed.value is None
    assert estimate.missed.too_few


def test_a_stratum_that_nobody_answered_leaves_the_share_unknown() -> None:
    unanswered = [SampledAnswer(str(n), DOUBTFUL, 0.5, None) for n in range(10)]
    estimate = rule_estimate("r", [*answers(FAILS, 100, 25, 20), *answers(PASSES, 900, 50, 1), *unanswered])
    assert estimate.precision.value is not None
    assert estimate.missed.value is None
    assert (estimate.drawn, estimate.answered) == (85, 75)


def test_answers_with_other_probabilities_count_by_their_weight() -> None:
    often = [SampledAnswer(f"a{n}", FAILS, 0.5, "fail") for n in range(20)]
    seldom = [SampledAnswer(f"b{n}", FAILS, 0.05, "pass") for n in range(20)]
    assert rule_estimate("r", [*often, *seldom]).precision.value == pytest.approx(40 / 440)
