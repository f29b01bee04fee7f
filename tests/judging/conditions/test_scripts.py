"""Scripts: which scenario a call is, by clues that add up and by what the house offers; and the steps of a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datatypes import Verdict
from pipeline.errors import BadRule
from tests.support.conditions import judged
from tests.support.rulebooks import HEAD

CLUES = (
    HEAD
    + """
offers: [visits, questions]
houses: {{远洋酒店: [questions]}}
scenarios:
  cancel:
    title: {{zh: 取消, en: cancel}}
    offer: visits
    clues:
      - {{weight: 0.5, when: {{said: {{by: customer, any: [取消]}}}}}}
      - {{weight: 0.5, when: {{said: {{by: agent, any: [帮您取消]}}}}}}
      - {{weight: -0.5, when: {{said: {{by: customer, any: [不取消]}}}}}}
  consult:
    title: {{zh: 咨询, en: consult}}
    offer: questions
    clues:
      - {{weight: 0.7, when: {{said: {{by: customer, any: [多少钱]}}}}}}
  repair:
    title: {{zh: 报修, en: repair}}
    clues:
      - {{weight: 0.9, when: {{said: {{by: customer, any: [坏了]}}}}}}
"""
)

ASKED = "客户 0-3: 我想取消。\n坐席 3-4: 您好。"
GRANTED = ASKED + "\n坐席 4-6: 帮您取消了。"


@pytest.mark.parametrize(
    ("scenario", "call", "outcome"),
    [
        # one clue is a doubt, two are enough, one against them is a doubt again
        ("cancel", ASKED, "unsure"),
        ("cancel", GRANTED, "pass"),
        ("cancel", GRANTED + "\n客户 7-9: 我不取消。", "fail"),
        # the surest wins, not the first
        ("cancel", ASKED + "\n客户 4-6: 要多少钱？", "fail"),
        ("consult", ASKED + "\n客户 4-6: 要多少钱？", "pass"),
        ("cancel", GRANTED + "\n客户 7-9: 要多少钱？", "pass"),
        # what the house does not offer is not asked of it
        ("repair", "客户 0-3: 空调坏了。", "fail"),
        ("consult", "cdr company=远洋酒店\n客户 0-3: 要多少钱？", "pass"),
        ("cancel", "cdr company=远洋酒店\n" + GRANTED, "fail"),
        ("cancel", "cdr company=远洋酒店 scenario=cancel\n" + GRANTED, "pass"),
        # what nobody could hear might have been the other clue
        ("cancel", "客户 0-3: 我想取消。\n听不清 4-20 坐席", "unsure"),
        ("cancel", "客户 0-3: 您好。", "fail"),
    ],
)
def test_clues_add_up(tmp_path: Path, scenario: str, call: str, outcome: str) -> None:
    verdict = judged(tmp_path, call, head=CLUES, require=f"scenario: {scenario}")
    assert verdict.outcome == outcome, verdict.reason


def test_the_confidence_stands_in_the_reason(tmp_path: Path) -> None:
    assert "75%" in judged(tmp_path, GRANTED, head=CLUES, require="scenario: cancel").reason


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("offers: [visits, questions]", "offers: [visit]", "visit"),
        ("houses: {{远洋酒店: [questions]}}", "houses: {{远洋酒店: [question]}}", "question"),
        ("weight: 0.7", "weight: 1.7", "1"),
    ],
)
def test_a_slip_in_the_head_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(BadRule, match=told):
        judged(tmp_path, ASKED, head=CLUES.replace(old, new), require="scenario: cancel")


STEPS = """
steps:
  in_order:
    - said: {by: agent, any: [查一下]}
      as: 核查
    - said: {by: agent, any: [取消了, 取消好了]}
      as: 取消
  any_time:
    - said: {by: agent, any: [抱歉]}
      as: 致歉
  optional:
    - said: {by: agent, any: [四小时]}
      as: 时限
"""


def steps(tmp_path: Path, *agent: str) -> Verdict:
    script = ""
    for at, text in enumerate(agent):
        script += f"坐席 {at * 6}-{at * 6 + 2}: {text}\n客户 {at * 6 + 3}-{at * 6 + 5}: 这样啊。\n"
    return judged(tmp_path, script, require=STEPS)


@pytest.mark.parametrize(
    ("agent", "outcome"),
    [
        (("我查一下。", "取消了，抱歉。"), "pass"),
        (("抱歉。", "我查一下。", "取消好了。"), "pass"),
        # in one breath
        (("取消了，我刚才查一下就办了，抱歉。",), "pass"),
        # said too early, and again in its place
        (("抱歉，马上取消好了。", "我查一下。", "取消了。"), "pass"),
        # looked at again behind it
        (("我查一下。", "取消了，抱歉。", "我再查一下。"), "pass"),
        (("取消了，抱歉。", "我查一下。"), "fail"),
        (("我查一下。", "取消了。"), "fail"),
    ],
)
def test_steps_are_taken_in_order(tmp_path: Path, agent: tuple[str, ...], outcome: str) -> None:
    verdict = steps(tmp_path, *agent)
    assert verdict.outcome == outcome, verdict.reason


def test_a_missing_step_is_told_by_its_name_and_the_nearest_sentence(tmp_path: Path) -> None:
    verdict = steps(tmp_path, "您好，请讲。", "我查一下。", "这个不能取消的。抱歉。")
    assert verdict.outcome == "fail"
    assert verdict.reason == "缺少：取消（最接近的一句：“这个不能取消的”）"
    assert verdict.evidence[-1].matched == "这个不能取消的"


def test_nothing_near_is_told_where_nothing_is_near(tmp_path: Path) -> None:
    assert steps(tmp_path, "我查一下。", "抱歉。").reason == "缺少：取消"


def test_steps_that_nobody_misses_are_evidence(tmp_path: Path) -> None:
    verdict = steps(tmp_path, "我查一下。", "取消了，抱歉，下次提前四小时。")
    assert [item.matched for item in verdict.evidence][-1] == "四小时"
