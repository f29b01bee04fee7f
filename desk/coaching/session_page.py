"""A coaching session: its plan, its excerpts, what is offered for it; and its steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from desk.coaching.candidates import offers_for
from desk.coaching.effect_chart import effect_chart
from desk.coaching.effects import EFFECT_TITLES, LACKING_TITLES, session_effects
from desk.coaching.plan_form import (
    BadDay,
    coaches_for,
    day_of,
    form_token,
    has_account,
    plan_mark,
    read_plan_form,
    text_of,
    today,
)
from desk.coaching.rates import rule_rates
from desk.coaching.session_list import COACHING_STATES
from desk.coaching.shown import session_excerpts
from desk.coaching.whose import CoachedAgent, session_in_scope
from desk.queues.people import rule_titles, shown_names
from desk.routing import NotThere, Visit, endpoint
from pipeline.messages import Message
from pipeline.reviews.coaching import (
    CoachingSession,
    call_coaching_off,
    change_coaching,
    hold_coaching,
    plan_coaching_again,
)
from pipeline.reviews.events import BadStep


@endpoint("/coaching/{ref}", "coach")
def _page(visit: Visit) -> Response:
    session, agent = session_in_scope(visit)
    if visit.partial:
        return excerpts_part(visit, session, agent)
    effect = session_effects(visit, [session]).get(session.ref)
    return visit.page(
        "coaching/session.html", **_of_excerpts(visit, session, agent), rates=rule_rates(visit, agent),
        coaches=coaches_for(visit, agent), people=shown_names(visit), states=COACHING_STATES, today=today(visit),
        zone=visit.desk.settings.ingest.timezone, seen=plan_mark(session.plan),
        effect=effect, effect_titles=EFFECT_TITLES, lacking=LACKING_TITLES,
        chart=effect_chart(effect, session.agent_id) if effect else None,
    )  # fmt: skip


def excerpts_part(visit: Visit, session: CoachingSession, agent: CoachedAgent, opened: str = "") -> Response:
    """The part of the page that has the excerpts; the form of the excerpt `opened` is open."""
    return visit.page("coaching/excerpts.html", **_of_excerpts(visit, session, agent, opened))


def _of_excerpts(visit: Visit, session: CoachingSession, agent: CoachedAgent, opened: str = "") -> dict[str, Any]:
    chosen = session_excerpts(visit, session)
    asked = visit.query("for") or visit.field("for")
    rule_id = asked if asked in session.rules else session.rules[0]
    offers = offers_for(visit, session, rule_id, chosen) if session.can_change else None
    return {
        "session": session, "agent": agent, "chosen": chosen, "offers": offers, "titles": rule_titles(visit),
        "has_account": has_account(visit, session.agent_id), "token": form_token(),
        "opened": opened, "ids": visit.desk.call_ids,
    }  # fmt: skip


@endpoint("/coaching/{ref}/plan", "coach", "POST")
def _change(visit: Visit) -> Response:
    session, agent = session_in_scope(visit)
    seen = visit.field("seen")
    plan = replace(session.plan, private=text_of(visit, "private"))
    if session.can_change or seen:  # a plan whose session was acknowledged meanwhile is refused, and not left out
        plan = read_plan_form(visit, agent, rule_titles(visit), session.plan)
    if seen not in ("", plan_mark(session.plan)) and plan != session.plan:
        raise BadStep(
            Message("somebody changed this session meanwhile; go back, keep what you wrote, and open it again")
        )
    visit.desk.trail.note("review", visit.whose.name, what="coaching changed")
    with visit.desk.reviews.file.writing() as rows:
        change_coaching(rows, visit.whose.name, visit.field("token"), session.ref, plan)
    if visit.field("step") == "held":
        _hold(visit, session)  # what was written is kept, whatever speaks against holding it
    return visit.to(f"/coaching/{session.ref}")


@endpoint("/coaching/{ref}/step", "coach", "POST")
def _step(visit: Visit) -> Response:
    session, _ = session_in_scope(visit)
    user, token, step = visit.whose.name, visit.field("token"), visit.field("step")
    if step not in ("called_off", "planned"):
        raise NotThere
    visit.desk.trail.note("review", user, what=f"coaching {step}")
    with visit.desk.reviews.file.writing() as rows:
        if step == "planned":
            plan_coaching_again(rows, user, token, session.ref)
        else:
            call_coaching_off(rows, user, token, session.ref, visit.field("comment"))
    return visit.to(f"/coaching/{session.ref}")


def _hold(visit: Visit, session: CoachingSession) -> None:
    held_on, user = day_of(visit.field("held_on")) or today(visit), visit.whose.name
    if held_on > today(visit):
        raise BadDay(Message("a session is held today or earlier"))
    visit.desk.trail.note("review", user, what="coaching held")
    with visit.desk.reviews.file.writing() as rows:
        hold_coaching(rows, user, visit.field("token"), session.ref, held_on)
