"""Queries that people keep under a name, for themselves or for all who may ask; and what they themselves asked last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from desk.routing import NotThere, Visit, endpoint
from pipeline.errors import CallQAError
from pipeline.messages import Message

LONGEST_QUERY = 100_000
"""Characters; a query that people write has some thousands."""

LONGEST_QUERY_NAME, MOST_SAVED_QUERIES = 60, 100
"""Characters of a name, and queries that one account may keep."""

MOST_ASKED, LONGEST_ASKED, ASKED_S = 20, 10_000, 30 * 86_400
"""How many last queries of an account are kept, up to which length, and how long."""


class BadSavedQuery(CallQAError):
    """A query that cannot be kept so."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query that was kept; `by` whom, as that is shown."""

    id: int
    name: str
    sql: str
    shared: bool
    own: bool
    by: str


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query that was asked, at seconds since 1970."""

    id: int
    sql: str
    asked_at: float

    @property
    def first_words(self) -> str:
        """What tells it from others."""
        return " ".join(self.sql.split())[:80]


def saved_queries(visit: Visit) -> Sequence[SavedQuery]:
    """An account's own queries, then those that others share."""
    name = visit.whose.name
    with visit.desk.accounts.file.reading() as rows:
        found = rows.execute(
            "SELECT q.*, a.shown_name FROM saved_queries AS q JOIN accounts AS a ON a.name = q.account "
            "WHERE q.account = :account OR q.shared ORDER BY q.account <> :account, q.name",
            {"account": name},
        ).fetchall()
    return [
        SavedQuery(r["id"], r["name"], r["sql"], bool(r["shared"]), r["account"] == name, r["shown_name"])
        for r in found
    ]


def asked_queries(visit: Visit) -> Sequence[AskedQuery]:
    """What an account asked last, the last first."""
    with visit.desk.accounts.file.reading() as rows:
        found = rows.execute(
            "SELECT id, sql, asked_at FROM asked_queries WHERE account = ? ORDER BY asked_at DESC", (visit.whose.name,)
        ).fetchall()
    return [AskedQuery(*row) for row in found]


def remember_query(visit: Visit, sql: str) -> None:
    """Keep what somebody asks for a while, to be asked again; nobody else sees it."""
    if len(sql) > LONGEST_ASKED:
        return
    name, now = visit.whose.name, time.time()
    with visit.desk.accounts.file.writing() as rows:
        rows.execute(
            "INSERT INTO asked_queries (account, sql, asked_at) VALUES (?, ?, ?) "
            "ON CONFLICT (account, sql) DO UPDATE SET asked_at = excluded.asked_at",
            (name, sql, now),
        )
        rows.execute("DELETE FROM asked_queries WHERE asked_at < ?", (now - ASKED_S,))
        rows.execute(
            "DELETE FROM asked_queries WHERE account = :account AND id NOT IN (SELECT id FROM asked_queries "
            "WHERE account = :account ORDER BY asked_at DESC LIMIT :most)",
            {"account": name, "most": MOST_ASKED},
        )


@endpoint("/sql/asked/forget", "sql", "POST")
def _forget_asked(visit: Visit) -> Response:
    with visit.desk.accounts.file.writing() as rows:
        rows.execute("DELETE FROM asked_queries WHERE account = ?", (visit.whose.name,))
    return visit.to("/sql")


@endpoint("/sql/saved", "sql", "POST")
def _save(visit: Visit) -> Response:
    who, name, sql = visit.whose.name, visit.field("name").strip(), visit.field("sql").strip()
    if not name or len(name) > LONGEST_QUERY_NAME or not name.isprintable():
        raise BadSavedQuery(Message("a query's name has 1 to {most} characters", most=LONGEST_QUERY_NAME))
    if not sql or len(sql) > LONGEST_QUERY:
        raise BadSavedQuery(Message("a query has 1 to {most} characters", most=LONGEST_QUERY))
    with visit.desk.accounts.file.writing() as rows:
        (kept,) = rows.execute(
            "SELECT count(*) FROM saved_queries WHERE account = ? AND name <> ?", (who, name)
        ).fetchone()
        if kept >= MOST_SAVED_QUERIES:
            raise BadSavedQuery(Message("you keep {most} queries already; remove one", most=MOST_SAVED_QUERIES))
        (number,) = rows.execute(
            "INSERT INTO saved_queries (account, name, sql, shared, made_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (account, name) DO UPDATE SET sql = excluded.sql, shared = excluded.shared RETURNING id",
            (who, name, sql, int(bool(visit.field("shared"))), time.time()),
        ).fetchone()
    return visit.to(f"/sql?saved={number}")


@endpoint("/sql/saved/{number}/remove", "sql", "POST")
def _remove(visit: Visit) -> Response:
    number = read_number(visit.request.path_params["number"])
    with visit.desk.accounts.file.writing() as rows:
        gone = rows.execute(
            "DELETE FROM saved_queries WHERE id = ? AND account = ?", (number, visit.whose.name)
        ).rowcount
    if not gone:
        raise NotThere
    return visit.to("/sql")


def read_number(text: str) -> int:
    """A number out of an address. Raises NotThere for anything else."""
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise NotThere
    return int(text)
