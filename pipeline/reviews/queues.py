"""Who works on what: items are claimed for a while, finished, declined or taken back; no slot is two people's at once.

A slot's state is the last thing that happened to it. A claim is held by a token until it ends; then the slot is free
for others, and who held it may still finish while nobody else has taken it. Nobody gets two slots of an item. To
decline costs nothing, neither of the goal nor of the sample: the slot waits for somebody else.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.events import unchangeable
from pipeline.storage.sqlite_file import SqliteFile

_EVENT = ("event_id", "item_id", "slot", "kind", "person", "by", "at", "until", "token", "review_id")

QUEUES_MIGRATIONS = (
    f"""
    CREATE TABLE slot_events (
        event_id INTEGER PRIMARY KEY AUTOINCREMENT, item_id INTEGER NOT NULL, slot INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('claimed', 'finished', 'declined', 'returned', 'assigned')),
        person TEXT, by TEXT NOT NULL, at REAL NOT NULL, until REAL, token TEXT, review_id INTEGER,
        FOREIGN KEY (item_id, slot) REFERENCES item_slots ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX slot_events_by_slot ON slot_events (item_id, slot, event_id);
    CREATE INDEX slot_events_by_person ON slot_events (person, kind);
    CREATE UNIQUE INDEX claims_by_token ON slot_events (token) WHERE kind = 'claimed';
    CREATE TABLE goals (event_id INTEGER PRIMARY KEY, person TEXT NOT NULL, a_day INTEGER NOT NULL, by TEXT NOT NULL,
        at REAL NOT NULL) STRICT;
    CREATE VIEW slots_now AS
    SELECT s.item_id, s.slot, s.blind, i.plan_id, i.sha256, i.rule_id, i.outcome, i.layout, i.doubtful, i.size,
           i.probability, i.place, e.kind, e.person, e.at, e.until, e.token, e.review_id,
           coalesce(
               (SELECT a.person FROM slot_events AS a WHERE a.item_id = s.item_id AND a.slot = s.slot
                AND a.kind = 'assigned' ORDER BY a.event_id DESC LIMIT 1), s.assigned_to, ''
           ) AS assigned_to
    FROM item_slots AS s JOIN sampled_items AS i USING (item_id) LEFT JOIN slot_events AS e ON e.event_id = (
        SELECT max(m.event_id) FROM slot_events AS m
        WHERE m.item_id = s.item_id AND m.slot = s.slot AND m.kind <> 'assigned');
    {unchangeable("slot_events", _EVENT)}
    """,
)


class ClaimGone(CallQAError):
    """A claim that is somebody else's by now, or is over."""


