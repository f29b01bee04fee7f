"""Sounds of the telephone in which nobody speaks: silence, noise, tones, music, clicks, modems. Made, never recorded.

Each maker takes a random generator and gives float samples, shape (n,), at `RATE_HZ`, about `SECONDS` long; another
generator gives another sound of the kind. Levels are those that lines have: tones at -10 to -30 dBFS, noise at
-75 to -20.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
SECONDS = 20.0

Sound = npt.NDArray[np.float64]
Maker = Callable[[np.random.Generator], Sound]

_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)


def _time(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _gain(rng: np.random.Generator, low_db: float, high_db: float) -> float:
    return float(10 ** (rng.uniform(low_db, high_db) / 20))


def _levelled(sound: Sound, gain: float) -> Sound:
    """The sound at an RMS of `gain`."""
    return np.asarray(sound * gain / max(1e-9, float(np.sqrt(np.mean(sound**2)))))


def tone(seconds: float, *frequencies_hz: float) -> Sound:
    """Sines put together, at most 1 in amplitude; silence without any."""
    t = _time(seconds)
    if not frequencies_hz:
        return np.zeros(t.size)
    return np.asarray(np.mean([np.sin(2 * np.pi * f * t) for f in frequencies_hz], axis=0))


def noise(
    rng: np.random.Generator, seconds: float, slope: float = 0.0, low_hz: float = 0, high_hz: float = 4000
) -> Sound:
    """Noise of RMS 1 whose power falls with the frequency's `slope`-th power: 0 white, 1 pink, 2 brown."""
    n = round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    spectrum *= np.where((hz >= low_hz) & (hz <= high_hz), np.maximum(hz, 20.0) ** (-slope / 2), 0)
    return _levelled(np.fft.irfft(spectrum, n), 1.0)


def train(seconds: float, *pattern: tuple[float, Sequence[float]]) -> Sound:
    """(seconds, frequencies) again and again."""
    parts: list[Sound] = []
    while sum(part.size for part in parts) < seconds * RATE_HZ:
        parts += [tone(length_s, *frequencies) for length_s, frequencies in pattern]
    return np.concatenate(parts)[: round(seconds * RATE_HZ)]


# --- silence and noise


def digital_silence(rng: np.random.Generator) -> Sound:
    return np.zeros(round(SECONDS * RATE_HZ))


def comfort_noise(rng: np.random.Generator) -> Sound:
    """What a gateway plays in pauses: faint and coloured, its level in steps, some of it left out."""
    steps = np.repeat([_gain(rng, -75, -50) * (rng.random() > 0.2) for _ in range(10)], round(SECONDS / 10 * RATE_HZ))
    return np.asarray(noise(rng, SECONDS, rng.uniform(0, 1.5)) * steps)


def line_noise(rng: np.random.Generator) -> Sound:
    """White, pink or brown in the telephone's band, at any level that a line has."""
    return noise(rng, SECONDS, rng.choice([0, 1, 2]), 200, 3500) * _gain(rng, -65, -28)


def loud_noise(rng: np.random.Generator) -> Sound:
    return noise(rng, SECONDS, rng.choice([0, 1])) * _gain(rng, -28, -18)


def gusts(rng: np.random.Generator) -> Sound:
    """Wind, traffic or breath on a microphone: noise that swells and fades."""
    swell = np.abs(noise(rng, SECONDS, 2, 0, rng.uniform(0.3, 3)))
    return noise(rng, SECONDS, rng.uniform(0, 2), rng.uniform(50, 400), 3500) * swell * _gain(rng, -40, -24)


