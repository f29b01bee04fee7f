"""Conditions: three values, windows, anchors. Rules are written as an author would and judged on written-down calls."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from pipeline.datatypes import Roles, Verdict
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.notation import call_from_script
from pipeline.judging.verdicts import evaluation_of, judge_call, judge_rule
from tests.support.rulebooks import HEAD, make_book


def judge(
    folder: Path, call: str, language: str = "zh", phrases: str = "empty: [无]", head: str = HEAD, **gates: object
) -> Verdict:
    loaded = make_book(folder, language, phrases, head, **gates)
    return judge_call(call_from_script(dedent(call), language), loaded).verdicts[0]


TALK = """
    坐席 0.0-4.0: 您好，远洋酒店，请讲。
    客户 5.0-8.0: 我姓王，我要订房。
    坐席 9.0-12.0: 王先生，哪一天？
    客户 13.0-15.0: 星期五，谢谢。
    坐席 16.0-19.0: 订好了，感谢来电。
    客户 20.0-21.0: 再见。
    坐席 22.0-24.0: 再见。
"""


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("said: {any: [感谢来电]}", "pass"),
        ("said: {any: [没说过]}", "fail"),
        ("said: {by: customer, any: [感谢来电]}", "fail"),
        ("said: {by: agent, all: [您好, 再见]}", "pass"),
        ("said: {by: agent, all: [您好, 没说过]}", "fail"),
        ("said: {by: agent, any: [您好, 再见, 没说过], at_least: 2}", "pass"),
        ("said: {by: agent, any: [您好, 没说过, 也没有], at_least: 2}", "fail"),
        ("said: {pattern: '订(房|票)'}", "pass"),
        ("said: {pattern: '订(车|票)'}", "fail"),
        ("said: {any: ['/远洋.{0,3}店/']}", "pass"),
        ("said: {any: [远…酒店]}", "pass"),
        ("said: {any: [远…星期五]}", "fail"),
        ("said: {by: agent, entity: PERSON_TITLE}", "pass"),
        ("said: {by: customer, entity: OWN_NAME}", "pass"),
        ("said: {by: customer, entity: DATE}", "pass"),
        ("said: {by: agent, entity: DATE}", "fail"),
        ("said: {any: [再见], unless: [再]}", "fail"),
        ("said: {by: agent, any: [您好], unless: [感谢]}", "pass"),
        ("said: {by: agent, any: [哪一天], unless_then: [订好了]}", "pass"),
        ("said: {by: agent, any: [订好了], unless_then: [感谢来电]}", "fail"),
        # turns are counted among those of the speaker
        ("said: {by: agent, any: [王先生], in: {turns: 2}}", "pass"),
        ("said: {by: agent, any: [王先生], in: {turns: 1..1}}", "fail"),
        ("said: {by: agent, any: [感谢], in: {turns: -2..-1}}", "pass"),
        ("said: {by: agent, any: [感谢], in: {turns: -1..-1}}", "fail"),
        ("said: {any: [我姓王], in: {turns: 2, by: any}}", "pass"),
        # seconds from the first word, or back from the last
        ("said: {any: [您好], in: {seconds: 0..4}}", "pass"),
        ("said: {any: [星期五], in: {seconds: 0..4}}", "fail"),
        ("said: {any: [再见], in: {seconds: -5..0}}", "pass"),
        ("said: {any: [感谢], in: {seconds: -5..0}}", "fail"),
        ("said: {any: [感谢], in: {seconds: 0..-5}}", "pass"),
        ("said: {any: [您好], in: {percent: 0..20}}", "pass"),
        ("said: {any: [您好], in: {percent: 20..100}}", "fail"),
        # windows given together are intersected
        ("said: {by: agent, any: [感谢], in: {turns: -2..-1, seconds: -5..0}}", "fail"),
        # an empty window is unsure, never "not found"
        ("said: {by: agent, any: [您好], in: {turns: 9..9}}", "unsure"),
        ("none: [said: {by: agent, any: [您好], in: {turns: 9..9}}]", "unsure"),
        # combinations
        ("sequence: [said: {any: [您好]}, said: {any: [王先生]}, said: {any: [再见]}]", "pass"),
        ("sequence: [said: {any: [王先生]}, said: {any: [我姓王]}]", "fail"),
        ("times: {at_least: 2, of: {said: {any: [再见]}}}", "pass"),
        ("times: {at_least: 3, of: {said: {any: [再见]}}}", "fail"),
        ("times: {at_most: 1, of: {said: {any: [再见]}}}", "fail"),
        ("times: {at_most: 2, of: {said: {any: [再见]}}}", "pass"),
        ("times: {at_least: 1, of: [said: {any: [没说过]}, said: {any: [您好]}]}", "pass"),
        ("times: {at_least: 2, of: [said: {any: [没说过]}, said: {any: [您好]}]}", "fail"),
        ("none: [said: {any: [没说过]}]", "pass"),
        ("fact: agent_turns\nover: 3", "pass"),
        ("fact: agent_turns\nover: 4", "fail"),
        ("fact: since_agent_s\nat_least: 24", "pass"),
        ("pace: {by: agent, under: 400}", "pass"),
        ("pace: {by: agent, over: 400}", "fail"),
        ("pace: {by: agent, over: 1, min_chars: 500}", "unsure"),
        ("silence: {longer_than_s: 0.8}", "pass"),
        ("silence: {longer_than_s: 1.2}", "fail"),
        ("silence: {longer_than_s: 0.8, after: customer}", "pass"),
        ("overlap: {by: agent}", "fail"),
        ("times: {at_least: 3, per: turn, of: {said: {by: agent, any: [您好, 远洋, 王先生, 感谢]}}}", "pass"),
        ("times: {at_least: 4, per: turn, of: {said: {by: agent, any: [您好, 远洋, 王先生, 感谢]}}}", "fail"),
        ("fact: agent_wait_s\nknown: true", "fail"),
        ("fact: agent_turns\nknown: true", "pass"),
        ("cdr: ring_count\nknown: false", "pass"),
        ("turn: {by: agent, longer_than_s: 3.5}", "pass"),
        ("turn: {by: agent, longer_than_s: 4.5}", "fail"),
        ("turn: {by: agent, longer_than_s: 3.5, in: {turns: 2..2}}", "fail"),
        ("response: {by: customer, over_s: 0.5}", "pass"),
        ("response: {by: customer, over_s: 0.5, statistic: median}", "pass"),
        ("response: {by: customer, over_s: 1.5}", "fail"),
        ("response: {by: agent, over_s: 0}", "fail"),
        ("response: {by: agent, over_s: 0.5, questions: [我要]}", "pass"),
        ("level: {by: agent}", "fail"),
        ("level: {by: customer}", "unsure"),
        ("sound: {kinds: [music, ring]}", "fail"),
        ("echo: {by: agent, min_chars: 2}", "pass"),
        ("echo: {by: customer, min_chars: 2}", "fail"),
        ("repeat: {by: agent}", "fail"),
        ("repeat: {by: agent, min_chars: 2, similarity: 0.1}", "fail"),
        ("readback: {by: agent}", "fail"),
        # nothing in the CDR, nothing on the line
        ("cdr: ring_count\nover: 3", "unsure"),
        ("hung_up: {by: agent}", "unsure"),
    ],
)
def test_condition(tmp_path: Path, condition: str, outcome: str) -> None:
    verdict = judge(tmp_path, TALK, require=condition)
    assert verdict.outcome == outcome, verdict.reason
    assert verdict.reason


def test_every_condition_is_tested_above() -> None:
    events = test_condition.pytestmark[0].args[1]  # type: ignore[attr-defined]
    used = {kind for condition, _ in events for kind in CONDITIONS if f"{kind}:" in condition}
    assert used | {"scenario"} == set(CONDITIONS)


@pytest.mark.parametrize(
    ("condition", "call", "outcome"),
    [
        # the usual level is the speaker's own; half a second is no raised voice
        ("level: {by: agent}", "坐席 0-10: 您好。\n坐席 12-20: 请讲。\n大声 14-17 坐席 8", "pass"),
        ("level: {by: agent, jump_db: 9}", "坐席 0-10: 您好。\n坐席 12-20: 请讲。\n大声 14-17 坐席 8", "fail"),
        ("level: {by: agent}", "坐席 0-10: 您好。\n坐席 12-20: 请讲。\n大声 14-14.5 坐席 8", "fail"),
        ("level: {by: agent}", "坐席 0-10: 您好。\n客户 12-20: 你好。\n大声 14-17 客户 8", "fail"),
        (
            "level: {by: agent, in: {turns: 1}}",
            "坐席 0-10: 您好。\n客户 11-12: 我要订房。\n坐席 13-20: 请讲。\n大声 14-17 坐席 8",
            "fail",
        ),
        # a 嗯 is no answer, music stops the clock, a notice is an answer
        ("response: {over_s: 5}", "客户 0-2: 几点开门？\n坐席 3-3.4: 嗯。\n坐席 9-10: 九点。", "pass"),
        ("response: {over_s: 5}", "客户 0-2: 几点开门？\n坐席 3-4: 请稍等。\n坐席 19-20: 九点。", "fail"),
        ("response: {over_s: 5}", "客户 0-2: 几点开门？\n标记 music 2.5-8.5\n坐席 9-10: 九点。", "fail"),
        ("response: {over_s: 5, fillers: [那个]}", "客户 0-2: 几点开门？\n坐席 3-4: 那个。\n坐席 9-10: 九点。", "pass"),
        (
            "response: {over_s: 2, statistic: median}",
            "客户 0-1: 几点？\n坐席 2-3: 九点。\n客户 4-5: 哪里？\n"
            "坐席 8-9: 五楼。\n客户 10-11: 多少钱？\n坐席 12-13: 十元。",
            "fail",
        ),
        ("response: {over_s: 5}", "坐席 0-1: 请讲。\n客户 2-4: 几点开门？", "fail"),
        # sounds lie before, between or behind the live voices
        ("sound: {kinds: [busy], where: leading}", "标记 busy 0-3\n坐席 4-5: 您好。", "pass"),
        ("sound: {kinds: [busy], where: leading}", "坐席 0-3: 您好。\n标记 busy 4-8", "fail"),
        (
            "sound: {kinds: [music], where: inner, longer_than_s: 5}",
            "坐席 0-3: 请稍等。\n标记 music 4-10\n坐席 11-12: 好了。",
            "pass",
        ),
        (
            "sound: {kinds: [music], where: inner, longer_than_s: 7}",
            "坐席 0-3: 请稍等。\n标记 music 4-10\n坐席 11-12: 好了。",
            "fail",
        ),
        # passed on: announced, and then a new voice
        ("sound: {kinds: [transfer]}", "坐席 0-3: 帮您转接。\n客户 4-5: 好。\n标记 transfer 3-9", "pass"),
        ("sound: {kinds: [music, transfer]}", "坐席 0-3: 帮您转接。\n客户 4-5: 好。", "fail"),
        (
            "all: [{sound: {kinds: [music]}, as: hold}, "
            "{said: {any: [久等], in: {around: {name: hold, after: 1 turns}}}}]",
            "坐席 0-3: 请稍等。\n标记 music 4-10\n坐席 11-12: 让您久等了。",
            "pass",
        ),
        (
            "all: [{sound: {kinds: [music]}, as: hold}, "
            "{said: {any: [稍等], in: {around: {name: hold, before: 1 turns}}}}]",
            "坐席 0-3: 请稍等。\n标记 music 4-10\n坐席 11-12: 让您久等了。",
            "pass",
        ),
        ("silence: {longer_than_s: 10, after_notice: [稍等]}", "坐席 0-3: 请稍等。\n坐席 15-16: 好了。", "pass"),
        ("silence: {longer_than_s: 10, after_notice: [稍等]}", "坐席 0-3: 您好。\n坐席 15-16: 好了。", "fail"),
        # a turn goes on over a 嗯
        (
            "turn: {by: customer, longer_than_s: 15}",
            "客户 0-9: 我说。\n坐席 9.5-9.9: 嗯。\n客户 10-18: 我再说。",
            "pass",
        ),
        (
            "turn: {by: customer, longer_than_s: 15}",
            "客户 0-9: 我说。\n坐席 9.5-12: 请您说慢一点。\n客户 13-18: 我再说。",
            "fail",
        ),
        # said back: in a row, of the other, lately
        ("echo: {}", "客户 0-3: 星期六上午九点来。\n坐席 4-6: 星期六上午对吗？", "pass"),
        ("echo: {}", "坐席 0-3: 星期六上午九点来。\n坐席 4-6: 星期六上午对吗？", "fail"),
        ("echo: {unless: [不是]}", "客户 0-3: 星期六上午九点来。\n坐席 4-6: 不是星期六上午。", "fail"),
        (
            "echo: {lookback: 1}",
            "客户 0-3: 星期六上午九点来。\n坐席 4-6: 好的没问题呢。\n客户 7-8: 还有别的事情。\n"
            "坐席 9-12: 星期六上午对吗？",
            "fail",
        ),
        # asked again, unless it was not heard, or not by the same side
        (
            "repeat: {with: [哪里]}",
            "坐席 0-3: 您的地址是哪里？\n客户 4-5: 中山路。\n坐席 6-8: 您的地址是哪里？",
            "pass",
        ),
        (
            "repeat: {unless: [没听清]}",
            "坐席 0-3: 您的地址是哪里？\n客户 4-5: 中山路。\n坐席 6-9: 没听清，您的地址是哪里？",
            "fail",
        ),
        ("repeat: {}", "坐席 0-6: 您的地址是哪里？您的地址是哪里？\n客户 7-8: 中山路。", "fail"),
        ("repeat: {}", "坐席 0-3: 您的地址是哪里？\n客户 4-6: 您的地址是哪里？", "fail"),
        # a number said back: in groups, over two turns; a wrong digit; not at all
        ("readback: {}", "客户 0-3: 幺三八零零一三八零零零。\n坐席 4-7: 一三八，零零一三，八零零零，对吗？", "pass"),
        (
            "readback: {}",
            "客户 0-3: 幺三八零零\n坐席 3.2-3.5: 嗯。\n客户 4-6: 幺三八零零零。\n坐席 7-9: 13800138000。",
            "pass",
        ),
        ("readback: {}", "客户 0-3: 13800138000。\n坐席 4-7: 13800139000，对吗？", "fail"),
        ("readback: {}", "客户 0-3: 13800138000。\n坐席 4-7: 好的，登记了。", "fail"),
        ("readback: {}", "客户 0-3: 我住八号楼。\n坐席 4-7: 八号楼。", "fail"),
    ],
)
def test_condition_on_a_call_of_its_own(tmp_path: Path, condition: str, call: str, outcome: str) -> None:
    verdict = judge(tmp_path, call, require=condition)
    assert verdict.outcome == outcome, verdict.reason
    assert verdict.reason


SCENARIOS = (
    HEAD
    + """
