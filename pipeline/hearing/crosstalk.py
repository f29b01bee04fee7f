"""What of one channel comes from the other: a path of some delay, gain and colour, told by correlation over time.

A recorder's two channels may hold one voice path twice, at another gain, some milliseconds later, inverted or through
another codec; or each side may leak faintly into the other (crosstalk, echo of the line). In both cases part of a
channel is the other one through a short filter, and what is left when that is taken off is the channel's own. Two
parties who merely speak on one line have no such filter.

The filter is found by deconvolution: cross spectra over power spectra, summed over a minute, each second weighted by
how quiet the receiving channel is, as there a leak stands alone. A path that exists is a sharp peak in it, many times
what noise leaves elsewhere. Source of the method: weighted least squares in the frequency domain, as in Haykin,
"Adaptive Filter Theory", ch. 2 (Wiener filters).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import RATE_HZ, Samples
from pipeline.hearing.spectra import Flags

Powers = npt.NDArray[np.float64]
"""Mean powers of a channel's steps, shape (steps,)."""

BLOCK = 60 * RATE_HZ
"""Samples over which a path is taken to stay as it is: a minute. Delays change when a call is passed on."""

STEP_S = 0.25
"""Over this long it is asked where the sound of a channel comes from."""

_STEP = int(STEP_S * RATE_HZ)

_FRAME = 16384
"""Samples of a frame, about a second: far longer than any delay that is looked for."""

_HOP = _FRAME // 2

_LATEST = RATE_HZ // 4
"""Longest delay either way, in samples: a quarter of a second, as echo of an international line may have."""

_REACH = 64
"""Samples on both sides of the peak that belong to the path: what 4 ms of filters and codecs do."""

_SHARP = 30.0
"""A peak so many times the median elsewhere is a path. Measured on practice calls through every codec: two parties
without crosstalk 5-14, crosstalk of -35 dB 27-50, of -26 dB 45 and up, copies 150 and up."""

_EXPLAINED, _UNEXPLAINED = 0.4, 0.7
"""Share of a step's power that may be left where it is held to come from the other channel, as codecs bend both; and
that must be left where the channel has sound of its own."""

_ABOVE_FLOOR = 4.0
"""Power over a channel's own floor from which a step is heard."""

_ABOVE_NOISE, _TURNED_DOWN = 2.5, 0.01
"""Power over its noise from which a cleaned channel has something of its own, and the gain where it has nothing."""

_FAINTEST = 1e-7
"""Mean power, -70 dBFS, below which nothing is heard: there codecs' own noise begins."""


