"""What a verdict is known by, so that what people said of it is told from what they said of an earlier one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.datatypes import Evidence, Outcome, Verdict
from pipeline.storage.home import JudgedFile


@dataclass(frozen=True, slots=True)
class VerdictKey:
    """A verdict on a call: by which rule's content, on which hearing, what it was and what it rests on.

    `fingerprint` is the hearing's, `evidence` a mark of the places of its evidence. When any of these is another, so is
    the verdict.
    """

    sha256: str
    rule_id: str
    rule_hash: str
    fingerprint: str
    outcome: Outcome
    evidence: str


def verdict_keys(stored: JudgedFile) -> dict[str, VerdictKey]:
    """The keys of all verdicts of a stored call, by rule id."""
    card = stored.judged.scorecard
    return {verdict.rule_id: verdict_key(stored, verdict) for verdict in (card.verdicts if card else ())}


def verdict_key(stored: JudgedFile, verdict: Verdict) -> VerdictKey:
    """The key of a verdict of a stored call; masked texts have the same one."""
    return VerdictKey(
        stored.judged.call.sha256, verdict.rule_id, verdict.rule_hash, stored.hearing.fingerprint if stored.hearing
        else "", verdict.outcome, evidence_mark(verdict.evidence),
    )  # fmt: skip


def evidence_mark(evidence: Iterable[Evidence]) -> str:
    """A mark of where evidence lies: its turns and times, in milliseconds; `results.views` makes the same in SQL."""
    places = (
        f"{_shown(item.turn)} {_ms(item.span.start_s) if item.span else ''} {_ms(item.span.end_s) if item.span else ''}"
        for item in evidence
    )
    return hashlib.sha256("\n".join(places).encode()).hexdigest()[:16]


def _shown(turn: int | None) -> str:
    return "" if turn is None else str(turn)


def _ms(moment_s: float) -> int:
    return math.floor(moment_s * 1000 + 0.5)
