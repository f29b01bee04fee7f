"""Any call is built, and its parts agree with one another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.build import build_call
from tests.support.talk import CHANNELS_KNOWN, NOBODY, Line, heard_call


def test_a_call_without_voice() -> None:
    call = build_call(heard_call([], channels=2, duration_s=8.0), NOBODY)
    assert call.turns == ()
    assert call.roles.by_speaker == {}
    assert call.facts.agent_talk_share is None
    assert call.facts.agent_rate is None
    assert [s.where for s in call.silences] == ["leading"]
    build_call(heard_call([], channels=1, duration_s=0.0001), NOBODY)


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
    call = build_call(heard_call(lines, duration_s=40.0, channels=2), CHANNELS_KNOWN)
    silence_s = sum(s.span.duration_s for s in call.silences)
    assert silence_s + call.facts.voiced_s <= 40.0 + 1e-6
    assert list(call.silences) == sorted(call.silences, key=lambda s: s.span)
    for overlap in call.overlaps:
        assert 0 <= overlap.turn < len(call.turns)
        assert call.role(call.turns[overlap.turn]) == overlap.by
        assert overlap.span.duration_s >= 0
    assert call.facts.agent_turns + call.facts.customer_turns == call.facts.turns
