"""Effects of sessions, told once for a published database: till the next night they change by what people do alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from threading import Lock

from pipeline.reviews.coaching_effects import CoachingEffect, EffectWeeks
from pipeline.reviews.week_counts import WeekCounts

MOST_KEPT_EFFECTS = 2000


@dataclass(frozen=True, slots=True)
class SessionEffect:
    """What came of a session: of all its rules together, and of each. `counts` are the weeks of its agent and of the
    colleagues that it was told from, `weeks` those that were compared."""

    whole: CoachingEffect
    rules: Mapping[str, CoachingEffect]
    weeks: EffectWeeks
    counts: WeekCounts
    held: date


class EffectCache:
    """Effects by all that they are told from."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, SessionEffect] = {}
        self._lock = Lock()

    def get(self, key: Hashable) -> SessionEffect | None:
        """What was told from the same."""
        return self._kept.get(key)

    def keep(self, key: Hashable, effect: SessionEffect) -> None:
        """Keep what was told; when there is too much, everything before is told anew."""
        with self._lock:
            if len(self._kept) >= MOST_KEPT_EFFECTS:
                self._kept = {}
            self._kept[key] = effect
