"""One call: its sound, its words, its verdicts with what they rest on, and all else that is known of it."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.calls.call_facts import PastChange, cdr_rows, fact_rows, hung_up_reason, past_changes, talk_shares
from desk.calls.call_lines import EVENT_LABELS, SoundLine, TurnLine, call_lines, line_sounds
from desk.calls.call_verdicts import findings, marked_words, shown_verdicts
from desk.calls.found import FoundCall, find_call, privacy_for
from desk.corrections.shown import shown_corrections
from desk.queues.my_queue import task_on
from desk.reviews.results import review_of
from desk.routing import Visit, endpoint
from pipeline.call.roles import method_text
from pipeline.datatypes import Transcript, Turn
from pipeline.errors import BadArtefact
from pipeline.hearing.sound_faults import sound_fault_message
from pipeline.privacy.masking import call_as_shown, masks_of, silenced
from pipeline.storage import artefacts


@endpoint("/calls/{call_id}", "calls")
def _page(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    call, card = found.judged.call, found.judged.scorecard
    book = visit.desk.rulebooks().get(call.language)
    groups = shown_verdicts(call, card, book)
    hearing = found.stored.hearing
    return visit.page(
        "calls/call.html",
        found=found, call=call, card=card, groups=groups, started=_started(visit, found),
        book=book,
        findings=findings(groups), lines=call_lines(call, marked_words(groups)), sounds=line_sounds(call),
        lanes=_lanes(found), quiet=silenced(found.masks), margin_s=visit.desk.settings.excerpts.margin_s,
        events=EVENT_LABELS, shares=talk_shares(call.facts), facts=list(fact_rows(call.facts)),
        cdr=list(cdr_rows(call.cdr, not visit.shows_numbers)), past=_past(found) if visit.whose.scope != "own" else (),
        hung_up=hung_up_reason(call, visit.language), roles_from=method_text(call.roles.method), hearing=hearing,
        faults=[sound_fault_message(fault) for fault in hearing.faults] if hearing else [],
        task=task_on(visit, found), review=review_of(visit, found),
        corrections=shown_corrections(visit, found, book),
        is_turn=lambda line: isinstance(line, TurnLine), is_sound=lambda line: isinstance(line, SoundLine),
    )  # fmt: skip


@endpoint("/calls/{call_id}/not-speech", "calls")
def _not_speech(visit: Visit) -> Response:
    """What was heard and held to be no speech, from what was kept of the hearing."""
    found = find_call(visit, visit.request.path_params["call_id"])
    return visit.page("calls/not_speech.html", found=found, call=found.judged.call, gated=_gated(visit, found))


def _gated(visit: Visit, found: FoundCall) -> list[tuple[Turn, str]] | None:
    """Gated stretches as turns, and why each was; None where what was heard is not kept any more."""
    file = visit.desk.home.newest_transcript(found.sha256)
    try:
        transcript = artefacts.read(file, Transcript) if file else None
    except BadArtefact:
        transcript = None
    if transcript is None:
        return None
    kept = [(each, each.gate) for each in transcript.segments if each.gate]
    turns = [Turn(n, each.span, f"ch{each.channel}", each.text, each.words) for n, (each, _) in enumerate(kept)]
    # as turns of a call of their own, so that what is hidden elsewhere is hidden here
    call = replace(found.judged.call, turns=tuple(turns))
    shown = call_as_shown(call, masks_of(call, None, privacy_for(visit)))
    return [(turn, gate) for turn, (_, gate) in zip(shown.turns, kept, strict=True)]


def _past(found: FoundCall) -> tuple[PastChange, ...]:
    """What earlier versions said; nothing to who is not to know yet what this one says."""
    card, stored = found.judged.scorecard, found.stored.judged.scorecard
    if card is None or stored is None or len(card.verdicts) < len(stored.verdicts):
        return ()
    return past_changes(found.stored.past, card)


def _started(visit: Visit, found: FoundCall) -> str:
    at = found.cdr.started_at
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(visit.desk.settings.ingest.timezone)) if at.tzinfo else at
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _lanes(found: FoundCall) -> tuple[str, ...]:
    """Whose each channel of the sound is; one lane of both is "both"."""
    hearing, roles = found.stored.hearing, found.judged.call.roles
    if hearing is not None and hearing.layout != "stereo":
        return ("both",)
    return roles.of("ch0"), roles.of("ch1")
