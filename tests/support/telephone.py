"""What a telephone line carries beside speech, made here with known times: tones, keys, music, and how lines end.

For the tests and for bench/line_events.py. Sound is float, shape (n,), at `RATE_HZ`; levels are RMS in dBFS.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000

Sound = npt.NDArray[np.float64]
Cadence = tuple[tuple[float, tuple[float, ...]], ...]
"""One ring or one beep: seconds with frequencies in Hz, none of them for a pause. The last is the pause to the next."""

# ITU-T E.180 supplement 2
RINGS: dict[str, Cadence] = {
    "cn": ((1.0, (450,)), (4.0, ())),
    "us": ((2.0, (440, 480)), (4.0, ())),
    "uk": ((0.4, (400, 450)), (0.2, ()), (0.4, (400, 450)), (2.0, ())),
    "de": ((1.0, (425,)), (4.0, ())),
    "hk": ((0.4, (440, 480)), (0.2, ()), (0.4, (440, 480)), (3.0, ())),
    "au": ((0.4, (413, 438)), (0.2, ()), (0.4, (413, 438)), (2.0, ())),
    "kr": ((1.0, (440, 480)), (2.0, ())),
    "es": ((1.5, (425,)), (3.0, ())),
}
BUSIES: dict[str, Cadence] = {
    "cn": ((0.35, (450,)), (0.35, ())),
    "cn congestion": ((0.7, (450,)), (0.7, ())),
    "us": ((0.5, (480, 620)), (0.5, ())),
    "us congestion": ((0.25, (480, 620)), (0.25, ())),
    "uk": ((0.375, (400,)), (0.375, ())),
    "de": ((0.48, (425,)), (0.48, ())),
    "mx": ((0.25, (425,)), (0.25, ())),
}

KEYS = {
    key: (row, column)
    for row, keys in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for column, key in zip((1209, 1336, 1477, 1633), keys, strict=True)
}
"""Every key of DTMF with its row and column, in Hz (ITU-T Q.23)."""


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE_HZ))


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The sound with this RMS, silence within it counted."""
    return np.asarray(sound * (10 ** (dbfs / 20) / max(1e-9, float(np.sqrt(np.mean(sound**2))))))


def tone(seconds: float, *frequencies_hz: float, dbfs: float = -20.0) -> Sound:
    """Sines of equal level, together at `dbfs`; switched on and off as exchanges do, within 5 ms."""
    if not frequencies_hz:
        return silence(seconds)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * f * t) for f in frequencies_hz], axis=0)
    wave *= 10 ** (dbfs / 20) * np.sqrt(2 / len(frequencies_hz))
    edge = np.minimum(1.0, np.minimum(t + 1 / RATE_HZ, t[::-1] + 1 / RATE_HZ) / 0.005)
    return np.asarray(wave * edge)


def cadence(times: int, pattern: Cadence, dbfs: float = -20.0, off_by: float = 1.0) -> Sound:
    """The pattern so many times, its last pause left out; `off_by` detunes its frequencies."""
    parts = [tone(s, *(off_by * f for f in hz), dbfs=dbfs) for _ in range(times) for s, hz in pattern]
    return np.concatenate(parts[:-1])


def key(name: str, seconds: float, dbfs: float = -20.0, twist_db: float = 0.0, off_by: float = 1.0) -> Sound:
    """One key; the column's tone is `twist_db` above the row's."""
    row, column = (off_by * hz for hz in KEYS[name])
    up = 10 ** (twist_db / 20)
    return at_level(tone(seconds, row) + up * tone(seconds, column), dbfs)


def click(rng: np.random.Generator, dbfs: float = -15.0) -> Sound:
    """A relay or a handset put down: some 20 ms of noise that dies away."""
    n = round(rng.uniform(0.01, 0.03) * RATE_HZ)
    return at_level(rng.standard_normal(n) * np.exp(-np.arange(n) / (n / 4)), dbfs)


def noise(seconds: float, rng: np.random.Generator, dbfs: float = -58.0) -> Sound:
    """Line noise, somewhat stronger at low frequencies."""
    white = rng.standard_normal(round(seconds * RATE_HZ) + 1)
    return at_level(white[1:] + 0.6 * white[:-1], dbfs) if seconds > 0 else silence(0)


# --- music

