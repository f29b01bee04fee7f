"""Sampling plans that were carried out: what each drew, out of what, by whom and when, and who is to look at it.

Every verdict that was drawn is an item with one slot or more, each to be answered by another person. A share of the
first slots is blind: who answers sees the question and hears the call, and not what the machine says. Further slots
always are. All items of a call go to the same person, so that nobody listens twice.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipeline.messages import Message
from pipeline.reviews.events import unchangeable
from pipeline.reviews.sampling import Amount, BadPlan, PlanFilters, Sample, SamplingPlan, Stratum, StratumDraw
from pipeline.storage.sqlite_file import SqliteFile

_ITEM = ("plan_id", "sha256", "rule_id", "outcome", "layout", "doubtful", "size", "probability", "place")

PLANS_MIGRATIONS = (
    f"""
    CREATE TABLE sampling_plans (
        plan_id TEXT PRIMARY KEY, title TEXT NOT NULL, drawn_by TEXT NOT NULL, drawn_at REAL NOT NULL,
        plan TEXT NOT NULL, snapshot TEXT NOT NULL, slots INTEGER NOT NULL, blind_share REAL NOT NULL,
        claim_limit INTEGER NOT NULL, claim_s REAL NOT NULL
    ) STRICT;
    CREATE TABLE sampled_strata (
        plan_id TEXT NOT NULL REFERENCES sampling_plans, rule_id TEXT NOT NULL, outcome TEXT NOT NULL,
        layout TEXT NOT NULL, doubtful INTEGER NOT NULL, size INTEGER NOT NULL, drawn INTEGER NOT NULL,
        PRIMARY KEY (plan_id, rule_id, outcome, layout, doubtful)
    ) STRICT;
    CREATE TABLE sampled_items (
        item_id INTEGER PRIMARY KEY, plan_id TEXT NOT NULL REFERENCES sampling_plans, sha256 TEXT NOT NULL,
        rule_id TEXT NOT NULL, outcome TEXT NOT NULL, layout TEXT NOT NULL, doubtful INTEGER NOT NULL,
        size INTEGER NOT NULL, probability REAL NOT NULL, place TEXT NOT NULL, UNIQUE (plan_id, sha256, rule_id)
    ) STRICT;
    CREATE INDEX items_by_call ON sampled_items (sha256);
    CREATE TABLE item_slots (
        item_id INTEGER NOT NULL REFERENCES sampled_items ON DELETE CASCADE, slot INTEGER NOT NULL,
        blind INTEGER NOT NULL, assigned_to TEXT, PRIMARY KEY (item_id, slot)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE plan_events (
        event_id INTEGER PRIMARY KEY, plan_id TEXT NOT NULL REFERENCES sampling_plans, kind TEXT NOT NULL,
        by TEXT NOT NULL, at REAL NOT NULL
    ) STRICT;
    CREATE VIEW open_plans AS SELECT * FROM sampling_plans AS p WHERE coalesce((
        SELECT kind FROM plan_events AS e WHERE e.plan_id = p.plan_id ORDER BY event_id DESC LIMIT 1
    ), 'opened') = 'opened';
    {unchangeable("sampled_items", _ITEM)}
    """,
)

SECONDS_A_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How a plan's items are worked on: persons an item, share of first slots that are blind, claims at a time, and for
    how long one holds. `shares` says who gets how much: weights among them, or with `numbers` so many calls each, the
    rest being anybody's. Without any everything is anybody's.
    """

    slots: int = 1
    blind_share: float = 0.2
    claim_limit: int = 10
    claim_s: float = SECONDS_A_DAY
    shares: Mapping[str, float] = field(default_factory=dict)
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan that was carried out. `items` and `calls` were drawn; `strata` are what they were drawn out of."""

    plan_id: str
    title: str
    drawn_by: str
    drawn_at: float
    plan: SamplingPlan
    snapshot: str
    slots: int
    blind_share: float
    claim_limit: int
    claim_s: float
    open: bool
    items: int
    calls: int
    strata: tuple[StratumDraw, ...] = ()


class Plans:
    """The plans in a file of reviews."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    def keep(self, plan: SamplingPlan, sample: Sample, title: str, drawn_by: str, options: QueueOptions) -> str:
        """Keep a sample with its items and who is to answer them; gives the plan's id. Raises BadPlan."""
        if not sample.picks:
            raise BadPlan(Message("this plan draws nothing; widen its filters or ask for more"))
        if not (1 <= options.slots <= 5 and 0 <= options.blind_share <= 1 and options.claim_limit >= 1):
            raise BadPlan(Message("an item has 1 to 5 reviewers, a share lies between 0 and 100 %"))
        plan_id = secrets.token_hex(8)
        with self.file.writing() as rows:
            rows.execute(
                "INSERT INTO sampling_plans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (plan_id, title, drawn_by, time.time(), _written(plan), sample.snapshot, options.slots,
                 options.blind_share, options.claim_limit, options.claim_s),
            )  # fmt: skip
            rows.executemany(
                "INSERT INTO sampled_strata VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(plan_id, s.stratum.rule_id, s.stratum.outcome, s.stratum.layout, s.stratum.doubtful, s.size, s.drawn)
                 for s in sample.strata],
            )  # fmt: skip
            self._insert_items(rows, plan_id, plan, sample, options)
        return plan_id

    def _insert_items(
        self, rows: sqlite3.Connection, plan_id: str, plan: SamplingPlan, sample: Sample, options: QueueOptions
    ) -> None:
        places = {sha: chance(plan.seed, "place", sha) for sha in {pick.sha256 for pick in sample.picks}}
        shared_out = _shared_out(sorted(places, key=places.__getitem__), options)
        for pick in sample.picks:
            s = pick.stratum
            item = rows.execute(
                "INSERT INTO sampled_items (plan_id, sha256, rule_id, outcome, layout, doubtful, size, probability, "
                "place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (plan_id, pick.sha256, s.rule_id, s.outcome, s.layout, s.doubtful, pick.size, pick.probability,
                 places[pick.sha256]),
            ).lastrowid  # fmt: skip
            drawn_blind = int(chance(plan.seed, "blind", pick.sha256, s.rule_id), 16) < options.blind_share * 16**32
            rows.executemany(
                "INSERT INTO item_slots VALUES (?, ?, ?, ?)",
                [(item, slot, slot > 0 or drawn_blind, person)
                 for slot, person in enumerate(shared_out[pick.sha256])],
            )  # fmt: skip

    def all(self) -> list[KeptPlan]:
        """All plans, newest first, without their strata."""
        with self.file.reading() as rows:
            return [self._plan(row) for row in rows.execute(f"{_PLANS} ORDER BY drawn_at DESC")]

    def one(self, plan_id: str) -> KeptPlan | None:
        """A plan with its strata, or None."""
        with self.file.reading() as rows:
            row = rows.execute(f"{_PLANS} WHERE plan_id = ?", (plan_id,)).fetchone()
            if row is None:
                return None
            strata = rows.execute("SELECT * FROM sampled_strata WHERE plan_id = ? ORDER BY rowid", (plan_id,))
            return self._plan(
                row,
                tuple(
                    StratumDraw(Stratum(s["rule_id"], s["outcome"], s["layout"], bool(s["doubtful"])), s["size"],
                                s["drawn"])
                    for s in strata
                ),
            )  # fmt: skip

    def _plan(self, row: sqlite3.Row, strata: tuple[StratumDraw, ...] = ()) -> KeptPlan:
        return KeptPlan(
            row["plan_id"], row["title"], row["drawn_by"], row["drawn_at"], _read(row["plan"]), row["snapshot"],
            row["slots"], row["blind_share"], row["claim_limit"], row["claim_s"], bool(row["is_open"]), row["items"],
            row["calls"], strata,
        )  # fmt: skip

    def set_open(self, plan_id: str, is_open: bool, by: str) -> None:
        """Close a plan, so that nothing of it is handed out any more, or open it again."""
        with self.file.writing() as rows:
            rows.execute(
                "INSERT INTO plan_events (plan_id, kind, by, at) VALUES (?, ?, ?, ?)",
                (plan_id, "opened" if is_open else "closed", by, time.time()),
            )


