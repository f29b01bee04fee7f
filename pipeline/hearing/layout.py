"""What two channels hold: a party each, one voice path twice, a dead line beside a live one, or each other's leak.

`decode` folds two channels that are equal, or each other's negative. Here the others are told apart, by what of one
channel comes from the other (see `crosstalk`). Only what is not two clean channels is changed; true stereo goes
through untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.datatypes import RATE_HZ, Audio, Layout, Samples, SpeakerSpan
from pipeline.hearing.crosstalk import Provenance, lasting_s, provenance, without_leaks
from pipeline.timeline import Span, Timeline

_STEP = RATE_HZ // 4

_DEAD_DBFS = -80.0
"""A line that never leaves this, its mean taken off, carries nothing: lossy codecs make a faint noise of zeros."""

_SHORTEST_LIFE_S = 0.5
"""A channel that was alive for less than this never lived; nor has one a voice of its own that speaks for less."""

_HUM_HZ = (50, 60)
_HUM_SHARE = 0.8
_HUM_TOP_HZ = 320
"""A line with this share of its power at the mains' frequency and its first harmonics has nobody at its end."""

_FLAT = 2.0
"""How far the powers of a hum's quarter seconds may lie from their median."""

_SHORTEST_COPY_S = 2.0
"""With less that agrees nothing is folded: two calls may begin with the same tone."""

_OWN_SHARE = 0.01
"""Share of what is heard that a copy may have of its own: clicks of its line and of its codec."""

_COPY_DB = -17.0
"""From this level on a copy is one, whoever speaks. Under it it may be the echo of a party on a silent one's line."""

_LEAK_DB = (-40.0, -8.0)
"""Crosstalk that is taken off. What is fainter is not told from noise, what is louder is no crosstalk."""

_LEAST_VOICE_S, _LEAST_VOICE_SHARE = 2.0, 0.08
"""A second voice counts when it speaks for so long, and for so much of what is said."""


def two_parties(audio: Audio) -> Audio:
    """Sound with a party on each channel, or on one channel all that was recorded. Mono stays as it is.

    A dead line and a copy of the other channel are left out, crosstalk is taken off.
    """
    if audio.layout != "stereo":
        return audio
    dead = [_is_dead(channel) for channel in audio.samples]
    if any(dead):
        return audio if all(dead) else one_channel(audio, dead.index(False), "dead-channel")
    sources = provenance(audio.samples)
    copies = [channel for channel, source in enumerate(sources) if _is_copy(source)]
    if copies:
        return one_channel(audio, _better(audio.samples, copies), "fake-stereo")
    leaks = [source if _leaks(source) else None for source in sources]
    return replace(audio, samples=without_leaks(audio.samples, leaks)) if any(leaks) else audio


def silent_channel(voiced: Sequence[Sequence[Span]]) -> int | None:
    """The channel that never says a word where the other does: its party's silence, or a line that is not theirs."""
    voice_s = [sum(span.duration_s for span in spans) for spans in voiced]
    if len(voice_s) != 2 or min(voice_s) >= _SHORTEST_LIFE_S or max(voice_s) < 2 * _LEAST_VOICE_S:
        return None
    return int(np.argmin(voice_s))


def several_voices(speakers: Sequence[SpeakerSpan]) -> bool:
    """Whether two at least have a real part in what is said on one channel."""
    spans: dict[str, list[Span]] = {}
    for item in speakers:
        spans.setdefault(item.speaker, []).append(item.span)
    talk_s = sorted((Timeline(own).total_s for own in spans.values()), reverse=True)
    return len(talk_s) > 1 and talk_s[1] >= max(_LEAST_VOICE_S, _LEAST_VOICE_SHARE * sum(talk_s))


def one_channel(audio: Audio, channel: int, layout: Layout) -> Audio:
    """The sound of one channel alone."""
    return replace(audio, samples=audio.samples[channel : channel + 1], layout=layout)


def _is_dead(channel: Samples) -> bool:
    """Whether a line carries nothing, or nothing but the mains' hum."""
    count = channel.size // _STEP
    if not count:
        return not channel.any()
    powers = channel[: count * _STEP].reshape(count, _STEP).var(axis=1)
    if np.count_nonzero(powers > 10 ** (_DEAD_DBFS / 10)) * 0.25 < _SHORTEST_LIFE_S:
        return True
    usual = float(np.median(powers))
    steady = np.mean((powers < _FLAT * usual) & (powers > usual / _FLAT)) >= 0.95
    return bool(steady) and _hums(channel)


def _hums(channel: Samples) -> bool:
    part = channel[: 30 * RATE_HZ]
    size = 2 * RATE_HZ
    frames = part[: part.size // size * size].reshape(-1, size)
    if not len(frames):
        return False
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1))).mean(axis=0)
    total = power[size // RATE_HZ * 20 :].sum()
    hz = np.arange(power.size) * RATE_HZ / size
    return any(
        power[(hz < _HUM_TOP_HZ) & (hz > mains / 2) & (np.abs(hz - mains * np.round(hz / mains)) <= 2)].sum()
        > _HUM_SHARE * total
        for mains in _HUM_HZ
    )


def _is_copy(source: Provenance) -> bool:
    most_s = max(_SHORTEST_LIFE_S, _OWN_SHARE * lasting_s(source.heard))
    return (
        source.linked
        and source.level_db >= _COPY_DB
        and lasting_s(source.copied) >= _SHORTEST_COPY_S
        and lasting_s(source.own) <= most_s
        and lasting_s(source.missing) <= most_s
    )


def _better(samples: Samples, copies: Sequence[int]) -> int:
    """Which channel to keep: what is no copy, or that whose sound stands out more from its own noise."""
    if len(copies) == 1:
        return 1 - copies[0]
    count = samples.shape[1] // _STEP
    powers = np.square(samples[:, : count * _STEP].reshape(2, count, _STEP)).mean(axis=2) + 1e-12
    low, high = np.percentile(powers, (5, 90), axis=1)
    return int(np.argmax(high / (low + 1e-9)))


def _leaks(source: Provenance) -> bool:
    low_db, high_db = _LEAK_DB
    most_s = max(_SHORTEST_LIFE_S, lasting_s(source.copied) / 4)
    return source.linked and low_db <= source.level_db <= high_db and lasting_s(source.missing) <= most_s
