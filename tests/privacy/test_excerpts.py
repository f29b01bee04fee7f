"""What is found in excerpts that other people wrote; bench/mask_excerpts.py has the figures by kind."""

from __future__ import annotations

import pytest

from pipeline.settings import Privacy
from tests.support.told_excerpts import found_in, told_excerpts


@pytest.mark.parametrize(("language", "least"), [("zh", 0.96), ("en", 0.95)])
def test_what_others_wrote_is_found_and_little_else_is_hidden(language: str, least: float) -> None:
    count = found_in(told_excerpts(language), Privacy())
    assert count.recall >= least
    assert count.hidden_share <= 0.01
