"""What is decoded together: all speech once, cut where it is quiet, in few and even windows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.windows import Cut, cut_speech, merge_cuts
from pipeline.datatypes import RATE_HZ, Samples
from pipeline.timeline import Span


def channel(duration_s: float) -> Samples:
    return np.linspace(0.1, 0.9, round(duration_s * RATE_HZ), dtype=np.float32)


spans = st.lists(st.tuples(st.floats(0.05, 3.0), st.floats(0.05, 40.0)), min_size=0, max_size=12).map(
    lambda pairs: _laid_out(pairs)
)


def _laid_out(pairs: list[tuple[float, float]]) -> tuple[Span, ...]:
    out, at = [], 0.0
    for gap_s, length_s in pairs:
        out.append(Span(at + gap_s, at + gap_s + length_s))
        at += gap_s + length_s
    return tuple(out)


@settings(max_examples=40, deadline=None)
@given(spans)
def test_windows_hold_all_speech_once(voiced: tuple[Span, ...]) -> None:
    samples = channel((voiced[-1].end_s if voiced else 0.0) + 1.0)
    found = cut_speech(samples, voiced)
    for span in voiced:
        inside = sum(span.overlap_s(cut.voiced) for cut in found)
        assert inside == pytest.approx(span.duration_s, abs=1e-6)
    for one, two in itertools.pairwise(found):
        assert one.sound.end_s <= two.sound.start_s + 1e-9, "no sound is heard twice"
    windows = merge_cuts(samples, found)
    assert [cut for window in windows for cut in window.cuts] == found
    for window in windows:
        assert window.samples.size <= 30 * RATE_HZ
        for cut, offset_s in zip(window.cuts, window.offsets_s, strict=True):
            first = window.samples[round(offset_s * RATE_HZ)]
            assert first == samples[round(cut.sound.start_s * RATE_HZ)]


def test_a_long_speech_is_cut_where_it_is_quiet() -> None:
    samples = np.ones(40 * RATE_HZ, np.float32)
    samples[20 * RATE_HZ : round(20.3 * RATE_HZ)] = 0
    one, two = cut_speech(samples, (Span(0, 40),))
    assert 20 <= one.voiced.end_s <= 20.3
    assert one.voiced.end_s == two.voiced.start_s


def test_windows_are_even() -> None:
    voiced = [Span(at, at + 4.5) for at in range(0, 40, 5)]  # each takes 5 s with its rest: 5 would fill a window
    windows = merge_cuts(channel(60), [Cut(span, span) for span in voiced])
    assert [len(window.cuts) for window in windows] == [4, 4]
