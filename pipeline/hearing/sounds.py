"""Sounds that are no speech: telephone tones, music, the end of a line. numpy only, far faster than real time.

Tones are found by what standards fix, frequencies and cadence, not by level: ITU-T E.180 and its supplement 2
(ring-back and busy tones of the world), YD/T 1484 / GF 002 (450 Hz in China), ITU-T Q.23 and Q.24 (DTMF). Music
is found by what speech lacks: partials that stay where they are for a quarter of a second, again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import LEVEL_STEP_S, RATE_HZ, Audio, LineEnd, LineEvent, Samples
from pipeline.timeline import Span

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_CHUNK_FRAMES = 4096
_TOP_HZ = 3600
"""Nothing is looked for above the telephone band, so"""
_RATE_HZ = 8000
"""is the rate at which everything but levels and line ends is looked for."""
_AUDIBLE = 1e-6
"""Mean power, -60 dBFS, below which a frame is not looked at."""

# call-progress tones: 64 ms tell 450 Hz from speech, 10 ms steps place a burst
_TONE_WINDOW = 512
_TONE_HOP = 80
# share of the power above the noise, and of all power: 3 dB under white noise a tone is still one
_TONE_PURITY = 0.8
_TONE_SHARE = 0.33
_TONE_DBFS = -50.0
_TONE_FLICKER = 3
_TONE_BINS = 9
_TONE_OFF_HZ = 10.0
"""How far the bursts of one train may lie apart in pitch."""

_KEY_WINDOW = 256
# of the power above the noise: where the key is switched, and where it sounds; and of all power
_KEY_PURITY = 0.6
_KEY_SURE = 0.85
_KEY_SHARE = 0.4
_KEY_FLICKER = 2
_KEY_ROWS_HZ = (697, 770, 852, 941)
_KEY_COLUMNS_HZ = (1209, 1336, 1477, 1633)

_MUSIC_WINDOW = 1024
_MUSIC_HOP = 256
_MUSIC_DBFS = -50.0
# measured on telephone calls and on music through telephone codecs: speech seldom reaches 0.35 over two
# seconds, music seldom falls under 0.5
_MUSIC_STEADY = 0.38
_MUSIC_STEADY_VOICED = 0.45
# noise takes its share of the power from both; 10 dB under speech it leaves speech at 0.2 and most music above 0.3
_MUSIC_STEADY_NOISY = 0.68
"""Of the two, what is enough at the least, however noisy the line."""
_MUSIC_SHORTEST_S = 3.0
_MUSIC_REST_S = 1.5
_MUSIC_EDGE_S = 0.5

_LINE_STEP = 320
_BUSY_PERIOD_S = 1.5
"""The longest that busy tone needs for one burst and its pause."""


@dataclass(frozen=True, slots=True)
class _Burst:
    span: Span
    family: int
    pitch_hz: float


def line_events(audio: Audio, voiced: tuple[tuple[Span, ...], ...] = ()) -> tuple[LineEvent, ...]:
    """Find ring-back, busy tone, DTMF and music on every channel; sorted by start.

    A mark of a tone spans its whole train, pauses included, and counts the bursts (a double ring counts as
    one) or keys. `voiced` (per channel, may be empty) makes music harder to believe where speech was found.
    """
    events: list[LineEvent] = []
    for channel, samples in enumerate(audio.samples):
        where = channel if audio.channels > 1 else None
        narrow = _halved(samples)
        tones = [*_progress_tones(narrow), *_keys(narrow)]
        speech = voiced[channel] if channel < len(voiced) else (Span(0.0, audio.duration_s),)
        music = list(_music(narrow, speech, [event.span for event in tones]))
        left = [event for event in tones if not _of_a_melody(narrow, event, music)]
        if len(left) < len(tones):
            tones, music = left, list(_music(narrow, speech, [event.span for event in left]))
        events += [replace(event, channel=where) for event in (*tones, *music)]
    return tuple(sorted(events, key=lambda event: (event.span, event.channel or 0, event.kind)))


def without(
    voiced: tuple[tuple[Span, ...], ...], events: tuple[LineEvent, ...], audio: Audio | None = None
) -> tuple[tuple[Span, ...], ...]:
    """Voiced spans, per channel, less what is tone or music on that channel; remainders under 0.1 s go too.

    With `audio`, what is voiced over ring-back or busy tone stays where there is more than the tone: who still
    speaks when the line gives busy tone has not hung up.
    """
    left = []
    for channel, spans in enumerate(voiced):
        here = [event for event in events if event.channel in (None, channel)]
        holes = [event.span for event in here if event.kind not in ("ring", "busy")]
        trains = [event.span for event in here if event.kind in ("ring", "busy")]
        if audio is not None:
            trains = [part for span in trains for part in _less([span], _voices_over(audio.samples[channel], span))]
        left.append(tuple(span for span in _less(spans, holes + trains) if span.duration_s >= 0.1))
    return tuple(left)


def _voices_over(samples: Samples, train: Span) -> list[Span]:
    """Where in a train of tone there is more than the tone and the line's noise, for a quarter second at least."""
    start_s = max(0.0, train.start_s - 0.1)
    narrow = _halved(samples[int(start_s * RATE_HZ) : int((train.end_s + 0.1) * RATE_HZ)])
    w, hop_s = _TONE_WINDOW, _TONE_HOP / _RATE_HZ
    rest, tone, noise = [], [], []
    for power in _frames(narrow, w, _TONE_HOP):
        beside = np.concatenate([power[:, _bins(120, 340, w)], power[:, _bins(700, _TOP_HZ, w)]], axis=1)
        hiss = _noise(beside, 0.5) * beside.shape[1]
        rest.append(beside.sum(axis=1) - hiss)
        noise.append(hiss)
        tone.append(power[:, _bins(375, 655, w)].sum(axis=1))
    if not rest:
        return []
    # codecs bend a tone: its harmonics come some 20 dB below it
    least = max(_AUDIBLE, 0.03 * float(np.percentile(np.concatenate(tone), 60)))
    loud = np.convolve(np.concatenate(rest), np.full(8, 0.125), "same")
    heard = loud > np.maximum(least, 0.5 * np.concatenate(noise))
    runs = _runs(_closed(heard, round(0.3 / hop_s)))
    return [Span(start_s + a * hop_s, start_s + b * hop_s) for a, b in runs if (b - a) * hop_s >= 0.25]


