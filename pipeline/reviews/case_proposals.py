"""Cases that reviewed verdicts were made into, until somebody puts them into a rulebook: never by itself.

They lie with what people said of a call, so that they are backed up with it and forgotten with it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from pipeline.datatypes import Outcome
from pipeline.reviews.events import append, once_of, unchangeable
from pipeline.storage.sqlite_file import SqliteFile

_COLUMNS = ("id", "once", "at", "account", "sha256", "rule_id", "language", "machine", "verdict", "found", "comment")

CASE_PROPOSALS_MIGRATIONS = (
    f"""
    CREATE TABLE case_proposals (
        id INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, at REAL NOT NULL, account TEXT NOT NULL,
        sha256 TEXT NOT NULL, rule_id TEXT NOT NULL, language TEXT NOT NULL, machine TEXT NOT NULL,
        verdict TEXT NOT NULL, found TEXT NOT NULL, comment TEXT NOT NULL
    ) STRICT;
    CREATE TABLE case_proposals_done (
        proposal_id INTEGER PRIMARY KEY REFERENCES case_proposals ON DELETE CASCADE, at REAL NOT NULL,
        account TEXT NOT NULL, step TEXT NOT NULL CHECK (step IN ('appended', 'dropped'))
    ) STRICT;
    {unchangeable("case_proposals", _COLUMNS)}
    """,
)


@dataclass(frozen=True, slots=True)
class CaseProposal:
    """A case as it was written: what the machine said of the call, what is right, what the rule said of the case.

    `text` is the case as it stands in a rule's file; "" where the words of its call were forgotten.
    """

    id: int
    at: float
    account: str
    sha256: str
    rule_id: str
    language: str
    machine: Outcome
    verdict: Outcome
    found: Outcome
    text: str

    @property
    def faithful(self) -> bool:
        """Whether the rule said of the case what it had said of the call."""
        return self.found == self.machine


def propose_case(
    file: SqliteFile, by: str, sha256: str, language: str, rule_id: str, machine: Outcome, verdict: Outcome,
    found: Outcome, text: str,
) -> int | None:  # fmt: skip
    """Keep a case; None where the same was proposed before."""
    once = once_of("case_proposals", "", sha256, rule_id, machine, verdict)
    with file.writing() as rows:
        return append(
            rows, "case_proposals", once, by,
            {"sha256": sha256, "rule_id": rule_id, "language": language, "machine": machine, "verdict": verdict,
             "found": found, "comment": text},
        )  # fmt: skip


def open_proposals(file: SqliteFile, rule_id: str | None = None) -> list[CaseProposal]:
    """The cases that nobody has appended to a rulebook or dropped, oldest first."""
    if not file.is_there:
        return []
    with file.reading() as rows:
        return [
            _proposal(row)
            for row in rows.execute(
                "SELECT * FROM case_proposals WHERE id NOT IN (SELECT proposal_id FROM case_proposals_done) "
                "AND comment <> '' AND (:rule IS NULL OR rule_id = :rule) ORDER BY id",
                {"rule": rule_id},
            )
        ]


def close_proposal(file: SqliteFile, proposal_id: int, by: str, step: str, at: float) -> None:
    """Note that a case was "appended" to a rulebook, or "dropped"; nothing where either was noted before."""
    with file.writing() as rows:
        rows.execute("INSERT OR IGNORE INTO case_proposals_done VALUES (?, ?, ?, ?)", (proposal_id, at, by, step))


def _proposal(row: sqlite3.Row) -> CaseProposal:
    return CaseProposal(
        row["id"], row["at"], row["account"], row["sha256"], row["rule_id"], row["language"], row["machine"],
        row["verdict"], row["found"], row["comment"],
    )  # fmt: skip