def hum(rng: np.random.Generator) -> Sound:
    """Mains hum of 50 or 60 Hz with harmonics, or the 217 Hz buzz of a mobile's transmitter."""
    base = float(rng.choice([50, 60, 217]))
    count = int(rng.integers(2, 3000 // base))
    t = _time(SECONDS)
    parts = [np.sin(2 * np.pi * base * k * t + rng.uniform(0, 6)) / k ** rng.uniform(0.3, 1.5) for k in range(1, count)]
    return _levelled(np.sum(parts, axis=0), _gain(rng, -45, -22))


# --- tones


def ring_back(rng: np.random.Generator) -> Sound:
    """China, Europe, the USA, the United Kingdom."""
    patterns: list[list[tuple[float, Sequence[float]]]] = [
        [(1.0, (450,)), (4.0, ())],
        [(1.0, (425,)), (4.0, ())],
        [(2.0, (440, 480)), (4.0, ())],
        [(0.4, (400, 450)), (0.2, ()), (0.4, (400, 450)), (2.0, ())],
    ]
    return train(SECONDS, *patterns[rng.integers(len(patterns))]) * _gain(rng, -30, -8)


def busy(rng: np.random.Generator) -> Sound:
    """China, Europe, the USA; number unobtainable in China."""
    patterns: list[list[tuple[float, Sequence[float]]]] = [
        [(0.35, (450,)), (0.35, ())],
        [(0.5, (425,)), (0.5, ())],
        [(0.5, (480, 620)), (0.5, ())],
        [(0.25, (480, 620)), (0.25, ())],
        [(0.1, (450,)), (0.1, ()), (0.1, (450,)), (0.1, ()), (0.1, (450,)), (0.1, ()), (0.4, (450,)), (0.4, ())],
    ]
    return train(SECONDS, *patterns[rng.integers(len(patterns))]) * _gain(rng, -30, -8)


def dial_tone(rng: np.random.Generator) -> Sound:
    return train(SECONDS, *[[(2.0, (450,))], [(2.0, (350, 440))]][rng.integers(2)]) * _gain(rng, -30, -10)


def keys(rng: np.random.Generator) -> Sound:
    """DTMF: numbers dialled, with pauses between."""
    parts: list[Sound] = []
    while sum(part.size for part in parts) < SECONDS * RATE_HZ:
        length_s = rng.uniform(0.06, 0.25)
        for _ in range(rng.integers(3, 12)):
            parts += [tone(length_s, rng.choice(_ROWS_HZ), rng.choice(_COLUMNS_HZ)), tone(length_s)]
        parts.append(tone(rng.uniform(0.5, 4)))
    return np.concatenate(parts) * _gain(rng, -25, -8)


def beeps(rng: np.random.Generator) -> Sound:
    """Call waiting, the beep of a recorder, and the three notes before 'the number you have dialled'."""
    patterns: list[list[tuple[float, Sequence[float]]]] = [
        [(0.4, (450,)), (4.0, ())],
        [(0.3, (440,)), (6.0, ())],
        [(0.4, (1400,)), (7.0, ())],
        [(0.33, (950,)), (0.33, (1400,)), (0.33, (1800,)), (4.0, ())],
        [(0.2, (1000,)), (1.5, ())],
    ]
    return train(SECONDS, *patterns[rng.integers(len(patterns))]) * _gain(rng, -30, -8)


def fax(rng: np.random.Generator) -> Sound:
    """Calling tone, answer tone with phase reversals, V.21 preamble, and a page in scrambled phase shifts."""
    t = _time(3.0)
    answer = np.sin(2 * np.pi * 2100 * t + np.pi * np.floor(t / 0.45))
    bits = np.repeat(rng.integers(0, 2, 900), round(RATE_HZ / 300))
    fsk = np.sin(2 * np.pi * np.cumsum(np.where(bits, 1650, 1850)) / RATE_HZ)
    phases = np.repeat(rng.integers(0, 8, 8 * 2400), 4)[: 8 * RATE_HZ]
    page = np.sin(2 * np.pi * 1800 * np.arange(phases.size) / RATE_HZ + phases * np.pi / 4)
    return np.concatenate([train(6.0, (0.5, (1100,)), (3.0, ())), answer, fsk, page]) * _gain(rng, -28, -12)


def sweep(rng: np.random.Generator) -> Sound:
    """A line test's gliding tone, or a siren."""
    t = _time(SECONDS)
    rate = rng.uniform(0.1, 2)
    hz = rng.uniform(600, 1500) * 2 ** (rng.uniform(0.3, 1.2) * np.sin(2 * np.pi * rate * t))
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * _gain(rng, -30, -12)


# --- clicks


def clicks(rng: np.random.Generator) -> Sound:
    """Switching, crackle, a keyboard, knocks on the desk."""
    whole = np.zeros(round(SECONDS * RATE_HZ))
    per_s, longest_s = rng.choice([0.5, 3, 8, 30]), rng.choice([0.002, 0.01, 0.06])
    for _ in range(max(3, int(SECONDS * per_s))):
        size = max(4, round(rng.uniform(0.2, 1) * longest_s * RATE_HZ))
        at = int(rng.integers(0, whole.size - size))
        whole[at : at + size] += rng.standard_normal(size) * np.exp(-np.linspace(0, 5, size)) * _gain(rng, -30, -6)
    return whole


# --- music


def _notes(rng: np.random.Generator, count: int, low_hz: float, octaves: int = 2) -> list[float]:
    """A melody on a pentatonic or major scale that goes by small steps."""
    scale = ([0, 2, 4, 7, 9], [0, 2, 4, 5, 7, 9, 11])[rng.integers(2)]
    ladder = [low_hz * 2 ** ((12 * octave + step) / 12) for octave in range(octaves) for step in scale]
    place, out = int(rng.integers(len(ladder))), []
    for _ in range(count):
        place = int(np.clip(place + rng.integers(-2, 3), 0, len(ladder) - 1))
        out.append(ladder[place])
    return out


def _voice(rng: np.random.Generator, hz: float, seconds: float, kind: str) -> Sound:
    """One note: plucked, bowed (with vibrato), blown, organ, bell, or square as from a toy."""
    t = _time(seconds)
    if kind == "plucked":
        return sum((np.sin(2 * np.pi * hz * k * t) / k**1.5 * np.exp(-2 * k * t) for k in range(1, 8)), 0 * t)
    if kind == "bell":
        bend = 3 * np.exp(-3 * t) * np.sin(2 * np.pi * 3.5 * hz * t)
        return np.asarray(np.sin(2 * np.pi * hz * t + bend) * np.exp(-2 * t))
    if kind == "square":
        return np.sign(np.sin(2 * np.pi * hz * t)) * 0.5
    attack = np.minimum(1, np.minimum(t, t[-1] - t) / 0.06)
    if kind == "organ":
        return np.asarray(attack * sum((np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3, 4, 6, 8)), 0 * t))
    depth, partials = (0.012, 14) if kind == "bowed" else (0.005, 3)
    phase = 2 * np.pi * np.cumsum(hz * (1 + depth * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * t))) / RATE_HZ
    return np.asarray(attack * sum((np.sin(k * phase) / k for k in range(1, partials)), 0 * t))


