"""How loud a recording is over time."""

from __future__ import annotations

import numpy as np

from pipeline.datatypes import LEVEL_STEP_S, RATE_HZ, Samples


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
