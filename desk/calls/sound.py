"""A call's sound for browsers: how far it is made, the sound itself in whatever pieces are asked for, its peaks."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.responses import FileResponse, JSONResponse, Response

from desk.calls.found import FoundCall, find_call
from desk.calls.sound_making import SoundSource
from desk.routing import Visit, endpoint
from pipeline.privacy.masking import silenced

_ONE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@endpoint("/calls/{call_id}/sound", "listen")
def _sound(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    path = visit.desk.sounds.file(sound_source(found), "mp3")
    visit.desk.trail.note_once("play", visit.whose.name, found.sha256)  # once for all the pieces of one playing
    return _answer(visit, path, "audio/mpeg")


@endpoint("/calls/{call_id}/sound/state", "listen")
def _state(visit: Visit) -> Response:
    state = visit.desk.sounds.state(sound_source(find_call(visit, visit.request.path_params["call_id"])))
    problem = state.problem.in_language(visit.language) if state.problem else None
    return JSONResponse({"is_there": state.is_there, "share": round(state.share, 3), "problem": problem})


@endpoint("/calls/{call_id}/peaks", "listen")
def _peaks(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    return _answer(visit, visit.desk.sounds.file(sound_source(found), "peaks"), "application/octet-stream")


def sound_source(found: FoundCall) -> SoundSource:
    """What a call's sound is made from, for who may see so much of it."""
    hearing = found.stored.hearing
    return SoundSource(
        found.sha256, found.record, hearing.layout if hearing else None, found.judged.call.facts.duration_s,
        silenced(found.masks),
    )  # fmt: skip


def _answer(visit: Visit, path: Path, media_type: str) -> Response:
    plain = visit.desk.sounds.bytes_of(path)
    if plain is None:
        return FileResponse(path, media_type=media_type)
    return bytes_part(plain, visit.request.headers.get("range", ""), media_type)


def bytes_part(data: bytes, asked: str, media_type: str) -> Response:
    """The bytes that were asked for (a `range` header), as RFC 9110 has it; all where it is no question we answer."""
    length, headers = len(data), {"accept-ranges": "bytes"}
    match = _ONE_RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return Response(data, media_type=media_type, headers=headers)
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or length - 1), length - 1)
        if match[2] and int(match[2]) < first:
            return Response(data, media_type=media_type, headers=headers)
    else:
        first, last = max(0, length - int(match[2])), length - 1
    if first > last:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{length}"})
    headers["content-range"] = f"bytes {first}-{last}/{length}"
    return Response(data[first : last + 1], 206, media_type=media_type, headers=headers)
