"""Headerless recordings: the name says the coding, the settings or the bytes the rest.

Sources: Asterisk's formats (format_sln.c, format_pcm.c, format_g722.c, format_vox.c, format_g726.c) and MixMonitor's
option D, which interleaves both sides in a `.raw`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LOOKED_AT_BYTES = 1 << 20
"""How much of a file's beginning is looked at to tell what it is."""

_CLEAR = 0.2
_SAME = 0.995


@dataclass(frozen=True, slots=True)
class Headerless:
    """ffmpeg's name of a coding, options before those of rate and channels, and the rate that the name fixes."""

    name: str
    options: tuple[str, ...] = ()
    rate_hz: int | None = None
    has_own_rate: bool = False
    is_sure: bool = True


_SLIN = {"": 8000, "8": 8000, "12": 12000, "16": 16000, "24": 24000, "32": 32000, "44": 44100, "48": 48000,
         "96": 96000, "192": 192000}  # fmt: skip
_G726 = {"40": 5, "32": 4, "24": 3, "16": 2}

HEADERLESS: dict[str, Headerless] = {
    **{
        f".{name}{digits}": Headerless("s16le", rate_hz=rate)
        for name in ("sln", "slin")
        for digits, rate in _SLIN.items()
    },
    **{f".{name}": Headerless("mulaw") for name in ("ul", "ulaw", "ulw", "mu", "mulaw", "pcmu")},
    **{f".{name}": Headerless("alaw") for name in ("al", "alaw", "alw", "pcma")},
    **{f".g726-{digits}": Headerless("g726le", ("-code_size", str(bits)), 8000) for digits, bits in _G726.items()},
    ".pcm": Headerless("", is_sure=False),
    ".raw": Headerless("s16le"),
    # ffmpeg has the decoder, not the container: two samples a byte
    ".vox": Headerless("u8", ("-c:a", "adpcm_ima_oki")),
    ".g722": Headerless("g722", has_own_rate=True),
    ".gsm": Headerless("gsm", has_own_rate=True),
    ".g729": Headerless("g729", has_own_rate=True),
    ".729": Headerless("g729", has_own_rate=True),
}
"""By what a file's name ends with, in lower case. Asterisk calls µ-law `.pcm`; elsewhere that may be 16-bit samples."""


def headerless_options(
    sound: Headerless, start: bytes, rate_hz: int, channels: int | Literal["auto"]
) -> tuple[str, tuple[str, ...]]:
    """ffmpeg's format and its options for a headerless file that begins with `start`.

    `channels` and `rate_hz` are the settings'; "auto" looks whether two sides are interleaved.
    """
    if sound.has_own_rate:
        return sound.name, ()
    name = sound.name if sound.is_sure else "s16le" if _is_sixteen_bit(start) else "mulaw"
    if sound.options:
        # no coding that interleaves
        count = 1
    elif channels == "auto":
        count = 2 if _is_interleaved(_samples(name, start)) else 1
    else:
        count = channels
    rate = ("-ar", str(sound.rate_hz or rate_hz))
    return name, (*sound.options, *rate, *(() if name.startswith("g726") else ("-ac", str(count))))


def _samples(name: str, start: bytes) -> npt.NDArray[np.float64]:
    """The samples of a beginning, an even number, without the bias that every first and every second one has."""
    if name == "s16le":
        samples = np.frombuffer(start[: len(start) & ~3], "<i2").astype(np.float64)
    else:
        codes = np.frombuffer(start[: len(start) & ~1], np.uint8) ^ (0xFF if name == "mulaw" else 0xD5)
        step, segment = codes & 15, codes >> 4 & 7
        # µ-law; A-law differs from it as little as one channel from itself
        size = (2.0 * step + 33) * 2.0**segment - 33
        samples = np.where(codes & 0x80, -size, size)
    pairs = samples.reshape(-1, 2)
    return (pairs - pairs.mean(axis=0)).ravel() if pairs.size else samples


def _is_sixteen_bit(start: bytes) -> bool:
    """Whether bytes make a smoother line as 16-bit samples than as µ-law codes, of one side or two in turn."""
    return _smoothness(_samples("s16le", start)) > _smoothness(_samples("mulaw", start))


def _smoothness(samples: npt.NDArray[np.float64]) -> float:
    """How much a sample is like the next of its side: 1 is a slow wave, 0 is noise."""
    return max(_alike(samples[:-lag], samples[lag:]) for lag in (1, 2)) if samples.size > 2 else 0.0


def _is_interleaved(samples: npt.NDArray[np.float64]) -> bool:
    """Whether neighbours belong to two sides: then every second sample follows on, and neighbours do not.

    Where both sides hold the same, they do in pairs.
    """
    if samples.size < 1024:
        return False
    next_one = _alike(samples[:-1], samples[1:])
    if _alike(samples[:-2], samples[2:]) > next_one + _CLEAR:
        return True
    in_pairs, between = _alike(samples[::2], samples[1::2]), _alike(samples[1:-1:2], samples[2::2])
    return in_pairs > _SAME and in_pairs > between + (1 - _SAME)


def _alike(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Correlation, 0 where one of them is silent."""
    scale = float(np.sqrt(np.dot(x, x) * np.dot(y, y)))
    return float(np.dot(x, y)) / scale if scale else 0.0
