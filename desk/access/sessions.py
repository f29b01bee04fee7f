"""Sessions: a random number that a browser holds; here is only its hash.

A session ends when it was not used for a while, after a day whatever happens, and with its account. Role and teams are
read from the account at every request.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from dataclasses import dataclass
from typing import Literal

from desk.accounts import hash_of_secret, user_of_row
from desk.rights import User
from pipeline.errors import CallQAError
from pipeline.settings.desk import DeskSettings
from pipeline.storage.sqlite_file import SqliteFile

SignInWay = Literal["password", "link", "openid", "proxy"]

_SEEN_EVERY_S = 60.0
"""A session's last use is noted no more often."""

_MOST_SESSIONS = 50
"""Of one account; the oldest end."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it; times are seconds since 1970. `own` is the one that asks."""

    begun_at: float
    seen_at: float
    way: SignInWay
    address: str
    browser: str
    own: bool


class Sessions:
    """All sessions of a home."""

    def __init__(self, file: SqliteFile, settings: DeskSettings) -> None:
        self._file = file
        self._idle_s, self._longest_s = settings.idle_minutes * 60, settings.longest_hours * 3600

    def begin(self, name: str, way: SignInWay, address: str = "", browser: str = "") -> str:
        """The secret of a new session of an account."""
        session, now = secrets.token_urlsafe(32), time.time()
        with self._file.writing() as rows:
            rows.execute("DELETE FROM sessions WHERE seen_at < ? OR begun_at < ?", self._limits(now))
            rows.execute(
                "INSERT INTO sessions (id_hash, account, begun_at, seen_at, way, address, browser) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (hash_of_secret(session), name, now, now, way, address[:60], browser[:200]),
            )
            rows.execute(
                "DELETE FROM sessions WHERE account = ? AND id_hash NOT IN "
                "(SELECT id_hash FROM sessions WHERE account = ? ORDER BY seen_at DESC LIMIT ?)",
                (name, name, _MOST_SESSIONS),
            )
        return session

    def user_of(self, session: str) -> User | None:
        """Whose session this is; None when it has ended."""
        now, id_hash = time.time(), hash_of_secret(session)
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT a.*, s.seen_at FROM sessions AS s JOIN accounts AS a ON a.name = s.account "
                "WHERE s.id_hash = ? AND s.seen_at >= ? AND s.begun_at >= ? AND a.disabled_at IS NULL",
                (id_hash, *self._limits(now)),
            ).fetchone()
        if found is None:
            return None
        if found["seen_at"] < now - _SEEN_EVERY_S:
            self._note_use(id_hash, now)
        return user_of_row(found)

    def _note_use(self, id_hash: str, now: float) -> None:
        try:
            with self._file.writing() as rows:
                rows.execute("UPDATE sessions SET seen_at = ? WHERE id_hash = ?", (now, id_hash))
        except CallQAError:
            return  # a full disk: people go on reading, until the session has not been used for too long

    def _limits(self, now: float) -> tuple[float, float]:
        """Sessions last used, or begun, before these have ended."""
        return now - self._idle_s, now - self._longest_s

    def end(self, session: str) -> None:
        """End a session; nothing happens where it has ended."""
        with self._file.writing() as rows:
            rows.execute("DELETE FROM sessions WHERE id_hash = ?", (hash_of_secret(session),))

    def end_all(self, name: str, but: str = "") -> int:
        """End all sessions of an account except `but`; how many."""
        with self._file.writing() as rows:
            return rows.execute(
                "DELETE FROM sessions WHERE account = ? AND id_hash <> ?", (name, hash_of_secret(but))
            ).rowcount

    def of(self, name: str, asking: str = "") -> list[OpenSession]:
        """The open sessions of an account, the last used first; `asking` is the secret of the one that asks."""
        query = "SELECT * FROM sessions WHERE account = ? AND seen_at >= ? AND begun_at >= ? ORDER BY seen_at DESC"
        own = hash_of_secret(asking)
        with self._file.reading() as rows:
            return [_open(row, own) for row in rows.execute(query, (name, *self._limits(time.time())))]


def _open(row: sqlite3.Row, own: str) -> OpenSession:
    return OpenSession(
        row["begun_at"], row["seen_at"], row["way"], row["address"], row["browser"], row["id_hash"] == own
    )
