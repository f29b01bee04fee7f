"""What both Whisper engines do alike: name their weights and fingerprint, check the device, decode with hot words."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from models.tokens import Decoded, loops
from models.windows import WINDOWS_VERSION
from pipeline.datatypes import Samples
from pipeline.errors import BadModel
from pipeline.messages import Message

DecodeWithContext = Callable[[Sequence[Samples], str, str | None], list[Decoded]]
"""As `transcription.DecodeWindows`, with hot words as context, or None."""


def whisper_fingerprint(
    engine: str, runtime: str, weights: str, compute_type: str, search: str, hot_words: str | None
) -> str:
    """Names all that an engine's words depend on; `engine` and `runtime` are names of installed packages."""
    return " ".join(
        (
            f"{engine} {importlib.metadata.version(engine)}",
            f"{runtime} {importlib.metadata.version(runtime)}",
            weights,
            compute_type,
            search,
            # "chunks" is what windows were called when the first transcripts were kept
            f"chunks {WINDOWS_VERSION}",
            f"hot words {hashlib.sha256((hot_words or '').encode()).hexdigest()[:8]}",
        )
    )


def decode_with_hot_words(
    decode: DecodeWithContext, batch: Sequence[Samples], language: str, hot_words: str | None
) -> list[Decoded]:
    """Decode windows with hot words as context, and those that loop once more without.

    Context is what sends small models into loops most often.
    """
    decoded = decode(batch, language, hot_words)
    looping = [i for i, one in enumerate(decoded) if hot_words and loops(one)]
    if looping:
        without = decode([batch[i] for i in looping], language, None)
        for i, one in zip(looping, without, strict=True):
            decoded[i] = one
    return decoded


def weights_identity(file: Path) -> str | None:
    """A short hash of a weights file's size, beginning and end; None when there is no such file."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            digest = hashlib.sha256(str(size).encode())
            for start in (0, max(0, size - (1 << 20))):
                stream.seek(start)
                digest.update(stream.read(1 << 20))
        return digest.hexdigest()[:16]
    except OSError:
        return None


def checked_device(device: str, gpus: Callable[[], int]) -> tuple[str, int]:
    """ "cpu" or "cuda", and the number of the GPU, of a setting: auto, cpu, cuda or cuda:1… Raises BadModel.

    `gpus` counts those that the engine sees.
    """
    name, _, index = device.partition(":")
    if name == "auto":
        name = "cuda" if gpus() else "cpu"
    if name not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise BadModel(Message("hear.device {device} is unknown; use auto, cpu, cuda or cuda:1", device=repr(device)))
    if name == "cuda" and gpus() <= int(index or 0):
        raise BadModel(Message("hear.device {device}: no such GPU is visible; use auto or cpu", device=repr(device)))
    return name, int(index or 0)


def cannot_load(source: str, error: Exception) -> Message:
    """One line for weights that an engine refuses or a hub does not give."""
    return Message(
        "Whisper model {model} cannot be loaded: {error}; "
        'set hear.model to "embedded", to a local path, or to a size whose hub can be reached',
        model=repr(source),
        error=(str(error).strip().splitlines() or [""])[0][:160] or type(error).__name__,
    )