@dataclass(frozen=True, slots=True)
class Task:
    """A slot that somebody has claimed: which verdict of which call is asked, and whether the machine's is hidden."""

    token: str
    item_id: int
    slot: int
    plan_id: str
    sha256: str
    rule_id: str
    outcome: str
    blind: bool
    claimed_at: float
    until: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How far somebody's queue, or a plan, has got: slots that are open, claimed, finished; `today` of one's own."""

    open: int
    claimed: int
    finished: int
    today: int = 0
    goal: int = 0

    @property
    def all(self) -> int:
        return self.open + self.claimed + self.finished


_NOBODYS = "(kind IS NULL OR kind IN ('declined', 'returned') OR (kind = 'claimed' AND until <= :now))"
"""A slot that nobody holds."""

_FREE = f"""
plan_id IN (SELECT plan_id FROM open_plans) AND {_NOBODYS} AND assigned_to IN ('', :person)
AND NOT EXISTS (
    SELECT 1 FROM slot_events AS other WHERE other.item_id = slots_now.item_id AND other.person = :person
    AND (other.kind IN ('finished', 'declined') OR (other.slot <> slots_now.slot AND other.kind = 'claimed'
         AND other.event_id = (SELECT max(last.event_id) FROM slot_events AS last WHERE last.item_id = other.item_id
                               AND last.slot = other.slot AND last.kind <> 'assigned') AND other.until > :now))
)"""


class Queues:
    """The work on the plans in a file of reviews."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    def next(self, person: str, now: float | None = None, plan_id: str | None = None) -> Task | None:
        """The task somebody goes on with: one that he has claimed, else the next that is free, which is claimed.

        None where nothing is left for him. Items of a call that he has begun come first.
        """
        now = time.time() if now is None else now
        with self.file.writing() as rows:
            held = list(_held(rows, person, now))
            for task in held:
                if plan_id in (None, task.plan_id):
                    return task
            given = {"person": person, "now": now, "plan": plan_id}
            free = rows.execute(
                f"SELECT slots_now.*, claim_s, claim_limit FROM slots_now JOIN sampling_plans USING (plan_id) "
                f"WHERE {_FREE} AND (:plan IS NULL OR plan_id = :plan) ORDER BY drawn_at, assigned_to = '', place, "
                "item_id, slot LIMIT 1",
                given,
            ).fetchone()
            if free is None or len(held) >= free["claim_limit"]:
                return None
            return _claim(rows, free, person, now)

    def claim(self, item_id: int, person: str, now: float | None = None) -> Task:
        """Claim a slot of an item. Raises ClaimGone where none is free for him, or he holds as many as he may."""
        now = time.time() if now is None else now
        with self.file.writing() as rows:
            held = list(_held(rows, person, now))
            for task in held:
                if task.item_id == item_id:
                    return task
            free = rows.execute(
                "SELECT slots_now.*, claim_s, claim_limit FROM slots_now JOIN sampling_plans USING (plan_id) "
                f"WHERE item_id = :item AND {_FREE} ORDER BY assigned_to = '', slot LIMIT 1",
                {"item": item_id, "person": person, "now": now},
            ).fetchone()
            if free is None:
                raise ClaimGone(Message("this is somebody else's by now; take the next"))
            if len(held) >= free["claim_limit"]:
                raise ClaimGone(Message("you hold {limit} already; finish or decline some", limit=free["claim_limit"]))
            return _claim(rows, free, person, now)

    def task(self, token: str, person: str) -> Task:
        """The task of a claim's token. Raises ClaimGone where it is not his any more."""
        with self.file.reading() as rows:
            return _task(_last(rows, token, person))

    def is_finished(self, token: str, person: str) -> bool:
        """Whether somebody has finished the task of a token."""
        with self.file.reading() as rows:
            found = rows.execute(
                "SELECT 1 FROM slot_events AS e JOIN slots_now AS now USING (item_id, slot) "
                "WHERE e.token = ? AND e.kind = 'claimed' AND now.kind = 'finished' AND now.person = ?",
                (token, person),
            )
            return found.fetchone() is not None

    def finish(self, token: str, person: str, review_id: int | None = None, now: float | None = None) -> None:
        """Finish a claim, even one whose time is over while nobody else has taken it. Raises ClaimGone."""
        with self.file.writing() as rows:
            finish_task(rows, token, person, review_id, now)

    def decline(self, token: str, person: str, now: float | None = None) -> None:
        """Leave a claimed slot to others. Raises ClaimGone."""
        with self.file.writing() as rows:
            _note(rows, _last(rows, token, person), "declined", person, person, time.time() if now is None else now)

    def take_back(self, item_id: int, slot: int, by: str, now: float | None = None) -> None:
        """Take a claimed slot away from who holds it. Raises ClaimGone where nobody does."""
        with self.file.writing() as rows:
            row = rows.execute("SELECT * FROM slots_now WHERE item_id = ? AND slot = ?", (item_id, slot)).fetchone()
            if row is None or row["kind"] != "claimed":
                raise ClaimGone(Message("nobody holds this any more"))
            _note(rows, row, "returned", row["person"], by, time.time() if now is None else now)

    def assign(self, item_id: int, slot: int, person: str, by: str) -> None:
        """Give a slot that nobody works on to somebody, or with "" to everybody. Raises ClaimGone."""
        now = time.time()
        with self.file.writing() as rows:
            row = rows.execute(
                f"SELECT * FROM slots_now WHERE item_id = :item AND slot = :slot AND {_NOBODYS}",
                {"item": item_id, "slot": slot, "now": now},
            ).fetchone()
            if row is None:
                raise ClaimGone(Message("somebody is working on this; take it back first"))
            _note(rows, row, "assigned", person, by, now)

    def held(self, person: str, now: float | None = None) -> list[Task]:
        """What somebody holds, oldest first."""
        with self.file.reading() as rows:
            return list(_held(rows, person, time.time() if now is None else now))

    def blind_rules(self, person: str, sha256: str) -> frozenset[str]:
        """The rules whose verdicts on a call somebody must not see: he holds a blind slot of theirs, or will get it."""
        return frozenset(rule_id for _, rule_id in self.blind_verdicts(person, (sha256,)))

    def blind_verdicts(self, person: str, calls: Collection[str]) -> frozenset[tuple[str, str]]:
        """The same of several calls (SHA-256), each with its call."""
        with self.file.reading() as rows:
            found = rows.execute(
                "SELECT sha256, rule_id FROM slots_now WHERE sha256 IN (SELECT value FROM json_each(:calls)) AND blind "
                "AND kind IS NOT 'finished' "
                "AND ((kind = 'claimed' AND person = :person) OR (kind IS NOT 'claimed' AND assigned_to = :person "
                "     AND plan_id IN (SELECT plan_id FROM open_plans)))",
                {"calls": json.dumps(list(calls)), "person": person},
            )
            return frozenset((row["sha256"], row["rule_id"]) for row in found)

    def standing(self, person: str, midnight: float, now: float | None = None) -> Standing:
        """What waits for somebody, what he holds, and what he has finished in all and since midnight."""
        now = time.time() if now is None else now
        with self.file.reading() as rows:
            given = {"person": person, "now": now, "midnight": midnight}
            free, claimed, finished, today = rows.execute(
                f"SELECT (SELECT count(DISTINCT item_id) FROM slots_now WHERE {_FREE}), "
                "(SELECT count(*) FROM slots_now WHERE kind = 'claimed' AND person = :person AND until > :now "
                " AND plan_id IN (SELECT plan_id FROM open_plans)), "
                "(SELECT count(*) FROM slot_events WHERE kind = 'finished' AND person = :person), "
                "(SELECT count(*) FROM slot_events WHERE kind = 'finished' AND person = :person AND at >= :midnight)",
                given,
            ).fetchone()
            goal = rows.execute("SELECT a_day FROM goals WHERE person = ? ORDER BY event_id DESC LIMIT 1", (person,))
            return Standing(free, claimed, finished, today, (goal.fetchone() or (0,))[0])

    def set_goal(self, person: str, a_day: int, by: str) -> None:
        """How many items somebody means to answer a day; 0 is no goal."""
        with self.file.writing() as rows:
            rows.execute(
                "INSERT INTO goals (person, a_day, by, at) VALUES (?, ?, ?, ?)", (person, a_day, by, time.time())
            )

    def slots(self, plan_id: str, now: float | None = None) -> list[sqlite3.Row]:
        """All slots of a plan as they stand; `state` is open, claimed or finished."""
        now = time.time() if now is None else now
        with self.file.reading() as rows:
            return rows.execute(
                f"SELECT *, CASE WHEN kind = 'finished' THEN 'finished' WHEN {_NOBODYS} THEN 'open' ELSE 'claimed' END "
                "AS state FROM slots_now WHERE plan_id = :plan ORDER BY place, item_id, slot",
                {"plan": plan_id, "now": now},
            ).fetchall()

    def progress(self, now: float | None = None) -> dict[str, Standing]:
        """How far every plan has got, by its id."""
        now = time.time() if now is None else now
        with self.file.reading() as rows:
            found = rows.execute(
                f"SELECT plan_id, sum({_NOBODYS}) AS free, sum(kind IS 'finished') AS finished, count(*) AS slots "
                "FROM slots_now GROUP BY plan_id",
                {"now": now},
            )
            return {
                row["plan_id"]: Standing(row["free"], row["slots"] - row["free"] - row["finished"], row["finished"])
                for row in found
            }


