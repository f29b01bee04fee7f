"""What a vCon tells of a call's recording, and its sound where that is wanted: as the desk plays it, in which nothing
is heard of what is hidden in the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from desk.calls.sound_making import SoundSource, make_sound
from pipeline.errors import CallQAError
from pipeline.exports.exported import ExportedCall
from pipeline.exports.recordings import MEDIA_TYPES, ToldRecording, told_recordings
from pipeline.messages import Message
from pipeline.privacy.masking import masks_of, silenced
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile

RecordingKind = str
"""`hash`, `inline` or `name`: what a vCon holds of the recording."""

RECORDING_KINDS: tuple[RecordingKind, ...] = ("hash", "inline", "name")


def recordings_by(
    kind: RecordingKind, address: str | None, home: Home, settings: Settings, on_fault: Callable[[CallQAError], None]
) -> Callable[[ExportedCall], Sequence[ToldRecording]]:
    """What to tell of each call's recording; `on_fault` is told of each whose sound cannot be had."""
    root = settings.paths.inbox if isinstance(settings.paths.inbox, Path) else None

    def told(call: ExportedCall) -> Sequence[ToldRecording]:
        if kind == "inline":
            try:
                return (_with_sound(call, home, settings),)
            except CallQAError as error:
                on_fault(error)
        return told_recordings(call.record, hashed=kind == "hash", root=root, address=address)

    return told


def _with_sound(call: ExportedCall, home: Home, settings: Settings) -> ToldRecording:
    """The call's sound. Raises CallQAError."""
    sha256 = call.call.sha256
    if not call.has_words:
        raise CallQAError(Message("its words are gone, and so is what tells where its sound is to be silent"))
    stored = artefacts.read(home.judged(sha256), JudgedFile)
    masks = masks_of(stored.judged.call, stored.masks, settings.privacy)
    layout = stored.hearing.layout if stored.hearing else None
    source = SoundSource(sha256, call.record, layout, call.call.facts.duration_s, silenced(masks))
    made = make_sound(source, settings, lambda share: None)
    channels = made.peaks[0] if made.peaks else 1
    return ToldRecording(f"{call.name}.mp3", MEDIA_TYPES[".mp3"], body=made.mp3, body_channels=channels)
