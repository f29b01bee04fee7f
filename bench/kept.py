"""Hearings that benchmarks share: each recording is heard once for the same engines and settings, then read back."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.datatypes import Transcript
from pipeline.evaluation.degrade import AS_RECORDED, Rendering, degrade
from pipeline.hearing.decode import decode
from pipeline.run import Engines, hear_audio, hearing_fingerprint
from pipeline.settings import Settings
from pipeline.storage import artefacts


def hear_kept(
    recording: Path,
    engines: Engines,
    settings: Settings,
    folder: Path | None,
    rendering: Rendering = AS_RECORDED,
) -> Transcript:
    """What is heard of a recording as a poorer recorder would have kept it (pipeline.evaluation.degrade).

    With a folder, a hearing of the same bytes by the same engines is read from there, else kept there.
    """
    sha256 = hashlib.sha256(recording.read_bytes()).hexdigest()
    kept = None
    if folder is not None:
        how = f"{hearing_fingerprint(engines, settings)} {rendering.mono} {rendering.codec} {rendering.noise_db}"
        kept = folder / f"{recording.stem}-{sha256[:8]}-{hashlib.sha256(how.encode()).hexdigest()[:12]}.json.zst"
        if artefacts.lying(kept).is_file():
            return artefacts.read(kept, Transcript)
    audio = degrade(decode(recording, settings.decode, settings.ingest), rendering, settings)
    transcript = hear_audio(audio, sha256, engines, settings)
    if kept is not None:
        artefacts.write(kept, transcript)
    return transcript
