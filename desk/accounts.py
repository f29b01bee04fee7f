"""Accounts and sessions, in a SQLite file of their own beside the home's other files.

Passwords are kept as argon2id hashes. A session is a random number that the browser holds, here is only its hash; it
ends when it was not used for a while, and after a day whatever happens. The first account is made through a link that
`callqa desk` prints, which works once.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from desk.rights import AccountRole, User
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.storage.home import Home
from pipeline.storage.sqlite_file import SqliteFile

IDLE_SESSION_S, LONGEST_SESSION_S = 8 * 3600, 24 * 3600
"""A session ends when it was not used for so long, and after so long in any case."""

LINK_S = 24 * 3600
"""How long the link that makes an account works."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200

MIGRATIONS = (
    """
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY, shown_name TEXT NOT NULL, role TEXT NOT NULL, password TEXT NOT NULL,
        agent_id TEXT, teams TEXT NOT NULL, language TEXT, disabled_at REAL, made_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        id_hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        begun_at REAL NOT NULL, seen_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE links (token_hash TEXT PRIMARY KEY, role TEXT NOT NULL, made_at REAL NOT NULL) STRICT;
    CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT
    """,
)


class BadAccount(CallQAError):
    """What was visit of an account cannot be done."""


class Accounts:
    """All accounts of a home."""

    def __init__(self, home: Home) -> None:
        self.file = SqliteFile(home.root / "accounts.sqlite", {"accounts": MIGRATIONS})
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())

    def any(self) -> bool:
        """Whether there is an account at all."""
        with self.file.reading() as rows:
            return rows.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is not None

    def make(
        self, name: str, role: AccountRole, password: str, shown_name: str = "", agent_id: str | None = None,
        teams: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Make an account. Raises BadAccount for a name that is taken, a password too short."""
        with self.file.writing() as rows:
            self._insert(rows, name, role, password, shown_name, agent_id, teams)

    def make_by_link(self, token: str, name: str, password: str) -> None:
        """Make the account that a link stands for; the link works no more. Raises BadAccount."""
        with self.file.writing() as rows:
            link = rows.execute("SELECT * FROM links WHERE token_hash = ?", (_hash(token),)).fetchone()
            if link is None or link["made_at"] < time.time() - LINK_S:
                raise BadAccount(Message("this link has been used, or is older than a day; ask for another"))
            self._insert(rows, name, link["role"], password, "", None, ())
            rows.execute("DELETE FROM links WHERE token_hash = ?", (link["token_hash"],))

    def make_link(self, role: AccountRole) -> str:
        """The secret of a link by which an account of a role can be made, once."""
        token = secrets.token_urlsafe(24)
        with self.file.writing() as rows:
            rows.execute("INSERT INTO links VALUES (?, ?, ?)", (_hash(token), role, time.time()))
        return token

    def is_link(self, token: str) -> bool:
        """Whether a link's secret is good still."""
        with self.file.reading() as rows:
            found = rows.execute("SELECT made_at FROM links WHERE token_hash = ?", (_hash(token),)).fetchone()
        return found is not None and found["made_at"] >= time.time() - LINK_S

    def secret(self, name: str) -> bytes:
        """16 random bytes of this home, made when they are first visit for."""
        with self.file.reading() as rows:
            found = rows.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        if found is None:
            with self.file.writing() as rows:
                rows.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(16)))
                found = rows.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return bytes(found["value"])

    def _insert(
        self, rows: sqlite3.Connection, name: str, role: str, password: str, shown_name: str, agent_id: str | None,
        teams: tuple[str, ...],
    ) -> None:  # fmt: skip
        if not name.strip() or len(name) > 80 or name != name.strip() or not name.isprintable():
            raise BadAccount(Message("an account's name has 1 to 80 characters, none of them a blank at its ends"))
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise BadAccount(Message("a password has at least {least} characters", least=SHORTEST_PASSWORD))
        try:
            rows.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?)",
                (name, shown_name or name, role, self._hasher.hash(password), agent_id, json.dumps(teams), time.time()),
            )
        except sqlite3.IntegrityError:
            raise BadAccount(Message("there is an account of this name")) from None

    def begin_session(self, name: str, password: str) -> str | None:
        """The secret of a new session, or None: no such account, a wrong password, a disabled account."""
        with self.file.reading() as rows:
            found = rows.execute("SELECT password, disabled_at FROM accounts WHERE name = ?", (name,)).fetchone()
        # as long for nobody as for somebody: the time must not tell which names there are
        right = self._verify(found["password"] if found else self._nobody, password)
        return self._session(name) if found and right and found["disabled_at"] is None else None

    def begin_session_by_link(self, token: str, name: str, password: str) -> str:
        """Make the account of a link and begin its first session. Raises BadAccount."""
        self.make_by_link(token, name, password)
        return self._session(name)

    def _session(self, name: str) -> str:
        session, now = secrets.token_urlsafe(32), time.time()
        with self.file.writing() as rows:
            rows.execute(
                "DELETE FROM sessions WHERE seen_at < ? OR begun_at < ?",
                (now - IDLE_SESSION_S, now - LONGEST_SESSION_S),
            )
            rows.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hash(session), name, now, now))
        return session

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password[: LONGEST_PASSWORD + 1])
        except (VerificationError, InvalidHashError):
            return False

    def user_of(self, session: str) -> User | None:
        """Whose session this is; None when it has ended."""
        now = time.time()
        with self.file.reading() as rows:
            found = rows.execute(
                "SELECT a.*, s.id_hash, s.seen_at FROM sessions AS s JOIN accounts AS a ON a.name = s.account "
                "WHERE s.id_hash = ? AND s.seen_at >= ? AND s.begun_at >= ? AND a.disabled_at IS NULL",
                (_hash(session), now - IDLE_SESSION_S, now - LONGEST_SESSION_S),
            ).fetchone()
        if found is None:
            return None
        if found["seen_at"] < now - 60:
            with self.file.writing() as rows:
                rows.execute("UPDATE sessions SET seen_at = ? WHERE id_hash = ?", (now, found["id_hash"]))
        return User(
            found["name"], found["role"], found["shown_name"], found["agent_id"], tuple(json.loads(found["teams"])),
            found["language"],
        )  # fmt: skip

    def end_session(self, session: str) -> None:
        """End a session; nothing happens where it has ended."""
        with self.file.writing() as rows:
            rows.execute("DELETE FROM sessions WHERE id_hash = ?", (_hash(session),))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
