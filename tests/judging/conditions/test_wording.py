"""Reasons are in plain words: neither rules' notation nor the names of fields is in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.datatypes import CDR, Facts
from pipeline.judging.conditions.wording import CDR_NAMES, FACT_NAMES
from tests.support.conditions import judged
from tests.support.rulebooks import HEAD

SCENARIO = HEAD + "\nscenarios: {{cancel: {{title: {{zh: 取消, en: cancelling}}, when: {{said: {{any: [取消]}}}}}}}}"

NOTATION = re.compile(r"\.\.|[≥≤<>=|_$]|None")

HEAD_OF_CALL = "cdr ring_count=5 direction=outbound vip=7\n"
CALLS = {
    "zh": HEAD_OF_CALL
    + "坐席 0.0-6.0: 您好，远洋酒店，请讲。\n客户 7.0-9.0: 我要订房。\n坐席 10.0-16.0: 订好了，再见。",
    "en": HEAD_OF_CALL + "agent 0.0-6.0: Good morning, Ocean Hotel.\ncustomer 7.0-9.0: A room, please.\n"
    "agent 10.0-16.0: It is booked, goodbye.",
}


@pytest.mark.parametrize(
    ("condition", "zh", "en"),
    [
        ("fact: agent_turns\nat_least: 2", "坐席话轮数：2（至少 2）", "turns of the agent: 2 (at least 2)"),
        ("fact: agent_turns\nat_least: 3", "坐席话轮数：2（不到 3）", "turns of the agent: 2 (less than 3)"),
        ("fact: agent_turns\nover: 1", "坐席话轮数：2（超过 1）", "turns of the agent: 2 (more than 1)"),
        ("fact: agent_turns\nover: 2", "坐席话轮数：2（至多 2）", "turns of the agent: 2 (at most 2)"),
        ("fact: agent_turns\nunder: 2", "坐席话轮数：2（至少 2）", "turns of the agent: 2 (at least 2)"),
        ("fact: agent_turns\nat_most: 1", "坐席话轮数：2（超过 1）", "turns of the agent: 2 (more than 1)"),
        ("fact: agent_turns\nat_least: 3\nat_most: 3", "坐席话轮数：2（不是 3）", "turns of the agent: 2 (not just 3)"),
        (
            "fact: agent_turns\nat_least: 3\nat_most: 5",
            "坐席话轮数：2（不在 3 至 5 之间）",
            "turns of the agent: 2 (not between 3 and 5)",
        ),
        ("fact: agent_talk_share\nover: 0.5", "坐席说话占比：86%（超过 50%）", "talk: 86% (more than 50%)"),
        (
            "fact: since_agent_s\nunder: 60",
            "坐席开口到通话末句的时长：16 秒（不到 60 秒）",
            "the end: 16 s (less than 60 s)",
        ),
        ("fact: agent_rate\nover: 10", "坐席语速：每分钟", "words a minute (more than 10)"),
        ("pace: {over: 10}", "字（超过 10）", "words a minute (more than 10)"),
        ("cdr: ring_count\nover: 5", "话单中的铃响次数：5（至多 5）", "rings in the CDR: 5 (at most 5)"),
        ("cdr: direction\nis: inbound", "话单中的方向：呼出", "direction in the CDR: outbound"),
        ("cdr: vip\nat_most: 7", "话单中的“vip”：7（至多 7）", "“vip” in the CDR: 7 (at most 7)"),
        ("times: {of: {fact: agent_turns, over: 9}, at_least: 2}", "共 0 次（不到 2）", "found 0 times (less than 2)"),
        ("times: {of: {turn: {longer_than_s: 1}}, at_least: 2}", "共 3 次（至少 2）", "found 3 times (at least 2)"),
        ("times: {of: {turn: {by: customer, longer_than_s: 1}}, at_least: 2}", "共 1 次（不到 2）", "found once (less"),
        (
            "times: {of: [{fact: turns, over: 1}, {fact: turns, over: 9}], at_least: 2}",
            "2 项中满足 1 项（不到 2）",
            "1 of 2 (less than 2)",
        ),
    ],
)
def test_a_value_and_its_limits_are_told_in_words(tmp_path: Path, condition: str, zh: str, en: str) -> None:
    told = {language: judged(tmp_path / language, CALLS[language], language, require=condition) for language in CALLS}
    assert zh in told["zh"].reason
    assert en in told["en"].reason
    for verdict in told.values():
        assert not any(NOTATION.search(text) for text in (verdict.reason, *(item.reason for item in verdict.evidence)))


def test_a_value_is_told_as_closely_as_its_limit_asks(tmp_path: Path) -> None:
    call = "坐席 0.0-6.0: 您好。\n客户 7.0-59.97: 喂喂喂，听得到吗？"
    reason = judged(tmp_path, call, require="fact: since_agent_s\nunder: 60").reason
    assert reason == "坐席开口到通话末句的时长：59.97 秒（不到 60 秒）"


@pytest.mark.parametrize(
    ("window", "zh", "en"),
    [
        ("turns: 1..1", "坐席第一轮", "the agent's first turn"),
        ("turns: 1..3", "坐席前 3 轮", "the agent's first 3 turns"),
        ("turns: 2..", "坐席第 2 轮起", "the agent's turns from 2 on"),
        ("turns: 2", "坐席第 2 轮", "the agent's turn 2"),
        ("turns: 1..", "坐席各轮", "the agent's every turn"),
        ("turns: -1..-1", "坐席最后一轮", "the agent's last turn"),
        ("turns: -3..-1", "坐席最后 3 轮", "the agent's last 3 turns"),
        ("turns: -2", "坐席倒数第 2 轮", "the agent's turn 2 from the end"),
        ("turns: ..-2", "坐席最后一轮之前", "the agent's turns before the last"),
        ("turns: 1..2, by: any", "通话前 2 轮", "the call's first 2 turns"),
        ("seconds: 0..15", "前 15 秒", "the first 15 s"),
        ("seconds: 5..", "第 5 秒起", "from second 5 on"),
        ("seconds: 5..12", "第 5 秒至第 12 秒", "from second 5 to second 12"),
        ("seconds: -12..0", "最后 12 秒", "the last 12 s"),
        ("seconds: 0..-5", "最后 5 秒之前", "all but the last 5 s"),
        ("percent: ..50", "对话的前 50%", "the first 50% of the conversation"),
        ("percent: 40..", "对话的后 60%", "the last 60% of the conversation"),
        ("percent: 10..90", "对话的 10% 至 90%", "from 10% to 90% of the conversation"),
        ("turns: 1..1, seconds: 0..15", "坐席第一轮，前 15 秒", "the agent's first turn, the first 15 s"),
    ],
)
def test_where_something_was_looked_for_is_told_in_words(tmp_path: Path, window: str, zh: str, en: str) -> None:
    require = f"said: {{by: agent, any: [orange], in: {{{window}}}}}"
    for language, where in (("zh", f"没有听到坐席说“orange”（{zh}）"), ("en", en)):
        reason = judged(tmp_path / language, CALLS[language], language, require=require).reason
        assert where in reason
        assert not NOTATION.search(reason)


def test_templates_of_rules_are_shown_to_nobody(tmp_path: Path) -> None:
    for number, (phrases, told) in enumerate(
        (("'(我|我们)要(退款|退钱)'", "指定的说法"), ("'(我|我们)要退款', '感谢您…来电'", "感谢您…来电"))
    ):
        reason = judged(tmp_path / str(number), CALLS["zh"], require=f"said: {{by: agent, any: [{phrases}]}}").reason
        assert reason == f"没有听到坐席说“{told}”"


def test_the_call_data_s_scenario_is_told_by_its_title(tmp_path: Path) -> None:
    reason = judged(tmp_path, "cdr scenario=cancel\n坐席 0-2: 您好。", head=SCENARIO, require="scenario: cancel").reason
    assert reason == "话单：场景 取消"


def test_all_that_is_measured_has_a_name() -> None:
    assert set(FACT_NAMES) == set(Facts.__slots__)
    assert set(CDR_NAMES) == set(CDR.__slots__) - {"extra"}
