"""What another engine might have heard of a call: other times, turns heard as one, one heard as two."""

from __future__ import annotations

import random
from dataclasses import replace

from pipeline.datatypes import Segment, SpeakerSpan, Transcript, Word
from pipeline.timeline import Span, Timeline


def shifted(heard: Transcript, draw: random.Random, most_s: float) -> Transcript:
    """Every segment somewhat earlier or later, as a whole."""
    segments, speakers = [], []
    for segment in heard.segments:
        by_s = draw.uniform(-most_s, most_s)
        segments.append(_moved(segment, by_s))
        speakers += [
            SpeakerSpan(_later(speaker.span, by_s), speaker.speaker)
            for speaker in heard.speakers
            if speaker.span.overlap_s(segment.span) > segment.span.duration_s / 2
        ]
    return replace(heard, segments=tuple(segments), speakers=tuple(speakers), voiced=_voiced(heard, segments))


def told_apart_otherwise(heard: Transcript, draw: random.Random, share: float) -> Transcript:
    """Some stretches given to another voice, and the voices numbered the other way round."""
    other = {"S1": "S2", "S2": "S1"}
    speakers = tuple(
        SpeakerSpan(item.span, item.speaker if draw.random() < share else other[item.speaker])
        for item in heard.speakers
    )
    return replace(heard, speakers=speakers)


def heard_as_one(heard: Transcript, draw: random.Random, share: float) -> Transcript:
    """Some stretches given to the voice of the one before."""
    speakers: list[SpeakerSpan] = []
    for item in heard.speakers:
        name = speakers[-1].speaker if speakers and draw.random() < share else item.speaker
        speakers.append(SpeakerSpan(item.span, name))
    return replace(heard, speakers=tuple(speakers))


def _later(span: Span, by_s: float) -> Span:
    return Span(max(0.0, span.start_s + by_s), max(0.0, span.end_s + by_s))


def _moved(segment: Segment, by_s: float) -> Segment:
    words = tuple(Word(_later(w.span, by_s), w.text, w.probability, w.channel) for w in segment.words)
    return replace(segment, span=_later(segment.span, by_s), words=words)


def _voiced(heard: Transcript, segments: list[Segment]) -> tuple[tuple[Span, ...], ...]:
    return tuple(
        Timeline(segment.span for segment in segments if segment.channel == channel).spans
        for channel in range(heard.channels)
    )
