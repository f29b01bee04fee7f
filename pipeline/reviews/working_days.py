"""Days on which people work, as a centre has them: how long something can still be asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Monday to Friday without `holidays`, and `workdays` that are worked all the same, in the centre's time zone."""

    zone: ZoneInfo
    holidays: Collection[date] = field(default_factory=frozenset)
    workdays: Collection[date] = field(default_factory=frozenset)

    def day_of(self, at: float) -> date:
        """The day of a moment (seconds since 1970)."""
        return datetime.fromtimestamp(at, self.zone).date()

    def is_worked(self, day: date) -> bool:
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def last_day(self, since: float, days: int) -> date:
        """The last of so many working days after the day of a moment."""
        day = self.day_of(since)
        while days > 0:
            day += timedelta(days=1)
            days -= self.is_worked(day)
        return day

    def between(self, since: float, until: float) -> int:
        """How many working days have begun after the day of a moment, up to that of another."""
        first, last = self.day_of(since), self.day_of(until)
        return sum(self.is_worked(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))
