"""What every dashboard is asked about: which weeks, which company and team, as far as who asks may see it.

A dashboard is an endpoint in DASHBOARDS, or below one of them. It reads its frame with `read_frame`, asks tables with
`week`, `company` and `team` (totals.agent_weeks, totals.agent_rules) for what `frame.condition` says, and answers with
`dashboard_page`, whose template extends dashboards/page.html. Where there is an endpoint PATH.xlsx, the page links it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlencode

from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN, CallFilters
from desk.calls.scope import within
from desk.routing import ENDPOINTS, Visit
from desk.snapshot import Reader
from pipeline.messages import Message

PERIODS: Mapping[int, Message] = {
    1: Message("one week"),
    4: Message("4 weeks (a month)"),
    8: Message("8 weeks"),
    13: Message("13 weeks (a quarter)"),
    26: Message("26 weeks (half a year)"),
    52: Message("52 weeks (a year)"),
}
"""How many weeks a dashboard can look back."""

USUAL_WEEKS = 4

TREND_WEEKS = 13
"""Trends begin at least so many weeks back, however few were chosen."""

DASHBOARDS: Mapping[str, Message] = {
    "/dashboard": Message("Overview"),
    "/dashboard/achievement": Message("Achievement rate"),
    "/dashboard/rules": Message("Failing rules"),
    "/dashboard/complaints": Message("Complaints"),
    "/dashboard/appeals": Message("Appeals"),
    "/dashboard/effort": Message("Reviewers' effort"),
    "/dashboard/hearing": Message("Hearing quality"),
    "/dashboard/month": Message("The month"),
}
"""The tabs; those are shown that are there and that who asks may open."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Some `weeks` weeks, from the Monday `first` to the Monday `last`; None: there are no calls.

    `newest` is the Monday of the newest week with calls; `last` is it, unless an earlier one was asked for. `company`
    and `team` are those that were asked for, "" for all, NOT_GIVEN for calls of none; `companies` and `teams` can be
    chosen. `condition` and `values` keep a query to all that; `scope` and `scope_values` only to what who asks may see.
    """

    first: date | None
    last: date | None
    weeks: int
    team: str
    teams: tuple[str, ...]
    condition: str
    values: Mapping[str, Any]
    company: str = ""
    companies: tuple[str, ...] = ()
    newest: date | None = None
    scope: str = "true"
    scope_values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def before(self) -> Frame:
        """As many weeks before these."""
        return self.moved(-self.weeks)

    def moved(self, weeks: int, length: int | None = None) -> Frame:
        """The frame so many weeks later (earlier below 0), and of another length in weeks."""
        if self.last is None:
            return self
        length = length or self.weeks
        last = self.last + timedelta(weeks=weeks)
        first = last - timedelta(weeks=length - 1)
        return replace(self, first=first, last=last, weeks=length, values={**self.values, "first": first, "last": last})

    @property
    def trend(self) -> Frame:
        """The weeks that trends show: those of the frame and some before, if they are few."""
        return self.moved(0, max(self.weeks, TREND_WEEKS))

    def mondays(self) -> list[date]:
        """All weeks, the earliest first."""
        if self.first is None or self.last is None:
            return []
        return [self.first + timedelta(weeks=n) for n in range((self.last - self.first).days // 7 + 1)]

    @property
    def last_day(self) -> date | None:
        """The Sunday of the last week."""
        return self.last + timedelta(days=6) if self.last else None

    @property
    def until(self) -> str:
        """The last week as it stands in an address; "" for the newest, so that kept links go with the time."""
        return self.last.isoformat() if self.last and self.last != self.newest else ""

    def query(self, /, **changed: object) -> str:
        """The address's parameters that ask for the same, or for something `changed`."""
        given = {"weeks": self.weeks, "until": self.until, "company": self.company, "team": self.team, **changed}
        return "?" + urlencode({name: value for name, value in given.items() if value not in ("", None)})


