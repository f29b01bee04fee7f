"""What was answered to the verdicts of samples: for estimates, whose truth is the answer that counts, and by whom.

A verdict of a sample counts as answered when a slot of its item is finished: what is known of it from elsewhere,
because somebody looked at it for another reason, would make the sample a different one. What is right is then the
answer of most authority, the last of these: an appeal, what was agreed in a calibration, a supervisor, a reviewer.
Answers to a verdict that is another by now count where the outcome is the one that was drawn.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.reviews.agreement import GivenAnswer
from pipeline.reviews.estimates import SampledAnswer
from pipeline.reviews.sampling import Stratum
from pipeline.storage.sqlite_file import SqliteFile


@dataclass(frozen=True, slots=True)
class DrawnAnswer:
    """A verdict of a sample with its plan and when that was drawn; `said` is whether its slots told anything."""

    plan_id: str
    drawn_at: float
    said: bool
    answer: SampledAnswer


def drawn_answers(
    file: SqliteFile, since: float = 0.0, rule_id: str | None = None, outcome: str | None = None
) -> list[DrawnAnswer]:
    """All verdicts of the samples drawn since then, or those of one rule or outcome, answered or not."""
    with file.reading() as rows:
        found = rows.execute(_DRAWN, {"since": since, "rule": rule_id, "outcome": outcome})
        return [
            DrawnAnswer(
                row["plan_id"], row["drawn_at"], bool(row["said"]),
                SampledAnswer(
                    row["sha256"],
                    Stratum(row["rule_id"], row["outcome"], row["layout"], bool(row["doubtful"])),
                    row["probability"], row["truth"] if row["said"] else None,
                ),
            )
            for row in found
        ]  # fmt: skip


def given_answers(file: SqliteFile, since: float = 0.0) -> list[GivenAnswer]:
    """What everybody answered in queues since then: of each finished slot what was answered in it."""
    with file.reading() as rows:
        found = rows.execute(f"{_GIVEN} AND f.at >= ? ORDER BY f.at", [since])
        return [
            GivenAnswer(row["sha256"], row["rule_id"], row["outcome"], row["given"], row["person"],
                        bool(row["blind"]), row["slot"], row["at"])
            for row in found
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Disputed:
    """A verdict of which somebody said that it is wrong: whose answer counts, what it should be, of what call."""

    sha256: str
    rule_id: str
    outcome: str
    right_outcome: str
    person: str
    at: float
    comment: str


def disputed(file: SqliteFile, rule_id: str, most: int = 200) -> list[Disputed]:
    """The verdicts of a rule that are held for wrong by the answer that counts, last first."""
    with file.reading() as rows:
        found: Sequence[sqlite3.Row] = rows.execute(
            "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY sha256, rule_hash, fingerprint, outcome, "
            "evidence ORDER BY authority DESC, id DESC) AS place FROM verdict_reviews WHERE piece IS NULL AND "
            "rule_id = ?) WHERE place = 1 AND answer = 'wrong' ORDER BY at DESC LIMIT ?",
            (rule_id, most),
        ).fetchall()
        return [
            Disputed(row["sha256"], row["rule_id"], row["outcome"], row["right_outcome"], row["account"], row["at"],
                     row["comment"])
            for row in found
        ]  # fmt: skip


def held_for_wrong(file: SqliteFile, calls: Collection[str]) -> frozenset[tuple[str, str, str]]:
    """The verdicts (call, rule, outcome) of some calls that are held for wrong by the answer that counts."""
    with file.reading() as rows:
        found = rows.execute(
            "SELECT sha256, rule_id, outcome FROM (SELECT *, row_number() OVER (PARTITION BY sha256, rule_id, outcome "
            "ORDER BY authority DESC, id DESC) AS place FROM verdict_reviews WHERE piece IS NULL "
            "AND sha256 IN (SELECT value FROM json_each(?))) WHERE place = 1 AND answer = 'wrong'",
            (json.dumps(sorted(calls)),),
        )
        return frozenset((row["sha256"], row["rule_id"], row["outcome"]) for row in found)


def counted_fails(file: SqliteFile, since: float = 0.0) -> dict[str, tuple[int, int]]:
    """Of each rule how many of its fails that were answered since then are right and how many wrong, by the answer
    that counts: plain counts of what happened to be reviewed."""
    with file.reading() as rows:
        found = rows.execute(
            "SELECT rule_id, sum(answer = 'right') AS right, sum(answer = 'wrong') AS wrong FROM ("
            # of the columns beside a max SQLite gives those of its row: of most authority, the last
            "SELECT rule_id, answer, max(authority * 4294967296 + id) FROM verdict_reviews "
            "WHERE piece IS NULL AND outcome = 'fail' AND +at >= ? "
            "GROUP BY sha256, rule_id, rule_hash, fingerprint, evidence) GROUP BY rule_id",
            (since,),
        )
        return {row["rule_id"]: (row["right"], row["wrong"]) for row in found}


_OUTCOME = "CASE r.answer WHEN 'right' THEN r.outcome WHEN 'wrong' THEN r.right_outcome END"

_DRAWN = f"""
SELECT i.*, p.drawn_at, EXISTS (
        SELECT 1 FROM slot_events AS e WHERE e.item_id = i.item_id AND e.kind = 'finished'
    ) AS said, (
        SELECT {_OUTCOME} FROM verdict_reviews AS r
        WHERE r.sha256 = i.sha256 AND r.rule_id = i.rule_id AND r.outcome = i.outcome AND r.piece IS NULL
        ORDER BY r.authority DESC, r.id DESC LIMIT 1
    ) AS truth
FROM sampled_items AS i JOIN sampling_plans AS p USING (plan_id)
WHERE p.drawn_at >= :since AND (:rule IS NULL OR i.rule_id = :rule)
    AND (:outcome IS NULL OR i.outcome = :outcome)"""

_GIVEN = f"""
SELECT f.person, f.at, f.slot, i.sha256, i.rule_id, i.outcome, s.blind, (
        SELECT {_OUTCOME} FROM verdict_reviews AS r
        WHERE r.id = coalesce(f.review_id, (
            SELECT max(o.id) FROM verdict_reviews AS o
            WHERE o.sha256 = i.sha256 AND o.rule_id = i.rule_id AND o.outcome = i.outcome AND o.piece IS NULL
                AND o.account = f.person)) AND r.outcome = i.outcome
    ) AS given
FROM slot_events AS f JOIN sampled_items AS i USING (item_id)
JOIN item_slots AS s ON s.item_id = f.item_id AND s.slot = f.slot WHERE f.kind = 'finished'"""
