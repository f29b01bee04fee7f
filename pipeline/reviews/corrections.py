"""What people corrected in calls: acts and their undoing, one after the other; what is in force is what is not undone.

An act may say several things at once, and is undone as a whole. Who corrects has to have seen all that was said of the
call before: else two people who correct the same turn at once would undo each other's work unseen.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import msgspec

from pipeline.corrections import Corrections
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.events import unchangeable

if TYPE_CHECKING:
    from pipeline.reviews.store import Reviews

CORRECTIONS_MIGRATIONS = (
    f"""
    CREATE TABLE corrections (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, account TEXT NOT NULL, sha256 TEXT NOT NULL,
        fingerprint TEXT NOT NULL, said TEXT, undoes INTEGER UNIQUE REFERENCES corrections (id),
        CHECK ((said IS NULL) = (undoes IS NOT NULL))
    ) STRICT;
    CREATE INDEX corrections_by_call ON corrections (sha256, id);
    CREATE VIEW corrections_in_force AS
        SELECT * FROM corrections AS c
        WHERE c.undoes IS NULL AND NOT EXISTS (SELECT 1 FROM corrections AS u WHERE u.undoes = c.id);
    {unchangeable("corrections", ("id", "at", "account", "sha256", "fingerprint", "said", "undoes"))}
    """,
)
"""`said` is a `Corrections` as JSON, `fingerprint` that of the hearing that was corrected; an undoing says nothing."""


_SECOND_CLICK_S = 10.0


class CorrectedMeanwhile(CallQAError):
    """Somebody else corrected the call since it was looked at."""


@dataclass(frozen=True, slots=True)
class CorrectionAct:
    """What an account said of a call at one time (seconds since 1970), of which hearing, and who undid it and when."""

    id: int
    at: float
    account: str
    sha256: str
    fingerprint: str
    said: Corrections
    undone_at: float | None = None
    undone_by: str | None = None


@dataclass(frozen=True, slots=True)
class CallCorrections:
    """All acts on a call, oldest first; `seen` is what the next one has to have seen."""

    sha256: str
    acts: tuple[CorrectionAct, ...] = ()
    seen: int = 0

    def is_repeated(self, by: str, seen: int) -> bool:
        """Whether what an account sends now, who saw the call as of `seen`, it sent a moment ago: a second click."""
        last = self.acts[-1] if self.acts else None
        earlier = max((act.id for act in self.acts[:-1]), default=0)
        return (
            last is not None
            and (last.id, last.account, last.undone_at) == (self.seen, by, None)
            and earlier <= seen < last.id
            and time.time() - last.at < _SECOND_CLICK_S
        )

    @property
    def in_force(self) -> Corrections:
        """What is not undone."""
        return _together(act.said for act in self.acts if act.undone_at is None)


def _together(said: Iterable[Corrections]) -> Corrections:
    """Several corrections of a call, in their order."""
    return reduce(Corrections.then, said, Corrections())


def all_corrections(reviews: Reviews) -> dict[str, Corrections]:
    """What is in force of every call of which anything was ever said, by SHA-256; it may be nothing any more.

    Makes no file where there is none.
    """
    if not reviews.file.is_there:
        return {}
    found: dict[str, list[Corrections]] = {}
    with reviews.file.reading() as rows:
        for row in rows.execute("SELECT DISTINCT sha256 FROM corrections"):
            found[row["sha256"]] = []
        for row in rows.execute("SELECT sha256, said FROM corrections_in_force ORDER BY id"):
            found[row["sha256"]].append(_decoded(row["said"]))
    return {sha256: _together(said) for sha256, said in found.items()}


def corrections_of(reviews: Reviews, sha256: str) -> CallCorrections:
    """What was said of one call."""
    if not reviews.file.is_there:
        return CallCorrections(sha256)
    with reviews.file.reading() as rows:
        return _call(rows, sha256)


def corrected_calls(reviews: Reviews) -> list[CallCorrections]:
    """All calls of which anything was ever said, those of the last acts first."""
    if not reviews.file.is_there:
        return []
    with reviews.file.reading() as rows:
        found = rows.execute("SELECT sha256 FROM corrections GROUP BY sha256 ORDER BY max(id) DESC")
        return [_call(rows, row["sha256"]) for row in found.fetchall()]


def correct(reviews: Reviews, sha256: str, by: str, fingerprint: str, said: Corrections, seen: int) -> None:
    """Add an act. Raises CorrectedMeanwhile."""
    with reviews.file.writing() as rows:
        if _call(rows, sha256).seen != seen:
            refuse_correction()
        rows.execute(
            "INSERT INTO corrections (at, account, sha256, fingerprint, said) VALUES (?, ?, ?, ?, ?)",
            (time.time(), by, sha256, fingerprint, msgspec.json.encode(said).decode()),
        )


def undo(reviews: Reviews, sha256: str, by: str, act: int, seen: int) -> None:
    """Undo an act of a call; one that is undone stays so. Raises CorrectedMeanwhile."""
    with reviews.file.writing() as rows:
        before = _call(rows, sha256)
        if all(each.id != act or each.undone_at is not None for each in before.acts):
            return
        if before.seen != seen:
            refuse_correction()
        rows.execute(
            "INSERT INTO corrections (at, account, sha256, fingerprint, undoes) "
            "SELECT ?, ?, sha256, fingerprint, id FROM corrections WHERE id = ?",
            (time.time(), by, act),
        )


def refuse_correction() -> None:
    """Raise CorrectedMeanwhile."""
    raise CorrectedMeanwhile(
        Message("somebody corrected this call meanwhile; look at it again, then correct what is left")
    )


_ACTS = (
    "SELECT c.*, u.at AS undone_at, u.account AS undone_by "
    "FROM corrections AS c LEFT JOIN corrections AS u ON u.undoes = c.id WHERE c.undoes IS NULL"
)


def all_acts(rows: sqlite3.Connection) -> Iterator[CorrectionAct]:
    """All acts on all calls, oldest first."""
    yield from map(_act, rows.execute(f"{_ACTS} ORDER BY c.id"))


def _call(rows: sqlite3.Connection, sha256: str) -> CallCorrections:
    acts = tuple(map(_act, rows.execute(f"{_ACTS} AND c.sha256 = ? ORDER BY c.id", (sha256,))))
    last = rows.execute("SELECT max(id) AS id FROM corrections WHERE sha256 = ?", (sha256,)).fetchone()
    return CallCorrections(sha256, acts, last["id"] or 0)


def _act(row: sqlite3.Row) -> CorrectionAct:
    return CorrectionAct(
        row["id"], row["at"], row["account"], row["sha256"], row["fingerprint"], _decoded(row["said"]),
        row["undone_at"], row["undone_by"],
    )  # fmt: skip


def _decoded(text: str) -> Corrections:
    return msgspec.json.decode(text, type=Corrections)
