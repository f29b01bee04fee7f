"""When somebody speaks, by label: speech concatenated and remapped to its recording, units of one voice, overlaps."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from models.clustering import UNIT_S
from pipeline.datatypes import RATE_HZ, Samples, SpeakerSpan
from pipeline.timeline import Span, Timeline

Tracks = dict[str, list[Span]]
"""The spans of each label."""

VoiceEdges = Sequence[tuple[float, str]]
"""When a voice begins or ends, and which; sorted."""

PIECE_MARGIN_S = 0.25
"""Sound kept around voice: segmentation hears the beginnings better with some air before them."""

PIECE_GAP_S = 1.0
"""Pauses shorter than this stay in: they are part of the conversation's rhythm."""

BEYOND_S = 0.2
"""How far from voice segmentation is still believed: soft beginnings and ends are speech, which voice activity leaves
out. Less than `diarization.UNIT_SHORTEST_S`, so that no voice is known by them."""

SPAN_GAP_S = 0.2
"""A speaker's spans join over this always."""

OWN_PAUSE_S = 0.5
"""A speaker's spans join over this when nobody else speaks meanwhile."""

SPAN_SHORTEST_S = 0.1
"""A speaker's spans under this are dropped."""


def speech_pieces(voiced: Sequence[Span], duration_s: float) -> Timeline:
    """What of the recording is worth hearing: voice with a margin, over short pauses."""
    wide = (Span(max(0.0, s.start_s - PIECE_MARGIN_S), min(duration_s, s.end_s + PIECE_MARGIN_S)) for s in voiced)
    # pauses shorter than the gap, where a timeline joins over those as long as it, too
    return Timeline(wide, gap_s=math.nextafter(PIECE_GAP_S, 0.0))


def concatenate(samples: Samples, voiced: Sequence[Span]) -> tuple[Timeline, Samples]:
    """The pieces worth hearing of a channel (shape (n,), 16 kHz), and their sound as one."""
    pieces = speech_pieces(voiced, samples.shape[0] / RATE_HZ)
    sound = [samples[round(piece.start_s * RATE_HZ) : round(piece.end_s * RATE_HZ)] for piece in pieces]
    return pieces, np.concatenate(sound)


def speech_regions(voiced: Sequence[Span], duration_s: float) -> list[Span]:
    """Each voiced span, and what is near it before and after, apart; none where there is no room."""
    inner_s = [(after.start_s - before.end_s) / 2 for before, after in pairwise(voiced)]
    room_s = [voiced[0].start_s, *inner_s, max(0.0, duration_s - voiced[-1].end_s)]
    regions: list[Span] = []
    for span, (before_s, after_s) in zip(voiced, pairwise(room_s), strict=True):
        start_s, end_s = span.start_s - min(BEYOND_S, before_s), span.end_s + min(BEYOND_S, after_s)
        regions += [Span(start_s, span.start_s), span, Span(span.end_s, end_s)]
    return [region for region in regions if region.duration_s > 0]


def to_recording(start_s: float, end_s: float, pieces: Iterable[Span]) -> Iterator[Span]:
    """A stretch of concatenated sound, as stretches of the recording."""
    offset_s = 0.0
    for piece in pieces:
        first, last = max(start_s, offset_s), min(end_s, offset_s + piece.duration_s)
        if last > first:
            yield Span(piece.start_s + first - offset_s, piece.start_s + last - offset_s)
        offset_s += piece.duration_s


def remap(annotation: Any, pieces: Timeline, regions: Sequence[Span]) -> Tracks:
    """A pyannote annotation of concatenated sound, on the recording's clock: what is in regions, cut by them."""
    tracks: Tracks = {}
    for segment, _, label in annotation.itertracks(yield_label=True):
        for span in to_recording(segment.start, segment.end, pieces):
            inside = [part for region in regions if (part := span & region)]
            tracks.setdefault(str(label), []).extend(inside)
    return {label: spans for label, spans in tracks.items() if spans}


def solo_units(tracks: Tracks) -> list[tuple[Span, str]]:
    """What each label says alone, cut into equal parts of at most `UNIT_S`, by time."""
    units: list[tuple[Span, str]] = []
    for label, spans in tracks.items():
        others = Timeline(span for other, those in tracks.items() if other != label for span in those)
        # one by one, as spans that touch are units of their own
        for part in (part for span in spans for part in Timeline([span]) - others):
            count = max(1, math.ceil(part.duration_s / UNIT_S))
            edges_s = np.linspace(part.start_s, part.end_s, count + 1).tolist()
            units += [(Span(start_s, end_s), label) for start_s, end_s in pairwise(edges_s)]
    return sorted(units)


def track_overlaps(tracks: Tracks) -> Iterator[tuple[Span, str, str]]:
    """Where two tracks speak at once, and which."""
    speaking: list[tuple[Span, str]] = []
    for span, track in sorted((span, track) for track, spans in tracks.items() for span in spans):
        speaking = [item for item in speaking if item[0].end_s > span.start_s]
        for other, whose in speaking:
            if whose != track:
                yield Span(span.start_s, min(span.end_s, other.end_s)), whose, track
        speaking.append((span, track))


def overlapping_voices(at_s: float, tracks: Sequence[VoiceEdges], everyone: VoiceEdges) -> set[str]:
    """The voices of two tracks where they overlap: two where a second is known at all.

    A voice cannot speak twice at once. Where both tracks are near the same, as they are when a track goes on from
    one speaker to the next, segmentation still hears two: the second is whoever else is heard nearest.
    """
    voices = {nearest_voice(edges or everyone, at_s) for edges in tracks}
    others = [item for item in everyone if item[1] not in voices]
    return voices | {nearest_voice(others, at_s)} if len(voices) == 1 and others else voices


def nearest_voice(edges: VoiceEdges, at_s: float) -> str:
    """The voice heard nearest in time."""
    place = bisect(edges, (at_s, ""))
    return min(edges[max(0, place - 1) : place + 1], key=lambda item: abs(item[0] - at_s))[1]


def speaker_spans(tracks: Tracks) -> list[SpeakerSpan]:
    """Spans joined over short pauses, and speakers named S1, S2… by first appearance."""
    joined: Tracks = {}
    for span, label in sorted((span, label) for label, spans in tracks.items() for span in spans):
        own = joined.setdefault(label, [])
        pause_s = span.start_s - own[-1].end_s if own else math.inf
        # whoever spoke meanwhile began before this span, and was the last of its label
        alone = all(spans[-1].end_s <= own[-1].end_s for other, spans in joined.items() if own and other != label)
        if pause_s <= SPAN_GAP_S or (alone and pause_s <= OWN_PAUSE_S):
            own[-1] = Span(own[-1].start_s, max(own[-1].end_s, span.end_s))
        else:
            own.append(span)
    joined = {label: [span for span in spans if span.duration_s >= SPAN_SHORTEST_S] for label, spans in joined.items()}
    order = sorted((label for label, spans in joined.items() if spans), key=lambda label: joined[label][0])
    names = {label: f"S{number}" for number, label in enumerate(order, start=1)}
    spans = [SpeakerSpan(span, names[label]) for label in order for span in joined[label]]
    return sorted(spans, key=lambda item: (item.span, item.speaker))
