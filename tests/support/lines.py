"""A telephone line's sound in one piece, sent through real codecs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from pipeline.datatypes import Audio
from pipeline.hearing.decode import decode
from pipeline.settings import Decode
from tests.support.malformed import AMR, MP3, encoded, voice, wav

RATE = 8000
DECODE = Decode()  # type: ignore[call-arg]
NOISY = ["mulaw", "gsm", "mp3", "opus"]


def tone(seconds: float, *frequencies_hz: float, level: float = 0.1) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    waves = [level * np.sin(2 * np.pi * f * t) for f in frequencies_hz]
    return np.mean(waves, axis=0) if waves else np.zeros(t.size)


def cadence(times: int, *pattern: tuple[float, tuple[float, ...]]) -> np.ndarray:
    """`pattern`, (seconds, frequencies) repeated, the last pause left out."""
    parts = [tone(seconds, *frequencies) for _ in range(times) for seconds, frequencies in pattern]
    return np.concatenate(parts[:-1])


def line(*parts: np.ndarray, noise_db: float = -55.0, seed: int = 0) -> np.ndarray:
    """The parts one after another on a line with noise, between two seconds of it."""
    still = np.zeros(2 * RATE)
    whole = np.concatenate([still, *parts, still])
    return whole + 10 ** (noise_db / 20) * np.random.default_rng(seed).standard_normal(whole.size)


def speech(seconds: float, seed: int = 1) -> np.ndarray:
    return voice(seconds, seed) / 32768


def hold_music(seconds: float, seed: int = 3) -> np.ndarray:
    """Chords and a melody of plucked notes, as on hold."""
    rng = np.random.default_rng(seed)
    whole = np.zeros(int(seconds * RATE) + RATE * 2)
    for beat in np.arange(0, seconds, 0.5):
        chord = 220 * 2 ** (np.array([0, 4, 7]) / 12 + rng.integers(0, 8) / 12)
        for f in [*chord, 2 * chord[rng.integers(0, 3)]]:
            t = np.arange(int(1.5 * RATE)) / RATE
            note = sum(np.sin(2 * np.pi * f * k * t) / k**1.5 for k in range(1, 6)) * np.exp(-2.5 * t)
            whole[int(beat * RATE) : int(beat * RATE) + t.size] += 0.03 * note
    return whole[: int(seconds * RATE)]


def through(tmp_path: Path, samples: np.ndarray, coding: str) -> Audio:
    """Decode the samples, (n,) or (n, 2), after a telephone codec."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    if coding == "gsm":
        buffer = io.BytesIO()
        soundfile.write(buffer, pcm, RATE, format="WAV", subtype="GSM610")
        data = buffer.getvalue()
    elif coding == "pcm":
        data = wav(pcm.tobytes(), channels=channels)
    else:
        data = encoded({
            "mulaw": ["-c:a", "pcm_mulaw", "-f", "wav"],
            "alaw": ["-c:a", "pcm_alaw", "-f", "wav"],
            "mp3": ["-c:a", "libmp3lame", "-b:a", "16k", "-f", "mp3"] if channels == 1 else MP3,
            "opus": ["-c:a", "libopus", "-b:a", "16k" if channels == 1 else "64k", "-f", "ogg"],
            "amr": AMR,
        }[coding], pcm)  # fmt: skip
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    return decode(path, DECODE)


def in_noise(tmp_path: Path, sound: np.ndarray, coding: str, snr_db: float = 10.0) -> Audio:
    """The sound, at the level of speech or below, in white noise `snr_db` under -20 dBFS."""
    return through(tmp_path, line(sound, noise_db=-20 - snr_db), coding)


def still(seconds: float, seed: int, db: float = -58) -> np.ndarray:
    return 10 ** (db / 20) * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def dead(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE))


RING_CN = cadence(3, (1.0, (450,)), (4.0, ()))


BUSY_CN = cadence(5, (0.35, (450,)), (0.35, ()))
