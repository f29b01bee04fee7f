"""Answers to verdicts: right, wrong and what is right, cannot tell; what a rule missed; points that no rule gives."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from urllib.parse import quote

from starlette.responses import Response

from desk.calls.found import FoundCall, find_call
from desk.reviews.bulk_release import next_in_list
from desk.reviews.results import CallReview, call_result, review_of
from desk.routing import NotThere, Visit, endpoint
from desk.signing_in import own_page
from pipeline.datatypes import Outcome
from pipeline.messages import Message
from pipeline.reviews.events import BadStep
from pipeline.reviews.finished_reviews import finish_review
from pipeline.reviews.manual_points import give_points
from pipeline.reviews.queues import finish_task, held_task
from pipeline.reviews.releases import release
from pipeline.reviews.verdict_keys import VerdictKey, verdict_keys
from pipeline.reviews.verdict_reviews import ReviewAnswer, VerdictReview, add_review

LONGEST_COMMENT = 2000
"""Characters of a comment."""

_OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "not_applicable", "unsure")
_LONGEST_S = 7 * 86_400.0
_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5}(?:\.\d{1,3})?)")


@endpoint("/calls/{call_id}/answers", "review", "POST")
def _answer(visit: Visit) -> Response:
    found = _found(visit)
    key = _key(visit, found)
    pieces = [
        _said(visit, key, "wrong" if given == "wrong" else "right", None, piece)
        for piece in range(len(_verdict_evidence(found, key)))
        if (given := visit.field(f"piece-{piece}")) in ("right", "wrong")
    ]
    answer, right_outcome = _given(visit, key)
    _keep(visit, found, [_said(visit, key, answer, right_outcome), *pieces])
    return _after(visit, found, key.rule_id)


@endpoint("/calls/{call_id}/missed", "review", "POST")
def _missed(visit: Visit) -> Response:
    """A verdict that should have failed, or passed, at a place of the call."""
    found = _found(visit)
    key = verdict_keys(found.stored).get(visit.field("rule"))
    should = next((each for each in ("fail", "pass") if each == visit.field("should")), None)
    if key is None or should is None:
        raise BadStep(Message("choose a rule, and what it should have said"))
    at_s = seconds_of(visit.field("at"))
    if at_s is None or at_s > found.judged.call.facts.duration_s + 1:
        raise BadStep(Message("say when in the call, as 1:05"))
    right: Outcome | None = should if should != key.outcome else None
    review = _said(visit, key, "wrong" if right else "right", right, at_s=round(at_s, 2))
    _keep(visit, found, [review])
    return _after(visit, found, key.rule_id)


@endpoint("/calls/{call_id}/points", "review", "POST")
def _points(visit: Visit) -> Response:
    found, user = _found(visit), visit.whose
    label, points = visit.field("label"), number_of(visit.field("points"))
    if label not in visit.desk.settings.reviews.manual_points or points is None or abs(points) > 100:
        raise BadStep(Message("choose what the points are for, and how many: -100 to 100"))
    visit.desk.trail.note("review", user.name, found.sha256, what="points")
    with visit.desk.reviews.file.writing() as rows:
        give_points(
            rows, user.name, user.authority, visit.field("token"), found.sha256, label, points, comment_of(visit)
        )
    return _after(visit, found, "")


@endpoint("/calls/{call_id}/finish", "review", "POST")
def _finish(visit: Visit) -> Response:
    """A call's review is done: the next call of the list that it was opened from."""
    found, user, desk = _found(visit), visit.whose, visit.desk
    card, hearing = found.stored.judged.scorecard, found.stored.hearing
    desk.trail.note("review", user.name, found.sha256, what="finished")
    with desk.reviews.file.writing() as rows:
        finish_review(
            rows, user.name, visit.field("token"), found.sha256, card.rulebook_hash if card else "",
            hearing.fingerprint if hearing else "", seconds_told(visit, "open_s"), seconds_told(visit, "listened_s"),
            comment_of(visit),
        )  # fmt: skip
        if desk.settings.reviews.release == "reviewed" and found.cdr.agent_id is not None:
            release(rows, user.name, user.authority, visit.field("token"), call_result(desk, rows, found.stored))
    if visit.field("next"):
        return visit.to(own_page(visit.field("next")))
    query = visit.field("list")
    following = next_in_list(visit, query, found.sha256)
    if following is None:
        return visit.to("/calls" + (f"?{query}" if query.isprintable() and query else ""))
    return visit.to(f"/calls/{following}" + (f"?list={quote(query, safe='')}" if query else ""))


