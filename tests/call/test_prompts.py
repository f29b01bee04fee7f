"""Recorded announcements are nobody's."""

from __future__ import annotations

import pytest

from pipeline.call.build import build_call
from pipeline.call.prompts import PROMPT
from tests.support.talk import CHANNELS_KNOWN, NOBODY, SHORT_CALL, heard_call, spoken


def test_a_prompt_is_marked_and_is_nobodys_talk() -> None:
    lines = [("ch0", 0.0, 5.0, "您的通话可能会被录音，请按一。"), *[(s, a + 8, b + 8, t) for s, a, b, t in SHORT_CALL]]
    call = build_call(heard_call(lines), CHANNELS_KNOWN)
    assert call.facts.prompt_s == pytest.approx(5.0)
    assert call.facts.first_agent_s == pytest.approx(9.0)
    assert call.facts.agent_talk_s == pytest.approx(4.0)
    assert call.facts.turns == 4


def test_a_prompt_on_the_agents_channel_is_no_turn_of_the_agent() -> None:
    heard = heard_call(
        [
            ("ch0", 0.0, 6.0, "您的通话可能会被录音，请按一。"),
            *[(s, a + 10, b + 10, t) for s, a, b, t in SHORT_CALL],
        ]
    )
    call = build_call(heard, NOBODY)
    assert [turn.speaker for turn in call.turns[:3]] == [PROMPT, "ch0", "ch1"]
    assert call.roles.by_speaker == {"ch0": "agent", "ch1": "customer"}


def test_an_agent_who_mentions_the_recording_is_no_prompt() -> None:
    lines = spoken(
        ("ch0", "您好，我是安心家政的小李，本次通话将被录音，请问有什么可以帮您？"),
        ("ch1", "我想预约保洁。"),
        ("ch0", "请按一评价。"),
    )
    assert PROMPT not in {turn.speaker for turn in build_call(heard_call(lines), NOBODY).turns}
