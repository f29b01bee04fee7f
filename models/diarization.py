"""Who speaks when on a mixed channel, by pyannote.audio.

Two diarizers behind one protocol: `EmbeddedDiarizer` needs no hub (segmentation-3.0 and CAM++, both from local
files); `CommunityDiarizer` is pyannote/speaker-diarization-community-1, from the hub with a token or from a local
folder. Both look only where there is voice: ring, music and silence are cut out before and put back after.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.torchaudio_stub import load_torchaudio
from pipeline.datatypes import RATE_HZ, Samples, Span, SpeakerSpan
from pipeline.errors import BadModel

Vectors = npt.NDArray[np.float64]
Groups = npt.NDArray[np.intp]

COMMUNITY = "pyannote/speaker-diarization-community-1"

MARGIN_S = 0.25
"""Sound kept around voice: segmentation hears the beginnings better with some air before them."""

JOIN_S = 1.0
"""Pauses shorter than this stay in: they are part of the conversation's rhythm."""

SHORTEST_S = 1.0
"""Less voice than this is one speaker: no voice can be told from another by it."""

UNIT_S = 3.0
"""Longest stretch that gets a voice vector of its own."""

UNIT_SHORTEST_S = 0.25
UNIT_SURE_S = 0.6
"""Stretches under the first get no vector and keep their label; those under the second vote for no centroid."""

SAME_VOICE = 0.6
SAME_VOICE_PER_S = 0.05
SAME_VOICE_UP_TO_S = 3.0
"""Two speakers are one voice, split by force, when the cosine of their mean vectors reaches the first, plus the
second for every second of the one that is heard less, up to the third: a voice heard briefly resembles even itself
less. Measured with CAM++ at 8 kHz: one voice cut in two 0.66-0.73 with 1 s in the smaller part and 0.75-0.95 with
3 s; two voices 0.02-0.65."""

SPAN_GAP_S = 0.2
SPAN_SHORTEST_S = 0.1

AUTO_THRESHOLD = 0.25
"""Cosine distance at which clusters stop joining when the number of speakers is left open: rather too many at first,
since voices that turn out alike are joined at the end."""

_BATCH = 16
_VERSION = "2"


