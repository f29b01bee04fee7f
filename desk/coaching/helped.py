"""What helped: the effects of all sessions that who asks may see, rule by rule."""

from __future__ import annotations

from starlette.responses import Response

from desk.coaching.effects import MOST_EFFECTS, session_effects
from desk.coaching.whose import agents_in_scope, sessions_in_scope
from desk.queues.people import rule_titles
from desk.routing import Visit, endpoint
from pipeline.reviews.what_helped import LEAST_SESSIONS, what_helped


@endpoint("/coaching/helped", "coach")
def _page(visit: Visit) -> Response:
    agents = agents_in_scope(visit)
    effects = session_effects(visit, sessions_in_scope(visit, agents))
    return visit.page(
        "coaching/helped.html", pooled=what_helped(each.rules for each in effects.values()), titles=rule_titles(visit),
        least=LEAST_SESSIONS, most=MOST_EFFECTS,
    )  # fmt: skip
