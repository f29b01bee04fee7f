"""What people correct is laid over what was heard: exactly that, in any order, found again by time or told."""

from __future__ import annotations

import random
from functools import reduce
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.call.build import build_call, build_corrected
from pipeline.call.correcting import (
    NothingToCorrect,
    other_party,
    swap_correction,
    turn_correction,
    voice_correction,
)
from pipeline.corrections import CorrectedRole, Corrections, NotCarried
from pipeline.datatypes import Call, LineEvent, Transcript
from pipeline.run import judge
from pipeline.timeline import Span
from tests.support.corrected_homes import SAMPLE_CDR, sample
from tests.support.other_hearings import heard_as_one, shifted, told_apart_otherwise
from tests.support.rulebooks import hotline
from tests.support.talk import CHANNELS_KNOWN, NOBODY, SHORT_CALL, Line, heard_call

AGENT = ("您好，安心家政，请问有什么可以帮您？", "非常抱歉给您添麻烦了，我马上为您登记。", "这个我也没办法，你再等等。",
         "请问您贵姓？", "感谢您的来电，再见。", "好的。")  # fmt: skip
CUSTOMER = (
    "你好，我的洗衣机又坏了。",
    "那什么时候能来？",
    "我等了三天了。",
    "这是什么态度！",
    "嗯。",
    "没有了。",
)
SIDES: tuple[CorrectedRole, ...] = ("agent", "customer", "unknown", "not-speech")


@st.composite
def conversations(draw: st.DrawFn, voices: tuple[str, str] = ("S1", "S2")) -> Transcript:
    """Two voices in turn or on top of one another, one of them the agent's by what it says."""
    at_s, lines = 0.5, list[Line]()
    for number in range(draw(st.integers(3, 9))):
        voice = draw(st.sampled_from(voices)) if number > 1 else voices[number]
        text = (AGENT if voice == voices[0] else CUSTOMER)[0 if number < 2 else draw(st.integers(0, 5))]
        end_s = at_s + 0.25 * len(text)
        lines.append((voice, at_s, end_s, text))
        at_s = end_s + draw(st.sampled_from((0.4, 0.8, 2.0, 6.0)))
    return heard_call(lines)


HEARD = st.one_of(conversations(), conversations(("ch0", "ch1")))


def swap(call: Call, heard: Call, said: Corrections) -> Corrections:
    return said.then(swap_correction(call, heard, said)) if call.roles.by_speaker else said


@settings(max_examples=25, deadline=None)
@given(HEARD, st.lists(st.tuples(st.integers(0, 8), st.sampled_from((*SIDES, "swap"))), max_size=6), st.randoms())
def test_any_acts_undone_in_any_order_leave_the_call_as_it_was_heard(
    heard: Transcript, wanted: list[tuple[int, str]], draw: random.Random
) -> None:
    plain, acts = build_call(heard, NOBODY), list[Corrections]()

    def now() -> Corrections:
        return reduce(Corrections.then, acts, Corrections())

    for number, what in wanted:
        call = build_call(heard, NOBODY, now())
        if what == "swap" and call.roles.by_speaker:
            acts.append(swap_correction(call, plain, now()))
        elif what != "swap" and call.turns:
            acts.append(turn_correction(call.turns[number % len(call.turns)], plain, what))  # type: ignore[arg-type]
        built = build_corrected(heard, NOBODY, now())
        assert not built.left_out, "in the hearing that was corrected everything is found"
        assert sum(len(turn.words) for turn in built.call.turns) <= sum(len(turn.words) for turn in plain.turns)
    while acts:
        del acts[draw.randrange(len(acts))]
        build_call(heard, NOBODY, now())
    assert build_call(heard, NOBODY, now()) == plain


@settings(max_examples=15, deadline=None)
@given(HEARD, st.integers(0, 8), st.integers(0, 8), st.sampled_from(SIDES), st.sampled_from(SIDES))
def test_what_is_said_of_two_turns_may_be_said_in_either_order(
    heard: Transcript, one: int, other: int, to: CorrectedRole, also: CorrectedRole
) -> None:
    plain = build_call(heard, NOBODY)
    first, second = plain.turns[one % len(plain.turns)], plain.turns[other % len(plain.turns)]
    if first == second:
        return
    a, b = turn_correction(first, plain, to), turn_correction(second, plain, also)
    assert build_call(heard, NOBODY, a.then(b)) == build_call(heard, NOBODY, b.then(a))


