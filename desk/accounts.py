"""Accounts, in a SQLite file of their own beside the home's other files.

Passwords are kept as argon2id hashes. Nobody makes a password for somebody else: an account begins without one, and
its owner chooses it through a link that works once. The first account is made through a link that `callqa desk` prints
while there is none. An account is disabled and never deleted: what was done under its name stays its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from desk.rights import AccountRole, User
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.storage.home import Home
from pipeline.storage.sqlite_file import SqliteFile

LINK_S = 24 * 3600
"""How long a link works."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
FEWEST_CHARACTERS = 5
"""Different ones in a password."""

_AT_ONCE = 4
"""Passwords that are hashed side by side, each in 64 MB of memory."""
_WAIT_S = 10.0

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
    # `folded`: no two names that people take for one; a link is for an account, or (NULL) makes the first
    """
    ALTER TABLE accounts ADD COLUMN folded TEXT;
    UPDATE accounts SET folded = lower(name);
    CREATE UNIQUE INDEX accounts_folded ON accounts (folded);
    ALTER TABLE sessions ADD COLUMN way TEXT NOT NULL DEFAULT 'password';
    ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';
    DROP TABLE links;
    CREATE TABLE links (
        token_hash TEXT PRIMARY KEY, account TEXT REFERENCES accounts (name) ON DELETE CASCADE, made_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE identities (
        issuer TEXT NOT NULL, subject TEXT NOT NULL,
        account TEXT NOT NULL UNIQUE REFERENCES accounts (name) ON DELETE CASCADE, PRIMARY KEY (issuer, subject)
    ) STRICT
    """,
)

SAVED_FILTERS_MIGRATIONS = (
    """
    CREATE TABLE saved_filters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        name TEXT NOT NULL, query TEXT NOT NULL, shared INTEGER NOT NULL, made_at REAL NOT NULL, UNIQUE (account, name)
    ) STRICT
    """,
)
"""What people keep of the list of calls (`desk.calls.saved_filters`)."""

SAVED_QUERIES_MIGRATIONS = (
    """
    CREATE TABLE saved_queries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        name TEXT NOT NULL, sql TEXT NOT NULL, shared INTEGER NOT NULL, made_at REAL NOT NULL, UNIQUE (account, name)
    ) STRICT;
    CREATE TABLE asked_queries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        sql TEXT NOT NULL, asked_at REAL NOT NULL, UNIQUE (account, sql)
    ) STRICT
    """,
)
"""What people keep of the SQL page, and what they asked last (`desk.sql.kept_queries`)."""


class BadAccount(CallQAError):
    """What was asked of an account cannot be done."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as administrators see it. `made_at` and `disabled_at` are seconds since 1970."""

    user: User
    made_at: float
    disabled_at: float | None
    has_password: bool

    @property
    def name(self) -> str:
        return self.user.name


def accounts_file(home: Home) -> Path:
    """Where the accounts of a home lie; nothing is there before a desk was first opened."""
    return home.root / "accounts.sqlite"


