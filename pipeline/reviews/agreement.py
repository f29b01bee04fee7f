"""How reviewers agree: with one another, with the machine, and whether they follow the machine where they see it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.reviews.estimates import FEWEST_ANSWERS

_DRAWS = 2000
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What a reviewer answered to a verdict in a queue. `given` is the outcome he holds for right, None: cannot tell.

    `slot` 0 is an item's first reviewer; `blind`: he did not see the machine's outcome.
    """

    sha256: str
    rule_id: str
    machine: str
    given: str | None
    person: str
    blind: bool
    slot: int
    at: float


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of agreement with its 95 % interval; NaN where it is not defined (all said one thing)."""

    value: float
    low: float
    high: float

    @property
    def defined(self) -> bool:
        return not math.isnan(self.value)


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How two reviewers agree on `n` verdicts that both could tell: share of the same, Cohen's kappa, Gwet's AC1."""

    first: str
    second: str
    n: int
    raw: float
    kappa: Coefficient
    ac1: Coefficient

    @property
    def too_few(self) -> bool:
        return self.n < FEWEST_ANSWERS


@dataclass(frozen=True, slots=True)
class Anchoring:
    """How often first reviewers agree with the machine that they do not see (blind) and that they see (open).

    Who is blind is drawn, so that the difference is the machine's pull; its 95 % interval is Newcombe's (1998).
    """

    blind: int
    blind_same: int
    open: int
    open_same: int

    @property
    def difference(self) -> tuple[float, float, float] | None:
        """Open minus blind, with its interval; None without answers of both kinds."""
        if not self.blind or not self.open:
            return None
        (p, p_low, p_high), (q, q_low, q_high) = (
            wilson(self.open_same, self.open), wilson(self.blind_same, self.blind)
        )  # fmt: skip
        return (
            p - q,
            p - q - math.hypot(p - p_low, q_high - q),
            p - q + math.hypot(p_high - p, q - q_low),
        )

    @property
    def too_few(self) -> bool:
        return min(self.blind, self.open) < FEWEST_ANSWERS


@dataclass(frozen=True, slots=True)
class ReviewerFigures:
    """What one reviewer did: answers, how many could not be told, agreement with the machine, and with others."""

    person: str
    answers: int
    cannot_tell: int
    anchoring: Anchoring
    others: int
    others_same: int


def wilson(found: int, of: int) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval (1927)."""
    share, z2 = found / of, _Z95 * _Z95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return share, max(0.0, middle - half), min(1.0, middle + half)


def pairs(answers: Iterable[GivenAnswer]) -> list[PairAgreement]:
    """Every pair of reviewers that answered the same verdicts, those with most in common first."""
    shared: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for said in _by_verdict(answers):
        for first, second in combinations(sorted(said), 2):
            shared.setdefault((first, second), []).append((said[first], said[second]))
    found = [agreement_of(first, second, both) for (first, second), both in shared.items()]
    return sorted(found, key=lambda pair: (-pair.n, pair.first, pair.second))


def agreement_of(first: str, second: str, both: Sequence[tuple[str, str]]) -> PairAgreement:
    """The agreement of two people's answers to the same verdicts.

    Kappa: Cohen 1960; AC1: Gwet 2008, which does not collapse where nearly everything passes. The intervals are
    percentiles of the table's cells drawn again.
    """
    names = sorted({outcome for pair in both for outcome in pair})
    table = np.zeros((len(names), len(names)))
    for one, other in both:
        table[names.index(one), names.index(other)] += 1
    n, raw = len(both), float(np.trace(table) / len(both))
    chance = np.random.default_rng(zlib.crc32(f"{first}\0{second}".encode()))
    again = chance.multinomial(n, (table / n).ravel(), _DRAWS).reshape(-1, *table.shape) / n
    (kappa,), (ac1,) = _kappa(table[None] / n), _ac1(table[None] / n)
    return PairAgreement(
        first, second, n, raw, _coefficient(kappa, _kappa(again)), _coefficient(ac1, _ac1(again))
    )  # fmt: skip


_Cells = npt.NDArray[np.float64]


def _kappa(shares: _Cells) -> _Cells:
    same = np.trace(shares, axis1=1, axis2=2)
    by_chance = (shares.sum(axis=2) * shares.sum(axis=1)).sum(axis=1)
    return _beyond(same, by_chance)


def _ac1(shares: _Cells) -> _Cells:
    same = np.trace(shares, axis1=1, axis2=2)
    mean = (shares.sum(axis=2) + shares.sum(axis=1)) / 2
    categories = max(2, shares.shape[1])
    return _beyond(same, (mean * (1 - mean)).sum(axis=1) / (categories - 1))


def _beyond(same: _Cells, by_chance: _Cells) -> _Cells:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: _Cells = np.where(by_chance < 1 - 1e-12, (same - by_chance) / (1 - by_chance), np.nan)
    return found


def _coefficient(value: float, again: _Cells) -> Coefficient:
    kept = again[~np.isnan(again)]
    if math.isnan(value) or not kept.size:
        return Coefficient(math.nan, math.nan, math.nan)
    low, high = np.percentile(kept, [2.5, 97.5])
    return Coefficient(float(value), float(low), float(high))


def anchoring(answers: Iterable[GivenAnswer]) -> Anchoring:
    """Of first reviewers' answers, how often they are the machine's."""
    first = [answer for answer in answers if answer.slot == 0 and answer.given is not None]
    blind, seen = [a for a in first if a.blind], [a for a in first if not a.blind]
    return Anchoring(
        len(blind), sum(a.given == a.machine for a in blind), len(seen), sum(a.given == a.machine for a in seen)
    )


def reviewer_figures(answers: Iterable[GivenAnswer]) -> list[ReviewerFigures]:
    """What each reviewer did, by name."""
    answers = list(answers)
    with_others: dict[str, list[bool]] = {}
    for said in _by_verdict(answers):
        for person, other in ((p, o) for p in said for o in said if p != o):
            with_others.setdefault(person, []).append(said[person] == said[other])
    figures = []
    for person in sorted({answer.person for answer in answers}):
        own = [answer for answer in answers if answer.person == person]
        same = with_others.get(person, [])
        figures.append(
            ReviewerFigures(
                person, len(own), sum(a.given is None for a in own), anchoring(own), len(same), sum(same)
            )
        )  # fmt: skip
    return figures


def _by_verdict(answers: Iterable[GivenAnswer]) -> Iterable[dict[str, str]]:
    """Of each verdict what each reviewer could tell."""
    said: dict[tuple[str, str], dict[str, str]] = {}
    for answer in answers:
        if answer.given is not None:
            said.setdefault((answer.sha256, answer.rule_id), {})[answer.person] = answer.given
    return said.values()
