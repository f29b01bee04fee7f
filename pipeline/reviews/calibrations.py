"""Calibration: several people answer one call blind, then whoever leads opens it, and they agree on what is right.

Until a session is opened everybody sees own answers alone. Agreed answers are reviews of the leader's authority, so
that they count; how often somebody's answers are the agreed ones is their index in the session.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.events import unchangeable
from pipeline.storage.sqlite_file import SqliteFile

CALIBRATIONS_MIGRATIONS = (
    f"""
    CREATE TABLE calibrations (
        session_id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, leader TEXT NOT NULL, at REAL NOT NULL,
        people TEXT NOT NULL, rules TEXT NOT NULL
    ) STRICT;
    CREATE INDEX calibrations_by_call ON calibrations (sha256);
    CREATE TABLE calibration_steps (
        id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES calibrations ON DELETE CASCADE,
        step TEXT NOT NULL CHECK (step IN ('opened', 'closed')), account TEXT NOT NULL, at REAL NOT NULL,
        UNIQUE (session_id, step)
    ) STRICT;
    CREATE TABLE calibration_answers (
        id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES calibrations ON DELETE CASCADE,
        sha256 TEXT NOT NULL, rule_id TEXT NOT NULL, account TEXT NOT NULL, agreed INTEGER NOT NULL,
        outcome TEXT NOT NULL, at REAL NOT NULL, comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX calibration_answers_by_session ON calibration_answers (session_id, rule_id, account);
    {unchangeable("calibrations", ("session_id", "sha256", "leader", "at", "people", "rules"))}
    {unchangeable("calibration_answers", ("session_id", "sha256", "rule_id", "account", "agreed", "outcome", "at"))}
    """,
)

CANNOT_TELL = "cannot-tell"


class BadSession(CallQAError):
    """What cannot be done in a session as it stands."""


@dataclass(frozen=True, slots=True)
class CalibrationAnswer:
    """What somebody answered for a rule: an outcome, or `CANNOT_TELL`."""

    rule_id: str
    account: str
    outcome: str
    comment: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """A session on a call: who takes part, which rules are asked, whether answers are shown to all (`opened`)."""

    session_id: str
    sha256: str
    leader: str
    at: float
    people: tuple[str, ...]
    rules: tuple[str, ...]
    opened: bool
    closed: bool
    answers: tuple[CalibrationAnswer, ...] = ()
    agreed: Mapping[str, CalibrationAnswer] = field(default_factory=dict)

    def of(self, account: str) -> dict[str, CalibrationAnswer]:
        """Somebody's answers by rule."""
        return {answer.rule_id: answer for answer in self.answers if answer.account == account}

    def done(self, account: str) -> bool:
        """Whether somebody has answered every rule."""
        return len(self.of(account)) == len(self.rules)

    def index(self, account: str) -> tuple[int, int]:
        """How many of somebody's answers are the agreed ones, of how many."""
        own = self.of(account)
        both = [rule for rule in self.agreed if rule in own]
        return sum(own[rule].outcome == self.agreed[rule].outcome for rule in both), len(both)


class Calibrations:
    """The sessions in a file of reviews."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    def begin(self, sha256: str, leader: str, people: Sequence[str], rules: Sequence[str]) -> str:
        """Begin a session; gives its id. Raises BadSession without people or rules."""
        if not people or not rules:
            raise BadSession(Message("choose who takes part, and at least one rule"))
        session_id = secrets.token_hex(8)
        with self.file.writing() as rows:
            rows.execute(
                "INSERT INTO calibrations VALUES (?, ?, ?, ?, ?, ?)",
                (session_id, sha256, leader, time.time(), json.dumps(list(dict.fromkeys(people))),
                 json.dumps(list(dict.fromkeys(rules)))),
            )  # fmt: skip
        return session_id

    def one(self, session_id: str) -> Calibration | None:
        """A session with all that was answered."""
        with self.file.reading() as rows:
            row = rows.execute(f"{_SESSIONS} WHERE session_id = ?", (session_id,)).fetchone()
            if row is None:
                return None
            given = rows.execute(
                "SELECT * FROM calibration_answers WHERE id IN (SELECT max(id) FROM calibration_answers "
                "WHERE session_id = ? GROUP BY rule_id, account, agreed) ORDER BY id",
                (session_id,),
            ).fetchall()
        answers = [(bool(each["agreed"]), _answer(each)) for each in given]
        agreed = {answer.rule_id: answer for is_agreed, answer in answers if is_agreed}
        return _session(row, tuple(answer for is_agreed, answer in answers if not is_agreed), agreed)

    def all(self) -> list[Calibration]:
        """All sessions, newest first, without their answers."""
        with self.file.reading() as rows:
            return [_session(row) for row in rows.execute(f"{_SESSIONS} ORDER BY at DESC")]

    def answer(self, session_id: str, account: str, given: Mapping[str, tuple[str, str]]) -> None:
        """Keep somebody's answers: outcome and comment by rule. Raises BadSession once the session is open."""
        session = self._there(session_id)
        if account not in session.people:
            raise BadSession(Message("you do not take part in this session"))
        with self.file.writing() as rows:
            steps = rows.execute("SELECT 1 FROM calibration_steps WHERE session_id = ?", (session_id,))
            if steps.fetchone() is not None:
                raise BadSession(Message("this session is open; what was answered stays"))
            _insert(rows, session, account, given, False)

    def open(self, session_id: str, by: str) -> None:
        """Show everybody's answers to all that take part."""
        self._step(self._there(session_id), "opened", by)

    def agree(
        self, rows: sqlite3.Connection, session: Calibration, by: str, given: Mapping[str, tuple[str, str]]
    ) -> None:  # fmt: skip
        """Keep what was agreed, within what else is written. Raises BadSession before the session is open."""
        if not session.opened or session.closed:
            raise BadSession(Message("what is right is agreed once the session is open, and before it is closed"))
        _insert(rows, session, by, given, True)

    def close(self, session_id: str, by: str) -> None:
        """End a session that is open; nothing changes in it any more."""
        session = self._there(session_id)
        if not session.opened:
            raise BadSession(Message("open the session first"))
        self._step(session, "closed", by)

    def blind_rules(self, account: str, sha256: str) -> frozenset[str]:
        """The rules whose verdicts on a call somebody must not see yet: a session asks for them and is not open."""
        return frozenset(rule_id for _, rule_id in self.blind_verdicts(account, (sha256,)))

    def blind_verdicts(self, account: str, calls: Collection[str]) -> frozenset[tuple[str, str]]:
        """The same of several calls (SHA-256), each with its call."""
        asked = json.dumps(list(calls))
        with self.file.reading() as rows:
            found = rows.execute(f"{_SESSIONS} WHERE sha256 IN (SELECT value FROM json_each(?))", (asked,)).fetchall()
        sessions = [session for session in map(_session, found) if account in session.people and not session.opened]
        return frozenset((session.sha256, rule) for session in sessions for rule in session.rules)

    def _there(self, session_id: str) -> Calibration:
        session = self.one(session_id)
        if session is None:
            raise BadSession(Message("there is no such session"))
        return session

    def _step(self, session: Calibration, step: str, by: str) -> None:
        with self.file.writing() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO calibration_steps (session_id, step, account, at) VALUES (?, ?, ?, ?)",
                (session.session_id, step, by, time.time()),
            )


