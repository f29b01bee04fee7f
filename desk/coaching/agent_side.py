"""What an agent sees of coaching: sessions that were held with them, and whether colleagues may hear their voice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from desk.coaching.plan_form import form_token
from desk.coaching.shown import excerpt_at, excerpts_for_agent
from desk.coaching.whose import own_session
from desk.excerpts.answering_sound import sound_answer
from desk.queues.people import rule_titles, shown_names
from desk.routing import Visit, endpoint
from pipeline.reviews.coaching import CoachingSession, acknowledge_coaching, coaching_with
from pipeline.reviews.voice_leave import give_voice_leave, voice_may_be_heard


def own_coaching(visit: Visit) -> list[CoachingSession]:
    """The sessions that were held with who asks, the last first."""
    agent_id = visit.whose.agent_id
    if not agent_id:
        return []
    with visit.desk.reviews.file.reading() as rows:
        held = [session for session in coaching_with(rows, agent_id) if session.held is not None]
    return sorted(held, key=lambda session: (session.held_on, session.id), reverse=True)


def _words(visit: Visit) -> Mapping[str, Any]:
    return {"titles": rule_titles(visit), "people": shown_names(visit), "token": form_token()}


@endpoint("/my/coaching", "appeal")
def _list(visit: Visit) -> Response:
    with visit.desk.reviews.file.reading() as rows:
        leave = voice_may_be_heard(rows, visit.whose.agent_id)
    return visit.page("coaching/mine.html", sessions=own_coaching(visit), leave=leave, **_words(visit))


@endpoint("/my/coaching/{ref}", "appeal")
def _page(visit: Visit) -> Response:
    session = own_session(visit)
    return visit.page(
        "coaching/own.html", session=session, chosen=excerpts_for_agent(visit, session),
        zone=visit.desk.settings.ingest.timezone, **_words(visit),
    )  # fmt: skip


@endpoint("/my/coaching/{ref}/acknowledge", "appeal", "POST")
def _acknowledge(visit: Visit) -> Response:
    session, user = own_session(visit), visit.whose
    visit.desk.trail.note("review", user.name, what="coaching acknowledged")
    with visit.desk.reviews.file.writing() as rows:
        acknowledge_coaching(rows, user.name, visit.field("token"), session.ref, user.agent_id, visit.field("comment"))
    return visit.to(f"/my/coaching/{session.ref}")


@endpoint("/my/coaching/{ref}/excerpts/{excerpt}/sound", "appeal")
def _sound(visit: Visit) -> Response:
    one = excerpt_at(visit, own_session(visit), excerpts_for_agent)
    return sound_answer(visit, one.seen, one.chosen)


@endpoint("/my/voice", "appeal", "POST")
def _leave(visit: Visit) -> Response:
    user, given = visit.whose, visit.field("leave") == "given"
    visit.desk.trail.note("review", user.name, what=f"voice leave {'given' if given else 'taken back'}")
    with visit.desk.reviews.file.writing() as rows:
        give_voice_leave(rows, user.name, visit.field("token"), user.agent_id, given)
    return visit.to("/my/coaching")
