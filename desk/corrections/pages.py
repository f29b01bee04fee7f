"""Correcting a call: who speaks, or what is no speech; and undoing it. And what was not carried over."""

from __future__ import annotations

from starlette.responses import Response

from desk.calls.found import FoundCall, find_call, may_see
from desk.corrections.judging import heard_call, judge_again
from desk.corrections.shown import CORRECTED_TO, heard_mark
from desk.routing import NotThere, Visit, endpoint
from pipeline.call.build import build_call
from pipeline.call.correcting import swap_correction, turn_correction, voice_correction
from pipeline.corrections import Corrections
from pipeline.errors import BadArtefact, CallQAError
from pipeline.messages import Message
from pipeline.reviews.carried_over import NOT_CARRIED, standing_corrections
from pipeline.reviews.corrections import correct, refuse_correction, undo
from pipeline.storage import audit


@endpoint("/calls/{call_id}/corrections", "correct", "POST")
def _correct(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    what = visit.field("do")
    if what not in ("swap", *CORRECTED_TO):
        raise NotThere
    fingerprint, seen = found.stored.hearing.fingerprint if found.stored.hearing else "", _number(visit, "seen")
    if found.said.is_repeated(visit.whose.name, seen):
        return visit.to(f"/calls/{found.call_id}?corrected=1#corrections")
    if seen != found.said.seen or visit.field("heard") != heard_mark(found.stored):
        refuse_correction()
    said = _said(visit, found, what)
    audit.record(visit.desk.home, "correct", calls=[found.sha256], user=visit.whose.name, what=what)
    correct(visit.desk.reviews, found.sha256, visit.whose.name, fingerprint, said, seen)
    return _judged(visit, found)


@endpoint("/calls/{call_id}/corrections/undo", "correct", "POST")
def _undo(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    audit.record(visit.desk.home, "correct", calls=[found.sha256], user=visit.whose.name, what="undo")
    undo(visit.desk.reviews, found.sha256, visit.whose.name, _number(visit, "act"), _number(visit, "seen"))
    return _judged(visit, found)


def _said(visit: Visit, found: FoundCall, what: str) -> Corrections:
    """What somebody means who saw the call as it is found. Raises CallQAError, NotThere."""
    call = found.stored.judged.call
    try:
        heard = build_call(*heard_call(visit.desk, found.stored))
    except BadArtefact:
        raise CallQAError(
            Message("what was heard of this call is not kept any more, so it cannot be judged again")
        ) from None
    if what == "swap":
        return swap_correction(call, heard, found.said.in_force)
    number = _number(visit, "turn")
    if not 0 <= number < len(call.turns):
        raise NotThere
    turn = call.turns[number]
    match what:
        case "voice-agent":
            return voice_correction(turn, call, heard, "agent")
        case "voice-customer":
            return voice_correction(turn, call, heard, "customer")
        case "agent" | "customer" | "unknown" | "not-speech":
            return turn_correction(turn, heard, what)
    raise NotThere


def _number(visit: Visit, name: str) -> int:
    text = visit.field(name)
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise NotThere
    return int(text)


def _judged(visit: Visit, found: FoundCall) -> Response:
    judge_again(visit.desk, found.sha256)
    return visit.to(f"/calls/{found.call_id}?corrected=1#corrections")


@endpoint("/corrections", "correct")
def _list(visit: Visit) -> Response:
    desk = visit.desk
    calls = [
        (desk.call_ids.of(call.sha256), call)
        for call in standing_corrections(desk.reviews)
        if may_see(desk, visit.whose, call.cdr, call.sha256)
    ]
    return visit.page("corrections/list.html", calls=calls, reasons=NOT_CARRIED)