def _insert(
    rows: sqlite3.Connection, session: Calibration, account: str, given: Mapping[str, tuple[str, str]], agreed: bool
) -> None:
    rows.executemany(
        "INSERT INTO calibration_answers (session_id, sha256, rule_id, account, agreed, outcome, at, comment) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(session.session_id, session.sha256, rule, account, agreed, outcome, time.time(), comment)
         for rule, (outcome, comment) in given.items() if rule in session.rules],
    )  # fmt: skip


_SESSIONS = """
SELECT c.*, EXISTS (SELECT 1 FROM calibration_steps AS s WHERE s.session_id = c.session_id AND s.step = 'opened')
    AS opened, EXISTS (SELECT 1 FROM calibration_steps AS s WHERE s.session_id = c.session_id AND s.step = 'closed')
    AS closed
FROM calibrations AS c"""


def _session(
    row: sqlite3.Row, answers: tuple[CalibrationAnswer, ...] = (), agreed: Mapping[str, CalibrationAnswer] | None = None
) -> Calibration:
    return Calibration(
        row["session_id"], row["sha256"], row["leader"], row["at"], tuple(json.loads(row["people"])),
        tuple(json.loads(row["rules"])), bool(row["opened"]), bool(row["closed"]), answers, agreed or {},
    )  # fmt: skip


def _answer(row: sqlite3.Row) -> CalibrationAnswer:
    return CalibrationAnswer(row["rule_id"], row["account"], row["outcome"], row["comment"])
