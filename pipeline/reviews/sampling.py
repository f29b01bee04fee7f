"""Samples of verdicts that can be defended: drawn by chance out of strata, each with its probability.

A stratum is what is alike: a rule, its outcome, where asked for the kind of sound (two channels or one), and whether
the machine itself is in doubt (unsure, or a suspicious pass). Of each stratum so many are drawn, or such a share.
Passes and what does not apply are strata too: without them nobody finds out what is missed.

Chance is the order of a hash over the seed and what is drawn: the same snapshot and seed give the same sample on every
machine, and every subset of a stratum is as likely as any other. Where so many calls of an agent and week are asked
for, these are drawn first, and verdicts out of them: a probability is then the product of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, get_args

from pipeline.datatypes import Outcome
from pipeline.errors import CallQAError
from pipeline.messages import Message

MOST_PICKS = 20_000
"""A plan of more is a slip of the hand."""

Ask = Callable[[str, dict[str, Any]], Sequence[Mapping[str, Any]]]
"""Asks the published database: SQL and its values, giving rows by their columns' names."""

DRAWN_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class BadPlan(CallQAError):
    """A plan that cannot be drawn."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How many of a stratum: a number, or a share of it (0–1, rounded up)."""

    number: int = 0
    share: float = 0.0

    @classmethod
    def read(cls, text: str) -> Amount:
        """Of "12" or "5 %"; nothing is none. Raises BadPlan."""
        found = re.fullmatch(r"\s*(\d{1,5}(?:\.\d{1,3})?)\s*([%％]?)\s*", text or "0")
        if found is None or (not found[2] and "." in found[1]) or (found[2] and float(found[1]) > 100):
            raise BadPlan(Message("write how many as 12 or as 5 %"))
        return cls(share=float(found[1]) / 100) if found[2] else cls(number=int(found[1]))

    def __str__(self) -> str:
        return f"{100 * self.share:g} %" if self.share else str(self.number)


@dataclass(frozen=True, slots=True)
class PlanFilters:
    """The calls and rules out of which a plan draws; nothing given is no limit."""

    first_day: date | None = None
    last_day: date | None = None
    teams: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """What to draw. `amounts` are by the machine's outcome; where it is in doubt, `doubtful` times as many.

    `agent_week`: so many calls of each agent and week at most, drawn before the verdicts. `by_layout`: calls of two
    channels and of one are strata of their own.
    """

    amounts: Mapping[Outcome, Amount]
    seed: str
    filters: PlanFilters = field(default_factory=PlanFilters)
    by_layout: bool = True
    doubtful: int = 1
    agent_week: int | None = None


@dataclass(frozen=True, slots=True)
class Stratum:
    """What verdicts of a stratum have in common. `layout` is "stereo", "mono", or "" where it makes no difference."""

    rule_id: str
    outcome: str
    layout: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """A verdict that was drawn out of `size` of its stratum, and how probable that was."""

    sha256: str
    stratum: Stratum
    size: int
    probability: float


