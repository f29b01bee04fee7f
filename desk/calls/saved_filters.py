"""Filters that people keep under a name, for themselves or for everybody."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.responses import Response

from desk.calls.call_filters import read_filters
from desk.rights import User
from desk.routing import NotThere, Visit, endpoint
from pipeline.errors import CallQAError
from pipeline.messages import Message

LONGEST_FILTER_NAME, MOST_SAVED = 60, 50
"""Characters of a name, and filters that one account may keep."""


class BadSavedFilter(CallQAError):
    """A filter that cannot be kept so."""


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A filter that was kept; `own`: by who asks."""

    id: int
    name: str
    address: str
    shared: bool
    own: bool


def saved_for(visit: Visit) -> Sequence[SavedFilter]:
    """An account's own filters, then those that others share. Agents are shown their own alone."""
    user = visit.whose
    others = "AND shared" if user.scope != "own" else "AND false"
    with visit.desk.accounts.file.reading() as rows:
        found = rows.execute(
            "SELECT id, account, name, query, shared FROM saved_filters "
            f"WHERE account = :account OR (account <> :account {others}) ORDER BY account <> :account, name",
            {"account": user.name},
        ).fetchall()
    return [_filter(row, user) for row in found]


def _filter(row: sqlite3.Row, user: User) -> SavedFilter:
    # read again, as the program may know other filters than when it was kept
    filters, _ = read_filters(parse_qsl(row["query"]))
    return SavedFilter(row["id"], row["name"], filters.address(), bool(row["shared"]), row["account"] == user.name)


@endpoint("/saved-filters", "calls", "POST")
def _save(visit: Visit) -> Response:
    user, name = visit.whose, visit.field("name").strip()
    if not name or len(name) > LONGEST_FILTER_NAME or not name.isprintable():
        raise BadSavedFilter(Message("a filter's name has 1 to {most} characters", most=LONGEST_FILTER_NAME))
    filters, faults = read_filters(parse_qsl(visit.field("query")))
    if faults:
        raise faults[0]
    shared = bool(visit.field("shared")) and user.may("assign")
    query = filters.address().partition("?")[2]
    with visit.desk.accounts.file.writing() as rows:
        (kept,) = rows.execute(
            "SELECT count(*) FROM saved_filters WHERE account = ? AND name <> ?", (user.name, name)
        ).fetchone()
        if kept >= MOST_SAVED:
            raise BadSavedFilter(Message("you keep {most} filters already; remove one", most=MOST_SAVED))
        rows.execute(
            "INSERT INTO saved_filters (account, name, query, shared, made_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (account, name) DO UPDATE SET query = excluded.query, shared = excluded.shared",
            (user.name, name, query, int(shared), time.time()),
        )
    return visit.to(filters.address())


@endpoint("/saved-filters/{number}/remove", "calls", "POST")
def _remove(visit: Visit) -> Response:
    number = visit.request.path_params["number"]
    if not number.isascii() or not number.isdecimal() or len(number) > 15:
        raise NotThere
    with visit.desk.accounts.file.writing() as rows:
        gone = rows.execute(
            "DELETE FROM saved_filters WHERE id = ? AND account = ?", (int(number), visit.whose.name)
        ).rowcount
    if not gone:
        raise NotThere
    return visit.to("/calls")
