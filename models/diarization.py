"""Who speaks when on a mixed channel, by pyannote.audio.

Two diarizers behind one protocol: `EmbeddedDiarizer` needs no hub (segmentation-3.0 and CAM++, both from local
files); `CommunityDiarizer` is pyannote/speaker-diarization-community-1, from the hub with a token or from a local
folder. Both look only at voice and what is near it: ring, music and silence are cut out before and put back after.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import pickle
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checkpoints import CONFIG_FILE, HUB_FILES, check_pipeline, weights_only
from models.clustering import SpeakerCount, cluster
from models.files import content_sha256
from models.torchaudio_stub import load_torchaudio
from models.tracks import (
    Tracks,
    concatenate,
    nearest_voice,
    overlapping_voices,
    remap,
    solo_units,
    speaker_spans,
    speech_regions,
    track_overlaps,
)
from pipeline.datatypes import RATE_HZ, Samples, SpeakerSpan
from pipeline.errors import BadModel
from pipeline.messages import Message
from pipeline.timeline import Span

Scores = npt.NDArray[np.float32]
"""Which of a window's speakers is heard, shape (windows, frames, speakers), 0 or 1."""

DIARIZATION_VERSION = "4"
"""Raised whenever the code here, in `tracks` or in `clustering` tells speakers apart otherwise; part of the
fingerprint of both diarizers."""

COMMUNITY = "pyannote/speaker-diarization-community-1"

SHORTEST_S = 1.0
"""Less voice than this is one speaker: no voice can be told from another by it."""

UNIT_SHORTEST_S = 0.25
"""Stretches under this get no embedding and take the voice heard nearest by."""

_BATCH = 8


