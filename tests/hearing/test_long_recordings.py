"""Hours of recording need the memory of their samples and little more, and are heard as minutes are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.vad import _loudness
from pipeline.datatypes import LEVEL_STEP_S, RATE_HZ
from pipeline.hearing.levels import levels_dbfs
from pipeline.hearing.spectra import narrowband
from pipeline.storage.files import file_sha256
from tests.support.malformed import FLAC, encoded, voice

pytestmark = pytest.mark.slow

MINUTES = 20
SAMPLES_MB = 2 * MINUTES * 60 * RATE_HZ * 4 / 1e6

STEP = r"""
import re, sys
from pathlib import Path
from pipeline.hearing.decode import decode, decode_spans
from pipeline.hearing.line_ends import line_ends
from pipeline.hearing.levels import levels_dbfs
from pipeline.hearing.line_events import line_events
from pipeline.settings import Decode
from pipeline.timeline import Span
path, what = Path(sys.argv[1]), sys.argv[2]
if what == "clips":
    decode_spans(path, [Span(10, 70), Span(600, 640)], Decode(), sha256=sys.argv[3])
elif what != "nothing":
    audio = decode(path, Decode(), sha256=sys.argv[3])
    if what == "sounds":
        line_ends(audio, line_events(audio))
        [levels_dbfs(channel) for channel in audio.samples]
print(int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000)
"""


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices, 20 minutes, in FLAC."""
    path = tmp_path_factory.mktemp("long") / "a.flac"
    minute = np.stack([voice(60, 1), voice(60, 2)], axis=1)
    path.write_bytes(encoded(FLAC, np.tile(minute, (MINUTES, 1))))
    return path


def test_memory_is_that_of_the_samples(long_recording: Path) -> None:
    def peak_mb(what: str) -> float:
        command = [sys.executable, "-c", STEP, str(long_recording), what, file_sha256(long_recording)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    base_mb = peak_mb("nothing")
    # one block of what ffmpeg wrote is held besides
    assert SAMPLES_MB * 0.9 < peak_mb("decode") - base_mb < SAMPLES_MB + 110
    assert peak_mb("sounds") - base_mb < SAMPLES_MB * 1.5 + 200
    assert peak_mb("clips") - base_mb < 110, "what is not cut is not kept"


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, (1 << 21) + 10, (1 << 21) + 24, 3_245_729])
def test_the_narrow_band_has_no_seams(size: int) -> None:
    samples = np.random.default_rng(size).normal(0, 0.1, size).astype(np.float32)
    t = np.arange(-24, 25)
    kernel = np.sinc(t * 3700 / 8000) * 3700 / 8000 * np.hamming(t.size)
    whole = np.convolve(samples, kernel.astype(np.float32), "same")[::2]
    assert np.array_equal(narrowband(samples), whole)


def test_levels_have_no_seams() -> None:
    step = int(LEVEL_STEP_S * RATE_HZ)
    samples = np.random.default_rng(1).normal(0, 0.1, 600 * step + 77).astype(np.float32)
    levels = levels_dbfs(samples)
    assert len(levels) == 601
    assert all(levels[n] == levels_dbfs(samples[n * step : (n + 1) * step])[0] for n in range(601))


@pytest.mark.parametrize("size", [1, 2, 199, 200, 201, 48_017, 2_097_153, 3_000_001])
def test_loudness_is_the_percentile(size: int) -> None:
    draw = np.random.default_rng(size)
    for samples in (draw.normal(0, 0.1, size), np.round(draw.normal(0, 2, size)) / 8, np.zeros(size)):
        assert _loudness(samples.astype(np.float32)) == float(np.percentile(np.abs(samples.astype(np.float32)), 99.5))
