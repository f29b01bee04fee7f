"""Templates of comments: one's own, and those that all share."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from desk.routing import Visit, endpoint
from pipeline.reviews.comment_templates import add_template, drop_template, templates_for


@endpoint("/templates", "review")
def _page(visit: Visit) -> Response:
    with visit.desk.reviews.file.reading() as rows:
        templates = templates_for(rows, visit.whose.name)
    return visit.page("reviews/templates.html", templates=templates, token=secrets.token_urlsafe(12))


@endpoint("/templates", "review", "POST")
def _add(visit: Visit) -> Response:
    user = visit.whose
    shared = visit.field("shared") == "yes" and user.may("assign")
    with visit.desk.reviews.file.writing() as rows:
        add_template(rows, user.name, visit.field("token"), visit.field("text"), shared)
    return visit.to("/templates")


@endpoint("/templates/{number}/drop", "review", "POST")
def _drop(visit: Visit) -> Response:
    user, number = visit.whose, visit.request.path_params["number"]
    with visit.desk.reviews.file.writing() as rows:
        drop_template(rows, user.name, int(number) if number.isdecimal() else 0, user.may("assign"))
    return visit.to("/templates")
