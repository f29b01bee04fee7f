"""How far a rule's fails can be trusted: by samples answered here, else by all reviews, else by the rule's cases."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.reviews.agreement import wilson
from pipeline.reviews.answered import counted_fails, drawn_answers
from pipeline.reviews.estimates import FEWEST_ANSWERS, EstimatedShare, SampledAnswer, rule_estimate
from pipeline.storage.sqlite_file import SqliteFile

OFTEN_WRONG = 0.8
"""A rule with fewer right fails than this is said to be often wrong."""

LOOKING_BACK_S = 365 * 86_400.0
"""Samples and answers that are older tell nothing of a rule as it is now."""


@dataclass(frozen=True, slots=True)
class CasePrecision:
    """The precision of a rule's fails on the cases of its rulebook, with its 95 % interval, on `n` sentences."""

    language: str
    value: float
    low: float | None
    high: float | None
    n: int | None


@dataclass(frozen=True, slots=True)
class FailTrust:
    """What is known of the fails of a rule. `sampled` is estimated from samples drawn by chance; `right` and `wrong`
    are counts of whatever was reviewed; `cases` are what the rulebooks say."""

    sampled: EstimatedShare | None = None
    right: int = 0
    wrong: int = 0
    cases: tuple[CasePrecision, ...] = ()

    @property
    def share(self) -> float | None:
        """The best that is known of the share of fails that are right; None where nothing is."""
        if self.sampled and self.sampled.value is not None and not self.sampled.too_few:
            return self.sampled.value
        if self.right + self.wrong >= FEWEST_ANSWERS:
            return self.right / (self.right + self.wrong)
        return min((case.value for case in self.cases), default=None)

    @property
    def counted(self) -> EstimatedShare | None:
        """The plain counts as a share; None where nothing was reviewed."""
        n = self.right + self.wrong
        return EstimatedShare(*wilson(self.right, n), n) if n else None

    @property
    def often_wrong(self) -> bool:
        return self.share is not None and self.share < OFTEN_WRONG

    @property
    def wrong_of_ten(self) -> int:
        """Of ten fails so many are wrong, where they often are."""
        return max(1, round(10 * (1 - (self.share or 0.0))))


def fail_trust(file: SqliteFile, cases: Mapping[str, Sequence[CasePrecision]]) -> dict[str, FailTrust]:
    """What is known of the rules of `cases`, by their ids."""
    since = time.time() - LOOKING_BACK_S
    drawn: dict[str, list[SampledAnswer]] = {}
    for each in drawn_answers(file, since, outcome="fail"):
        drawn.setdefault(each.answer.stratum.rule_id, []).append(each.answer)
    counted = counted_fails(file, since)
    return {
        rule_id: FailTrust(
            rule_estimate(rule_id, drawn[rule_id]).precision if rule_id in drawn else None,
            *counted.get(rule_id, (0, 0)), tuple(known),
        )
        for rule_id, known in cases.items()
    }  # fmt: skip