class EmbeddedDiarizer:
    """pyannote.audio's segmentation-3.0, and CAM++ to know voices again: no hub, no token.

    pyannote's own pipeline asks for a voice vector of every speaker in every window; here windows are stitched by
    what they share, and each stretch between two changes gets one vector: a third of the time, the same errors.
    `step` is the hop of the 10 s segmentation window as a share of it. `speakers` is the number of voices to
    expect, or "auto"; a number is a prior: one voice alone stays one, and a further one that is sure is kept.
    `threads` is how many windows or batches of stretches are looked at side by side.
    Raises BadModel when the weights are missing or not what they should be (check their SHA-256 before).
    """

    overlap_aware = True

    def __init__(
        self,
        segmentation_path: Path,
        embedding_path: Path,
        step: float = 0.25,
        speakers: SpeakerCount = 2,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        for path in (segmentation_path, embedding_path):
            if not path.is_file():
                raise BadModel(Message("{file}: no such weights; run `callqa models fetch`", file=path))
        self._speakers = speakers
        self._threads = threads if device == "cpu" else 1
        self.fingerprint = _fingerprint(
            "embedded", content_sha256(segmentation_path), content_sha256(embedding_path), f"{step:g}", str(speakers)
        )
        # whoever only wants the fingerprint need not wait for pyannote, nor hold it in memory
        self._load = cache(lambda: self._loaded(segmentation_path, embedding_path, step, device))

    def _loaded(self, segmentation_path: Path, embedding_path: Path, step: float, device: str) -> None:
        with _quiet():
            load_torchaudio()
            import torch
            from pyannote.audio import Inference, Model

            from models.campplus import load_campplus

            try:
                with weights_only():
                    segmentation: Any = Model.from_pretrained(segmentation_path)
            except Exception as error:
                raise BadModel(
                    Message(
                        "{file}: pyannote.audio cannot load it ({error}); run `callqa models fetch`",
                        file=segmentation_path,
                        error=type(error).__name__,
                    )
                ) from error
            self._segmentation: Any = Inference(
                segmentation,
                step=step * segmentation.specifications.duration,
                skip_aggregation=True,
                device=torch.device(device),
            )
            self._embedder: Any = load_campplus(embedding_path, self._threads, device)

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        """Speaker spans of one channel (shape (n,), 16 kHz), "S1", "S2"… by first appearance; may overlap."""
        if _one_voice(voiced, self._speakers):
            return [SpeakerSpan(span, "S1") for span in voiced]
        self._load()
        # see `in_parallel` for why torch gets one thread
        with _quiet(), torch_threads(1):
            return speaker_spans(self._voices_of(self._tracked(samples, voiced), samples))

    def _tracked(self, samples: Samples, voiced: Sequence[Span]) -> Tracks:
        """Who speaks when by segmentation alone: a speaker is followed from window to window, not recognised."""
        from pyannote.audio.pipelines.utils import SpeakerDiarizationMixin
        from pyannote.core import SlidingWindow, SlidingWindowFeature

        pieces, sound = concatenate(samples, voiced)
        windows = stitch_windows(self._segmented(sound), self._segmentation.step / self._segmentation.duration)
        scores = SlidingWindowFeature(
            windows, SlidingWindow(start=0.0, duration=self._segmentation.duration, step=self._segmentation.step)
        )
        count = SpeakerDiarizationMixin.speaker_count(
            scores, self._segmentation.model.receptive_field, warm_up=(0.0, 0.0)
        )
        tracks = SpeakerDiarizationMixin.to_annotation(SpeakerDiarizationMixin.to_diarization(scores, count))
        return remap(tracks, pieces, speech_regions(voiced, samples.shape[0] / RATE_HZ))

    def _segmented(self, sound: Samples) -> Scores:
        """For each window and frame which of up to three speakers is heard; shape (windows, frames, 3), 0 or 1."""
        import torch

        from models.campplus import in_parallel

        size, hop = (round(s * RATE_HZ) for s in (self._segmentation.duration, self._segmentation.step))
        count = 1 + max(0, math.ceil((sound.size - size) / hop))
        padded = torch.from_numpy(np.pad(sound, (0, size + (count - 1) * hop - sound.size)))
        batches = torch.split(padded.unfold(0, size, hop)[:, None], _BATCH)
        return np.concatenate(in_parallel(self._segmentation.infer, batches, self._threads))

    def _voices_of(self, tracks: Tracks, samples: Samples) -> Tracks:
        """Tracks of voices from tracks of segmentation: each stretch between two pauses or changes by its voice.

        Segmentation sees ten seconds at a time, and takes two voices that are alike for one in them; an embedding of
        such a mixture is near both. Stretches that lie between pauses are purer. Overlapping parts keep both.
        """
        units = solo_units(tracks)
        long = [(span, track) for span, track in units if span.duration_s >= UNIT_SHORTEST_S]
        if len(long) < 2:
            return {"one": [span for spans in tracks.values() for span in spans]}
        embeddings = self._embedder.embed(samples, [span for span, _ in long])
        durations_s = np.array([span.duration_s for span, _ in long])
        voices = [str(voice) for voice in cluster(embeddings, durations_s, self._speakers)]
        result: Tracks = {voice: [] for voice in voices}
        edges: dict[str, list[tuple[float, str]]] = {track: [] for track in tracks}
        for (span, track), voice in zip(long, voices, strict=True):
            result[voice].append(span)
            edges[track] += [(span.start_s, voice), (span.end_s, voice)]
        everyone = sorted(edge for own in edges.values() for edge in own)
        for span, track in units:
            if span.duration_s < UNIT_SHORTEST_S:
                result[nearest_voice(edges[track] or everyone, span.middle_s)].append(span)
        for span, *both in track_overlaps(tracks):
            for voice in overlapping_voices(span.middle_s, [edges[track] for track in both], everyone):
                result[voice].append(span)
        return result


class CommunityDiarizer:
    """pyannote/speaker-diarization-community-1, from a local folder or, with the user's token, from the hub.

    `source` is a folder that holds its config.yaml, or the name on the hub; nothing in its files is run. Raises
    BadModel, in one line, when the folder is none, holds more than weights and where they go, the token is missing
    or refused, or the hub cannot be reached.
    """

    overlap_aware = True

    def __init__(
        self,
        source: str | Path = COMMUNITY,
        token: str | None = None,
        speakers: SpeakerCount = 2,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        self._speakers = speakers
        folder = Path(source)
        local = folder.is_dir()
        if local and not (folder / CONFIG_FILE).is_file():
            raise BadModel(
                Message(
                    "{folder}: no config.yaml, so not a folder of {model}; set hear.diarization_model",
                    folder=folder,
                    model=COMMUNITY,
                )
            )
        if not local:
            if str(source).count("/") != 1 or str(source).startswith((".", "/", "~")):
                raise BadModel(
                    Message(
                        "{folder}: no such folder; hear.diarization_model takes a local copy of {model}",
                        folder=source,
                        model=COMMUNITY,
                    )
                )
            if not token:
                raise BadModel(
                    Message(
                        "{model}: needs a Hugging Face token; accept its conditions on the hub and set the environment "
                        'variable that hear.token_env names, or choose hear.diarization = "embedded"',
                        model=source,
                    )
                )
        contents = sorted(path for path in folder.rglob("*") if path.is_file()) if local else []
        identity = [f"{path.relative_to(folder)} {content_sha256(path)}" for path in contents] or [str(source)]
        self.fingerprint = _fingerprint("community", *identity, str(speakers))
        self._threads = threads
        self._load = cache(lambda: self._loaded(str(source), None if local else token, device))

    def _loaded(self, source: str, token: str | None, device: str) -> None:
        with _quiet():
            load_torchaudio()
            import torch
            from huggingface_hub import snapshot_download
            from huggingface_hub.errors import GatedRepoError
            from pyannote.audio import Pipeline

            try:
                folder = source
                if not Path(source).is_dir():
                    folder = snapshot_download(source, token=token, allow_patterns=list(HUB_FILES))
                with weights_only():
                    check_pipeline(Path(folder))
                    pipeline: Any = Pipeline.from_pretrained(folder)
            except GatedRepoError as error:
                raise BadModel(
                    Message(
                        "{model}: the hub refused; accept the model's conditions with the account of the token",
                        model=source,
                    )
                ) from error
            except pickle.UnpicklingError as error:
                raise BadModel(
                    Message(
                        "{model}: holds more than weights, which are not loaded; take community-1 as it was published",
                        model=source,
                    )
                ) from error
            except BadModel:
                raise
            except Exception as error:  # the hub client raises many kinds
                raise BadModel(
                    Message(
                        "{model}: cannot be loaded ({error}); check token and network, copy the model to a folder "
                        '(hear.diarization_model), or choose hear.diarization = "embedded"',
                        model=source,
                        error=type(error).__name__,
                    )
                ) from error
            self._pipeline: Any = pipeline.to(torch.device(device))

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        """Speaker spans of one channel (shape (n,), 16 kHz), "S1", "S2"… by first appearance; may overlap."""
        if _one_voice(voiced, self._speakers):
            return [SpeakerSpan(span, "S1") for span in voiced]
        self._load()
        with _quiet(), torch_threads(self._threads):
            return speaker_spans(_run(self._pipeline, samples, voiced, self._speakers))


def _one_voice(voiced: Sequence[Span], speakers: SpeakerCount) -> bool:
    return speakers == 1 or sum(span.duration_s for span in voiced) < SHORTEST_S


def _run(pipeline: Any, samples: Samples, voiced: Sequence[Span], speakers: SpeakerCount) -> Tracks:
    """Let a pyannote pipeline hear the voiced parts put together; spans per label, on the recording's clock."""
    import torch

    pieces, sound = concatenate(samples, voiced)
    expected = {} if speakers == "auto" else {"num_speakers": speakers}
    output = pipeline(
        {"waveform": torch.from_numpy(sound)[None], "sample_rate": RATE_HZ, "uri": "call"},
        **expected,
    )
    return remap(output.speaker_diarization, pieces, speech_regions(voiced, samples.shape[0] / RATE_HZ))


def stitch_windows(windows: Scores, step: float) -> Scores:
    """Windows whose speakers keep their number from one to the next: those who speak at the same time.

    `windows` has shape (windows, frames, speakers), `step` is from one to the next as a share of a window.
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    result = windows.copy()
    hop = round(step * windows.shape[1])
    for before, window in pairwise(result):
        _, order = linear_sum_assignment(before[hop:].T @ window[: windows.shape[1] - hop], maximize=True)
        window[:] = window[:, order]
    return result


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Torch's own threads, which are a setting of the whole process."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\n".join(("diarization", DIARIZATION_VERSION, *parts)).encode()).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry (pyannote.audio reports durations of calls by default), no advice meant for its developers."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "false"
    lightning = logging.getLogger("lightning.pytorch")
    level = lightning.level
    lightning.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        lightning.setLevel(level)
