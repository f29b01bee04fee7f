"""One call taken out of the desk, for who may: a vCon, or captions. What is hidden is hidden in them, whoever asks."""

from __future__ import annotations

from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.calls.found import FoundCall, find_call
from desk.routing import Visit, endpoint
from pipeline.exports.exported import ExportedCall, as_said
from pipeline.exports.recordings import told_recordings
from pipeline.exports.vcon import vcon
from pipeline.exports.webvtt import webvtt
from pipeline.privacy.masking import as_shown, hidden_kinds, masks_of
from pipeline.results.rows import rulebook_info
from pipeline.storage import audit


@endpoint("/calls/{call_id}/vcon", "export")
def _vcon(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    call = _leaving(visit, found)
    return _file(
        visit, call, "vcon", vcon(call, told_recordings(call.record, hashed=True)), "application/vcon", ".vcon"
    )


@endpoint("/calls/{call_id}/captions", "export")
def _captions(visit: Visit) -> Response:
    call = _leaving(visit, find_call(visit, visit.request.path_params["call_id"]))
    return _file(visit, call, "webvtt", webvtt(call, visit.language), "text/vtt; charset=utf-8", ".vtt")


def _leaving(visit: Visit, found: FoundCall) -> ExportedCall:
    """The call as who asks sees it, masked though they may see numbers, and though a night was run unmasked."""
    settings = visit.desk.settings
    privacy = settings.privacy.model_copy(update={"mask": True})
    masks = masks_of(found.stored.judged.call, found.stored.masks, privacy)
    books = {book.name: rulebook_info(book) for book in visit.desk.rulebooks().values()}
    said = as_said(as_shown(found.judged, masks), found.stored.hearing)
    return ExportedCall(
        said, found.record, hidden_kinds(privacy), True, books, ZoneInfo(settings.ingest.timezone)
    )  # fmt: skip


def _file(visit: Visit, call: ExportedCall, what: str, text: str, media_type: str, suffix: str) -> Response:
    audit.record(visit.desk.home, "export", user=visit.whose.name, calls=[call.call.sha256], what=what)
    name = quote(call.name + suffix)
    return Response(
        text.encode("utf-8", "replace"), media_type=media_type,
        headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
    )  # fmt: skip
