"""What is found in excerpts that other people wrote; bench/mask_excerpts.py has the figures by kind."""

from __future__ import annotations

import pytest

from pipeline.settings.privacy import Privacy
from tests.support.told_excerpts import found_in, told_excerpts


@pytest.mark.parametrize(
    ("language", "number", "least"), [("zh", 1, 0.97), ("zh", 2, 0.95), ("en", 1, 0.95), ("en", 2, 0.9)]
)
def test_what_others_wrote_is_found_and_little_else_is_hidden(language: str, number: int, least: float) -> None:
    count = found_in((each for each in told_excerpts(language) if each.written_in == number), Privacy())
    found, hidden_share = count.recall, count.hidden_share
    assert found >= least
    assert hidden_share <= 0.01
