"""Sounds: what a slip of the recogniser may look like, and what it may not."""

from __future__ import annotations

import pytest

from pipeline.language.phonetics import budget, cost, distance, fold, syllable


@pytest.mark.parametrize(
    ("phrase", "heard"),
    [
        ("话务员", "华务员"),
        ("为您服务", "微宁服务"),
        ("您贵姓", "您贵性"),
        ("何女士", "和女士"),
        ("不归我管", "不贵我管"),
        ("支持中心", "指迟中心"),
        ("随便你", "碎便你"),
        ("有什么可以帮您", "有什么可以绑您"),
        ("很高兴为您服务", "恨搞新为您服务"),
    ],
)
def test_a_slip_is_heard(phrase: str, heard: str) -> None:
    assert cost(phrase, heard, 9.0) <= budget(len(phrase))


@pytest.mark.parametrize(
    ("phrase", "heard"),
    [
        ("没办法", "没帮大"),
        ("不可以", "可不以"),
        ("客服中心", "客户中国"),
        ("祝您愉快", "注意保管"),
        ("我要投诉", "我要投保"),
    ],
)
def test_another_word_is_not(phrase: str, heard: str) -> None:
    assert cost(phrase, heard, 9.0) > budget(len(phrase))


def test_costs_are_ordered() -> None:
    tone, confused, near, other = distance("买", "卖"), distance("是", "四"), distance("波", "多"), distance("大", "西")
    assert 0 < tone < confused < near <= other == 1.0
    assert distance("您", "您") == 0.0
    assert distance("好", "x") == 1.0


def test_a_missing_syllable_costs_one() -> None:
    assert cost("还有什么可以帮您", "还有什么可以您", 2.0) == pytest.approx(1.0)
    assert cost("还有什么可以帮您", "还有什么可以您", 0.5) == float("inf")


def test_fold_merges_what_the_telephone_merges() -> None:
    assert fold("之") == fold("资")
    assert fold("您") == fold("宁") == fold("林")
    assert fold("湖") == fold("福")
    assert fold("马") != fold("大")
    assert fold("abc") == "abc"


def test_digits_sound_as_they_are_spoken() -> None:
    assert syllable("8") == syllable("八")
    assert syllable("?") is None
