"""Who is the agent: scripts in two languages, near misses, prompts, slips, and when to say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.build import build_call
from pipeline.call.prompts import PROMPT
from pipeline.call.roles import method_text, score_words
from pipeline.datatypes import CDR, Roles
from pipeline.settings import CHECKOUT
from tests.support.talk import NOBODY, Line, heard_call, spoken, written_calls

HERE = CHECKOUT / "tests" / "data"
Script = Sequence[tuple[str, str]]
"""Who (A or C) and what, line by line."""
WrittenCall = tuple[str, str, list[tuple[str, str]]]
OUTBOUND_CALLS = tuple(written_calls(HERE / "outbound.txt"))


def roles_of(lines: Sequence[Line], cdr: CDR = NOBODY, **more: Any) -> Roles:
    return build_call(heard_call(lines, **more), cdr).roles


GOOD = (
    ("A", "您好，安心家政客服中心，请问有什么可以帮您？"),
    ("C", "你好，我想预约一个保洁。"),
    ("A", "好的，请问您贵姓？"),
    ("C", "我姓何。"),
    ("A", "何女士，请您稍等，我帮您登记一下。"),
    ("C", "好，谢谢你。"),
)
ENGLISH = (
    ("A", "Thank you for calling Harbor Repairs, this is Ann, how can I help you?"),
    ("C", "Hi, my dishwasher is broken again since your visit."),
    ("A", "I am sorry. May I have your name, please?"),
    ("C", "It's Hill. I need to get it fixed this week."),
)
CALLER_FIRST = (
    ("C", "喂，你好，我想查一下我的快递到哪里了？"),
    ("A", "您好，请您报一下单号，我帮您查。"),
    ("C", "单号是三五七九。"),
    ("A", "好的，请您稍等。请问还有其他需要吗？"),
)
OUTBOUND = (
    ("C", "喂？"),
    ("A", "您好，请问是王先生吗？我这里是安心家政客服中心，给您做一个回访。"),
    ("C", "哦，你说吧。"),
    ("A", "请问您对我们的服务满意吗？"),
)


def named(script: Script, **speakers: str) -> list[Line]:
    return spoken(*((speakers[who], text) for who, text in script))


@pytest.mark.parametrize("script", [GOOD, CALLER_FIRST, OUTBOUND], ids=["good", "caller first", "outbound"])
@pytest.mark.parametrize(("agent", "customer"), [("ch0", "ch1"), ("ch1", "ch0"), ("S1", "S2"), ("S2", "S1")])
def test_chinese_calls(script: Script, agent: str, customer: str) -> None:
    roles = roles_of(named(script, A=agent, C=customer))
    assert roles.by_speaker == {agent: "agent", customer: "customer"}
    assert "script" in roles.method
    assert "说话内容" in method_text(roles.method).in_language("zh")
    assert 0.5 < roles.confidence < 1.0


@pytest.mark.parametrize(("agent", "customer"), [("ch0", "ch1"), ("ch1", "ch0")])
def test_english_calls(agent: str, customer: str) -> None:
    roles = roles_of(named(ENGLISH, A=agent, C=customer), language="en")
    assert roles.by_speaker == {agent: "agent", customer: "customer"}


@pytest.mark.parametrize("direction", [None, "outbound"])
@pytest.mark.parametrize("called", OUTBOUND_CALLS, ids=lambda call: call[1])
def test_outbound_calls_in_many_words(called: WrittenCall, direction: str | None) -> None:
    language, _, lines = called
    voices = spoken(*(({"A": "S2", "C": "S1"}[who], text) for who, text in lines))
    roles = roles_of(voices, CDR(direction=direction), language=language)
    assert roles.by_speaker == {"S1": "customer", "S2": "agent"}


@pytest.mark.parametrize("file", ["outbound_plain.txt", "inbound_plain.txt"])
def test_plainly_spoken_calls_are_seldom_undecided_and_never_swapped(file: str) -> None:
    calls = list(written_calls(HERE / file))
    undecided = []
    for language, topic, lines in calls:
        names = {"A": "agent", "C": "customer"}
        found = roles_of(spoken(*lines), language=language).by_speaker
        assert not found or found == names, topic
        if not found:
            undecided.append(topic)
    assert len(undecided) <= 0.15 * len(calls), undecided


def test_thanks_for_calling_back_are_the_customers() -> None:
    assert score_words(["Thank you for calling Harbor Repairs."]).log_odds >= 2
    assert score_words(["Thank you for calling me back."]).log_odds <= -1


def test_a_bare_hello_is_said_by_who_is_called() -> None:
    lines = spoken(("S1", "喂，你好。"), ("S2", "您好，您的快递到了。"), ("S1", "放那儿吧。"))
    assert roles_of(lines).by_speaker.get("S1") != "agent"
    assert roles_of(lines, CDR(direction="outbound")).by_speaker == {"S1": "customer", "S2": "agent"}


def test_english_caller_who_starts_first() -> None:
    lines = spoken(
        ("S1", "Hello? Hi, I'd like to change my booking for tonight."),
        ("S2", "Certainly. Could you give me your booking number?"),
        ("S1", "It's four four one."),
        ("S2", "Thank you. Is there anything else I can help you with?"),
    )
    assert roles_of(lines, language="en").by_speaker == {"S1": "customer", "S2": "agent"}


def test_the_channel_map_decides_on_true_channels_only() -> None:
    swapped = CDR(channel_map={0: "customer", 1: "agent"})
    roles = roles_of(named(GOOD, A="ch0", C="ch1"), swapped)
    assert (roles.by_speaker, roles.method, roles.confidence) == (
        {"ch0": "customer", "ch1": "agent"},
        "channel-map",
        1.0,
    )
    assert roles_of(named(GOOD, A="S1", C="S2"), swapped).by_speaker == {"S1": "agent", "S2": "customer"}


def test_what_decided_is_told_in_both_languages() -> None:
    text = method_text("script+first-voice")
    assert (text, text.in_language("zh")) == ("what is said, who speaks first", "说话内容、谁先开口")
    assert method_text("channel-map").in_language("zh") == "话单中的声道对应"
    assert method_text("") == method_text("none") == "nothing"


def test_a_channel_map_of_one_channel_names_the_other() -> None:
    roles = roles_of(named(GOOD, A="ch1", C="ch0"), CDR(channel_map={1: "agent"}))
    assert roles.by_speaker == {"ch0": "customer", "ch1": "agent"}


def test_silent_call_names_the_agent_and_by_elimination_the_other_channel() -> None:
    lines = spoken(
        ("ch1", "您好，这里是客服中心，请问有什么可以帮您？"),
        ("ch1", "您好，请问能听到我的声音吗？"),
        ("ch1", "听不到您的声音，请您稍后再拨，再见。"),
    )
    assert roles_of(lines).by_speaker == {"ch0": "customer", "ch1": "agent"}
    mono = [("S1", start_s, end_s, text) for _, start_s, end_s, text in lines]
    assert roles_of(mono).by_speaker == {"S1": "agent"}


def test_only_the_customer_is_heard() -> None:
    lines = spoken(("ch0", "喂，我想退票，喂？"), ("ch0", "你们客服怎么回事，我要投诉。"))
    assert roles_of(lines).by_speaker == {"ch0": "customer", "ch1": "agent"}


def test_two_people_taken_for_one_voice_get_no_role() -> None:
    assert roles_of(named(GOOD, A="S1", C="S1")).by_speaker == {}


def test_nothing_said_nothing_known() -> None:
    roles = roles_of([], channels=2)
    assert (roles.by_speaker, roles.confidence) == ({}, 0.0)


def test_little_evidence_stays_unknown() -> None:
    roles = roles_of(spoken(("ch0", "今天天气不错。"), ("ch1", "是啊，昨天下雨了。")))
    assert roles.by_speaker == {}


def test_both_sound_like_agents_stays_unknown() -> None:
    lines = spoken(("S1", "您好，请讲。请您稍等。"), ("S2", "您好，请讲。请您稍等。"))
    assert roles_of(lines).by_speaker == {}


def test_slips_of_recognition_are_heard_through() -> None:
    slips = (
        ("ch1", "您好，微宁服务，零零一号华务员为您服务，您请讲。"),
        ("ch0", "我想预月一个擦玻璃。"),
        ("ch1", "请问您贵性？"),
        ("ch0", "我姓和。"),
    )
    assert roles_of(spoken(*slips)).by_speaker == {"ch0": "customer", "ch1": "agent"}
    assert score_words(["请问您贵性"]).agent >= 2.5
    assert score_words(["我在北京工作"]).agent == 0


def test_a_prompt_at_the_beginning_is_no_agent() -> None:
    lines = [
        ("S1", 0.0, 6.0, "欢迎致电安心家政，为保证服务质量，您的通话可能会被录音，普通话请按一。"),
        *[("S2" if s == "A" else "S3", 10 + 3.5 * i, 13 + 3.5 * i, t) for i, (s, t) in enumerate(GOOD)],
    ]
    roles = roles_of(lines)
    assert roles.by_speaker == {"S2": "agent", "S3": "customer"}
    assert roles.third_voices == (PROMPT,)


def test_english_queue_prompt() -> None:
    lines = [
        (
            "S1",
            0.0,
            8.0,
            "All our agents are currently busy. Please stay on the line. This call may be recorded for training.",
        ),
        *[("S2" if s == "A" else "S3", 12 + 3.5 * i, 15 + 3.5 * i, t) for i, (s, t) in enumerate(ENGLISH)],
    ]
    assert roles_of(lines, language="en").by_speaker == {"S2": "agent", "S3": "customer"}


def test_a_colleague_after_a_transfer_is_a_third_voice() -> None:
    lines = [
        *named(GOOD, A="S1", C="S2"),
        ("S3", 30.0, 32.0, "您好，理赔部，请讲。"),
    ]
    roles = roles_of(lines)
    assert roles.by_speaker == {"S1": "agent", "S2": "customer"}
    assert roles.third_voices == ("S3",)


def test_company_and_name_of_the_cdr_count() -> None:
    lines = spoken(("S2", "Bluebird, this is Ann."), ("S1", "Hi Ann."), ("S2", "Hi there."))
    assert roles_of(lines, language="en").by_speaker == {}
    known = CDR(company="Bluebird", agent_name="Ann")
    assert roles_of(lines, known, language="en").by_speaker == {"S1": "customer", "S2": "agent"}
    assert "cdr" in roles_of(lines, known, language="en").method


@given(
    st.lists(
        st.tuples(st.sampled_from(["S1", "S2", "S3"]), st.text("您你好请讲我想要退票的谢 abc，。？", max_size=15)),
        max_size=12,
    )
)
def test_any_words_give_at_most_one_agent_and_one_customer(lines: Sequence[Line]) -> None:
    roles = roles_of(spoken(*lines))
    assert 0.0 <= roles.confidence <= 1.0
    assert sorted(roles.by_speaker.values()) in ([], ["agent"], ["customer"], ["agent", "customer"])
    assert not set(roles.third_voices) & set(roles.by_speaker)