class Accounts:
    """All accounts of a home."""

    def __init__(self, home: Home) -> None:
        self.file = SqliteFile(
            accounts_file(home),
            {
                "accounts": MIGRATIONS, "saved filters": SAVED_FILTERS_MIGRATIONS,
                "saved queries": SAVED_QUERIES_MIGRATIONS,
            },
        )  # fmt: skip
        self._hasher = PasswordHasher()
        self._at_once = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = "$".join(("$argon2id$v=19$m=65536,t=3,p=4", _base64(16), _base64(32)))

    def any(self) -> bool:
        """Whether there is an account at all."""
        with self.file.reading() as rows:
            return rows.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is not None

    def everybody(self) -> list[Account]:
        """All accounts, by name."""
        with self.file.reading() as rows:
            return [account_of_row(row) for row in rows.execute("SELECT * FROM accounts ORDER BY disabled_at, folded")]

    def get(self, name: str) -> Account | None:
        """The account of a name, however its letters are written."""
        with self.file.reading() as rows:
            found = rows.execute("SELECT * FROM accounts WHERE folded = ?", (_folded(name),)).fetchone()
        return account_of_row(found) if found else None

    def make(
        self, name: str, role: AccountRole, password: str | None = None, shown_name: str = "",
        agent_id: str | None = None, teams: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Make an account; without a password only a link, the proxy or OpenID lets somebody into it. Raises BadAccount
        for a name that is taken or none, a password that is too simple."""
        hashed = "" if password is None else self._hashed(password, name)
        with self.file.writing() as rows:
            insert_account(rows, User(name, role, shown_name, agent_id, teams), hashed)

    def change(
        self, name: str, *, role: AccountRole | None = None, shown_name: str | None = None,
        agent_id: str | None = None, teams: tuple[str, ...] | None = None,
    ) -> Account:  # fmt: skip
        """Change an account; what is None stays, agent_id "" means none. It holds from its next request on."""
        new = {
            "role": role, "shown_name": shown_name, "agent_id": agent_id,
            "teams": None if teams is None else listed_teams(teams),
        }  # fmt: skip
        return self._update(name, {column: value for column, value in new.items() if value is not None})

    def disable(self, name: str) -> Account:
        """Let nobody in by this account any more; its sessions and links end. Raises BadAccount for the last
        administrator."""
        return self._update(name, {"disabled_at": time.time()}, ends=True)

    def enable(self, name: str) -> Account:
        """Let its owner in again."""
        return self._update(name, {"disabled_at": None})

    def reset(self, name: str) -> str:
        """Take away an account's password and end its sessions; the secret of a link by which a new one is chosen."""
        account = self._update(name, {"password": ""}, ends=True)
        return self.make_link(account.name)

    def choose_language(self, name: str, language: Literal["zh", "en"]) -> None:
        self._update(name, {"language": language})

    def choose_password(self, name: str, password: str) -> None:
        """Give an account a new password. Raises BadAccount."""
        self._update(name, {"password": self._hashed(password, name)})

    def _update(self, name: str, values: dict[str, object], ends: bool = False) -> Account:
        with self.file.writing() as rows:
            found = rows.execute("SELECT name FROM accounts WHERE folded = ?", (_folded(name),)).fetchone()
            if found is None:
                raise BadAccount(Message("{name}: there is no such account", name=name))
            given = ", ".join(f"{column} = ?" for column in values)
            if values:
                rows.execute(f"UPDATE accounts SET {given} WHERE name = ?", (*values.values(), found["name"]))
            if ends:
                rows.execute("DELETE FROM sessions WHERE account = ?", (found["name"],))
                rows.execute("DELETE FROM links WHERE account = ?", (found["name"],))
            if "role" in values or "disabled_at" in values:
                _keep_an_administrator(rows)
            return account_of_row(rows.execute("SELECT * FROM accounts WHERE name = ?", (found["name"],)).fetchone())

    def make_first_link(self) -> str:
        """The secret of a link by which the first account, an administrator's, is made. No older one works then."""
        with self.file.writing() as rows:
            rows.execute("DELETE FROM links WHERE account IS NULL")
            return _insert_link(rows, None)

    def make_link(self, name: str) -> str:
        """The secret of a link by which an account's owner chooses a password. No older one works then."""
        with self.file.writing() as rows:
            rows.execute("DELETE FROM links WHERE account = ? OR made_at < ?", (name, time.time() - LINK_S))
            return _insert_link(rows, name)

    def link(self, token: str) -> Link | None:
        """What a link's secret is for; None when it is no good."""
        with self.file.reading() as rows:
            return _link(rows, token)

    def check_new(self, name: str, password: str, *, is_new: bool) -> None:
        """Raises BadAccount where this password, and if the account is new this name, cannot be."""
        check_password(password, name)
        if is_new:
            check_name(name)
            if self.get(name) is not None:
                raise BadAccount(TAKEN)

    def use_link(self, token: str, name: str, password: str) -> str:
        """Choose a password through a link, of the account that it is for, or of a first one, called `name`. The name
        of the account; the link works no more, and sessions of the account have ended. Raises BadAccount."""
        gone = BadAccount(Message("this link has been used, or is older than a day; ask for another"))
        link = self.link(token)
        if link is None:
            raise gone
        name = link.account or name
        hashed = self._hashed(password, name)
        with self.file.writing() as rows:
            if _link(rows, token) != link:
                raise gone
            if link.account is None:
                insert_account(rows, User(name, "administrator"), hashed)
            rows.execute("UPDATE accounts SET password = ? WHERE name = ?", (hashed, name))
            rows.execute("DELETE FROM links WHERE account IS ? OR account = ?", (link.account, name))
            rows.execute("DELETE FROM sessions WHERE account = ?", (name,))
        return name

    def signs_in(self, name: str, password: str) -> Account | None:
        """The account that lets in who gives this name and password; None, as slowly, when there is none such, the
        password is wrong, or the account disabled."""
        with self.file.reading() as rows:
            found = rows.execute("SELECT * FROM accounts WHERE folded = ?", (_folded(name),)).fetchone()
        stored = found["password"] if found else ""
        # as long for nobody as for somebody: the time must not tell which names there are
        right = self._verify(stored or self._nobody, password)
        if not stored or not right or found["disabled_at"] is not None:
            return None
        if self._hasher.check_needs_rehash(stored):
            self.choose_password(found["name"], password)
        return account_of_row(found)

    def secret(self, name: str) -> bytes:
        """16 random bytes of this home, made when they are first asked for."""
        with self.file.reading() as rows:
            found = rows.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        if found is None:
            with self.file.writing() as rows:
                rows.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(16)))
                found = rows.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return bytes(found["value"])

    def _hashed(self, password: str, name: str) -> str:
        check_password(password, name)
        with self._one_of_few():
            return self._hasher.hash(unicodedata.normalize("NFKC", password))

    def _verify(self, password_hash: str, password: str) -> bool:
        password = unicodedata.normalize("NFKC", password[: LONGEST_PASSWORD + 1])
        try:
            with self._one_of_few():
                return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    @contextmanager
    def _one_of_few(self) -> Iterator[None]:
        if not self._at_once.acquire(timeout=_WAIT_S):
            raise BadAccount(Message("too many people are signing in at this moment; try again"))
        try:
            yield
        finally:
            self._at_once.release()


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for: a password of an account, or (None) the first account."""

    account: str | None


def user_of_row(row: sqlite3.Row) -> User:
    """The user of a row of accounts."""
    return User(
        row["name"], row["role"], row["shown_name"], row["agent_id"], tuple(json.loads(row["teams"])), row["language"]
    )


def check_password(password: str, name: str) -> None:
    """Raises BadAccount for a password that is too short, too long or too simple."""
    password = unicodedata.normalize("NFKC", password)
    if len(password) < SHORTEST_PASSWORD:
        raise BadAccount(Message("a password has at least {least} characters", least=SHORTEST_PASSWORD))
    if len(password) > LONGEST_PASSWORD:
        raise BadAccount(Message("a password has at most {most} characters", most=LONGEST_PASSWORD))
    if len(set(password)) < FEWEST_CHARACTERS or _folded(password) in (_folded(name), _folded(name) * 2):
        raise BadAccount(
            Message("this password is too simple; take {least} different characters or more", least=FEWEST_CHARACTERS)
        )


def check_name(name: str) -> None:
    """Raises BadAccount for what is no name of an account."""
    if not 1 <= len(name) <= 80 or name != name.strip() or not name.isprintable():
        raise BadAccount(Message("an account's name has 1 to 80 characters, none of them a blank at its ends"))


TAKEN = Message("there is an account of this name")


def insert_account(rows: sqlite3.Connection, user: User, password_hash: str) -> None:
    """Make an account. Raises BadAccount."""
    name = user.name
    check_name(name)
    try:
        rows.execute(
            "INSERT INTO accounts (name, folded, shown_name, role, password, agent_id, teams, made_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                name, _folded(name), user.shown_name.strip() or name, user.role, password_hash, user.agent_id or None,
                listed_teams(user.teams), time.time(),
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError:
        raise BadAccount(TAKEN) from None


def _keep_an_administrator(rows: sqlite3.Connection) -> None:
    query = "SELECT 1 FROM accounts WHERE role = 'administrator' AND disabled_at IS NULL LIMIT 1"
    if rows.execute(query).fetchone() is None:
        raise BadAccount(Message("this is the last administrator; make another one first"))


def _insert_link(rows: sqlite3.Connection, account: str | None) -> str:
    token = secrets.token_urlsafe(24)
    rows.execute("INSERT INTO links VALUES (?, ?, ?)", (hash_of_secret(token), account, time.time()))
    return token


def _link(rows: sqlite3.Connection, token: str) -> Link | None:
    """A link that is good: not too old, its account not disabled; the first account's, while there is none."""
    found = rows.execute(
        "SELECT l.account FROM links AS l LEFT JOIN accounts AS a ON a.name = l.account "
        "WHERE l.token_hash = ? AND l.made_at >= ? AND a.disabled_at IS NULL "
        "AND (l.account IS NOT NULL OR NOT EXISTS (SELECT 1 FROM accounts))",
        (hash_of_secret(token), time.time() - LINK_S),
    ).fetchone()
    return Link(found["account"]) if found else None


def account_of_row(row: sqlite3.Row) -> Account:
    """The account of a row of accounts."""
    return Account(user_of_row(row), row["made_at"], row["disabled_at"], bool(row["password"]))


def _folded(name: str) -> str:
    """What two names have in common that people take for one."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def listed_teams(teams: tuple[str, ...]) -> str:
    """Teams as a row of accounts has them."""
    return json.dumps(list(dict.fromkeys(filter(None, map(str.strip, teams)))), ensure_ascii=False)


def _base64(count: int) -> str:
    return base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=")


def hash_of_secret(secret: str) -> str:
    """What is kept of a secret of 24 random bytes or more."""
    return hashlib.sha256(secret.encode()).hexdigest()
