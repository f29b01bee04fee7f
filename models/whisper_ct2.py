"""Whisper by faster-whisper (CTranslate2): the default recogniser, quick on a processor without GPU."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import weights
from models import windows as chunks
from models.machine import processors
from pipeline.datatypes import RATE_HZ, Samples, Segment
from pipeline.errors import BadModel
from pipeline.timeline import Span

WINDOW_S = 30
MARGIN_S = 2.0
"""Silence put behind a chunk. Whisper was trained on 30 s, yet its encoder takes less: windows of 30 s took
four tenths more processor time on practice calls, and the words are as good without."""

LANGUAGE_S = 15
"""A language is told by so many seconds of speech."""

_BEFORE, _BEHIND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the next word, and to the one before: Whisper's own lists."""

EMBEDDED = "embedded"
"""As a model's name: the weights that `models.weights` assembles."""


class FasterWhisper:
    """A recogniser. `model` is "embedded", a Whisper size that faster-whisper downloads, or a local folder.

    `folder` holds the embedded weights. `device` is auto, cpu, cuda or cuda:1…; `compute_type` auto means
    int8 on a processor and float16 on a GPU that has it. `threads` 0 takes every processor allowed to this
    process. `batch` is how many chunks are decoded side by side; 0: 8 on a processor, where two threads then took 0.6
    of the time of one (decoding one by one, no less than one), and 16 on a GPU (not run). `hot_words` are given to the
    decoder as context: large models gain by it, while with Whisper base every context tried made more
    errors on telephone Chinese (42 % without became 46 to 115 %), which is why there is none by default. Raises
    BadModel, from here or `load`.
    """

    def __init__(
        self,
        model: str,
        folder: Path,
        device: str = "auto",
        compute_type: str = "auto",
        beam_size: int = 5,
        threads: int = 0,
        hot_words: tuple[str, ...] = (),
        batch: int = 0,
    ) -> None:
        self._device, self._device_index = _device(device)
        self._compute_type = _compute_type(compute_type, self._device, self._device_index)
        self._beam_size = beam_size
        self._threads = threads or processors()
        self._hot_words = ", ".join(hot_words) or None
        self._batch = batch or (8 if self._device == "cpu" else 16)
        if model == EMBEDDED:
            self._source = str(weights.require(folder, weights.WHISPER_BASE))
        else:
            self._source = model
        self._model: Any = None
        self.fingerprint = " ".join(
            (
                f"faster-whisper {importlib.metadata.version('faster-whisper')}",
                f"ctranslate2 {importlib.metadata.version('ctranslate2')}",
                identity(Path(self._source) / "model.bin") or model,
                self._compute_type,
                f"beam {beam_size} batch {self._batch}",
                f"chunks {chunks.VERSION}",
                f"hot words {hashlib.sha256((self._hot_words or '').encode()).hexdigest()[:8]}",
            )
        )

    def load(self) -> None:
        """Load the weights (or download them first); without it the first call does. Raises BadModel."""
        if self._model is not None:
            return
        from faster_whisper import WhisperModel

        try:
            self._model = WhisperModel(
                self._source,
                device=self._device,
                device_index=self._device_index,
                compute_type=self._compute_type,
                cpu_threads=self._threads,
            )
        except Exception as error:  # the engine, the hub and their transports each have errors of their own
            raise BadModel(cannot_load(self._source, error)) from error

    def detect_language(self, samples: Samples, voiced: tuple[Span, ...], among: tuple[str, ...]) -> tuple[str, float]:
        """See Recognizer. Hears the first window of speech; `among`'s first, with probability 0, when there is none."""
        windows = chunks.chunks(samples, chunks.utterances(samples, voiced))
        if not windows:
            return next(iter(among), ""), 0.0
        self.load()
        if not self._model.model.is_multilingual:
            return ("en", 1.0) if "en" in among or not among else (among[0], 0.0)
        (found,) = self._tell([windows[0].samples])
        return chunks.among_only(found, among)

    def transcribe(
        self, channels: Sequence[Samples], voiced: Sequence[tuple[Span, ...]], language: str
    ) -> list[Segment]:
        """See Recognizer. Text and words are Whisper's own; `pipeline.hearing.postprocess` finishes them."""
        self.load()
        return chunks.transcribe(self._decode, self._tell, channels, voiced, language)

    def _tell(self, batch: Sequence[Samples]) -> list[dict[str, float]]:
        if not self._model.model.is_multilingual:
            return [{"en": 1.0} for _ in batch]
        beginnings = [samples[: LANGUAGE_S * RATE_HZ] for samples in batch]
        return [
            {token.strip("<|>"): probability for token, probability in found}
            for start in range(0, len(beginnings), self._batch)
            for found in self._model.model.detect_language(self._encode(beginnings[start : start + self._batch]))
        ]

    def _decode(self, batch: Sequence[Samples], language: str) -> list[chunks.Decoded]:
        decoded = self._decode_with(batch, language, self._hot_words)
        looping = [i for i, found in enumerate(decoded) if self._hot_words and chunks.loops(found)]
        if looping:
            # context is what sends small models into loops most often
            without = self._decode_with([batch[i] for i in looping], language, None)
            for i, found in zip(looping, without, strict=True):
                decoded[i] = found
        return decoded

    def _decode_with(self, batch: Sequence[Samples], language: str, hot_words: str | None) -> list[chunks.Decoded]:
        return [
            found
            for start in range(0, len(batch), self._batch)
            for found in self._decode_some(batch[start : start + self._batch], language, hot_words)
        ]

    def _decode_some(self, batch: Sequence[Samples], language: str, hot_words: str | None) -> list[chunks.Decoded]:
        """One pass of the network over some chunks.

        No sampling: the same sound must give the same words. No silent skipping either: gates mark instead.
        faster-whisper's own batched pipeline takes one sound only, and lets words run over into the next chunk.
        """
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations

        model = self._model
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, "transcribe", language)
        frames = [int(samples.size * model.frames_per_second / RATE_HZ) for samples in batch]
        encoded = self._encode(batch)
        results = model.model.generate(
            encoded,
            [model.get_prompt(tokenizer, [], hotwords=hot_words)] * len(batch),
            beam_size=self._beam_size,
            max_length=model.max_length,
            return_no_speech_prob=True,
            suppress_tokens=list(get_suppressed_tokens(tokenizer, (-1,))),
        )
        texts = [[token for token in result.sequences_ids[0] if token < tokenizer.eot] for result in results]
        decoded = []
        for words, result in zip(model.find_alignment(tokenizer, texts, encoded, frames), results, strict=True):
            merge_punctuations(words, _BEFORE, _BEHIND)
            tokens = (
                chunks.Token(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))
                for word in words
                if word["word"].strip()
            )
            decoded.append(chunks.Decoded(tuple(tokens), float(result.no_speech_prob)))
        return decoded

    def _encode(self, batch: Sequence[Samples]) -> Any:
        """What the encoder makes of some chunks, all as long as the longest."""
        # silence as sound, which is what the network was trained on; zeros among the features are none
        size = min(max(samples.size for samples in batch) + int(MARGIN_S * RATE_HZ), WINDOW_S * RATE_HZ)
        features = [self._model.feature_extractor(np.pad(s, (0, size - s.size)), padding=0) for s in batch]
        return self._model.encode(np.stack(features))