scenarios:
  cancel: {{title: {{zh: 取消, en: cancel}}, when: {{said: {{by: customer, any: [取消]}}}}}}
  booking: {{title: {{zh: 预约, en: booking}}, when: {{said: {{by: customer, any: [预约, 取消]}}}}}}
"""
)


@pytest.mark.parametrize(
    ("names", "call", "outcome"),
    [
        ("cancel", "客户 0-3: 我想取消预约。", "pass"),
        ("booking", "客户 0-3: 我想取消预约。", "fail"),
        ("booking", "客户 0-3: 我想预约。", "pass"),
        ("[booking, cancel]", "客户 0-3: 我想预约。", "pass"),
        ("booking", "客户 0-3: 你好。", "fail"),
        ("booking", "cdr scenario=booking\n客户 0-3: 我想取消。", "pass"),
        ("cancel", "cdr scenario=booking\n客户 0-3: 我想取消。", "fail"),
        ("cancel", "cdr scenario=elsewhere\n客户 0-3: 我想取消。", "pass"),
        ("cancel", "坐席 0-3: 您好。\n听不清 4-20 客户", "unsure"),
    ],
)
def test_scenario(tmp_path: Path, names: str, call: str, outcome: str) -> None:
    verdict = judge(tmp_path, call, head=SCENARIOS, require=f"scenario: {names}")
    assert verdict.outcome == outcome, verdict.reason


HOLDS = {True: "said: {any: [您好]}", False: "said: {any: [没说过]}", None: "cdr: ring_count\nover: 1"}
OUTCOMES = {True: "pass", False: "fail", None: "unsure"}


@pytest.mark.parametrize(("one", "other"), list(product((True, False, None), repeat=2)))
def test_kleene(tmp_path: Path, one: bool | None, other: bool | None) -> None:
    both = [yaml.safe_load(HOLDS[one]), yaml.safe_load(HOLDS[other])]
    conjunction = False if False in (one, other) else None if None in (one, other) else True
    disjunction = True if True in (one, other) else None if None in (one, other) else False
    assert judge(tmp_path, TALK, require={"all": both}).outcome == OUTCOMES[conjunction]
    assert judge(tmp_path, TALK, require={"any": both}).outcome == OUTCOMES[disjunction]
    negation = None if disjunction is None else not disjunction
    assert judge(tmp_path, TALK, require={"none": both}).outcome == OUTCOMES[negation]


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
        ("before: 1 turns, hit: last", "fail"),
        ("before: 1 turns, hit: first", "fail"),
    ],
)
def test_anchor(tmp_path: Path, around: str, outcome: str) -> None:
    applies = "said: {by: customer, any: [漏水]}\nas: trouble"
    require = f"said: {{by: agent, any: [抱歉], in: {{around: {{name: trouble, {around}}}}}}}"
    assert judge(tmp_path, TROUBLE, applies=applies, require=require).outcome == outcome


def test_without_the_anchor_nothing_can_be_said(tmp_path: Path) -> None:
    require = "all: [{said: {any: [没说过]}, as: x}, {said: {any: [抱歉], in: {around: {name: x, after: 1 turns}}}}]"
    verdict = judge(
        tmp_path, TROUBLE, require={"any": [yaml.safe_load(require)["all"][1], {"said": {"any": ["没有"]}, "as": "x"}]}
    )
    assert verdict.outcome == "unsure"


def test_absence_needs_words(tmp_path: Path) -> None:
    call = "坐席 0.0-3.0: 您好。\n听不清 4.0-14.0 坐席\n客户 15.0-16.0: 好。"
    missing, found = "said: {by: agent, any: [再见]}", "said: {by: agent, any: [您好]}"
    assert judge(tmp_path / "a", call, require=missing).outcome == "unsure"
    assert judge(tmp_path / "b", call, require=found).outcome == "pass"
    assert judge(tmp_path / "c", call, forbid=missing).outcome == "unsure"
    assert judge(tmp_path / "d", call, require=missing, coverage=0.1).outcome == "fail"


def test_roles_that_are_not_known(tmp_path: Path) -> None:
    book = make_book(tmp_path, require="said: {by: agent, any: [您好]}")
    call = call_from_script(TALK.replace("    ", ""), "zh")
    nobody = replace(call, roles=Roles({}, "none", 0.0))
    assert judge_call(nobody, book).verdicts[0].outcome == "unsure"
    assert "角色" in judge_call(nobody, book).verdicts[0].reason


def test_a_hit_by_sound_says_so(tmp_path: Path) -> None:
    call = "坐席 0.0-3.0: 您好，001号华务员微宁服务。\n客户 4.0: 好。"
    verdict = judge(tmp_path, call, require="said: {by: agent, any: [为您服务]}")
    assert verdict.outcome == "pass"
    assert verdict.evidence[0].matched == "微宁服务"
    assert verdict.reason == "听到“微宁服务”，匹配“为您服务”"
    assert judge(tmp_path, call, require="said: {any: [为您服务], sounds: false}").outcome == "fail"


def test_short_words_are_heard_only_where_the_list_asks(tmp_path: Path) -> None:
    call = "坐席 0.0-3.0: 你好，勤奖。"
    assert judge(tmp_path, call, require="said: {any: [请讲]}").outcome == "fail"
    assert judge(tmp_path, call, require="said: {any: [~请讲]}").outcome == "pass"


def test_a_long_phrase_may_have_one_slip(tmp_path: Path) -> None:
    for words in ("请问还有什么可以帮您", "请问还有什么可以您", "请问还有什么可以大您", "请问还有什么呢可以帮您"):
        verdict = judge(tmp_path, f"坐席 0.0-3.0: {words}", require="said: {any: [请问还有什么可以帮您]}")
        assert verdict.outcome == "pass", words
    verdict = judge(tmp_path, "坐席 0.0-3.0: 请问还有什么不满意的", require="said: {any: [请问还有什么可以帮您]}")
    assert verdict.outcome == "fail"


def test_an_exclusion_reaches_only_so_far(tmp_path: Path) -> None:
    near = "坐席 0.0-9.0: 不知道您方不方便。"
    far = "坐席 0.0-9.0: 不知道。" + "嗯我们这里的地址是江东区百丈路八十八号三楼的前台" + "不知道您方不方便"
    rule = "said: {by: agent, any: [不知道], unless: [/不知道您/]}"
    assert judge(tmp_path, near, forbid=rule).outcome == "pass"
    verdict = judge(tmp_path, far, forbid=rule)
    assert verdict.outcome == "fail"
    assert len(verdict.evidence) == 1


def test_one_sentence_costs_once(tmp_path: Path) -> None:
    rule = "said: {by: agent, any: [不行, 不可以, 没办法]}"
    assert judge(tmp_path, "坐席 0.0-9.0: 不行，不可以，没办法。", forbid=rule).occurrences == 1
    assert judge(tmp_path, "坐席 0.0-9.0: 不行。不可以，没办法。", forbid=rule).occurrences == 2


def test_evidence_has_its_time(tmp_path: Path) -> None:
    verdict = judge(tmp_path, TALK, require="said: {by: agent, any: [感谢来电]}")
    hit = verdict.evidence[0]
    assert hit.span is not None
    assert 17.0 < hit.span.start_s < hit.span.end_s <= 19.01
    assert hit.turn == 4


def test_silence_counts_what_the_notice_does_not_cover(tmp_path: Path) -> None:
    call = "坐席 0.0-2.0: 请稍等。\n客户 {0}-{1}: 喂？"
    rule = "silence: {longer_than_s: 5, unless_said_before: [稍等], covers_s: 30}"
    assert judge(tmp_path, call.format(36.0, 38.0), forbid=rule).outcome == "pass"
    assert judge(tmp_path, call.format(38.0, 40.0), forbid=rule).outcome == "fail"


def test_hung_up_needs_a_closing_only_where_asked(tmp_path: Path) -> None:
    call = "坐席 0.0-2.0: 您好。\n客户 3.0-5.0: 喂。\n坐席 6.0-8.0: {}\n挂断 坐席 {}\n客户 10.5-12.0: 喂？"
    plain, closing = "hung_up: {by: agent}", "hung_up: {by: agent, without: [再见]}"
    speaking = "hung_up: {by: agent, while: customer_speaking}"
    assert judge(tmp_path, call.format("再见。", 9.0), forbid=plain).outcome == "fail"
    assert judge(tmp_path, call.format("再见。", 9.0), forbid=closing).outcome == "pass"
    assert judge(tmp_path, call.format("行了。", 9.0), forbid=closing).outcome == "fail"
    assert judge(tmp_path, call.format("行了。", 9.0), forbid=speaking).outcome == "pass"
    assert judge(tmp_path, call.format("行了。", 11.0), forbid=speaking).outcome == "fail"


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("over: 3", "pass"),
        ("under: 3", "fail"),
        ("at_least: 4", "pass"),
        ("is: 4", "pass"),
        ("is: [5, 6]", "fail"),
        ("matches: '[0-3]'", "fail"),
        ("matches: '[4-6]'", "pass"),
    ],
)
def test_cdr(tmp_path: Path, test: str, outcome: str) -> None:
    assert judge(tmp_path, "cdr ring_count=4\n坐席 0.0: 您好。", require=f"cdr: ring_count\n{test}").outcome == outcome


def test_cdr_extra_field(tmp_path: Path) -> None:
    assert judge(tmp_path, "cdr vip=yes\n坐席 0.0: 您好。", require="cdr: vip\nis: 'yes'").outcome == "pass"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("王先生，请稍等", True),
        ("好的欧阳女士", True),
        ("请问是张小明先生吗", True),
        ("李阿姨您好", True),
        ("陈总您好", True),
        ("王老师，您的课改到周五", True),
        ("和女士请稍等", True),
        ("好的汪先声请稍等", True),
        ("赵同学你好", True),
        ("请问先生贵姓", False),
        ("谢谢先生", False),
        ("感谢女士的理解", False),
        ("好的先生", False),
        ("您好先生", False),
        ("这位女士", False),
        ("大爷您坐", False),
        ("先生和女士都可以", False),
        ("李师傅明天上门", False),
        ("张医生的号没有了", False),
        ("我是王经理", False),
        ("王总共三件", False),
        ("是位先生接的", False),
        ("请您问先生", False),
        ("帮您转接王先生", False),
    ],
)
def test_person_title_zh(tmp_path: Path, words: str, named: bool) -> None:
    verdict = judge(tmp_path, f"坐席 0.0-5.0: {words}。", require="said: {by: agent, entity: PERSON_TITLE}")
    assert (verdict.outcome == "pass") is named, verdict.reason


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("Thank you, Mr. Carter.", True),
        ("Ms Okonkwo, one moment.", True),
        ("Sure, Daniel, which day?", True),
        ("Thank you, Rebecca.", True),
        ("Am I speaking with Rebecca Stone?", True),
        ("Thank you, sir.", False),
        ("Okay, great.", False),
        ("My name is Rebecca.", False),
        ("Miss that one and wait.", False),
        ("Thank you, Madam.", False),
        ("I will see you Monday.", False),
    ],
)
def test_person_title_en(tmp_path: Path, words: str, named: bool) -> None:
    call = f"customer 0.0-3.0: Hi, this is Daniel.\nagent 4.0-8.0: {words}"
    verdict = judge(tmp_path, call, "en", "empty: [none]", require="said: {by: agent, entity: PERSON_TITLE}")
    assert (verdict.outcome == "pass") is named, verdict.reason


@pytest.mark.parametrize(
    ("words", "label", "found"),
    [
        ("工号三零二六为您服务", "AGENT_ID", True),
        ("公号3026", "AGENT_ID", True),
        ("零零一号话务员", "AGENT_ID", True),
        ("客服八八号很高兴", "AGENT_ID", True),
        ("请问您几号入住", "AGENT_ID", False),
        ("您好请讲", "AGENT_ID", False),
        ("我姓林", "SELF_NAME", True),
        ("我是小陈", "SELF_NAME", True),
        ("我是理赔专员李晓梅请问", "SELF_NAME", True),
        ("卧心流", "SELF_NAME", True),
        ("很高兴为您服务", "SELF_NAME", False),
        ("我是您的客服", "SELF_NAME", False),
        ("这里是蓝鲸", "COMPANY", True),
        ("欢迎致电东方明珠", "COMPANY", True),
        ("感谢您的来电", "COMPANY", False),
        ("欢迎致电，请问有什么可以帮您", "COMPANY", False),
        ("这里是请问您哪位", "COMPANY", False),
    ],
)
def test_entities_zh(tmp_path: Path, words: str, label: str, found: bool) -> None:
    verdict = judge(tmp_path, f"坐席 0.0-5.0: {words}", require=f"said: {{by: agent, entity: {label}}}")
    assert (verdict.outcome == "pass") is found, verdict.reason


def test_the_company_in_the_cdr_is_known(tmp_path: Path) -> None:
    call = "cdr company=蓝鲸出行\n坐席 0.0-3.0: 您好，兰京，请讲。"
    assert judge(tmp_path, call, require="said: {entity: COMPANY}").outcome == "pass"


def test_judging_leaves_the_call_as_it_was(tmp_path: Path) -> None:
    book = make_book(tmp_path, require="said: {by: agent, any: [感谢来电]}")
    call = call_from_script(dedent(TALK), "zh")
    again = call_from_script(dedent(TALK), "zh")
    first = judge_rule(evaluation_of(call, book), book.rules[0])
    assert call == again
    assert judge_rule(evaluation_of(call, book), book.rules[0]) == first


def test_facts_are_the_call_s_own() -> None:
    call = call_from_script(dedent(TALK), "zh")
    assert call.facts.agent_turns == 4
    assert call.facts.since_agent_s == pytest.approx(24.0, abs=0.1)
    assert call.facts.overlap_s == 0.0
