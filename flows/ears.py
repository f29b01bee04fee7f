"""Chooses the engines that the settings name: one line of a table per engine. Engines load when first used."""

from __future__ import annotations

import os
from collections.abc import Callable

from models import weights
from models.whisper_ct2 import processors
from pipeline.datatypes import Diarizer, Recognizer
from pipeline.run import Ears, hearing_fingerprint
from pipeline.settings import Settings


def threads(settings: Settings) -> int:
    """Processor threads that one hearing process may use."""
    return settings.hear.threads or max(1, processors() // settings.hear.workers)


def _faster_whisper(settings: Settings) -> Recognizer:
    from models.whisper_ct2 import FasterWhisper

    hear = settings.hear
    return FasterWhisper(
        hear.model,
        settings.paths.weights,
        device=hear.device,
        compute_type=hear.compute_type,
        beam_size=hear.beam_size,
        threads=threads(settings),
        hot_words=hear.hot_words,
        batch=hear.batch,
    )


def _openai_whisper(settings: Settings) -> Recognizer:
    from models.whisper_openai import OpenAIWhisper

    hear = settings.hear
    return OpenAIWhisper(
        hear.model,
        settings.paths.weights,
        device=hear.device,
        beam_size=hear.beam_size,
        threads=threads(settings),
        hot_words=hear.hot_words,
    )


RECOGNIZERS: dict[str, Callable[[Settings], Recognizer]] = {
    "faster-whisper": _faster_whisper,
    "openai-whisper": _openai_whisper,
}


def _embedded(settings: Settings) -> Diarizer:
    from models.diarization import EmbeddedDiarizer

    segmentation = weights.require(settings.paths.weights, weights.SEGMENTATION)
    embedding = weights.require(settings.paths.weights, weights.CAMPPLUS)
    return EmbeddedDiarizer(
        segmentation / "pytorch_model.bin",
        embedding / "campplus_cn_en_common.pt",
        step=settings.hear.diarization_step,
        speakers=settings.hear.speakers,
        threads=threads(settings),
        device="cpu" if settings.hear.device == "auto" else settings.hear.device,
    )


def _community(settings: Settings) -> Diarizer:
    from models.diarization import COMMUNITY, CommunityDiarizer

    return CommunityDiarizer(
        settings.hear.diarization_model or COMMUNITY,
        token=os.environ.get(settings.hear.token_env),
        speakers=settings.hear.speakers,
        threads=threads(settings),
        device="cpu" if settings.hear.device == "auto" else settings.hear.device,
    )


DIARIZERS: dict[str, Callable[[Settings], Diarizer] | None] = {
    "embedded": _embedded,
    "community-1": _community,
    "channels": None,
}


def _diarization(settings: Settings) -> str:
    if settings.hear.diarization != "auto":
        return settings.hear.diarization
    given = settings.hear.diarization_model or os.environ.get(settings.hear.token_env)
    return "community-1" if given else "embedded"


def load_ears(settings: Settings) -> Ears:
    """The engines of these settings. Raises BadModel when weights are missing, with the remedy."""
    from models.vad import SileroVoiceActivity

    diarizer = DIARIZERS[_diarization(settings)]
    return Ears(
        voice_activity=SileroVoiceActivity(settings.hear.vad_threshold),
        recognizer=RECOGNIZERS[settings.hear.engine](settings),
        diarizer=diarizer(settings) if diarizer else None,
    )


def fingerprint(settings: Settings) -> str:
    """The fingerprint of what these settings would hear with; loads no weights."""
    return hearing_fingerprint(load_ears(settings), settings)
