"""How far rules and reviewers can be trusted: estimates out of samples, and how reviewers agree."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.calls.scope import within
from desk.queues.my_queue import midnight
from desk.queues.people import rule_titles, shown_names
from desk.queues.plan_pages import moment
from desk.routing import NotThere, Visit, endpoint
from pipeline.reviews.agreement import (
    GivenAnswer,
    PairAgreement,
    ReviewerFigures,
    anchoring,
    pairs,
    reviewer_figures,
)
from pipeline.reviews.answered import Disputed, DrawnAnswer, disputed, drawn_answers, given_answers
from pipeline.reviews.estimates import EstimatedShare, RuleEstimate, estimates, rule_estimate
from pipeline.reviews.queues import Queues
from pipeline.reviews.sampling import Stratum

DAYS = (30, 90, 365)
"""How far back a page can look."""

_MONTHS = 12


@dataclass(frozen=True, slots=True)
class MonthEstimate:
    """What the samples drawn in a month tell of a rule."""

    month: str
    estimate: RuleEstimate


@dataclass(slots=True)
class StratumCount:
    """A stratum of a rule's samples: verdicts drawn, answered, and those that should be fails."""

    stratum: Stratum
    drawn: int = 0
    answered: int = 0
    fails: int = 0


def _days(visit: Visit) -> int:
    given = visit.query("days")
    return int(given) if given in map(str, DAYS) else DAYS[1]


def _since(days: int) -> float:
    return time.time() - days * 86400.0


@endpoint("/agreement", "agreement")
def _page(visit: Visit) -> Response:
    days, file = _days(visit), visit.desk.reviews.file
    drawn, given = drawn_answers(file, _since(days)), given_answers(file, _since(days))
    return visit.page(
        "queues/agreement.html", days=days, choices=DAYS, titles=rule_titles(visit), shown=shown_names(visit),
        estimates=sorted(estimates(each.answer for each in drawn), key=lambda e: (-e.answered, e.rule_id)),
        anchoring=anchoring(given), pairs=_own(visit, pairs(given)), reviewers=_figures(visit, given),
    )  # fmt: skip


def _own(visit: Visit, all_pairs: Sequence[PairAgreement]) -> list[PairAgreement]:
    """The pairs that who asks may see: reviewers their own."""
    user = visit.whose
    return [pair for pair in all_pairs if user.may("assign") or user.name in (pair.first, pair.second)]


def _figures(visit: Visit, given: Sequence[GivenAnswer]) -> list[ReviewerFigures]:
    user = visit.whose
    return [each for each in reviewer_figures(given) if user.may("assign") or each.person == user.name]


@endpoint("/agreement/rules/{rule_id}", "agreement")
def _rule(visit: Visit) -> Response:
    rule_id, file = visit.request.path_params["rule_id"], visit.desk.reviews.file
    titles = rule_titles(visit)
    drawn = drawn_answers(file, rule_id=rule_id)
    if rule_id not in titles and not drawn:
        raise NotThere
    months = _months(visit, drawn)
    return visit.page(
        "queues/rule.html", rule_id=rule_id, title=titles.get(rule_id, rule_id), shown=shown_names(visit),
        estimate=rule_estimate(rule_id, [each.answer for each in drawn]), months=months,
        charts={"precision": _chart(months, "precision"), "missed": _chart(months, "missed")},
        strata=_strata(drawn), disputed=_links(visit, disputed(file, rule_id)), moment=lambda at: moment(visit, at),
    )  # fmt: skip


def _months(visit: Visit, drawn: Sequence[DrawnAnswer]) -> list[MonthEstimate]:
    zone, by_month = ZoneInfo(visit.desk.snapshot.timezone), dict[str, list[DrawnAnswer]]()
    for each in drawn:
        by_month.setdefault(f"{datetime.fromtimestamp(each.drawn_at, zone):%Y-%m}", []).append(each)
    return [
        MonthEstimate(month, rule_estimate(found[0].answer.stratum.rule_id, [each.answer for each in found]))
        for month, found in sorted(by_month.items())[-_MONTHS:]
    ]


CHART_WIDTH, CHART_HEIGHT = 560, 150
_LEFT, _TOP, _BOTTOM = 40, 10, 26


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A month of a trend: its place, and its share and interval in points of the drawing; None: too few."""

    month: str
    x: float
    y: float | None
    low: float
    high: float
    text: str


def _chart(months: Sequence[MonthEstimate], name: str) -> list[TrendPoint]:
    step = (CHART_WIDTH - _LEFT - 20) / max(1, len(months))
    points = []
    for number, month in enumerate(months):
        share: EstimatedShare = getattr(month.estimate, name)
        points.append(
            TrendPoint(
                month.month, _LEFT + step * (number + 0.5),
                None if share.value is None or share.too_few else chart_height(share.value), chart_height(share.low),
                chart_height(share.high), "" if share.value is None else f"{100 * share.value:.0f} %",
            )
        )  # fmt: skip
    return points


def chart_height(share: float) -> float:
    """Where a share lies in a trend's drawing, from its top."""
    return _TOP + (1 - share) * (CHART_HEIGHT - _TOP - _BOTTOM)


def _strata(drawn: Sequence[DrawnAnswer]) -> list[StratumCount]:
    strata: dict[Stratum, StratumCount] = {}
    for each in drawn:
        counted = strata.setdefault(each.answer.stratum, StratumCount(each.answer.stratum))
        counted.drawn += 1
        counted.answered += each.answer.truth is not None
        counted.fails += each.answer.truth == "fail"
    return sorted(strata.values(), key=lambda c: (c.stratum.outcome, c.stratum.layout, c.stratum.doubtful))


def _links(visit: Visit, found: Sequence[Disputed]) -> list[tuple[Disputed, str, str]]:
    """Disputed verdicts of calls that who asks may see and answers to no blind task: with the call's id and name."""
    condition, values = within(visit)
    with visit.desk.snapshot.reading() as reader:
        names = {
            row["sha256"]: row["call_id"] or row["file_name"]
            for row in reader.rows(
                f"SELECT sha256, call_id, file_name FROM calls WHERE sha256 IN (SELECT unnest($asked)) AND {condition}",
                {**values, "asked": [each.sha256 for each in found]},
            )
        }
    queues, person = Queues(visit.desk.reviews.file), visit.whose.name
    return [
        (each, visit.desk.call_ids.of(each.sha256), names[each.sha256])
        for each in found
        if each.sha256 in names and each.rule_id not in queues.blind_rules(person, each.sha256)
    ]


@endpoint("/agreement/reviewers/{name}", "agreement")
def _reviewer(visit: Visit) -> Response:
    name, user = visit.request.path_params["name"], visit.whose
    if name != user.name and not user.may("assign"):
        raise NotThere
    days = _days(visit)
    given = given_answers(visit.desk.reviews.file, _since(days))
    figures = next((each for each in reviewer_figures(given) if each.person == name), None)
    standing = Queues(visit.desk.reviews.file).standing(name, midnight(visit.desk.snapshot.timezone))
    return visit.page(
        "queues/reviewer.html", name=name, shown=shown_names(visit), figures=figures, standing=standing, days=days,
        choices=DAYS, pairs=[pair for pair in pairs(given) if name in (pair.first, pair.second)],
    )  # fmt: skip
