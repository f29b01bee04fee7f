"""Whether an agent's voice may be played to colleagues: the agent says so, and takes it back.

What was said last counts, in what was made before as well.
"""

from __future__ import annotations

import sqlite3

from pipeline.messages import Message
from pipeline.reviews.events import BadStep, append, once_of, unchangeable

VOICE_LEAVE_MIGRATIONS = (
    f"""
    CREATE TABLE voice_leave (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        agent_id TEXT NOT NULL, given INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX voice_leave_by_agent ON voice_leave (agent_id);
    {unchangeable("voice_leave", ("id", "once", "at", "account", "agent_id", "given"))}
    """,
)


def voice_may_be_heard(rows: sqlite3.Connection, agent_id: str | None) -> bool:
    """Whether an agent's voice may be played to colleagues, as of now; nobody's by default."""
    if not agent_id:
        return False
    last = rows.execute(
        "SELECT given FROM voice_leave WHERE agent_id = ? ORDER BY id DESC LIMIT 1", (agent_id,)
    ).fetchone()
    return bool(last and last["given"])


def give_voice_leave(rows: sqlite3.Connection, by: str, token: str, agent_id: str | None, given: bool) -> bool:
    """Give leave, or take it back, in the agent's own name; false where it stands so. Raises BadStep."""
    if not agent_id:
        raise BadStep(Message("your account has no agent's number; ask an administrator"))
    if voice_may_be_heard(rows, agent_id) == given:
        return False
    once = once_of("voice_leave", by, token, agent_id, int(given))
    return append(rows, "voice_leave", once, by, {"agent_id": agent_id, "given": int(given)}) is not None
