"""The excerpts of a coaching session: put in, changed, moved, taken out; and what a coach hears of them."""

from __future__ import annotations

import math

from starlette.responses import Response

from desk.calls.found import find_call
from desk.coaching.planning import excerpt_of
from desk.coaching.session_page import excerpts_part
from desk.coaching.shown import excerpt_at, session_excerpts
from desk.coaching.whose import session_in_scope
from desk.excerpts.answering_sound import sound_answer
from desk.excerpts.chosen import ChosenExcerpt, fitting
from desk.excerpts.seen import seen_in_scope
from desk.routing import NotThere, Visit, endpoint
from pipeline.reviews.coaching_excerpts import change_excerpt, choose_excerpt, move_excerpt, take_excerpt_out
from pipeline.timeline import Span

_NUDGES = {
    "start-1": Span(-1.0, 0.0), "start+1": Span(1.0, 0.0), "end-1": Span(0.0, -1.0), "end+1": Span(0.0, 1.0),
}  # fmt: skip


@endpoint("/coaching/{ref}/excerpts", "coach", "POST")
def _choose(visit: Visit) -> Response:
    session, _ = session_in_scope(visit)
    found, rule_id = find_call(visit, visit.field("call")), visit.field("rule")
    seen = seen_in_scope(visit, found.sha256)
    verdict = seen.verdict(rule_id)
    if verdict is None:
        raise NotThere
    span = fitting(seen, Span(_seconds(visit, "start_s"), _seconds(visit, "end_s")))
    excerpt = excerpt_of(visit, ChosenExcerpt(found.sha256, rule_id, span.start_s, span.end_s), verdict.outcome)
    visit.desk.trail.note("review", visit.whose.name, found.sha256, what="coaching excerpt chosen")
    with visit.desk.reviews.file.writing() as rows:
        choose_excerpt(rows, visit.whose.name, visit.field("token"), session.ref, excerpt)
    return _back(visit)


@endpoint("/coaching/{ref}/excerpts/{excerpt}", "coach", "POST")
def _change(visit: Visit) -> Response:
    session, _ = session_in_scope(visit)
    one = excerpt_at(visit, session, session_excerpts)
    user, token, ref, excerpt = visit.whose.name, visit.field("token"), session.ref, one.excerpt.ref
    do = visit.field("do")
    with visit.desk.reviews.file.writing() as rows:
        match do:
            case "earlier" | "later":
                move_excerpt(rows, user, token, ref, excerpt, do == "later")
            case "out":
                take_excerpt_out(rows, user, token, ref, excerpt)
            case "change" | "start-1" | "start+1" | "end-1" | "end+1":
                by = _NUDGES.get(do, Span(0.0, 0.0))
                start_s, end_s = _seconds(visit, "start_s") + by.start_s, _seconds(visit, "end_s") + by.end_s
                span = fitting(one.seen, Span(start_s, end_s))
                change_excerpt(
                    rows, user, token, ref, excerpt, span, visit.field("sound") == "yes", visit.field("comment")
                )
            case _:
                raise NotThere
    return _back(visit, excerpt if do not in ("out", "earlier", "later") else "")


@endpoint("/coaching/{ref}/excerpts/{excerpt}/sound", "coach")
def _sound(visit: Visit) -> Response:
    """As the agent hears it when the excerpts are presented: nothing without leave."""
    session, _ = session_in_scope(visit)
    one = excerpt_at(visit, session, session_excerpts)
    return sound_answer(visit, one.seen, one.chosen)


@endpoint("/coaching/sound", "coach")
def _offered_sound(visit: Visit) -> Response:
    """What a coach may hear anyhow, as the call is in their scope."""
    found = find_call(visit, visit.query("call"))
    seen = seen_in_scope(visit, found.sha256)
    span = fitting(seen, Span(_number(visit.query("start_s")), _number(visit.query("end_s"))))
    return sound_answer(visit, seen, ChosenExcerpt(found.sha256, "", span.start_s, span.end_s))


def _back(visit: Visit, opened: str = "") -> Response:
    session, agent = session_in_scope(visit)
    if visit.partial:
        return excerpts_part(visit, session, agent, opened)
    rule_id = visit.field("for")
    return visit.to(f"/coaching/{session.ref}{f'?for={rule_id}' if rule_id in session.rules else ''}#excerpts")


def _seconds(visit: Visit, name: str) -> float:
    return _number(visit.field(name))


def _number(text: str) -> float:
    """Seconds of a form or an address. Raises NotThere."""
    try:
        number = float(text)
    except ValueError:
        raise NotThere from None
    if not math.isfinite(number):
        raise NotThere
    return number
