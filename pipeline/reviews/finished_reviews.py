"""Calls that somebody has finished reviewing, and what that took."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from pipeline.reviews.events import append, once_of, unchangeable

_COLUMNS = ("id", "once", "at", "account", "sha256", "rulebook_hash", "fingerprint", "open_s", "listened_s", "comment")

FINISHED_REVIEWS_MIGRATIONS = (
    f"""
    CREATE TABLE finished_reviews (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        sha256 TEXT NOT NULL, rulebook_hash TEXT NOT NULL, fingerprint TEXT NOT NULL, open_s REAL, listened_s REAL,
        comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX finished_reviews_by_call ON finished_reviews (sha256);
    CREATE INDEX finished_reviews_by_account ON finished_reviews (account, at);
    {unchangeable("finished_reviews", _COLUMNS)}
    """,
)


@dataclass(frozen=True, slots=True)
class FinishedReview:
    """Somebody has gone through a call's verdicts by a rulebook on a hearing. Seconds that the page was open and that
    sound was played; `comment` is on the call as a whole."""

    at: float
    account: str
    rulebook_hash: str
    fingerprint: str
    open_s: float | None
    listened_s: float | None
    comment: str


def finish_review(
    rows: sqlite3.Connection, by: str, token: str, sha256: str, rulebook_hash: str, fingerprint: str,
    open_s: float | None, listened_s: float | None, comment: str,
) -> bool:  # fmt: skip
    """Note that somebody is done with a call; false where the same form said so before."""
    cells = {
        "sha256": sha256, "rulebook_hash": rulebook_hash, "fingerprint": fingerprint, "open_s": open_s,
        "listened_s": listened_s, "comment": comment.strip(),
    }  # fmt: skip
    once = once_of("finished_reviews", by, token, sha256, comment.strip())
    return append(rows, "finished_reviews", once, by, cells) is not None


def finished_reviews_of(rows: sqlite3.Connection, sha256: str) -> list[FinishedReview]:
    """All finished reviews of a call, oldest first."""
    found = rows.execute("SELECT * FROM finished_reviews WHERE sha256 = ? ORDER BY id", (sha256,))
    return [
        FinishedReview(
            row["at"], row["account"], row["rulebook_hash"], row["fingerprint"], row["open_s"], row["listened_s"],
            row["comment"],
        )
        for row in found
    ]  # fmt: skip
