"""Ring-back and busy tone, found by what standards fix, frequency and cadence, not by level.

Sources: ITU-T E.180 and its supplement 2 (the tones of the world), YD/T 1484 and GF 002 (450 Hz in China).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pipeline.datatypes import RATE_HZ, LineEvent, Samples
from pipeline.hearing.spectra import (
    AUDIBLE_POWER,
    NARROW_RATE_HZ,
    TOP_HZ,
    Floats,
    bins,
    closed,
    narrowband,
    noise_power,
    power_spectra,
    runs,
)
from pipeline.timeline import Span

_WINDOW = 512
"""Samples of a frame: 64 ms tell 450 Hz from speech."""

_HOP = 80
"""Samples from one frame to the next: 10 ms place a burst."""

_HOP_S = _HOP / NARROW_RATE_HZ

_PURITY = 0.8
"""Share of the power above the noise that a tone has at least."""

_SHARE = 0.33
"""Share of all power that a tone has at least: 3 dB under white noise it is still one."""

_LEAST_DBFS = -50.0
"""Level from which a tone is heard."""

_FLICKER = 3
"""Frames for which a tone may fail these and go on."""

_TONE_BINS = 9
"""Bins of a tone's own band, whose noise makes it waver."""

_SAME_PITCH_HZ = 10.0
"""How far the bursts of one train may lie apart in pitch."""

_SHORTEST_BURST_S = 0.15
"""Less is not a burst."""

_WHOLE_RING_S = 0.75
"""A ring that is not cut, by the recording's ends or the answer, lasts at least so long."""


@dataclass(frozen=True, slots=True)
class _Burst:
    """One stretch of steady tone; family 0 is about 400-480 Hz, family 1 480 with 620 Hz."""

    span: Span
    family: int
    pitch_hz: float


def progress_tones(samples: Samples) -> Iterator[LineEvent]:
    """Busy tone, then ring-back, in one channel of shape (n,) at 8 kHz, with their number of bursts.

    Cadence tells them apart: busy is off as long as it is on, ring-back far longer.
    """
    bursts = _bursts(samples)
    end_s = samples.size / NARROW_RATE_HZ
    left: list[_Burst] = []
    while bursts:
        train = _busy_train(bursts, end_s)
        # two notes of a melody may come in its beat
        if len(train) > 2 or (len(train) == 2 and all(stands_alone(samples, burst.span) for burst in train)):
            # a voice may cover a burst; it counts all the same
            period_s = 2 * float(np.median([burst.span.duration_s for burst in train]))
            count = 1 + sum(max(1, round((b.span.start_s - a.span.start_s) / period_s)) for a, b in pairwise(train))
            yield LineEvent(Span(train[0].span.start_s, train[-1].span.end_s), "busy", None, count)
        else:
            train = train[:1]
            left += train
        bursts = [burst for burst in bursts if burst not in train]
    yield from _ring_trains(_rings(samples, left))


