"""Rows of what happened: each is written once, however often it is sent, and never changed."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Literal

Authority = Literal[1, 2, 3, 4]
"""Whose word counts: 1 a reviewer's, 2 a supervisor's or administrator's, 3 an appeal's, 4 that of its second instance.
Of the same authority the last word counts."""

Cell = str | int | float | None

_NOT_CONTENT = frozenset(("open_s", "listened_s"))
"""Columns that differ between two clicks on one button."""


def append(rows: sqlite3.Connection, table: str, by: str, token: str, cells: Mapping[str, Cell]) -> int | None:
    """Append a row to a table of events; its id, or None where it is there already.

    `token` is of the form that was sent: the same content of the same account under it is the same event. Tables have
    `id`, `once` (unique), `at` (seconds since 1970), `account`, and `cells`.
    """
    said = sorted((name, cell) for name, cell in cells.items() if name not in _NOT_CONTENT)
    once = hashlib.sha256(repr((token, by, table, said)).encode()).hexdigest()[:32]
    row = {"once": once, "at": time.time(), "account": by, **cells}
    names, places = ", ".join(row), ", ".join("?" * len(row))
    done = rows.execute(
        f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT (once) DO NOTHING", [*row.values()]
    )
    return done.lastrowid if done.rowcount else None


def unchangeable(table: str, columns: Iterable[str]) -> str:
    """The SQL that keeps columns of a table from being changed; `comment` is blanked when words are forgotten."""
    listed = ", ".join(column for column in columns if column != "comment")
    return (
        f"CREATE TRIGGER {table}_stay BEFORE UPDATE OF {listed} ON {table} "
        f"BEGIN SELECT raise(ABORT, 'what people said is never changed'); END;"
    )
