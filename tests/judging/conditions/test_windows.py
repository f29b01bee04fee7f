"""Where conditions look: anchors, and what cannot be told for want of words or roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipeline.datatypes import Roles
from pipeline.judging.notation import call_from_script
from pipeline.judging.verdicts import judge_call
from tests.support.conditions import TALK, judged
from tests.support.rulebooks import make_book

TROUBLE = """
    坐席 0.0-3.0: 您好，远洋酒店，请讲。
    客户 4.0-7.0: 房间漏水。
    坐席 8.0-10.0: 嗯。
    坐席 11.0-13.0: 几号房？
    客户 14.0-16.0: 空调也漏水。
    坐席 17.0-19.0: 抱歉。
    客户 20.0-21.0: 快点来。
    坐席 22.0-24.0: 马上来。
"""


@pytest.mark.parametrize(
    ("around", "outcome"),
    [
        ("after: 1 turns", "pass"),
        ("after: 1 turns, hit: first", "fail"),
        ("after: 2 turns, hit: first", "pass"),
        ("after: 1 turns, hit: last", "pass"),
        ("after: 1 turns, hit: each", "fail"),
        ("after: 2, hit: each", "pass"),
        ("after: 1 turns, hit: 1", "fail"),
        ("after: 1 turns, hit: 2", "pass"),
        ("after: 4 s", "pass"),
        ("after: 4 s, hit: first", "fail"),
        ("after: all", "pass"),
        ("after: all, hit: last", "pass"),
        ("before: all, hit: first", "fail"),
        ("before: all, hit: last", "fail"),
        ("before: 1 turns, hit: last", "fail"),
        ("before: 1 turns, hit: first", "fail"),
    ],
)
def test_anchor(tmp_path: Path, around: str, outcome: str) -> None:
    applies = "said: {by: customer, any: [漏水]}\nas: trouble"
    require = f"said: {{by: agent, any: [抱歉], in: {{around: {{name: trouble, {around}}}}}}}"
    assert judged(tmp_path, TROUBLE, applies=applies, require=require).outcome == outcome


OPEN = [
    ("turns: 2..", [False, True, True, True]),
    ("turns: ..2", [True, True, False, False]),
    ("turns: -2..", [False, False, True, True]),
    ("turns: ..-2", [True, True, True, False]),
    ("seconds: 20..", [False, False, True, True]),
    ("seconds: ..20", [True, True, False, False]),
    ("seconds: -12..", [False, False, False, True]),
    ("percent: 60..", [False, False, True, True]),
    ("percent: ..30", [True, True, False, False]),
    ("after: middle", [False, False, True, True]),
    ("before: middle", [True, False, False, False]),
]


@pytest.mark.parametrize(("window", "found"), OPEN)
def test_a_window_may_be_open_on_one_side(tmp_path: Path, window: str, found: list[bool]) -> None:
    """Each sentence of the call is looked for; the anchor, 二, is neither after nor before itself."""
    call = "坐席 0-9: 一号窗口。\n客户 9-10: 然后呢。\n坐席 10-19: 二号窗口。\n客户 19-20: 然后呢。\n"
    call += "坐席 30-39: 三号窗口。\n客户 39-40: 然后呢。\n坐席 40-49: 四号窗口。"
    applies = "said: {by: agent, any: [二号窗口]}\nas: middle"
    outcomes = []
    for word in "一二三四":
        require = f"said: {{by: agent, any: [{word}号窗口], in: {{{window}}}}}"
        outcomes.append(judged(tmp_path / word, call, applies=applies, require=require).outcome == "pass")
    assert outcomes == found


@pytest.mark.parametrize("same_turn", [True, False])
def test_what_follows_in_the_same_breath_is_after(tmp_path: Path, same_turn: bool) -> None:
    call = "坐席 0-9: 约满了，帮您登记。" if same_turn else "坐席 0-9: 帮您登记，不过约满了。"
    applies = "said: {by: agent, any: [约满了]}\nas: full"
    verdict = judged(tmp_path, call, applies=applies, forbid="said: {by: agent, any: [帮您登记], in: {after: full}}")
    assert verdict.outcome == ("fail" if same_turn else "pass")


def test_a_reason_says_before_and_after(tmp_path: Path) -> None:
    applies = "said: {by: customer, any: [漏水]}\nas: trouble"
    for word, told in (("after", "“漏水”之后"), ("before", "“漏水”之前")):
        require = f"said: {{by: agent, any: [没有], in: {{{word}: trouble}}}}"
        assert told in judged(tmp_path / word, TROUBLE, applies=applies, require=require).reason


def test_without_the_anchor_nothing_can_be_said(tmp_path: Path) -> None:
    require = "all: [{said: {any: [没说过]}, as: x}, {said: {any: [抱歉], in: {around: {name: x, after: 1 turns}}}}]"
    verdict = judged(
        tmp_path, TROUBLE, require={"any": [yaml.safe_load(require)["all"][1], {"said": {"any": ["没有"]}, "as": "x"}]}
    )
    assert verdict.outcome == "unsure"


def test_absence_needs_words(tmp_path: Path) -> None:
    call = "坐席 0.0-3.0: 您好。\n听不清 4.0-14.0 坐席\n客户 15.0-16.0: 好。"
    missing, found = "said: {by: agent, any: [再见]}", "said: {by: agent, any: [您好]}"
    assert judged(tmp_path / "a", call, require=missing).outcome == "unsure"
    assert judged(tmp_path / "b", call, require=found).outcome == "pass"
    assert judged(tmp_path / "c", call, forbid=missing).outcome == "unsure"
    assert judged(tmp_path / "d", call, require=missing, coverage=0.1).outcome == "fail"


def test_roles_that_are_not_known(tmp_path: Path) -> None:
    book = make_book(tmp_path, require="said: {by: agent, any: [您好]}")
    call = call_from_script(TALK.replace("    ", ""), "zh")
    nobody = replace(call, roles=Roles({}, "none", 0.0))
    assert judge_call(nobody, book).verdicts[0].outcome == "unsure"
    assert "角色" in judge_call(nobody, book).verdicts[0].reason


@pytest.mark.parametrize(
    ("applies", "where"),
    [
        ("said: {by: customer, any: $trouble}", "“客户说坏了”前后"),
        (
            "any: [said: {by: customer, any: $trouble}, said: {by: customer, any: [漏水, 停电]}]",
            "“客户说坏了 / 漏水、停电”前后",
        ),
        ("said: {by: customer, pattern: '坏+了'}", "“客户说的话”前后"),
        ("turn: {by: customer, longer_than_s: 2}", "“客户连续说话超过 2 秒”前后"),
    ],
)
def test_a_reason_names_the_place_in_words_and_never_an_anchor(tmp_path: Path, applies: str, where: str) -> None:
    phrases = "trouble: {title: 客户说坏了, phrases: [坏了]}"
    require = "said: {by: agent, any: [抱歉], in: {around: {name: anchor-x, after: 1 turns}}}"
    call = "客户 0.0-3.0: 空调坏了。\n坐席 4.0-5.0: 哪一间？"
    verdict = judged(tmp_path, call, phrases=phrases, applies=f"{applies}\nas: anchor-x", require=require)
    assert verdict.outcome == "fail"
    assert where in verdict.reason
    assert "anchor-x" not in verdict.reason


def test_an_anchor_that_was_not_found_is_told_in_words(tmp_path: Path) -> None:
    require = (
        "any: [{said: {by: customer, any: [坏了]}, as: anchor-x}, "
        "{said: {by: agent, any: [抱歉], in: {around: {name: anchor-x, after: 1 turns}}}}]"
    )
    verdict = judged(tmp_path, "客户 0.0-3.0: 你好。\n坐席 4.0-5.0: 哪一间？", require=require)
    assert verdict.outcome == "unsure"
    assert "没有找到“坏了”" in verdict.reason
    assert "anchor-x" not in verdict.reason
