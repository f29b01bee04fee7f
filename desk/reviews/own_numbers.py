"""An agent's numbers: how their weeks went and how often each rule was met, against their own weeks before and where
the middle half of their team lies. Their own are of released calls alone; of the team nobody is told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from desk.routing import Visit
from desk.snapshot import Reader
from pipeline.reviews.releases import CallResult

NUMBERS_LATELY, NUMBERS_BEFORE = 4, 8
"""The last weeks, and those before that they are compared with."""

LEAST_AGENTS = 4
"""Of a team with fewer agents nothing is told, as it would tell of single people."""

_LEAST_CHECKS = 5
"""With fewer checks a rate says nothing: it is no part of the team's middle half, and compared with nothing."""


@dataclass(frozen=True, slots=True)
class OwnWeek:
    """An agent's week: released calls, mean of the system's scores, and between which scores the middle half of the
    team's agents lie."""

    week: date
    calls: int
    score: float | None
    low: float | None
    high: float | None


@dataclass(slots=True)
class OwnRule:
    """Checks of a rule in an agent's released calls: passes and all in the last weeks and in those before; and between
    which rates (0–1) the middle half of the team's agents lie, None where the team is too small."""

    rule_id: str
    passes: int = 0
    checks: int = 0
    passes_before: int = 0
    checks_before: int = 0
    middle: tuple[float, float] | None = None

    @property
    def rate(self) -> float | None:
        """The share of the last weeks' checks that was met, 0–1."""
        return self.passes / self.checks if self.checks else None

    @property
    def rate_before(self) -> float | None:
        """The same of the weeks before."""
        return self.passes_before / self.checks_before if self.checks_before else None

    @property
    def is_below(self) -> bool:
        """Whether the agent is below the middle half of the team, by more than a few checks."""
        return self.rate is not None and not self.is_few and self.middle is not None and self.rate < self.middle[0]

    @property
    def is_few(self) -> bool:
        """Whether there are too few checks to say anything."""
        return self.checks < _LEAST_CHECKS


@dataclass(frozen=True, slots=True)
class TeamNumbers:
    """What an agent is told of their team: the middle half by week (mean scores) and by rule (rates); and where that is
    switched on, their own place by mean score among so many."""

    weeks: Mapping[date, tuple[float, float]]
    rules: Mapping[str, tuple[float, float]]
    place: tuple[int, int] | None = None


def last_week(reader: Reader) -> date | None:
    """The Monday of the newest week with calls."""
    found: date | None = reader.value("SELECT max(week) FROM totals.agent_weeks")
    return found


def lately_since(last: date) -> date:
    """The first Monday of the last weeks."""
    return last - timedelta(weeks=NUMBERS_LATELY - 1)


def first_week(last: date) -> date:
    """The first Monday of all weeks that are looked at."""
    return lately_since(last) - timedelta(weeks=NUMBERS_BEFORE)


def own_weeks(
    results: Iterable[tuple[date, CallResult]], middle: Mapping[date, tuple[float, float]], most: int
) -> list[OwnWeek]:
    """The last weeks with released calls, the latest first; results come with the Mondays of their weeks."""
    by_week: dict[date, list[float | None]] = {}
    for week, result in results:
        by_week.setdefault(week, []).append(result.score)
    weeks = []
    for week in sorted(by_week, reverse=True)[:most]:
        scores = [score for score in by_week[week] if score is not None]
        low, high = middle.get(week, (None, None))
        mean = round(sum(scores) / len(scores), 1) if scores else None
        weeks.append(OwnWeek(week, len(by_week[week]), mean, low, high))
    return weeks


def own_rules(
    results: Iterable[tuple[date, CallResult]], last: date, middle: Mapping[str, tuple[float, float]]
) -> list[OwnRule]:
    """Every rule that was checked in the last weeks, those below the team's middle half first, then by rate; those with
    few checks last."""
    found: dict[str, OwnRule] = {}
    since, first = lately_since(last), first_week(last)
    for week, result in results:
        if week < first:
            continue
        for verdict in result.verdicts:
            if verdict.stands not in ("pass", "fail"):
                continue
            rule = found.setdefault(verdict.rule_id, OwnRule(verdict.rule_id, middle=middle.get(verdict.rule_id)))
            passed = verdict.stands == "pass"
            if week >= since:
                rule.passes, rule.checks = rule.passes + passed, rule.checks + 1
            else:
                rule.passes_before, rule.checks_before = rule.passes_before + passed, rule.checks_before + 1
    checked = [rule for rule in found.values() if rule.checks]
    return sorted(checked, key=lambda rule: (rule.is_few, not rule.is_below, rule.rate, rule.rule_id))


def team_numbers(visit: Visit, reader: Reader, agent_id: str, last: date) -> TeamNumbers:
    """Where the team of an agent's last calls stands, from what was counted when the night was published."""
    values: dict[str, object] = {"agent": agent_id, "least": LEAST_AGENTS, "first": first_week(last)}
    team = (
        "team = (SELECT arg_max(team, week) FROM totals.agent_weeks WHERE agent_id = $agent) AND agent_id IS NOT NULL"
    )
    weeks = reader.rows(
        "SELECT week, quantile_cont(mean, [0.25, 0.75]) AS middle FROM (SELECT week, agent_id, "
        f"sum(score_sum) / sum(scored) AS mean FROM totals.agent_weeks WHERE {team} AND week >= $first "
        "GROUP BY week, agent_id HAVING sum(scored) > 0) GROUP BY week HAVING count(*) >= $least",
        values,
    )
    values |= {"first": lately_since(last), "checks": _LEAST_CHECKS}
    rules = reader.rows(
        "SELECT rule_id, quantile_cont(rate, [0.25, 0.75]) AS middle FROM (SELECT rule_id, agent_id, "
        f"sum(passes) / sum(passes + fails) AS rate FROM totals.agent_rules WHERE {team} AND week >= $first "
        "GROUP BY rule_id, agent_id HAVING sum(passes + fails) >= $checks) GROUP BY rule_id HAVING count(*) >= $least",
        values,
    )
    return TeamNumbers(
        {row["week"]: tuple(row["middle"]) for row in weeks}, {row["rule_id"]: tuple(row["middle"]) for row in rules},
        _place(reader, agent_id, team, last) if visit.desk.settings.reviews.show_place else None,
    )  # fmt: skip


def _place(reader: Reader, agent_id: str, team: str, last: date) -> tuple[int, int] | None:
    means: Sequence[Mapping[str, object]] = reader.rows(
        "SELECT agent_id, rank() OVER (ORDER BY sum(score_sum) / sum(scored) DESC) AS place, "
        "count(*) OVER () AS agents FROM totals.agent_weeks "
        f"WHERE {team} AND week >= $first GROUP BY agent_id HAVING sum(scored) > 0",
        {"agent": agent_id, "first": lately_since(last)},
    )
    own = next((row for row in means if row["agent_id"] == agent_id), None)
    return (int(str(own["place"])), len(means)) if own and len(means) >= LEAST_AGENTS else None