def read_frame(visit: Visit, reader: Reader) -> Frame:
    """What a dashboard is asked about."""
    asked = visit.query("weeks")
    weeks = int(asked) if asked in map(str, PERIODS) else USUAL_WEEKS
    scope, scope_values = within(visit)
    found = reader.rows(
        "SELECT company, team, max(week) AS last FROM totals.agent_weeks "
        f"WHERE {scope} AND week IS NOT NULL GROUP BY company, team",
        scope_values,
    )
    companies = _choices(row["company"] for row in found)
    company = _among(visit.query("company"), companies)
    found = [row for row in found if not company or _shown(row["company"]) == company]
    teams = _choices(row["team"] for row in found)
    team = _among(visit.query("team"), teams)
    newest = max((row["last"] for row in found if not team or _shown(row["team"]) == team), default=None)
    last = min(_monday(visit.query("until")) or newest, newest) if newest else None
    first = last - timedelta(weeks=weeks - 1) if last else None
    condition, values = f"{scope} AND week BETWEEN $first AND $last", {**scope_values, "first": first, "last": last}
    for column, chosen in (("company", company), ("team", team)):
        if chosen == NOT_GIVEN:
            condition += f" AND {column} IS NULL"
        elif chosen:
            condition += f" AND {column} = ${column}"
            values[column] = chosen
    return Frame(
        first, last, weeks, team, teams, condition, values, company, companies, newest, scope, dict(scope_values)
    )


def _shown(value: str | None) -> str:
    return value or NOT_GIVEN


def _choices(values: Any) -> tuple[str, ...]:
    """What can be chosen; those of which it is not known last."""
    return tuple(sorted({_shown(value) for value in values}, key=lambda value: (value == NOT_GIVEN, value)))


def _among(asked: str, choices: Sequence[str]) -> str:
    return asked if asked in choices else ""


def _monday(asked: str) -> date | None:
    try:
        day = date.fromisoformat(asked) if len(asked) == 10 else None
    except ValueError:
        return None
    return day - timedelta(days=day.weekday()) if day and day.year > 1900 else None


def calls_link(
    frame: Frame, first: date | None = None, last: date | None = None, rule: tuple[str, str] | None = None,
    columns: Mapping[str, tuple[str, ...]] = MappingProxyType({}), flags: tuple[str, ...] = (),
    scores: tuple[float | None, float | None] = (None, None),
    sort: Literal["time", "score"] = "time",
) -> str:  # fmt: skip
    """The address of the list of the calls of some weeks (their Mondays; the frame's, unless they are given), with an
    outcome of a rule, with values in columns of the list (NOT_GIVEN: of none), with flags, with scores from and to."""
    first, last = first or frame.first, last or frame.last
    given = {name: (value,) for name, value in (("company", frame.company), ("team", frame.team)) if value}
    return CallFilters(
        first=first, last=last + timedelta(days=6) if last else None, columns={**given, **columns},
        rules=(rule,) if rule else (), flags=flags, score_from=scores[0], score_to=scores[1], sort=sort,
        ascending=sort == "score",
    ).address()  # fmt: skip


def dashboard_page(visit: Visit, template: str, frame: Frame, **values: Any) -> Response:
    """A dashboard as a page; its template extends dashboards/page.html and is given the frame, tabs and `values`."""
    path = visit.request.url.path
    opened = {each.path for each in ENDPOINTS if visit.whose.may(each.may)}  # type: ignore[arg-type]
    query = urlencode(visit.request.query_params.multi_items())
    return visit.page(
        template, frame=frame, periods=PERIODS, not_given=NOT_GIVEN,
        tabs={each: title for each, title in DASHBOARDS.items() if each in opened},
        tab=max((each for each in DASHBOARDS if f"{path}/".startswith(f"{each}/")), key=len),
        excel=f"{path}.xlsx?{query}" if f"{path}.xlsx" in opened else "",
        target=visit.desk.settings.report.target, **values,
    )  # fmt: skip
