"""A session's excerpts presented, and taken along. Nothing in it tells whose session it is."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from desk.coaching.shown import listed_excerpts, session_excerpts
from desk.coaching.whose import session_in_scope
from desk.excerpts.presenting import ListedExcerpt, present_page
from desk.excerpts.taking_along import folder_answer, html_answer
from desk.routing import Visit, endpoint


@endpoint("/coaching/{ref}/present", "coach")
def _present(visit: Visit) -> Response:
    below, listed = _listed(visit)
    return present_page(visit, visit.say("Coaching"), listed, below)


@endpoint("/coaching/{ref}/export.html", "coach")
def _html(visit: Visit) -> Response:
    _, listed = _listed(visit)
    return html_answer(visit, visit.say("Coaching"), listed)


@endpoint("/coaching/{ref}/export.zip", "coach")
def _folder(visit: Visit) -> Response:
    _, listed = _listed(visit)
    return folder_answer(visit, visit.say("Coaching"), listed)


def _listed(visit: Visit) -> tuple[str, Sequence[ListedExcerpt]]:
    """The address of the session, and its excerpts."""
    session, _ = session_in_scope(visit)
    below = f"/coaching/{session.ref}"
    return below, listed_excerpts(visit, session_excerpts(visit, session), below)
