"""Whether memory stays flat while one process hears call after call.

    python bench/steady_memory.py                     # 500 calls of 4 s
    python bench/steady_memory.py --calls 100 --seconds 20

The calls are cut from the samples, at another place each time, mono and stereo in turn, so that all of hearing runs:
decoding, voice activity, sounds, language, words, speakers. Memory is what the process holds (resident) after every
50 calls. The first 50 fill caches and allocators; it passes when the last stays within 5 % of what was held then.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.engines import load_engines
from pipeline.datatypes import RATE_HZ, Audio
from pipeline.hearing.decode import decode
from pipeline.run import hear_audio
from pipeline.settings import Settings, load_settings

EVERY = 50


def resident_mb() -> float:
    """Memory held now, in MiB; where the system does not tell, the most ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def calls(settings: Settings, seconds: float) -> Iterator[Audio]:
    """Pieces of the samples, without end; every recording is decoded anew."""
    draw = np.random.default_rng(1)
    files = sorted(p for p in (CHECKOUT / "data" / "samples").iterdir() if p.suffix in (".wav", ".mp3"))
    while True:
        for file in files:
            audio = decode(file, settings.decode, settings.ingest)
            size = int(seconds * RATE_HZ)
            at = int(draw.integers(0, max(1, audio.samples.shape[1] - size)))
            piece = audio.samples[:, at : at + size]
            if draw.random() < 0.5 or audio.channels == 1:
                yield Audio(piece.mean(axis=0, keepdims=True, dtype=np.float32), "mono")
            else:
                yield Audio(piece, "stereo")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    settings = load_settings()
    settings = settings.model_copy(update={"hear": settings.hear.model_copy(update={"threads": given.threads})})
    engines = load_engines(settings)
    held: list[float] = []
    for number, audio in zip(range(1, given.calls + 1), calls(settings, given.seconds), strict=False):
        hear_audio(audio, "", engines, settings)
        if number % EVERY == 0 or number == given.calls:
            gc.collect()
            held.append(resident_mb())
            print(f"{number} calls: {held[-1]:.0f} MB, {time.process_time():.0f} s of processor time", flush=True)
    growth = held[-1] / held[0] - 1
    print(f"from the first {EVERY} calls to the last: {growth:+.1%}")
    return 1 if growth > 0.05 else 0


if __name__ == "__main__":
    sys.exit(main())
