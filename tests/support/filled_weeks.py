"""Published weeks as a test wants them: what dashboards and coaching are told from, put into a home's database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb


@dataclass(frozen=True, slots=True)
class FilledWeeks:
    """Weeks of an agent: passes and fails of a rule in each, from the Monday `first` on, and the mean score in all."""

    agent_id: str
    team: str
    rule_id: str
    first: date
    counts: Sequence[tuple[int, int]]
    score: float = 80.0
    name: str = ""


def fill_weeks(database: Path, filled: Iterable[FilledWeeks]) -> None:
    """Put weeks in the place of those that were counted."""
    rows = list(filled)
    with duckdb.connect(str(database)) as connection:
        for table in ("agent_weeks", "agent_rules"):
            connection.execute(f"DELETE FROM totals.{table}")
        weeks: dict[tuple[object, ...], float] = {}
        for each in rows:
            for number, (passes, fails) in enumerate(each.counts):
                week = each.first + timedelta(weeks=number)
                if passes + fails:
                    weeks[week, each.team, each.agent_id, each.name] = each.score
                    connection.execute(
                        "INSERT INTO totals.agent_rules (week, team, agent_id, rule_id, passes, fails, unsure, "
                        "not_applicable) VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
                        [week, each.team, each.agent_id, each.rule_id, passes, fails],
                    )
        for (week, team, agent, name), score in weeks.items():
            connection.execute(
                "INSERT INTO totals.agent_weeks (week, team, agent_id, agent_name, last_call, calls, scored, "
                "score_sum) VALUES (?, ?, ?, ?, ?, 10, 10, ?)",
                [week, team, agent, name, week, 10 * score],
            )
