"""Points that no rule gives (人工计分项): a label of the settings' list, points, why. Never one sum with a score."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.messages import Message
from pipeline.reviews.events import Authority, BadStep, append, once_of, unchangeable

_COLUMNS = ("id", "once", "at", "account", "authority", "sha256", "label", "points", "comment")

MANUAL_POINTS_MIGRATIONS = (
    f"""
    CREATE TABLE manual_points (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        authority INTEGER NOT NULL, sha256 TEXT NOT NULL, label TEXT NOT NULL, points REAL NOT NULL,
        comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX manual_points_by_call ON manual_points (sha256);
    {unchangeable("manual_points", _COLUMNS)}
    """,
)


@dataclass(frozen=True, slots=True)
class ManualPoints:
    """Points that somebody gave a call, and why (`comment`); 0 takes back what was given under the label before."""

    at: float
    account: str
    authority: Authority
    label: str
    points: float
    comment: str


def give_points(
    rows: sqlite3.Connection, by: str, authority: Authority, token: str, sha256: str, label: str, points: float,
    comment: str,
) -> bool:  # fmt: skip
    """Give a call points; false where that was done by the same form. Raises BadStep without a reason."""
    if not comment.strip():
        raise BadStep(Message("say why: points that no rule gives need a reason"))
    cells = {"authority": authority, "sha256": sha256, "label": label, "points": points, "comment": comment.strip()}
    return append(rows, "manual_points", once_of("manual_points", by, token, *cells.values()), by, cells) is not None


def points_of(rows: sqlite3.Connection, sha256: str) -> list[ManualPoints]:
    """All points that were given to a call, oldest first."""
    found = rows.execute("SELECT * FROM manual_points WHERE sha256 = ? ORDER BY id", (sha256,))
    return [
        ManualPoints(row["at"], row["account"], row["authority"], row["label"], row["points"], row["comment"])
        for row in found
    ]


def points_that_count(given: Iterable[ManualPoints]) -> list[ManualPoints]:
    """Of each label what was said last, those of the most authority before others; without what was taken back."""
    last: dict[str, ManualPoints] = {}
    for each in given:
        if each.label not in last or each.authority >= last[each.label].authority:
            last[each.label] = each
    return [each for each in last.values() if each.points]
