"""Which results agents see: each release is a version of a call's result, which stays as it was released.

    draft → released → acknowledged      withdrawn: a draft again; released anew: the next version, to be acknowledged

An agent sees the last version alone, of calls that were released as theirs, and how it came to be.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Literal

import msgspec

from pipeline.datatypes import Outcome
from pipeline.messages import Message
from pipeline.reviews.events import Authority, BadStep, EventCell, append, happened, once_of, unchangeable
from pipeline.reviews.verdict_keys import VerdictKey

ReleaseStep = Literal["released", "withdrawn", "acknowledged"]
ReleaseState = Literal["draft", "released", "acknowledged"]

_COLUMNS = (
    "id", "once", "at", "account", "authority", "sha256", "step", "version", "agent_id", "score", "reviewed_score",
    "manual_points", "rulebook", "rulebook_hash", "rulebook_version", "fingerprint", "verdicts", "appeal", "comment",
)  # fmt: skip

RELEASES_MIGRATIONS = (
    f"""
    CREATE TABLE releases (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        authority INTEGER NOT NULL, sha256 TEXT NOT NULL,
        step TEXT NOT NULL CHECK (step IN ('released', 'withdrawn', 'acknowledged')), version INTEGER NOT NULL,
        agent_id TEXT, score REAL, reviewed_score REAL, manual_points REAL NOT NULL, rulebook TEXT NOT NULL,
        rulebook_hash TEXT NOT NULL, rulebook_version TEXT NOT NULL, fingerprint TEXT NOT NULL, verdicts TEXT NOT NULL,
        appeal INTEGER, comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX releases_by_call ON releases (sha256);
    CREATE UNIQUE INDEX releases_a_step_once ON releases (sha256, version, step);
    CREATE VIEW released AS
        SELECT r.*, a.at AS acknowledged_at FROM releases AS r
        LEFT JOIN releases AS a ON a.sha256 = r.sha256 AND a.version = r.version AND a.step = 'acknowledged'
        WHERE r.step = 'released'
            AND NOT EXISTS (SELECT 1 FROM releases AS l WHERE l.sha256 = r.sha256 AND l.id > r.id
                AND l.step IN ('released', 'withdrawn'));
    CREATE INDEX releases_by_agent ON releases (agent_id) WHERE step = 'released';
    {unchangeable("releases", _COLUMNS)}
    """,
)


@dataclass(frozen=True, slots=True)
class ReleasedVerdict:
    """A verdict as it was released: what identifies it, the points it cost, and the outcome by what reviewers said."""

    rule_id: str
    rule_hash: str
    outcome: Outcome
    evidence: str
    deducted: float
    reviewed: Outcome | None = None

    @property
    def stands(self) -> Outcome:
        """The outcome that the agent is told."""
        return self.reviewed or self.outcome


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call's result as it is released: the system's score, the score by what reviewers said (None where nobody said
    anything, or it cannot be told), the points that no rule gives."""

    sha256: str
    agent_id: str | None
    score: float | None
    reviewed_score: float | None
    manual_points: float
    rulebook: str
    rulebook_hash: str
    rulebook_version: str
    fingerprint: str
    verdicts: tuple[ReleasedVerdict, ...]

    def key(self, rule_id: str) -> VerdictKey | None:
        """The key of a verdict of it."""
        verdict = next((each for each in self.verdicts if each.rule_id == rule_id), None)
        if verdict is None:
            return None
        return VerdictKey(self.sha256, rule_id, verdict.rule_hash, self.fingerprint, verdict.outcome, verdict.evidence)


@dataclass(frozen=True, slots=True)
class ResultStep:
    """A step of a call's result: who took it and when (seconds since 1970), and the result it was of; its verdicts are
    told where it was released. `appeal` is the appeal that led to it. `acknowledged_at` is when its agent did."""

    id: int
    at: float
    account: str
    step: ReleaseStep
    version: int
    result: CallResult
    appeal: int | None
    comment: str
    acknowledged_at: float | None = None


def steps_of(rows: sqlite3.Connection, sha256: str) -> list[ResultStep]:
    """All steps of a call's result, oldest first."""
    found = rows.execute("SELECT *, NULL AS acknowledged_at FROM releases WHERE sha256 = ? ORDER BY id", (sha256,))
    return [_release(row) for row in found]


def released(rows: sqlite3.Connection, sha256: str) -> ResultStep | None:
    """What is released of a call now; None of a draft."""
    found = rows.execute("SELECT * FROM released WHERE sha256 = ?", (sha256,)).fetchone()
    return _release(found) if found else None


def released_to(rows: sqlite3.Connection, agent_id: str, since: float = 0.0) -> list[ResultStep]:
    """What is released of an agent's calls, the latest first: what was released since then (seconds since 1970), and
    what they have not acknowledged."""
    found = rows.execute(
        "SELECT * FROM released WHERE agent_id = ? AND (at >= ? OR acknowledged_at IS NULL) ORDER BY at DESC",
        (agent_id, since),
    )
    return [_release(row) for row in found]


def calls_released_to(rows: sqlite3.Connection, agent_id: str) -> list[str]:
    """The calls (SHA-256) whose results an agent may see."""
    return [row["sha256"] for row in rows.execute("SELECT sha256 FROM released WHERE agent_id = ?", (agent_id,))]


def release(
    rows: sqlite3.Connection, by: str, authority: Authority, token: str, result: CallResult, comment: str = "",
    appeal: int | None = None, now: float | None = None,
) -> bool:  # fmt: skip
    """ResultStep a result to its agent; false where this very result is released already. Raises BadStep."""
    if result.agent_id is None:
        raise BadStep(Message("it is not known which agent took this call, so there is nobody to release it to"))
    last = released(rows, result.sha256)
    if last and last.result == result:
        return False
    version = _versions(rows, result.sha256) + 1
    return _step(rows, by, authority, token, "released", version, result, comment, appeal, now)


def withdraw(
    rows: sqlite3.Connection, by: str, authority: Authority, token: str, sha256: str, comment: str,
    appeal: int | None = None, now: float | None = None,
) -> bool:  # fmt: skip
    """Take a released result back: it is a draft again; false where it was. Raises BadStep."""
    if happened(rows, "releases", _once(by, token, "withdrawn", sha256)):
        return False
    last = released(rows, sha256)
    if last is None:
        raise BadStep(Message("this result is not released"))
    return _step(rows, by, authority, token, "withdrawn", last.version, last.result, comment, appeal, now)


def acknowledge(
    rows: sqlite3.Connection, by: str, token: str, sha256: str, agent_id: str | None, now: float | None = None
) -> bool:
    """Note that an agent has seen their result; false where they had. Raises BadStep."""
    last = released(rows, sha256)
    if last is None or agent_id is None or last.result.agent_id != agent_id:
        raise BadStep(Message("this result is not released"))
    if last.acknowledged_at is not None:
        return False
    return _step(rows, by, 1, token, "acknowledged", last.version, last.result, "", None, now)


def _step(
    rows: sqlite3.Connection, by: str, authority: Authority, token: str, step: ReleaseStep, version: int,
    result: CallResult, comment: str, appeal: int | None, now: float | None,
) -> bool:  # fmt: skip
    verdicts = result.verdicts if step == "released" else ()
    cells: dict[str, EventCell] = {
        "at": time.time() if now is None else now, "authority": authority, "sha256": result.sha256,
        "step": step, "version": version, "agent_id": result.agent_id,
        "score": result.score, "reviewed_score": result.reviewed_score, "manual_points": result.manual_points,
        "rulebook": result.rulebook, "rulebook_hash": result.rulebook_hash,
        "rulebook_version": result.rulebook_version, "fingerprint": result.fingerprint,
        "verdicts": msgspec.json.encode(verdicts).decode(), "appeal": appeal, "comment": comment,
    }  # fmt: skip
    return append(rows, "releases", _once(by, token, step, result.sha256), by, cells) is not None


def _once(by: str, token: str, step: ReleaseStep, sha256: str) -> str:
    return once_of("releases", by, token, step, sha256)


def _versions(rows: sqlite3.Connection, sha256: str) -> int:
    found = rows.execute("SELECT max(version) FROM releases WHERE sha256 = ?", (sha256,)).fetchone()
    return found[0] or 0


def _release(row: sqlite3.Row) -> ResultStep:
    result = CallResult(
        row["sha256"], row["agent_id"], row["score"], row["reviewed_score"], row["manual_points"], row["rulebook"],
        row["rulebook_hash"], row["rulebook_version"], row["fingerprint"],
        msgspec.json.decode(row["verdicts"], type=tuple[ReleasedVerdict, ...]),
    )  # fmt: skip
    return ResultStep(
        row["id"], row["at"], row["account"], row["step"], row["version"], result, row["appeal"], row["comment"],
        row["acknowledged_at"],
    )  # fmt: skip