class EmbeddedDiarizer:
    """pyannote.audio's diarization with segmentation-3.0 and CAM++: no hub, no token.

    `step` is the hop of the 10 s segmentation window as a share of it. `speakers` is the number of voices to
    expect, or "auto"; a number is a prior: one voice alone stays one. `threads` is how many sounds are looked at
    side by side.
    Raises BadModel when the weights are missing or not what they should be (check their SHA-256 before).
    """

    overlap_aware = True

    def __init__(
        self,
        segmentation_path: Path,
        embedding_path: Path,
        step: float = 0.25,
        speakers: int | Literal["auto"] = 2,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        for path in (segmentation_path, embedding_path):
            if not path.is_file():
                raise BadModel(f"{path}: no such weights; run `callqa models fetch`")
        self._speakers = speakers
        self._threads = threads if device == "cpu" else 1
        self.fingerprint = _fingerprint(
            "embedded", _sha256(segmentation_path), _sha256(embedding_path), f"{step:g}", str(speakers)
        )
        # whoever only wants the fingerprint need not wait for pyannote, nor hold it in memory
        self._load = cache(lambda: self._loaded(segmentation_path, embedding_path, step, device))

    def _loaded(self, segmentation_path: Path, embedding_path: Path, step: float, device: str) -> None:
        with _quiet():
            load_torchaudio()
            import torch
            from pyannote.audio import Model
            from pyannote.audio.core.plda import PLDA
            from pyannote.audio.pipelines import SpeakerDiarization

            from models.campplus import load_campplus

            try:
                segmentation: Any = Model.from_pretrained(segmentation_path)
            except Exception as error:
                raise BadModel(
                    f"{segmentation_path}: pyannote.audio cannot load it ({type(error).__name__}); "
                    "run `callqa models fetch`"
                ) from error
            self._device = torch.device(device)
            self._embedding: Any = load_campplus(embedding_path, self._threads).to(self._device)
            pipeline = SpeakerDiarization(
                segmentation=segmentation,
                segmentation_step=step,
                embedding=self._embedding,
                embedding_exclude_overlap=True,
                # required by the constructor, used by another clustering only
                plda=object.__new__(PLDA),
                clustering="AgglomerativeClustering",
                segmentation_batch_size=_BATCH,
                embedding_batch_size=_BATCH,
            )
            pipeline.instantiate(
                {
                    "segmentation": {"min_duration_off": 0.0},
                    "clustering": {"method": "average", "threshold": AUTO_THRESHOLD, "min_cluster_size": 1},
                }
            )
            pipeline.clustering.constrained_assignment = True
            self._pipeline: Any = pipeline.to(self._device)

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        """Speaker spans of one channel (shape (n,), 16 kHz), "S1", "S2"… by first appearance; may overlap."""
        if _one_voice(voiced, self._speakers):
            return [SpeakerSpan(span, "S1") for span in voiced]
        self._load()
        # see `in_parallel` for why torch gets one thread
        with _quiet(), _torch_threads(1):
            found = self._regrouped(_run(self._pipeline, samples, voiced, self._speakers), samples)
        return _named(found)

    def _regrouped(self, found: dict[str, list[Span]], samples: Samples) -> dict[str, list[Span]]:
        """Decide again who speaks in each stretch between two pauses or changes of speaker.

        Segmentation sees ten seconds at a time, and takes two voices that are alike for one in them; a vector of
        such a mixture is near both. Stretches that lie between pauses are purer, so they are clustered afresh,
        with what segmentation found as one of two starting points. Overlapping parts keep both speakers.
        """
        from models.campplus import in_parallel

        labels = sorted(found)
        if isinstance(self._speakers, int):
            labels += [f"more {number}" for number in range(len(labels), self._speakers)]
        units = _units(found)
        heard = [(span, label) for span, label in units if span.duration_s >= UNIT_SHORTEST_S]
        if len(labels) < 2 or len(heard) < 2:
            return found
        vectors = np.stack(in_parallel(lambda item: self._vector(samples, item[0]), heard, self._threads))
        durations = np.array([span.duration_s for span, _ in heard])
        first = np.array([labels.index(label) for _, label in heard])
        group, centroids = _grouped(vectors, durations, first, len(labels))
        alike = _same_voices(group, durations, centroids)
        result: dict[str, list[Span]] = {label: [] for label in labels}
        for (span, _), index in zip(heard, group, strict=True):
            result[labels[alike[index]]].append(span)
        for span, label in units:
            if span.duration_s < UNIT_SHORTEST_S:
                result[labels[alike[labels.index(label)]]].append(span)
        for label, other in combinations(labels, 2):
            for mine in found.get(label, ()):
                for theirs in found.get(other, ()):
                    if mine.overlap_s(theirs) > 0:
                        both = Span(max(mine.start_s, theirs.start_s), min(mine.end_s, theirs.end_s))
                        result[labels[alike[labels.index(label)]]].append(both)
                        result[labels[alike[labels.index(other)]]].append(both)
        return result

    def _vector(self, samples: Samples, span: Span) -> Vectors:
        """The voice vector of a stretch, of length one."""
        import torch

        sound = samples[round(span.start_s * RATE_HZ) : round(span.end_s * RATE_HZ)]
        fewest = RATE_HZ // 2
        if sound.shape[0] < fewest:
            sound = np.resize(sound, fewest)
        with torch.inference_mode():
            vector = self._embedding(torch.from_numpy(np.ascontiguousarray(sound))[None, None].to(self._device))[0]
        vector = np.nan_to_num(vector.cpu().numpy().astype(np.float64))
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


class CommunityDiarizer:
    """pyannote/speaker-diarization-community-1, from a local folder or, with the user's token, from the hub.

    `source` is a folder that holds its config.yaml, or the name on the hub. Raises BadModel, in one line, when
    the folder is none, the token is missing or refused, or the hub cannot be reached.
    """

    overlap_aware = True

    def __init__(
        self,
        source: str | Path = COMMUNITY,
        token: str | None = None,
        speakers: int | Literal["auto"] = 2,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        self._speakers = speakers
        folder = Path(source)
        local = folder.is_dir()
        if local and not (folder / "config.yaml").is_file():
            raise BadModel(f"{folder}: no config.yaml, so not a folder of {COMMUNITY}; set hear.diarization_model")
        if not local:
            if str(source).count("/") != 1 or str(source).startswith((".", "/", "~")):
                raise BadModel(f"{source}: no such folder; hear.diarization_model takes a local copy of {COMMUNITY}")
            if not token:
                raise BadModel(
                    f"{source}: needs a Hugging Face token; accept its conditions on the hub and set the environment "
                    'variable that hear.token_env names, or choose hear.diarization = "embedded"'
                )
        contents = sorted(path for path in folder.rglob("*") if path.is_file()) if local else []
        identity = [f"{path.relative_to(folder)} {_sha256(path)}" for path in contents] or [str(source)]
        self.fingerprint = _fingerprint("community", *identity, str(speakers))
        self._threads = threads
        self._load = cache(lambda: self._loaded(str(source), None if local else token, device))

    def _loaded(self, source: str, token: str | None, device: str) -> None:
        with _quiet():
            load_torchaudio()
            import torch
            from pyannote.audio import Pipeline

            try:
                pipeline = Pipeline.from_pretrained(source, token=token)
            except Exception as error:  # the hub client raises many kinds
                raise BadModel(
                    f"{source}: cannot be loaded ({type(error).__name__}); check token and network, copy the model to "
                    'a folder (hear.diarization_model), or choose hear.diarization = "embedded"'
                ) from error
            if pipeline is None:
                raise BadModel(
                    f"{source}: the hub refused; accept the model's conditions with the account of the token"
                )
            self._pipeline: Any = pipeline.to(torch.device(device))

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        """Speaker spans of one channel (shape (n,), 16 kHz), "S1", "S2"… by first appearance; may overlap."""
        if _one_voice(voiced, self._speakers):
            return [SpeakerSpan(span, "S1") for span in voiced]
        self._load()
        with _quiet(), _torch_threads(self._threads):
            return _named(_run(self._pipeline, samples, voiced, self._speakers))


def _one_voice(voiced: Sequence[Span], speakers: int | Literal["auto"]) -> bool:
    return speakers == 1 or sum(span.duration_s for span in voiced) < SHORTEST_S


def _run(
    pipeline: Any, samples: Samples, voiced: Sequence[Span], speakers: int | Literal["auto"]
) -> dict[str, list[Span]]:
    """Let a pyannote pipeline hear the voiced parts put together; spans per label, on the recording's clock."""
    import torch

    pieces = _pieces(voiced, samples.shape[0] / RATE_HZ)
    sound = np.concatenate([samples[round(p.start_s * RATE_HZ) : round(p.end_s * RATE_HZ)] for p in pieces])
    expected = {} if speakers == "auto" else {"num_speakers": speakers}
    output = pipeline(
        {"waveform": torch.from_numpy(np.ascontiguousarray(sound))[None], "sample_rate": RATE_HZ, "uri": "call"},
        **expected,
    )
    found: dict[str, list[Span]] = {}
    for segment, _, label in output.speaker_diarization.itertracks(yield_label=True):
        for span in _put_back(segment.start, segment.end, pieces):
            found.setdefault(label, []).extend(_inside(span, voiced))
    return {label: spans for label, spans in found.items() if spans}


def _units(found: dict[str, list[Span]]) -> list[tuple[Span, str]]:
    """What each label says alone, cut into equal parts of at most `UNIT_S`, by time."""
    units: list[tuple[Span, str]] = []
    for label, spans in found.items():
        others = sorted(span for other, theirs in found.items() if other != label for span in theirs)
        for span in spans:
            start_s = span.start_s
            alone: list[Span] = []
            for other in others:
                if other.end_s > start_s and other.start_s < span.end_s:
                    if other.start_s > start_s:
                        alone.append(Span(start_s, other.start_s))
                    start_s = max(start_s, other.end_s)
            if start_s < span.end_s:
                alone.append(Span(start_s, span.end_s))
            for part in alone:
                count = max(1, math.ceil(part.duration_s / UNIT_S))
                edges = np.linspace(part.start_s, part.end_s, count + 1).tolist()
                units += [(Span(a, b), label) for a, b in pairwise(edges)]
    return sorted(units)


def _grouped(vectors: Vectors, durations: Vectors, first: Groups, count: int) -> tuple[Groups, Vectors]:
    """Spherical k-means, weighted by duration, from `first` and from a Ward tree of the long stretches.

    The tighter of the two wins; its groups are numbered so as to agree with `first` as far as they can.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # type: ignore[import-untyped]
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    weights = np.minimum(durations, UNIT_S) * (durations >= UNIT_SURE_S) + 1e-3
    best = _k_means(vectors, weights, first, count)
    long = np.flatnonzero(durations >= 1.0)
    if long.size > count:
        tree = fcluster(linkage(vectors[long], "ward"), count, "maxclust") - 1
        means = np.stack([vectors[long][tree == k].sum(axis=0) for k in range(count)])
        centroids = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        other = _k_means(vectors, weights, np.asarray((vectors @ centroids.T).argmax(axis=1)), count)
        best = max(best, other, key=lambda result: result[2])
    group, centroids, _ = best
    agreement = np.array([[weights[(group == g) & (first == f)].sum() for f in range(count)] for g in range(count)])
    _, renamed = linear_sum_assignment(agreement, maximize=True)
    return np.asarray(renamed)[group], centroids[np.argsort(renamed)]


def _k_means(vectors: Vectors, weights: Vectors, start: Groups, count: int) -> tuple[Groups, Vectors, float]:
    group = start
    centroids = np.zeros((count, vectors.shape[1]))
    for _ in range(25):
        for k in range(count):
            total = (vectors * (weights * (group == k))[:, None]).sum(axis=0)
            # a group that lost all its members stays where it was
            if np.linalg.norm(total) > 0:
                centroids[k] = total / np.linalg.norm(total)
        new = np.asarray((vectors @ centroids.T).argmax(axis=1))
        if np.array_equal(new, group):
            break
        group = new
    tightness = float((weights * (vectors * centroids[group]).sum(axis=1)).sum() / weights.sum())
    return group, centroids, tightness


def _same_voices(group: Groups, durations: Vectors, centroids: Vectors) -> list[int]:
    """For each group the group that stands for its voice: groups too much alike are one voice."""
    same = list(range(len(centroids)))
    lasting_s = [float(durations[group == k].sum()) for k in range(len(centroids))]
    for one, other in combinations(range(len(centroids)), 2):
        less_s = min(lasting_s[one], lasting_s[other], SAME_VOICE_UP_TO_S)
        if same[other] == other and float(centroids[one] @ centroids[other]) >= SAME_VOICE + SAME_VOICE_PER_S * less_s:
            same[other] = same[one]
    return same


def _pieces(voiced: Sequence[Span], duration_s: float) -> list[Span]:
    """What of the recording is worth hearing: voice with a margin, over short pauses."""
    pieces: list[Span] = []
    for span in voiced:
        start_s, end_s = max(0.0, span.start_s - MARGIN_S), min(duration_s, span.end_s + MARGIN_S)
        if pieces and start_s - pieces[-1].end_s < JOIN_S:
            pieces[-1] = Span(pieces[-1].start_s, max(end_s, pieces[-1].end_s))
        else:
            pieces.append(Span(start_s, end_s))
    return pieces


def _put_back(start_s: float, end_s: float, pieces: Iterable[Span]) -> Iterator[Span]:
    """A stretch of the sound that was put together, as stretches of the recording."""
    offset_s = 0.0
    for piece in pieces:
        first, last = max(start_s, offset_s), min(end_s, offset_s + piece.duration_s)
        if last > first:
            yield Span(piece.start_s + first - offset_s, piece.start_s + last - offset_s)
        offset_s += piece.duration_s


def _inside(span: Span, voiced: Iterable[Span]) -> Iterator[Span]:
    for voice in voiced:
        start_s, end_s = max(span.start_s, voice.start_s), min(span.end_s, voice.end_s)
        if end_s > start_s:
            yield Span(start_s, end_s)


def _named(found: dict[str, list[Span]]) -> list[SpeakerSpan]:
    """Spans tidied and speakers named S1, S2… by first appearance."""
    tidy: dict[str, list[Span]] = {}
    for label, spans in found.items():
        merged: list[Span] = []
        for span in sorted(spans):
            if merged and span.start_s - merged[-1].end_s <= SPAN_GAP_S:
                merged[-1] = Span(merged[-1].start_s, max(merged[-1].end_s, span.end_s))
            else:
                merged.append(span)
        kept = [span for span in merged if span.duration_s >= SPAN_SHORTEST_S]
        if kept:
            tidy[label] = kept
    order = sorted(tidy, key=lambda label: tidy[label][0])
    names = {label: f"S{number}" for number, label in enumerate(order, start=1)}
    result = [SpeakerSpan(span, names[label]) for label, spans in tidy.items() for span in spans]
    return sorted(result, key=lambda item: (item.span, item.speaker))


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    """Torch's own threads, which are a setting of the whole process."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\n".join(("diarization", _VERSION, *parts)).encode()).hexdigest()


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
