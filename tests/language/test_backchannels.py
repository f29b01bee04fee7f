"""What claims no floor."""

from __future__ import annotations

import pytest

from pipeline.language.backchannels import is_backchannel


@pytest.mark.parametrize(
    "text", ["嗯。", "好的，好的。", "对对对", "嗯，我理解。", "Yes.", "Uh-huh, okay.", "I see.", "", "是的，没错"]
)
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text", ["好的，我帮您查一下", "不行", "你说", "Yes, I would like to.", "No, that is wrong", "对不起"]
)
def test_no_backchannels(text: str) -> None:
    assert not is_backchannel(text)
