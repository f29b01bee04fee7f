"""Words into turns: pauses and short answers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.build import build_call
from pipeline.call.turns import TURN_PAUSE_S, make_turns
from pipeline.datatypes import SpeakerSpan, Word
from pipeline.timeline import Span
from tests.support.talk import NOBODY, heard_call, said


def test_channels_alternate() -> None:
    heard = heard_call(
        [("ch0", 0.5, 2.0, "您好，请讲。"), ("ch1", 2.5, 4.0, "我想退票。"), ("ch0", 4.5, 5.0, "好的。")]
    )
    assert said(heard) == [("ch0", "您好，请讲。"), ("ch1", "我想退票。"), ("ch0", "好的。")]
    assert [turn.index for turn in build_call(heard, NOBODY).turns] == [0, 1, 2]


def test_no_words_no_turns() -> None:
    assert said(heard_call([], channels=2)) == []
    assert said(heard_call([("S1", 1.0, 3.0, "")])) == []


def test_a_long_pause_begins_a_new_turn_and_a_short_one_does_not() -> None:
    far = heard_call([("ch0", 0.0, 1.0, "您好。"), ("ch0", 1.0 + TURN_PAUSE_S + 0.1, 4.0, "请问听得到吗？")])
    near = heard_call([("ch0", 0.0, 1.0, "您好，"), ("ch0", 1.8, 4.0, "请问听得到吗？")])
    assert len(said(far)) == 2
    assert said(near) == [("ch0", "您好，请问听得到吗？")]


def test_attention_does_not_part_a_turn_but_an_answer_does() -> None:
    attention = heard_call(
        [("ch1", 0.0, 3.0, "你们昨天派来的人，"), ("ch0", 3.1, 3.6, "嗯嗯。"), ("ch1", 3.8, 6.0, "把地板刮花了。")]
    )
    assert said(attention) == [("ch1", "你们昨天派来的人，把地板刮花了。"), ("ch0", "嗯嗯。")]
    answer = heard_call(
        [("ch0", 0.0, 3.0, "地址对吗？"), ("ch1", 3.2, 3.5, "对。"), ("ch0", 3.9, 6.0, "还有其他需要吗？")]
    )
    assert said(answer) == [("ch0", "地址对吗？"), ("ch1", "对。"), ("ch0", "还有其他需要吗？")]


def test_speech_over_speech_parts_neither() -> None:
    heard = heard_call(
        [("ch1", 0.0, 6.0, "我家的宽带从昨天晚上开始就一直断线"), ("ch0", 4.0, 7.0, "重启一下光猫就好了。")]
    )
    assert len(said(heard)) == 2


_times = st.floats(0, 60, allow_nan=False).map(lambda t: round(t, 2))


@st.composite
def tagged_words(draw: st.DrawFn) -> list[tuple[Word, str]]:
    count = draw(st.integers(0, 40))
    result = []
    for _ in range(count):
        start_s = draw(_times)
        word = Word(
            Span(start_s, start_s + draw(st.floats(0.05, 1.5))),
            draw(st.sampled_from(["好", "嗯", "退票。", "yes", "吗？"])),
            1.0,
            0,
        )
        result.append((word, draw(st.sampled_from(["S1", "S2", "S3"]))))
    return result


@given(tagged_words())
def test_every_word_is_in_one_turn_and_turns_are_in_order(tagged: list[tuple[Word, str]]) -> None:
    turns = make_turns(tagged, "zh")
    assert sorted((w.span, w.text, t.speaker) for t in turns for w in t.words) == sorted(
        (w.span, w.text, speaker) for w, speaker in tagged
    )
    assert [turn.index for turn in turns] == list(range(len(turns)))
    assert [turn.span.start_s for turn in turns] == sorted(turn.span.start_s for turn in turns)
    for turn in turns:
        assert all(turn.span.start_s <= word.span.start_s and word.span.end_s <= turn.span.end_s for word in turn.words)


@given(tagged_words(), st.lists(st.tuples(_times, st.sampled_from(["S1", "S2"])), max_size=10))
def test_joining_one_channel_loses_no_word(tagged: list[tuple[Word, str]], spans: list[tuple[float, str]]) -> None:
    heard = heard_call([("S1", 0.0, 61.0, "好")])
    words = tuple(sorted((word for word, _ in tagged), key=lambda w: w.span))
    speakers = tuple(SpeakerSpan(Span(start_s, start_s + 2.0), name) for start_s, name in spans)
    segment = replace(heard.segments[0], words=words)
    turns = build_call(replace(heard, segments=(segment,), speakers=speakers, voiced=((),)), NOBODY).turns
    assert sum(len(turn.words) for turn in turns) == len(words)
    assert {turn.speaker for turn in turns} <= ({name for _, name in spans} or {"S1"})
