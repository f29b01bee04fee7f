"""Spans of speakers: concatenated and remapped, in units of one voice, where two speak, named."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tracks import (
    BEYOND_S,
    overlapping_voices,
    solo_units,
    speaker_spans,
    speech_pieces,
    speech_regions,
    to_recording,
    track_overlaps,
)
from pipeline.datatypes import SpeakerSpan
from pipeline.timeline import Span

_voiced = st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.05, 5)), min_size=1, max_size=8)


def laid_out(parts: list[tuple[float, float]]) -> list[Span]:
    """Pauses and lengths as sorted disjoint spans."""
    spans, at_s = [], 0.0
    for pause_s, length_s in parts:
        spans.append(Span(at_s + pause_s, at_s + pause_s + length_s))
        at_s = spans[-1].end_s
    return spans


@given(_voiced)
def test_what_is_cut_out_is_put_back(parts: list[tuple[float, float]]) -> None:
    voiced = laid_out(parts)
    duration_s = voiced[-1].end_s + 1.0
    pieces = speech_pieces(voiced, duration_s)
    length_s = sum(piece.duration_s for piece in pieces)
    back = list(to_recording(0.0, length_s, pieces))
    assert [b.start_s for b in back] == pytest.approx([p.start_s for p in pieces])
    assert [b.end_s for b in back] == pytest.approx([p.end_s for p in pieces])
    for span in voiced:
        assert any(p.start_s <= span.start_s and span.end_s <= p.end_s for p in pieces)


@given(_voiced)
def test_what_is_near_voice_is_cut_off_from_it(parts: list[tuple[float, float]]) -> None:
    voiced = laid_out(parts)
    regions = speech_regions(voiced, voiced[-1].end_s)
    assert [region for region in regions if region in voiced] == voiced
    assert all(before.end_s <= after.start_s + 1e-9 for before, after in pairwise(regions))
    assert all(region in voiced or region.duration_s <= BEYOND_S + 1e-9 for region in regions)
    assert regions[0].start_s == pytest.approx(max(0.0, voiced[0].start_s - BEYOND_S))
    assert regions[-1] == voiced[-1]  # the sound ends there


def test_units_are_what_each_says_alone_in_short_parts() -> None:
    found = {"A": [Span(0.0, 7.0)], "B": [Span(4.0, 5.0), Span(6.5, 9.0)]}
    assert solo_units(found) == [
        (Span(0.0, 2.0), "A"),
        (Span(2.0, 4.0), "A"),
        (Span(5.0, 6.5), "A"),
        (Span(7.0, 9.0), "B"),
    ]


def test_speakers_are_named_by_first_appearance_and_tidied() -> None:
    named = speaker_spans({"B": [Span(3.0, 4.0)], "A": [Span(1.1, 2.0), Span(0.0, 1.0), Span(5.0, 5.05)], "C": []})
    assert named == [SpeakerSpan(Span(0.0, 2.0), "S1"), SpeakerSpan(Span(3.0, 4.0), "S2")]


def test_overlaps_are_found_whichever_track_is_in_front() -> None:
    tracks = {"0": [Span(0.0, 4.0), Span(6.0, 7.0)], "1": [Span(3.0, 5.0)], "2": [Span(0.5, 1.0), Span(4.5, 6.5)]}
    found = sorted(span for span, *_ in track_overlaps(tracks))
    assert found == [Span(0.5, 1.0), Span(3.0, 4.0), Span(4.5, 5.0), Span(6.0, 6.5)]


def test_two_tracks_at_once_are_two_voices_where_two_are_known() -> None:
    one, other = [(0.0, "A"), (4.0, "A")], [(5.0, "B"), (9.0, "B")]
    assert overlapping_voices(4.5, [one, other], one + other) == {"A", "B"}
    # the first track goes on in the second voice, so both are near that
    assert overlapping_voices(4.9, [one + other, other], one + other) == {"A", "B"}
    assert overlapping_voices(4.5, [one, []], one) == {"A"}


def test_a_speaker_goes_on_over_a_short_pause_unless_somebody_answers() -> None:
    found = {"A": [Span(0.0, 1.0), Span(1.4, 2.0), Span(2.45, 3.0)], "B": [Span(2.05, 2.4)]}
    assert speaker_spans(found) == [
        SpeakerSpan(Span(0.0, 2.0), "S1"),
        SpeakerSpan(Span(2.05, 2.4), "S2"),
        SpeakerSpan(Span(2.45, 3.0), "S1"),
    ]
