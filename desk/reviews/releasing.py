"""Results are released to their agents, taken back, and acknowledged."""

from __future__ import annotations

from starlette.responses import Response

from desk.calls.found import find_call
from desk.reviews.results import call_result
from desk.routing import Visit, endpoint
from pipeline.reviews.releases import acknowledge, release, withdraw


@endpoint("/calls/{call_id}/release", "release", "POST")
def _release(visit: Visit) -> Response:
    found, user, desk = find_call(visit, visit.request.path_params["call_id"]), visit.whose, visit.desk
    token, comment = visit.field("token"), visit.field("comment").strip()[:500]
    step = "withdrawn" if visit.field("step") == "withdrawn" else "released"
    desk.trail.note("review", user.name, found.sha256, what=step)
    with desk.reviews.file.writing() as rows:
        if step == "withdrawn":
            withdraw(rows, user.name, user.authority, token, found.sha256, comment)
        else:
            result = call_result(desk, rows, found.stored)
            release(rows, user.name, user.authority, token, result, comment)
    return visit.to(f"/calls/{found.call_id}")


@endpoint("/calls/{call_id}/acknowledge", "appeal", "POST")
def _acknowledge(visit: Visit) -> Response:
    found, user = find_call(visit, visit.request.path_params["call_id"]), visit.whose
    visit.desk.trail.note("review", user.name, found.sha256, what="acknowledged")
    with visit.desk.reviews.file.writing() as rows:
        acknowledge(rows, user.name, visit.field("token"), found.sha256, user.agent_id)
    return visit.to(f"/calls/{found.call_id}")
