"""One contestant of bench/peers, in a process of its own: hears recordings and writes what it heard and what it cost.

    python bench/peers/peer.py NAME JOB.json

JOB.json is ``{"files": {id: {"path", "language"}}, "weights": folder, "threads": n, "out": file}``. The answer is
``{"files": {id: {"turns", "speakers", "stages_s", "cpu_s"}}, "wall_s", "peak_mb", "versions"}``: turns are
(speaker, start, end, text), speakers (speaker, start, end), times in seconds; `wall_s` where calls go side by side.
stages. whisperX runs in an environment of its own, so what is imported here is imported where it is needed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent
RATE_HZ = 16_000
PACKAGES = ("torch", "openai-whisper", "faster-whisper", "ctranslate2", "pyannote.audio", "whisperx")

Transcript = dict[str, Any]
Hear = Callable[[Path, str, dict[str, float]], Transcript]
"""Path, language and the stages to fill, to ``{"turns": …, "speakers": …}``."""


@contextmanager
def timed(stages_s: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        stages_s[stage] = stages_s.get(stage, 0.0) + time.perf_counter() - start


# --- what people stitch together ---


def pyannote(weights: Path, threads: int) -> Callable[[Any], list[tuple[str, float, float]]]:
    """pyannote's pipeline as its authors publish it (step 0.1, two speakers known), with the same networks as callqa:
    the hyperparameters are those of speaker-diarization-3.1."""
    sys.path.insert(0, str(CHECKOUT))
    from models.torchaudio_stub import load_torchaudio

    load_torchaudio()
    import torch
    from pyannote.audio import Model
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization
    from torch.nn.functional import interpolate
    from torchaudio.compliance.kaldi import fbank

    from models.campplus import load_campplus

    class Embedding(Model):
        """CAM++ as pyannote's pipeline wants it: waveforms (batch, 1, samples) and marked frames to vectors."""

        def __init__(self, network: Any) -> None:
            super().__init__(sample_rate=RATE_HZ, num_channels=1)
            self.network = network

        @property
        def dimension(self) -> int:
            return 192

        def forward(self, waveforms: Any, weights: Any = None) -> Any:
            vectors = []
            for number, waveform in enumerate(waveforms):
                frames = fbank(waveform * 32768.0, num_mel_bins=80, sample_frequency=RATE_HZ, dither=0.0)
                if weights is not None:
                    events = interpolate(weights[number][None, None].float(), size=len(frames), mode="nearest")[0, 0]
                    frames = frames[events > 0.5]
                if len(frames) < 10:
                    vectors.append(torch.full((192,), torch.nan))
                    continue
                frames = frames.repeat(-(-50 // len(frames)), 1)
                with torch.inference_mode():
                    vectors.append(self.network((frames - frames.mean(0))[None])[0])
            return torch.stack(vectors)

    torch.set_num_threads(threads)
    campplus = load_campplus(weights / "campplus-zh-en" / "campplus_cn_en_common.pt", threads)
    pipeline = SpeakerDiarization(
        segmentation=Model.from_pretrained(weights / "segmentation-3.0" / "pytorch_model.bin"),
        embedding=Embedding(campplus._network),
        embedding_exclude_overlap=True,
        plda=object.__new__(PLDA),
        clustering="AgglomerativeClustering",
    )
    pipeline.instantiate(
        {
            "segmentation": {"min_duration_off": 0.0},
            "clustering": {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7045654963945799},
        }
    )

    def diarize(samples: Any) -> list[tuple[str, float, float]]:
        given = {"waveform": torch.from_numpy(samples)[None], "sample_rate": RATE_HZ}
        found = pipeline(given, num_speakers=2).speaker_diarization
        return [(label, segment.start, segment.end) for segment, _, label in found.itertracks(yield_label=True)]

    return diarize


def attributed(words: list[tuple[float, float, str]], speakers: list[tuple[str, float, float]]) -> list[Any]:
    """Each piece of text to the speaker who speaks most during it, as whisperX and its kin do; else to the nearest."""
    turns = []
    for start, end, text in words:
        shares: dict[str, float] = {}
        for who, first, last in speakers:
            shares[who] = shares.get(who, 0.0) + max(0.0, min(end, last) - max(start, first))
        best = max(shares, key=shares.__getitem__, default="S1")
        if not shares.get(best):
            middle = (start + end) / 2
            near = sorted((max(first - middle, middle - last, 0.0), who) for who, first, last in speakers)
            best = near[0][1] if near else best
        turns.append((best, start, end, text))
    return turns


def openai_whisper(weights: Path, threads: int) -> Hear:
    import torch
    import whisper

    sys.path.insert(0, str(CHECKOUT))
    from models.openai_checkpoint import convert_to_openai
    from models.weights import OPENAI_FILE, WHISPER_BASE, require

    folder = require(weights, WHISPER_BASE)
    if not (folder / OPENAI_FILE).is_file():
        convert_to_openai(folder, folder / OPENAI_FILE)
    torch.set_num_threads(threads)
    model = whisper.load_model(str(folder / OPENAI_FILE))
    diarize = pyannote(weights, threads)

    def hear(path: Path, language: str, stages_s: dict[str, float]) -> Transcript:
        with timed(stages_s, "decode"):
            samples = whisper.load_audio(str(path))
        with timed(stages_s, "words"):
            said = model.transcribe(samples, language=language, fp16=False)
        with timed(stages_s, "speakers"):
            speakers = diarize(samples)
        words = [(s["start"], s["end"], s["text"]) for s in said["segments"]]
        return {"turns": attributed(words, speakers), "speakers": speakers}

    return hear


def faster_whisper(weights: Path, threads: int) -> Hear:
    from faster_whisper import WhisperModel, decode_audio

    sys.path.insert(0, str(CHECKOUT))
    from models.weights import WHISPER_BASE, require

    model = WhisperModel(str(require(weights, WHISPER_BASE)), device="cpu", compute_type="int8", cpu_threads=threads)
    diarize = pyannote(weights, threads)

    def hear(path: Path, language: str, stages_s: dict[str, float]) -> Transcript:
        with timed(stages_s, "decode"):
            samples = decode_audio(str(path))
        with timed(stages_s, "words"):
            segments, _ = model.transcribe(samples, language=language, word_timestamps=True)
            words = [(w.start, w.end, w.word) for s in segments for w in s.words or ()]
        with timed(stages_s, "speakers"):
            speakers = diarize(samples)
        return {"turns": attributed(words, speakers), "speakers": speakers}

    return hear


def whisperx(weights: Path, threads: int) -> Hear:
    """Recognition and its voice activity as whisperX ships them. Its aligner (wav2vec2) and its diarization come from a
    hub: words are placed by segment, and speakers come from the run of pyannote next to it."""
    sys.path.insert(0, str(CHECKOUT))
    from models.torchaudio_stub import load_torchaudio

    load_torchaudio()
    import whisperx as product

    model = product.load_model(
        str(weights / "whisper-base"), device="cpu", compute_type="int8", threads=threads, vad_method="pyannote"
    )

    def hear(path: Path, language: str, stages_s: dict[str, float]) -> Transcript:
        with timed(stages_s, "decode"):
            samples = product.load_audio(str(path))
        with timed(stages_s, "words"):
            said = model.transcribe(samples, language=language)
        words = [(s["start"], s["end"], s["text"]) for s in said["segments"]]
        return {"turns": [("S1", *word) for word in words], "speakers": []}

    return hear


# --- callqa ---


def callqa(weights: Path, threads: int) -> Hear:
    sys.path.insert(0, str(CHECKOUT))
    from flows.engines import load_engines
    from pipeline.run import hear as hear_file

    settings = callqa_settings(weights, threads=threads)
    engines = load_engines(settings)
    engines.recognizer.load()  # type: ignore[attr-defined]

    def hear(path: Path, language: str, stages_s: dict[str, float]) -> Transcript:
        heard = hear_file(path, "0" * 64, engines, settings)
        stages_s.update(heard.timings_s)
        return told(heard)

    return hear


def callqa_settings(weights: Path, **hear: Any) -> Any:
    from pipeline.settings import load_settings

    settings = load_settings()
    return settings.model_copy(
        update={
            "hear": settings.hear.model_copy(update={"language": "auto", **hear}),
            "paths": settings.paths.model_copy(update={"weights": weights}),
        }
    )


def told(heard: Any) -> Transcript:
    from pipeline.call.build import build_call
    from pipeline.datatypes import CDR

    call = build_call(heard, CDR())
    return {
        "turns": [(t.speaker, t.span.start_s, t.span.end_s, t.text) for t in call.turns],
        "speakers": [(s.speaker, s.span.start_s, s.span.end_s) for s in heard.speakers],
        "roles": dict(call.roles.by_speaker),
    }


def callqa_night(files: Mapping[str, Mapping[str, str]], weights: Path, threads: int) -> dict[str, Any]:
    """As a night hears: a process of one thread for each of `threads`, which take one call after another.

    Memory is that of the largest process, times their number.
    """
    sys.path.insert(0, str(CHECKOUT))
    from flows.worker_pool import WorkerPool
    from pipeline.datatypes import Transcript as Artefact
    from pipeline.storage import artefacts
    from pipeline.storage.files import file_sha256
    from pipeline.storage.home import Home

    settings = callqa_settings(weights, workers=threads, threads=1)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(threads) as callers:
        home = Home(Path(folder))
        settings = settings.model_copy(update={"paths": settings.paths.model_copy(update={"home": home.root})})
        with WorkerPool(settings) as pool:
            together, first = threading.Barrier(threads), Path(next(iter(files.values()))["path"])

            hashes = {call_id: file_sha256(Path(file["path"])) for call_id, file in files.items()}

            def load(_: int) -> None:
                together.wait()
                pool.hear(file_sha256(first), first)

            def hear(call_id: str) -> None:
                outcome = pool.hear(hashes[call_id], Path(files[call_id]["path"]))
                assert outcome.reason is None, outcome
                print(f"callqa-night: {call_id}", flush=True)

            list(callers.map(load, range(threads)))
            before_s, start = crew_cpu_s(pool), time.perf_counter()
            list(callers.map(hear, files))
            wall_s, cpu_s = time.perf_counter() - start, crew_cpu_s(pool) - before_s
            answers: dict[str, Transcript] = {}
            for call_id, sha256 in hashes.items():
                heard = artefacts.read(home.transcript(sha256, str(pool.fingerprint)), Artefact)
                answers[call_id] = {"stages_s": heard.timings_s, "cpu_s": cpu_s / len(files), **told(heard)}
    peak_mb = threads * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"files": answers, "wall_s": wall_s, "peak_mb": peak_mb}


def crew_cpu_s(pool: Any) -> float:
    """Processor time of all children until now."""
    stats = (Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split() for child in pool._all)
    return sum(int(user) + int(system) for *_, user, system in (s[:13] for s in stats)) / os.sysconf("SC_CLK_TCK")


def bare(weights: Path, threads: int) -> Hear:
    """Nothing but the network: encoder, beam search and alignment over speech that was cut out before the clock ran.

    The least that these weights cost with this search; what callqa takes beyond it is its own.
    """
    sys.path.insert(0, str(CHECKOUT))
    from faster_whisper.tokenizer import Tokenizer

    from models.vad import SileroVoiceActivity
    from models.whisper_ct2 import FasterWhisper
    from models.windows import cut_speech, merge_cuts
    from pipeline.hearing.decode import decode
    from pipeline.settings import load_settings

    settings = load_settings()
    engine = FasterWhisper("embedded", weights, device="cpu", threads=threads)
    engine.load()
    model, activity = engine._model, SileroVoiceActivity()

    def hear(path: Path, language: str, stages_s: dict[str, float]) -> Transcript:
        audio = decode(path, settings.decode, settings.ingest)
        tokenizer = Tokenizer(model.hf_tokenizer, True, "transcribe", language)
        prompt, cpu_s = model.get_prompt(tokenizer, []), 0.0
        for channel in audio.samples:
            for window in merge_cuts(channel, cut_speech(channel, activity.voiced(channel))):
                features = model.feature_extractor(window.samples)[..., :-1]
                before_s = time.process_time()
                with timed(stages_s, "words"):
                    encoded = model.encode(features[None])
                    found = model.model.generate(encoded, [prompt], beam_size=settings.hear.beam_size)
                    texts = [[t for t in found[0].sequences_ids[0] if t < tokenizer.eot]]
                    model.model.align(encoded, tokenizer.sot_sequence, texts, features.shape[-1])
                cpu_s += time.process_time() - before_s
        return {"turns": [], "speakers": [], "cpu_s": cpu_s}

    return hear


PEERS: dict[str, Callable[[Path, int], Hear]] = {
    "openai-whisper": openai_whisper,
    "faster-whisper": faster_whisper,
    "whisperx": whisperx,
    "callqa": callqa,
    "bare": bare,
}


def main() -> int:
    name, job_file = sys.argv[1:]
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    os.environ["PYANNOTE_METRICS_ENABLED"] = "false"
    versions = {package: found for package in PACKAGES if (found := _version(package))}
    answer = callqa_night if name == "callqa-night" else partial(one_by_one, name)
    found = answer(job["files"], Path(job["weights"]), job["threads"])
    Path(job["out"]).write_text(json.dumps(found | {"versions": versions}, ensure_ascii=False), encoding="utf-8")
    return 0


def one_by_one(name: str, calls: Mapping[str, Mapping[str, str]], weights: Path, threads: int) -> dict[str, Any]:
    """One call after another in this process."""
    hear = PEERS[name](weights, threads)
    # what loads lazily must not be counted against the first call
    first = next(iter(calls.values()))
    hear(Path(first["path"]), first["language"], {})
    files = {}
    for call_id, call in calls.items():
        stages_s: dict[str, float] = {}
        cpu_s = time.process_time()
        found = hear(Path(call["path"]), call["language"], stages_s)
        files[call_id] = {"cpu_s": time.process_time() - cpu_s, "stages_s": stages_s, **found}
        print(f"{name}: {call_id}", flush=True)
    return {"files": files, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
