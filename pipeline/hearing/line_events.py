"""Sounds that are no speech, together: tones, keys and music of a recording, and speech without them.

numpy only, far faster than real time. Tones are found by what standards fix, frequencies and cadence, not by level;
see `tones`, `keys` and `music`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.datatypes import Audio, LineEvent, Samples
from pipeline.hearing.keys import key_events
from pipeline.hearing.music import music_events
from pipeline.hearing.spectra import narrowband
from pipeline.hearing.tones import pauses_after, progress_tones, stands_alone, voices_over
from pipeline.timeline import Span, Timeline

SHORTEST_REMAINDER_S = 0.1
"""What line events leave of a voiced span is dropped when it is shorter."""


def line_events(audio: Audio, voiced: tuple[tuple[Span, ...], ...] = ()) -> tuple[LineEvent, ...]:
    """Find ring-back, busy tone, DTMF and music on every channel; sorted by start.

    An event of tones spans its whole train, pauses included, and counts the bursts (a double ring counts as
    one) or keys. `voiced` (per channel, may be empty) makes music harder to believe where speech was found.
    """
    events: list[LineEvent] = []
    for channel, samples in enumerate(audio.samples):
        where = channel if audio.channels > 1 else None
        narrow = narrowband(samples)
        tones = [*progress_tones(narrow), *key_events(narrow)]
        speech = voiced[channel] if channel < len(voiced) else (Span(0.0, audio.duration_s),)
        music = list(music_events(narrow, speech, [event.span for event in tones]))
        left = [event for event in tones if not _of_a_melody(narrow, event, music)]
        if len(left) < len(tones):
            tones, music = left, list(music_events(narrow, speech, [event.span for event in left]))
        events += [replace(event, channel=where) for event in (*tones, *music)]
    return tuple(sorted(events, key=lambda event: (event.span, event.channel or 0, event.kind)))


def without_events(
    voiced: tuple[tuple[Span, ...], ...], events: tuple[LineEvent, ...], audio: Audio | None = None
) -> tuple[tuple[Span, ...], ...]:
    """Voiced spans, per channel, less what is tone or music on that channel; remainders under 0.1 s go too.

    With `audio`, what is voiced over ring-back or busy tone stays where there is more than the tone: who still
    speaks when the line gives busy tone has not hung up.
    """
    left = []
    for channel, spans in enumerate(voiced):
        here = [event for event in events if event.channel in (None, channel)]
        holes = Timeline(event.span for event in here if event.kind not in ("ring", "busy"))
        for event in here:
            if event.kind in ("ring", "busy"):
                train = Timeline([event.span])
                holes |= train if audio is None else train - voices_over(audio.samples[channel], event.span)
        # one by one, as spans that touch are two utterances all the same
        rest = (part for span in spans for part in Timeline([span]) - holes)
        left.append(tuple(part for part in rest if part.duration_s >= SHORTEST_REMAINDER_S))
    return tuple(left)


def _of_a_melody(narrow: Samples, event: LineEvent, music: Iterable[LineEvent]) -> bool:
    """Whether what seems to be one ring or some keys are notes.

    One ring that music follows without a pause is its first note; keys within music, and no louder, are two notes
    that happen to be a row and a column.
    """
    if event.kind == "ring" and event.count == 1:
        end_s = event.span.end_s
        goes_on = any(m.span.start_s <= end_s + 0.5 < m.span.end_s for m in music)
        return goes_on and not pauses_after(narrow, event.span)
    if event.kind == "dtmf":
        inside = any(m.span.start_s < event.span.start_s - 0.5 and event.span.end_s + 0.5 < m.span.end_s for m in music)
        return inside and not stands_alone(narrow, event.span)
    return False
