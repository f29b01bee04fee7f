"""How much reviewers do, and how: answers, time, and whether they listened before they decided.

A page counts its seconds from when it was opened, over all answers that are given on it. An answer whose page was open
before the answer before it, on the same call by the same person, therefore stands for the difference alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pipeline.storage.sqlite_file import SqliteFile

HEARD_S = 1.0
"""Who played less, and not the evidence, decided without listening."""


@dataclass(frozen=True, slots=True)
class ReviewerDay:
    """What somebody answered on a day: verdicts, those answered blind, those that could not be told; of those where it
    is known (`measured`) how many without listening (`unheard`); seconds that pages were open and sound was played."""

    person: str
    day: date
    answers: int = 0
    blind: int = 0
    cannot_tell: int = 0
    measured: int = 0
    unheard: int = 0
    open_s: float = 0.0
    listened_s: float = 0.0


_COUNTS = tuple(each.name for each in fields(ReviewerDay)[2:])

_ANSWERS = f"""
WITH asked AS (
    SELECT *, lag(at) OVER page AS at_before, lag(open_s) OVER page AS open_before,
        lag(listened_s) OVER page AS listened_before
    FROM verdict_reviews WHERE authority <= 2 AND at >= :since AND at < :until AND (:person = '' OR account = :person)
    WINDOW page AS (PARTITION BY account, sha256 ORDER BY id)
), counted AS (
    SELECT *, at_before IS NOT NULL AND at - open_s < at_before AND open_s >= open_before AS same_page FROM asked
)
SELECT account, CAST(at / 900 AS INTEGER) AS quarter, sum(piece IS NULL) AS answers,
    sum(piece IS NULL AND blind) AS blind, sum(piece IS NULL AND answer = 'unsure') AS cannot_tell,
    sum(piece IS NULL AND listened_s IS NOT NULL) AS measured,
    sum(piece IS NULL AND listened_s < {HEARD_S} AND NOT played) AS unheard,
    sum(coalesce(open_s, 0) - CASE WHEN same_page THEN open_before ELSE 0 END) AS open_s,
    sum(max(0, coalesce(listened_s, 0) - CASE WHEN same_page THEN coalesce(listened_before, 0) ELSE 0 END))
        AS listened_s
FROM counted GROUP BY account, quarter"""


def reviewer_days(
    file: SqliteFile, since: float, until: float, zone: ZoneInfo, person: str = ""
) -> list[ReviewerDay]:  # fmt: skip
    """What everybody, or one person, answered between two moments, by day. Decisions of appeals are no reviewers'."""
    if not file.is_there:
        return []
    with file.reading() as rows:
        found = rows.execute(_ANSWERS, {"since": since, "until": until, "person": person}).fetchall()
    days: dict[tuple[str, date], dict[str, float]] = {}
    for row in found:  # days begin in no zone within a quarter of an hour
        day = datetime.fromtimestamp(row["quarter"] * 900, zone).date()
        counts = days.setdefault((row["account"], day), dict.fromkeys(_COUNTS, 0))
        for name in _COUNTS:
            counts[name] += row[name] or 0
    return [ReviewerDay(*key, **counts) for key, counts in sorted(days.items())]  # type: ignore[arg-type]


def days_together(days: Iterable[ReviewerDay], person: str, day: date) -> ReviewerDay:
    """Several days as one row."""
    days = list(days)
    counts = {name: sum(getattr(each, name) for each in days) for name in _COUNTS}
    return ReviewerDay(person, day, **counts)
