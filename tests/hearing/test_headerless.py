"""Recordings without a header: coding by name, sides by the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import RATE_HZ
from pipeline.hearing.decode import decode
from pipeline.settings import Decode, Ingest
from tests.hearing.test_decode import sounds_like
from tests.support.malformed import encoded, voice

DECODE = Decode()  # type: ignore[call-arg]
SECONDS = 6.0


def conversation(rate_hz: int = 8000) -> np.ndarray:
    """Two parties that take turns; shape (n, 2)."""
    a, b = voice(SECONDS, 1, rate_hz), voice(SECONDS, 2, rate_hz)
    turn = (np.arange(a.size) // rate_hz) % 2 == 0
    return np.stack([np.where(turn, a, a // 50), np.where(turn, b // 50, b)], axis=1).astype(np.int16)


def put(path: Path, samples: np.ndarray, coder: str, form: str, rate_hz: int) -> None:
    path.write_bytes(encoded(["-c:a", coder, "-f", form], samples, rate_hz))


@pytest.mark.parametrize(
    ("name", "coder", "form", "rate_hz"),
    [
        *((f"a.{kind}{digits}", "pcm_s16le", "s16le", rate_hz)
          for kind in ("sln", "SLN", "slin")
          for digits, rate_hz in (("", 8000), ("12", 12000), ("16", 16000), ("44", 44100), ("48", 48000))),
        ("a.raw", "pcm_s16le", "s16le", 8000),
        ("a.pcm", "pcm_s16le", "s16le", 8000),
        *((f"a.{kind}", "pcm_mulaw", "mulaw", 8000) for kind in ("mu", "ul", "ulaw", "ulw", "pcm")),
        *((f"a.{kind}", "pcm_alaw", "alaw", 8000) for kind in ("al", "alw", "alaw")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sides", [1, 2])
def test_plain_samples(tmp_path: Path, name: str, coder: str, form: str, rate_hz: int, sides: int) -> None:
    both = conversation(rate_hz)
    put(tmp_path / name, both if sides == 2 else both[:, 0], coder, form, rate_hz)
    audio = decode(tmp_path / name, DECODE)
    assert (audio.layout, audio.source_rate_hz) == ("stereo" if sides == 2 else "mono", rate_hz)
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.01)
    if rate_hz == 8000:
        for side in range(sides):
            assert sounds_like(audio.samples[side], both[:, side]) > 0.95


@pytest.mark.parametrize("name", ["a.raw", "a.ul", "a.pcm"])
def test_one_dead_side_is_still_a_side(tmp_path: Path, name: str) -> None:
    both = conversation()
    both[:, 1] = 0
    coding = ("pcm_s16le", "s16le") if name == "a.raw" else ("pcm_mulaw", "mulaw")
    put(tmp_path / name, both, *coding, 8000)
    assert decode(tmp_path / name, DECODE).duration_s == pytest.approx(SECONDS, abs=0.01)


def test_both_sides_the_same_are_one_call_at_its_own_speed(tmp_path: Path) -> None:
    one = voice(SECONDS)
    put(tmp_path / "a.raw", np.stack([one, one], axis=1), "pcm_s16le", "s16le", 8000)
    audio = decode(tmp_path / "a.raw", DECODE)
    assert (audio.layout, audio.duration_s) == ("fake-stereo", pytest.approx(SECONDS, abs=0.01))


def test_hiss_is_not_taken_for_two_sides(tmp_path: Path) -> None:
    hiss = np.random.default_rng(3).normal(0, 800, 48_000).astype(np.int16)
    put(tmp_path / "a.raw", hiss, "pcm_s16le", "s16le", 8000)
    assert decode(tmp_path / "a.raw", DECODE).duration_s == pytest.approx(6, abs=0.01)


def test_the_settings_go_before_the_samples(tmp_path: Path) -> None:
    put(tmp_path / "a.raw", voice(SECONDS), "pcm_s16le", "s16le", 8000)
    ingest = Ingest(raw_rate_hz=16000, raw_channels=2)  # type: ignore[call-arg]
    assert decode(tmp_path / "a.raw", DECODE, ingest).duration_s == pytest.approx(SECONDS / 4, abs=0.01)


def test_g722(tmp_path: Path) -> None:
    put(tmp_path / "a.g722", voice(SECONDS, 1, 16000), "g722", "g722", 16000)
    audio = decode(tmp_path / "a.g722", DECODE)
    assert (audio.layout, audio.source_rate_hz) == ("mono", 16000)
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.02)


@pytest.mark.parametrize(("digits", "rate"), [("16", "16k"), ("24", "24k"), ("32", "32k"), ("40", "40k")])
def test_g726(tmp_path: Path, digits: str, rate: str) -> None:
    original = voice(SECONDS)
    path = tmp_path / f"a.g726-{digits}"
    path.write_bytes(encoded(["-c:a", "g726le", "-b:a", rate, "-f", "g726le"], original))
    audio = decode(path, DECODE)
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.02)
    assert sounds_like(audio.samples[0], original) > 0.9


def oki_adpcm(samples: np.ndarray) -> bytes:
    """Four bits a sample, the first in the high half of a byte. Source: Dialogic ADPCM algorithm, 1988."""
    steps = [int(16 * 1.1**n) for n in range(49)]
    moves = (-1, -1, -1, -1, 2, 4, 6, 8)
    codes, signal, index = [], 0, 0
    for wanted in (int(sample) >> 4 for sample in samples):
        step, rest = steps[index], wanted - signal
        code = 8 if rest < 0 else 0
        rest = abs(rest)
        for bit, part in ((4, step), (2, step >> 1), (1, step >> 2)):
            if rest >= part:
                code, rest = code | bit, rest - part
        change = sum(part for bit, part in ((4, step), (2, step >> 1), (1, step >> 2)) if code & bit) + (step >> 3)
        signal = max(-2048, min(2047, signal - change if code & 8 else signal + change))
        index = max(0, min(48, index + moves[code & 7]))
        codes.append(code)
    return bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))


def test_vox(tmp_path: Path) -> None:
    original = voice(SECONDS)
    (tmp_path / "a.vox").write_bytes(oki_adpcm(original))
    audio = decode(tmp_path / "a.vox", DECODE)
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.01)
    assert audio.samples.shape[1] == pytest.approx(SECONDS * RATE_HZ, abs=100)
    assert sounds_like(audio.samples[0], original) > 0.9
