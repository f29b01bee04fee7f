"""The normaliser: what is alike for a rule, and where each token came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.normalise import CLAUSE, SENTENCE, normalise, tokenise


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("零零一号", "001号", "zh"),
        ("幺零五", "105", "zh"),
        ("百丈路八十八号", "百丈路88号", "zh"),
        ("一千零五元", "1005元", "zh"),
        ("一百二", "120", "zh"),
        ("兩百五十", "250", "zh"),
        ("您好，這裡是客服。", "您好 这里是客服", "zh"),
        ("ＶＩＰ客户", "vip客户", "zh"),
        ("I can't.", "i cannot", "en"),
        ("That’s not my problem", "that is not my problem", "en"),
        ("agent four one two", "Agent 412", "en"),
        ("seven seven oh three", "7703", "en"),
        ("twenty-one", "21", "en"),
        ("O.K., I'm sorry", "o k i am sorry", "en"),
    ],
)
def test_alike(one: str, other: str, language: str) -> None:
    assert normalise(one, language) == normalise(other, language)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("十分抱歉", "十分抱歉"), ("等一下", "等1下"), ("千万不要", "千万不要"), ("万一", "万1"), ("两个人", "两个人")],
)
def test_words_that_only_look_like_numbers(text: str, expected: str) -> None:
    assert normalise(text, "zh") == expected


def test_breaks_tell_sentences_from_clauses() -> None:
    tokens = tokenise("您好，请讲。我在", "zh")
    assert tokens.words == list("您好请讲我在")
    assert tokens.breaks == [0, CLAUSE, 0, SENTENCE, 0, 0]
    english = tokenise("Thank you, Mr. Carter. Which night?", "en")
    assert english.breaks[english.words.index("mr")] == 0
    assert english.breaks[english.words.index("carter")] == SENTENCE


def test_a_number_keeps_its_place() -> None:
    text = "在百丈路一百二十号，三楼"
    tokens = tokenise(text, "zh")
    first = tokens.words.index("1")
    assert tokens.words[first : first + 3] == ["1", "2", "0"]
    assert {
        text[s:e] for s, e in zip(tokens.starts[first : first + 3], tokens.ends[first : first + 3], strict=True)
    } == {"一百二十"}


@given(st.text(max_size=60), st.sampled_from(["zh", "en"]))
def test_any_text_has_tokens_that_lie_within_it(text: str, language: str) -> None:
    tokens = tokenise(text, language)
    assert len(tokens.words) == len(tokens.starts) == len(tokens.ends) == len(tokens.breaks)
    assert all(0 <= start < end <= len(text) for start, end in zip(tokens.starts, tokens.ends, strict=True))
    assert tokens.starts == sorted(tokens.starts)


@given(st.text(alphabet="您好请问零一二三0123abc，。 十百", max_size=40), st.sampled_from(["zh", "en"]))
def test_normalising_twice_changes_nothing(text: str, language: str) -> None:
    once = normalise(text, language)
    assert normalise(once, language) == once


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("oh seven seven double oh, nine", "077009"),
        ("triple five, one two", "55512"),
        ("it is double the price", "it is double the price"),
        ("oh, seven people", "oh 7 people"),
        ("two oh five", "205"),
    ],
)
def test_english_numbers_as_they_are_told(text: str, written: str) -> None:
    assert normalise(text, "en") == written