def levels_dbfs(samples: Samples) -> tuple[float, ...]:
    """RMS of one channel (shape (n,)) per `LEVEL_STEP_S`, in dBFS, at least -100, rounded to 0.1."""
    step = int(LEVEL_STEP_S * RATE_HZ)
    starts = np.arange(0, samples.size, step)
    if not starts.size:
        return ()
    sizes = np.diff(np.append(starts, samples.size))
    power = np.add.reduceat(np.square(samples, dtype=np.float64), starts) / sizes
    levels = np.maximum(10 * np.log10(np.maximum(power, 1e-10)), -100.0)
    return tuple(float(level) for level in np.round(levels, 1))


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
    count = samples.size // _LINE_STEP
    if count < 50:
        return None
    step_s = _LINE_STEP / RATE_HZ
    level = 20 * np.log10(samples[: count * _LINE_STEP].reshape(count, _LINE_STEP).std(axis=1) + 1e-7)
    live_levels = level[level > -85]
    if live_levels.size * step_s < 0.5:
        return None
    # lossy codecs turn digital silence into a faint noise, well below that of the line
    dead = (level <= -85) | ((level <= -70) & (level <= np.percentile(live_levels, 20) - 10))
    tone = np.zeros(count, bool)
    for span in busy:
        # a burst's edges are placed within a window's length, and GSM rings on after it
        tone[max(0, int((span.start_s - 0.05) / step_s)) : int((span.end_s + 0.2) / step_s) + 1] = True
    alive = ~(dead | tone)
    if busy and (count * step_s - busy[-1].end_s) < _BUSY_PERIOD_S:
        # the recording may end within a burst that is too short to be known as one
        stub = int((busy[-1].end_s + 0.2) / step_s)
        if np.count_nonzero(alive[stub:]) * step_s <= 0.25:
            alive[stub:] = False
    # codecs end with a click
    alive[-3:] = False
    last = np.flatnonzero(alive)
    if not last.size:
        return None
    start = int(last[-1]) + 1
    at_s, gone_s = start * step_s, (count - start) * step_s
    if gone_s < 0.3 or np.count_nonzero(alive) * step_s < 0.5:
        return None
    if tone[start:].any():
        return at_s, "busy"
    if not dead[start:-3].any():
        return None
    before = list(_runs(dead[:start]))
    loud = max(-40.0, float(np.percentile(level[:start][alive[:start]], 95)) - 12)
    noise_s = np.count_nonzero(alive[:start] & (level[:start] < loud)) * step_s
    # long runs are a muted microphone or a hold, the first is the wait before the line is through
    pauses_s = sum(b - a for a, b in before if a > 0 and 0.1 <= (b - a) * step_s <= 5) * step_s
    longest_s = max(((b - a) * step_s for a, b in before), default=0.0)
    if longest_s < 0.2 or (noise_s >= 0.5 and pauses_s < 0.3 * (pauses_s + noise_s)):
        return at_s, "digital-silence"
    if gone_s >= max(3 * longest_s, longest_s + 3):
        return at_s, "digital-silence"
    return None