@settings(max_examples=15, deadline=None)
@given(HEARD, st.integers(0, 8))
def test_a_swap_comes_before_or_after_a_turn_that_was_the_other_sides(heard: Transcript, number: int) -> None:
    plain = build_call(heard, NOBODY)
    turn = plain.turns[number % len(plain.turns)]
    role = plain.role(turn)
    if role == "unknown":
        return
    turn_first = turn_correction(turn, plain, other_party(role))
    turn_first = swap(build_call(heard, NOBODY, turn_first), plain, turn_first)
    swap_first = swap_correction(plain, plain, Corrections())
    swapped = build_call(heard, NOBODY, swap_first)
    swap_first = swap_first.then(turn_correction(turn, plain, other_party(swapped.role(turn))))  # type: ignore[arg-type]
    assert build_call(heard, NOBODY, turn_first) == build_call(heard, NOBODY, swap_first)


@settings(max_examples=15, deadline=None)
@given(HEARD)
def test_to_swap_roles_twice_is_nothing(heard: Transcript) -> None:
    plain = build_call(heard, NOBODY)
    once = swap(plain, plain, Corrections())
    swapped = build_call(heard, NOBODY, once)
    assert swapped.roles.by_speaker == {s: other_party(r) for s, r in plain.roles.by_speaker.items() if r != "unknown"}
    assert swapped.facts.agent_talk_s == plain.facts.customer_talk_s
    assert build_call(heard, NOBODY, swap(swapped, plain, once)) == plain


def test_a_sample_whose_roles_are_swapped_is_judged_otherwise_and_back() -> None:
    heard, books = sample(), {"zh": hotline("zh")}
    plain = judge(heard, SAMPLE_CDR, books)
    said = swap_correction(plain.call, plain.call, Corrections())
    swapped = judge(heard, SAMPLE_CDR, books, None, said)
    assert plain.scorecard is not None
    assert swapped.scorecard is not None
    pairs = zip(plain.scorecard.verdicts, swapped.scorecard.verdicts, strict=True)
    changed = {before.rule_id for before, after in pairs if before.outcome != after.outcome}
    assert {"greeting", "forbidden-phrases"} <= changed
    again = said.then(swap_correction(swapped.call, plain.call, said))
    assert judge(heard, SAMPLE_CDR, books, None, again) == plain


def test_a_turn_of_the_other_side_changes_who_talks_and_what_is_one_turn() -> None:
    heard = heard_call(SHORT_CALL)
    plain = build_call(heard, CHANNELS_KNOWN)
    said = turn_correction(plain.turns[1], plain, "agent")
    call = build_call(heard, CHANNELS_KNOWN, said)
    assert [call.role(turn) for turn in call.turns] == ["agent", "agent", "customer"]
    assert call.turns[0].text == SHORT_CALL[0][3] + SHORT_CALL[1][3], "said in one go"
    assert call.facts.customer_talk_s == pytest.approx(1.0)
    assert call.facts.agent_talk_s == pytest.approx(6.5)
    assert call.overlap_heard == plain.overlap_heard


def test_what_is_no_speech_is_silence_and_nobodys() -> None:
    heard = heard_call(SHORT_CALL)
    plain = build_call(heard, CHANNELS_KNOWN)
    call = build_call(heard, CHANNELS_KNOWN, turn_correction(plain.turns[1], plain, "not-speech"))
    assert [turn.text for turn in call.turns] == [line[3] for number, line in enumerate(SHORT_CALL) if number != 1]
    assert next(silence.span for silence in call.silences if silence.where == "inner") == Span(3.0, 12.0)
    assert call.facts.voiced_s == pytest.approx(plain.facts.voiced_s - 2.5)
    nothing = reduce(Corrections.then, (turn_correction(turn, plain, "not-speech") for turn in plain.turns))
    assert build_call(heard, CHANNELS_KNOWN, nothing).turns == ()


def test_a_voice_is_named_where_nobody_is_known() -> None:
    lines = [("S1", 0.5, 2.0, "一二三四。"), ("S2", 3.0, 5.0, "五六七八。"), ("S1", 6.0, 8.0, "九十。")]
    heard = heard_call(lines)
    plain = build_call(heard, NOBODY)
    assert not plain.roles.by_speaker
    with pytest.raises(NothingToCorrect):
        swap_correction(plain, plain, Corrections())
    call = build_call(heard, NOBODY, voice_correction(plain.turns[1], plain, plain, "agent"))
    assert call.roles.by_speaker == {"S1": "customer", "S2": "agent"}
    assert call.roles.method == "corrected"
    one = build_call(heard, NOBODY, turn_correction(plain.turns[0], plain, "customer"))
    assert [one.role(turn) for turn in one.turns] == ["customer", "unknown", "unknown"]


def test_an_announcement_that_was_none_is_somebodys_voice() -> None:
    lines = [("ch0", 0.5, 4.0, "请按一转人工服务，按零返回。"), *[(s, a + 5, b + 5, t) for s, a, b, t in SHORT_CALL]]
    heard = heard_call(lines)
    plain = build_call(heard, CHANNELS_KNOWN)
    assert any(event.kind == "prompt" for event in plain.events)
    call = build_call(heard, CHANNELS_KNOWN, turn_correction(plain.turns[0], plain, "agent"))
    assert not any(event.kind == "prompt" for event in call.events)
    assert call.facts.agent_talk_s == pytest.approx(plain.facts.agent_talk_s + 3.5)


