"""What every dashboard is asked about: which weeks, which team, as far as who asks may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from desk.calls.call_filters import CallFilters
from desk.calls.scope import within
from desk.routing import Visit
from desk.snapshot import Reader

PERIODS = (4, 8, 13, 26, 52)
"""How many weeks a dashboard can look back."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The last `weeks` weeks with calls, from the Monday `first` to the Monday `last`; None: there are no calls.

    `team` is the one that was asked for, "" for all of `teams`, which are those that who asks may see.
    `condition` and `values` keep a query of totals.agent_weeks or totals.agent_rules to all that.
    """

    first: date | None
    last: date | None
    weeks: int
    team: str
    teams: tuple[str, ...]
    condition: str
    values: dict[str, Any]

    def mondays(self) -> list[date]:
        """All weeks, the earliest first."""
        if self.first is None or self.last is None:
            return []
        return [self.first + timedelta(weeks=n) for n in range((self.last - self.first).days // 7 + 1)]

    def query(self, **changed: object) -> str:
        """The address's parameters that ask for the same, or for something `changed`."""
        given = {"weeks": self.weeks, "team": self.team, **changed}
        return "?" + urlencode({name: value for name, value in given.items() if value not in ("", None)})


def read_frame(visit: Visit, reader: Reader) -> Frame:
    """What a dashboard is asked about."""
    asked = visit.query("weeks")
    weeks = int(asked) if asked in map(str, PERIODS) else PERIODS[2]
    scope, values = within(visit)
    found = reader.rows(
        f"SELECT team, max(week) AS last FROM totals.agent_weeks WHERE {scope} GROUP BY team ORDER BY team", values
    )
    teams = tuple(row["team"] for row in found if row["team"])
    team = visit.query("team") if visit.query("team") in teams else ""
    last = max((row["last"] for row in found if row["last"] and team in ("", row["team"])), default=None)
    first = last - timedelta(weeks=weeks - 1) if last else None
    condition = f"{scope} AND week BETWEEN $first AND $last"
    values |= {"first": first, "last": last}
    if team:
        condition += " AND team = $team"
        values["team"] = team
    return Frame(first, last, weeks, team, teams, condition, values)


def calls_link(
    frame: Frame, first: date | None = None, last: date | None = None, rule: tuple[str, str] | None = None,
    columns: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> str:  # fmt: skip
    """The address of the list of the calls of some weeks (their Mondays; the frame's, unless they are given), with an
    outcome of a rule, and with values in columns of the list."""
    first, last = first or frame.first, last or frame.last
    given = {**columns, **({"team": (frame.team,)} if frame.team else {})}
    days = last + timedelta(days=6) if last else None
    return CallFilters(first=first, last=days, columns=given, rules=(rule,) if rule else ()).address()
