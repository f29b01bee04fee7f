"""The algebra of spans, against sets of moments: every law is tried on spans with whole seconds as ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.timeline import Span, Timeline

LAST_S = 24
ENDS = st.integers(0, LAST_S)
SPANS = st.lists(st.builds(Span, ENDS.map(float), ENDS.map(float)), max_size=8)


def moments(spans: Timeline | list[Span]) -> set[int]:
    """The whole seconds that the spans cover; backward spans cover none."""
    return {at for span in spans for at in range(int(span.start_s), int(span.end_s))}


@given(SPANS)
def test_spans_are_sorted_disjoint_and_cover_the_same(spans: list[Span]) -> None:
    timeline = Timeline(spans)
    assert moments(timeline) == moments(spans)
    ends = [end for span in timeline for end in (span.start_s, span.end_s)]
    assert ends == sorted(set(ends)), "sorted, and none touches the next"
    assert timeline.total_s == len(moments(spans))
    assert Timeline(timeline) == timeline
    assert bool(timeline) == bool(moments(spans))


@given(SPANS, SPANS)
def test_union_intersection_difference(left: list[Span], right: list[Span]) -> None:
    one, other = Timeline(left), Timeline(right)
    assert moments(one | other) == moments(left) | moments(right)
    assert moments(one & other) == moments(left) & moments(right)
    assert moments(one - other) == moments(left) - moments(right)
    assert one & right == one & other, "plain spans will do on the right"
    assert one - right == one - other
    assert one | right == one | other
    assert (one - other) | (one & other) == one
    assert one & other == other & one


@given(SPANS, st.integers(0, 5))
def test_gaps_up_to_a_length_are_filled(spans: list[Span], gap_s: int) -> None:
    joined = Timeline(spans).joined(gap_s)
    assert joined == Timeline(spans, gap_s)
    assert moments(joined) >= moments(spans)
    for before, after in zip(joined.spans, joined.spans[1:], strict=False):
        assert after.start_s - before.end_s > gap_s
    filled = joined - spans
    assert all(hole.duration_s <= gap_s for hole in filled)


@given(SPANS, ENDS, ENDS)
def test_it_is_measured_at_a_time_and_in_a_region(spans: list[Span], start_s: int, end_s: int) -> None:
    timeline = Timeline(spans)
    assert timeline.until_s(start_s) == len({at for at in moments(spans) if at < start_s})
    region = Span(start_s, end_s)
    assert timeline.within_s(region) == len(moments(spans) & moments([region]))
    assert (start_s in timeline) == (start_s in moments(spans))
    found = timeline.at(start_s)
    assert found is None or found.start_s <= start_s < found.end_s


@given(st.builds(Span, ENDS.map(float), ENDS.map(float)), st.builds(Span, ENDS.map(float), ENDS.map(float)))
def test_two_spans_overlap_where_both_last(one: Span, other: Span) -> None:
    assert one.overlap_s(other) == other.overlap_s(one)
    if one.duration_s and other.duration_s:
        assert one.overlap_s(other) == len(moments([one]) & moments([other]))


def test_a_timeline_says_what_it_is_and_can_be_a_key() -> None:
    timeline = Timeline([Span(2.0, 3.0), Span(0.0, 1.0), Span(1.0, 1.5)])
    assert repr(timeline) == "Timeline([Span(start_s=0.0, end_s=1.5), Span(start_s=2.0, end_s=3.0)])"
    assert len({timeline, Timeline([Span(2.0, 3.0), Span(0.0, 1.5)])}) == 1
    assert Timeline() != (), "a set of times is no tuple"


@given(ENDS, ENDS, ENDS, ENDS)
def test_two_spans_have_one_in_common_or_none(start_s: int, end_s: int, other_start_s: int, other_end_s: int) -> None:
    one, other = Span(start_s, end_s), Span(other_start_s, other_end_s)
    both = one & other
    assert moments([both] if both else []) == moments([one]) & moments([other])
    assert both is None or both.duration_s > 0
    assert both == other & one
