"""Recordings in, samples out: float32 at 16 kHz, one channel a side of the call where the recording has them.

What a file is, `formats` says; the process that may read it and nothing else, `ffmpeg` runs; what its links and tracks
make together, `container` says. Samples are taken in
pieces, so that the memory needed is that of what is kept: four hours of stereo are 1.8 GB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import RATE_HZ, Audio, Half, Layout, Samples
from pipeline.hearing.container import decoding
from pipeline.hearing.recording import open_recording, refused
from pipeline.messages import Message
from pipeline.settings import Decode, Ingest
from pipeline.timeline import Span

_STEP = RATE_HZ // 2
"""Samples in which two channels agree or do not: half a second."""

_PIECE = 120 * _STEP
"""Samples that are looked at together: a minute."""

_BLOCK = 2100 * _STEP
"""Samples read together: so large that freeing one gives its memory back to the system."""


def decode(path: Path, settings: Decode, ingest: Ingest | None = None, sha256: str | None = None) -> Audio:
    """Decode a recording to float32, 16 kHz, shape (channels, n) with one or two channels.

    Only true stereo keeps two channels: a mono call saved twice, and one saved with its own negative, are
    folded into one. More than two channels are refused, as nobody could say who is on which. A truncated
    recording is decoded as far as it goes. `ingest` tells the rate and channels of headerless files. With `sha256`
    nothing is heard but bytes of that hash.

    Raises BadRecording, its `reason` one of `formats.DECODE_REASONS`; TransientFault, one of
    `recording.TRANSIENT_REASONS`, when it cannot be heard now; BadSetting when there is no ffmpeg.
    """
    with open_recording(path, sha256) as recording:
        blocks: deque[npt.NDArray[np.generic]] = deque()
        frames = 0
        with decoding(recording, settings, ingest) as sound:
            for block in sound.blocks(_BLOCK):
                frames += len(block)
                if frames > settings.longest_s * RATE_HZ:
                    break
                blocks.append(block)
        sound.check(settings, frames)
        samples = np.empty((sound.channels, frames), np.float32)
        at, finite, meter = 0, True, LayoutMeter()
        while blocks:
            # one by one, so that the block is gone when the next is converted
            for piece in _pieces(blocks.popleft()):
                finite = finite and bool(np.isfinite(piece).all())
                samples[:, at : at + piece.shape[1]] = piece
                at += piece.shape[1]
                meter.add(piece)
        if not finite:
            raise refused("not-finite", path, Message("has samples that are not numbers; export it again"))
    layout = meter.layout(settings.layout)
    fold_channels(samples, layout)
    if layout != "stereo":
        samples.resize((1, frames), refcheck=False)
    return Audio(samples, layout, RATE_HZ, sound.source_rate_hz, sound.codec, sound.faults)


def decode_halves(halves: Sequence[Half], settings: Decode, ingest: Ingest | None = None) -> Audio:
    """Two files with a side each as one recording: a side a channel, silence where one is shorter.

    A file with two channels is folded into one. Raises what `decode` raises.
    """
    sides = [decode(half.path, settings, ingest, half.sha256) for half in halves]
    samples = side_by_side([side.samples for side in sides])
    meter = LayoutMeter()
    meter.add(samples)
    layout = meter.layout()
    fold_channels(samples, layout)
    kept = samples if layout == "stereo" else samples[:1]
    faults = tuple(fault for side in sides for fault in side.faults)
    return Audio(kept, layout, RATE_HZ, sides[0].source_rate_hz, sides[0].codec, faults)


def side_by_side(sides: Sequence[Samples]) -> Samples:
    """Sound of one side each, shape (1 or 2, n), as two channels of one length."""
    both = np.zeros((len(sides), max(side.shape[1] for side in sides)), np.float32)
    for channel, side in zip(both, sides, strict=True):
        channel[: side.shape[1]] = side.mean(axis=0)
    return both


def decode_spans(
    path: Path, spans: Sequence[Span], settings: Decode, ingest: Ingest | None = None, sha256: str | None = None
) -> list[Samples]:
    """The samples of `spans`, as `decode` would give them, without keeping the rest. Raises what `decode` raises."""
    ranges = [tuple(round(second * RATE_HZ) for second in (span.start_s, span.end_s)) for span in spans]
    kept: list[list[Samples]] = [[] for _ in spans]
    with open_recording(path, sha256) as recording:
        at, meter = 0, LayoutMeter()
        with decoding(recording, settings, ingest) as sound:
            for block in sound.blocks(_PIECE):
                piece = _floats(block)
                meter.add(piece)
                for (first, last), parts in zip(ranges, kept, strict=True):
                    parts.append(piece[:, max(0, first - at) : max(0, last - at)].copy())
                at += piece.shape[1]
                if at > settings.longest_s * RATE_HZ:
                    break
        sound.check(settings, at)
    layout = meter.layout(settings.layout)
    cut = [np.concatenate(parts, axis=1) for parts in kept]
    for samples in cut:
        fold_channels(samples, layout)
    return cut if layout == "stereo" else [samples[:1] for samples in cut]


def decode_pieces(
    path: Path, settings: Decode, ingest: Ingest | None = None, sha256: str | None = None
) -> Iterator[Samples]:
    """The samples a minute at a time, shape (1 or 2, n), channels as the file has them, without keeping any.

    What is wrong with the recording is raised at the end at the latest: what was made of it is not to be kept then.
    Raises what `decode` raises.
    """
    with open_recording(path, sha256) as recording:
        frames = 0
        with decoding(recording, settings, ingest) as sound:
            for block in sound.blocks(_PIECE):
                frames += len(block)
                if frames > settings.longest_s * RATE_HZ:
                    break
                yield _floats(block)
        sound.check(settings, frames)


def decode_part(
    path: Path, span: Span, settings: Decode, ingest: Ingest | None = None, sha256: str | None = None
) -> Samples:
    """The samples of one span, shape (1 or 2, n), channels as the file has them; less where the sound ends before.

    Nothing behind the span is decoded, and nothing before it where the format tells where it lies. What is wrong with
    the rest of the recording is not told. Raises what `decode` raises.
    """
    first, last = (round(second * RATE_HZ) for second in (span.start_s, span.end_s))
    parts: list[Samples] = []
    with open_recording(path, sha256) as recording, decoding(recording, settings, ingest, span) as sound:
        at = sound.starts_at_s * RATE_HZ
        for block in sound.blocks(_PIECE):
            if at + len(block) > first:
                parts.append(_floats(block[max(0, first - at) : max(0, last - at)]))
            at += len(block)
            if at >= last:
                break
        if at < last:
            sound.check(settings, at - sound.starts_at_s * RATE_HZ)
    return np.concatenate(parts, axis=1) if parts else np.zeros((max(1, sound.channels), 0), np.float32)


def _pieces(block: npt.NDArray[np.generic]) -> Iterator[Samples]:
    """A block as floats, a minute at a time."""
    for at in range(0, len(block), _PIECE):
        yield _floats(block[at : at + _PIECE])


def _floats(block: npt.NDArray[np.generic]) -> Samples:
    """Samples of shape (n, channels) as float32 within ±1, shape (channels, n)."""
    samples = np.empty(block.shape[::-1], np.float32)
    samples[:] = block.T
    if block.dtype.kind == "f":
        np.clip(samples, -1.0, 1.0, out=samples)
    else:
        samples /= 32768.0
    return samples


class LayoutMeter:
    """Tells the layout of sound that comes in pieces of shape (1 or 2, n), all but the last of whole half seconds.

    Two channels are one voice path saved twice when they agree in nearly every half second in which anything
    is heard. Agreement asks for the same level as well: where one party is silent, its channel may hold a
    faint copy of the other party (crosstalk), and that is true stereo. It is not asked of the whole at once,
    because a loud ring-back tone on both channels would drown all that differs.
    """

    def __init__(self) -> None:
        self._mono, self._equal = False, True
        self._parts: list[npt.NDArray[np.float64]] = []

    def add(self, samples: Samples) -> None:
        """Take in the next piece."""
        if samples.shape[0] == 1:
            self._mono = True
            return
        for at in range(0, samples.shape[1], _PIECE):
            left, right = samples[:, at : at + _PIECE]
            self._equal = self._equal and np.array_equal(left, right)
            self._parts.append(np.stack([_energy(x) for x in (left, right, left - right, left + right)]))

    def layout(self, known: Literal["auto", "mono", "stereo"] = "auto") -> Layout:
        """What the pieces so far are; `known` is what the settings say of all recordings."""
        if self._mono:
            return "mono"
        if known == "stereo":
            return "stereo"
        layout = self._told_by_sound()
        return "fake-stereo" if known == "mono" and layout == "stereo" else layout

    def _told_by_sound(self) -> Layout:
        if self._equal:
            return "fake-stereo"
        left, right, difference, together = np.concatenate(self._parts, axis=1)
        total = left + right
        # heard: within 40 dB of the loudest and above -70 dBFS, below which codecs' own noise begins
        heard = total > max(1e-4 * total.max(), 2 * _STEP * 1e-7)
        if not heard.any():
            heard = total > 0
        weak = 0.1 * total[heard]
        if np.mean(difference[heard] < weak) >= 0.95:
            return "fake-stereo"
        if np.mean(together[heard] < weak) >= 0.95:
            return "anti-phase"
        return "stereo"


def _energy(x: Samples) -> npt.NDArray[np.float64]:
    """Energy of every half second."""
    return np.add.reduceat(np.square(x, dtype=np.float64), np.arange(0, x.size, _STEP))


def fold_channels(samples: Samples, layout: Layout) -> None:
    """Put the one channel of fake and of anti-phase stereo in the place of the first, without a copy."""
    if layout in ("fake-stereo", "anti-phase"):
        left, right = samples
        if layout == "fake-stereo":
            left += right
        else:
            left -= right
        left /= 2
