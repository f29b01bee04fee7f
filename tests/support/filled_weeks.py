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
        counted = [
            (each.first + timedelta(weeks=number), each.team, each.agent_id, each.rule_id, passes, fails)
            for each in rows
            for number, (passes, fails) in enumerate(each.counts)
            if passes + fails
        ]
        connection.execute(
            "INSERT INTO totals.agent_rules (week, team, agent_id, rule_id, passes, fails, unsure, not_applicable) "
            "SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), 0, 0",
            [list(column) for column in zip(*counted, strict=True)],
        )
        of_agent = {each.agent_id: each for each in rows}
        weeks = sorted({(week, team, agent) for week, team, agent, *_ in counted})
        connection.execute(
            "INSERT INTO totals.agent_weeks (week, team, agent_id, agent_name, last_call, calls, scored, score_sum) "
            "SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), 10, 10, unnest(?)",
            [
                *([each[n] for each in weeks] for n in range(3)),
                [of_agent[agent].name for _, _, agent in weeks],
                [week for week, _, _ in weeks],
                [10.0 * of_agent[agent].score for _, _, agent in weeks],
            ],
        )
