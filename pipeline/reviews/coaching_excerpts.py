"""The excerpts of coaching sessions, in the order in which they are played.

An excerpt is a stretch of a call, for a rule: one of the agent's own that was flagged, or a good one, the agent's own
or a colleague's. Each change is a row of its own; of an excerpt the last row counts.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.messages import Message
from pipeline.reviews.coaching import CoachingSession, coaching_of
from pipeline.reviews.events import BadStep, EventCell, append, happened, once_of, unchangeable
from pipeline.timeline import Span

ExcerptKind = Literal["own", "good"]

LONGEST_COACHING_EXCERPT_S, MOST_COACHING_EXCERPTS, LONGEST_EXCERPT_NOTE = 300.0, 40, 500
"""Seconds of an excerpt, excerpts of a session, characters of a note."""

_COLUMNS = (
    "id", "once", "at", "account", "session", "excerpt", "sha256", "rule_id", "kind", "voice", "start_s", "end_s",
    "sound", "position", "taken_out", "comment",
)  # fmt: skip

COACHING_EXCERPTS_MIGRATIONS = (
    f"""
    CREATE TABLE coaching_excerpts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        session INTEGER NOT NULL REFERENCES coaching_sessions (id) ON DELETE CASCADE, excerpt TEXT NOT NULL,
        sha256 TEXT NOT NULL, rule_id TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('own', 'good')), voice TEXT,
        start_s REAL NOT NULL, end_s REAL NOT NULL CHECK (end_s > start_s), sound INTEGER NOT NULL,
        position INTEGER NOT NULL, taken_out INTEGER NOT NULL, comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX coaching_excerpts_by_session ON coaching_excerpts (session, excerpt);
    CREATE INDEX coaching_excerpts_by_call ON coaching_excerpts (sha256);
    CREATE VIEW coaching_excerpts_chosen AS
        SELECT * FROM coaching_excerpts AS e
        WHERE NOT taken_out AND id = (SELECT max(id) FROM coaching_excerpts AS l
            WHERE l.session = e.session AND l.excerpt = e.excerpt);
    {unchangeable("coaching_excerpts", _COLUMNS)}
    """,
)


@dataclass(frozen=True, slots=True)
class CoachingExcerpt:
    """A stretch of a call, `span`, for a rule. `voice` is the agent who speaks in it (their number; None: not known);
    `sound`: it is to be heard, where that may be, and else read. `comment` is the coach's note. `ref` is its id in the
    session."""

    sha256: str
    rule_id: str
    kind: ExcerptKind
    voice: str | None
    span: Span
    sound: bool = True
    comment: str = ""
    ref: str = ""
    position: int = 0


def excerpts_of(rows: sqlite3.Connection, session: int) -> list[CoachingExcerpt]:
    """The excerpts of a session (its number), in their order."""
    found = rows.execute(
        "SELECT * FROM coaching_excerpts_chosen WHERE session = ? ORDER BY position, id", (session,)
    ).fetchall()
    return [_excerpt(row) for row in found]


def choose_excerpt(rows: sqlite3.Connection, by: str, token: str, ref: str, excerpt: CoachingExcerpt) -> bool:
    """Put an excerpt at the end of a session's; false where the same form did, or where this very stretch is among
    them. Raises BadStep."""
    session = _open(rows, ref)
    once = once_of("coaching_excerpts", by, token, session.id, excerpt.sha256, excerpt.rule_id, excerpt.span.start_s)
    if happened(rows, "coaching_excerpts", once):
        return False
    before = excerpts_of(rows, session.id)
    stretch = (excerpt.sha256, excerpt.rule_id, excerpt.span)
    if any((each.sha256, each.rule_id, each.span) == stretch for each in before):
        return False
    if len(before) >= MOST_COACHING_EXCERPTS:
        raise BadStep(Message("a session has at most {most} excerpts; take one out first", most=MOST_COACHING_EXCERPTS))
    place = max((each.position for each in before), default=0) + 1
    return _write(rows, by, once, session.id, replace(excerpt, ref=once[:16], position=place))


def change_excerpt(
    rows: sqlite3.Connection, by: str, token: str, ref: str, excerpt: str, span: Span, sound: bool, comment: str
) -> bool:
    """Change where an excerpt begins and ends, whether it is heard, the note; false where nothing is new. Raises
    BadStep."""
    session, found = _one(rows, ref, excerpt)
    changed = replace(found, span=span, sound=sound, comment=comment.strip()[:LONGEST_EXCERPT_NOTE])
    if changed == found:
        return False
    what = (span.start_s, span.end_s, int(sound), changed.comment)
    once = once_of("coaching_excerpts", by, token, session.id, excerpt, "changed", *what)
    return _write(rows, by, once, session.id, changed)


def take_excerpt_out(rows: sqlite3.Connection, by: str, token: str, ref: str, excerpt: str) -> bool:
    """Take an excerpt out of a session; false where the same form did. Raises BadStep."""
    session = _open(rows, ref)
    once = once_of("coaching_excerpts", by, token, session.id, excerpt, "out")
    if happened(rows, "coaching_excerpts", once):
        return False
    session, found = _one(rows, ref, excerpt)
    return _write(rows, by, once, session.id, found, taken_out=True)


def move_excerpt(rows: sqlite3.Connection, by: str, token: str, ref: str, excerpt: str, later: bool) -> bool:
    """Let an excerpt change places with the one after it (`later`) or before it; false where there is none, or where
    the same form did. Raises BadStep."""
    session, found = _one(rows, ref, excerpt)
    order = excerpts_of(rows, session.id)
    place = order.index(found)
    other = place + 1 if later else place - 1
    once = once_of("coaching_excerpts", by, token, session.id, excerpt, "moved", int(later))
    if not 0 <= other < len(order) or happened(rows, "coaching_excerpts", once):
        return False
    neighbour = order[other]
    _write(rows, by, once, session.id, replace(found, position=neighbour.position))
    once = once_of("coaching_excerpts", by, token, session.id, excerpt, "moved", int(later), neighbour.ref)
    return _write(rows, by, once, session.id, replace(neighbour, position=found.position))


def _open(rows: sqlite3.Connection, ref: str) -> CoachingSession:
    session = coaching_of(rows, ref)
    if session is None:
        raise BadStep(Message("there is no such coaching session"))
    if not session.can_change:
        raise BadStep(Message("this session is over: its excerpts stay as they are"))
    return session


def _one(rows: sqlite3.Connection, ref: str, excerpt: str) -> tuple[CoachingSession, CoachingExcerpt]:
    session = _open(rows, ref)
    found = next((each for each in excerpts_of(rows, session.id) if each.ref == excerpt), None)
    if found is None:
        raise BadStep(Message("this excerpt is not in the session any more"))
    return session, found


def _write(
    rows: sqlite3.Connection, by: str, once: str, session: int, excerpt: CoachingExcerpt, taken_out: bool = False
) -> bool:
    start_s, end_s = excerpt.span.start_s, excerpt.span.end_s
    # milliseconds are told, and a difference of two may be a little more in floating point
    if not 0 <= start_s < end_s or round(end_s - start_s, 3) > LONGEST_COACHING_EXCERPT_S:
        raise BadStep(
            Message("an excerpt ends after it begins, and is no longer than {most} s", most=LONGEST_COACHING_EXCERPT_S)
        )
    cells: dict[str, EventCell] = {
        "session": session, "excerpt": excerpt.ref, "sha256": excerpt.sha256, "rule_id": excerpt.rule_id,
        "kind": excerpt.kind, "voice": excerpt.voice, "start_s": start_s, "end_s": end_s, "sound": int(excerpt.sound),
        "position": excerpt.position, "taken_out": int(taken_out), "comment": excerpt.comment,
    }  # fmt: skip
    return append(rows, "coaching_excerpts", once, by, cells) is not None


def _excerpt(row: sqlite3.Row) -> CoachingExcerpt:
    return CoachingExcerpt(
        row["sha256"], row["rule_id"], row["kind"], row["voice"], Span(row["start_s"], row["end_s"]),
        bool(row["sound"]), row["comment"], row["excerpt"], row["position"],
    )  # fmt: skip
