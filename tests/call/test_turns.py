"""Words into turns: true channels, one channel with speakers, echo, pauses and short answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.turns import TURN_PAUSE_S, echo_spans, is_backchannel, join, make_turns
from pipeline.datatypes import SpeakerSpan, Transcript, Word
from pipeline.language.text import put_together
from pipeline.timeline import Span
from tests.support.talk import heard_call


def said(heard: Transcript) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in join(heard)]


def test_channels_alternate() -> None:
    heard = heard_call(
        [("ch0", 0.5, 2.0, "您好，请讲。"), ("ch1", 2.5, 4.0, "我想退票。"), ("ch0", 4.5, 5.0, "好的。")]
    )
    assert said(heard) == [("ch0", "您好，请讲。"), ("ch1", "我想退票。"), ("ch0", "好的。")]
    assert [turn.index for turn in join(heard)] == [0, 1, 2]


def test_no_words_no_turns() -> None:
    assert join(heard_call([], channels=2)) == ()
    assert join(heard_call([("S1", 1.0, 3.0, "")])) == ()


def test_gated_words_are_left_out() -> None:
    assert join(heard_call([("ch0", 0.5, 2.0, "请不吝点赞。")], gate="phrase")) == ()


def test_a_long_pause_begins_a_new_turn_and_a_short_one_does_not() -> None:
    far = heard_call([("ch0", 0.0, 1.0, "您好。"), ("ch0", 1.0 + TURN_PAUSE_S + 0.1, 4.0, "请问听得到吗？")])
    near = heard_call([("ch0", 0.0, 1.0, "您好，"), ("ch0", 1.8, 4.0, "请问听得到吗？")])
    assert len(join(far)) == 2
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
    assert len(join(heard)) == 2


def test_a_quiet_copy_of_the_other_channel_is_echo() -> None:
    line = "您好，这里是客服中心，请讲。"
    lines = [("ch0", 1.0, 4.0, line), ("ch1", 1.1, 4.1, line), ("ch1", 5.0, 7.0, "我想查一下余额。")]
    loud, quiet = (-20.0,) * 40, (-20.0,) * 3 + (-35.0,) * 15 + (-20.0,) * 22
    echo = heard_call(lines, levels_dbfs=(loud, quiet))
    assert said(echo) == [("ch0", line), ("ch1", "我想查一下余额。")]
    assert echo_spans(echo)[0] == ()
    assert echo_spans(echo)[1][0].start_s == pytest.approx(1.1)
    # as loud as the other: two people said the same
    assert said(heard_call(lines, levels_dbfs=(loud, loud)))[1] == ("ch1", line + "我想查一下余额。")
    # as quiet, but other words: a quiet caller
    other = heard_call([lines[0], ("ch1", 1.1, 4.1, "喂，你听得见我说话吗")], levels_dbfs=(loud, quiet))
    assert len(join(other)) == 2


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
    turns = join(replace(heard, segments=(first, heard.segments[1])))
    assert [turn.span.end_s for turn in turns] == [1.0, 6.0]


@pytest.mark.parametrize(
    ("texts", "language", "expected"),
    [
        (("您", "好，", "请", "讲。"), "zh", "您好，请讲。"),
        (("Thank", "you,", "Mr.", "Carter."), "en", "Thank you, Mr. Carter."),
        ((" Thank", " you"), "en", "Thank you"),
        (("尚", "街", "Loft", "生", "活"), "zh", "尚街Loft生活"),
        (("工", "号", "3", "0", "26"), "zh", "工号3026"),
        (("room", "3", "26"), "en", "room 3 26"),
        (("50", "%"), "en", "50%"),
    ],
)
def test_text_is_put_together(texts: tuple[str, ...], language: str, expected: str) -> None:
    words = [Word(Span(i, i + 1), text, 1.0, 0) for i, text in enumerate(texts)]
    assert put_together(words, language) == expected


@pytest.mark.parametrize(
    "text", ["嗯。", "好的，好的。", "对对对", "嗯，我理解。", "Yes.", "Uh-huh, okay.", "I see.", "", "是的，没错"]
)
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text", ["好的，我帮您查一下", "不行", "你说", "Yes, I would like to.", "No, that is wrong", "对不起"]
)
def test_no_backchannels(text: str) -> None:
    assert not is_backchannel(text)


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
    turns = join(replace(heard, segments=(segment,), speakers=speakers, voiced=((),)))
    assert sum(len(turn.words) for turn in turns) == len(words)
    assert {turn.speaker for turn in turns} <= ({name for _, name in spans} or {"S1"})
