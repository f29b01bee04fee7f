"""Whisper by openai-whisper (PyTorch), the reference: slower on a processor, the same words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models import weights
from models.machine import processors
from models.openai_checkpoint import convert_to_openai
from models.tokens import Decoded, Token
from models.transcription import language_of_speech, transcribe_channels
from models.whisper_shared import (
    cannot_load,
    checked_device,
    decode_with_hot_words,
    weights_identity,
    whisper_fingerprint,
)
from pipeline.datatypes import Samples, Segment
from pipeline.errors import BadModel
from pipeline.timeline import Span


class OpenAIWhisper:
    """A recogniser. `model` is "embedded", a Whisper size that openai-whisper downloads, or a local .pt file.

    `folder` holds the embedded weights; their checkpoint for this engine is made from them at first use.
    `device` is auto, cpu, cuda or cuda:1…; a GPU computes in float16, a processor in float32. `threads` 0
    takes every processor allowed to this process. `hot_words` are given to the decoder as context;
    see FasterWhisper on their cost. Raises BadModel, from here or from `load`.
    """

    def __init__(
        self,
        model: str,
        folder: Path,
        device: str = "auto",
        beam_size: int = 5,
        threads: int = 0,
        hot_words: tuple[str, ...] = (),
    ) -> None:
        name, index = checked_device(device, _gpus)
        self._device = f"{name}:{index}" if index else name
        self._beam_size = beam_size
        self._threads = threads or processors()
        self._hot_words = ", ".join(hot_words) or None
        self._model: Any = None
        if model == weights.EMBEDDED:
            self._ct2: Path | None = weights.require(folder, weights.WHISPER_BASE)
            self._source = str(self._ct2 / weights.OPENAI_FILE)
            identity = weights_identity(self._ct2 / "model.bin")
        else:
            self._ct2 = None
            self._source = model
            identity = weights_identity(Path(model))
        self.fingerprint = whisper_fingerprint(
            "openai-whisper",
            "torch",
            identity or model,
            "float32" if self._device == "cpu" else "float16",
            f"beam {beam_size}",
            self._hot_words,
        )

    def load(self) -> None:
        """Load the weights (or download them first); without it the first call does. Raises BadModel."""
        if self._model is not None:
            return
        import torch
        import whisper

        if self._device == "cpu":
            torch.set_num_threads(self._threads)
        if self._ct2 and not Path(self._source).is_file():
            convert_to_openai(self._ct2, Path(self._source))
        try:
            model = whisper.load_model(self._source, device=self._device)
            heads = _alignment_heads(self._source) if Path(self._source).is_file() else []
        except Exception as error:  # the engine, pickle and the network each have errors of their own
            raise BadModel(cannot_load(self._source, error)) from error
        if heads:
            mask = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
            for layer, head in heads:
                mask[layer, head] = True
            model.register_buffer("alignment_heads", mask.to_sparse().to(model.device), persistent=False)
        self._model = model

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
        import whisper

        if not self._model.is_multilingual:
            return [{"en": 1.0} for _ in batch]
        languages = []
        for samples in batch:
            mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), self._model.dims.n_mels)
            _, probabilities = self._model.detect_language(mel.to(self._model.device))
            languages.append(dict(probabilities))
        return languages

    def _decode(self, batch: Sequence[Samples], language: str) -> list[Decoded]:
        self.load()
        return decode_with_hot_words(self._decode_with, batch, language, self._hot_words)

    def _decode_with(self, batch: Sequence[Samples], language: str, hot_words: str | None) -> list[Decoded]:
        return [self._decode_one(samples, language, hot_words) for samples in batch]

    def _decode_one(self, samples: Samples, language: str, hot_words: str | None) -> Decoded:
        said = self._model.transcribe(
            samples,
            language=language,
            beam_size=self._beam_size,
            patience=1.0,
            initial_prompt=hot_words,
            word_timestamps=True,
            condition_on_previous_text=False,
            # no sampling: the same sound must give the same words; nor silent skipping: the hallucination filter marks
            temperature=0.0,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            fp16=self._device != "cpu",
            verbose=None,
        )
        segments = said["segments"]
        return Decoded(
            tuple(
                Token(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))
                for segment in segments
                for word in segment.get("words", ())
                if word["word"].strip()
            ),
            max((float(segment["no_speech_prob"]) for segment in segments), default=1.0),
        )


def _alignment_heads(file: str) -> list[list[int]]:
    """The (layer, head) pairs that `convert_to_openai` stored; none in other checkpoints."""
    import torch

    checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    heads: list[list[int]] = checkpoint.get("alignment_heads", [])
    return heads


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
