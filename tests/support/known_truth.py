"""A month of verdicts of which the truth is known, as the published database has them: to try estimates on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from pipeline.reviews.estimates import SampledAnswer
from pipeline.reviews.sampling import Amount, SamplingPlan, draw
from tests.support.factories import sha_of


@dataclass(frozen=True, slots=True)
class MadeRule:
    """A rule of which is known how often it should fail, how many of its fails are right, how many it finds."""

    name: str
    prevalence: float
    precision: float
    recall: float


MADE_RULES = tuple(
    MadeRule(f"rule-{number:02}", *values)
    for number, values in enumerate(
        (
            (0.02, 0.6, 0.7), (0.03, 0.9, 0.9), (0.05, 0.5, 0.8), (0.05, 0.85, 0.6), (0.1, 0.7, 0.9), (0.1, 0.95, 0.5),
            (0.1, 0.9, 0.8), (0.2, 0.8, 0.7), (0.2, 0.9, 0.95), (0.3, 0.75, 0.85), (0.3, 0.95, 0.6), (0.15, 0.6, 0.95),
        )
    )
)  # fmt: skip

HOUSE_PLAN = SamplingPlan(
    {"fail": Amount(25), "pass": Amount(25), "not_applicable": Amount(12), "unsure": Amount(5)}, "", doubtful=2
)
"""What a house of five reviewers would draw of a month: of every rule about 200 verdicts."""

_SHAS = np.array([sha_of(f"made {number}") for number in range(5000)])


class MadeMonth:
    """Some thousand calls judged by some rules. A call in trouble breaks more rules, and they are found less."""

    def __init__(self, seed: int, rules: Sequence[MadeRule] = MADE_RULES, calls: int = 3000) -> None:
        chance = self._chance = np.random.default_rng(seed)
        count = int(calls * chance.uniform(0.85, 1.15))
        self._mono, self._trouble = chance.random(count) < 0.3, chance.normal(size=count)
        self.places = {sha: place for place, sha in enumerate(_SHAS[:count])}
        self.machine: dict[str, npt.NDArray[np.str_]] = {}
        self.truth: dict[str, npt.NDArray[np.bool_]] = {}
        self.database = duckdb.connect()
        made = {
            "sha256": _SHAS[:count], "agent_id": chance.integers(0, 30, count), "week": chance.integers(0, 4, count),
            "layout": np.where(self._mono, "mono", "stereo"),
        }  # fmt: skip
        self._table("calls", made, "*, 'hotline-zh' AS rulebook")
        self.database.execute("CREATE TABLE about AS SELECT 'content' AS key, 'made' AS value")
        rows: list[dict[str, Any]] = []
        for rule in rules:
            self.machine[rule.name], self.truth[rule.name], suspicion = self._judged(rule)
            rows.append(
                {"sha256": _SHAS[:count], "rule_id": np.full(count, rule.name), "outcome": self.machine[rule.name],
                 "suspicion": suspicion}
            )  # fmt: skip
        self._table("verdicts", {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}, "*")

    def _table(self, name: str, made: dict[str, Any], what: str) -> None:
        self.database.execute(f"CREATE TABLE {name} AS SELECT {what} FROM made")  # a dict of arrays, by its name

    def _judged(self, rule: MadeRule) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """What the machine says, whether it should be a fail, and how suspicious the passes are."""
        count, chance = len(self._mono), self._chance
        rate = rule.prevalence * np.exp(0.8 * self._trouble - 0.32)
        truth = chance.random(count) < np.minimum(rate, 0.95)
        found = rule.recall + np.where(self._mono, -0.07, 0.03) - 0.04 * self._trouble
        wrong = rule.prevalence * rule.recall * (1 - rule.precision) / rule.precision / (1 - rule.prevalence)
        wrong = wrong * np.where(self._mono, 1.6, 0.75)
        fails = np.where(truth, chance.random(count) < found, chance.random(count) < wrong)
        nothing_to_do = chance.random(count) < np.where(truth, 0.08, 0.2)
        unsure = chance.random(count) < np.where(self._mono, 0.04, 0.01)
        machine = np.where(
            fails, "fail", np.where(unsure, "unsure", np.where(nothing_to_do, "not_applicable", "pass"))
        )  # fmt: skip
        suspicious = chance.random(count) < np.where(truth, 0.5, 0.06)
        return machine, truth, np.where(machine == "pass", np.where(suspicious, 0.4, -0.4), np.nan)

    def ask(self, sql: str, values: dict[str, Any]) -> Sequence[Mapping[str, Any]]:
        """As `pipeline.reviews.sampling.draw` asks."""
        found = self.database.execute(sql, values)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def shares(self, rule: str) -> tuple[float, float]:
        """The precision of a rule's fails in this month, and the share of what should have failed that it missed."""
        machine, truth = self.machine[rule] == "fail", self.truth[rule]
        return float((machine & truth).sum() / machine.sum()), float((truth & ~machine).sum() / truth.sum())

    def should_fail(self, rule: str, sha256: str) -> bool:
        return bool(self.truth[rule][self.places[sha256]])

    def sampled(self, plan: SamplingPlan, seed: str) -> list[SampledAnswer]:
        """A plan's sample, all of it answered as is right."""
        return [
            SampledAnswer(p.sha256, p.stratum, p.probability,
                          "fail" if self.should_fail(p.stratum.rule_id, p.sha256) else "pass")
            for p in draw(self.ask, replace(plan, seed=seed)).picks
        ]  # fmt: skip

    def flagged(self, rule: str, count: int) -> tuple[int, int]:
        """Where only what is flagged is looked at: `count` fails of a rule, or all, and how many of them are right."""
        fails = np.flatnonzero(self.machine[rule] == "fail")
        looked_at = self._chance.choice(fails, min(count, len(fails)), replace=False)
        return len(looked_at), int(self.truth[rule][looked_at].sum())

    def worst(self, rule: str, count: int) -> tuple[int, int]:
        """Where the fifth of calls with most fails is looked at, `count` of them: what should fail, what is missed."""
        fails = np.sum([self.machine[name] == "fail" for name in self.machine], axis=0)
        worst = np.argsort(-fails - self._chance.random(len(fails)))[: len(fails) // 5]
        looked_at = self._chance.choice(worst, min(count, len(worst)), replace=False)
        machine, truth = self.machine[rule][looked_at] == "fail", self.truth[rule][looked_at]
        return int(truth.sum()), int((truth & ~machine).sum())
