"""What a lead does with the week's best and worst: pick, play, take along."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from desk.calls.found import hidden_verdicts, sha256_of
from desk.excerpts.answering_sound import sound_answer
from desk.excerpts.chosen import ChosenExcerpt, suggested_spans
from desk.excerpts.presenting import present_page
from desk.excerpts.seen import seen_in_scope
from desk.excerpts.taking_along import folder_answer, html_answer
from desk.queues.people import rule_titles
from desk.routing import NotThere, Visit, endpoint
from desk.sharing.candidates import KIND_TITLES, WeeksPick, picked_excerpts, weeks_pick
from pipeline.reviews.shared_excerpts import shared_with


@endpoint("/sharing", "share")
def _page(visit: Visit) -> Response:
    pick = weeks_pick(visit)
    with visit.desk.reviews.file.reading() as rows:
        shared = shared_with(rows, pick.teams)
    hidden = hidden_verdicts(visit, {each.sha256 for each in shared})
    shared = [each for each in shared if (each.sha256, each.rule_id) not in hidden]
    return visit.page(
        "sharing/week.html", pick=pick, titles=rule_titles(visit), kinds_named=KIND_TITLES, shared=shared,
        token=secrets.token_hex(8), zone=visit.desk.settings.ingest.timezone, ids=visit.desk.call_ids,
    )  # fmt: skip


@endpoint("/sharing/present", "share")
def _present(visit: Visit) -> Response:
    pick = weeks_pick(visit)
    listed = [excerpt for _, excerpt in picked_excerpts(visit, pick)]
    return present_page(visit, _title(visit, pick), listed, f"/sharing{pick.query(picked=1)}")


@endpoint("/sharing/html", "share", "POST")
def _html(visit: Visit) -> Response:
    pick = weeks_pick(visit)
    return html_answer(visit, _title(visit, pick), [excerpt for _, excerpt in picked_excerpts(visit, pick)])


@endpoint("/sharing/folder", "share", "POST")
def _folder(visit: Visit) -> Response:
    pick = weeks_pick(visit)
    return folder_answer(visit, _title(visit, pick), [excerpt for _, excerpt in picked_excerpts(visit, pick)])


@endpoint("/sharing/{call_id}/{rule_id}/sound", "share")
def _sound(visit: Visit) -> Response:
    """Of a call within the lead's scope: it could be heard on its page too."""
    sha256, rule_id = sha256_of(visit.desk, visit.request.path_params["call_id"]), visit.request.path_params["rule_id"]
    seen = seen_in_scope(visit, sha256)
    spans = suggested_spans(seen, rule_id, visit.desk.rulebooks(), visit.desk.settings)
    if not spans:
        raise NotThere
    return sound_answer(visit, seen, ChosenExcerpt(sha256, rule_id, spans[0].start_s, spans[0].end_s))


def _title(visit: Visit, pick: WeeksPick) -> str:
    return visit.say("Best and worst of the week from {week}", week=pick.week.isoformat() if pick.week else "–")
