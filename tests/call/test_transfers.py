"""A transfer is a mark: announced by an agent, answered by a voice that was not there before."""

from __future__ import annotations

import pytest

from pipeline.call.build import build_call
from pipeline.datatypes import CDR
from pipeline.timeline import Span
from tests.support.talk import Line, heard_call

CHINESE = [
    ("S1", 0.0, 3.0, "您好，请问有什么可以帮您？"),
    ("S2", 3.5, 6.0, "我想问一下我的理赔怎么办。"),
    ("S1", 6.5, 9.0, "请您稍等，我帮您转接理赔部。"),
    ("S3", 20.0, 23.0, "您好，理赔部，请讲。"),
    ("S2", 23.5, 26.0, "我的手机摔坏了，我要理赔。"),
]
ENGLISH = [
    ("S1", 0.0, 3.0, "Thank you for calling, how may I help you?"),
    ("S2", 3.5, 6.0, "I'm calling about my bill, my account is locked."),
    ("S1", 6.5, 9.0, "Certainly, I'll put you through to billing."),
    ("S3", 20.0, 23.0, "Billing, this is Ann, how can I help?"),
    ("S2", 23.5, 26.0, "My account is locked."),
]


def transfers(lines: list[Line], language: str = "zh") -> list[Span]:
    events = build_call(heard_call(lines, language=language), CDR()).events
    return [mark.span for mark in events if mark.kind == "transfer"]


@pytest.mark.parametrize(("lines", "language"), [(CHINESE, "zh"), (ENGLISH, "en")])
def test_announced_and_answered_by_another(lines: list[Line], language: str) -> None:
    (span,) = transfers(lines, language)
    assert (span.start_s, span.end_s) == pytest.approx((9.0, 20.0), abs=0.5)


def test_announced_but_nobody_comes() -> None:
    assert transfers([*CHINESE[:3], ("S1", 20.0, 23.0, "您好，理赔部没有人接听。"), CHINESE[4]]) == []


def test_a_bystander_is_no_transfer() -> None:
    assert transfers([*CHINESE[:2], ("S1", 6.5, 9.0, "请您稍等。"), *CHINESE[3:]]) == []


def test_a_customer_who_asks_for_one_is_not_enough() -> None:
    asks = ("S2", 3.5, 6.0, "我想问理赔的事，你给我转接一下。")
    assert transfers([CHINESE[0], asks, ("S1", 6.5, 9.0, "请您稍等。"), *CHINESE[3:]]) == []
