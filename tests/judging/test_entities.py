"""Entities by themselves: where they begin and end, and what is told from them."""

from __future__ import annotations

import pytest

from pipeline.judging.entities import LABELS, Entities
from pipeline.judging.notation import call_from_script
from pipeline.judging.token_index import index_call
from pipeline.language.en.names import common_words, english_names
from pipeline.language.zh.names import chinese_names, chinese_surnames


def found(script: str, label: str, language: str, **known: str) -> list[str]:
    """What the finders take for entities in the last turn of a call, as it was written."""
    call = call_from_script(script, language)
    entities = Entities(language, tuple(known.values()))
    index = index_call(call, language)
    places = entities.in_call(index).find(label, [index.range_of(len(call.turns) - 1)])
    return [index.quote(start, end) for start, end, _ in places]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("好的，王先生，请稍等。", ["王先生"]),
        ("欧阳女士您好", ["欧阳女士"]),
        ("请问是王小丽女士吗", ["王小丽女士"]),
        ("您好，和女士", ["和女士"]),
        ("先生和女士都可以", []),
        ("谢谢先生", []),
        ("非常先生", []),
        ("好的，王先声", ["王先声"]),
        ("我这边给您转接李经理", []),
        ("李师傅明天上门", []),
        ("李师傅，您好", ["李师傅"]),
        ("王总共三件", []),
        ("王哥，您看", ["王哥"]),
        ("王姐夫来了", []),
    ],
)
def test_a_caller_is_addressed_by_surname_and_title(words: str, names: list[str]) -> None:
    assert found(f"坐席 0.0-5.0: {words}", "PERSON_TITLE", "zh") == names


@pytest.mark.parametrize(
    ("words", "label", "names"),
    [
        ("明天五号下午三点", "DATE", ["明天", "五号"]),
        ("一共三百五十元", "MONEY", ["三百五十元"]),
        ("三万块", "MONEY", ["三万块"]),
        ("电话是幺三八零零零零幺二三四", "PHONE", ["幺三八零零零零幺二三四"]),
        ("工号是八零二", "AGENT_ID", ["工号是八零二"]),
        ("公号八零二", "AGENT_ID", ["公号八零二"]),
        ("您好，云上书屋，请讲", "COMPANY", ["云上书屋"]),
        ("您好，工号八零二，请讲", "COMPANY", []),
        ("您好，我是7号小许，请讲", "SELF_NAME", ["7号小许"]),
        ("您好，金钥匙开锁，小莫，请讲", "SELF_NAME", ["小莫"]),
        ("您好，小额贷款的业务请讲", "SELF_NAME", []),
    ],
)
def test_shapes_of_numbers_days_and_companies(words: str, label: str, names: list[str]) -> None:
    assert found(f"坐席 0.0-5.0: {words}", label, "zh") == names


@pytest.mark.parametrize("answer", ["王。", "嗯，我姓王。", "张伟。"])
def test_a_short_answer_to_the_question_for_a_name_is_one(answer: str) -> None:
    assert found(f"坐席 0.0-3.0: 请问您贵姓？\n客户 3.5-5.0: {answer}", "OWN_NAME", "zh") != []


@pytest.mark.parametrize("answer", ["什么？", "不用了。", "你先帮我查一下吧。"])
def test_another_answer_is_no_name(answer: str) -> None:
    assert found(f"坐席 0.0-3.0: 请问您贵姓？\n客户 3.5-5.0: {answer}", "OWN_NAME", "zh") == []


def test_a_surname_that_the_caller_told_is_one_however_rare() -> None:
    call = "坐席 0.0-2.0: 您贵姓？\n客户 2.5-4.0: 我姓{name}。\n坐席 4.5-6.0: 好的，{name}先生。"
    assert found(call.format(name="恰"), "PERSON_TITLE", "zh") == ["恰先生"]
    assert found("坐席 0.0-2.0: 好的，恰先生。", "PERSON_TITLE", "zh") == []


def test_where_the_speaker_sits_tells_its_name_in_its_first_words_only() -> None:
    first = "agent 0.0-4.0: Good evening, The Drowned Lantern, Fergus on the desk, how can I help?"
    assert found(first, "SELF_NAME", "en") == ["Fergus"]
    assert found(first, "COMPANY", "en") == ["The Drowned Lantern"]
    later = f"{first}\ncustomer 5.0-7.0: Who mends it?\nagent 8.0-10.0: Okay, Tom from repairs."
    assert found(later, "SELF_NAME", "en") == []


@pytest.mark.parametrize("question", ["Who have I got there?", "What do I call you?", "And you are?"])
def test_a_name_is_the_answer_to_many_questions(question: str) -> None:
    call = f"agent 0.0-2.0: {question}\ncustomer 2.5-4.0: Bronwen Maddox.\nagent 5.0-7.0: Fire away, Bronwen."
    assert found(call, "PERSON_TITLE", "en") == ["Bronwen"]


def test_a_company_is_known_by_what_it_is_shortened_to_and_how_that_sounds() -> None:
    assert found("坐席 0.0-3.0: 兰京为您服务", "COMPANY", "zh", company="蓝鲸出行") == ["兰京"]
    assert found("坐席 0.0-3.0: 兰京为您服务", "COMPANY", "zh") == []


ENGLISH = "agent 0.0-3.0: May I have your name?\ncustomer 3.5-5.0: Jennifer Stone.\nagent 5.5-9.0: {words}"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Thank you, Jennifer.", ["Jennifer"]),
        ("Mrs. Stone, one moment.", ["Mrs. Stone"]),
        ("Mr. Jones will deliver it.", []),
        ("My name is Jennifer.", []),
        ("Thank you, Madam.", []),
    ],
)
def test_a_caller_is_addressed_by_the_name_it_told(words: str, names: list[str]) -> None:
    assert found(ENGLISH.format(words=words), "PERSON_TITLE", "en") == names


@pytest.mark.parametrize(
    ("words", "label", "names"),
    [
        ("This is Daniel Carter, how can I help?", "SELF_NAME", ["This is Daniel Carter"]),
        ("This is Lakeside Hotel.", "SELF_NAME", []),
        ("Daniel speaking.", "SELF_NAME", ["Daniel speaking"]),
        ("You have reached Hartley Parsons.", "SELF_NAME", []),
        ("Good morning, Hartley and Sons, how can I help?", "COMPANY", ["Hartley and Sons"]),
        ("Thank you for calling the Lakeside.", "COMPANY", ["for calling the Lakeside"]),
        ("Thank you for calling today.", "COMPANY", []),
        ("Agent number four one two.", "AGENT_ID", ["Agent number four one two"]),
        ("That is thirty dollars.", "MONEY", ["thirty dollars"]),
        ("It comes on Monday or tomorrow.", "DATE", ["Monday", "tomorrow"]),
    ],
)
def test_english_names_and_shapes(words: str, label: str, names: list[str]) -> None:
    assert found(f"agent 0.0-5.0: {words}", label, "en") == names


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_label_can_be_looked_for(language: str) -> None:
    for label in LABELS:
        assert found("agent 0.0-1.0: Okay." if language == "en" else "坐席 0.0-1.0: 好。", label, language) == []


def test_lists_of_names_hold_what_they_say() -> None:
    names, surnames = chinese_names(), chinese_surnames()
    assert {len(surname) for surname in surnames.compound} == {2}
    assert names.not_surnames_after.keys() <= surnames.single
    assert {len(title) for title in names.titles_by_sound} == {2}
    assert names.offices_before_a_break <= set(names.offices)
    assert not common_words() & english_names().titles
