"""Whisper by openai-whisper (PyTorch), the reference: slower on a processor, the same words."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models import weights
from models import windows as chunks
from models.machine import processors
from models.whisper_ct2 import EMBEDDED, cannot_load, identity
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
        self._device = _device(device)
        self._beam_size = beam_size
        self._threads = threads or processors()
        self._hot_words = ", ".join(hot_words) or None
        self._model: Any = None
        if model == EMBEDDED:
            self._ct2: Path | None = weights.require(folder, weights.WHISPER_BASE)
            self._source = str(self._ct2 / weights.OPENAI_FILE)
            known = identity(self._ct2 / "model.bin")
        else:
            self._ct2 = None
            self._source = model
            known = identity(Path(model))
        self.fingerprint = " ".join(
            (
                f"openai-whisper {importlib.metadata.version('openai-whisper')}",
                f"torch {importlib.metadata.version('torch')}",
                known or model,
                "float32" if self._device == "cpu" else "float16",
                f"beam {beam_size}",
                f"chunks {chunks.VERSION}",
                f"hot words {hashlib.sha256((self._hot_words or '').encode()).hexdigest()[:8]}",
            )
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
            weights.convert_to_openai(self._ct2, Path(self._source))
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
        windows = chunks.chunks(samples, chunks.utterances(samples, voiced))
        if not windows:
            return next(iter(among), ""), 0.0
        self.load()
        if not self._model.is_multilingual:
            return ("en", 1.0) if "en" in among or not among else (among[0], 0.0)
        (found,) = self._tell([windows[0].samples])
        return chunks.among_only(found, among)

    def transcribe(
        self, channels: Sequence[Samples], voiced: Sequence[tuple[Span, ...]], language: str
    ) -> list[Segment]:
        """See Recognizer. Text and words are Whisper's own; `pipeline.hearing.postprocess` finishes them."""
        self.load()
        return chunks.transcribe(
            lambda batch, language: [self._decode(samples, language) for samples in batch],
            self._tell,
            channels,
            voiced,
            language,
        )

    def _tell(self, batch: Sequence[Samples]) -> list[dict[str, float]]:
        import whisper

        if not self._model.is_multilingual:
            return [{"en": 1.0} for _ in batch]
        found = []
        for samples in batch:
            mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), self._model.dims.n_mels)
            _, probabilities = self._model.detect_language(mel.to(self._model.device))
            found.append(dict(probabilities))
        return found

    def _decode(self, samples: Samples, language: str) -> chunks.Decoded:
        decoded = self._decode_with(samples, language, self._hot_words)
        if self._hot_words and chunks.loops(decoded):
            # context is what sends small models into loops most often
            decoded = self._decode_with(samples, language, None)
        return decoded

    def _decode_with(self, samples: Samples, language: str, hot_words: str | None) -> chunks.Decoded:
        said = self._model.transcribe(
            samples,
            language=language,
            beam_size=self._beam_size,
            patience=1.0,
            initial_prompt=hot_words,
            word_timestamps=True,
            condition_on_previous_text=False,
            # no sampling: the same sound must give the same words; nor silent skipping: gates mark instead
            temperature=0.0,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            fp16=self._device != "cpu",
            verbose=None,
        )
        found = said["segments"]
        return chunks.Decoded(
            tuple(
                chunks.Token(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))
                for segment in found
                for word in segment.get("words", ())
                if word["word"].strip()
            ),
            max((float(segment["no_speech_prob"]) for segment in found), default=1.0),
        )


def _alignment_heads(file: str) -> list[list[int]]:
    """The (layer, head) pairs that `weights.convert_to_openai` stored; none in other checkpoints."""
    import torch

    checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    heads: list[list[int]] = checkpoint.get("alignment_heads", [])
    return heads


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    name, _, index = device.partition(":")
    if name not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise BadModel(f"hear.device {device!r} is unknown; use auto, cpu, cuda or cuda:1")
    if name == "cuda" and torch.cuda.device_count() <= int(index or 0):
        raise BadModel(f"hear.device {device!r}: no such GPU is visible; use auto or cpu")
    return device
