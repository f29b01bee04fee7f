"""How well, and how fast, speakers are separated on one channel; no words are recognised.

    python bench/diarization.py DIR [DIR…]                    # recordings with their truths, mixed to one channel
    python bench/diarization.py DIR --threads 2 --speakers auto --only aishell

A line a call, shares of reference speech: the diarization error rate without collar and with 0.25 s, and without it
what was missed, falsely alarmed and confused (pyannote.metrics); how much of the time when two speak at once was
found, and how much of what was found is so; voices found and true; processor and wall seconds a second of sound,
diarization alone. All calls are weighed together in the last line.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.engines import load_engines
from pipeline.datatypes import Samples, SpeakerSpan
from pipeline.evaluation.degrade import Rendering, degrade
from pipeline.evaluation.score import COLLAR_S
from pipeline.evaluation.truth import LabelledRecording, find_labelled
from pipeline.hearing.decode import decode
from pipeline.hearing.line_events import line_events, without_events
from pipeline.run import Engines
from pipeline.settings import Settings
from pipeline.timeline import Span, Timeline

COLUMNS = ("DER", "collar", "missed", "false", "confused", "overlap", "precise", "voices", "cpu", "wall")


def voice_of(case: LabelledRecording, engines: Engines, settings: Settings) -> tuple[Samples, tuple[Span, ...]]:
    """A call as one channel, and where it is voiced: what the diarizer is given in a night."""
    assert case.recording is not None
    audio = degrade(decode(case.recording, settings.decode, settings.ingest), Rendering(mono=True), settings)
    voices = tuple(engines.voice_activity.voiced(channel, shared=True) for channel in audio.samples)
    return audio.samples[0], without_events(voices, line_events(audio, voices), audio)[0]


def overlaps(spans: list[tuple[Span, str]]) -> Timeline:
    """When two or more speak at once."""
    by = {who: Timeline(span for span, whose in spans if whose == who) for _, who in spans}
    return Timeline(span for one, other in combinations(by.values(), 2) for span in one & other)


def counts(case: LabelledRecording, found: list[SpeakerSpan], duration_s: float) -> Counter[str]:
    """Seconds of errors and of what they are shares of."""
    from pyannote import core
    from pyannote.metrics.diarization import DiarizationErrorRate

    told = [(turn.span, turn.voice or "") for turn in case.truth.turns if turn.span.duration_s > 0]
    heard = [(item.span, item.speaker) for item in found]

    def annotation(spans: list[tuple[Span, str]]) -> Any:
        made = core.Annotation()
        for track, (span, who) in enumerate(spans):
            made[core.Segment(span.start_s, span.end_s), track] = who
        return made

    everything = core.Timeline([core.Segment(0, max(duration_s, *(span.end_s for span, _ in told)))])
    result: Counter[str] = Counter()
    for collar_s, name in ((0.0, ""), (COLLAR_S, " collar")):
        # its collar is the whole gap around a boundary, half of it on either side
        metric = DiarizationErrorRate(collar=2 * collar_s)
        errors = metric(annotation(told), annotation(heard), uem=everything, detailed=True)
        for part in ("missed detection", "false alarm", "confusion", "total"):
            result[part + name] = errors[part]
    both, both_heard = overlaps(told), overlaps(heard)
    result["both"], result["both heard"] = both.total_s, both_heard.total_s
    result["both right"] = (both & both_heard).total_s
    result["sound"] = duration_s
    return result


def line(name: str, c: Counter[str], voices: str) -> str:
    """One line of the table."""

    def share(part: float, whole: float) -> str:
        return f"{100 * part / whole:8.1f}" if whole else f"{'-':>8}"

    parts = ("missed detection", "false alarm", "confusion")
    cells = [
        share(sum(c[part] for part in parts), c["total"]),
        share(sum(c[f"{part} collar"] for part in parts), c["total collar"]),
        *(share(c[part], c["total"]) for part in parts),
        share(c["both right"], c["both"]),
        share(c["both right"], c["both heard"]),
        f"{voices:>8}",
        f"{c['cpu'] / c['sound']:8.3f}",
        f"{c['wall'] / c['sound']:8.3f}",
    ]
    return f"{name:32}" + "".join(cells)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--only", default="", help="calls whose id holds this")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--speakers", default="2", help="voices to expect, or auto")
    parser.add_argument("--step", type=float, help="step of the segmentation window")
    given = parser.parse_args()
    hear = {"threads": given.threads, "diarization": "embedded"}
    hear["speakers"] = given.speakers if given.speakers == "auto" else int(given.speakers)
    if given.step:
        hear["diarization_step"] = given.step
    settings = Settings.model_validate({"hear": hear})
    engines = load_engines(settings)
    assert engines.diarizer is not None
    print(f"{'%':32}" + "".join(f"{name:>8}" for name in COLUMNS))
    pooled: Counter[str] = Counter()
    calls = right = 0
    for case in [case for folder in given.folders for case in find_labelled(folder, settings).recordings]:
        if given.only not in case.id or not any(turn.span.duration_s > 0 for turn in case.truth.turns):
            continue
        samples, voiced = voice_of(case, engines, settings)
        if not calls:
            engines.diarizer.diarize(samples, voiced)  # loads the weights
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        found = engines.diarizer.diarize(samples, voiced)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        count = counts(case, found, len(samples) / 16_000) + Counter({"cpu": cpu_s, "wall": wall_s})
        voices, true = len({item.speaker for item in found}), len({turn.voice for turn in case.truth.turns})
        print(line(case.id, count, f"{voices}/{true}"), flush=True)
        pooled, calls, right = pooled + count, calls + 1, right + (voices == true)
    if calls:
        print(line(f"all {calls}", pooled, f"{right} right"))
    return 0 if calls else 1


if __name__ == "__main__":
    sys.exit(main())
