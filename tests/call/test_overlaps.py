"""Overlaps: one starts while the other speaks."""

from __future__ import annotations

import pytest

from pipeline.call.build import build_call
from pipeline.datatypes import Call
from tests.support.talk import CHANNELS_KNOWN, NOBODY, heard_call


def overlap_of(
    agent_from: float, agent_to: float, customer_to: float = 8.0, text: str = "这个您重启一下就可以了。"
) -> Call:
    lines = [
        ("ch0", 0.5, 2.0, "您好，请讲。"),
        ("ch1", 3.0, customer_to, "我家的宽带从昨天晚上开始就一直断线我想问一下"),
        ("ch0", agent_from, agent_to, text),
    ]
    return build_call(heard_call(lines), CHANNELS_KNOWN)


def test_an_interruption() -> None:
    call = overlap_of(6.5, 9.5)
    (overlap,) = call.overlaps
    assert (overlap.by, overlap.over, overlap.took_floor) == ("agent", "customer", True)
    assert overlap.span.duration_s == pytest.approx(1.5)
    assert overlap.other_spoke_s == pytest.approx(3.5)
    assert call.turns[overlap.turn].text == "这个您重启一下就可以了。"
    assert call.facts.interruptions_by_agent == 1
    assert call.facts.overlap_s == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("agent_from", "agent_to", "text"),
    [
        (6.5, 7.0, "这个您重启一下就可以了。"),  # the customer goes on for a second
        (6.5, 9.5, "是的是的，好的。"),  # agreement
        (7.6, 9.5, "这个您重启一下就可以了。"),  # a moment at the end of the turn
        (3.4, 9.5, "这个您重启一下就可以了。"),  # both start together
    ],
    ids=["held", "agreement", "short", "together"],
)
def test_no_interruption(agent_from: float, agent_to: float, text: str) -> None:
    assert overlap_of(agent_from, agent_to, text=text).facts.interruptions_by_agent == 0


def test_overlap_on_one_channel_without_ears_for_it_is_not_counted() -> None:
    lines = [("S1", 0.5, 3.0, "您好，请问有什么可以帮您？"), ("S2", 3.2, 6.0, "我想退票。")]
    facts = build_call(heard_call(lines, overlap_heard=False), NOBODY).facts
    assert facts.overlap_s is None
    assert facts.interruptions_by_agent is None
