"""Achievement rates and what changed in them, with care for small numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

FEW_DECIDED = 10
"""A rate of fewer verdicts is told as "3/4", and has no colour."""

COMPARED_DECIDED = 20
"""A change is told where both times have so many verdicts, or calls."""

CLEAR_SIGMAS = 2.0
"""A change that is larger than so many standard errors is called clear; chance alone makes one of twenty so large."""


@dataclass(frozen=True, slots=True)
class AchievementRate:
    """Passes and fails of some checks."""

    passes: int = 0
    fails: int = 0

    def __add__(self, other: AchievementRate) -> AchievementRate:
        return AchievementRate(self.passes + other.passes, self.fails + other.fails)

    @property
    def decided(self) -> int:
        return self.passes + self.fails

    @property
    def share(self) -> float | None:
        """The rate, 0–1; None where nothing could be told."""
        return self.passes / self.decided if self.decided else None

    @property
    def is_few(self) -> bool:
        return self.decided < FEW_DECIDED


@dataclass(frozen=True, slots=True)
class NumberChange:
    """How a number differs from that of the time before; `is_clear`: by more than chance makes of it."""

    by: float
    is_clear: bool


def rate_change(now: AchievementRate, before: AchievementRate) -> NumberChange | None:
    """By how much a rate has risen, 0–1; None where either time has too few verdicts. Verdicts count as independent,
    as they nearly are over the calls of a rule."""
    if min(now.decided, before.decided) < COMPARED_DECIDED or now.share is None or before.share is None:
        return None
    by, both = now.share - before.share, (now + before).share or 0.0
    spread = sqrt(both * (1 - both) * (1 / now.decided + 1 / before.decided))
    return NumberChange(by, bool(by) and abs(by) >= CLEAR_SIGMAS * spread)


def mean_change(now: SpreadMean, before: SpreadMean) -> NumberChange | None:
    """By how much a mean has risen; None where either time has too few calls."""
    if min(now.count, before.count) < COMPARED_DECIDED or now.mean is None or before.mean is None:
        return None
    by = now.mean - before.mean
    spread = sqrt(now.variance / now.count + before.variance / before.count)
    return NumberChange(by, bool(by) and abs(by) >= CLEAR_SIGMAS * spread)


@dataclass(frozen=True, slots=True)
class SpreadMean:
    """A mean of so many numbers, and their variance."""

    mean: float | None
    variance: float
    count: int


def rate_step(share: float, target: float) -> int:
    """Which of five colours a rate has, 1 the worst; 1 and 2 are below the target."""
    steps = (target - 0.2, target, (1 + target) / 2, 1 - (1 - target) / 10)
    return 1 + sum(share >= step for step in steps)
