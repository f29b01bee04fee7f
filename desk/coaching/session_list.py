"""The list of coaching sessions, by state, agent and coach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import get_args

from starlette.responses import Response

from desk.coaching.effects import EFFECT_TITLES, LACKING_TITLES, session_effects
from desk.coaching.plan_form import today
from desk.coaching.whose import agents_in_scope, sessions_in_scope
from desk.queues.people import rule_titles, shown_names
from desk.routing import Visit, endpoint
from pipeline.messages import Message
from pipeline.reviews.coaching import CoachingState

COACHING_STATES: Mapping[CoachingState, Message] = {
    "planned": Message("planned"),
    "held": Message("held, not acknowledged"),
    "acknowledged": Message("acknowledged by the agent"),
    "called_off": Message("called off"),
}


MOST_SESSIONS_LISTED = 200
"""Sessions of a page; older ones are found by agent, coach or state."""


@endpoint("/coaching", "coach")
def _list(visit: Visit) -> Response:
    agents = agents_in_scope(visit)
    sessions = sessions_in_scope(visit, agents)
    agent, coach = visit.query("agent"), visit.query("coach")
    of_people = [
        each for each in sessions if agent in ("", each.agent_id) and coach in ("", each.plan.coach)
    ]  # fmt: skip
    state = visit.query("state") if visit.query("state") in get_args(CoachingState) else ""
    found = [each for each in of_people if state in ("", each.state)]
    shown = found[:MOST_SESSIONS_LISTED]
    return visit.page(
        "coaching/list.html",
        sessions=shown,
        older=len(found) - len(shown),
        every=len(of_people),
        agents=agents,
        agent=agent,
        coach=coach,
        state=state,
        counts=Counter(each.state for each in of_people),
        states=COACHING_STATES,
        people=shown_names(visit),
        today=today(visit),
        coaches=sorted({each.plan.coach for each in sessions}),
        coached=sorted({each.agent_id for each in sessions}),
        titles=rule_titles(visit),
        effects=session_effects(visit, shown),
        effect_titles=EFFECT_TITLES,
        lacking=LACKING_TITLES,
    )