KINDS = ("plucked", "bell", "square", "organ", "bowed", "blown")


def _put(whole: Sound, at_s: float, sound: Sound) -> None:
    start = round(at_s * RATE_HZ)
    part = sound[: max(0, whole.size - start)]
    whole[start : start + part.size] += part


def melody(rng: np.random.Generator) -> Sound:
    """One instrument alone."""
    whole, kind = np.zeros(round(SECONDS * RATE_HZ)), str(rng.choice(KINDS))
    beat_s, at_s = rng.uniform(0.18, 0.6), 0.0
    for hz in _notes(rng, 200, rng.uniform(150, 500)):
        length_s = beat_s * rng.choice([1, 1, 2, 3])
        _put(whole, at_s, _voice(rng, hz, length_s, kind))
        at_s += length_s
        if at_s > SECONDS:
            break
    return _levelled(whole, _gain(rng, -30, -14))


def chords(rng: np.random.Generator) -> Sound:
    """Three or four voices at once, changing slowly."""
    whole, kind = np.zeros(round(SECONDS * RATE_HZ)), str(rng.choice(KINDS))
    bar_s = rng.uniform(0.8, 2.5)
    for bar in range(int(SECONDS / bar_s) + 1):
        root = 110 * 2 ** (rng.choice([0, 5, 7, 9, 3]) / 12) * rng.choice([1, 2])
        for step in ([0, 4, 7], [0, 3, 7, 10], [0, 4, 7, 11])[rng.integers(3)]:
            _put(whole, bar * bar_s, _voice(rng, root * 2 ** (step / 12), bar_s, kind))
    return _levelled(whole, _gain(rng, -30, -14))


def percussion(rng: np.random.Generator) -> Sound:
    """Bass drum, snare and cymbal."""
    whole, beat_s = np.zeros(round(SECONDS * RATE_HZ)), rng.uniform(0.2, 0.4)
    t = _time(0.25)
    bass = np.sin(2 * np.pi * (50 * t + 12 * (1 - np.exp(-20 * t)))) * np.exp(-12 * t)
    for beat in range(int(SECONDS / beat_s)):
        hiss = noise(rng, 0.25)
        if beat % 4 == 0 or rng.random() < 0.15:
            _put(whole, beat * beat_s, bass)
        if beat % 4 == 2:
            _put(whole, beat * beat_s, 0.4 * hiss * np.exp(-15 * t))
        _put(whole, (beat + rng.choice([0, 0.5])) * beat_s, 0.15 * hiss * np.exp(-40 * t))
    return _levelled(whole, _gain(rng, -32, -16))


def band(rng: np.random.Generator) -> Sound:
    """All together, as most hold music is."""
    parts = [melody(rng), 0.7 * chords(rng), percussion(rng)]
    return _levelled(np.sum(parts, axis=0), _gain(rng, -28, -14))


MAKERS: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        digital_silence, comfort_noise, line_noise, loud_noise, gusts, hum, ring_back, busy, dial_tone, keys, beeps,
        fax, sweep, clicks, melody, chords, percussion, band,
    )
}  # fmt: skip


def on_a_line(sound: Sound, rng: np.random.Generator, floor: bool = True) -> npt.NDArray[np.float32]:
    """The sound with a line's faint noise under it (without `floor`: nothing), as float32 that does not clip."""
    if floor:
        sound = sound + noise(rng, sound.size / RATE_HZ, 1.0)[: sound.size] * _gain(rng, -75, -55)
    peak: Any = np.abs(sound).max(initial=0.0)
    return (sound / max(1.0, peak / 0.99)).astype(np.float32)
