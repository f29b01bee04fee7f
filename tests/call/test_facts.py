"""What is measured about a call: silences, overlaps, the hang-up, rates."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.facts import build_call, common, merged, minus, speech_units, total_s
from pipeline.datatypes import CDR, Call, LineEnd, LineEvent
from pipeline.timeline import Span
from tests.support.talk import Line, heard_call

NOBODY = CDR()
MAP = CDR(channel_map={0: "agent", 1: "customer"})

LINES = [
    ("ch0", 1.0, 3.0, "您好，客服中心，请问有什么可以帮您？"),
    ("ch1", 3.5, 6.0, "我想问一下服务站几点下班？"),
    ("ch0", 12.0, 14.0, "六点下班，请问还有其他需要吗？"),
    ("ch1", 14.5, 15.5, "没有了。"),
]


def test_silences_lead_lie_between_and_trail() -> None:
    call = build_call(heard_call(LINES, duration_s=20.0), MAP)
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
    call = build_call(heard_call(LINES, duration_s=20.0, events=[music]), MAP)
    inner = [s for s in call.silences if 6.0 <= s.span.start_s < 12.0]
    assert [(round(s.span.start_s, 2), round(s.span.end_s, 2)) for s in inner] == [(11.0, 12.0)]
    assert inner[0].music_s == pytest.approx(4.6)
    assert call.facts.longest_silence_s == pytest.approx(1.0)
    assert call.facts.music_s == pytest.approx(4.6)


def test_ring_before_the_answer_is_no_silence() -> None:
    ring = LineEvent(Span(0.0, 1.0), "ring", 0, 1)
    call = build_call(heard_call(LINES, events=[ring]), MAP)
    assert not [s for s in call.silences if s.where == "leading"]
    assert call.facts.ring_count == 1
    assert build_call(heard_call(LINES, events=[ring]), CDR(ring_count=4)).facts.ring_count == 4
    assert build_call(heard_call(LINES), MAP).facts.ring_count is None


def test_a_click_without_words_does_not_end_a_silence_but_a_voice_does() -> None:
    click = build_call(heard_call([*LINES, ("ch1", 9.0, 9.15, "")]), MAP)
    assert click.facts.longest_silence_s == pytest.approx(6.0)
    voice = build_call(heard_call([*LINES, ("ch1", 9.0, 9.6, "")]), MAP)
    assert voice.facts.longest_silence_s == pytest.approx(3.0)


def test_silence_after_the_hang_up_is_trailing() -> None:
    lines = [*LINES, ("ch1", 21.0, 22.0, "喂？喂？")]
    ends = [LineEnd(0, 15.6, "busy")]
    call = build_call(heard_call(lines, duration_s=23.0, line_ends=ends), MAP)
    assert [s.where for s in call.silences if s.span.start_s >= 15.0] == ["trailing", "trailing"]


def overlap_of(
    agent_from: float, agent_to: float, customer_to: float = 8.0, text: str = "这个您重启一下就可以了。"
) -> Call:
    lines = [
        ("ch0", 0.5, 2.0, "您好，请讲。"),
        ("ch1", 3.0, customer_to, "我家的宽带从昨天晚上开始就一直断线我想问一下"),
        ("ch0", agent_from, agent_to, text),
    ]
    return build_call(heard_call(lines), MAP)


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


class TestHangUp:
    def test_the_cdr_comes_first(self) -> None:
        heard = heard_call(LINES, duration_s=20.0, line_ends=[LineEnd(0, 16.0, "busy")])
        hang_up = build_call(heard, CDR(channel_map={0: "agent"}, release_party="customer")).hang_up
        assert (hang_up.by, hang_up.method, hang_up.at_s) == ("customer", "cdr", 16.0)

    @pytest.mark.parametrize(("channel", "by"), [(0, "agent"), (1, "customer")])
    @pytest.mark.parametrize("kind", ["busy", "digital-silence"])
    def test_the_channel_that_dies_first_has_left(
        self, channel: int, by: str, kind: Literal["busy", "digital-silence"]
    ) -> None:
        hang_up = build_call(heard_call(LINES, duration_s=20.0, line_ends=[LineEnd(channel, 17.0, kind)]), MAP).hang_up
        assert (hang_up.by, hang_up.method, hang_up.at_s) == (by, "inferred", 17.0)

    def test_swapped_channels_follow_the_roles(self) -> None:
        heard = heard_call(LINES, duration_s=20.0, line_ends=[LineEnd(0, 17.0, "busy")])
        assert build_call(heard, CDR(channel_map={0: "customer", 1: "agent"})).hang_up.by == "customer"

    def test_both_channels_end_together(self) -> None:
        ends = [LineEnd(0, 17.0, "digital-silence"), LineEnd(1, 17.3, "digital-silence")]
        hang_up = build_call(heard_call(LINES, duration_s=20.0, line_ends=ends), MAP).hang_up
        assert (hang_up.by, hang_up.method) == (None, "none")

    def test_both_end_one_well_before_the_other(self) -> None:
        ends = [LineEnd(1, 18.5, "digital-silence"), LineEnd(0, 16.0, "digital-silence")]
        assert build_call(heard_call(LINES, duration_s=20.0, line_ends=ends), MAP).hang_up.by == "agent"

    def test_no_channel_ends(self) -> None:
        assert build_call(heard_call(LINES, duration_s=20.0), MAP).hang_up.by is None

    def test_the_last_moments_tell_nothing(self) -> None:
        ends = [LineEnd(0, 19.9, "digital-silence")]
        assert build_call(heard_call(LINES, duration_s=20.0, line_ends=ends), MAP).hang_up.by is None

    def test_a_microphone_that_was_muted_once_tells_all_the_same(self) -> None:
        muted = tuple(-100.0 if 6.0 <= i / 4 < 12.0 or i / 4 > 16.0 else -30.0 for i in range(81))
        ends = [LineEnd(0, 16.0, "digital-silence")]
        heard = heard_call(LINES, duration_s=20.0, line_ends=ends, levels_dbfs=(muted, muted))
        assert build_call(heard, MAP).hang_up.by == "agent"

    def test_unknown_roles_give_no_side(self) -> None:
        lines = [("ch0", 1.0, 2.0, "今天天气不错。"), ("ch1", 3.0, 4.0, "是啊。")]
        hang_up = build_call(heard_call(lines, duration_s=8.0, line_ends=[LineEnd(0, 5.0, "busy")]), NOBODY).hang_up
        assert (hang_up.by, hang_up.at_s) == (None, 5.0)

    def test_busy_tone_on_one_channel_needs_a_voice_after_it(self) -> None:
        mono = [("S1" if s == "ch0" else "S2", a, b, t) for s, a, b, t in LINES]
        busy = LineEvent(Span(16.0, 21.0), "busy", None, 6)
        assert build_call(heard_call(mono, duration_s=21.0, events=[busy]), NOBODY).hang_up.by is None
        on = [*mono, ("S2", 18.0, 19.0, "喂？喂？")]
        hang_up = build_call(heard_call(on, duration_s=21.0, events=[busy]), NOBODY).hang_up
        assert (hang_up.by, hang_up.method, hang_up.at_s) == ("agent", "inferred", 16.0)
        early = LineEvent(Span(7.0, 11.0), "busy", None, 6)
        assert build_call(heard_call(on, duration_s=21.0, events=[early]), NOBODY).hang_up.by is None


def test_echo_is_no_voice_of_the_other() -> None:
    line = "您好，客服中心，请问有什么可以帮您？"
    lines = [("ch0", 1.0, 4.0, line), ("ch1", 1.1, 4.1, line), ("ch1", 6.0, 8.0, "我想退票。")]
    quiet = (-20.0,) * 3 + (-45.0,) * 15 + (-20.0,) * 30
    call = build_call(heard_call(lines, levels_dbfs=((-20.0,) * 48, quiet)), NOBODY)
    assert call.roles.by_speaker == {"ch0": "agent", "ch1": "customer"}
    assert call.voiced["customer"] == (Span(6.0, 8.0),)
    assert call.overlaps == ()


def test_a_prompt_is_marked_and_is_nobodys_talk() -> None:
    lines = [("ch0", 0.0, 5.0, "您的通话可能会被录音，请按一。"), *[(s, a + 8, b + 8, t) for s, a, b, t in LINES]]
    call = build_call(heard_call(lines), MAP)
    assert call.facts.prompt_s == pytest.approx(5.0)
    assert call.facts.first_agent_s == pytest.approx(9.0)
    assert call.facts.agent_talk_s == pytest.approx(4.0)
    assert call.facts.turns == 4


def test_a_call_without_voice() -> None:
    call = build_call(heard_call([], channels=2, duration_s=8.0), NOBODY)
    assert call.turns == ()
    assert call.roles.by_speaker == {}
    assert call.facts.agent_talk_share is None
    assert call.facts.agent_rate is None
    assert [s.where for s in call.silences] == ["leading"]
    build_call(heard_call([], channels=1, duration_s=0.0001), NOBODY)


def test_talk_rates_and_monologue() -> None:
    facts = build_call(heard_call(LINES), MAP).facts
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
    assert build_call(heard_call(lines), MAP).facts.longest_agent_monologue_s == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("您好，工号3026。", 8),
        ("It's a Wi-Fi router, isn't it?", 6),
        ("Agent four one two", 4),
        ("。，？!", 0),
        ("A楼8号", 4),
    ],
)
def test_what_counts_as_said(text: str, units: int) -> None:
    assert speech_units(text) == units


_spans = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 20)).map(lambda t: Span(t[0] / 4, (t[0] + t[1]) / 4)), max_size=12
)


@given(_spans, _spans)
def test_spans_have_an_algebra(left: list[Span], right: list[Span]) -> None:
    rest, shared = minus(left, right), common(left, right)
    for spans in (merged(left), rest, shared):
        assert list(spans) == sorted(spans)
        assert all(a.end_s <= b.start_s for a, b in pairwise(spans))
    assert total_s(rest) + total_s(shared) == pytest.approx(total_s(left))
    assert total_s(common(rest, right)) == pytest.approx(0.0)


_lines = st.lists(
    st.tuples(
        st.sampled_from(["ch0", "ch1"]),
        st.floats(0, 30).map(lambda t: round(t, 2)),
        st.floats(0.1, 5).map(lambda t: round(t, 2)),
        st.sampled_from(["", "嗯。", "您好，请问有什么可以帮您？", "我想退票。", "随便你"]),
    ).map(lambda t: (t[0], t[1], t[1] + t[2], t[3])),
    max_size=10,
)


@given(_lines)
def test_any_call_adds_up(lines: list[Line]) -> None:
    call = build_call(heard_call(lines, duration_s=40.0, channels=2), MAP)
    silence_s = sum(s.span.duration_s for s in call.silences)
    assert silence_s + call.facts.voiced_s <= 40.0 + 1e-6
    assert list(call.silences) == sorted(call.silences, key=lambda s: s.span)
    for overlap in call.overlaps:
        assert 0 <= overlap.turn < len(call.turns)
        assert call.role(call.turns[overlap.turn]) == overlap.by
        assert overlap.span.duration_s >= 0
    assert call.facts.agent_turns + call.facts.customer_turns == call.facts.turns