@dataclass(frozen=True, slots=True)
class StratumDraw:
    """A stratum of a sample: verdicts in it (of the calls drawn first, where calls are), and how many are drawn."""

    stratum: Stratum
    size: int
    drawn: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What a plan draws of a snapshot; nothing is kept of it yet."""

    picks: tuple[Pick, ...]
    strata: tuple[StratumDraw, ...]
    snapshot: str

    @property
    def calls(self) -> int:
        return len({pick.sha256 for pick in self.picks})


def draw(ask: Ask, plan: SamplingPlan, within: str = "true", values: Mapping[str, Any] | None = None) -> Sample:
    """Draw a plan's sample out of the snapshot that `ask` reads.

    `within` is a condition on calls that the sample keeps to (what who draws may see), with its values. Raises BadPlan
    where that would be more than `MOST_PICKS`.
    """
    condition, given = _condition(plan.filters)
    given |= {"seed": plan.seed, **(values or {})}
    with_calls = _CALLS.format(
        within=f"({within}) AND {condition}", layout=_LAYOUT if plan.by_layout else "''",
        few="true" if plan.agent_week is None else "place <= $agent_week",
        share="1::DOUBLE" if plan.agent_week is None else "least(1, $agent_week / of)::DOUBLE",
        rules="true" if not plan.filters.rules else "rule_id IN (SELECT unnest($of_rules))",
    )  # fmt: skip
    if plan.agent_week is not None:
        given["agent_week"] = plan.agent_week
    strata = [
        StratumDraw(Stratum(row["rule_id"], row["outcome"], row["layout"], row["doubtful"]), row["size"],
                    _how_many(plan, row["outcome"], row["doubtful"], row["size"]))
        for row in ask(f"{with_calls} {_SIZES}", given)
    ]  # fmt: skip
    if sum(stratum.drawn for stratum in strata) > MOST_PICKS:
        raise BadPlan(Message("this would draw more than {most} verdicts; ask for fewer of each", most=MOST_PICKS))
    drawn = {stratum.stratum: stratum.drawn for stratum in strata}
    most = max(drawn.values(), default=0)
    picks = []
    for row in ask(f"{with_calls} {_PICKS}", {**given, "most": most}) if most else ():
        stratum = Stratum(row["rule_id"], row["outcome"], row["layout"], row["doubtful"])
        if row["place"] <= drawn[stratum]:
            probability = row["share"] * drawn[stratum] / row["size"]
            picks.append(Pick(row["sha256"], stratum, row["size"], probability))
    snapshot = ask("SELECT value FROM about WHERE key = 'content'", {})
    return Sample(tuple(picks), tuple(strata), str(snapshot[0]["value"]) if snapshot else "")


def _how_many(plan: SamplingPlan, outcome: Outcome, doubtful: bool, size: int) -> int:
    amount, times = plan.amounts.get(outcome, Amount()), plan.doubtful if doubtful else 1
    wanted = -(-round(amount.share * size * 1e6) // 1_000_000) if amount.share else amount.number
    return min(size, times * wanted)


def _condition(filters: PlanFilters) -> tuple[str, dict[str, Any]]:
    """The condition on calls that filters are, and its values."""
    parts, values = ["rulebook IS NOT NULL"], dict[str, Any]()
    for name, part, value in (
        ("first_day", "day >= $first_day", filters.first_day), ("last_day", "day <= $last_day", filters.last_day),
        ("of_teams", "team IN (SELECT unnest($of_teams))", filters.teams),
        ("of_agents", "agent_id IN (SELECT unnest($of_agents))", filters.agents),
        ("of_queues", "queue IN (SELECT unnest($of_queues))", filters.queues),
        ("of_directions", "direction IN (SELECT unnest($of_directions))", filters.directions),
        ("of_scenarios", "scenario IN (SELECT unnest($of_scenarios))", filters.scenarios),
    ):  # fmt: skip
        if value:
            parts.append(part)
            values[name] = list(value) if isinstance(value, tuple) else value
    if filters.rules:
        values["of_rules"] = list(filters.rules)
    return " AND ".join(parts), values


_LAYOUT = "CASE WHEN layout = 'stereo' THEN 'stereo' ELSE 'mono' END"

_CALLS = """
WITH numbered AS (
    SELECT sha256, {layout} AS sound, count(*) OVER of_agent AS of,
           row_number() OVER (of_agent ORDER BY md5($seed || sha256), sha256) AS place
    FROM calls WHERE {within} WINDOW of_agent AS (PARTITION BY agent_id, week)
), chosen AS (
    SELECT sha256, sound, {share} AS share FROM numbered WHERE {few}
), candidates AS (
    SELECT sha256, rule_id, outcome, sound AS layout, outcome = 'unsure' OR coalesce(suspicion > 0, false) AS doubtful,
           share
    FROM verdicts JOIN chosen USING (sha256) WHERE {rules}
)"""

_SIZES = """
SELECT rule_id, outcome, layout, doubtful, count(*) AS size FROM candidates
GROUP BY ALL ORDER BY rule_id, outcome, layout, doubtful"""

_PICKS = """
SELECT *, count(*) OVER of_stratum AS size,
       row_number() OVER (of_stratum ORDER BY md5($seed || sha256 || rule_id), sha256) AS place
FROM candidates WINDOW of_stratum AS (PARTITION BY rule_id, outcome, layout, doubtful)
QUALIFY place <= $most ORDER BY rule_id, outcome, layout, doubtful, place"""
