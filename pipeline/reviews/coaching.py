"""Coaching sessions: whom a coach trains in which rules, what the agent is to practise, how far it has come.

    planned → held (the agent sees it) → acknowledged        planned or held → called off → planned again

A plan is written anew as a whole whenever it changes, texts each by themselves; what was written last counts. A session
is about an agent and not about one call: when a call is forgotten that has had an excerpt in it, its texts are blanked,
as they may quote the call (`forget_coaching_texts`).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

from pipeline.messages import Message
from pipeline.reviews.events import BadStep, EventCell, append, happened, once_of, unchangeable

CoachingState = Literal["planned", "held", "acknowledged", "called_off"]
CoachingText = Literal["practise", "for_agent", "private"]
"""What the agent is to practise, one thing a line; notes that the agent sees; notes that staff see alone."""

LONGEST_COACHING_TEXT = 4000
"""Characters of a text of a session."""

_SESSIONS = ("id", "once", "at", "account", "ref", "agent_id")
_PLANS = ("id", "once", "at", "account", "session", "coach", "rules", "planned_on")
_TEXTS = ("id", "once", "at", "account", "session", "kind", "comment")
_STEPS = ("id", "once", "at", "account", "session", "step", "held_on", "comment")

COACHING_MIGRATIONS = (
    f"""
    CREATE TABLE coaching_sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        ref TEXT NOT NULL UNIQUE, agent_id TEXT NOT NULL
    ) STRICT;
    CREATE INDEX coaching_sessions_by_agent ON coaching_sessions (agent_id);
    CREATE TABLE coaching_plans (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        session INTEGER NOT NULL REFERENCES coaching_sessions (id) ON DELETE CASCADE, coach TEXT NOT NULL,
        rules TEXT NOT NULL, planned_on TEXT
    ) STRICT;
    CREATE INDEX coaching_plans_by_session ON coaching_plans (session);
    CREATE TABLE coaching_texts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        session INTEGER NOT NULL REFERENCES coaching_sessions (id) ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('practise', 'for_agent', 'private')), comment TEXT NOT NULL
    ) STRICT;
    CREATE INDEX coaching_texts_by_session ON coaching_texts (session, kind);
    CREATE TABLE coaching_steps (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        session INTEGER NOT NULL REFERENCES coaching_sessions (id) ON DELETE CASCADE,
        step TEXT NOT NULL CHECK (step IN ('held', 'acknowledged', 'called_off', 'planned')), held_on TEXT,
        comment TEXT NOT NULL, CHECK ((held_on IS NOT NULL) = (step = 'held'))
    ) STRICT;
    CREATE INDEX coaching_steps_by_session ON coaching_steps (session);
    CREATE UNIQUE INDEX coaching_acknowledged_once ON coaching_steps (session) WHERE step = 'acknowledged';
    {unchangeable("coaching_sessions", _SESSIONS)}
    {unchangeable("coaching_plans", _PLANS)}
    {unchangeable("coaching_texts", _TEXTS)}
    {unchangeable("coaching_steps", _STEPS)}
    """,
)


@dataclass(frozen=True, slots=True)
class CoachingPlan:
    """What a coach (an account) means to do: the rules that it is about, the day, and texts."""

    coach: str
    rules: tuple[str, ...]
    planned_on: date | None = None
    practise: str = ""
    for_agent: str = ""
    private: str = ""

    def text(self, kind: CoachingText) -> str:
        """A text of a kind."""
        return {"practise": self.practise, "for_agent": self.for_agent, "private": self.private}[kind]

    @property
    def to_practise(self) -> list[str]:
        """What is to be practised, one thing each."""
        return [line.strip() for line in self.practise.splitlines() if line.strip()]


@dataclass(frozen=True, slots=True)
class CoachingStep:
    """A step of a session: by whom, when (seconds since 1970); the day it was held, what was said to it."""

    at: float
    account: str
    step: CoachingState
    held_on: date | None
    comment: str


@dataclass(frozen=True, slots=True)
class CoachingSession:
    """A session of an agent as it stands. `ref` is its id in addresses; `at` and `account`: when and by whom it was
    made."""

    id: int
    ref: str
    at: float
    account: str
    agent_id: str
    plan: CoachingPlan
    steps: tuple[CoachingStep, ...] = ()

    @property
    def state(self) -> CoachingState:
        return self.steps[-1].step if self.steps else "planned"

    @property
    def rules(self) -> tuple[str, ...]:
        return self.plan.rules

    @property
    def held(self) -> CoachingStep | None:
        """The step by which it was held; None of one that is planned or called off."""
        if self.state not in ("held", "acknowledged"):
            return None
        return next(step for step in reversed(self.steps) if step.step == "held")

    @property
    def held_on(self) -> date | None:
        """The day on which it was held."""
        return self.held.held_on if self.held else None

    @property
    def acknowledged(self) -> CoachingStep | None:
        """The agent's acknowledgement."""
        return self.steps[-1] if self.state == "acknowledged" else None

    @property
    def can_change(self) -> bool:
        """Whether plan and excerpts can still change: what was acknowledged stays as it was."""
        return self.state in ("planned", "held")


