"""The words of a call, and who said each: true channels, one channel with speakers."""

from __future__ import annotations

from dataclasses import replace

from pipeline.call.build import build_call
from pipeline.datatypes import SpeakerSpan, Word
from pipeline.timeline import Span
from tests.support.talk import NOBODY, heard_call, said


def test_gated_words_are_left_out() -> None:
    assert said(heard_call([("ch0", 0.5, 2.0, "请不吝点赞。")], gate="phrase")) == []


def test_one_channel_words_go_to_who_is_heard() -> None:
    heard = heard_call(
        [("S1", 0.0, 2.0, "请问您贵姓？"), ("S2", 2.2, 3.0, "我姓王。"), ("S1", 3.3, 5.0, "王先生您好。")]
    )
    assert said(heard) == [("S1", "请问您贵姓？"), ("S2", "我姓王。"), ("S1", "王先生您好。")]


def test_a_change_heard_too_late_moves_to_the_edge_of_the_phrase() -> None:
    heard = heard_call([("S1", 0.0, 2.0, "请问您贵姓？"), ("S2", 2.4, 3.4, "我姓王。")])
    late = (SpeakerSpan(Span(0.0, 2.75), "S1"), SpeakerSpan(Span(2.75, 3.4), "S2"))
    assert said(replace(heard, speakers=late)) == [("S1", "请问您贵姓？"), ("S2", "我姓王。")]


def test_a_single_word_does_not_flip_but_a_backchannel_of_its_own_stays() -> None:
    heard = heard_call([("S1", 0.0, 4.0, "我们明天上午安排师傅上门检查线路")])
    flip = (SpeakerSpan(Span(0.0, 1.9), "S1"), SpeakerSpan(Span(1.9, 2.2), "S2"), SpeakerSpan(Span(2.2, 4.0), "S1"))
    assert said(replace(heard, speakers=flip)) == [("S1", "我们明天上午安排师傅上门检查线路")]
    short = heard_call([("S1", 0.0, 2.0, "我们明天上午"), ("S2", 2.0, 2.3, "嗯"), ("S1", 2.3, 4.0, "安排师傅")])
    assert ("S2", "嗯") in said(short)


def test_words_where_nobody_was_heard_go_to_the_nearest() -> None:
    heard = heard_call([("S1", 0.0, 2.0, "请问您贵姓？"), ("S2", 3.0, 4.0, "姓王。")])
    gone = (SpeakerSpan(Span(0.0, 2.0), "S1"), SpeakerSpan(Span(4.2, 5.0), "S2"))
    assert said(replace(heard, speakers=gone)) == [("S1", "请问您贵姓？"), ("S2", "姓王。")]


def test_a_word_stretched_over_a_pause_is_trimmed_to_the_voice() -> None:
    heard = heard_call([("ch0", 0.0, 1.0, "您好。"), ("ch0", 5.0, 6.0, "请讲。")])
    stretched = Word(Span(0.5, 4.9), "好。", 0.9, 0)
    first = replace(heard.segments[0], words=(heard.segments[0].words[0], stretched))
    turns = build_call(replace(heard, segments=(first, heard.segments[1])), NOBODY).turns
    assert [turn.span.end_s for turn in turns] == [1.0, 6.0]