_PLANS = """
SELECT p.*, plan_id IN (SELECT plan_id FROM open_plans) AS is_open,
    (SELECT count(*) FROM sampled_items AS i WHERE i.plan_id = p.plan_id) AS items,
    (SELECT count(DISTINCT sha256) FROM sampled_items AS i WHERE i.plan_id = p.plan_id) AS calls
FROM sampling_plans AS p"""


def chance(*parts: str) -> str:
    """32 hexadecimal digits, the same for the same parts, as good as random otherwise."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _shared_out(calls: Sequence[str], options: QueueOptions) -> dict[str, list[str | None]]:
    """Who answers which call, by slot: each goes to who is furthest behind what he is to get, nobody gets one twice."""
    people = [name for name, share in options.shares.items() if share > 0]
    whole = sum(options.shares[name] for name in people) or 1.0
    given = dict.fromkeys(people, 0)
    shared: dict[str, list[str | None]] = {sha: [] for sha in calls}
    for slot in range(options.slots):
        for number, sha in enumerate(calls, 1):
            wanted = {
                name: options.shares[name] if options.numbers else options.shares[name] / whole
                * (slot * len(calls) + number)
                for name in people
                if name not in shared[sha]
            }  # fmt: skip
            behind = max(wanted, key=lambda name: wanted[name] - given[name], default=None)
            if behind is not None and options.numbers and given[behind] >= wanted[behind]:
                behind = None
            if behind is not None:
                given[behind] += 1
            shared[sha].append(behind)
    return shared


def _written(plan: SamplingPlan) -> str:
    filters = {
        name: value.isoformat() if isinstance(value, date) else value
        for name in PlanFilters.__slots__
        if (value := getattr(plan.filters, name))
    }
    amounts = {outcome: str(amount) for outcome, amount in plan.amounts.items()}
    return json.dumps(
        {"amounts": amounts, "seed": plan.seed, "filters": filters, "by_layout": plan.by_layout,
         "doubtful": plan.doubtful, "agent_week": plan.agent_week},
        ensure_ascii=False,
    )  # fmt: skip


def _read(text: str) -> SamplingPlan:
    kept = json.loads(text)
    filters: dict[str, Any] = {
        name: date.fromisoformat(value) if name.endswith("_day") else tuple(value)
        for name, value in kept["filters"].items()
    }
    amounts = {outcome: Amount.read(amount) for outcome, amount in kept["amounts"].items()}
    return SamplingPlan(
        amounts, kept["seed"], PlanFilters(**filters), kept["by_layout"], kept["doubtful"], kept["agent_week"]
    )
