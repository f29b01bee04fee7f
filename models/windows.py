"""Speech to windows: "VAD Cut & Merge", as whisperX calls it.

Whisper looks at 30 seconds at a time, whether they are full or not, and small models err less with context. So the
speech of one channel is cut where nobody speaks, and cuts are merged, one behind the other with a short rest between,
into windows of up to 28 s. On practice calls this made a third fewer errors than one cut at a time, at less than half
the cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.datatypes import RATE_HZ, Samples
from pipeline.timeline import Span

WINDOWS_VERSION = "5"
"""Raised whenever this module or `transcription` would cut, merge or map, or an engine decode, otherwise; part of the
fingerprints of both Whisper engines."""

WINDOW_S = 28.0
"""Longest window; Whisper's is 30 s and its last words suffer at the very edge."""

JOIN_S = 0.5
"""Voiced spans closer than this belong to one cut."""

PAD_S = 0.15
"""Sound kept before and after a cut; words are clamped to what was voiced."""

REST_S = 0.5
"""Silence between two cuts of a window."""

EVEN_S = 0.5
"""Windows are made even to so much."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Speech decoded together: where it is voiced, and from where to where its sound is taken."""

    voiced: Span
    sound: Span


@dataclass(frozen=True, slots=True)
class DecodingWindow:
    """Cuts merged; `offsets_s[i]` is where the sound of `cuts[i]` starts in `samples` (shape (n,), 16 kHz)."""

    samples: Samples
    cuts: tuple[Cut, ...]
    offsets_s: tuple[float, ...]


def cut_speech(samples: Samples, voiced: Iterable[Span]) -> list[Cut]:
    """Voiced spans joined over short pauses; those longer than a window are split where it is quietest."""
    duration_s = samples.size / RATE_HZ
    longest_s = WINDOW_S - 2 * PAD_S - REST_S
    # no `Timeline`: what would outgrow a window is not joined
    joined: list[Span] = []
    for span in voiced:
        span = Span(max(0.0, span.start_s), min(span.end_s, duration_s))
        if span.duration_s <= 0:
            continue
        last = joined[-1] if joined else None
        if last and span.start_s - last.end_s < JOIN_S and span.end_s - last.start_s <= longest_s:
            joined[-1] = Span(last.start_s, max(last.end_s, span.end_s))
        else:
            joined.append(span)
    parts = [part for span in joined for part in _split(samples, span, longest_s)]
    cuts: list[Cut] = []
    for i, part in enumerate(parts):
        # the pad must not reach into a neighbour, or its words are heard twice
        floor_s = (parts[i - 1].end_s + part.start_s) / 2 if i else 0.0
        ceiling_s = (parts[i + 1].start_s + part.end_s) / 2 if i + 1 < len(parts) else duration_s
        cuts.append(Cut(part, Span(max(floor_s, part.start_s - PAD_S), min(ceiling_s, part.end_s + PAD_S))))
    return cuts


def _split(samples: Samples, span: Span, longest_s: float) -> list[Span]:
    parts = []
    while span.duration_s > longest_s:
        # look for the quietest 0.1 s in the last two thirds of what fits
        start = int((span.start_s + longest_s / 3) * RATE_HZ)
        stop = int((span.start_s + longest_s) * RATE_HZ)
        step = RATE_HZ // 10
        power = np.square(samples[start : start + (stop - start) // step * step]).reshape(-1, step).mean(axis=1)
        cut_s = (start + (int(power.argmin()) + 0.5) * step) / RATE_HZ
        parts.append(Span(span.start_s, cut_s))
        span = Span(cut_s, span.end_s)
    return [*parts, span]


def merge_cuts(samples: Samples, cuts: Sequence[Cut]) -> list[DecodingWindow]:
    """Cuts in windows of at most `WINDOW_S`, in order: as few as hold them, and those as even as may be.

    A batch costs what its longest window costs, many times over.
    """
    fewest = len(_filled(cuts, WINDOW_S))
    groups = next(
        groups
        for longest_s in (*np.arange(WINDOW_S / 4, WINDOW_S, EVEN_S), WINDOW_S)
        if len(groups := _filled(cuts, longest_s)) == fewest
    )
    return [one_window(samples, group) for group in groups]


def _filled(cuts: Sequence[Cut], longest_s: float) -> list[list[Cut]]:
    """Cuts put into windows, each as full as it gets; one that is longer by itself has its own."""
    groups: list[list[Cut]] = []
    filled_s = 0.0
    for cut in cuts:
        need_s = cut.sound.duration_s + REST_S
        if not groups or filled_s + need_s > longest_s:
            groups.append([])
            filled_s = 0.0
        groups[-1].append(cut)
        filled_s += need_s
    return groups


def one_window(samples: Samples, cuts: Sequence[Cut]) -> DecodingWindow:
    """The cuts of a channel (shape (n,), 16 kHz) in one window, however long."""
    rest = np.zeros(int(REST_S * RATE_HZ), np.float32)
    pieces: list[Samples] = []
    offsets_s: list[float] = []
    at = 0
    for cut in cuts:
        piece = samples[round(cut.sound.start_s * RATE_HZ) : round(cut.sound.end_s * RATE_HZ)]
        offsets_s.append(at / RATE_HZ)
        pieces += [piece, rest]
        at += piece.size + rest.size
    return DecodingWindow(np.concatenate(pieces).astype(np.float32), tuple(cuts), tuple(offsets_s))
