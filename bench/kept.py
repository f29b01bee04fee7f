"""Hearings that benchmarks share: each recording is heard once for the same engines and settings, then read back."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flows.render import render
from pipeline.datatypes import Transcript
from pipeline.hearing.decode import decode
from pipeline.run import Engines, hear_audio, hearing_fingerprint
from pipeline.settings import Settings
from pipeline.storage import artefacts


def hear_kept(
    recording: Path,
    engines: Engines,
    settings: Settings,
    folder: Path | None,
    mono: bool = False,
    codec: str | None = None,
    noise_db: float | None = None,
) -> Transcript:
    """What is heard of a recording as a poorer recorder would have kept it (flows.render).

    With a folder, a hearing of the same bytes by the same engines is read from there, else kept there.
    """
    sha256 = hashlib.sha256(recording.read_bytes()).hexdigest()
    kept = None
    if folder is not None:
        how = f"{hearing_fingerprint(engines, settings)} {mono} {codec} {noise_db}"
        kept = folder / f"{recording.stem}-{sha256[:8]}-{hashlib.sha256(how.encode()).hexdigest()[:12]}.json.gz"
        if kept.is_file():
            return artefacts.read(kept, Transcript)
    audio = render(decode(recording, settings.decode, settings.ingest), settings, mono, codec, noise_db)
    transcript = hear_audio(audio, sha256, engines, settings)
    if kept is not None:
        artefacts.write(kept, transcript)
    return transcript
