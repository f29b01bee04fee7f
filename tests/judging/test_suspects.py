"""Passed calls that are worth a look, by what recognisers make of their sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.datatypes import Verdict
from pipeline.judging.notation import call_from_script
from pipeline.judging.verdicts import judge_call
from tests.support.rulebooks import hotline

CALL = "坐席 0.0: 您好，蓝鲸家电。\n客户 3.0: 洗衣机不转了。\n坐席 6.0: {said}\n客户 12.0: 好吧。\n坐席 14.0: 再见。"


def verdict_on(said: str, rule_id: str) -> Verdict:
    call = replace(call_from_script(CALL.format(said=said), "zh"), language="zh")
    return judge_call(call, hotline("zh").only([rule_id])).verdicts[0]


def test_what_is_like_the_forbidden_is_more_suspicious_than_what_is_not() -> None:
    alike = verdict_on("刚才我说得不太对。您怎么连这个都听不明白。", "no-abuse").suspect
    plain = verdict_on("我给您登记报修，师傅明天上门。", "no-abuse").suspect
    assert alike is not None
    assert plain is not None
    assert alike.suspicion > plain.suspicion
    assert alike.evidence.turn == 2


def test_what_is_required_is_suspicious_where_it_is_hardly_said() -> None:
    said, hardly = (
        verdict_on(words, "apology")
        for words in ("实在对不起，给您添麻烦了，我向您道歉。", "不好意思，我马上登记报修。")
    )
    assert said.outcome == "pass"
    assert said.suspect is not None
    if hardly.suspect is not None:
        assert hardly.suspect.suspicion > said.suspect.suspicion


@pytest.mark.parametrize("rule_id", ["greeting-pace", "dead-air"])
def test_rules_that_ask_for_no_act_have_no_suspects(rule_id: str) -> None:
    assert verdict_on("我给您登记报修。", rule_id).suspect is None


def test_a_fail_is_no_suspect() -> None:
    verdict = verdict_on("你神经病啊，脑子进水了。", "no-abuse")
    assert (verdict.outcome, verdict.suspect) == ("fail", None)
