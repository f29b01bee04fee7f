"""What claims no floor."""

from __future__ import annotations

import pytest

from pipeline.language.backchannels import ends_in_question, is_attention, is_backchannel


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


@pytest.mark.parametrize(
    ("text", "attention"),
    [("嗯嗯。", True), ("我明白。", True), ("Uh-huh.", True), ("I see.", True), ("好的。", False), ("Yes.", False)],
)
def test_attention_answers_nothing(text: str, attention: bool) -> None:
    assert is_backchannel(text)
    assert is_attention(text) == attention


@pytest.mark.parametrize(
    ("text", "asks"),
    [("听得到吗", True), ("您贵姓？", True), ("Really?", True), ("好的。", False), ("吗啡是药。", False)],
)
def test_a_question_ends_in_a_mark_or_a_particle(text: str, asks: bool) -> None:
    assert ends_in_question(text) == asks
