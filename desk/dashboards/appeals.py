"""Appeals: how many are upheld, of which rules and teams, how long decisions take, and which are overdue."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN
from desk.calls.found import hidden_verdicts
from desk.calls.known_calls import known_calls
from desk.dashboards.drawings import BarChart, bar_chart
from desk.dashboards.frame import Frame, dashboard_page, read_frame
from desk.dashboards.up_to_today import up_to_today
from desk.queues.people import rule_titles
from desk.reviews.results import appeal_rules
from desk.routing import Visit, endpoint
from pipeline.messages import Message
from pipeline.reviews.agreement import wilson
from pipeline.reviews.appeals import Appeal, AppealRules, all_appeals
from pipeline.reviews.estimates import EstimatedShare

MOST_APPEALS = 100
"""Appeals in the list."""

APPEAL_CHOICES: Mapping[str, Message] = {
    "open": Message("undecided ones"), "overdue": Message("overdue ones"), "upheld": Message("upheld ones"),
    "rejected": Message("rejected ones"), "second": Message("second instance"), "all": Message("all appeals"),
}  # fmt: skip
"""Which appeals are listed."""


@dataclass(frozen=True, slots=True)
class PlacedAppeal:
    """An appeal with its call. `took` are the working days to its decision, or until now; `due` is the last day of as
    many working days as an agent has to appeal."""

    appeal: Appeal
    call: Mapping[str, Any]
    monday: date
    took: int
    due: date
    overdue: bool

    @property
    def decided(self) -> bool:
        return self.appeal.state in ("upheld", "rejected")

    @property
    def upheld(self) -> bool:
        return self.appeal.state == "upheld"

    def is_among(self, choice: str) -> bool:
        """Whether it is of those that were chosen."""
        match choice:
            case "open":
                return not self.decided
            case "overdue":
                return self.overdue
            case "second":
                return self.appeal.instance == 2
            case "upheld" | "rejected":
                return self.appeal.state == choice
        return True


@dataclass(frozen=True, slots=True)
class AppealCounts:
    """Appeals of a week, a rule or a team; `name` is what they are of."""

    name: str
    made: int
    upheld: int
    rejected: int

    @property
    def undecided(self) -> int:
        return self.made - self.upheld - self.rejected

    @property
    def share(self) -> EstimatedShare:
        """The share of the decided ones that were upheld."""
        n = self.upheld + self.rejected
        return EstimatedShare(*wilson(self.upheld, n), n) if n else EstimatedShare(None, 0.0, 1.0, 0)


@dataclass(frozen=True, slots=True)
class AppealsBoard:
    """Appeals on calls that who asks may see: those `made` in the weeks asked for, and all that wait."""

    frame: Frame
    made: Sequence[PlacedAppeal]
    waiting: Sequence[PlacedAppeal]
    window: int

    def chosen(self, which: str, rule_id: str) -> list[PlacedAppeal]:
        """Those of a choice and a rule ("" for all): what waits longest first, else the newest first."""
        waits = which in ("open", "overdue")
        found = [each for each in (self.waiting if waits else self.made) if each.is_among(which)]
        found = [each for each in found if rule_id in ("", each.appeal.key.rule_id)]
        return sorted(found, key=lambda each: each.appeal.at if waits else -each.appeal.at)

    def weeks(self) -> list[AppealCounts]:
        """By week, the earliest first."""
        return [
            appeal_counts(str(monday), (each for each in self.made if each.monday == monday))
            for monday in self.frame.mondays()
        ]


@endpoint("/dashboard/appeals", "dashboards")
def _appeals(visit: Visit) -> Response:
    asked, rule_id = visit.query("show"), visit.query("rule")
    which = asked if asked in APPEAL_CHOICES else "open"
    board = appeals_board(visit)
    made, waiting, weeks = board.made, board.waiting, board.weeks()
    return dashboard_page(
        visit, "dashboards/appeals.html", board.frame, whole=appeal_counts("", made), weeks=weeks,
        chart=_chart(visit, weeks), second=appeal_counts("", [each for each in made if each.appeal.instance == 2]),
        took=_took(made), within=_within(made, board.window), window=board.window, waiting=waiting,
        overdue=sum(each.overdue for each in waiting),
        by_rule=grouped_appeals(made, lambda each: each.appeal.key.rule_id),
        by_team=grouped_appeals(made, lambda each: each.call["team"] or ""), titles=rule_titles(visit),
        listed=seen_appeals(visit, board.chosen(which, rule_id))[:MOST_APPEALS],
        which=which, choices=APPEAL_CHOICES, rule_id=rule_id, zone=visit.desk.snapshot.timezone,
    )  # fmt: skip


def appeals_board(visit: Visit) -> AppealsBoard:
    """What the page is made of."""
    with visit.desk.snapshot.reading() as reader:
        frame = up_to_today(visit, read_frame(visit, reader))
    with visit.desk.reviews.file.reading() as rows:
        every = all_appeals(rows)
    rules, mondays = appeal_rules(visit.desk), frozenset(frame.mondays())
    placed = _placed(visit, every, rules, frame)
    return AppealsBoard(
        frame, [each for each in placed if each.monday in mondays], [each for each in placed if not each.decided],
        rules.window,
    )  # fmt: skip


def seen_appeals(visit: Visit, found: Sequence[PlacedAppeal]) -> list[tuple[str, PlacedAppeal]]:
    """Appeals with the ids of their calls, but those against verdicts that who asks is to answer blind."""
    hidden = hidden_verdicts(visit, [each.appeal.key.sha256 for each in found])
    return [
        (visit.desk.call_ids.of(each.appeal.key.sha256), each)
        for each in found
        if (each.appeal.key.sha256, each.appeal.key.rule_id) not in hidden
    ]


def _placed(visit: Visit, every: Sequence[Appeal], rules: AppealRules, frame: Frame) -> list[PlacedAppeal]:
    """The appeals on calls that who asks may see, of the company and team that were chosen."""
    calls, now = known_calls(visit, {appeal.key.sha256 for appeal in every}), time.time()
    placed = []
    for appeal in every:
        call = calls.get(appeal.key.sha256)
        if call is None or not all(
            chosen in ("", call[column] or NOT_GIVEN)
            for column, chosen in (("company", frame.company), ("team", frame.team))
        ):
            continue
        decided = appeal.state in ("upheld", "rejected")
        day, due = rules.days.day_of(appeal.at), rules.days.last_day(appeal.since, rules.window)
        placed.append(
            PlacedAppeal(
                appeal, call, day - timedelta(days=day.weekday()),
                rules.days.between(appeal.at, appeal.since if decided else now), due,
                not decided and rules.days.day_of(now) > due,
            )
        )  # fmt: skip
    return placed


def appeal_counts(name: str, found: Iterable[PlacedAppeal]) -> AppealCounts:
    """Some appeals, counted."""
    states = [each.appeal.state for each in found]
    return AppealCounts(name, len(states), states.count("upheld"), states.count("rejected"))


def grouped_appeals(made: Sequence[PlacedAppeal], name: Callable[[PlacedAppeal], str]) -> list[AppealCounts]:
    """The appeals by a name, most upheld first."""
    groups: dict[str, list[PlacedAppeal]] = {}
    for each in made:
        groups.setdefault(name(each), []).append(each)
    return sorted((appeal_counts(*group) for group in groups.items()), key=lambda c: (-c.upheld, -c.made, c.name))


def _took(made: Sequence[PlacedAppeal]) -> float | None:
    return statistics.median(days) if (days := [each.took for each in made if each.decided]) else None


def _within(made: Sequence[PlacedAppeal], window: int) -> tuple[int, int]:
    """How many decisions took no more working days than the window has, and how many there are."""
    decided = [each for each in made if each.decided]
    return sum(each.took <= window for each in decided), len(decided)


def _chart(visit: Visit, weeks: Sequence[AppealCounts]) -> BarChart:
    return bar_chart(
        [
            (
                week.name[5:], [("good", week.upheld), ("bad", week.rejected), ("none", week.undecided)],
                visit.say(
                    "week of {week}: {count} appeals, {upheld} upheld, {rejected} rejected",
                    week=week.name, count=week.made, upheld=week.upheld, rejected=week.rejected,
                ),
            )
            for week in weeks
        ]
    )  # fmt: skip