def _bursts(samples: Samples) -> list[_Burst]:
    """Stretches of steady call-progress tone, by time."""
    parts = []
    band = bins(60, TOP_HZ, _WINDOW)
    tones = bins(375, 655, _WINDOW)
    numbers = np.arange(tones.start, tones.stop, dtype=np.float32)
    for power in power_spectra(samples, _WINDOW, _HOP):
        spectrum = power[:, band]
        total, noise = spectrum.sum(axis=1) + 1e-12, noise_power(spectrum)
        low, high = power[:, bins(375, 515, _WINDOW)].sum(axis=1), power[:, bins(585, 655, _WINDOW)].sum(axis=1)
        pair = power[:, bins(445, 515, _WINDOW)].sum(axis=1)
        near = power[:, tones]
        pitch = near @ numbers / (near.sum(axis=1) + 1e-12)
        parts.append(np.stack([total, noise, low, pair, high, pitch * NARROW_RATE_HZ / _WINDOW]))
    total, noise, low, pair, high, pitch = np.concatenate(parts, axis=1)
    clear = np.maximum(total - noise * (band.stop - band.start), 1e-12)
    bursts = []
    for family, tone in enumerate((low, pair + high)):
        pure = (tone > _PURITY * clear) & (tone > _SHARE * total)
        if family:
            pure &= np.minimum(pair, high) > 0.15 * tone
        level = 10 * np.log10(np.maximum(tone, 1e-12))
        for start, end in runs(closed(pure & (level > _LEAST_DBFS), _FLICKER)):
            inside = _switched_part(tone[start:end], noise[start:end])
            if inside is None:
                continue
            first, last = start + inside[0], start + inside[1]
            span = Span(first * _HOP / NARROW_RATE_HZ, (last + 1) * _HOP / NARROW_RATE_HZ)
            if span.duration_s >= _SHORTEST_BURST_S:
                bursts.append(_Burst(span, family, float(np.median(pitch[first:last]))))
    return sorted(bursts, key=lambda burst: burst.span)


def _switched_part(tone: Floats, noise: Floats) -> tuple[int, int] | None:
    """First and last frame of a tone that is switched on and off; None for speech and music, which swell and fade.

    `tone` is its power in each frame, `noise` that of a bin's noise.
    """
    # codecs smear the edges; tones 25 Hz apart beat, which four frames even out
    even = 10 * np.log10(np.convolve(tone, np.full(4, 0.25), "same") + 1e-12)
    loud = np.flatnonzero(even > np.percentile(even, 70) - 6)
    first, last = int(loud[0]), int(loud[-1])
    inner = even[first + 3 : last - 2]
    if inner.size < 8 or last - first < 0.5 * tone.size:
        return None
    # gain control may tilt it
    middle = np.linspace(-1, 1, inner.size)
    tilt = float((inner * middle).sum() / (middle * middle).sum())
    flat = inner - tilt * middle
    # noise in the tone's own band makes it waver
    wavering = float(np.median(noise[first:last] / tone[first:last])) * _TONE_BINS
    if abs(tilt) > 4 or np.mean(np.abs(flat - np.median(flat)) < np.sqrt(4 + 85 * wavering)) < 0.85:
        return None
    return first, last


def _busy_train(bursts: list[_Burst], end_s: float) -> list[_Burst]:
    """The first of the bursts and those that follow in its beat; a voice may cover some, but not half of them."""
    train, missed = [bursts[0]], 0
    on_s = bursts[0].span.duration_s
    if not 0.2 <= on_s <= 0.85:
        return train
    for burst in bursts[1:]:
        last, span = train[-1].span, burst.span
        if span.start_s - last.end_s > 8 * on_s:
            break
        # what was heard of the beat so far places later bursts better than one burst's length
        beat_s = train[1].span.start_s - train[0].span.start_s if len(train) > 1 else 2 * on_s
        beats = max(1, round((span.start_s - last.start_s) / beat_s))
        off_by_s = abs(span.start_s - last.start_s - beats * beat_s)
        cut = span.end_s > end_s - 0.1 and span.duration_s < on_s
        alike = burst.family == train[0].family and abs(burst.pitch_hz - train[0].pitch_hz) <= _SAME_PITCH_HZ
        alike &= cut or abs(span.duration_s - on_s) <= 0.1
        if alike and off_by_s <= 0.12 + 0.1 * on_s and missed + beats - 1 < len(train):
            train.append(burst)
            missed += beats - 1
            if not cut:
                on_s = span.duration_s
    return train


def _rings(samples: Samples, bursts: list[_Burst]) -> list[_Burst]:
    """The bursts that may be rings; two short ones in quick succession are one double ring."""
    rings: list[_Burst] = []
    for burst in bursts:
        span = burst.span
        if burst.family or not stands_alone(samples, span):
            continue
        before = rings[-1] if rings else None
        double = before and 0.12 <= span.start_s - before.span.end_s <= 0.3 and before.span.duration_s <= 0.55
        if before and double and span.duration_s <= 0.55:
            rings[-1] = replace(before, span=Span(before.span.start_s, span.end_s))
        elif span.duration_s <= 2.6:
            rings.append(burst)
    return rings


