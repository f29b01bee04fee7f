"""What is measured about a call: talk, rates, the longest monologue, waits."""

from __future__ import annotations

import pytest

from pipeline.call.build import build_call
from pipeline.datatypes import CDR, LineEvent
from pipeline.timeline import Span
from tests.support.talk import CHANNELS_KNOWN, NOBODY, SHORT_CALL, heard_call


def test_talk_rates_and_monologue() -> None:
    facts = build_call(heard_call(SHORT_CALL), CHANNELS_KNOWN).facts
    assert facts.agent_talk_s == pytest.approx(4.0)
    assert facts.agent_talk_share == pytest.approx(4.0 / 7.5)
    assert facts.agent_rate == pytest.approx(60 * (15 + 13) / 4.0)
    assert facts.longest_agent_monologue_s == pytest.approx(2.0)
    assert facts.conversation_s == pytest.approx(14.5)
    assert (facts.agent_turns, facts.customer_turns) == (2, 2)


def test_attention_does_not_break_a_monologue() -> None:
    lines = [
        ("ch0", 1.0, 5.0, "您的订单我们查了一下，"),
        ("ch1", 5.2, 5.6, "嗯。"),
        ("ch0", 6.0, 11.0, "今天下午会有专员给您回电。"),
        ("ch1", 11.5, 13.0, "那我就等电话。"),
        ("ch0", 13.5, 15.0, "好的，再见。"),
    ]
    assert build_call(heard_call(lines), CHANNELS_KNOWN).facts.longest_agent_monologue_s == pytest.approx(10.0)


RING, KEY = LineEvent(Span(0.2, 1.2), "ring"), LineEvent(Span(2.0, 2.2), "dtmf")
LATER = tuple((speaker, start_s + 10, end_s + 10, text) for speaker, start_s, end_s, text in SHORT_CALL)


def test_the_wait_for_the_agent_begins_with_the_last_key_the_prompt_or_the_first_ring() -> None:
    prompt = ("ch0", 3.0, 6.0, "您的通话可能会被录音，普通话请按一。")
    rung = build_call(heard_call(LATER, events=[RING]), CHANNELS_KNOWN).facts
    announced = build_call(heard_call([prompt, *LATER], events=[RING]), CHANNELS_KNOWN).facts
    pressed = build_call(heard_call([prompt, *LATER], events=[RING, KEY]), CHANNELS_KNOWN).facts
    assert (rung.agent_wait_s, rung.prompt_before_s, rung.keys_before_agent) == (pytest.approx(10.8), None, None)
    assert (announced.agent_wait_s, announced.prompt_before_s) == pytest.approx((5.0, 3.0))
    assert (pressed.agent_wait_s, pressed.keys_before_agent) == (pytest.approx(8.8), 1)
    assert rung.since_agent_s == pytest.approx(14.5)


def test_the_wait_of_the_cdr_comes_first_and_nobody_waits_unheard() -> None:
    heard = heard_call(LATER, events=[RING])
    assert build_call(heard, CDR(channel_map={0: "agent"}, wait_s=42.0)).facts.agent_wait_s == 42.0
    assert build_call(heard_call(LATER), CHANNELS_KNOWN).facts.agent_wait_s is None
    silent = build_call(heard_call([], channels=2), NOBODY).facts
    assert (silent.agent_wait_s, silent.since_agent_s, silent.prompt_before_s) == (None, None, None)
