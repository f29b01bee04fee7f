"""Achievement rates and what changed in them, with care for small numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

FEW_DECIDED = 10
"""A rate of fewer verdicts is told as "3/4", and has no colour."""

COMPARED_DECIDED = 20
"""A change is told where both times have so many verdicts, or calls."""

CLEAR_SIGMAS, LISTED_SIGMAS = 2.0, 3.0
"""A change of so many standard errors is clear: chance alone makes one of twenty so large. Out of many agents only
those are listed whose change is larger still, one of 370."""


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
    """How a number differs from that of the time before, and how many standard errors that are."""

    by: float
    sigmas: float

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance makes of it."""
        return self.sigmas >= CLEAR_SIGMAS


@dataclass(frozen=True, slots=True)
class SpreadMean:
    """A mean of so many numbers, and their variance."""

    mean: float | None
    variance: float
    count: int


def rate_change(now: AchievementRate, before: AchievementRate) -> NumberChange | None:
    """By how much a rate has risen, 0–1; None where either time has too few verdicts. Verdicts count as independent,
    as they nearly are over the calls of a rule."""
    if min(now.decided, before.decided) < COMPARED_DECIDED or now.share is None or before.share is None:
        return None
    by, both = now.share - before.share, (now + before).share or 0.0
    return _change(by, sqrt(both * (1 - both) * (1 / now.decided + 1 / before.decided)))


def mean_change(now: SpreadMean, before: SpreadMean) -> NumberChange | None:
    """By how much a mean has risen; None where either time has too few calls."""
    if min(now.count, before.count) < COMPARED_DECIDED or now.mean is None or before.mean is None:
        return None
    return _change(now.mean - before.mean, sqrt(now.variance / now.count + before.variance / before.count))


def _change(by: float, spread: float) -> NumberChange:
    return NumberChange(by, abs(by) / max(spread, 1e-9) if by else 0.0)


def rate_step(share: float, target: float) -> int:
    """Which of five colours a rate has, 1 the worst; 1 and 2 are below the target."""
    steps = (target - 0.2, target, (1 + target) / 2, 1 - (1 - target) / 10)
    return 1 + sum(share >= step for step in steps)
