"""Excerpts of calls that a lead shares with a team: its agents may read them, and hear those whose voice may be heard.

Each sharing and each taking back is a row; of an excerpt and a team the last row counts. An excerpt goes with its call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pipeline.reviews.events import EventCell, append, once_of, unchangeable
from pipeline.timeline import Span

SharedKind = Literal["best", "worst"]

_COLUMNS = (
    "id", "once", "at", "account", "team", "week", "sha256", "rule_id", "kind", "voice", "start_s", "end_s", "shared",
)  # fmt: skip

SHARED_EXCERPTS_MIGRATIONS = (
    f"""
    CREATE TABLE shared_excerpts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        team TEXT NOT NULL, week TEXT NOT NULL, sha256 TEXT NOT NULL, rule_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('best', 'worst')), voice TEXT, start_s REAL NOT NULL,
        end_s REAL NOT NULL CHECK (end_s > start_s), shared INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX shared_excerpts_by_team ON shared_excerpts (team, week);
    CREATE INDEX shared_excerpts_by_call ON shared_excerpts (sha256);
    CREATE VIEW shared_excerpts_now AS
        SELECT * FROM shared_excerpts AS e
        WHERE shared AND id = (SELECT max(id) FROM shared_excerpts AS l
            WHERE l.team = e.team AND l.sha256 = e.sha256 AND l.rule_id = e.rule_id);
    {unchangeable("shared_excerpts", _COLUMNS)}
    """,
)


@dataclass(frozen=True, slots=True)
class SharedExcerpt:
    """A stretch of a call for a rule, shared with a team as the best or worst of a week (its Monday).

    `voice` is the number of the agent who speaks in it (None: not known). `number` is its id, `at` (seconds since 1970)
    and `account` say who shared it when; they are told once it is.
    """

    team: str
    week: date
    sha256: str
    rule_id: str
    kind: SharedKind
    voice: str | None
    span: Span
    number: int = 0
    at: float = 0.0
    account: str = ""


def share_excerpts(rows: sqlite3.Connection, by: str, token: str, chosen: Sequence[SharedExcerpt]) -> int:
    """Share excerpts; how many of them were not shared with their team before."""
    done = 0
    for each in chosen:
        there = rows.execute(
            "SELECT 1 FROM shared_excerpts_now WHERE team = ? AND sha256 = ? AND rule_id = ?",
            (each.team, each.sha256, each.rule_id),
        ).fetchone()
        if there is None:
            once = once_of("shared_excerpts", by, token, each.team, each.sha256, each.rule_id)
            done += append(rows, "shared_excerpts", once, by, {**_cells(each), "shared": 1}) is not None
    return done


def take_back_excerpt(rows: sqlite3.Connection, by: str, token: str, number: int) -> bool:
    """Take a shared excerpt back; false where it is shared no more."""
    found = shared_excerpt(rows, number)
    if found is None:
        return False
    once = once_of("shared_excerpts", by, token, number, "back")
    return append(rows, "shared_excerpts", once, by, {**_cells(found), "shared": 0}) is not None


def shared_excerpt(rows: sqlite3.Connection, number: int) -> SharedExcerpt | None:
    """A shared excerpt by its number; None where it is shared no more."""
    found = rows.execute("SELECT * FROM shared_excerpts_now WHERE id = ?", (number,)).fetchone()
    return _excerpt(found) if found else None


def shared_with(rows: sqlite3.Connection, teams: Sequence[str]) -> list[SharedExcerpt]:
    """What is shared with some teams now, the latest week first, by rule, what was best before what was worst."""
    places = ", ".join("?" * len(teams))
    found = rows.execute(
        f"SELECT * FROM shared_excerpts_now WHERE team IN ({places}) ORDER BY week DESC, rule_id, kind, id", [*teams]
    )
    return [_excerpt(row) for row in found]


def _cells(each: SharedExcerpt) -> dict[str, EventCell]:
    return {
        "team": each.team, "week": each.week.isoformat(), "sha256": each.sha256, "rule_id": each.rule_id,
        "kind": each.kind, "voice": each.voice, "start_s": each.span.start_s, "end_s": each.span.end_s,
    }  # fmt: skip


def _excerpt(row: sqlite3.Row) -> SharedExcerpt:
    return SharedExcerpt(
        row["team"], date.fromisoformat(row["week"]), row["sha256"], row["rule_id"], row["kind"], row["voice"],
        Span(row["start_s"], row["end_s"]), row["id"], row["at"], row["account"],
    )  # fmt: skip
