"""Scores a run against the truth: every labelled recording of a folder transcribed, judged and compared.

The truth's channels are never given to the run: roles have to be found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.datatypes import CDR
from pipeline.errors import BadRecording, BadTruth, TransientFault
from pipeline.evaluation.degrade import AS_RECORDED, Rendering, degrade
from pipeline.evaluation.metrics import peak_memory_mb
from pipeline.evaluation.score import Score, figures_of, score_call, score_rules
from pipeline.evaluation.truth import TRANSCRIPTS, Labelled, LabelledRecording, call_from_truth, cdr_from_truth
from pipeline.hearing.decode import decode
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.messages import Message
from pipeline.run import Engines, hear_audio, judge
from pipeline.settings import Settings
from pipeline.storage.files import file_sha256

FileProgress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file that comes next."""


@dataclass(frozen=True)
class Bench:
    """What recordings are evaluated with. Without engines nothing is heard: the truth's own turns are judged."""

    settings: Settings
    engines: Engines | None
    rulebooks: Mapping[str, Rulebook]
    rendering: Rendering = AS_RECORDED
    use_cdr: bool = True


def evaluate_all(
    labelled: Labelled, bench: Bench, progress: FileProgress = lambda done, total, name: None
) -> dict[str, Any]:
    """Hear and judge every labelled recording and return the figures.

    The result is ``{"pooled": figures, "files": {id: figures}, "skipped": {file: why}}``, ready for JSON; shares and
    rates are 0–1 and up, a figure with no truth to compare is None. Raises BadTruth when there is nothing to score,
    BadSetting for a rendering that cannot be made.
    """
    skipped = dict(labelled.skipped)
    scores: dict[str, Score] = {}
    total = len(labelled.recordings)
    for number, one in enumerate(labelled.recordings):
        progress(number, total, one.id)
        try:
            scores[one.id] = _judge_script(one, bench) if bench.engines is None else _hear(one, bench, bench.engines)
        except BadTruth as error:
            skipped[one.id] = Message("{id}: {why}", id=one.id, why=error.message)
        except (BadRecording, TransientFault) as error:
            skipped[one.id] = error.message
    if total:
        progress(total, total, "")
    if not scores:
        raise BadTruth(_nothing(labelled, skipped))
    # memory can only be measured for the process as a whole
    memory = {"peak_memory_mb": round(peak_memory_mb(), 1)}
    return {
        "pooled": figures_of(sum(scores.values(), Score())) | memory,
        "files": {name: figures_of(score) | memory for name, score in scores.items()},
        "skipped": skipped,
    }


def _nothing(labelled: Labelled, skipped: Mapping[str, str]) -> Message:
    if not skipped:
        return Message(
            "{folder}: no truth here; put a JSON of the same name beside each recording, or a {table}",
            folder=labelled.folder,
            table=TRANSCRIPTS,
        )
    first, more = next(iter(skipped.values())), len(skipped) - 1
    if not more:
        return Message("{folder}: nothing could be scored: {why}", folder=labelled.folder, why=first)
    return Message(
        "{folder}: nothing could be scored: {why} (and {more} more like it)",
        folder=labelled.folder,
        why=first,
        more=more,
    )


def _judge_script(one: LabelledRecording, bench: Bench) -> Score:
    call = call_from_truth(one.truth, bench.use_cdr)
    rulebook = bench.rulebooks.get(call.language)
    rules, not_judged = score_rules(one.truth, judge_call(call, rulebook).verdicts if rulebook else ())
    return Score(rules=rules, not_judged=not_judged)


def _hear(one: LabelledRecording, bench: Bench, engines: Engines) -> Score:
    assert one.recording is not None
    settings = bench.settings
    if one.utterance:
        engines = replace(engines, diarizer=None)  # an utterance has one voice: only its words are scored
    cdr = cdr_from_truth(one.truth.meta) if bench.use_cdr else CDR()
    start = time.perf_counter()
    audio = decode(one.recording, settings.decode, settings.ingest)
    timings_s = {"decode": time.perf_counter() - start}
    audio = degrade(audio, bench.rendering, settings)
    sha256 = file_sha256(one.recording)
    transcript = hear_audio(audio, sha256, engines, settings, timings_s)
    start = time.perf_counter()
    judged = judge(transcript, cdr, bench.rulebooks)
    timings_s["judge"] = time.perf_counter() - start
    return score_call(one.truth, transcript, judged) + Score(timings_s=timings_s, audio_s=audio.duration_s)
