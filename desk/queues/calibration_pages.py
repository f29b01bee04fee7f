"""Calibration sessions: begun on a call, answered blind, opened, agreed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.responses import Response

from desk.calls.found import FoundCall, find_call
from desk.queues.people import reviewers, rule_titles, shown_names
from desk.queues.plan_pages import moment
from desk.routing import NotThere, Visit, endpoint
from pipeline.reviews.calibrations import CANNOT_TELL, Calibration, Calibrations
from pipeline.reviews.sampling import DRAWN_OUTCOMES
from pipeline.reviews.verdict_keys import VerdictKey, verdict_keys
from pipeline.reviews.verdict_reviews import VerdictReview, add_review

_LONGEST_COMMENT = 2000


def _sessions(visit: Visit) -> Calibrations:
    return Calibrations(visit.desk.reviews.file)


@endpoint("/calibration", "review")
def _list(visit: Visit) -> Response:
    user = visit.whose
    sessions = [
        session
        for each in _sessions(visit).all()
        if (user.may("calibrate") or user.name in each.people) and (session := _sessions(visit).one(each.session_id))
    ]
    return visit.page(
        "queues/calibrations.html", sessions=sessions, shown=shown_names(visit), moment=lambda at: moment(visit, at)
    )


@endpoint("/calibration/new", "calibrate")
def _new(visit: Visit) -> Response:
    found = find_call(visit, visit.query("call"))
    card = found.judged.scorecard
    asked = {verdict.rule_id for verdict in (card.verdicts if card else ()) if verdict.outcome != "not_applicable"}
    return visit.page(
        "queues/new_calibration.html", found=found, rules=_titles(visit, found), asked=asked, people=reviewers(visit)
    )


def _titles(visit: Visit, found: FoundCall) -> dict[str, str]:
    """The titles of the rules that judged a call."""
    titles, card = rule_titles(visit), found.stored.judged.scorecard
    return {
        verdict.rule_id: titles.get(verdict.rule_id, verdict.rule_id) for verdict in (card.verdicts if card else ())
    }


@endpoint("/calibration", "calibrate", "POST")
def _begin(visit: Visit) -> Response:
    found = find_call(visit, visit.field("call"))
    there, people = verdict_keys(found.stored), {user.name for user in reviewers(visit)}
    session_id = _sessions(visit).begin(
        found.sha256, visit.whose.name, [name for name in visit.form.get("person", []) if name in people],
        [rule for rule in visit.form.get("rule", []) if rule in there],
    )  # fmt: skip
    visit.desk.trail.note("review", visit.whose.name, found.sha256, what="calibration begun")
    return visit.to(f"/calibration/{session_id}")


@endpoint("/calibration/{session_id}", "review")
def _one(visit: Visit) -> Response:
    session, found = _there(visit)
    user, keys = visit.whose, verdict_keys(found.stored)
    return visit.page(
        "queues/calibration.html", session=session, found=found, titles=rule_titles(visit), shown=shown_names(visit),
        own=session.of(user.name), takes_part=user.name in session.people, leads=user.may("calibrate"),
        outcomes=DRAWN_OUTCOMES, cannot_tell=CANNOT_TELL, by_person={name: session.of(name) for name in session.people},
        machine={rule: keys[rule].outcome for rule in session.rules if rule in keys},
    )  # fmt: skip


def _there(visit: Visit) -> tuple[Calibration, FoundCall]:
    """The session of the address, for those who take part in it or lead sessions. Raises NotThere."""
    session, user = _sessions(visit).one(visit.request.path_params["session_id"]), visit.whose
    if session is None or not (user.may("calibrate") or user.name in session.people):
        raise NotThere
    return session, find_call(visit, visit.desk.call_ids.of(session.sha256))


@endpoint("/calibration/{session_id}/answers", "review", "POST")
def _answers(visit: Visit) -> Response:
    session, found = _there(visit)
    visit.desk.trail.note("review", visit.whose.name, found.sha256, what="calibration answers")
    _sessions(visit).answer(session.session_id, visit.whose.name, _given(visit, session))
    return visit.to(f"/calibration/{session.session_id}")


def _given(visit: Visit, session: Calibration) -> dict[str, tuple[str, str]]:
    """Outcome and comment of each rule that something was chosen for."""
    return {
        rule: (chosen, visit.field(f"comment {rule}").strip()[:_LONGEST_COMMENT])
        for rule in session.rules
        if (chosen := visit.field(f"outcome {rule}")) in (*DRAWN_OUTCOMES, CANNOT_TELL)
    }


@endpoint("/calibration/{session_id}/open", "calibrate", "POST")
def _open(visit: Visit) -> Response:
    session, _ = _there(visit)
    _sessions(visit).open(session.session_id, visit.whose.name)
    return visit.to(f"/calibration/{session.session_id}")


@endpoint("/calibration/{session_id}/agree", "calibrate", "POST")
def _agree(visit: Visit) -> Response:
    """Keep what was agreed: in the session, and as answers that count; where it is the last word, close the session."""
    session, found = _there(visit)
    user, given, keys = visit.whose, _given(visit, session), verdict_keys(found.stored)
    visit.desk.trail.note("review", user.name, found.sha256, what="calibration agreed")
    with visit.desk.reviews.file.writing() as rows:
        _sessions(visit).agree(rows, session, user.name, given)
        for rule, review in _reviews(session, given, keys).items():
            add_review(rows, user.name, user.authority, f"{session.session_id} {rule} {secrets.token_hex(4)}", review)
    if visit.field("close") == "yes":
        _sessions(visit).close(session.session_id, user.name)
    return visit.to(f"/calibration/{session.session_id}")


def _reviews(
    session: Calibration, given: Mapping[str, tuple[str, str]], keys: Mapping[str, VerdictKey]
) -> dict[str, VerdictReview]:
    """The answers that count of what was agreed anew; `task` says that they were agreed, and where."""
    reviews, task = {}, f"agreed {session.session_id}"
    for rule, (chosen, comment) in given.items():
        known, key = session.agreed.get(rule), keys.get(rule)
        if key is None or (known is not None and (known.outcome, known.comment) == (chosen, comment)):
            continue
        if chosen == CANNOT_TELL:
            reviews[rule] = VerdictReview(key, "unsure", comment=comment, task=task)
        elif chosen == key.outcome:
            reviews[rule] = VerdictReview(key, "right", comment=comment, task=task)
        else:
            right = next(outcome for outcome in DRAWN_OUTCOMES if outcome == chosen)
            reviews[rule] = VerdictReview(key, "wrong", right, comment=comment, task=task)
    return reviews
