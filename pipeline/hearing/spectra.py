"""What the finders of tones, keys and music share: power spectra over time, and masks over their frames.

The masks are numpy's rather than scipy.ndimage's: importing scipy takes longer than a short call is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import Samples

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

NARROW_RATE_HZ = 8000
"""Rate at which tones, keys and music are looked for: nothing of them lies above the telephone band."""

TOP_HZ = 3600
"""Highest frequency that is looked at."""

AUDIBLE_POWER = 1e-6
"""Mean power of a frame, -60 dBFS, below which it is not looked at."""

FRAMES_AT_ONCE = 4096
"""Frames that are transformed together: memory stays the same however long the recording is."""

_REACH = 24
"""Samples to either side that the low pass takes into account."""

_SAMPLES_AT_ONCE = 1 << 20


def narrowband(samples: Samples) -> Samples:
    """Samples of shape (n,) at half the rate: a windowed-sinc low pass at 3.7 kHz, then every second one."""
    if not samples.size:
        return samples
    t = np.arange(-_REACH, _REACH + 1)
    kernel = (np.sinc(t * 3700 / NARROW_RATE_HZ) * 3700 / NARROW_RATE_HZ * np.hamming(t.size)).astype(np.float32)
    narrow = np.empty((samples.size + 1) // 2, np.float32)
    # in pieces with what the kernel reaches to at both sides, as the filtered whole would be twice the result
    at = 0
    while at < samples.size:
        end = at + _SAMPLES_AT_ONCE if samples.size - at >= 2 * _SAMPLES_AT_ONCE else samples.size
        first = max(0, at - _REACH)
        filtered = np.convolve(samples[first : end + _REACH], kernel)[_REACH:]
        narrow[at // 2 : (end + 1) // 2] = filtered[at - first : end - first : 2]
        at = end
    return narrow


def power_spectra(samples: Samples, window: int, hop: int) -> Iterator[Floats]:
    """Power spectra of Hann-windowed frames up to `TOP_HZ`, a few thousand frames at a time, full scale sine = 1.

    Each array has shape (frames, bins); `window` and `hop` are in samples; frame k is centred on sample k * hop.
    """
    padded = np.concatenate([np.zeros(window // 2, np.float32), samples, np.zeros(window // 2, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    scale = np.float32(2 / taper.sum())
    top = int(TOP_HZ * window / NARROW_RATE_HZ) + 1
    for at in range(0, len(frames), FRAMES_AT_ONCE):
        part = frames[at : at + FRAMES_AT_ONCE]
        power = np.zeros((len(part), top), np.float32)
        audible = np.flatnonzero(np.einsum("ij,ij->i", part, part) > AUDIBLE_POWER * window)
        power[audible] = np.square(np.abs(np.fft.rfft(part[audible] * taper, axis=1)[:, :top]) * scale)
        yield power


def bins(low_hz: float, high_hz: float, window: int) -> slice:
    """The bins of a band in the spectra of frames of `window` samples."""
    return slice(round(low_hz * window / NARROW_RATE_HZ), round(high_hz * window / NARROW_RATE_HZ) + 1)


def noise_power(power: Floats, quantile: float = 0.5) -> Floats:
    """Mean power of a bin's noise in each frame of (frames, bins), told from a quantile over the bins.

    A frame's own quiet bins are those without tone or voice, and noise spreads exponentially about its mean.
    """
    rank = int(quantile * power.shape[1])
    return np.asarray(np.partition(power, rank, axis=1)[:, rank] / -np.log(1 - quantile), np.float32)


def runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Half-open index ranges in which `flags` is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def closed(flags: Flags, longest: int) -> Flags:
    """Flags with gaps of up to `longest` filled."""
    filled = flags.copy()
    for start, end in runs(~flags):
        if start > 0 and end < flags.size and end - start <= longest:
            filled[start:end] = True
    return filled
