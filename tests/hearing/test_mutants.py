"""A hundred damaged recordings: each is heard as far as it goes or refused for a reason, and leaves nothing behind."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.mutants import MUTATIONS, forms, mutants, outcome

pytestmark = pytest.mark.slow


def test_no_damage_does_more_than_being_refused(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    whole = forms(tmp_path)
    assert len(whole) * len(MUTATIONS) == 150
    outcomes: Counter[str] = Counter()
    for number, mutant in enumerate(mutants(tmp_path, seed=1, count=300)):
        if number % 3 == 0:  # so that every form and every mutation has its turn
            outcomes[outcome(mutant, tmp_path)] += 1
    assert sum(outcomes.values()) == 100
    assert outcomes["heard"] > 20, outcomes
    assert len(outcomes) > 3, outcomes
    assert set(os.listdir(tmp_path)) <= whole.keys(), "no temporary file"
    assert len(os.listdir("/proc/self/fd")) == before, "no open file"
