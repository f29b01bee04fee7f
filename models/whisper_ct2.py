"""Whisper by faster-whisper (CTranslate2): the default recogniser, quick on a processor without GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import weights
from models.machine import processors
from models.tokens import Decoded, Token
from models.transcription import language_of_speech, transcribe_channels
from models.whisper_shared import (
    cannot_load,
    checked_device,
    decode_with_hot_words,
    weights_identity,
    whisper_fingerprint,
)
from pipeline.datatypes import RATE_HZ, Samples, Segment
from pipeline.errors import BadModel
from pipeline.messages import Message
from pipeline.timeline import Span

ENCODER_S = 30
"""What the encoder takes at most."""

MARGIN_S = 2.0
"""Silence put behind a window. Whisper was trained on 30 s, yet its encoder takes less: windows of 30 s took
four tenths more processor time on practice calls, and the words are as good without."""

LANGUAGE_S = 15
"""A language is told by so many seconds of speech."""

_BEFORE, _BEHIND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the next word, and to the one before: Whisper's own lists."""


class FasterWhisper:
    """A recogniser. `model` is "embedded", a Whisper size that faster-whisper downloads, or a local folder.

    `folder` holds the embedded weights. `device` is auto, cpu, cuda or cuda:1…; `compute_type` auto means
    int8 on a processor and float16 on a GPU that has it. `threads` 0 takes every processor allowed to this
    process. `batch` is how many windows are decoded side by side; 0: 8 on a processor, where two threads then took 0.6
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
        self._device, self._device_index = checked_device(device, _gpus)
        self._compute_type = _compute_type(compute_type, self._device, self._device_index)
        self._beam_size = beam_size
        self._threads = threads or processors()
        self._hot_words = ", ".join(hot_words) or None
        self._batch = batch or (8 if self._device == "cpu" else 16)
        if model == weights.EMBEDDED:
            self._source = str(weights.require(folder, weights.WHISPER_BASE))
        else:
            self._source = model
        self._model: Any = None
        self.fingerprint = whisper_fingerprint(
            "faster-whisper",
            "ctranslate2",
            weights_identity(Path(self._source) / "model.bin") or model,
            self._compute_type,
            f"beam {beam_size} batch {self._batch}",
            self._hot_words,
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
        return language_of_speech(self._language_probabilities, samples, voiced, among)

    def transcribe(
        self, channels: Sequence[Samples], voiced: Sequence[tuple[Span, ...]], language: str
    ) -> list[Segment]:
        """See Recognizer. Text and words are Whisper's own; `pipeline.hearing.postprocess` is for what follows."""
        return transcribe_channels(self._decode, self._language_probabilities, channels, voiced, language)

    def _language_probabilities(self, batch: Sequence[Samples]) -> list[dict[str, float]]:
        self.load()
        if not self._model.model.is_multilingual:
            return [{"en": 1.0} for _ in batch]
        beginnings = [samples[: LANGUAGE_S * RATE_HZ] for samples in batch]
        return [
            {token.strip("<|>"): probability for token, probability in languages}
            for start in range(0, len(beginnings), self._batch)
            for languages in self._model.model.detect_language(self._encode(beginnings[start : start + self._batch]))
        ]

    def _decode(self, batch: Sequence[Samples], language: str) -> list[Decoded]:
        self.load()
        return decode_with_hot_words(self._decode_with, batch, language, self._hot_words)

    def _decode_with(self, batch: Sequence[Samples], language: str, hot_words: str | None) -> list[Decoded]:
        return [
            decoded
            for start in range(0, len(batch), self._batch)
            for decoded in self._decode_some(batch[start : start + self._batch], language, hot_words)
        ]

    def _decode_some(self, batch: Sequence[Samples], language: str, hot_words: str | None) -> list[Decoded]:
        """One pass of the network over some windows.

        No sampling: the same sound must give the same words. No silent skipping either: the hallucination filter marks.
        faster-whisper's own batched pipeline takes one sound only, and lets words run over into the next window.
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
                Token(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))
                for word in words
                if word["word"].strip()
            )
            decoded.append(Decoded(tuple(tokens), float(result.no_speech_prob)))
        return decoded

    def _encode(self, batch: Sequence[Samples]) -> Any:
        """What the encoder makes of some windows, all as long as the longest."""
        # silence as sound, which is what the network was trained on; zeros among the features are none
        size = min(max(samples.size for samples in batch) + int(MARGIN_S * RATE_HZ), ENCODER_S * RATE_HZ)
        features = [self._model.feature_extractor(np.pad(s, (0, size - s.size)), padding=0) for s in batch]
        return self._model.encode(np.stack(features))


def _gpus() -> int:
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


def _compute_type(compute_type: str, device: str, index: int) -> str:
    import ctranslate2

    supported = ctranslate2.get_supported_compute_types(device, index)
    if compute_type == "auto":
        wanted = ("int8", "float32") if device == "cpu" else ("float16", "int8_float16", "float32")
        return next(name for name in wanted if name in supported)
    if compute_type not in supported:
        raise BadModel(
            Message(
                "hear.compute_type {given} does not work on {device}; use one of {supported}",
                given=repr(compute_type),
                device=device,
                supported=", ".join(sorted(supported)),
            )
        )
    return compute_type
