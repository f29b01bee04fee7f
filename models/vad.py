"""Voice activity: where somebody speaks, found by Silero's network (in the silero-vad wheel, MIT).

The network is run by onnxruntime over the whole channel at once. The wheel's Python code is not imported:
importing it sets torch to one thread for the whole process.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import RATE_HZ, Samples
from pipeline.errors import BadModel
from pipeline.messages import Message
from pipeline.timeline import Span, Timeline

FRAME = 512
"""Samples of one frame; the network gives one probability a frame (32 ms)."""

VOICE_ACTIVITY_VERSION = "3"
"""Raised whenever the code here finds speech otherwise; part of the fingerprint."""

_FRAME_S = FRAME / RATE_HZ

_CONTEXT = 64
"""Samples before a frame that the network is given with it."""

_BLOCK = 2048
"""Frames that the network is given at a time: memory stays the same however long the recording is."""

_LOUD_LEAD = 8
"""Loud frames that are added before a span at most."""

_GAP_S = 0.8
"""Gaps from this on are looked at a second time where both sides share a channel."""

_SURE_S = 0.3
"""What the second look finds counts when it lasts so long."""

_WITHIN_DB = 30.0
"""How far the louder parts of what the second look finds may lie under the channel's other speech."""

_ABOVE_DB = 8.0
"""How far they must lie above the channel's quiet."""

_Flags = npt.NDArray[np.bool_]


class SileroVoiceActivity:
    """Speech spans of one channel, whose edges can be used to measure pauses.

    `threshold` is the speech probability (0–1) at which a span starts; it ends where the probability stays
    0.15 below that for `shortest_gap_s`. Frames that are as loud as the channel's sure speech start a span at
    half the threshold and are added before one (0.26 s at most): short replies ("嗯", "yes") often get no
    higher, and late. Spans under `shortest_s` are dropped. `lead_s` is added before every span, because the
    network answers that much late (median over practice calls of 8 kHz; the end needs nothing).

    After a loud voice the network is deaf for seconds to one that is 20 dB quieter, as the two sides of a call on
    one channel may be. So where a channel is `shared`, a gap of 0.8 s or more with sound in it is looked at a second
    time, by itself and at its own loudness. What is then found counts when it lasts 0.3 s and its louder parts are
    at most 30 dB under the channel's other speech and 8 dB above its quiet. On a channel of one's own the quieter
    voice is the other side's echo.
    """

    def __init__(
        self, threshold: float = 0.5, shortest_s: float = 0.1, shortest_gap_s: float = 0.15, lead_s: float = 0.06
    ) -> None:
        self._threshold = threshold
        self._shortest_s = shortest_s
        self._shortest_gap_s = shortest_gap_s
        self._lead_s = lead_s
        self._session: Any = None
        version = importlib.metadata.version("silero-vad")
        self.fingerprint = (
            f"silero-vad {version} {threshold} {shortest_s} {shortest_gap_s} {lead_s} v{VOICE_ACTIVITY_VERSION}"
        )

    def voiced(self, samples: Samples, shared: bool = False) -> tuple[Span, ...]:
        """Speech spans, sorted and disjoint, of samples of shape (n,) at 16 kHz. Raises BadModel.

        `shared`: whether both sides of a call speak on this channel.
        """
        spans = self._look(samples)
        if not spans or not shared:
            return spans
        level = _frame_levels_db(samples)
        speech = np.concatenate([level[_frames(span)] for span in spans])
        least = max(float(np.median(speech)) - _WITHIN_DB, float(np.percentile(level, 10)) + _ABOVE_DB)
        edges = [0.0, *(edge for span in spans for edge in (span.start_s, span.end_s)), samples.size / RATE_HZ]
        found = list(spans)
        for start_s, end_s in zip(edges[::2], edges[1::2], strict=True):
            gap = Span(start_s, end_s)
            if gap.duration_s >= _GAP_S and (level[_frames(gap)] >= least).any():
                found += self._look_again(samples, gap, level, least)
        # spans that touch, to a frame, are one
        return Timeline(found, gap_s=_FRAME_S).spans

    def _look_again(self, samples: Samples, gap: Span, level: Samples, least: float) -> list[Span]:
        """Speech spans in a gap, looked at by itself, whose louder parts reach `least`, in dBFS."""
        first, last = math.ceil(gap.start_s / _FRAME_S), int(gap.end_s / _FRAME_S)
        shift_s = first * _FRAME_S
        spans = (
            Span(round(span.start_s + shift_s, 3), round(span.end_s + shift_s, 3))
            for span in self._look(samples[first * FRAME : last * FRAME])
        )
        sure = (span for span in spans if span.duration_s >= _SURE_S)
        return [span for span in sure if np.percentile(level[_frames(span)], 90) >= least]

    def _look(self, samples: Samples) -> tuple[Span, ...]:
        if samples.size == 0:
            return ()
        probability = self._probabilities(samples)
        starts = probability >= self._threshold
        stays = probability >= max(self._threshold - 0.15, 0.5 * self._threshold)
        loud = np.zeros_like(starts)
        if starts.any():
            level = _frame_levels_db(samples)
            loud = level >= np.median(level[starts]) - 6.0
            starts |= loud & (probability >= 0.5 * self._threshold)
            stays |= starts | (loud & (probability >= 0.3 * self._threshold))
            if np.percentile(level, 10) > np.median(level[starts]) - 21.0:
                loud[:] = False  # loudness tells nothing in noise
        return self._spans(starts, stays, loud, samples.size / RATE_HZ)

    def _spans(self, starts: _Flags, stays: _Flags, loud: _Flags, duration_s: float) -> tuple[Span, ...]:
        spans: list[Span] = []
        first: int | None = None
        quiet: int | None = None
        for i in range(len(starts) + 1):
            at_end = i == len(starts)
            if first is None:
                if not at_end and starts[i]:
                    first, quiet = i, None
                continue
            if not at_end and stays[i]:
                quiet = None
                continue
            quiet = i if quiet is None else quiet
            if at_end or (i - quiet + 1) * _FRAME_S >= self._shortest_gap_s:
                earliest = max(0, first - _LOUD_LEAD)
                while first > earliest and loud[first - 1]:
                    first -= 1
                start_s, end_s = first * _FRAME_S, min(quiet * _FRAME_S, duration_s)
                if end_s - start_s >= self._shortest_s:
                    floor_s = spans[-1].end_s if spans else 0.0
                    spans.append(Span(round(max(floor_s, start_s - self._lead_s), 3), round(end_s, 3)))
                first = None
        return tuple(spans)

    def _probabilities(self, samples: Samples) -> Samples:
        session = self._load()
        count = -(-samples.size // FRAME)
        gain = _gain(samples)
        state = cell = np.zeros((1, 1, 128), np.float32)
        out: list[Samples] = []
        for i in range(0, count, _BLOCK):
            # only what the block needs is levelled and copied: the context before it, and zeros behind the end
            first, end = i * FRAME - _CONTEXT, min(count, i + _BLOCK) * FRAME
            part = np.clip(samples[max(0, first) : end] * gain, -1.0, 1.0)
            padded = np.pad(part, (max(0, -first), max(0, end - samples.size)))
            frames = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT + FRAME)[::FRAME]
            block = np.ascontiguousarray(frames, np.float32)
            values, state, cell = session.run(None, {"input": block, "h": state, "c": cell})
            out.append(values.reshape(-1))
        return np.asarray(np.concatenate(out), np.float32)

    def _load(self) -> Any:
        if self._session is None:
            import onnxruntime  # type: ignore[import-untyped]

            package = importlib.util.find_spec("silero_vad")
            if package is None or package.origin is None:
                raise BadModel(Message("silero-vad is not installed; run `make venv`"))
            path = Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx"
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            try:
                self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            except Exception as error:
                raise BadModel(
                    Message("{file}: cannot be loaded; install silero-vad 6.2 or later again", file=path)
                ) from error
        return self._session


