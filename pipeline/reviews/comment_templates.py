"""Sentences that reviewers write again and again: their own, and those that all share."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from pipeline.messages import Message
from pipeline.reviews.events import BadStep, EventCell, append, once_of

LONGEST_COMMENT_TEMPLATE = 500
"""Characters of a template."""

COMMENT_TEMPLATES_MIGRATIONS = (
    """
    CREATE TABLE comment_templates (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        shared INTEGER NOT NULL, text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE dropped_templates (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        template INTEGER NOT NULL REFERENCES comment_templates (id)
    ) STRICT
    """,
)


@dataclass(frozen=True, slots=True)
class CommentTemplate:
    """A sentence; whose it is, and whether all may use it."""

    id: int
    account: str
    shared: bool
    text: str


def templates_for(rows: sqlite3.Connection, account: str) -> list[CommentTemplate]:
    """The templates that somebody may use, their own first."""
    found = rows.execute(
        "SELECT * FROM comment_templates AS t WHERE (shared OR account = ?) "
        "AND NOT EXISTS (SELECT 1 FROM dropped_templates WHERE template = t.id) ORDER BY shared, text",
        (account,),
    )
    return [CommentTemplate(row["id"], row["account"], bool(row["shared"]), row["text"]) for row in found]


def add_template(rows: sqlite3.Connection, by: str, token: str, text: str, shared: bool) -> bool:
    """Add a template; false where the same form did. Raises BadStep for one that is empty or too long."""
    text = " ".join(text.split())
    if not text or len(text) > LONGEST_COMMENT_TEMPLATE:
        raise BadStep(Message("a template has 1 to {most} characters", most=LONGEST_COMMENT_TEMPLATE))
    cells: dict[str, EventCell] = {"shared": int(shared), "text": text}
    once = once_of("comment_templates", by, token, *cells.values())
    return append(rows, "comment_templates", once, by, cells) is not None


def drop_template(rows: sqlite3.Connection, by: str, template: int, may_drop_shared: bool) -> None:
    """Offer a template no more. Raises BadStep for somebody else's."""
    found = next((each for each in templates_for(rows, by) if each.id == template), None)
    if found is None or (found.shared and not may_drop_shared and found.account != by):
        raise BadStep(Message("this template is not yours"))
    append(rows, "dropped_templates", once_of("dropped_templates", "", "", template), by, {"template": template})
