"""How often a rule's fails are right and how many it misses, estimated from a sample drawn with known probabilities.

Two numbers of a rule: the precision of its fails, and the missed share, of all that should have failed what the machine
let pass. The second cannot be told from what was flagged: it needs passes, and what did not apply, in the sample.

Each stratum's share of true fails is weighted by the stratum's size (Hajek 1971; where probabilities differ within a
stratum the sample counts as so many as Kish's effective number, 1965). The interval is that of a finite population:
what was answered is known, of the rest a beta distribution is drawn. Misses are rare, and the half success of Jeffreys'
distribution, given to each of many strata, would put the whole interval beside the truth: so it is shared among them
by their size. `bench/desk_estimates.py` shows how often the intervals hold the truth.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.reviews.sampling import Stratum

FEWEST_ANSWERS = 20
"""Fewer answers tell nothing of a share."""

_DRAWS, _LOW, _HIGH = 4000, 2.5, 97.5
_COMMON = 0.3
"""From this share on, misses are not rare, and every stratum has its half success for itself."""


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """A verdict that was drawn, and what it should be: None while nobody answered, or nobody can tell."""

    sha256: str
    stratum: Stratum
    probability: float
    truth: str | None


@dataclass(frozen=True, slots=True)
class EstimatedShare:
    """A share (0–1) with its 95 % interval, out of so many answers; `value` is None where there are none."""

    value: float | None
    low: float
    high: float
    n: int

    @property
    def too_few(self) -> bool:
        return self.n < FEWEST_ANSWERS


@dataclass(frozen=True, slots=True)
class RuleEstimate:
    """What a sample tells of a rule. `drawn` verdicts, `answered` of them; `outcomes` that were drawn at all: of others
    nothing is told, and `missed` is of those that were.
    """

    rule_id: str
    drawn: int
    answered: int
    precision: EstimatedShare
    missed: EstimatedShare
    outcomes: tuple[str, ...]


@dataclass(slots=True)
class _Counted:
    """A stratum: how many verdicts it has, how many answers there are and how many of them are fails, both weighted."""

    size: float = 0.0
    weights: float = 0.0
    squares: float = 0.0
    fails: float = 0.0
    n: int = 0

    @property
    def share(self) -> float:
        return self.fails / self.weights

    @property
    def effective(self) -> float:
        return min(self.weights * self.weights / self.squares, self.size)


def estimates(answers: Iterable[SampledAnswer]) -> list[RuleEstimate]:
    """Of each rule what its sample tells, by rule id."""
    by_rule: dict[str, list[SampledAnswer]] = {}
    for answer in answers:
        by_rule.setdefault(answer.stratum.rule_id, []).append(answer)
    return [rule_estimate(rule_id, found) for rule_id, found in sorted(by_rule.items())]


def rule_estimate(rule_id: str, answers: Iterable[SampledAnswer]) -> RuleEstimate:
    """Of one rule what its sample tells; `answers` are all that was drawn, answered or not."""
    strata: dict[Stratum, _Counted] = {}
    drawn = answered = 0
    for answer in answers:
        counted, weight = strata.setdefault(answer.stratum, _Counted()), 1 / answer.probability
        drawn += 1
        counted.size += weight
        if answer.truth is not None:
            answered += 1
            counted.n += 1
            counted.weights += weight
            counted.squares += weight * weight
            counted.fails += weight * (answer.truth == "fail")
    failed = [c for stratum, c in strata.items() if stratum.outcome == "fail"]
    others = [c for stratum, c in strata.items() if stratum.outcome != "fail"]
    chance = np.random.default_rng(zlib.crc32(rule_id.encode()))
    right, missed = _true_fails(failed, chance, False), _true_fails(others, chance, True)
    precision = _share(right[0], right[1], sum(c.size for c in failed), sum(c.n for c in failed))
    whole = right[0] + missed[0] if right[0] is not None and missed[0] is not None else None
    ratio = _share(missed[0], missed[1], np.maximum(right[1] + missed[1], 1e-9), sum(c.n for c in others), whole)
    if not failed:
        ratio = replace(ratio, n=0)
    return RuleEstimate(
        rule_id, drawn, answered, precision, ratio, tuple(dict.fromkeys(stratum.outcome for stratum in strata))
    )


_Drawn = npt.NDArray[np.float64]


def _true_fails(strata: list[_Counted], chance: np.random.Generator, rare: bool) -> tuple[float | None, _Drawn]:
    """How many verdicts of some strata should be fails: the estimate, and draws of what it may be.

    The estimate is None while a stratum has no answer.
    """
    found, draws, known = 0.0, np.zeros(_DRAWS), True
    whole = sum(c.size for c in strata)
    common = sum(c.share * c.size for c in strata if c.n) / whole if strata else 0.0
    for c in strata:
        n = c.effective if c.n else 0.0
        hits = c.share * n if c.n else 0.0
        own = c.size / whole if rare else 1.0
        success = 0.5 * (own + (1 - own) * min(1.0, common / _COMMON))
        share = chance.beta(hits + success, n - hits + 0.5, _DRAWS)
        rest = round(c.size - n)
        draws += hits + (chance.binomial(rest, share) if rest > 0 else 0)
        known = known and c.n > 0
        found += c.share * c.size if c.n else 0.0
    return (found if known and strata else None), draws


def _share(
    part: float | None, draws: _Drawn, of: float | _Drawn, n: int, whole: float | None = None
) -> EstimatedShare:  # fmt: skip
    size = whole if whole is not None else of if isinstance(of, float | int) else None
    if part is None or not size:
        return EstimatedShare(None, 0.0, 1.0, 0 if part is None else n)
    low, high = np.percentile(np.minimum(draws / of, 1.0), [_LOW, _HIGH])
    value = min(part / size, 1.0)
    return EstimatedShare(value, min(float(low), value), max(float(high), value), n)
