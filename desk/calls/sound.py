"""A call's sound for browsers: made once from the recording, numbers silenced for who may not hear them, and kept.

Whatever the recording is, what is played is MP3 of constant bit rate: every browser plays it, and places in it are
exact. What is kept lies in the home and can be made again.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from starlette.responses import FileResponse, Response

from desk.calls.found import FoundCall, find_call
from desk.context import Desk
from desk.routing import NotThere, Visit, endpoint
from pipeline.datatypes import RATE_HZ, Audio, Half
from pipeline.errors import BadRecording
from pipeline.hearing.decode import decode, decode_halves
from pipeline.hearing.ffmpeg import mp3_bytes
from pipeline.privacy.masking import silenced
from pipeline.storage import audit
from pipeline.storage.files import write_whole

BITRATE_KBPS = 48


@endpoint("/calls/{call_id}/sound", "listen")
def _sound(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    audit.record(visit.desk.home, "play", calls=[found.sha256], user=visit.whose.name)
    return FileResponse(sound_file(visit.desk, found), media_type="audio/mpeg")


def sound_file(desk: Desk, found: FoundCall) -> Path:
    """The MP3 of a call as who asks may hear it. Raises NotThere where its recording is gone."""
    quiet = silenced(found.masks)
    key = hashlib.sha256(repr((BITRATE_KBPS, [(s.start_s, s.end_s) for s in quiet])).encode()).hexdigest()[:16]
    path = desk.home.root / "desk" / "sound" / found.sha256[:2] / f"{found.sha256}.{key}.mp3"
    if not path.exists():
        samples = _decoded(desk, found).samples
        for stretch in quiet:
            first, last = stretch.start_s * RATE_HZ, stretch.end_s * RATE_HZ
            samples[:, math.floor(first) : math.ceil(last)] = 0.0
        write_whole(path, mp3_bytes(samples, RATE_HZ, BITRATE_KBPS, desk.settings.decode.ffmpeg))
    return path


def _decoded(desk: Desk, found: FoundCall) -> Audio:
    if found.record is None:
        raise NotThere
    settings = desk.settings
    if found.record.halves:
        halves = [Half(file, half.sha256) for half in found.record.halves for file in half.files[:1]]
        return decode_halves(halves, settings.decode, settings.ingest)
    for file in found.record.files:
        if file.exists():
            try:
                return decode(file, settings.decode, settings.ingest, found.sha256)
            except BadRecording:
                continue
    raise NotThere
