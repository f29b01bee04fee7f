"""Who released the line first."""

from __future__ import annotations

from typing import Literal

import pytest

from pipeline.call.build import build_call
from pipeline.datatypes import CDR, LineEnd, LineEvent
from pipeline.messages import Message
from pipeline.timeline import Span
from tests.support.talk import CHANNELS_KNOWN, NOBODY, SHORT_CALL, heard_call


def test_the_cdr_comes_first() -> None:
    heard = heard_call(SHORT_CALL, duration_s=20.0, line_ends=[LineEnd(0, 16.0, "busy")])
    hang_up = build_call(heard, CDR(channel_map={0: "agent"}, release_party="customer")).hang_up
    assert (hang_up.by, hang_up.method, hang_up.at_s) == ("customer", "cdr", 16.0)


@pytest.mark.parametrize(("channel", "by"), [(0, "agent"), (1, "customer")])
@pytest.mark.parametrize("kind", ["busy", "digital-silence"])
def test_the_channel_that_dies_first_has_left(channel: int, by: str, kind: Literal["busy", "digital-silence"]) -> None:
    hang_up = build_call(
        heard_call(SHORT_CALL, duration_s=20.0, line_ends=[LineEnd(channel, 17.0, kind)]), CHANNELS_KNOWN
    ).hang_up
    assert (hang_up.by, hang_up.method, hang_up.at_s) == (by, "inferred", 17.0)


def test_swapped_channels_follow_the_roles() -> None:
    heard = heard_call(SHORT_CALL, duration_s=20.0, line_ends=[LineEnd(0, 17.0, "busy")])
    assert build_call(heard, CDR(channel_map={0: "customer", 1: "agent"})).hang_up.by == "customer"


def test_both_channels_end_together() -> None:
    ends = [LineEnd(0, 17.0, "digital-silence"), LineEnd(1, 17.3, "digital-silence")]
    hang_up = build_call(heard_call(SHORT_CALL, duration_s=20.0, line_ends=ends), CHANNELS_KNOWN).hang_up
    assert (hang_up.by, hang_up.method) == (None, "none")


def test_both_end_one_well_before_the_other() -> None:
    ends = [LineEnd(1, 18.5, "digital-silence"), LineEnd(0, 16.0, "digital-silence")]
    assert build_call(heard_call(SHORT_CALL, duration_s=20.0, line_ends=ends), CHANNELS_KNOWN).hang_up.by == "agent"


def test_no_channel_ends() -> None:
    assert build_call(heard_call(SHORT_CALL, duration_s=20.0), CHANNELS_KNOWN).hang_up.by is None


def test_the_last_moments_tell_nothing() -> None:
    ends = [LineEnd(0, 19.9, "digital-silence")]
    assert build_call(heard_call(SHORT_CALL, duration_s=20.0, line_ends=ends), CHANNELS_KNOWN).hang_up.by is None


def test_a_microphone_that_was_muted_once_tells_all_the_same() -> None:
    muted = tuple(-100.0 if 6.0 <= i / 4 < 12.0 or i / 4 > 16.0 else -30.0 for i in range(81))
    ends = [LineEnd(0, 16.0, "digital-silence")]
    heard = heard_call(SHORT_CALL, duration_s=20.0, line_ends=ends, levels_dbfs=(muted, muted))
    assert build_call(heard, CHANNELS_KNOWN).hang_up.by == "agent"


def test_unknown_roles_give_no_side() -> None:
    lines = [("ch0", 1.0, 2.0, "今天天气不错。"), ("ch1", 3.0, 4.0, "是啊。")]
    hang_up = build_call(heard_call(lines, duration_s=8.0, line_ends=[LineEnd(0, 5.0, "busy")]), NOBODY).hang_up
    assert (hang_up.by, hang_up.at_s) == (None, 5.0)


def test_busy_tone_on_one_channel_needs_a_voice_after_it() -> None:
    mono = [("S1" if s == "ch0" else "S2", a, b, t) for s, a, b, t in SHORT_CALL]
    busy = LineEvent(Span(16.0, 21.0), "busy", None, 6)
    assert build_call(heard_call(mono, duration_s=21.0, events=[busy]), NOBODY).hang_up.by is None
    on = [*mono, ("S2", 18.0, 19.0, "喂？喂？")]
    hang_up = build_call(heard_call(on, duration_s=21.0, events=[busy]), NOBODY).hang_up
    assert (hang_up.by, hang_up.method, hang_up.at_s) == ("agent", "inferred", 16.0)
    early = LineEvent(Span(7.0, 11.0), "busy", None, 6)
    assert build_call(heard_call(on, duration_s=21.0, events=[early]), NOBODY).hang_up.by is None


def test_what_tells_it_is_told_in_both_languages() -> None:
    reason = build_call(
        heard_call(SHORT_CALL, duration_s=20.0, line_ends=[LineEnd(0, 17.0, "busy")]), CHANNELS_KNOWN
    ).hang_up.reason
    assert isinstance(reason, Message)
    assert reason == "the agent's channel gives way to busy tone while the other lives"
    assert reason.in_language("zh") == "坐席声道转为忙音，对方声道仍未中断"