def coaching_of(rows: sqlite3.Connection, ref: str) -> CoachingSession | None:
    """The session of an address."""
    return next(iter(_sessions(rows, "ref = ?", (ref,))), None)


def all_coaching(rows: sqlite3.Connection) -> list[CoachingSession]:
    """Every session, the one made last first."""
    return _sessions(rows, "true", ())


def coaching_with(rows: sqlite3.Connection, agent_id: str) -> list[CoachingSession]:
    """Every session of an agent, the one made last first."""
    return _sessions(rows, "agent_id = ?", (agent_id,))


def plan_coaching(rows: sqlite3.Connection, by: str, token: str, agent_id: str, plan: CoachingPlan) -> str:
    """Plan a session; its ref, which is the same when the same form is sent again. Raises BadStep, where the form says
    something else by then too."""
    once = once_of("coaching_sessions", by, token)
    ref = once[:16]
    if happened(rows, "coaching_sessions", once):
        if not _was_sent(rows, by, token, _there(rows, ref), agent_id, plan):
            raise BadStep(
                Message("this form has planned a session already: change that one under Coaching, or begin a new one")
            )
        return ref
    _check(plan)
    session = append(rows, "coaching_sessions", once, by, {"ref": ref, "agent_id": agent_id})
    if session is not None:
        _write(rows, by, token, session, plan, None)
    return ref


def change_coaching(rows: sqlite3.Connection, by: str, token: str, ref: str, plan: CoachingPlan) -> bool:
    """Change a plan; false where nothing is new. Once it is acknowledged or called off, only the private notes change.
    Raises BadStep."""
    session = _there(rows, ref)
    if not session.can_change and replace(plan, private="") != replace(session.plan, private=""):
        raise BadStep(Message("this session is over: only the notes for staff can change"))
    _check(plan)
    return _write(rows, by, token, session.id, plan, session.plan)


def hold_coaching(
    rows: sqlite3.Connection, by: str, token: str, ref: str, held_on: date, now: float | None = None
) -> bool:
    """Note that a session was held, which shows it to its agent; false where that was noted by the same form, or for
    the same day. Raises BadStep."""
    once = once_of("coaching_steps", by, token, ref, "held")
    if happened(rows, "coaching_steps", once):
        return False
    session = _there(rows, ref)
    if session.state == "held" and session.held_on == held_on:
        return False
    if session.state not in ("planned", "held"):
        raise BadStep(Message("this session is over, or called off; plan it again first"))
    if not session.plan.to_practise:
        raise BadStep(Message("say what is to be practised before the session is sent to its agent"))
    return _step(rows, once, by, session, "held", held_on, "", now)


def call_coaching_off(rows: sqlite3.Connection, by: str, token: str, ref: str, why: str = "") -> bool:
    """Call a session off, so that its agent does not see it any more; false where it is. Raises BadStep."""
    session = _there(rows, ref)
    if session.state == "called_off":
        return False
    if session.state == "acknowledged":
        raise BadStep(Message("this session is acknowledged: it was held"))
    return _step(rows, once_of("coaching_steps", by, token, ref, "off"), by, session, "called_off", None, why, None)


def plan_coaching_again(rows: sqlite3.Connection, by: str, token: str, ref: str) -> bool:
    """Plan a session again that was called off, or noted as held by mistake; false where it is planned. Raises
    BadStep."""
    session = _there(rows, ref)
    if session.state == "planned":
        return False
    if session.state == "acknowledged":
        raise BadStep(Message("this session is acknowledged: it was held"))
    return _step(rows, once_of("coaching_steps", by, token, ref, "again"), by, session, "planned", None, "", None)


def acknowledge_coaching(
    rows: sqlite3.Connection, by: str, token: str, ref: str, agent_id: str | None, comment: str = ""
) -> bool:
    """Note that an agent has seen a session of theirs; false where they had. Raises BadStep."""
    session = coaching_of(rows, ref)
    if session is None or agent_id is None or session.agent_id != agent_id or session.held is None:
        raise BadStep(Message("there is no such coaching session"))
    if session.state == "acknowledged":
        return False
    once = once_of("coaching_steps", by, token, ref, "acknowledged")
    return _step(rows, once, by, session, "acknowledged", None, comment[:LONGEST_COACHING_TEXT].strip(), None)


def forget_coaching_texts(rows: sqlite3.Connection, calls: Collection[str]) -> None:
    """Blank what was written in sessions that have, or once had, an excerpt of one of some calls."""
    for table in ("coaching_texts", "coaching_steps"):
        rows.executemany(
            f"UPDATE {table} SET comment = '' WHERE comment <> '' "
            "AND session IN (SELECT session FROM coaching_excerpts WHERE sha256 = ?)",
            [(sha256,) for sha256 in calls],
        )