def _halved(samples: Samples) -> Samples:
    """Samples at half the rate: a windowed-sinc low pass at 3.7 kHz, then every second one."""
    if not samples.size:
        return samples
    t = np.arange(-24, 25)
    kernel = np.sinc(t * 3700 / _RATE_HZ) * 3700 / _RATE_HZ * np.hamming(t.size)
    return np.convolve(samples, kernel.astype(np.float32), "same")[::2]


def _frames(samples: Samples, window: int, hop: int) -> Iterator[Floats]:
    """Power spectra of Hann-windowed frames up to `_TOP_HZ`, a few thousand frames at a time, full scale sine = 1.

    Frame k is centred on sample k * hop.
    """
    padded = np.concatenate([np.zeros(window // 2, np.float32), samples, np.zeros(window // 2, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    scale = np.float32(2 / taper.sum())
    top = int(_TOP_HZ * window / _RATE_HZ) + 1
    for at in range(0, len(frames), _CHUNK_FRAMES):
        part = frames[at : at + _CHUNK_FRAMES]
        power = np.zeros((len(part), top), np.float32)
        audible = np.flatnonzero(np.einsum("ij,ij->i", part, part) > _AUDIBLE * window)
        power[audible] = np.square(np.abs(np.fft.rfft(part[audible] * taper, axis=1)[:, :top]) * scale)
        yield power


def _bins(low_hz: float, high_hz: float, window: int) -> slice:
    return slice(round(low_hz * window / _RATE_HZ), round(high_hz * window / _RATE_HZ) + 1)


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Half-open index ranges in which `flags` is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _less(spans: Iterable[Span], holes: list[Span]) -> Iterator[Span]:
    for span in spans:
        start_s = span.start_s
        for hole in sorted(holes):
            if hole.end_s <= start_s or hole.start_s >= span.end_s:
                continue
            if hole.start_s > start_s:
                yield Span(start_s, hole.start_s)
            start_s = hole.end_s
        if start_s < span.end_s:
            yield Span(start_s, span.end_s)


def _noise(power: Floats, quantile: float) -> Floats:
    """Mean power of a bin's noise in each frame of (frames, bins), told from a quantile over the bins.

    A frame's own quiet bins are those without tone or voice, and noise spreads exponentially about its mean.
    """
    rank = int(quantile * power.shape[1])
    return np.asarray(np.partition(power, rank, axis=1)[:, rank] / -np.log(1 - quantile), np.float32)


def _closed(flags: Flags, longest: int) -> Flags:
    """Flags with gaps of up to `longest` filled."""
    filled = flags.copy()
    for start, end in _runs(~flags):
        if start > 0 and end < flags.size and end - start <= longest:
            filled[start:end] = True
    return filled


def _bursts(samples: Samples) -> list[_Burst]:
    """Stretches of steady call-progress tone: family 0 about 400-480 Hz, family 1 480 with 620 Hz."""
    parts = []
    w = _TONE_WINDOW
    band = _bins(60, _TOP_HZ, w)
    both = np.arange(_bins(375, 655, w).start, _bins(375, 655, w).stop, dtype=np.float32)
    for power in _frames(samples, w, _TONE_HOP):
        heard = power[:, band]
        total, noise = heard.sum(axis=1) + 1e-12, _noise(heard, 0.5)
        low, high = power[:, _bins(375, 515, w)].sum(axis=1), power[:, _bins(585, 655, w)].sum(axis=1)
        pair = power[:, _bins(445, 515, w)].sum(axis=1)
        near = power[:, _bins(375, 655, w)]
        pitch = near @ both / (near.sum(axis=1) + 1e-12)
        parts.append(np.stack([total, noise, low, pair, high, pitch * _RATE_HZ / w]))
    total, noise, low, pair, high, pitch = np.concatenate(parts, axis=1)
    clear = np.maximum(total - noise * (band.stop - band.start), 1e-12)
    bursts = []
    for family, tone in enumerate((low, pair + high)):
        pure = (tone > _TONE_PURITY * clear) & (tone > _TONE_SHARE * total)
        if family:
            pure &= np.minimum(pair, high) > 0.15 * tone
        level = 10 * np.log10(np.maximum(tone, 1e-12))
        for start, end in _runs(_closed(pure & (level > _TONE_DBFS), _TONE_FLICKER)):
            # codecs smear the edges; tones 25 Hz apart beat, which four frames even out
            even = 10 * np.log10(np.convolve(tone[start:end], np.full(4, 0.25), "same") + 1e-12)
            loud = np.flatnonzero(even > np.percentile(even, 70) - 6)
            first, last = start + int(loud[0]), start + int(loud[-1])
            inner = even[first - start + 3 : last - start - 2]
            if inner.size < 8 or last - first < 0.5 * (end - start):
                continue
            # speech and music swell and fade; a tone is switched, though gain control may tilt it
            middle = np.linspace(-1, 1, inner.size)
            tilt = float((inner * middle).sum() / (middle * middle).sum())
            flat = inner - tilt * middle
            # noise in the tone's own band makes it waver
            inside = float(np.median(noise[first:last] / tone[first:last])) * _TONE_BINS
            if abs(tilt) > 4 or np.mean(np.abs(flat - np.median(flat)) < np.sqrt(4 + 85 * inside)) < 0.85:
                continue
            span = Span(first * _TONE_HOP / _RATE_HZ, (last + 1) * _TONE_HOP / _RATE_HZ)
            if span.duration_s >= 0.15:
                bursts.append(_Burst(span, family, float(np.median(pitch[first:last]))))
    return sorted(bursts, key=lambda burst: burst.span)


def _progress_tones(samples: Samples) -> Iterator[LineEvent]:
    """Ring-back and busy tone, told apart by cadence: busy is off as long as it is on, ring-back far longer."""
    bursts = _bursts(samples)
    end_s = samples.size / _RATE_HZ
    left: list[_Burst] = []
    while bursts:
        train = _busy_train(bursts, end_s)
        # two notes of a melody may come in its beat
        if len(train) > 2 or (len(train) == 2 and all(_stands_alone(samples, burst.span) for burst in train)):
            # a voice may cover a burst; it counts all the same
            period_s = 2 * float(np.median([burst.span.duration_s for burst in train]))
            count = 1 + sum(max(1, round((b.span.start_s - a.span.start_s) / period_s)) for a, b in pairwise(train))
            yield LineEvent(Span(train[0].span.start_s, train[-1].span.end_s), "busy", None, count)
        else:
            train = train[:1]
            left += train
        bursts = [burst for burst in bursts if burst not in train]
    rings: list[_Burst] = []
    for burst in left:
        span = burst.span
        if burst.family or not _stands_alone(samples, span):
            continue
        before = rings[-1] if rings else None
        double = before and 0.12 <= span.start_s - before.span.end_s <= 0.3 and before.span.duration_s <= 0.55
        if before and double and span.duration_s <= 0.55:
            rings[-1] = replace(before, span=Span(before.span.start_s, span.end_s))
        elif span.duration_s <= 2.6:
            rings.append(burst)
    train = []
    for ring in [*rings, None]:
        if train and (ring is None or not _rings_on(train[-1], ring)):
            # a burst may be cut by the recording's ends, or by the answer; one of them must be whole
            if max(part.span.duration_s for part in train) >= 0.75:
                yield LineEvent(Span(train[0].span.start_s, train[-1].span.end_s), "ring", None, len(train))
            train = []
        if ring is not None:
            train.append(ring)


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
        alike = burst.family == train[0].family and abs(burst.pitch_hz - train[0].pitch_hz) <= _TONE_OFF_HZ
        alike &= cut or abs(span.duration_s - on_s) <= 0.1
        if alike and off_by_s <= 0.12 + 0.1 * on_s and missed + beats - 1 < len(train):
            train.append(burst)
            missed += beats - 1
            if not cut:
                on_s = span.duration_s
    return train


def _rings_on(ring: _Burst, following: _Burst) -> bool:
    gap_s = following.span.start_s - ring.span.end_s
    return 1.2 <= gap_s <= 6.5 and abs(following.pitch_hz - ring.pitch_hz) <= _TONE_OFF_HZ


def _stands_alone(samples: Samples, tone: Span) -> bool:
    """Whether the tone begins out of quiet: a note of a melody follows another."""
    start, end = int(tone.start_s * _RATE_HZ), int(tone.end_s * _RATE_HZ)
    before = samples[max(0, start - _RATE_HZ // 5) : max(0, start - _RATE_HZ // 50)]
    if before.size < _RATE_HZ // 20:
        return True
    return bool(np.square(before).mean() < 0.5 * np.square(samples[start:end]).mean())


def _pause_after(samples: Samples, tone: Span) -> bool:
    """Whether 80 ms of quiet follow the tone: notes are parted by less."""
    start, end = int(tone.start_s * _RATE_HZ), int(tone.end_s * _RATE_HZ)
    width = round(0.08 * _RATE_HZ)
    after = np.square(samples[max(start, end - _RATE_HZ // 20) : end + _RATE_HZ // 2])
    if after.size < width:
        return True
    least = np.convolve(after, np.full(width, 1 / width), "valid").min()
    return bool(least < 0.25 * np.square(samples[start:end]).mean())


def _of_a_melody(samples: Samples, event: LineEvent, music: Iterable[LineEvent]) -> bool:
    """Whether what seems to be one ring or some keys are notes.

    One ring that music follows without a pause is its first note; keys within music, and no louder, are two notes
    that happen to be a row and a column.
    """
    if event.kind == "ring" and event.count == 1:
        end_s = event.span.end_s
        goes_on = any(m.span.start_s <= end_s + 0.5 < m.span.end_s for m in music)
        return goes_on and not _pause_after(samples, event.span)
    if event.kind == "dtmf":
        inside = any(m.span.start_s < event.span.start_s - 0.5 and event.span.end_s + 0.5 < m.span.end_s for m in music)
        return inside and not _stands_alone(samples, event.span)
    return False


def _keys(samples: Samples) -> Iterator[LineEvent]:
    """DTMF: one row and one column frequency, alone and together, for 40 ms or more (ITU-T Q.24)."""
    w, hop_s = _KEY_WINDOW, _TONE_HOP / _RATE_HZ
    found = []
    rows = [_bins(hz - 25, hz + 25, w) for hz in _KEY_ROWS_HZ]
    columns = [_bins(hz - 30, hz + 30, w) for hz in _KEY_COLUMNS_HZ]
    for power in _frames(samples, w, _TONE_HOP):
        heard = power[:, _bins(60, _TOP_HZ, w)]
        total = heard.sum(axis=1) + 1e-12
        clear = total - _noise(heard, 0.5) * heard.shape[1]
        row = np.stack([power[:, part].sum(axis=1) for part in rows])
        column = np.stack([power[:, part].sum(axis=1) for part in columns])
        low, high = row.max(axis=0), column.max(axis=0)
        # twist: the column may be 4 dB above or 8 dB below the row, and a codec adds to that
        tone = low + high
        good = (tone > _KEY_PURITY * clear) & (tone > _KEY_SHARE * total) & (10 * np.log10(tone + 1e-12) > -45)
        good &= (low > 0.05 * high) & (high > 0.05 * low)
        name = np.where(good, row.argmax(axis=0) * 4 + column.argmax(axis=0), -1)
        found.append(np.stack([name, tone > _KEY_SURE * clear]))
    key, sure = np.concatenate(found, axis=1)
    presses = []
    for name in np.unique(key[key >= 0]):
        for a, b in _runs(_closed(key == name, _KEY_FLICKER)):
            enough = b - a >= 6 and np.count_nonzero(sure[a:b]) >= 2
            if enough and _is_key(samples[a * _TONE_HOP : b * _TONE_HOP], *divmod(int(name), 4)):
                presses.append((a, b))
    group: list[tuple[int, int]] = []
    for press in [*sorted(presses), None]:
        if group and (press is None or (press[0] - group[-1][1]) * hop_s > 3):
            yield LineEvent(Span(group[0][0] * hop_s, group[-1][1] * hop_s), "dtmf", None, len(group))
            group = []
        if press is not None:
            group.append(press)


def _is_key(samples: Samples, row: int, column: int) -> bool:
    """Whether both frequencies are within 2.5 % of a key's: 1.5 % must be taken, 3.5 % must not (ITU-T Q.24)."""
    size = 8192
    power = np.abs(np.fft.rfft(samples[:size] * np.hanning(min(samples.size, size)), size))
    for hz in (_KEY_ROWS_HZ[row], _KEY_COLUMNS_HZ[column]):
        low, high = int(0.94 * hz * size / _RATE_HZ), int(1.06 * hz * size / _RATE_HZ)
        if abs((low + int(power[low:high].argmax())) * _RATE_HZ / size / hz - 1) > 0.025:
            return False
    return True


def _music(samples: Samples, voiced: Iterable[Span], tones: list[Span]) -> Iterator[LineEvent]:
    hop_s = _MUSIC_HOP / _RATE_HZ
    steady, level = _steadiness(samples)
    width = int(2 / hop_s)
    if steady.size < width:
        return
    for span in tones:
        steady[int(span.start_s / hop_s) : int(span.end_s / hop_s) + 1] = 0
    weight = np.where(level > _MUSIC_DBFS, 1.0, 0.0)
    kernel = np.ones(width, np.float32)
    heard = np.convolve(weight, kernel, "same")
    mean = np.convolve(steady * weight, kernel, "same") / np.maximum(heard, 1)
    short = np.ones(round(_MUSIC_EDGE_S / hop_s))
    close = np.convolve(steady * weight, short, "same") / np.maximum(np.convolve(weight, short, "same"), 1)
    enough = np.full(steady.size, _MUSIC_STEADY)
    for span in voiced:
        enough[int(span.start_s / hop_s) : int(span.end_s / hop_s) + 1] = _MUSIC_STEADY_VOICED
    enough *= np.maximum(_MUSIC_STEADY_NOISY, 1 - _noise_share(level, kernel))
    is_music = (mean > enough) & (heard > 0.6 * width)
    # a rest, or a passage of drums, does not end the piece
    for start, end in _runs(_closed(is_music, int(_MUSIC_REST_S / hop_s))):
        # two seconds blur where it begins and ends
        sure = start + np.flatnonzero(close[start:end] > enough[start:end])
        if sure.size and (sure[-1] + 1 - sure[0]) * hop_s >= _MUSIC_SHORTEST_S:
            yield LineEvent(Span(float(sure[0]) * hop_s, float(sure[-1] + 1) * hop_s), "music")


def _noise_share(level: Floats, kernel: Floats) -> Floats:
    """The part of the power that line noise has, 0 to 1, in windows like the kernel: noise is what pauses hold too."""
    live = level[level > _MUSIC_DBFS]
    if not live.size:
        return np.zeros(level.size, np.float32)
    power = np.where(level > _MUSIC_DBFS, 10 ** (level / 10), 0.0)
    mean = np.convolve(power, kernel, "same") / np.maximum(np.convolve(power > 0, kernel, "same"), 1)
    floor = 10 ** (float(np.percentile(live, 5)) / 10)
    return np.asarray(np.minimum(1.0, floor / np.maximum(mean, 1e-12)), np.float32)


def _steadiness(samples: Samples) -> tuple[Floats, Floats]:
    """Per 32 ms: the share of power in partials that a quarter second before or after had too, and the level."""
    lag = round(0.25 * _RATE_HZ / _MUSIC_HOP)
    band = _bins(250, _TOP_HZ, _MUSIC_WINDOW)
    context: Floats | None = None
    shares, totals = [], []
    for part in _frames(samples, _MUSIC_WINDOW, _MUSIC_HOP):
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
