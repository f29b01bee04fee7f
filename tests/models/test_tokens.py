"""Times of words: whatever an engine says, in order and inside what was voiced."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokens import Token, clamp_words
from pipeline.timeline import Span


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-2, 8), st.floats(-1, 3)), min_size=1, max_size=60),
    st.floats(0.1, 4.0),
)
def test_word_times_are_in_order_and_inside(times: list[tuple[float, float]], length_s: float) -> None:
    within = Span(1.0, 1.0 + length_s)
    fitted = clamp_words([Token(start, start + length, "x", 0.5) for start, length in times], within)
    assert len(fitted) == len(times)
    for span in fitted:
        assert within.start_s - 1e-9 <= span.start_s < span.end_s <= within.end_s + 1e-9
    for one, two in itertools.pairwise(fitted):
        assert one.end_s <= two.start_s + 1e-9