def finish_task(
    rows: sqlite3.Connection, token: str, person: str, review_id: int | None = None, now: float | None = None
) -> None:
    """Finish a claim within what else is written, so that both are kept or neither; a plan that is done is closed.

    Raises ClaimGone.
    """
    slot, now = _last(rows, token, person), time.time() if now is None else now
    _note(rows, slot, "finished", person, person, now, review_id)
    rows.execute(
        "INSERT INTO plan_events (plan_id, kind, by, at) SELECT :plan, 'closed', :person, :now WHERE NOT EXISTS ("
        "SELECT 1 FROM slots_now WHERE plan_id = :plan AND kind IS NOT 'finished')",
        {"plan": slot["plan_id"], "person": person, "now": now},
    )


def held_task(rows: sqlite3.Connection, person: str, sha256: str, rule_id: str) -> Task | None:
    """What somebody holds on a verdict of a call, so that any answer of his to it is the task's."""
    row = rows.execute(
        "SELECT * FROM slots_now WHERE sha256 = ? AND rule_id = ? AND kind = 'claimed' AND person = ? "
        "AND plan_id IN (SELECT plan_id FROM open_plans) ORDER BY at LIMIT 1",
        (sha256, rule_id, person),
    ).fetchone()
    return _task(row) if row else None


