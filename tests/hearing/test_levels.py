"""Levels of silence, of a sine, and of what is left at the end."""

from __future__ import annotations

import numpy as np

from pipeline.datatypes import LEVEL_STEP_S, RATE_HZ
from pipeline.hearing.levels import levels_dbfs


def test_levels() -> None:
    assert levels_dbfs(np.zeros(0, np.float32)) == ()
    assert levels_dbfs(np.zeros(RATE_HZ, np.float32)) == (-100.0,) * 4
    t = np.arange(RATE_HZ) / RATE_HZ
    sine = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    assert levels_dbfs(sine) == (-9.0,) * 4
    step = int(LEVEL_STEP_S * RATE_HZ)
    assert levels_dbfs(sine[: step + 160]) == (-9.0, -9.0)
