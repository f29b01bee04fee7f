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
import warnings
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.torchaudio_stub import load_torchaudio
from pipeline.datatypes import RATE_HZ, Samples, SpeakerSpan
from pipeline.errors import BadModel
from pipeline.timeline import Span

Vectors = npt.NDArray[np.float64]
Groups = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float32]
Known = Sequence[tuple[float, str]]
"""When a voice begins or ends, and which."""

COMMUNITY = "pyannote/speaker-diarization-community-1"

MARGIN_S = 0.25
"""Sound kept around voice: segmentation hears the beginnings better with some air before them."""

BEYOND_S = 0.2
"""How far from voice segmentation is still believed: soft beginnings and ends are speech, which voice activity leaves
out. Less than `UNIT_SHORTEST_S`, so that no voice is known by them."""

JOIN_S = 1.0
"""Pauses shorter than this stay in: they are part of the conversation's rhythm."""

SHORTEST_S = 1.0
"""Less voice than this is one speaker: no voice can be told from another by it."""

UNIT_S = 3.0
"""Longest stretch that gets a voice vector of its own."""

UNIT_SHORTEST_S = 0.25
UNIT_SURE_S = 0.6
UNIT_LONG_S = 1.0
"""Stretches under the first get no vector and take the voice heard nearest by; those under the second vote for no
centroid; those from the third on say where the search for voices begins."""

SAME_VOICE = 0.6
SAME_VOICE_PER_S = 0.05
SAME_VOICE_UP_TO_S = 3.0
"""Two speakers are one voice, split by force, when the cosine of their mean vectors reaches the first, plus the
second for every second of the one that is heard less, up to the third: a voice heard briefly resembles even itself
less. Measured with CAM++ at 8 kHz: one voice cut in two 0.66-0.73 with 1 s in the smaller part and 0.75-0.95 with
3 s; two voices 0.02-0.65."""

FURTHER_S = 3.0
FURTHER_LIKENESS = 0.56
"""A voice beyond the number expected (a recorded prompt, a colleague after a transfer, a bystander) is believed when
it is heard that long and is less like any other than that. Measured: the third of three voices 0.41-0.54; one of two
voices cut in two 0.58 and up, mostly 0.83 and up where the smaller part lasts three seconds."""

AUTO_S = 1.5
"""As `FURTHER_S`, when the number of speakers is left open: with the likeness of `SAME_VOICE`."""

MOST_VOICES = 6

SPAN_GAP_S = 0.2
OWN_PAUSE_S = 0.5
SPAN_SHORTEST_S = 0.1
"""A speaker's spans join over the first always, and over the second when nobody else speaks meanwhile."""

_BATCH = 8
_VERSION = "4"


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
            from pyannote.audio import Inference, Model

            from models.campplus import load_campplus

            try:
                segmentation: Any = Model.from_pretrained(segmentation_path)
            except Exception as error:
                raise BadModel(
                    f"{segmentation_path}: pyannote.audio cannot load it ({type(error).__name__}); "
                    "run `callqa models fetch`"
                ) from error
            self._segmentation: Any = Inference(
                segmentation,
                step=step * segmentation.specifications.duration,
                skip_aggregation=True,
                device=torch.device(device),
            )
            self._voices: Any = load_campplus(embedding_path, self._threads, device)

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        """Speaker spans of one channel (shape (n,), 16 kHz), "S1", "S2"… by first appearance; may overlap."""
        if _one_voice(voiced, self._speakers):
            return [SpeakerSpan(span, "S1") for span in voiced]
        self._load()
        # see `in_parallel` for why torch gets one thread
        with _quiet(), _torch_threads(1):
            return _named(self._by_voice(self._tracks(samples, voiced), samples))

    def _tracks(self, samples: Samples, voiced: Sequence[Span]) -> dict[str, list[Span]]:
        """Who speaks when by segmentation alone: a speaker is followed from window to window, not recognised."""
        from pyannote.audio.pipelines.utils import SpeakerDiarizationMixin
        from pyannote.core import SlidingWindow, SlidingWindowFeature

        pieces, sound = _put_together(samples, voiced)
        windows = _stitched(self._segmented(sound), self._segmentation.step / self._segmentation.duration)
        scores = SlidingWindowFeature(
            windows, SlidingWindow(start=0.0, duration=self._segmentation.duration, step=self._segmentation.step)
        )
        count = SpeakerDiarizationMixin.speaker_count(
            scores, self._segmentation.model.receptive_field, warm_up=(0.0, 0.0)
        )
        tracks = SpeakerDiarizationMixin.to_annotation(SpeakerDiarizationMixin.to_diarization(scores, count))
        return _taken_apart(tracks, pieces, _cells(voiced, samples.shape[0] / RATE_HZ))

    def _segmented(self, sound: Samples) -> Scores:
        """For each window and frame which of up to three speakers is heard; shape (windows, frames, 3), 0 or 1."""
        import torch

        from models.campplus import in_parallel

        size, hop = (round(s * RATE_HZ) for s in (self._segmentation.duration, self._segmentation.step))
        count = 1 + max(0, math.ceil((sound.size - size) / hop))
        padded = torch.from_numpy(np.pad(sound, (0, size + (count - 1) * hop - sound.size)))
        batches = torch.split(padded.unfold(0, size, hop)[:, None], _BATCH)
        return np.concatenate(in_parallel(self._segmentation.infer, batches, self._threads))

    def _by_voice(self, tracks: dict[str, list[Span]], samples: Samples) -> dict[str, list[Span]]:
        """Decide who speaks in each stretch between two pauses or changes of speaker, by its voice.

        Segmentation sees ten seconds at a time, and takes two voices that are alike for one in them; a vector of
        such a mixture is near both. Stretches that lie between pauses are purer. Overlapping parts keep both.
        """
        units = _units(tracks)
        heard = [(span, track) for span, track in units if span.duration_s >= UNIT_SHORTEST_S]
        if len(heard) < 2:
            return {"one": [span for spans in tracks.values() for span in spans]}
        vectors = self._voices.vectors(samples, [span for span, _ in heard])
        durations = np.array([span.duration_s for span, _ in heard])
        voices = [str(voice) for voice in _told_apart(vectors, durations, self._speakers)]
        result: dict[str, list[Span]] = {voice: [] for voice in voices}
        known: dict[str, list[tuple[float, str]]] = {track: [] for track in tracks}
        for (span, track), voice in zip(heard, voices, strict=True):
            result[voice].append(span)
            known[track] += [(span.start_s, voice), (span.end_s, voice)]
        everyone = sorted(pair for pairs in known.values() for pair in pairs)
        for span, track in units:
            if span.duration_s < UNIT_SHORTEST_S:
                result[_nearest(known[track] or everyone, span.middle_s)].append(span)
        for span, *both in _overlaps(tracks):
            for voice in _at_once(span.middle_s, [known[track] for track in both], everyone):
                result[voice].append(span)
        return result


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

    pieces, sound = _put_together(samples, voiced)
    expected = {} if speakers == "auto" else {"num_speakers": speakers}
    output = pipeline(
        {"waveform": torch.from_numpy(sound)[None], "sample_rate": RATE_HZ, "uri": "call"},
        **expected,
    )
    return _taken_apart(output.speaker_diarization, pieces, _cells(voiced, samples.shape[0] / RATE_HZ))


