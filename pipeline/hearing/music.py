"""Music on the line, found by what speech lacks: partials that stay where they are for a quarter of a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.datatypes import LineEvent, Samples
from pipeline.hearing.spectra import NARROW_RATE_HZ, TOP_HZ, Flags, Floats, bins, closed, power_spectra, runs
from pipeline.timeline import Span

_WINDOW = 1024
"""Samples of a frame, 128 ms: partials of chords stay apart."""

HOP = 256
"""Samples from one frame to the next, 32 ms."""

_HOP_S = HOP / NARROW_RATE_HZ

_LEAST_DBFS = -50.0
"""Level below which a frame says nothing, for music or against it."""

_STEADY = 0.38
"""Share of the power in held partials, over two seconds, from which it is music. Measured on telephone calls and on
music through telephone codecs: speech seldom reaches 0.35, music seldom falls under 0.5."""

_STEADY_VOICED = 0.45
"""As `_STEADY`, where voice activity found speech."""

_STEADY_NOISY = 0.68
"""What is enough of either at the least, however noisy the line. Noise takes its share of the power from both: 10 dB
under speech it leaves speech at 0.2 and most music above 0.3."""

_SHORTEST_S = 3.0
"""Music that lasts less is not told."""

_REST_S = 1.5
"""A rest, or a passage of drums, of up to this does not end the piece."""

_EDGE_S = 0.5
"""Time over which steadiness is taken where a piece begins and ends: two seconds blur it."""


def music_events(samples: Samples, voiced: Iterable[Span], tones: Iterable[Span]) -> Iterator[LineEvent]:
    """Music in one channel of shape (n,) at 8 kHz, by time; `tones` are heard already and are not music."""
    steady, level = _steadiness(samples)
    width = int(2 / _HOP_S)
    if steady.size < width:
        return
    for span in tones:
        steady[int(span.start_s / _HOP_S) : int(span.end_s / _HOP_S) + 1] = 0
    weight = np.where(level > _LEAST_DBFS, 1.0, 0.0)
    kernel = np.ones(width, np.float32)
    audible = np.convolve(weight, kernel, "same")
    mean = np.convolve(steady * weight, kernel, "same") / np.maximum(audible, 1)
    short = np.ones(round(_EDGE_S / _HOP_S))
    close = np.convolve(steady * weight, short, "same") / np.maximum(np.convolve(weight, short, "same"), 1)
    enough = np.full(steady.size, _STEADY)
    for span in voiced:
        enough[int(span.start_s / _HOP_S) : int(span.end_s / _HOP_S) + 1] = _STEADY_VOICED
    enough *= np.maximum(_STEADY_NOISY, 1 - _noise_share(level, kernel))
    is_music = (mean > enough) & (audible > 0.6 * width)
    for start, end in runs(closed(is_music, int(_REST_S / _HOP_S))):
        sure = start + np.flatnonzero(close[start:end] > enough[start:end])
        if sure.size and (sure[-1] + 1 - sure[0]) * _HOP_S >= _SHORTEST_S:
            yield LineEvent(Span(float(sure[0]) * _HOP_S, float(sure[-1] + 1) * _HOP_S), "music")


def _noise_share(level: Floats, kernel: Floats) -> Floats:
    """The part of the power that line noise has, 0 to 1, in windows like the kernel: noise is what pauses hold too."""
    live = level[level > _LEAST_DBFS]
    if not live.size:
        return np.zeros(level.size, np.float32)
    power = np.where(level > _LEAST_DBFS, 10 ** (level / 10), 0.0)
    mean = np.convolve(power, kernel, "same") / np.maximum(np.convolve(power > 0, kernel, "same"), 1)
    floor = 10 ** (float(np.percentile(live, 5)) / 10)
    return np.asarray(np.minimum(1.0, floor / np.maximum(mean, 1e-12)), np.float32)


def _steadiness(samples: Samples) -> tuple[Floats, Floats]:
    """Per 32 ms: the share of power in partials that a quarter second before or after had too, and the level."""
    lag = round(0.25 * NARROW_RATE_HZ / HOP)
    band = bins(250, TOP_HZ, _WINDOW)
    context: Floats | None = None
    shares, totals = [], []
    for part in power_spectra(samples, _WINDOW, HOP):
        # the last `lag` frames wait for what follows them
        power = part[:, band] if context is None else np.concatenate([context, part[:, band]])
        first, last = 0 if context is None else lag, max(0, len(power) - lag)
        share, total = _held_share(power, lag)
        shares.append(share[first:last])
        totals.append(total[first:last])
        context = power[-2 * lag :]
        ending = share[last:], total[last:]
    if not shares:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    steady, loudness = np.concatenate([*shares, ending[0]]), np.concatenate([*totals, ending[1]])
    return steady, (10 * np.log10(loudness)).astype(np.float32)


def _held_share(power: Floats, lag: int) -> tuple[Floats, Floats]:
    """Per frame of (frames, bins): the share of power in peaks that are held for `lag` frames, and all power."""
    total = power.sum(axis=1) + np.float32(1e-12)
    peak = np.zeros(power.shape, bool)
    inner = power[:, 2:-2]
    around = (power[:, :-4] + power[:, 4:]) / 2
    peak[:, 2:-2] = (inner >= power[:, 1:-3]) & (inner >= power[:, 3:-1]) & (inner > 4 * around)
    near = _widened(peak)
    held = np.zeros_like(peak)
    held[lag:] |= near[:-lag]
    held[:-lag] |= near[lag:]
    share = (power * _widened(peak & held)).sum(axis=1) / total
    return share, total


def _widened(flags: Flags) -> Flags:
    """True also one bin beside a true one."""
    wide = flags.copy()
    wide[:, 1:] |= flags[:, :-1]
    wide[:, :-1] |= flags[:, 1:]
    return wide
