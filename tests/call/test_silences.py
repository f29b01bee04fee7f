"""Silences: nobody speaks, and no sound plays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.call.build import build_call
from pipeline.datatypes import CDR, LineEnd, LineEvent
from pipeline.judging.conditions.timing import LongSilence
from pipeline.judging.verdicts import evaluation_of
from pipeline.timeline import Span
from tests.support.rulebooks import hotline
from tests.support.talk import CHANNELS_KNOWN, SHORT_CALL, heard_call


def test_silences_lead_lie_between_and_trail() -> None:
    call = build_call(heard_call(SHORT_CALL, duration_s=20.0), CHANNELS_KNOWN)
    found = [(s.where, round(s.span.start_s, 2), round(s.span.end_s, 2), s.after) for s in call.silences]
    assert found == [
        ("leading", 0.0, 1.0, None),
        ("inner", 3.0, 3.5, "agent"),
        ("inner", 6.0, 12.0, "customer"),
        ("inner", 14.0, 14.5, "agent"),
        ("trailing", 15.5, 20.0, "customer"),
    ]
    assert call.facts.longest_silence_s == pytest.approx(6.0)


def test_music_is_no_silence_and_is_counted_beside_it() -> None:
    music = LineEvent(Span(6.4, 11.0), "music", 1)
    call = build_call(heard_call(SHORT_CALL, duration_s=20.0, events=[music]), CHANNELS_KNOWN)
    inner = [s for s in call.silences if 6.0 <= s.span.start_s < 12.0]
    assert [(round(s.span.start_s, 2), round(s.span.end_s, 2)) for s in inner] == [(11.0, 12.0)]
    assert inner[0].music_s == pytest.approx(4.6)
    assert call.facts.longest_silence_s == pytest.approx(1.0)
    assert call.facts.music_s == pytest.approx(4.6)


def test_ring_before_the_answer_is_no_silence() -> None:
    ring = LineEvent(Span(0.0, 1.0), "ring", 0, 1)
    call = build_call(heard_call(SHORT_CALL, events=[ring]), CHANNELS_KNOWN)
    assert not [s for s in call.silences if s.where == "leading"]
    assert call.facts.ring_count == 1
    assert build_call(heard_call(SHORT_CALL, events=[ring]), CDR(ring_count=4)).facts.ring_count == 4
    assert build_call(heard_call(SHORT_CALL), CHANNELS_KNOWN).facts.ring_count is None


def test_rings_count_once_and_before_the_answer() -> None:
    both = [LineEvent(Span(0.0, 0.9), "ring", 0, 2), LineEvent(Span(0.1, 0.8), "ring", 1, 2)]
    transfer = LineEvent(Span(7.0, 11.0), "ring", 1, 4)
    answered = [*both, transfer]
    assert build_call(heard_call(SHORT_CALL, events=answered), CHANNELS_KNOWN).facts.ring_count == 2
    assert build_call(heard_call(SHORT_CALL, events=[transfer]), CHANNELS_KNOWN).facts.ring_count is None
    apart = [both[0], LineEvent(Span(0.92, 0.98), "ring", 0, 3)]
    assert build_call(heard_call(SHORT_CALL, events=apart), CHANNELS_KNOWN).facts.ring_count == 5
    nobody = build_call(heard_call([], duration_s=20.0, events=answered, channels=2), CHANNELS_KNOWN)
    assert nobody.facts.ring_count == 6, "a call that is never answered rings on"
    outbound = replace(CHANNELS_KNOWN, direction="outbound")
    assert build_call(heard_call(SHORT_CALL, events=both), outbound).facts.ring_count is None
    assert build_call(heard_call(SHORT_CALL, events=both), replace(outbound, ring_count=3)).facts.ring_count == 3


def test_beside_a_dead_channel_one_voice_alone_has_no_role_and_no_silences() -> None:
    lines = [("S1", 1.0, 3.0, "您好，客服中心，请问有什么可以帮您？"), ("S1", 12.0, 14.0, "请问还有其他需要吗？")]
    dead = build_call(replace(heard_call(lines), layout="dead-channel"), CHANNELS_KNOWN)
    assert (dead.roles.by_speaker, dead.roles.method, dead.silences) == ({}, "one-side", ())
    assert dead.hang_up.by is None
    asked = LongSilence(longer_than_s=5).find(evaluation_of(dead, hotline("zh")))
    assert asked.truth is None, "what the other side did meanwhile is not known"
    mono = build_call(heard_call(lines), CHANNELS_KNOWN)
    assert mono.roles.of("S1") == "agent"
    assert mono.silences
    both = [(f"S{1 + int(speaker[2:])}", *rest) for speaker, *rest in SHORT_CALL]
    mixed = build_call(replace(heard_call(both), layout="dead-channel"), CHANNELS_KNOWN)
    assert mixed.roles.by_speaker == {"S1": "agent", "S2": "customer"}
    assert mixed.silences


def test_a_click_without_words_does_not_end_a_silence_but_a_voice_does() -> None:
    click = build_call(heard_call([*SHORT_CALL, ("ch1", 9.0, 9.15, "")]), CHANNELS_KNOWN)
    assert click.facts.longest_silence_s == pytest.approx(6.0)
    voice = build_call(heard_call([*SHORT_CALL, ("ch1", 9.0, 9.6, "")]), CHANNELS_KNOWN)
    assert voice.facts.longest_silence_s == pytest.approx(3.0)


def test_silence_after_the_hang_up_is_trailing() -> None:
    lines = [*SHORT_CALL, ("ch1", 21.0, 22.0, "喂？喂？")]
    ends = [LineEnd(0, 15.6, "busy")]
    call = build_call(heard_call(lines, duration_s=23.0, line_ends=ends), CHANNELS_KNOWN)
    assert [s.where for s in call.silences if s.span.start_s >= 15.0] == ["trailing", "trailing"]