MUSIC = ("plucked", "piano", "strings", "pop", "chip", "flute", "song")
_PROGRESSIONS = ((0, 5, 7, 0), (0, 9, 5, 7), (0, 7, 9, 5), (9, 5, 0, 7), (2, 7, 0, 9))
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def _partials(hz: float, seconds: float, fall: float, rng: np.random.Generator, vibrato: float = 0.0) -> Sound:
    """Harmonics up to the band's end, the k-th at k ** -fall."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sway = vibrato / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * t + rng.uniform(0, 6))
    phase = 2 * np.pi * hz * (t + sway)
    top = min(24, int(3500 / hz))
    return np.sum([np.sin(k * phase + rng.uniform(0, 6)) / k**fall for k in range(1, max(2, top + 1))], axis=0)


def _swell(seconds: float, attack_s: float, release_s: float) -> Sound:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.asarray(np.clip(np.minimum((t + 1e-4) / attack_s, (seconds - t) / release_s), 0, 1))


def _decay(seconds: float, half_s: float) -> Sound:
    return np.asarray(0.5 ** (np.arange(round(seconds * RATE_HZ)) / RATE_HZ / half_s))


class _Score:
    def __init__(self, seconds: float) -> None:
        self.sound = silence(seconds + 6)

    def add(self, at_s: float, sound: Sound, gain: float = 1.0) -> None:
        start = round(at_s * RATE_HZ)
        end = min(self.sound.size, start + sound.size)
        self.sound[start:end] += gain * sound[: end - start]


def music(kind: str, seconds: float, rng: np.random.Generator, dbfs: float = -22.0) -> Sound:
    """Music as heard in queues and on hold: one of `MUSIC`, another piece for every state of `rng`."""
    beat_s = 60 / rng.uniform(72, 132)
    root_hz = 130.8 * 2 ** (rng.integers(0, 12) / 12)
    chords = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    score = _Score(seconds)
    for bar, start_s in enumerate(np.arange(0, seconds, 4 * beat_s)):
        degree = chords[bar % len(chords)]
        third = 3 if degree in (2, 9) else 4
        chord = [root_hz * 2 ** ((degree + step) / 12) for step in (0, third, 7)]
        if kind in ("plucked", "piano"):
            for n in range(8):
                hz = chord[n % 3] * (2 if n % 4 == 3 else 1)
                half_s = 0.25 if kind == "plucked" else 0.5
                note = _partials(hz, 2.0, 1.3, rng) * _decay(2.0, half_s) * _swell(2.0, 0.005, 0.1)
                score.add(start_s + n * beat_s / 2, note)
        if kind in ("strings", "pop", "song"):
            for hz in chord:
                held = _partials(hz, 4 * beat_s, 1.2, rng, 0.004) * _swell(4 * beat_s, 0.3, 0.2)
                score.add(start_s, held, 0.5 if kind == "song" else 1.0)
        if kind == "pop":
            score.add(start_s, _partials(chord[0] / 2, 4 * beat_s, 1.5, rng) * _decay(4 * beat_s, 1.0), 1.5)
            for n in range(8):
                hat = rng.standard_normal(round(0.05 * RATE_HZ))
                score.add(start_s + n * beat_s / 2, np.diff(hat) * _decay(0.05, 0.012)[1:], 1.0)
            for n in (1, 3):
                snare = rng.standard_normal(round(0.2 * RATE_HZ)) * _decay(0.2, 0.03)
                score.add(start_s + n * beat_s, snare, 1.5)
        if kind in ("piano", "pop", "chip", "flute", "song"):
            _melody(score, kind, start_s, beat_s, root_hz, rng)
    return at_level(score.sound[: round(seconds * RATE_HZ)], dbfs)


def _melody(score: _Score, kind: str, start_s: float, beat_s: float, root_hz: float, rng: np.random.Generator) -> None:
    at_s, end_s = start_s, start_s + 4 * beat_s
    while at_s < end_s - 0.01:
        length_s = min(float(rng.choice([0.5, 1, 1, 2])) * beat_s, end_s - at_s)
        hz = 2 * root_hz * 2 ** (_SCALE[rng.integers(len(_SCALE))] / 12)
        if kind == "chip":
            score.add(at_s, _partials(hz, 0.9 * length_s, 1.0, rng) * _swell(0.9 * length_s, 0.005, 0.02))
        elif kind == "flute":
            breath = 0.02 * rng.standard_normal(round(length_s * RATE_HZ))
            blown = _partials(hz, length_s, 2.0, rng, 0.006)
            n = min(breath.size, blown.size)
            score.add(at_s, (blown[:n] + breath[:n]) * _swell(length_s, 0.05, 0.06)[:n])
        elif kind == "song":
            score.add(at_s, _sung(hz / 2, length_s, rng) * _swell(length_s, 0.06, 0.08), 2.0)
        else:
            score.add(at_s, _partials(hz, 1.5, 1.5, rng) * _decay(1.5, 0.3) * _swell(1.5, 0.005, 0.1), 1.2)
        at_s += length_s


def _sung(hz: float, seconds: float, rng: np.random.Generator) -> Sound:
    """A vowel on one note: harmonics under two formants."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * hz * (t + 0.01 / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * t))
    first, second = ((700, 1200), (300, 2200), (450, 900), (500, 1800))[rng.integers(4)]
    out = np.zeros(t.size)
    for k in range(1, int(3400 / hz)):
        gain = sum(1 / (1 + ((k * hz - formant) / 120) ** 2) for formant in (first, second)) + 0.02
        out += gain * np.sin(k * phase)
    return out