def test_music_under_a_turn_stays_music() -> None:
    music = LineEvent(Span(6.5, 11.0), "music", 0)
    heard = heard_call(SHORT_CALL, events=[music])
    plain = build_call(heard, CHANNELS_KNOWN)
    call = build_call(heard, CHANNELS_KNOWN, turn_correction(plain.turns[2], plain, "customer"))
    assert call.facts.music_s == plain.facts.music_s


# another hearing

Changed = Literal["shifted", "renamed", "merged"]


@settings(max_examples=60, deadline=None)
@given(conversations(), st.integers(0, 8), st.sampled_from(("agent", "customer", "not-speech")),
       st.sampled_from(("shifted", "renamed", "merged")), st.randoms())  # fmt: skip
def test_in_another_hearing_a_correction_is_found_or_told_and_never_of_another_turn(
    heard: Transcript, number: int, to: CorrectedRole, changed: Changed, draw: random.Random
) -> None:
    plain = build_call(heard, NOBODY)
    turn = plain.turns[number % len(plain.turns)]
    said = turn_correction(turn, plain, to)
    match changed:
        case "shifted":
            again = shifted(heard, draw, 0.15)
        case "renamed":
            again = told_apart_otherwise(heard, draw, 0.2)
        case "merged":
            again = heard_as_one(heard, draw, 0.5)
    without, built = build_call(again, NOBODY), build_corrected(again, NOBODY, said)
    if built.left_out:
        assert built.call == without
        return
    there = [(word.text, without.role(t)) for t in without.turns for word in t.words]
    now = [(word.text, built.call.role(t)) for t in built.call.turns for word in t.words]
    own = [word.text for word in turn.words]
    assert len(there) - len(now) == (len(own) if to == "not-speech" else 0)
    moved_s = [
        word.span.middle_s
        for t in without.turns
        for word in t.words
        if not any(word in c.words and built.call.role(c) == without.role(t) for c in built.call.turns)
    ]
    assert all(turn.span.start_s - 0.16 <= at_s <= turn.span.end_s + 0.16 for at_s in moved_s)


def why(heard: Transcript, said: Corrections) -> list[NotCarried]:
    return [left.why for left in build_corrected(heard, NOBODY, said).left_out]


def test_why_a_correction_is_not_carried_over() -> None:
    lines: list[Line] = [("S1", 0.5, 5.0, AGENT[0]), ("S2", 6.0, 10.0, CUSTOMER[0]), ("S1", 10.3, 14.0, AGENT[2])]
    heard = heard_call(lines)
    plain = build_call(heard, NOBODY)
    said = turn_correction(plain.turns[1], plain, "agent")
    assert why(heard, said) == []
    assert why(heard_call([lines[0], lines[2]]), said) == ["not-heard"]
    one: list[Line] = [lines[0], ("S2", 6.0, 14.0, CUSTOMER[0] + AGENT[2])]
    assert why(heard_call(one), said) == ["heard-together"]
    two: list[Line] = [lines[0], ("S2", 6.0, 8.0, CUSTOMER[0][:8]), ("S3", 8.1, 10.0, CUSTOMER[0][8:]), lines[2]]
    assert why(heard_call(two), said) == ["several-voices"]
    more: list[Line] = [lines[0], ("S2", 6.0, 10.0, CUSTOMER[0].replace("坏", "快")), ("S2", 10.15, 10.4, "嗯。")]
    assert why(heard_call(more), said) == ["heard-together"], "a short word behind it would go along"
    both: list[Line] = [("ch0", 0.5, 5.0, AGENT[0]), ("ch1", 6.0, 10.0, CUSTOMER[0]), ("ch0", 6.5, 9.5, AGENT[2])]
    assert why(heard_call(both), said) == ["several-voices"], "on two channels now"
    mixed: list[Line] = [("S1", 0.5, 14.0, AGENT[0] + CUSTOMER[0] + AGENT[2])]
    assert why(heard_call(mixed), swap_correction(plain, plain, Corrections())) == ["voices"]


def test_a_swap_holds_of_the_voices_whatever_another_engine_calls_them() -> None:
    lines: list[Line] = [("S1", 0.5, 5.0, AGENT[0]), ("S2", 6.0, 10.0, CUSTOMER[0]), ("S1", 11.0, 14.0, AGENT[2])]
    plain = build_call(heard_call(lines), NOBODY)
    said = swap_correction(plain, plain, Corrections())
    other = [("S2" if speaker == "S1" else "S1", start + 0.2, end + 0.2, text) for speaker, start, end, text in lines]
    call = build_call(heard_call(other), NOBODY, said)
    assert call.roles.by_speaker == {"S1": "agent", "S2": "customer"}, "who was said to be the customer is it still"
