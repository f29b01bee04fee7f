"""What memory the longest recordings need: four hours of stereo, hardly louder than silence, in a file of a few MB.

    python bench/long_recording.py                      # made here: FLAC, 4 h, stereo; minutes
    python bench/long_recording.py --hours 1 --decode   # decoding alone

Decoded, looked through for speech and sounds by the engines of the settings, and cut: each in a process of its own, by
its peak of resident memory. Exit status 1 when one needs more than the memory that `callqa` counts on for a worker.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.engines import MEMORY_GB, load_engines
from pipeline.hearing.decode import decode, decode_spans
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.run import hear_audio
from pipeline.settings import load_settings
from pipeline.storage.files import file_sha256
from pipeline.timeline import Span

RATE_HZ = 8000


def make(path: Path, hours: float) -> None:
    """Two channels of faint noise, different ones, a minute at a time."""
    command = [ffmpeg_executable("auto"), "-v", "error", "-y", "-f", "s16le", "-ar", str(RATE_HZ), "-ac", "2"]
    noise = np.random.default_rng(1)
    with subprocess.Popen([*command, "-i", "pipe:0", "-c:a", "flac", str(path)], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin
        for _ in range(round(hours * 60)):
            encoder.stdin.write(noise.integers(-1, 2, (60 * RATE_HZ, 2), dtype=np.int16).tobytes())


def step(name: str, path: Path) -> None:
    """One step, in a process of its own; prints its peak in MB and its seconds."""
    settings = load_settings()
    start = time.monotonic()
    if name == "clips":
        decode_spans(path, [Span(10, 40), Span(3000, 3060)], settings.decode, settings.ingest, file_sha256(path))
    else:
        audio = decode(path, settings.decode, settings.ingest)
        if name == "hear":
            hear_audio(audio, "0" * 64, load_engines(settings), settings)
    peak_kb = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak_kb[1]) // 1000 if peak_kb else 0, round(time.monotonic() - start))


def main() -> int:
    """Run and print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.99)
    parser.add_argument("--decode", action="store_true", help="decoding and cutting alone, without models")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step(given.step, given.file)
        return 0
    most = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.flac"
        make(path, given.hours)
        print(f"{given.hours:g} h of stereo in {path.stat().st_size / 1e6:.1f} MB")
        for name in ("decode", "clips") if given.decode else ("decode", "clips", "hear"):
            command = [sys.executable, __file__, "--step", name, "--file", str(path)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            print(f"{name:7} peak {int(told[0])} MB, {told[1]} s")
            most = max(most, int(told[0]))
    print(f"counted on for a worker: {MEMORY_GB * 1000:.0f} MB")
    return 1 if most > MEMORY_GB * 1000 else 0


if __name__ == "__main__":
    sys.exit(main())
