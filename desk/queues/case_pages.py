"""Reviewed verdicts as cases of their rules: made by a button and read here; `callqa rules cases` puts them in."""

from __future__ import annotations

import time

from starlette.responses import Response

from desk.calls.found import find_call
from desk.queues.people import rule_titles, shown_names
from desk.queues.plan_pages import moment
from desk.routing import NotThere, Visit, endpoint
from pipeline.errors import CallQAError
from pipeline.judging.case_writing import written_case
from pipeline.messages import Message
from pipeline.reviews.case_proposals import close_proposal, open_proposals, propose_case
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import reviewed_verdicts, reviews_of


@endpoint("/calls/{call_id}/case", "review", "POST")
def _make(visit: Visit) -> Response:
    """Write the verdict of a call, as reviewers found it, down as a case of its rule."""
    found, rule_id = find_call(visit, visit.request.path_params["call_id"]), visit.field("rule")
    keys, call = verdict_keys(found.stored), found.stored.judged.call
    if rule_id not in keys or rule_id not in {v.rule_id for v in found.judged.scorecard.verdicts}:  # type: ignore[union-attr]
        raise NotThere
    with visit.desk.reviews.file.reading() as rows:
        right = reviewed_verdicts(keys, reviews_of(rows, found.sha256))[rule_id].outcome
    if right is None:
        raise CallQAError(Message("say first whether this verdict is right; a case is what people found"))
    book = visit.desk.rulebooks().get(call.language)
    if book is None:
        raise CallQAError(Message("there is no rulebook for {language}", language=call.language))
    machine = keys[rule_id].outcome
    note = visit.say("reviewed: confirmed") if right == machine else visit.say("reviewed: overturned")
    case = written_case(call, rule_id, right, book, note)
    visit.desk.trail.note("review", visit.whose.name, found.sha256, what="case made", rule=rule_id)
    propose_case(
        visit.desk.reviews.file, visit.whose.name, found.sha256, call.language, rule_id, machine, right, case.found,
        case.yaml,
    )  # fmt: skip
    return visit.to("/cases")


@endpoint("/cases", "review")
def _page(visit: Visit) -> Response:
    proposals = open_proposals(visit.desk.reviews.file)
    if visit.whose.scope != "all":
        proposals = [each for each in proposals if _is_seen(visit, each.sha256)]
    return visit.page(
        "queues/cases.html", proposals=proposals, titles=rule_titles(visit), shown=shown_names(visit),
        id_of=visit.desk.call_ids.of, moment=lambda at: moment(visit, at),
    )  # fmt: skip


def _is_seen(visit: Visit, sha256: str) -> bool:
    try:
        find_call(visit, visit.desk.call_ids.of(sha256))
    except NotThere:
        return False
    return True


@endpoint("/cases/drop", "review", "POST")
def _drop(visit: Visit) -> Response:
    given = visit.field("case")
    proposals = {str(each.id): each for each in open_proposals(visit.desk.reviews.file)}
    if given not in proposals or not _is_seen(visit, proposals[given].sha256):
        raise NotThere
    close_proposal(visit.desk.reviews.file, proposals[given].id, visit.whose.name, "dropped", time.time())
    return visit.to("/cases")
