"""What `hear.hot_words` does: names heard with and without it, errors of all words, and what is made of no speech.

    python bench/hot_words.py FOLDER [--names NAME …] [--limit N] [--keep FOLDER]

The names are those of the companies in the truth's CDR, unless given, all of them for every call. A name counts as
heard as often as the text of its call has it, at most as often as the truth has it; what goes beyond was put in. For
no speech, noise of some levels is held to be speech; words that no gate caught there are echoes or inventions.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

from kept import hear_kept

from flows.engines import load_engines
from pipeline.datatypes import RATE_HZ
from pipeline.evaluation.score import Score, word_errors
from pipeline.evaluation.truth import LabelledRecording, find_labelled
from pipeline.hearing.postprocess import postprocess
from pipeline.language.normalise import normalise
from pipeline.settings import Settings, load_settings
from pipeline.timeline import Span

NOISE_DBFS = (-70.0, -50.0, -30.0)
NOISE_S = 4.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--names", nargs="+")
    parser.add_argument("--limit", type=int, help="take every call up to so many")
    parser.add_argument("--keep", type=Path, help="where hearings are kept, to be read the next time")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    settings = load_settings()
    cases = [case for case in find_labelled(given.folder, settings).recordings if case.truth.worded]
    companies = {case.truth.meta.get("company") for case in cases}
    names = tuple(given.names or sorted(name for name in companies if name))
    named = [case for case in cases if any(occurrences(name, spoken(case), case) for name in names)][: given.limit]
    if not named:
        parser.error("no call of this folder has one of the names; give others with --names")
    print(f"{len(named)} calls, {len(names)} names")
    for hot_words in ((), names):
        hear = settings.hear.model_copy(update={"hot_words": hot_words, "threads": given.threads})
        print(
            f"{len(hot_words)} hot words: " + figures(named, names, settings.model_copy(update={"hear": hear}), given)
        )
    return 0


def figures(
    cases: list[LabelledRecording], names: tuple[str, ...], settings: Settings, given: argparse.Namespace
) -> str:
    engines = replace(load_engines(settings), diarizer=None)
    said = heard = put_in = made_up = 0
    errors = Score()
    for case in cases:
        assert case.recording is not None
        kept = [s for s in hear_kept(case.recording, engines, settings, given.keep).segments if not s.gate]
        text = " ".join(segment.text for segment in kept)
        errors += word_errors(case.truth, [(f"ch{s.channel}", s.text) for s in kept])
        for name in names:
            in_truth, in_text = occurrences(name, spoken(case), case), occurrences(name, text, case)
            said += in_truth
            heard += min(in_truth, in_text)
            put_in += max(0, in_text - in_truth)
    generator = np.random.default_rng(0)
    for level_dbfs in NOISE_DBFS:
        noise = (10 ** (level_dbfs / 20) * generator.standard_normal(int(NOISE_S * RATE_HZ))).astype(np.float32)
        forced = (Span(0.5, NOISE_S - 0.5),)
        for language in ("zh", "en"):
            segments = postprocess(
                engines.recognizer.transcribe([noise], [forced], language), [forced], hot_words=settings.hear.hot_words
            )
            made_up += sum(not segment.gate for segment in segments)
    rates = (
        f"{name} {100 * rate:.1f} %" for name, rate in (("CER", errors.cer.rate), ("WER", errors.wer.rate)) if rate
    )
    return (
        f"{heard} of {said} names heard, {put_in} put in, {', '.join(rates)}, "
        f"{made_up} of {2 * len(NOISE_DBFS)} noises have words"
    )


def spoken(case: LabelledRecording) -> str:
    return " ".join(turn.text for turn in case.truth.turns if turn.text)


def occurrences(name: str, text: str, case: LabelledRecording) -> int:
    language = case.truth.language
    return f" {normalise(text, language)} ".count(normalise(name, language))


if __name__ == "__main__":
    sys.exit(main())
