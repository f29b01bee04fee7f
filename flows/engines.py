"""Chooses the engines that the settings name: one line of a table per engine. Engines load when first used."""

from __future__ import annotations

import os
from collections.abc import Callable

from models import weights
from models.machine import free_memory_gb, processors
from pipeline.datatypes import Diarizer, Recognizer
from pipeline.run import Engines, hearing_fingerprint
from pipeline.settings import Settings

MEMORY_GB = 3.0
"""What a hearing process with the embedded models needs at most, with the server beside it."""

MOST_WORKERS = 64


def with_worker_count(settings: Settings) -> Settings:
    """The settings with workers as set, else as they suit the machine: one worker a processor.

    Two processes of one thread hear half as much again as one of two. There are no more than memory allows; a GPU is
    kept busy by one, and what other models than the embedded ones need is not known.
    """
    hear = settings.hear
    workers = hear.workers
    if not workers and hear.model == weights.EMBEDDED and not _on_gpu(hear.device):
        workers = min(processors() // max(1, hear.threads), int((free_memory_gb() or 0.0) / MEMORY_GB), MOST_WORKERS)
    return settings.model_copy(update={"hear": hear.model_copy(update={"workers": max(1, workers)})})


def _on_gpu(device: str) -> bool:
    import ctranslate2

    return device.startswith("cuda") or (device == "auto" and ctranslate2.get_cuda_device_count() > 0)


def threads(settings: Settings) -> int:
    """Processor threads that one hearing process may use."""
    return settings.hear.threads or max(1, processors() // max(1, settings.hear.workers))


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


def load_engines(settings: Settings) -> Engines:
    """The engines of these settings. Raises BadModel when weights are missing, with the remedy."""
    from models.vad import SileroVoiceActivity

    diarizer = DIARIZERS[_diarization(settings)]
    return Engines(
        voice_activity=SileroVoiceActivity(settings.hear.vad_threshold),
        recognizer=RECOGNIZERS[settings.hear.engine](settings),
        diarizer=diarizer(settings) if diarizer else None,
    )


def fingerprint(settings: Settings) -> str:
    """The fingerprint of what these settings would hear with; loads no weights."""
    return hearing_fingerprint(load_engines(settings), settings)