def _was_sent(
    rows: sqlite3.Connection, by: str, token: str, session: CoachingSession, agent_id: str, plan: CoachingPlan
) -> bool:
    """Whether a form planned a session as it is sent now, whatever was changed since."""
    sent = dict.fromkeys(get_args(CoachingText), "")
    for row in rows.execute("SELECT once, kind, comment FROM coaching_texts WHERE session = ?", (session.id,)):
        if row["once"] == once_of("coaching_texts", by, token, session.id, row["kind"], row["comment"]):
            sent[row["kind"]] = row["comment"]
    cells = _plan_cells(session.id, plan)
    return (
        agent_id == session.agent_id
        and happened(rows, "coaching_plans", once_of("coaching_plans", by, token, *cells.values()))
        and all(plan.text(kind) == text for kind, text in sent.items())
    )


def _there(rows: sqlite3.Connection, ref: str) -> CoachingSession:
    session = coaching_of(rows, ref)
    if session is None:
        raise BadStep(Message("there is no such coaching session"))
    return session


def _check(plan: CoachingPlan) -> None:
    if not plan.rules:
        raise BadStep(Message("choose at least one rule that the session is about"))
    if max(len(plan.text(kind)) for kind in get_args(CoachingText)) > LONGEST_COACHING_TEXT:
        raise BadStep(Message("a text of a session has at most {most} characters", most=LONGEST_COACHING_TEXT))


def _write(
    rows: sqlite3.Connection, by: str, token: str, session: int, plan: CoachingPlan, before: CoachingPlan | None
) -> bool:
    """Write down what is new of a plan."""
    new = False
    of_plan = (plan.coach, plan.rules, plan.planned_on)
    if before is None or of_plan != (before.coach, before.rules, before.planned_on):
        cells = _plan_cells(session, plan)
        once = once_of("coaching_plans", by, token, *cells.values())
        new |= append(rows, "coaching_plans", once, by, cells) is not None
    for kind in get_args(CoachingText):
        if (before.text(kind) if before else "") != plan.text(kind):
            cells = {"session": session, "kind": kind, "comment": plan.text(kind)}
            once = once_of("coaching_texts", by, token, *cells.values())
            new |= append(rows, "coaching_texts", once, by, cells) is not None
    return new


def _plan_cells(session: int, plan: CoachingPlan) -> dict[str, EventCell]:
    return {
        "session": session, "coach": plan.coach, "rules": json.dumps(plan.rules),
        "planned_on": plan.planned_on.isoformat() if plan.planned_on else None,
    }  # fmt: skip


def _step(
    rows: sqlite3.Connection, once: str, by: str, session: CoachingSession, step: CoachingState, held_on: date | None,
    comment: str, now: float | None,
) -> bool:  # fmt: skip
    cells: dict[str, EventCell] = {
        "at": time.time() if now is None else now, "session": session.id, "step": step,
        "held_on": held_on.isoformat() if held_on else None, "comment": comment.strip(),
    }  # fmt: skip
    return append(rows, "coaching_steps", once, by, cells) is not None


def _sessions(rows: sqlite3.Connection, condition: str, values: tuple[str, ...]) -> list[CoachingSession]:
    chosen = f"SELECT id FROM coaching_sessions WHERE {condition}"
    plans = {
        row["session"]: row
        for row in rows.execute(f"SELECT * FROM coaching_plans WHERE session IN ({chosen}) ORDER BY id", values)
    }
    texts: dict[int, dict[str, str]] = {}
    for row in rows.execute(f"SELECT * FROM coaching_texts WHERE session IN ({chosen}) ORDER BY id", values):
        texts.setdefault(row["session"], {})[row["kind"]] = row["comment"]
    steps: dict[int, list[CoachingStep]] = {}
    for row in rows.execute(f"SELECT * FROM coaching_steps WHERE session IN ({chosen}) ORDER BY id", values):
        step = CoachingStep(row["at"], row["account"], row["step"], _day(row["held_on"]), row["comment"])
        steps.setdefault(row["session"], []).append(step)
    found = rows.execute(f"SELECT * FROM coaching_sessions WHERE {condition} ORDER BY id DESC", values).fetchall()
    return [
        CoachingSession(
            row["id"], row["ref"], row["at"], row["account"], row["agent_id"],
            _plan(plans[row["id"]], texts.get(row["id"], {})), tuple(steps.get(row["id"], ())),
        )
        for row in found
    ]  # fmt: skip


def _plan(row: sqlite3.Row, texts: Mapping[str, str]) -> CoachingPlan:
    return CoachingPlan(
        row["coach"], tuple(json.loads(row["rules"])), _day(row["planned_on"]), texts.get("practise", ""),
        texts.get("for_agent", ""), texts.get("private", ""),
    )  # fmt: skip


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
