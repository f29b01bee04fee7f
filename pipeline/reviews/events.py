"""Rows of what happened: each is written once, however often it is sent, and never changed."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Literal

from pipeline.errors import CallQAError

Authority = Literal[1, 2, 3, 4]
"""Whose word counts: 1 a reviewer's, 2 a supervisor's or administrator's, 3 an appeal's, 4 that of its second instance.
Of the same authority the last word counts."""

EventCell = str | int | float | None


class BadStep(CallQAError):
    """A step that cannot be taken: it was taken already, comes too late, or is somebody else's."""


def once_of(table: str, by: str, token: str, *what: EventCell) -> str:
    """What makes an event the same one when it is sent again: who sent it by which form (`token`), and what of it."""
    return hashlib.sha256(repr((table, by, token, what)).encode()).hexdigest()[:32]


def happened(rows: sqlite3.Connection, table: str, once: str) -> bool:
    """Whether an event was written down before."""
    return rows.execute(f"SELECT 1 FROM {table} WHERE once = ?", (once,)).fetchone() is not None


def append(rows: sqlite3.Connection, table: str, once: str, by: str, cells: Mapping[str, EventCell]) -> int | None:
    """Append a row to a table of events; its id, or None where it is there already.

    Tables have `id`, `once` (unique), `at` (seconds since 1970; now, unless `cells` tell), `account`, and `cells`.
    """
    row = {"once": once, "at": time.time(), "account": by, **cells}
    names, places = ", ".join(row), ", ".join("?" * len(row))
    insert = f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT (once) DO NOTHING"
    done = rows.execute(insert, [*row.values()])
    return done.lastrowid if done.rowcount else None


def unchangeable(table: str, columns: Iterable[str]) -> str:
    """The SQL that keeps columns of a table from being changed; `comment` is blanked when words are forgotten."""
    listed = ", ".join(column for column in columns if column != "comment")
    return (
        f"CREATE TRIGGER {table}_stay BEFORE UPDATE OF {listed} ON {table} "
        f"BEGIN SELECT raise(ABORT, 'what people said is never changed'); END;"
    )
