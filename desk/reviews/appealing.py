"""Appeals: agents make them, others decide them, and what was decided is released anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from starlette.responses import Response

from desk.calls.found import FoundCall, find_call
from desk.reviews.answering import comment_of
from desk.reviews.results import CallReview, appeal_rules, call_result, review_of
from desk.routing import NotThere, Visit, endpoint
from pipeline.datatypes import Outcome, Verdict
from pipeline.messages import Message
from pipeline.results.quotes import MarkedQuote, marked_quote
from pipeline.reviews.appeals import Appeal, Decision, appeal, appeal_of, decide, supplement, undecided_appeals
from pipeline.reviews.events import BadStep
from pipeline.reviews.releases import CallResult, release, released, withdraw


@endpoint("/calls/{call_id}/appeals", "appeal", "POST")
def _appeal(visit: Visit) -> Response:
    found, user = find_call(visit, visit.request.path_params["call_id"]), visit.whose
    rule_id = visit.field("rule")
    visit.desk.trail.note("review", user.name, found.sha256, what="appealed", rule=rule_id)
    with visit.desk.reviews.file.writing() as rows:
        appeal(
            rows, user.name, user.agent_id, visit.field("token"), found.sha256, rule_id, comment_of(visit),
            appeal_rules(visit.desk),
        )  # fmt: skip
    return visit.to(f"/calls/{found.call_id}#{rule_id}")


@endpoint("/appeals/{ref}/more", "appeal", "POST")
def _more(visit: Visit) -> Response:
    this, found = _this(visit)
    user = visit.whose
    visit.desk.trail.note("review", user.name, found.sha256, what="added to an appeal")
    with visit.desk.reviews.file.writing() as rows:
        supplement(
            rows, user.name, user.agent_id, visit.field("token"), this.ref, comment_of(visit), appeal_rules(visit.desk)
        )
    return visit.to(f"/calls/{found.call_id}#{this.key.rule_id}")


@endpoint("/appeals/{ref}/decision", "decide", "POST")
def _decide(visit: Visit) -> Response:
    this, found = _this(visit)
    user, desk, token = visit.whose, visit.desk, visit.field("token")
    decision = next((each for each in get_args(Decision) if each == visit.field("decision")), None)
    if decision is None:
        raise BadStep(Message("choose a decision"))
    right = next((each for each in get_args(Outcome) if each == visit.field("outcome")), None)
    desk.trail.note("review", user.name, found.sha256, what=f"appeal {decision}", rule=this.key.rule_id)
    with desk.reviews.file.writing() as rows:
        done = decide(
            rows, user.name, token, this.ref, decision, right if decision == "upheld" else None, comment_of(visit),
            appeal_rules(desk),
        )  # fmt: skip
        if done and decision == "upheld" and right is not None:
            _release_anew(visit, rows, this, found, right)
    return visit.to("/appeals" if visit.field("from") == "appeals" else f"/calls/{found.call_id}#{this.key.rule_id}")


def _release_anew(visit: Visit, rows: sqlite3.Connection, this: Appeal, found: FoundCall, right: Outcome) -> None:
    """The next version of a result, with what an appeal has changed and nothing that nobody released."""
    last, user, token = released(rows, found.sha256), visit.whose, visit.field("token")
    if last is None:
        return
    now = call_result(visit.desk, rows, found.stored)
    same = now.verdicts and _keys(now) == _keys(last.result)
    result = now if same else _changed(last.result, this, right)
    withdraw(rows, user.name, user.authority, token, found.sha256, "", this.id)
    release(rows, user.name, user.authority, token, result, "", this.id)


def _keys(result: CallResult) -> list[object]:
    return [result.key(each.rule_id) for each in result.verdicts]


def _changed(result: CallResult, this: Appeal, right: Outcome) -> CallResult:
    """A released result with another outcome; its verdicts are others by now, so that its score cannot be told."""
    verdicts = tuple(replace(v, reviewed=right) if v.rule_id == this.key.rule_id else v for v in result.verdicts)
    return replace(result, verdicts=verdicts, reviewed_score=None)


@dataclass(frozen=True, slots=True)
class ShownAppeal:
    """An appeal in the list of those that are open: its call, its verdict with the sentences that it rests on."""

    appeal: Appeal
    found: FoundCall
    review: CallReview
    verdict: Verdict | None
    quotes: Sequence[tuple[float | None, MarkedQuote]]


@endpoint("/appeals", "decide")
def _appeals(visit: Visit) -> Response:
    with visit.desk.reviews.file.reading() as rows:
        waiting = undecided_appeals(rows)
    shown = [each for each in (_shown(visit, one) for one in waiting) if each is not None]
    return visit.page("reviews/appeal_list.html", appeals=shown)


def _shown(visit: Visit, one: Appeal) -> ShownAppeal | None:
    try:
        found = find_call(visit, visit.desk.call_ids.of(one.key.sha256))
    except NotThere:
        return None
    card = found.judged.scorecard
    verdict = next((each for each in (card.verdicts if card else ()) if each.rule_id == one.key.rule_id), None)
    quotes = [
        (each.span.start_s if each.span else None, marked_quote(each, found.judged.call))
        for each in (verdict.evidence if verdict else ())
    ]
    return ShownAppeal(one, found, review_of(visit, found), verdict, quotes)


def _this(visit: Visit) -> tuple[Appeal, FoundCall]:
    """The appeal of an address and its call. Raises NotThere where there is none, or none that who asks may see."""
    with visit.desk.reviews.file.reading() as rows:
        this = appeal_of(rows, visit.request.path_params["ref"])
    if this is None:
        raise NotThere
    return this, find_call(visit, visit.desk.call_ids.of(this.key.sha256))
