"""callqa against what people would run instead: the same recordings, cores and Whisper weights, in one go.

    python bench/peers/run.py                        # every second practice call, some 20 minutes on two cores
    python bench/peers/run.py --every 1              # all of them
    python bench/peers/run.py --whisperx PYTHON      # with whisperX, installed in an environment of its own

(a) openai-whisper and (b) faster-whisper, each with pyannote at its defaults and the segments given to the speakers;
(c) whisperX, its recognition with its own voice activity: its aligner and its diarization come from a hub, so it is
given (b)'s speakers and their time; (d) callqa on the mixed mono; (e) callqa on the stereo as recorded. Peers take the
first speaker for the agent, as such scripts do. (f) is no contestant: the least processor time that these weights
take for the speech of (e), of which callqa's own share is told. All these are one process with a thread for every core.
(g) and (h) are callqa as its nights run by default, a process of one thread for every core, which share the calls:
their time is from the first call's start to the last one's end, and the stages are scaled to it. The table and the
chart go to bench/results/.

whisperX's wheel asks for older libraries than the CPU build of torch 2.13 goes with. The run in bench/results had
whisperX 3.8.6 (pip install --no-deps) in an environment with pyannote.audio 4.0.7, torch 2.13.0, faster-whisper 1.2.1,
nltk, pandas and transformers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.datatypes import Audio, Role, SpeakerSpan
from pipeline.evaluation.degrade import mixed
from pipeline.evaluation.metrics import role_time
from pipeline.evaluation.score import Score, diarization_errors, word_errors
from pipeline.evaluation.truth import LabelledRecording, find_labelled
from pipeline.hearing.decode import decode
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.settings import Settings, load_settings
from pipeline.timeline import Span

SHARED = CHECKOUT.parent / "shared"
RESULTS = CHECKOUT / "bench" / "results"
STAGES = ("decode", "voice activity", "sounds", "language", "words", "speakers")
COLOURS = ("#888888", "#7a9a3d", "#b0b0b0", "#c28f2c", "#2f6db5", "#b5482f")


@dataclass(frozen=True)
class Peer:
    title: str
    script: str
    mono: bool


PEERS = {
    "a": Peer("openai-whisper + pyannote", "openai-whisper", True),
    "b": Peer("faster-whisper + pyannote", "faster-whisper", True),
    "c": Peer("whisperX (+ pyannote)", "whisperx", True),
    "d": Peer("callqa, mono", "callqa", True),
    "e": Peer("callqa, stereo", "callqa", False),
    "f": Peer("the bare network over (e)'s speech", "bare", False),
    "g": Peer("callqa, mono, as a night runs it", "callqa-night", True),
    "h": Peer("callqa, stereo, as a night runs it", "callqa-night", False),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[SHARED / "synthetic-calls", SHARED / "real-calls"])
    parser.add_argument("--every", type=int, default=2, help="take every n-th call of those with words and two sides")
    parser.add_argument("--only", default="".join(PEERS), help="letters of the peers to run")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--whisperx", type=Path, help="the Python of an environment that has whisperX")
    given = parser.parse_args()
    settings = load_settings()
    cases = [case for folder in given.folders for case in two_sided(folder, settings)][:: given.every]
    if not cases:
        parser.error("no stereo call with words in these folders; name others")
    wanted = [letter for letter in PEERS if letter in given.only and (letter != "c" or given.whisperx)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths_s = {case.id: write(case, folder, settings) for case in cases}
        answers: dict[str, dict[str, Any]] = {}
        for letter in wanted:
            print(f"({letter}) {PEERS[letter].title}", flush=True)
            python = str(given.whisperx) if letter == "c" else sys.executable
            answers[letter] = run(PEERS[letter], cases, folder, python, given.threads, settings)
    if "b" in answers and "c" in answers:
        lend_speakers(answers["b"], answers["c"])
    rows = {letter: figures(PEERS[letter], answer, cases, lengths_s) for letter, answer in answers.items()}
    RESULTS.mkdir(exist_ok=True)
    text = table(rows, answers, sum(lengths_s.values()), len(cases), given.threads)
    print(text)
    (RESULTS / "peers.md").write_text(text, encoding="utf-8")
    chart(rows, RESULTS / "peers.png")
    return 0


def two_sided(folder: Path, settings: Settings) -> list[LabelledRecording]:
    """The stereo calls of a folder whose truth has words and roles."""
    cases = find_labelled(folder, settings).recordings
    return [
        case for case in cases
        if case.recording and case.truth.worded and case.truth.channels
        and {turn.role for turn in case.truth.turns} == {"agent", "customer"}
    ]  # fmt: skip


def write(case: LabelledRecording, folder: Path, settings: Settings) -> float:
    """The call as 16-bit files, stereo and mixed; its length in seconds. Everybody reads the same."""
    assert case.recording is not None
    audio = decode(case.recording, settings.decode, settings.ingest)
    for kind, sound in (("stereo", audio), ("mono", mixed(audio))):
        save(sound, folder / f"{case.id}.{kind}.wav")
    return audio.duration_s


def save(audio: Audio, file: Path) -> None:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(audio.channels)
        out.setsampwidth(2)
        out.setframerate(audio.rate_hz)
        out.writeframes((np.clip(audio.samples.T, -1, 1) * 32767).astype("<i2").tobytes())


def run(
    peer: Peer, cases: list[LabelledRecording], folder: Path, python: str, threads: int, settings: Settings
) -> dict[str, Any]:
    kind = "mono" if peer.mono else "stereo"
    job = {
        "files": {c.id: {"path": str(folder / f"{c.id}.{kind}.wav"), "language": c.truth.language} for c in cases},
        "weights": str(settings.paths.weights),
        "threads": threads,
        "out": str(folder / f"{peer.script}.{kind}.json"),
    }
    job_file = folder / "job.json"
    job_file.write_text(json.dumps(job), encoding="utf-8")
    ffmpeg = folder / "ffmpeg"  # the peers call it by that name
    if not ffmpeg.exists():
        ffmpeg.symlink_to(ffmpeg_executable(settings.decode.ffmpeg))
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PATH": path}
    script = str(CHECKOUT / "bench" / "peers" / "peer.py")
    subprocess.run([python, script, peer.script, str(job_file)], check=True, env=environment)
    answer: dict[str, Any] = json.loads(Path(job["out"]).read_text(encoding="utf-8"))  # type: ignore[arg-type]
    return answer


def lend_speakers(lender: Mapping[str, Any], borrower: dict[str, Any]) -> None:
    """Give whisperX the speakers that pyannote found, the cost included."""
    from peer import attributed

    for call_id, call in borrower["files"].items():
        other = lender["files"][call_id]
        call["speakers"] = other["speakers"]
        call["turns"] = attributed([turn[1:] for turn in call["turns"]], [tuple(s) for s in other["speakers"]])
        call["stages_s"]["speakers"] = other["stages_s"]["speakers"]


def figures(
    peer: Peer, answer: Mapping[str, Any], cases: list[LabelledRecording], lengths_s: Mapping[str, float]
) -> dict[str, Any]:
    total, audio_s = Score(), sum(lengths_s.values())
    stages = dict.fromkeys(STAGES, 0.0)
    for case in cases:
        heard = answer["files"][case.id]
        for stage, seconds in heard["stages_s"].items():
            stages[stage] += seconds / audio_s
        if peer.script == "bare":
            continue
        turns = sorted(heard["turns"], key=lambda turn: turn[1])
        speakers = [SpeakerSpan(Span(start, end), who) for who, start, end in heard["speakers"]]
        total += word_errors(case.truth, [(who, text) for who, _, _, text in turns])
        der, der_collar = diarization_errors(case.truth, speakers, lengths_s[case.id])
        first = min(speakers, key=lambda s: s.span.start_s).speaker if speakers else None
        roles: dict[str, Role] = heard.get("roles") or {
            s.speaker: "agent" if s.speaker == first else "customer" for s in speakers
        }
        reference = [(turn.role, turn.span) for turn in case.truth.turns if turn.role]
        found = role_time(reference, [(roles.get(s.speaker, "unknown"), s.span) for s in speakers])
        total += Score(der=der, der_collar=der_collar, role_time=found)
    rtf = sum(stages.values())
    if "wall_s" in answer:
        side_by_side = answer["wall_s"] / audio_s / rtf
        rtf, stages = rtf * side_by_side, {stage: share * side_by_side for stage, share in stages.items()}
    return {
        "title": peer.title, "cer": total.cer.rate, "wer": total.wer.rate, "cpcer": total.cpcer.rate,
        "cpwer": total.cpwer.rate, "der": total.der.rate, "der_collar": total.der_collar.rate,
        "role": total.role_time.accuracy, "stages": stages, "peak_mb": answer["peak_mb"],
        "rtf": rtf,
        "cpu": sum(call["cpu_s"] for call in answer["files"].values()) / audio_s,
    }  # fmt: skip


def table(
    rows: Mapping[str, dict[str, Any]], answers: Mapping[str, Any], audio_s: float, calls: int, threads: int
) -> str:
    versions = {name: found for answer in answers.values() for name, found in answer["versions"].items()}
    base = rows.get("a", {}).get("rtf")

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f}"

    lines = [
        f"# Peers, {date.today():%Y-%m-%d}", "",
        f"{calls} two-sided calls, {audio_s:.0f} s, {threads} threads, Whisper base; loading of models left out. "
        "Errors in %, times as real-time factors (seconds of work for a second of recording).", "",
        "| | CER | WER | cpCER | cpWER | DER | DER ±0.25 s | role time | RTF | times (a) | "
        + " | ".join(STAGES) + " | processor | peak MB |",
        "|---|" + "---:|" * (11 + len(STAGES)),
    ]  # fmt: skip
    for letter, row in rows.items():
        rates = (percent(row[key]) for key in ("cer", "wer", "cpcer", "cpwer", "der", "der_collar", "role"))
        faster = f"{base / row['rtf']:.1f}" if base else "–"
        stages = (f"{row['stages'][stage]:.3f}" if row["stages"][stage] else "–" for stage in STAGES)
        cells = [f"({letter}) {row['title']}", *rates, f"{row['rtf']:.3f}", faster, *stages,
                 f"{row['cpu']:.3f}", f"{row['peak_mb']:.0f}"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", ", ".join(f"{name} {found}" for name, found in sorted(versions.items())), ""]
    if "e" in rows and "f" in rows:
        lines += [f"callqa on stereo takes {rows['e']['cpu'] / rows['f']['cpu']:.2f} × the processor time of (f).", ""]
    if "c" in rows:
        lines += ["(c)'s processor time is without the speakers, which are (b)'s.", ""]
    return "\n".join(lines)


def chart(rows: Mapping[str, dict[str, Any]], file: Path) -> None:
    """Stacked bars: where each spends its time, as a real-time factor."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.8 + 0.5 * len(rows)), layout="constrained")
    titles = [row["title"] for row in rows.values()]
    left = [0.0] * len(rows)
    for stage, colour in zip(STAGES, COLOURS, strict=True):
        parts = [row["stages"][stage] for row in rows.values()]
        axes.barh(titles, parts, left=left, label=stage, color=colour)
        left = [before + part for before, part in zip(left, parts, strict=True)]
    for number, total in enumerate(left):
        axes.text(total, number, f" {total:.2f}", va="center")
    axes.invert_yaxis()
    axes.set_xlabel("time spent, as a real-time factor")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
