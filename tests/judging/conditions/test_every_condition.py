"""Every condition on written-down calls: three values, windows, parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.judging.conditions import CONDITIONS
from tests.support.conditions import TALK, judged


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
        ("steps: {in_order: [said: {any: [订好了]}, said: {any: [再见]}]}", "pass"),
        ("steps: {in_order: [said: {any: [再见]}, said: {any: [订好了]}]}", "fail"),
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
        ("said_back: {any: [星期六, 再见]}", "pass"),
        ("said_back: {any: [星期五]}", "fail"),
        # nothing in the CDR, nothing on the line
        ("cdr: ring_count\nover: 3", "unsure"),
        ("hung_up: {by: agent}", "unsure"),
    ],
)
def test_condition(tmp_path: Path, condition: str, outcome: str) -> None:
    verdict = judged(tmp_path, TALK, require=condition)
    assert verdict.outcome == outcome, verdict.reason
    assert verdict.reason


def test_every_condition_is_tested_above() -> None:
    events = test_condition.pytestmark[0].args[1]  # type: ignore[attr-defined]
    used = {kind for condition, _ in events for kind in CONDITIONS if f"{kind}:" in condition}
    elsewhere = {"scenario", "use", "asks"}  # they need more than a call
    assert used | elsewhere == set(CONDITIONS)


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
    verdict = judged(tmp_path, call, require=condition)
    assert verdict.outcome == outcome, verdict.reason
    assert verdict.reason
