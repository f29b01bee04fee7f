"""Reviewers' effort: how much they answer, how long it takes them, what they decide without listening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.dashboards.drawings import BarChart, bar_chart
from desk.dashboards.frame import Frame, dashboard_page, read_frame
from desk.dashboards.up_to_today import up_to_today
from desk.queues.people import shown_names
from desk.routing import Visit, endpoint
from pipeline.reviews.agreement import ReviewerFigures, reviewer_figures
from pipeline.reviews.answered import given_answers
from pipeline.reviews.effort import ReviewerDay, days_together, reviewer_days

SHOWN_DAYS = 35
"""Days that are told one by one."""


@dataclass(frozen=True, slots=True)
class ReviewerEffort:
    """A reviewer over the weeks asked for: all answers, on so many days, and agreement in queues (None: no answers)."""

    whole: ReviewerDay
    days: int
    figures: ReviewerFigures | None

    @property
    def seconds_each(self) -> float | None:
        """Seconds that a page was open for an answer; None where no page told."""
        return self.whole.open_s / self.whole.answers if self.whole.open_s and self.whole.answers else None


@dataclass(frozen=True, slots=True)
class EffortBoard:
    """What reviewers did in the weeks asked for, each on each day; `person` is who alone is told of, "" for all."""

    frame: Frame
    person: str
    days: Sequence[ReviewerDay]
    people: Sequence[ReviewerEffort]


@endpoint("/dashboard/effort", "dashboards")
def _effort(visit: Visit) -> Response:
    board = effort_board(visit)
    frame, weeks = board.frame, _by_week(board.days)
    return dashboard_page(
        visit, "dashboards/effort.html", frame, people=board.people, weeks=weeks[::-1],
        whole=days_together(board.days, "", frame.mondays()[-1]), chart=_chart(visit, frame, weeks),
        days=_by_day(board.days)[: -SHOWN_DAYS - 1 : -1], shown=shown_names(visit), alone=bool(board.person),
    )  # fmt: skip


def effort_board(visit: Visit) -> EffortBoard:
    """What the page is made of, as far as who asks may know."""
    zone, user, file = ZoneInfo(visit.desk.snapshot.timezone), visit.whose, visit.desk.reviews.file
    person = "" if user.may("assign") else user.name
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
    # what people answer is no team's: a reviewer answers to calls of all
    frame = replace(up_to_today(visit, frame), company="", companies=(), team="", teams=())
    first, last = frame.mondays()[0], frame.mondays()[-1] + timedelta(days=6)
    since, until = (datetime.combine(day, time(), zone).timestamp() for day in (first, last + timedelta(days=1)))
    days = reviewer_days(file, since, until, zone, person)
    given = given_answers(file, since) if file.is_there else []
    figures = {each.person: each for each in reviewer_figures(each for each in given if each.at < until)}
    return EffortBoard(frame, person, days, _people(days, figures))


def _people(days: Sequence[ReviewerDay], figures: Mapping[str, ReviewerFigures]) -> list[ReviewerEffort]:
    by_person: dict[str, list[ReviewerDay]] = {}
    for each in days:
        by_person.setdefault(each.person, []).append(each)
    people = [
        ReviewerEffort(days_together(own, person, own[-1].day), len(own), figures.get(person))
        for person, own in by_person.items()
    ]
    return sorted(people, key=lambda each: (-each.whole.answers, each.whole.person))


def _by_day(days: Sequence[ReviewerDay]) -> list[ReviewerDay]:
    """What all did on each day."""
    return [days_together((e for e in days if e.day == day), "", day) for day in sorted({each.day for each in days})]


def _by_week(days: Sequence[ReviewerDay]) -> list[ReviewerDay]:
    """What all did in each week, by its Monday."""
    weeks: dict[date, list[ReviewerDay]] = {}
    for each in days:
        weeks.setdefault(each.day - timedelta(days=each.day.weekday()), []).append(each)
    return [days_together(found, "", monday) for monday, found in sorted(weeks.items())]


def _chart(visit: Visit, frame: Frame, weeks: Sequence[ReviewerDay]) -> BarChart:
    known = {each.day: each for each in weeks}
    columns = []
    for monday in frame.mondays():
        week = known.get(monday, ReviewerDay("", monday))
        says = visit.say(
            "week of {week}: {count} answers, {unheard} without listening",
            week=monday, count=week.answers, unheard=week.unheard,
        )  # fmt: skip
        heard = week.measured - week.unheard
        pieces = [("good", heard), ("bad", week.unheard), ("none", week.answers - week.measured)]
        columns.append((f"{monday:%m-%d}", pieces, says))
    return bar_chart(columns)
