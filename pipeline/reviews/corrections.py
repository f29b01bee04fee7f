"""What people corrected in calls: acts and their undoing, one after the other; what is in force is what is not undone.

An act may say several things at once, and is undone as a whole. Who corrects has to have seen all that was said of the
call before: else two people who correct the same turn at once would undo each other's work unseen.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

import msgspec

from pipeline.corrections import Corrections
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.store import Reviews
from pipeline.storage.home import Home


class CorrectedMeanwhile(CallQAError):
    """Somebody else corrected the call since it was looked at."""


@dataclass(frozen=True, slots=True)
class CorrectionAct:
    """What one person said of a call at one time, of which hearing, and by whom and when it was undone."""

    number: int
    sha256: str
    at: datetime
    who: str
    hearing: str
    said: Corrections
    undone_at: datetime | None = None
    undone_by: str = ""


@dataclass(frozen=True, slots=True)
class CallCorrections:
    """All acts on a call, oldest first; `seen` is what the next one has to have seen."""

    acts: tuple[CorrectionAct, ...] = ()
    seen: int = 0

    @property
    def in_force(self) -> Corrections:
        """What is not undone."""
        return together(act.said for act in self.acts if act.undone_at is None)


def together(said: Iterable[Corrections]) -> Corrections:
    """Several corrections of a call, in their order."""
    return reduce(Corrections.then, said, Corrections())


def corrections_in_force(home: Home) -> dict[str, Corrections]:
    """What is in force of every call of which something is, by SHA-256; makes no file where there is none."""
    reviews = Reviews(home)
    if not reviews.file.path.exists():
        return {}
    found: dict[str, list[Corrections]] = {}
    with reviews.file.reading() as rows:
        for row in rows.execute("SELECT sha256, said FROM corrections_in_force ORDER BY number"):
            found.setdefault(row["sha256"], []).append(_decoded(row["said"]))
    return {sha256: together(said) for sha256, said in found.items()}


def corrections_of_call(reviews: Reviews, sha256: str) -> CallCorrections:
    """What was said of one call."""
    if not reviews.file.path.exists():
        return CallCorrections()
    with reviews.file.reading() as rows:
        return _call(rows, sha256)


def corrected_calls(reviews: Reviews) -> list[CallCorrections]:
    """All calls of which anything was ever said, those of the last acts first."""
    if not reviews.file.path.exists():
        return []
    with reviews.file.reading() as rows:
        found = rows.execute("SELECT sha256 FROM corrections GROUP BY sha256 ORDER BY max(number) DESC")
        return [_call(rows, row["sha256"]) for row in found.fetchall()]


def correct(reviews: Reviews, sha256: str, who: str, hearing: str, said: Corrections, seen: int) -> None:
    """Add an act. Raises CorrectedMeanwhile."""
    with reviews.file.writing() as rows:
        _check_seen(rows, sha256, seen)
        rows.execute(
            "INSERT INTO corrections (sha256, at, who, hearing, said) VALUES (?, ?, ?, ?, ?)",
            (sha256, time.time(), who, hearing, msgspec.json.encode(said).decode()),
        )


def undo(reviews: Reviews, sha256: str, who: str, number: int, seen: int) -> None:
    """Undo an act of a call. Raises CorrectedMeanwhile; what is undone already stays so."""
    with reviews.file.writing() as rows:
        _check_seen(rows, sha256, seen)
        rows.execute(
            "INSERT INTO corrections (sha256, at, who, hearing, undoes) "
            "SELECT sha256, ?, ?, hearing, number FROM corrections_in_force WHERE sha256 = ? AND number = ?",
            (time.time(), who, sha256, number),
        )


def forget_corrections(home: Home, calls: Collection[str]) -> None:
    """Remove all that was said of some calls (SHA-256)."""
    reviews = Reviews(home)
    if calls and reviews.file.path.exists():
        with reviews.file.writing() as rows:
            for undoing in ("IS NOT NULL", "IS NULL"):
                rows.executemany(
                    f"DELETE FROM corrections WHERE sha256 = ? AND undoes {undoing}", [(sha256,) for sha256 in calls]
                )


def _check_seen(rows: sqlite3.Connection, sha256: str, seen: int) -> None:
    if _last(rows, sha256) != seen:
        raise CorrectedMeanwhile(
            Message("somebody corrected this call meanwhile; look at it again, then correct what is left")
        )


def _last(rows: sqlite3.Connection, sha256: str) -> int:
    (last,) = rows.execute("SELECT coalesce(max(number), 0) FROM corrections WHERE sha256 = ?", (sha256,)).fetchone()
    return int(last)


def _call(rows: sqlite3.Connection, sha256: str) -> CallCorrections:
    found = rows.execute(
        "SELECT c.number, c.at, c.who, c.hearing, c.said, u.at AS undone_at, u.who AS undone_by FROM corrections AS c "
        "LEFT JOIN corrections AS u ON u.undoes = c.number WHERE c.sha256 = ? AND c.undoes IS NULL ORDER BY c.number",
        (sha256,),
    )
    acts = tuple(
        CorrectionAct(
            row["number"], sha256, _moment(row["at"]), row["who"], row["hearing"], _decoded(row["said"]),
            row["undone_at"] and _moment(row["undone_at"]), row["undone_by"] or "",
        )
        for row in found
    )  # fmt: skip
    return CallCorrections(acts, _last(rows, sha256))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _decoded(text: str) -> Corrections:
    return msgspec.json.decode(text, type=Corrections)
