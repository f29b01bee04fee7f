"""How an agent did on each indicator lately, beside the team: what a coach chooses rules by."""

from __future__ import annotations

from dataclasses import dataclass

from desk.calls.scope import within
from desk.coaching.whose import CoachedAgent
from desk.routing import Visit

RATES_WEEKS = 8
"""So many of the agent's last weeks are counted."""

FEW_CHECKS = 5
"""With fewer checks a rate says nothing, and the rule stands behind the others."""


@dataclass(frozen=True, slots=True)
class RuleRate:
    """Checks of an indicator in the agent's last weeks: how many passed and failed, and the team's rate, 0–1."""

    rule_id: str
    title: str
    severity: str
    why: str
    passes: int
    fails: int
    team_rate: float | None

    @property
    def checks(self) -> int:
        return self.passes + self.fails

    @property
    def rate(self) -> float | None:
        """The share of checks that passed, 0–1; None without any."""
        return self.passes / self.checks if self.checks else None


def rule_rates(visit: Visit, agent: CoachedAgent) -> dict[str, RuleRate]:
    """All indicators by id, failed fatal ones first, then what the agent met least and the team meets more."""
    scope, values = within(visit)
    title = "title_zh" if visit.language == "zh" else "title_en"
    with visit.desk.snapshot.reading() as reader:
        last = reader.value(
            "SELECT max(week) FROM totals.agent_rules WHERE agent_id = $agent", {"agent": agent.agent_id}
        )
        rows = reader.rows(
            f"""SELECT rule_id, coalesce(own, 0)::BIGINT AS own, coalesce(fails, 0)::BIGINT AS fails, team_rate, title,
                severity, why
            FROM (SELECT rule_id, any_value({title}) AS title, any_value(severity) AS severity,
                any_value(why ORDER BY language <> $language) AS why
                FROM rules GROUP BY rule_id)
            LEFT JOIN (SELECT rule_id, sum(passes) FILTER (agent_id = $agent) AS own,
                sum(fails) FILTER (agent_id = $agent) AS fails,
                sum(passes) FILTER (team = $team) / nullif(sum(passes + fails) FILTER (team = $team), 0) AS team_rate
                FROM totals.agent_rules
                WHERE week > $last::DATE - INTERVAL {RATES_WEEKS} WEEK AND {scope} GROUP BY rule_id) USING (rule_id)
            ORDER BY NOT (severity = 'fatal' AND fails > 0), own + fails < {FEW_CHECKS}, fails = 0,
                own / (own + fails), team_rate DESC, rule_id""",
            {**values, "agent": agent.agent_id, "team": agent.team, "last": last, "language": visit.language},
        )
    return {
        row["rule_id"]: RuleRate(
            row["rule_id"], row["title"], row["severity"], row["why"], row["own"], row["fails"], row["team_rate"]
        )
        for row in rows
    }  # fmt: skip
