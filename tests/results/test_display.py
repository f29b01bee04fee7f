"""How numbers are shown, and that every verdict, severity and role has a label in both languages."""

from __future__ import annotations

from typing import get_args

import pytest

from pipeline.datatypes import Outcome, Role
from pipeline.judging.rulebook import Severity
from pipeline.results.display import (
    HUNG_UP_LABELS,
    OUTCOME_LABELS,
    ROLE_LABELS,
    SEVERITY_LABELS,
    clock,
    label_in,
    percent,
    points,
)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.0, "0:00"), (65.4, "1:05"), (3599.6, "1:00:00"), (3725.0, "1:02:05")]
)
def test_seconds_are_a_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(("share", "text"), [(None, "–"), (0.0, "0%"), (2 / 3, "66.67%"), (0.5, "50%"), (1.0, "100%")])
def test_shares_are_percent(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(("score", "text"), [(None, "–"), (90.0, "90"), (87.25, "87.2"), (100.0, "100")])
def test_scores_have_one_decimal(score: float | None, text: str) -> None:
    assert points(score) == text


def test_every_value_has_a_label_in_both_languages() -> None:
    assert set(OUTCOME_LABELS) == set(get_args(Outcome))
    assert set(SEVERITY_LABELS) == set(get_args(Severity))
    assert set(ROLE_LABELS) == set(get_args(Role))
    for labels in (OUTCOME_LABELS, SEVERITY_LABELS, ROLE_LABELS, HUNG_UP_LABELS):
        for value in labels:
            assert label_in(labels, value, "zh") != label_in(labels, value, "en")
    assert label_in(OUTCOME_LABELS, "new", "zh") == "new", "a value without a label stands for itself"