def _found(visit: Visit) -> FoundCall:
    return find_call(visit, visit.request.path_params["call_id"])


def _key(visit: Visit, found: FoundCall) -> VerdictKey:
    """The key of the verdict that is answered, if it is still what the page showed. Raises NotThere, BadStep."""
    key = verdict_keys(found.stored).get(visit.field("rule"))
    if key is None:
        raise NotThere
    if visit.field("verdict") != CallReview.shown_key(key):
        raise BadStep(Message("this verdict was judged again since the page was opened; load it anew"))
    return key


def _verdict_evidence(found: FoundCall, key: VerdictKey) -> tuple[object, ...]:
    card = found.stored.judged.scorecard
    return next((each.evidence for each in (card.verdicts if card else ()) if each.rule_id == key.rule_id), ())


def _given(visit: Visit, key: VerdictKey) -> tuple[ReviewAnswer, Outcome | None]:
    """An answer: "right", "cannot-tell", or the outcome that is right."""
    given = visit.field("answer")
    if given == "cannot-tell":
        return "unsure", None
    outcome = next((each for each in _OUTCOMES if each == given), None)
    if given == "right" or outcome == key.outcome:
        return "right", None
    if outcome is None:
        raise BadStep(Message("choose an answer"))
    return "wrong", outcome


def _said(
    visit: Visit, key: VerdictKey, answer: ReviewAnswer, right_outcome: Outcome | None, piece: int | None = None,
    at_s: float | None = None,
) -> VerdictReview:  # fmt: skip
    return VerdictReview(
        key, answer, right_outcome, piece, at_s, comment_of(visit) if piece is None else "",
        seconds_told(visit, "open_s"), seconds_told(visit, "listened_s"), visit.field("played") == "1",
    )  # fmt: skip


def _keep(visit: Visit, found: FoundCall, said: list[VerdictReview]) -> None:
    user = visit.whose
    visit.desk.trail.note("review", user.name, found.sha256, rule=said[0].key.rule_id, answer=said[0].answer)
    with visit.desk.reviews.file.writing() as rows:
        task = held_task(rows, user.name, found.sha256, said[0].key.rule_id)
        for review in said:
            if task is not None:
                review = replace(review, blind=task.blind, task=task.token)
            kept = add_review(rows, user.name, user.authority, visit.field("token"), review)
            if task is not None and review.piece is None and kept is not None:
                finish_task(rows, task.token, user.name, kept)


def _after(visit: Visit, found: FoundCall, rule_id: str) -> Response:
    """The parts of the page that have changed, or the page."""
    if not visit.partial:
        return visit.to(f"/calls/{found.call_id}" + (f"#{rule_id}" if rule_id else ""))
    card = found.judged.scorecard
    verdict = next((each for each in (card.verdicts if card else ()) if each.rule_id == rule_id), None)
    return visit.page(
        "reviews/answered.html", found=found, call=found.judged.call, card=card, review=review_of(visit, found),
        shown={"verdict": verdict}, book=visit.desk.rulebooks().get(found.judged.call.language),
    )  # fmt: skip


def comment_of(visit: Visit) -> str:
    """The comment of a form. Raises BadStep where it is too long."""
    comment = visit.field("comment").strip()
    if len(comment) > LONGEST_COMMENT:
        raise BadStep(Message("a comment has {most} characters at most", most=LONGEST_COMMENT))
    return comment


def seconds_told(visit: Visit, name: str) -> float | None:
    """Seconds that a form's page counted; None where it ran no scripts."""
    found = number_of(visit.field(name))
    return round(found, 1) if found is not None and 0 <= found <= _LONGEST_S else None


def number_of(text: str) -> float | None:
    """A number as people write it; None for anything else."""
    try:
        found = float(text.strip().replace("−", "-"))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def seconds_of(text: str) -> float | None:
    """A place in a call as people write it, "1:05", "1:02:03.5" or seconds; None for anything else."""
    match = _TIME.fullmatch(text.strip().replace("：", ":"))
    if match is None:
        return None
    hours, minutes, seconds = match.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
