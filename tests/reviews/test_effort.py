"""What reviewers' effort adds up to: seconds of a page are counted once, days are the centre's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.reviews.effort import ReviewerDay, reviewer_days
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import VerdictKey
from pipeline.reviews.verdict_reviews import VerdictReview, add_review
from pipeline.storage.home import Home

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 9, 28, 4, tzinfo=UTC).timestamp()
DAY = 86_400.0


def answer(
    reviews: Reviews, at: float, open_s: float | None, listened_s: float | None, *, by: str = "li", call: str = "a",
    rule: str = "greeting", authority: int = 1, piece: int | None = None, played: bool = False, blind: bool = False,
) -> None:  # fmt: skip
    key = VerdictKey(call * 64, rule, "h", "f", "fail", "e")
    review = VerdictReview(key, "right", None, piece, open_s=open_s, listened_s=listened_s, played=played, blind=blind)
    with reviews.file.writing() as rows:
        kept = add_review(rows, by, authority, f"{at} {rule} {piece}", review)  # type: ignore[arg-type]
        rows.execute("DROP TRIGGER IF EXISTS verdict_reviews_stay")
        rows.execute("UPDATE verdict_reviews SET at = ? WHERE id = ?", (at, kept))


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    return Reviews(Home(tmp_path))


def test_a_page_counts_its_seconds_over_all_answers_on_it(reviews: Reviews) -> None:
    answer(reviews, NOON, 30, 10, rule="greeting")
    answer(reviews, NOON + 20, 50, 12, rule="closing")
    answer(reviews, NOON + 25, 55, 12, rule="closing", piece=0)
    answer(reviews, NOON + 600, 40, 0.5, rule="apology")  # opened anew
    (day,) = reviewer_days(reviews.file, NOON - 1, NOON + DAY, ZONE)
    assert day == ReviewerDay("li", date(2026, 9, 28), 3, 0, 0, 3, 1, 55 + 40, 12 + 0.5)


def test_nothing_is_said_of_pages_that_told_nothing_and_playing_the_evidence_is_listening(reviews: Reviews) -> None:
    answer(reviews, NOON, None, None, call="a")
    answer(reviews, NOON + 1, 9, 0, call="b", played=True, blind=True)
    answer(reviews, NOON + 2, 9, 0, call="c")
    (day,) = reviewer_days(reviews.file, NOON - 1, NOON + DAY, ZONE)
    assert (day.answers, day.measured, day.unheard, day.blind) == (3, 2, 1, 1)


def test_days_are_the_centres_and_decisions_of_appeals_are_no_reviewers(reviews: Reviews) -> None:
    midnight = datetime(2026, 9, 28, tzinfo=ZONE).timestamp()
    answer(reviews, midnight - 1, 5, 5, call="a")
    answer(reviews, midnight, 5, 5, call="b")
    answer(reviews, midnight + 1, 5, 5, call="c", authority=3)
    answer(reviews, midnight + 2, 5, 5, call="d", by="wang")
    everybody = reviewer_days(reviews.file, 0, NOON, ZONE)
    assert [(day.person, day.day.day, day.answers) for day in everybody] == [
        ("li", 27, 1), ("li", 28, 1), ("wang", 28, 1),
    ]  # fmt: skip
    assert {day.person for day in reviewer_days(reviews.file, 0, NOON, ZONE, "wang")} == {"wang"}