def _frames(span: Span) -> slice:
    """The frames that a span reaches into; never none."""
    return slice(int(span.start_s / _FRAME_S), max(int(span.start_s / _FRAME_S) + 1, math.ceil(span.end_s / _FRAME_S)))


def _gain(samples: Samples) -> np.float32:
    """What brings the channel to an even, low loudness.

    The network misses speech that is 20 dB too quiet, or rings on after it, and doubts short loud replies.
    """
    peak = _loudness(samples)
    return np.float32(np.clip(0.1 / max(peak, 1e-6), 0.25, 15.0))


def _loudness(samples: Samples) -> float:
    """`np.percentile(np.abs(samples), 99.5)`, without a copy of all samples: of each part only the loudest are kept."""
    rank = 0.995 * (samples.size - 1)
    below = int(rank)
    kept = samples.size - below
    loudest = np.empty(0, np.float32)
    for at in range(0, samples.size, _BLOCK * FRAME):
        loudest = np.concatenate([loudest, np.abs(samples[at : at + _BLOCK * FRAME])])
        if loudest.size > kept:
            loudest = np.partition(loudest, loudest.size - kept)[-kept:]
    ordered = np.partition(loudest, (0, min(1, kept - 1)))
    return float(np.percentile(ordered[:2], 100 * (rank - below)))


def _frame_levels_db(samples: Samples) -> Samples:
    powers: list[Samples] = []
    for at in range(0, samples.size, _BLOCK * FRAME):
        part = samples[at : at + _BLOCK * FRAME]
        frames = np.pad(part, (0, -part.size % FRAME)).reshape(-1, FRAME)
        powers.append(np.square(frames, dtype=np.float32).mean(axis=1))
    power = np.concatenate(powers)
    return np.asarray(10.0 * np.log10(power + 1e-12), np.float32)
