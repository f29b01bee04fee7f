"""What was said: by sound, with exclusions, names and entities, and the evidence of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conditions import TALK, judged


def test_a_hit_by_sound_says_so(tmp_path: Path) -> None:
    call = "坐席 0.0-3.0: 您好，001号华务员微宁服务。\n客户 4.0: 好。"
    verdict = judged(tmp_path, call, require="said: {by: agent, any: [为您服务]}")
    assert verdict.outcome == "pass"
    assert verdict.evidence[0].matched == "微宁服务"
    assert verdict.reason == "听到“微宁服务”，匹配“为您服务”"
    assert judged(tmp_path, call, require="said: {any: [为您服务], sounds: false}").outcome == "fail"


def test_short_words_are_heard_only_where_the_list_asks(tmp_path: Path) -> None:
    call = "坐席 0.0-3.0: 你好，勤奖。"
    assert judged(tmp_path, call, require="said: {any: [请讲]}").outcome == "fail"
    assert judged(tmp_path, call, require="said: {any: [~请讲]}").outcome == "pass"


def test_a_long_phrase_may_have_one_slip(tmp_path: Path) -> None:
    for words in ("请问还有什么可以帮您", "请问还有什么可以您", "请问还有什么可以大您", "请问还有什么呢可以帮您"):
        verdict = judged(tmp_path, f"坐席 0.0-3.0: {words}", require="said: {any: [请问还有什么可以帮您]}")
        assert verdict.outcome == "pass", words
    verdict = judged(tmp_path, "坐席 0.0-3.0: 请问还有什么不满意的", require="said: {any: [请问还有什么可以帮您]}")
    assert verdict.outcome == "fail"


def test_an_exclusion_reaches_only_so_far(tmp_path: Path) -> None:
    near = "坐席 0.0-9.0: 不知道您方不方便。"
    far = "坐席 0.0-9.0: 不知道。" + "嗯我们这里的地址是江东区百丈路八十八号三楼的前台" + "不知道您方不方便"
    rule = "said: {by: agent, any: [不知道], unless: [/不知道您/]}"
    assert judged(tmp_path, near, forbid=rule).outcome == "pass"
    verdict = judged(tmp_path, far, forbid=rule)
    assert verdict.outcome == "fail"
    assert len(verdict.evidence) == 1


def test_one_sentence_costs_once(tmp_path: Path) -> None:
    rule = "said: {by: agent, any: [不行, 不可以, 没办法]}"
    assert judged(tmp_path, "坐席 0.0-9.0: 不行，不可以，没办法。", forbid=rule).occurrences == 1
    assert judged(tmp_path, "坐席 0.0-9.0: 不行。不可以，没办法。", forbid=rule).occurrences == 2


def test_evidence_has_its_time(tmp_path: Path) -> None:
    verdict = judged(tmp_path, TALK, require="said: {by: agent, any: [感谢来电]}")
    hit = verdict.evidence[0]
    assert hit.span is not None
    assert 17.0 < hit.span.start_s < hit.span.end_s <= 19.01
    assert hit.turn == 4


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
    verdict = judged(tmp_path, f"坐席 0.0-5.0: {words}。", require="said: {by: agent, entity: PERSON_TITLE}")
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
    verdict = judged(tmp_path, call, "en", "empty: [none]", require="said: {by: agent, entity: PERSON_TITLE}")
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
    verdict = judged(tmp_path, f"坐席 0.0-5.0: {words}", require=f"said: {{by: agent, entity: {label}}}")
    assert (verdict.outcome == "pass") is found, verdict.reason


def test_the_company_in_the_cdr_is_known(tmp_path: Path) -> None:
    call = "cdr company=蓝鲸出行\n坐席 0.0-3.0: 您好，兰京，请讲。"
    assert judged(tmp_path, call, require="said: {entity: COMPANY}").outcome == "pass"


def test_evidence_is_the_whole_sentence_as_it_was_written(tmp_path: Path) -> None:
    call = "坐席 0.0-9.0: 您好！请您稍等，我查一下；很快的。客户 您好"
    (item,) = judged(tmp_path, call, require="said: {any: [稍等]}").evidence
    assert (item.matched, item.sentence) == ("稍等", "请您稍等，我查一下；")
    (item,) = judged(tmp_path, call, require="said: {pattern: '稍等[^x]*很快'}").evidence
    assert (item.matched, item.sentence) == ("稍等，我查一下；很快", "请您稍等，我查一下；很快的。")