def identity(file: Path) -> str | None:
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


def cannot_load(source: str, error: Exception) -> str:
    """One line for weights that an engine refuses or a hub does not give."""
    why = (str(error).strip().splitlines() or [""])[0][:160] or type(error).__name__
    return (
        f"Whisper model {source!r} cannot be loaded: {why}; "
        'set hear.model to "embedded", to a local path, or to a size whose hub can be reached'
    )


def _device(device: str) -> tuple[str, int]:
    import ctranslate2

    name, _, index = device.partition(":")
    if name == "auto":
        name = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    if name not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise BadModel(f"hear.device {device!r} is unknown; use auto, cpu, cuda or cuda:1")
    if name == "cuda" and ctranslate2.get_cuda_device_count() <= int(index or 0):
        raise BadModel(f"hear.device {device!r}: no such GPU is visible; use auto or cpu")
    return name, int(index or 0)


def _compute_type(compute_type: str, device: str, index: int) -> str:
    import ctranslate2

    supported = ctranslate2.get_supported_compute_types(device, index)
    if compute_type == "auto":
        wanted = ("int8", "float32") if device == "cpu" else ("float16", "int8_float16", "float32")
        return next(name for name in wanted if name in supported)
    if compute_type not in supported:
        raise BadModel(
            f"hear.compute_type {compute_type!r} does not work on {device}; use one of {', '.join(sorted(supported))}"
        )
    return compute_type