def _ring_trains(rings: list[_Burst]) -> Iterator[LineEvent]:
    train: list[_Burst] = []
    for ring in [*rings, None]:
        if train and (ring is None or not _rings_on(train[-1], ring)):
            # a burst may be cut by the recording's ends, or by the answer; one of them must be whole
            if max(part.span.duration_s for part in train) >= _WHOLE_RING_S:
                yield LineEvent(Span(train[0].span.start_s, train[-1].span.end_s), "ring", None, len(train))
            train = []
        if ring is not None:
            train.append(ring)


def _rings_on(ring: _Burst, following: _Burst) -> bool:
    gap_s = following.span.start_s - ring.span.end_s
    return 1.2 <= gap_s <= 6.5 and abs(following.pitch_hz - ring.pitch_hz) <= _SAME_PITCH_HZ


def stands_alone(samples: Samples, tone: Span) -> bool:
    """Whether a tone in samples at 8 kHz begins out of quiet: a note of a melody follows another."""
    start, end = int(tone.start_s * NARROW_RATE_HZ), int(tone.end_s * NARROW_RATE_HZ)
    before = samples[max(0, start - NARROW_RATE_HZ // 5) : max(0, start - NARROW_RATE_HZ // 50)]
    if before.size < NARROW_RATE_HZ // 20:
        return True
    return bool(np.square(before).mean() < 0.5 * np.square(samples[start:end]).mean())


def pauses_after(samples: Samples, tone: Span) -> bool:
    """Whether 80 ms of quiet follow a tone in samples at 8 kHz: notes are parted by less."""
    start, end = int(tone.start_s * NARROW_RATE_HZ), int(tone.end_s * NARROW_RATE_HZ)
    width = round(0.08 * NARROW_RATE_HZ)
    after = np.square(samples[max(start, end - NARROW_RATE_HZ // 20) : end + NARROW_RATE_HZ // 2])
    if after.size < width:
        return True
    least = np.convolve(after, np.full(width, 1 / width), "valid").min()
    return bool(least < 0.25 * np.square(samples[start:end]).mean())


def voices_over(samples: Samples, train: Span) -> list[Span]:
    """Where in a train of tone there is more than the tone and the line's noise, for a quarter second at least.

    `samples` is one channel of shape (n,) at 16 kHz.
    """
    start_s = max(0.0, train.start_s - 0.1)
    narrow = narrowband(samples[int(start_s * RATE_HZ) : int((train.end_s + 0.1) * RATE_HZ)])
    rest, tone, noise = [], [], []
    for power in power_spectra(narrow, _WINDOW, _HOP):
        beside = np.concatenate([power[:, bins(120, 340, _WINDOW)], power[:, bins(700, TOP_HZ, _WINDOW)]], axis=1)
        hiss = noise_power(beside) * beside.shape[1]
        rest.append(beside.sum(axis=1) - hiss)
        noise.append(hiss)
        tone.append(power[:, bins(375, 655, _WINDOW)].sum(axis=1))
    if not rest:
        return []
    # codecs bend a tone: its harmonics come some 20 dB below it
    least = max(AUDIBLE_POWER, 0.03 * float(np.percentile(np.concatenate(tone), 60)))
    loud = np.convolve(np.concatenate(rest), np.full(8, 0.125), "same")
    more = loud > np.maximum(least, 0.5 * np.concatenate(noise))
    stretches = runs(closed(more, round(0.3 / _HOP_S)))
    return [Span(start_s + a * _HOP_S, start_s + b * _HOP_S) for a, b in stretches if (b - a) * _HOP_S >= 0.25]
