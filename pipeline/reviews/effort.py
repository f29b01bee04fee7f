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

_ANSWERS = """
SELECT account, sha256, at, piece, answer, blind, played, open_s, listened_s FROM verdict_reviews
WHERE authority <= 2 AND at >= :since AND at < :until AND (:person = '' OR account = :person) ORDER BY id
"""


def reviewer_days(
    file: SqliteFile, since: float, until: float, zone: ZoneInfo, person: str = ""
) -> list[ReviewerDay]:  # fmt: skip
    """What everybody, or one person, answered between two moments, by day. Decisions of appeals are no reviewers'."""
    if not file.is_there:
        return []
    days: dict[tuple[str, date], list[float]] = {}
    before: dict[str, tuple[str, float, float, float]] = {}
    day_of: dict[int, date] = {}  # days begin in no zone within a quarter of an hour
    with file.reading() as rows:
        for account, sha256, at, piece, answer, blind, played, open_s, listened_s in rows.execute(
            _ANSWERS, {"since": since, "until": until, "person": person}
        ):
            quarter = int(at) // 900
            if quarter not in day_of:
                day_of[quarter] = datetime.fromtimestamp(quarter * 900, zone).date()
            counts = days.setdefault((account, day_of[quarter]), [0] * len(_COUNTS))
            if piece is None:
                counts[0] += 1
                counts[1] += blind
                counts[2] += answer == "unsure"
                if listened_s is not None:
                    counts[3] += 1
                    counts[4] += listened_s < HEARD_S and not played
            if open_s is not None:
                page = before.get(account)
                same = page is not None and page[0] == sha256 and at - open_s < page[1] and open_s >= page[2]
                counts[5] += open_s - page[2] if same and page else open_s
                heard_s = listened_s or 0.0
                counts[6] += max(0.0, heard_s - page[3]) if same and page else heard_s
                before[account] = (sha256, at, open_s, heard_s)
    return [ReviewerDay(*key, *counts) for key, counts in sorted(days.items())]  # type: ignore[arg-type]


def days_together(days: Iterable[ReviewerDay], person: str, day: date) -> ReviewerDay:
    """Several days as one row."""
    days = list(days)
    counts = {name: sum(getattr(each, name) for each in days) for name in _COUNTS}
    return ReviewerDay(person, day, **counts)
