"""Appeals of agents against verdicts that were released to them, and how they were decided.

    open → upheld (with the outcome that is right) | rejected | returned for more → supplemented (open again)
    rejected → once more, to the second instance, whose word is the last

Decided by somebody who has neither appealed nor answered that verdict. A decision is an answer to the verdict of more
authority than a reviewer's. Steps stay as they were taken; agents see them all.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from pipeline.datatypes import Outcome
from pipeline.messages import Message
from pipeline.reviews.events import Authority, BadStep, EventCell, append, happened, once_of, unchangeable
from pipeline.reviews.releases import ResultStep, released
from pipeline.reviews.verdict_keys import VerdictKey
from pipeline.reviews.verdict_reviews import VerdictReview, add_review
from pipeline.reviews.working_days import WorkingDays

Decision = Literal["upheld", "rejected", "returned"]
AppealState = Literal["open", "returned", "upheld", "rejected"]

_APPEALS = (
    "id", "once", "at", "account", "ref", "sha256", "agent_id", "version", "instance", "rule_id", "rule_hash",
    "fingerprint", "outcome", "evidence", "told", "comment",
)  # fmt: skip
_STEPS = ("id", "once", "at", "account", "sha256", "appeal", "step", "right_outcome", "comment")

APPEALS_MIGRATIONS = (
    f"""
    CREATE TABLE appeals (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        ref TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, agent_id TEXT NOT NULL, version INTEGER NOT NULL,
        instance INTEGER NOT NULL CHECK (instance IN (1, 2)),
        rule_id TEXT NOT NULL, rule_hash TEXT NOT NULL, fingerprint TEXT NOT NULL, outcome TEXT NOT NULL,
        evidence TEXT NOT NULL, told TEXT NOT NULL, comment TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX appeals_one_an_instance
        ON appeals (sha256, rule_id, rule_hash, fingerprint, outcome, evidence, instance);
    CREATE INDEX appeals_by_agent ON appeals (agent_id, at);
    CREATE TABLE appeal_steps (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        sha256 TEXT NOT NULL, appeal INTEGER NOT NULL REFERENCES appeals (id) ON DELETE CASCADE,
        step TEXT NOT NULL CHECK (step IN ('upheld', 'rejected', 'returned', 'supplemented')),
        right_outcome TEXT CHECK ((right_outcome IS NOT NULL) = (step = 'upheld')), comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX appeal_steps_by_appeal ON appeal_steps (appeal);
    CREATE UNIQUE INDEX appeals_decided_once ON appeal_steps (appeal) WHERE step IN ('upheld', 'rejected');
    {unchangeable("appeals", _APPEALS)}
    {unchangeable("appeal_steps", _STEPS)}
    """,
)


@dataclass(frozen=True, slots=True)
class AppealRules:
    """So many working days after a release, a decision or a return something can still be asked; so many first
    appeals an agent has a month."""

    days: WorkingDays
    window: int = 5
    most_a_month: int = 10


@dataclass(frozen=True, slots=True)
class AppealStep:
    """A step after the appeal itself, by whom, when (seconds since 1970)."""

    at: float
    account: str
    step: Literal["upheld", "rejected", "returned", "supplemented"]
    right_outcome: Outcome | None
    comment: str


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal against what an agent was `told` of a verdict, by a version of the released result. `ref` is its id in
    addresses, `comment` the reason."""

    id: int
    ref: str
    at: float
    account: str
    agent_id: str
    key: VerdictKey
    told: Outcome
    version: int
    instance: int
    comment: str
    steps: tuple[AppealStep, ...] = ()

    @property
    def state(self) -> AppealState:
        last = self.steps[-1].step if self.steps else "supplemented"
        return "open" if last == "supplemented" else last

    @property
    def is_final(self) -> bool:
        """Whether nobody can appeal any more: it was won, or lost twice."""
        return self.state == "upheld" or (self.state == "rejected" and self.instance == 2)

    @property
    def since(self) -> float:
        """When it came to be as it is."""
        return self.steps[-1].at if self.steps else self.at


def appeals_on(rows: sqlite3.Connection, sha256: str) -> list[Appeal]:
    """All appeals on a call, oldest first."""
    return _appeals(rows, "sha256 = ?", (sha256,))


def appeals_by(rows: sqlite3.Connection, agent_id: str) -> list[Appeal]:
    """All appeals of an agent, oldest first."""
    return _appeals(rows, "agent_id = ?", (agent_id,))


def all_appeals(rows: sqlite3.Connection) -> list[Appeal]:
    """Every appeal, oldest first."""
    return _appeals(rows, "true", ())


def undecided_appeals(rows: sqlite3.Connection) -> list[Appeal]:
    """Appeals that nobody has decided, oldest first."""
    decided = "SELECT 1 FROM appeal_steps WHERE appeal = appeals.id AND step IN ('upheld', 'rejected')"
    return _appeals(rows, f"NOT EXISTS ({decided})", ())


def appeal_of(rows: sqlite3.Connection, ref: str) -> Appeal | None:
    """The appeal of an address."""
    return next(iter(_appeals(rows, "ref = ?", (ref,))), None)


def can_appeal(last: ResultStep, before: Iterable[Appeal], rule_id: str, rules: AppealRules, now: float) -> date | None:
    """The last day on which an agent can appeal against a verdict of a released result; None where it is too late, or
    said. `before` are the appeals on the call."""
    key = last.result.key(rule_id)
    earlier = [appeal for appeal in before if appeal.key == key]
    since = last.at
    if key is None or len(earlier) > 1:
        return None
    if earlier:
        if earlier[0].state != "rejected":
            return None
        since = earlier[0].since
    until = rules.days.last_day(since, rules.window)
    return until if rules.days.day_of(now) <= until else None


def left_this_month(rows: sqlite3.Connection, agent_id: str, rules: AppealRules, now: float) -> int:
    """How many first appeals an agent has left this month."""
    month = rules.days.day_of(now).replace(day=1)
    made = rows.execute(
        "SELECT at FROM appeals WHERE agent_id = ? AND instance = 1 AND at > ?", (agent_id, now - 32 * 86_400)
    )
    return max(0, rules.most_a_month - sum(rules.days.day_of(row["at"]) >= month for row in made))


def appeal(
    rows: sqlite3.Connection, by: str, agent_id: str | None, token: str, sha256: str, rule_id: str, reason: str,
    rules: AppealRules, now: float | None = None,
) -> bool:  # fmt: skip
    """Appeal against a verdict that was released to an agent; false where that was done by the same form. Raises
    BadStep."""
    now = time.time() if now is None else now
    once = once_of("appeals", by, token, sha256, rule_id)
    if happened(rows, "appeals", once):
        return False
    last = released(rows, sha256)
    if last is None or agent_id is None or last.result.agent_id != agent_id:
        raise BadStep(Message("this result is not released"))
    if not reason.strip():
        raise BadStep(Message("say why: an appeal needs a reason"))
    verdict = next((each for each in last.result.verdicts if each.rule_id == rule_id), None)
    key, before = last.result.key(rule_id), appeals_on(rows, sha256)
    if verdict is None or key is None or can_appeal(last, before, rule_id, rules, now) is None:
        raise BadStep(Message("there can be no appeal against this any more: it is decided, or too late"))
    instance = 1 + sum(each.key == key for each in before)
    if instance == 1 and not left_this_month(rows, agent_id, rules, now):
        raise BadStep(Message("no more than {most} appeals a month", most=rules.most_a_month))
    cells: dict[str, EventCell] = {
        "at": now, "ref": secrets.token_hex(8), "sha256": sha256, "agent_id": agent_id, "version": last.version,
        "instance": instance, "rule_id": rule_id, "rule_hash": key.rule_hash, "fingerprint": key.fingerprint,
        "outcome": key.outcome, "evidence": key.evidence, "told": verdict.stands, "comment": reason.strip(),
    }  # fmt: skip
    return append(rows, "appeals", once, by, cells) is not None


def supplement(
    rows: sqlite3.Connection, by: str, agent_id: str | None, token: str, ref: str, comment: str, rules: AppealRules,
    now: float | None = None,
) -> bool:  # fmt: skip
    """Add what an appeal was returned for; false where that was done by the same form. Raises BadStep."""
    now = time.time() if now is None else now
    once = once_of("appeal_steps", by, token, ref)
    if happened(rows, "appeal_steps", once):
        return False
    found = appeal_of(rows, ref)
    if found is None or found.agent_id != agent_id or found.state != "returned" or _has_lapsed(found, rules, now):
        raise BadStep(Message("nothing more is asked of this appeal, or it is too late"))
    if not comment.strip():
        raise BadStep(Message("say what is to be added"))
    return _add_step(rows, once, by, found, "supplemented", None, comment, now)


def decide(
    rows: sqlite3.Connection, by: str, token: str, ref: str, decision: Decision, right_outcome: Outcome | None,
    comment: str, rules: AppealRules, now: float | None = None,
) -> bool:  # fmt: skip
    """Decide an appeal, or return it for more; false where that was done by the same form. Raises BadStep.

    One that was returned and not added to in time can be decided as it is.
    """
    now = time.time() if now is None else now
    once = once_of("appeal_steps", by, token, ref)
    if happened(rows, "appeal_steps", once):
        return False
    found = appeal_of(rows, ref)
    if found is None or found.state not in ("open", "returned"):
        raise BadStep(Message("this appeal is decided"))
    if found.state == "returned" and (decision == "returned" or not _has_lapsed(found, rules, now)):
        raise BadStep(Message("this appeal waits for what its agent adds"))
    if (why := why_not_by(rows, found, by)) is not None:
        raise BadStep(why)
    if not comment.strip():
        raise BadStep(Message("say why: a decision needs a reason"))
    if decision == "upheld" and (right_outcome is None or right_outcome == found.told):
        raise BadStep(Message("say what is right instead, where an appeal is upheld"))
    right = right_outcome if decision == "upheld" else None
    done = _add_step(rows, once, by, found, decision, right, comment, now)
    if decision != "returned":
        outcome = right or found.told
        wrong = outcome != found.key.outcome
        review = VerdictReview(found.key, "wrong" if wrong else "right", outcome if wrong else None, task=_task(found))
        authority: Authority = 4 if found.instance == 2 else 3
        add_review(rows, by, authority, token, review)
    return done


def why_not_by(rows: sqlite3.Connection, found: Appeal, account: str) -> Message | None:
    """Why somebody may not decide an appeal; None for who may."""
    if account == found.account:
        return Message("nobody decides their own appeal")
    # a decision is an answer too, so nobody decides in both instances
    answered = rows.execute(
        "SELECT 1 FROM verdict_reviews WHERE sha256 = ? AND rule_id = ? AND account = ?",
        (found.key.sha256, found.key.rule_id, account),
    ).fetchone()
    if answered:
        return Message("somebody else decides this: you have given an answer on this verdict")
    return None


def _task(found: Appeal) -> str:
    return f"appeal {found.ref}"


def _has_lapsed(found: Appeal, rules: AppealRules, now: float) -> bool:
    return rules.days.day_of(now) > rules.days.last_day(found.since, rules.window)


def _add_step(
    rows: sqlite3.Connection, once: str, by: str, found: Appeal, step: str, right_outcome: Outcome | None, comment: str,
    now: float,
) -> bool:  # fmt: skip
    cells: dict[str, EventCell] = {
        "at": now, "sha256": found.key.sha256, "appeal": found.id, "step": step, "right_outcome": right_outcome,
        "comment": comment.strip(),
    }  # fmt: skip
    return append(rows, "appeal_steps", once, by, cells) is not None


def _appeals(rows: sqlite3.Connection, condition: str, values: tuple[str, ...]) -> list[Appeal]:
    steps: dict[int, list[AppealStep]] = {}
    chosen = f"SELECT id FROM appeals WHERE {condition}"
    for row in rows.execute(f"SELECT * FROM appeal_steps WHERE appeal IN ({chosen}) ORDER BY id", values):
        step = AppealStep(row["at"], row["account"], row["step"], row["right_outcome"], row["comment"])
        steps.setdefault(row["appeal"], []).append(step)
    found = rows.execute(f"SELECT * FROM appeals WHERE {condition} ORDER BY id", values).fetchall()
    return [_appeal(row, tuple(steps.get(row["id"], ()))) for row in found]


def _appeal(row: sqlite3.Row, steps: tuple[AppealStep, ...]) -> Appeal:
    key = VerdictKey(
        row["sha256"], row["rule_id"], row["rule_hash"], row["fingerprint"], row["outcome"], row["evidence"]
    )
    return Appeal(
        row["id"], row["ref"], row["at"], row["account"], row["agent_id"], key, row["told"], row["version"],
        row["instance"], row["comment"], steps,
    )  # fmt: skip


DECISIONS: tuple[Decision, ...] = get_args(Decision)
