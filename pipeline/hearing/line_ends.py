"""Which side of a call goes dead before the recording ends: digital silence, or busy tone."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.datatypes import RATE_HZ, Audio, LineEnd, LineEvent, Samples
from pipeline.hearing.spectra import Flags, Floats, runs
from pipeline.timeline import Span

_STEP = 320
"""Samples, 20 ms, over which the level of a line is taken."""

_STEP_S = _STEP / RATE_HZ

_STEPS_AT_ONCE = 4096

_BUSY_PERIOD_S = 1.5
"""The longest that busy tone needs for one burst and its pause."""

_SHORTEST_END_S = 0.3
"""Less than this at the end says nothing."""

_SHORTEST_LIFE_S = 0.5
"""A channel that was alive for less than this never lived."""


def line_ends(audio: Audio, events: tuple[LineEvent, ...]) -> tuple[LineEnd, ...]:
    """Which channels die before the recording ends, in order of time.

    On one channel that holds both sides, only busy tone up to the end says anything: that somebody left, and
    not who; `at_s` is where it begins. In true stereo a channel has died when, from `at_s` to the end and for
    at least 0.3 s, it carries nothing but digital silence (no line noise at all; a constant counts, as A-law
    has no zero) or busy tone, and was alive before.
    `kind` is "busy" when busy tone is part of it.

    Where the line suppresses silence, every pause is digital silence and the last one means nothing; so
    without busy tone, when the channel's earlier pauses were mostly digital silence, the last must be three
    times, and three seconds, longer than any before. Both channels may be returned, when both die.
    """
    ends: list[LineEnd] = []
    if audio.layout != "stereo":
        last = max((event.span for event in events if event.kind == "busy"), default=None)
        if last is None or last.end_s < audio.duration_s - _BUSY_PERIOD_S:
            return ()
        return (LineEnd(0, last.start_s, "busy"),)
    for channel, samples in enumerate(audio.samples):
        busy = [event.span for event in events if event.kind == "busy" and event.channel == channel]
        end = _line_end(samples, busy)
        if end is not None:
            ends.append(LineEnd(channel, *end))
    return tuple(sorted(ends, key=lambda end: end.at_s))


def _line_end(samples: Samples, busy: list[Span]) -> tuple[float, Literal["digital-silence", "busy"]] | None:
    """When one channel dies, and of what; None when it does not, or never lived."""
    count = samples.size // _STEP
    if count < 50:
        return None
    steps = samples[: count * _STEP].reshape(count, _STEP)
    # in parts, as the deviations of all samples would be as large as the recording
    deviation = [steps[at : at + _STEPS_AT_ONCE].std(axis=1) for at in range(0, count, _STEPS_AT_ONCE)]
    level = 20 * np.log10(np.concatenate(deviation) + 1e-7)
    live_levels = level[level > -85]
    if live_levels.size * _STEP_S < _SHORTEST_LIFE_S:
        return None
    # lossy codecs turn digital silence into a faint noise, well below that of the line
    dead = (level <= -85) | ((level <= -70) & (level <= np.percentile(live_levels, 20) - 10))
    tone = _busy_steps(busy, count)
    alive = _alive_steps(dead, tone, busy)
    last = np.flatnonzero(alive)
    if not last.size:
        return None
    start = int(last[-1]) + 1
    at_s, gone_s = start * _STEP_S, (count - start) * _STEP_S
    if gone_s < _SHORTEST_END_S or np.count_nonzero(alive) * _STEP_S < _SHORTEST_LIFE_S:
        return None
    if tone[start:].any():
        return at_s, "busy"
    if dead[start:-3].any() and _means_something(gone_s, dead[:start], alive[:start], level[:start]):
        return at_s, "digital-silence"
    return None


def _busy_steps(busy: list[Span], count: int) -> Flags:
    tone = np.zeros(count, bool)
    for span in busy:
        # a burst's edges are placed within a window's length, and GSM rings on after it
        tone[max(0, int((span.start_s - 0.05) / _STEP_S)) : int((span.end_s + 0.2) / _STEP_S) + 1] = True
    return tone


def _alive_steps(dead: Flags, tone: Flags, busy: list[Span]) -> Flags:
    alive = ~(dead | tone)
    if busy and (alive.size * _STEP_S - busy[-1].end_s) < _BUSY_PERIOD_S:
        # the recording may end within a burst that is too short to be known as one
        stub = int((busy[-1].end_s + 0.2) / _STEP_S)
        if np.count_nonzero(alive[stub:]) * _STEP_S <= 0.25:
            alive[stub:] = False
    # codecs end with a click
    alive[-3:] = False
    return alive


def _means_something(gone_s: float, dead: Flags, alive: Flags, level: Floats) -> bool:
    """Whether digital silence of `gone_s` at the end is more than a pause of a line that suppresses silence.

    The other three are of the steps before it.
    """
    before = list(runs(dead))
    loud = max(-40.0, float(np.percentile(level[alive], 95)) - 12)
    noise_s = np.count_nonzero(alive & (level < loud)) * _STEP_S
    # long runs are a muted microphone or a hold, the first is the wait before the line is through
    pauses_s = sum(b - a for a, b in before if a > 0 and 0.1 <= (b - a) * _STEP_S <= 5) * _STEP_S
    longest_s = max(((b - a) * _STEP_S for a, b in before), default=0.0)
    if longest_s < 0.2 or (noise_s >= 0.5 and pauses_s < 0.3 * (pauses_s + noise_s)):
        return True
    return gone_s >= max(3 * longest_s, longest_s + 3)