def _put_together(samples: Samples, voiced: Sequence[Span]) -> tuple[list[Span], Samples]:
    """The pieces worth hearing, and their sound as one."""
    pieces = _pieces(voiced, samples.shape[0] / RATE_HZ)
    sound = [samples[round(piece.start_s * RATE_HZ) : round(piece.end_s * RATE_HZ)] for piece in pieces]
    return pieces, np.concatenate(sound)


def _taken_apart(annotation: Any, pieces: Sequence[Span], cells: Sequence[Span]) -> dict[str, list[Span]]:
    """What was heard in pieces put together, per label, where it is in the recording: what is in cells, cut by them."""
    found: dict[str, list[Span]] = {}
    for segment, _, label in annotation.itertracks(yield_label=True):
        for span in _put_back(segment.start, segment.end, pieces):
            found.setdefault(str(label), []).extend(_inside(span, cells))
    return {label: spans for label, spans in found.items() if spans}


def _stitched(windows: Scores, step: float) -> Scores:
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


def _overlaps(tracks: dict[str, list[Span]]) -> Iterator[tuple[Span, str, str]]:
    """Where two tracks speak at once, and which."""
    speaking: list[tuple[Span, str]] = []
    for span, track in sorted((span, track) for track, spans in tracks.items() for span in spans):
        speaking = [item for item in speaking if item[0].end_s > span.start_s]
        for other, whose in speaking:
            if whose != track:
                yield Span(span.start_s, min(span.end_s, other.end_s)), whose, track
        speaking.append((span, track))


def _at_once(at_s: float, tracks: Sequence[Known], everyone: Known) -> set[str]:
    """The voices of two tracks where they overlap: two where a second is known at all.

    A voice cannot speak twice at once. Where both tracks are near the same, as they are when a track goes on from
    one speaker to the next, segmentation still hears two: the second is whoever else is heard nearest.
    """
    voices = {_nearest(known or everyone, at_s) for known in tracks}
    others = [item for item in everyone if item[1] not in voices]
    return voices | {_nearest(others, at_s)} if len(voices) == 1 and others else voices


def _nearest(known: Known, at_s: float) -> str:
    """The voice heard nearest in time; `known` is sorted by it."""
    place = bisect(known, (at_s, ""))
    return min(known[max(0, place - 1) : place + 1], key=lambda item: abs(item[0] - at_s))[1]


