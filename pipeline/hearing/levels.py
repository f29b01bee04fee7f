"""How loud a recording is over time."""

from __future__ import annotations

import numpy as np

from pipeline.datatypes import LEVEL_STEP_S, RATE_HZ, Samples

_STEPS_AT_ONCE = 256
"""Steps whose squares are held together: memory stays the same however long the recording is."""


def levels_dbfs(samples: Samples) -> tuple[float, ...]:
    """RMS of one channel (shape (n,)) per `LEVEL_STEP_S`, in dBFS, at least -100, rounded to 0.1."""
    step = int(LEVEL_STEP_S * RATE_HZ)
    levels: list[float] = []
    for at in range(0, samples.size, _STEPS_AT_ONCE * step):
        part = samples[at : at + _STEPS_AT_ONCE * step]
        starts = np.arange(0, part.size, step)
        sizes = np.diff(np.append(starts, part.size))
        power = np.add.reduceat(np.square(part, dtype=np.float64), starts) / sizes
        in_db = np.maximum(10 * np.log10(np.maximum(power, 1e-10)), -100.0)
        levels += np.round(in_db, 1).tolist()
    return tuple(levels)
