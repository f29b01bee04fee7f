"""Sounds that are no speech, together: tones, keys and music of a recording, and speech without them.

numpy only, far faster than real time. Tones are found by what standards fix, frequencies and cadence, not by level;
see `tones`, `keys` and `music`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import Audio, LineEvent, Samples
from pipeline.hearing.keys import key_events
from pipeline.hearing.music import music_events
from pipeline.hearing.spectra import NARROW_RATE_HZ, narrowband
from pipeline.hearing.tones import pauses_after, progress_tones, stands_alone, voices_over
from pipeline.timeline import Span, Timeline

SHORTEST_REMAINDER_S = 0.1
"""What line events leave of a voiced span is dropped when it is shorter."""

TALKED_OVER = 0.3
"""Share of a piece of music during which people speak, from which it may be music of the room."""

LEAST_TALK_S = 3.0
"""With less speech of the channel's own nobody can tell what is under it."""

WAIT_S = 8.0
"""Music over which nobody speaks for so long may be a hold, whatever plays in the room."""

AS_LOUD = 0.25
"""Power in the pauses between words, relative to the softer parts of the music, from which it plays there too."""


def line_events(audio: Audio, voiced: tuple[tuple[Span, ...], ...] = ()) -> tuple[LineEvent, ...]:
    """Find ring-back, busy tone, DTMF and music on every channel; sorted by start.

    An event of tones spans its whole train, pauses included, and counts the bursts (a double ring counts as
    one) or keys. `voiced` (per channel, may be empty) makes music harder to believe where speech was found. Music of
    the room in which somebody speaks is left out.
    """
    events: list[LineEvent] = []
    for channel, samples in enumerate(audio.samples):
        where = channel if audio.channels > 1 else None
        others = Timeline(span for number, spans in enumerate(voiced) if number != channel for span in spans)
        narrow = narrowband(samples)
        tones = [*progress_tones(narrow), *key_events(narrow)]
        speech = voiced[channel] if channel < len(voiced) else (Span(0.0, audio.duration_s),)
        music = list(music_events(narrow, speech, [event.span for event in tones]))
        left = [event for event in tones if not _of_a_melody(narrow, event, music)]
        if len(left) < len(tones):
            tones, music = left, list(music_events(narrow, speech, [event.span for event in left]))
        if others:
            talk = Timeline(speech) - [event.span for event in (*tones, *music)]
            music = _without_the_rooms(narrow, music, talk, others | speech)
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


def _without_the_rooms(narrow: Samples, music: list[LineEvent], talk: Timeline, anybody: Timeline) -> list[LineEvent]:
    """Music in samples at 8 kHz less what plays in the room of who speaks there, which is no hold.

    On hold people wait. Music of the room goes on while they speak (`anybody`), and under the channel's own `talk` as
    well: there the pauses between words are as loud as it is, and not as quiet as the line. Where nobody says a word
    for long people do wait.
    """
    if not music or talk.total_s < LEAST_TALK_S:
        return music
    pauses = float(np.percentile(np.concatenate([_powers(narrow, span) for span in talk]), 10))
    left = []
    for event in music:
        talked_over = (anybody & [event.span]).total_s >= TALKED_OVER * event.span.duration_s
        if talked_over and pauses > AS_LOUD * float(np.percentile(_powers(narrow, event.span), 20)):
            waits = (span for span in Timeline([event.span]) - anybody if span.duration_s >= WAIT_S)
            left += [replace(event, span=span) for span in waits]
        else:
            left.append(event)
    return left


def _powers(narrow: Samples, span: Span) -> npt.NDArray[np.float64]:
    """Mean powers of every 20 ms of a span, shape (steps,)."""
    step = NARROW_RATE_HZ // 50
    part = narrow[int(span.start_s * NARROW_RATE_HZ) : int(span.end_s * NARROW_RATE_HZ)]
    return np.asarray(np.square(part[: part.size // step * step].reshape(-1, step), dtype=np.float64).mean(axis=1))


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