def _told_apart(vectors: Vectors, durations: Vectors, speakers: int | Literal["auto"]) -> Groups:
    """Which voice each stretch has: the number expected, one fewer where they are alike, more where that is sure."""
    least_s, likeness = (AUTO_S, SAME_VOICE) if speakers == "auto" else (FURTHER_S, FURTHER_LIKENESS)
    group, centroids = _grouped(vectors, durations, 2 if speakers == "auto" else speakers)
    while len(centroids) < MOST_VOICES:
        more, theirs = _grouped(vectors, durations, len(centroids) + 1)
        lasting_s = [float(durations[(more == k) & (durations >= UNIT_SURE_S)].sum()) for k in range(len(theirs))]
        fewest = int(np.argmin(lasting_s))
        alike = max((float(theirs[k] @ theirs[fewest]) for k in range(len(theirs)) if k != fewest), default=1.0)
        apart = len(set(_same_voices(more, durations, theirs))) == len(theirs)
        if len(theirs) <= len(centroids) or min(lasting_s) < least_s or alike >= likeness or not apart:
            break
        group, centroids = more, theirs
    return np.asarray(_same_voices(group, durations, centroids))[group]


def _grouped(vectors: Vectors, durations: Vectors, count: int) -> tuple[Groups, Vectors]:
    """Spherical k-means, weighted by duration, from a Ward tree of the long stretches; `count` groups or fewer."""
    from scipy.cluster.hierarchy import fcluster, linkage  # type: ignore[import-untyped]

    long = np.flatnonzero(durations >= UNIT_LONG_S)
    if long.size <= count:
        long = np.argsort(-durations)[: 4 * count]
    tree = fcluster(linkage(vectors[long], "ward"), count, "maxclust") - 1
    means = np.stack([vectors[long][tree == k].sum(axis=0) for k in range(tree.max() + 1)])
    return _k_means(vectors, np.minimum(durations, UNIT_S) * (durations >= UNIT_SURE_S) + 1e-3, means)


def _k_means(vectors: Vectors, weights: Vectors, means: Vectors) -> tuple[Groups, Vectors]:
    centroids = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    group = np.asarray((vectors @ centroids.T).argmax(axis=1))
    for _ in range(25):
        for k in range(len(centroids)):
            total = (vectors * (weights * (group == k))[:, None]).sum(axis=0)
            # a group that lost all its members stays where it was
            if np.linalg.norm(total) > 0:
                centroids[k] = total / np.linalg.norm(total)
        new = np.asarray((vectors @ centroids.T).argmax(axis=1))
        if np.array_equal(new, group):
            break
        group = new
    return group, centroids


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


def _cells(voiced: Sequence[Span], duration_s: float) -> list[Span]:
    """Each voiced span, and what is near it before and after, apart; none where there is no room."""
    inner_s = [(after.start_s - before.end_s) / 2 for before, after in pairwise(voiced)]
    room_s = [voiced[0].start_s, *inner_s, max(0.0, duration_s - voiced[-1].end_s)]
    cells: list[Span] = []
    for span, (before_s, after_s) in zip(voiced, pairwise(room_s), strict=True):
        start_s, end_s = span.start_s - min(BEYOND_S, before_s), span.end_s + min(BEYOND_S, after_s)
        cells += [Span(start_s, span.start_s), span, Span(span.end_s, end_s)]
    return [cell for cell in cells if cell.duration_s > 0]


def _put_back(start_s: float, end_s: float, pieces: Iterable[Span]) -> Iterator[Span]:
    """A stretch of the sound that was put together, as stretches of the recording."""
    offset_s = 0.0
    for piece in pieces:
        first, last = max(start_s, offset_s), min(end_s, offset_s + piece.duration_s)
        if last > first:
            yield Span(piece.start_s + first - offset_s, piece.start_s + last - offset_s)
        offset_s += piece.duration_s


def _inside(span: Span, others: Iterable[Span]) -> Iterator[Span]:
    for other in others:
        start_s, end_s = max(span.start_s, other.start_s), min(span.end_s, other.end_s)
        if end_s > start_s:
            yield Span(start_s, end_s)


def _named(found: dict[str, list[Span]]) -> list[SpeakerSpan]:
    """Spans tidied and speakers named S1, S2… by first appearance."""
    tidy: dict[str, list[Span]] = {}
    for span, label in sorted((span, label) for label, spans in found.items() for span in spans):
        own = tidy.setdefault(label, [])
        pause_s = span.start_s - own[-1].end_s if own else math.inf
        # whoever spoke meanwhile began before this span, and was the last of its label
        alone = all(spans[-1].end_s <= own[-1].end_s for other, spans in tidy.items() if own and other != label)
        if pause_s <= SPAN_GAP_S or (alone and pause_s <= OWN_PAUSE_S):
            own[-1] = Span(own[-1].start_s, max(own[-1].end_s, span.end_s))
        else:
            own.append(span)
    tidy = {label: [span for span in spans if span.duration_s >= SPAN_SHORTEST_S] for label, spans in tidy.items()}
    order = sorted((label for label, spans in tidy.items() if spans), key=lambda label: tidy[label][0])
    names = {label: f"S{number}" for number, label in enumerate(order, start=1)}
    result = [SpeakerSpan(span, names[label]) for label in order for span in tidy[label]]
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
