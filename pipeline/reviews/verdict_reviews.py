"""What reviewers answered to verdicts, and which answer counts.

The last answer of a reviewer to a verdict, or to a piece of its evidence, is theirs; everybody's stay. The one that
counts is the last of those with the most authority (`events.Authority`). An answer to a verdict that is another by now
is kept and shown, and counts for nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.datatypes import Outcome
from pipeline.reviews.events import Authority, EventCell, append, once_of, unchangeable
from pipeline.reviews.verdict_keys import VerdictKey

ReviewAnswer = Literal["right", "wrong", "unsure"]

_COLUMNS = (
    "id", "once", "at", "account", "authority", "sha256", "rule_id", "rule_hash", "fingerprint", "outcome", "evidence",
    "piece", "answer", "right_outcome", "at_s", "comment", "open_s", "listened_s", "played", "blind", "task",
)  # fmt: skip

VERDICT_REVIEWS_MIGRATIONS = (
    f"""
    CREATE TABLE verdict_reviews (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        authority INTEGER NOT NULL,
        sha256 TEXT NOT NULL, rule_id TEXT NOT NULL, rule_hash TEXT NOT NULL, fingerprint TEXT NOT NULL,
        outcome TEXT NOT NULL, evidence TEXT NOT NULL,
        piece INTEGER, answer TEXT NOT NULL CHECK (answer IN ('right', 'wrong', 'unsure')),
        right_outcome TEXT CHECK ((right_outcome IS NULL) = (answer <> 'wrong' OR piece IS NOT NULL)),
        at_s REAL, comment TEXT NOT NULL, open_s REAL, listened_s REAL, played INTEGER NOT NULL, blind INTEGER NOT NULL,
        task TEXT
    ) STRICT;
    CREATE INDEX verdict_reviews_by_call ON verdict_reviews (sha256);
    {unchangeable("verdict_reviews", _COLUMNS)}
    """,
    "CREATE INDEX verdict_reviews_by_time ON verdict_reviews (at);",
)


@dataclass(frozen=True, slots=True)
class VerdictReview:
    """An answer to a verdict, or to one piece of its evidence (`piece`, from 0).

    `right_outcome` is what is right where the verdict is wrong; `at_s` is the place that the reviewer named: what the
    rule missed, seconds from the recording's start. `open_s` and `listened_s` are how long the page was open and sound
    was played; `played` is whether the evidence was; `blind`: without having seen the verdict. `task` is what queue
    owners know it by.
    """

    key: VerdictKey
    answer: ReviewAnswer
    right_outcome: Outcome | None = None
    piece: int | None = None
    at_s: float | None = None
    comment: str = ""
    open_s: float | None = None
    listened_s: float | None = None
    played: bool = False
    blind: bool = False
    task: str | None = None


@dataclass(frozen=True, slots=True)
class StoredReview:
    """An answer as it is kept: whose, of what authority, and when (seconds since 1970)."""

    id: int
    at: float
    account: str
    authority: Authority
    review: VerdictReview

    @property
    def outcome(self) -> Outcome | None:
        """What the verdict should be by this answer; None where it cannot be told."""
        if self.review.answer == "unsure":
            return None
        return self.review.right_outcome or self.review.key.outcome


def add_review(
    rows: sqlite3.Connection, by: str, authority: Authority, token: str, review: VerdictReview
) -> int | None:
    """Keep an answer; its id, None where it is there already."""
    key = review.key
    what: dict[str, EventCell] = {
        "authority": authority, "sha256": key.sha256, "rule_id": key.rule_id, "rule_hash": key.rule_hash,
        "fingerprint": key.fingerprint, "outcome": key.outcome, "evidence": key.evidence, "piece": review.piece,
        "answer": review.answer, "right_outcome": review.right_outcome, "at_s": review.at_s,
        "comment": review.comment, "blind": int(review.blind), "task": review.task,
    }  # fmt: skip
    # two clicks on one button differ in these
    how = {"open_s": review.open_s, "listened_s": review.listened_s, "played": int(review.played)}
    once = once_of("verdict_reviews", by, token, *what.values())
    return append(rows, "verdict_reviews", once, by, {**what, **how})


def reviews_of(rows: sqlite3.Connection, sha256: str) -> list[StoredReview]:
    """All answers on a call, oldest first."""
    return [
        stored_review(row)
        for row in rows.execute("SELECT * FROM verdict_reviews WHERE sha256 = ? ORDER BY id", (sha256,))
    ]


def last_answers_of(rows: sqlite3.Connection, account: str, most: int) -> list[StoredReview]:
    """The verdicts whose last answer is somebody's, whatever they were then: those answers, the last first."""
    found = rows.execute(
        "SELECT * FROM verdict_reviews AS r WHERE account = ? AND piece IS NULL AND id = ("
        "SELECT max(id) FROM verdict_reviews WHERE sha256 = r.sha256 AND rule_id = r.rule_id AND piece IS NULL) "
        "ORDER BY id DESC LIMIT ?",
        (account, most),
    )
    return list(map(stored_review, found))


def stored_review(row: sqlite3.Row) -> StoredReview:
    """A row of `verdict_reviews`."""
    key = VerdictKey(
        row["sha256"], row["rule_id"], row["rule_hash"], row["fingerprint"], row["outcome"], row["evidence"]
    )
    review = VerdictReview(
        key, row["answer"], row["right_outcome"], row["piece"], row["at_s"], row["comment"], row["open_s"],
        row["listened_s"], bool(row["played"]), bool(row["blind"]), row["task"],
    )  # fmt: skip
    return StoredReview(row["id"], row["at"], row["account"], row["authority"], review)


@dataclass(frozen=True, slots=True)
class ReviewedVerdict:
    """What was said of a verdict as it is now: the answer that counts, everybody's own last ones, and of each piece of
    evidence the answer that counts. `earlier` are answers to what the verdict was before."""

    counts: StoredReview | None
    own: tuple[StoredReview, ...]
    pieces: Mapping[int, StoredReview]
    earlier: tuple[StoredReview, ...]

    @property
    def outcome(self) -> Outcome | None:
        """What it should be, where somebody could tell."""
        return self.counts.outcome if self.counts else None


def reviewed_verdicts(keys: Mapping[str, VerdictKey], said: Iterable[StoredReview]) -> dict[str, ReviewedVerdict]:
    """What was said of each verdict of a call, by rule id; `said` is all that was, oldest first."""
    by_rule: dict[str, list[StoredReview]] = {}
    for stored in said:
        by_rule.setdefault(stored.review.key.rule_id, []).append(stored)
    return {rule_id: _reviewed(keys.get(rule_id), by_rule.get(rule_id, ())) for rule_id in {**keys, **by_rule}}


def _reviewed(key: VerdictKey | None, said: Iterable[StoredReview]) -> ReviewedVerdict:
    own: dict[tuple[str, int | None], StoredReview] = {}
    earlier = []
    for stored in said:
        if stored.review.key == key:
            own[stored.account, stored.review.piece] = stored
        else:
            earlier.append(stored)
    pieces = {piece for _, piece in own if piece is not None}
    whole = tuple(stored for (_, piece), stored in own.items() if piece is None)
    by_piece = {at: _counting([s for (_, piece), s in own.items() if piece == at]) for at in sorted(pieces)}
    return ReviewedVerdict(
        _counting(whole), whole, {at: stored for at, stored in by_piece.items() if stored}, tuple(earlier)
    )


def _counting(said: Iterable[StoredReview]) -> StoredReview | None:
    """The answer that counts: the last of the most authority."""
    return max(said, key=lambda stored: (stored.authority, stored.id), default=None)
