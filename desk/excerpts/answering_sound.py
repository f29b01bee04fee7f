"""An excerpt's sound as the answer to a browser, or in words why there is none."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from desk.calls.sound import bytes_part
from desk.calls.sound_making import NoSound
from desk.excerpts.chosen import ChosenExcerpt
from desk.excerpts.cutting import excerpt_sound
from desk.excerpts.seen import SeenCall
from desk.routing import NotThere, Visit


def sound_answer(visit: Visit, seen: SeenCall, chosen: ChosenExcerpt) -> Response:
    """The MP3 of an excerpt, in whatever pieces are asked for; the log tells that somebody played of this call.

    Raises NotThere where its words alone may be read.
    """
    if not chosen.heard:
        raise NotThere
    try:
        sound = excerpt_sound(visit, seen, chosen)
    except NoSound as problem:
        return PlainTextResponse(problem.in_language(visit.language), 409)
    if visit.request.method != "HEAD":  # asked a little earlier, so that it is there at once
        visit.desk.trail.note_once("play", visit.whose.name, chosen.sha256)
    return bytes_part(sound, visit.request.headers.get("range", ""), "audio/mpeg")