@dataclass(frozen=True, slots=True)
class LeakPath:
    """How a channel gets into the other: the filter, and the delay of its first sample (negative when earlier)."""

    taps: Samples
    delay: int

    def heard_from(self, source: Samples) -> Samples:
        """What arrives of a channel of shape (n,)."""
        size = 1 << (source.size + self.taps.size).bit_length()
        spread = np.fft.irfft(np.fft.rfft(source, size) * np.fft.rfft(self.taps, size), size)
        first = max(0, self.delay)
        arrived = np.zeros(source.size, np.float32)
        part = spread[max(0, -self.delay) :][: source.size - first]
        arrived[first : first + part.size] = part
        return arrived


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the sound of one channel comes from, step by step: flags of shape (steps,).

    `heard` are the steps with any sound; of them `copied` come from the other channel and `own` do not, and between the
    two nobody can tell. `missing` are those that should have the other channel's sound and have not. `level_db` is how
    loud it arrives, relative to the other.
    """

    paths: tuple[LeakPath | None, ...]
    heard: Flags
    copied: Flags
    own: Flags
    missing: Flags
    level_db: float

    @property
    def linked(self) -> bool:
        """Whether anything of the other channel arrives at all."""
        return any(path is not None for path in self.paths)


def provenance(samples: Samples) -> tuple[Provenance, Provenance]:
    """For each of two channels (shape (2, n)) what of it comes from the other."""
    found = [_paths(block[0], block[1]) for block in _blocks(samples)]
    paths = [_carried_on([pair[channel] for pair in found]) for channel in (0, 1)]
    return _provenance(samples, 0, paths[0]), _provenance(samples, 1, paths[1])


def without_leaks(samples: Samples, leaks: Sequence[Provenance | None]) -> Samples:
    """Two channels without what each has of the other: `leaks` says of which channel, and by which paths.

    What a path does not carry over, as codecs bend both sides, is still speech to a network that listens for it,
    however faint. So where nothing of the channel's own is left, it is turned down as well.
    """
    clean = samples.copy()
    for channel, leak in enumerate(leaks):
        if leak is None:
            continue
        for number, block in enumerate(_blocks(samples)):
            path, at = leak.paths[number], number * BLOCK
            if path is not None:
                clean[channel, at : at + block.shape[1]] -= path.heard_from(block[1 - channel])
        _turn_down(clean[channel], leak)
    return clean


def _turn_down(channel: Samples, leak: Provenance) -> None:
    """Turn a cleaned channel down, in place, wherever it has no sound of its own; the edges of what it has stay."""
    power = _step_powers(channel)
    if not power.size:
        return
    own = (power > _ABOVE_NOISE * max(1e-9, float(np.percentile(power, 5)))) & ~leak.copied[: power.size]
    kept = np.convolve(own, np.ones(3), "same") > 0
    gain = np.where(kept, 1.0, _TURNED_DOWN).astype(np.float32)
    middles = (np.arange(power.size) + 0.5) * _STEP
    for at in range(0, channel.size, BLOCK):
        part = channel[at : at + BLOCK]
        part *= np.interp(np.arange(at, at + part.size), middles, gain).astype(np.float32)


def _blocks(samples: Samples) -> Iterator[Samples]:
    """Minutes of shape (2, n); what is left at the end belongs to the last when it is short."""
    count = max(1, samples.shape[1] // BLOCK)
    for number in range(count):
        yield samples[:, number * BLOCK : None if number == count - 1 else (number + 1) * BLOCK]


def _paths(left: Samples, right: Samples) -> tuple[LeakPath | None, LeakPath | None]:
    """How the right channel gets into the left and the left into the right; None where it does not."""
    window = np.hanning(_FRAME).astype(np.float32)
    bins = _FRAME // 2 + 1
    cross = np.zeros((2, bins), np.complex128)
    power = np.zeros((2, bins))
    for at in range(0, max(1, left.size - _HOP), _HOP):
        pair = np.stack([_frame(left, at), _frame(right, at)])
        spectra = np.fft.rfft(pair * window, axis=1)
        loudness = np.square(pair).mean(axis=1) + 1e-8
        for channel in (0, 1):
            source = spectra[1 - channel]
            cross[channel] += source.conj() * spectra[channel] / loudness[channel]
            power[channel] += (source.real**2 + source.imag**2) / loudness[channel]
    return _path(cross[0], power[0]), _path(cross[1], power[1])


def _frame(channel: Samples, at: int) -> Samples:
    part = channel[at : at + _FRAME]
    return part if part.size == _FRAME else np.pad(part, (0, _FRAME - part.size))


def _path(cross: npt.NDArray[np.complex128], power: Powers) -> LeakPath | None:
    if not power.any():
        return None
    answer = np.fft.irfft(cross / (power + 1e-3 * power.mean()))
    answer = np.concatenate([answer[-_LATEST:], answer[: _LATEST + 1]])
    peak = int(np.abs(answer).argmax())
    if np.abs(answer[peak]) < _SHARP * np.sqrt(np.median(np.square(answer))) + 1e-6:
        return None
    first, end = max(0, peak - _REACH), min(answer.size, peak + _REACH + 1)
    return LeakPath(answer[first:end].astype(np.float32), first - _LATEST)


def _carried_on(paths: Sequence[LeakPath | None]) -> tuple[LeakPath | None, ...]:
    """Minutes with too little sound to tell have the path of the nearest that tells."""
    known = [number for number, path in enumerate(paths) if path is not None]
    if not known:
        return tuple(paths)
    return tuple(paths[min(known, key=lambda other: abs(other - number))] for number in range(len(paths)))


def _provenance(samples: Samples, channel: int, paths: tuple[LeakPath | None, ...]) -> Provenance:
    parts: tuple[list[Powers], ...] = ([], [], [], [])
    for path, block in zip(paths, _blocks(samples), strict=True):
        own, other = block[channel], block[1 - channel]
        copied = path.heard_from(other) if path is not None else np.zeros_like(own)
        for powers, sound in zip(parts, (own, copied, own - copied, other), strict=True):
            powers.append(_step_powers(sound))
    power, copy, rest, source = map(np.concatenate, parts)
    floor = max(_FAINTEST, _ABOVE_FLOOR * float(np.percentile(power, 5))) if power.size else _FAINTEST
    heard = power > floor
    total = float(source.sum())
    return Provenance(
        paths,
        heard,
        heard & (rest < _EXPLAINED * power),
        heard & (rest > _UNEXPLAINED * power),
        (copy > _ABOVE_FLOOR * power) & (copy > floor),
        10 * float(np.log10(max(1e-12, float(copy.sum()) / total))) if total else -120.0,
    )


def lasting_s(steps: Flags) -> float:
    """How long so many steps are."""
    return float(np.count_nonzero(steps)) * STEP_S


def _step_powers(sound: Samples) -> Powers:
    """Mean power of every step; a last part of one is left out."""
    count = sound.size // _STEP
    return np.asarray(np.square(sound[: count * _STEP].reshape(count, _STEP), dtype=np.float64).mean(axis=1))
