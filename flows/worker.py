"""A worker process, ``python -m flows.worker``: hears what `flows.worker_pool` asks for, until its stdin ends."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

from flows.faults import DISK_FULL, DISK_IS_FULL, explained, not_written, unforeseen
from flows.language import LANGUAGE, say
from flows.parent import leave_when_stdin_closes
from pipeline.errors import BadRecording, CallQAError, TransientFault
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home


def outcome_message(error: Exception, stage: str) -> dict[str, Any]:
    """What the parent is told of an error, in the language of its user."""
    if isinstance(error, (BadRecording, TransientFault)):
        return _failed(stage, error.reason, error.in_language(LANGUAGE))
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return {"event": "stop", "message": DISK_IS_FULL.in_language(LANGUAGE)}
    if isinstance(error, OSError) and stage == "store":  # no other transcript could be stored either
        return {"event": "stop", "message": not_written(error).in_language(LANGUAGE)}
    if isinstance(error, CallQAError):  # a model that cannot be loaded would fail every recording
        return {"event": "stop", "message": error.in_language(LANGUAGE)}
    if isinstance(error, OSError):
        return _failed(stage, "machine", explained(error).in_language(LANGUAGE))
    if isinstance(error, MemoryError):
        return _failed(stage, "memory", say("not enough memory to transcribe it"))
    # an unforeseen error's text may quote the call: only its kind and place may leave the process
    return _failed(stage, "error", unforeseen(error).in_language(LANGUAGE))


def _failed(stage: str, reason: str, message: str) -> dict[str, Any]:
    return {"event": "failed", "stage": stage, "reason": reason, "message": message}


def _own_or_ffmpegs(error: BadRecording, settings: Settings) -> CallQAError:
    """The recording's fault, unless ffmpeg fails with a known sound, too: then that, which would fail them all."""
    from pipeline.hearing.known_sound import check_ffmpeg

    try:
        check_ffmpeg(settings.decode)
    except CallQAError as of_ffmpeg:
        return of_ffmpeg
    return error


def _path(text: str) -> Path:
    """A path as a job holds it, whatever its bytes."""
    return Path(os.fsdecode(bytes.fromhex(text)))


def main() -> None:
    """Read settings, load the models, then hear what is asked for until stdin ends."""
    import faulthandler

    faulthandler.enable()
    # libraries print to stdout as they like; messages go through a copy that they do not know
    out: IO[bytes] = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message).encode() + b"\n")

    first = json.loads(sys.stdin.buffer.readline() or "{}")
    if not first:
        return
    leave_when_stdin_closes()
    settings = Settings.model_validate(first["settings"])
    home = Home(settings.paths.home)
    try:
        # not above: the parent's end is watched before engines load
        from flows.engines import load_engines
        from pipeline.datatypes import Half
        from pipeline.hearing.decode import decode, decode_halves
        from pipeline.run import hear_audio, hearing_fingerprint

        engines = load_engines(settings)
        fingerprint = hearing_fingerprint(engines, settings)
    except CallQAError as error:
        send({"event": "stop", "message": error.in_language(LANGUAGE)})
        return
    send({"event": "ready", "fingerprint": fingerprint})
    for line in sys.stdin.buffer:
        job = json.loads(line)
        path, sha256, stage = _path(job["path"]), job["sha256"], "decode"
        try:
            start = time.perf_counter()
            halves = [Half(_path(half["path"]), half["sha256"]) for half in job["halves"]]
            if halves:
                audio = decode_halves(halves, settings.decode, settings.ingest)
            else:
                audio = decode(path, settings.decode, settings.ingest, sha256)
            send({"event": "decoded", "audio_s": audio.duration_s})
            stage = "hear"
            transcript = hear_audio(audio, sha256, engines, settings, {"decode": time.perf_counter() - start})
            stage = "store"
            artefacts.write(home.transcript(sha256, fingerprint), transcript)
            send({"event": "heard", "stage_s": transcript.timings_s})
        except Exception as error:
            if isinstance(error, BadRecording):
                error = _own_or_ffmpegs(error, settings)
            send(outcome_message(error, stage))
            del error


if __name__ == "__main__":
    main()