def _held(rows: sqlite3.Connection, person: str, now: float) -> Iterator[Task]:
    found = rows.execute(
        "SELECT * FROM slots_now WHERE (item_id, slot) IN ("
        "    SELECT item_id, slot FROM slot_events WHERE person = :person AND kind = 'claimed' AND until > :now) "
        "AND kind = 'claimed' AND person = :person AND plan_id IN (SELECT plan_id FROM open_plans) "
        "ORDER BY at, item_id",
        {"person": person, "now": now},
    )
    return map(_task, found)


def _last(rows: sqlite3.Connection, token: str, person: str) -> sqlite3.Row:
    """The slot that a token holds. Raises ClaimGone."""
    row: sqlite3.Row | None = rows.execute(
        "SELECT now.* FROM slot_events AS e JOIN slots_now AS now USING (item_id, slot) "
        "WHERE e.token = ? AND e.kind = 'claimed' AND now.token = e.token AND now.kind = 'claimed' AND e.person = ?",
        (token, person),
    ).fetchone()
    if row is None:
        raise ClaimGone(Message("this is somebody else's by now; take the next"))
    return row


def _claim(rows: sqlite3.Connection, free: sqlite3.Row, person: str, now: float) -> Task:
    token, until = secrets.token_urlsafe(12), now + free["claim_s"]
    _note(rows, free, "claimed", person, person, now, until=until, token=token)
    return Task(
        token, free["item_id"], free["slot"], free["plan_id"], free["sha256"], free["rule_id"], free["outcome"],
        bool(free["blind"]), now, until,
    )  # fmt: skip


def _task(row: sqlite3.Row) -> Task:
    return Task(
        row["token"], row["item_id"], row["slot"], row["plan_id"], row["sha256"], row["rule_id"], row["outcome"],
        bool(row["blind"]), row["at"], row["until"],
    )  # fmt: skip


def _note(
    rows: sqlite3.Connection, slot: sqlite3.Row, kind: str, person: str, by: str, now: float,
    review_id: int | None = None, until: float | None = None, token: str | None = None,
) -> None:  # fmt: skip
    rows.execute(
        "INSERT INTO slot_events (item_id, slot, kind, person, by, at, until, token, review_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (slot["item_id"], slot["slot"], kind, person, by, now, until, token, review_id),
    )
