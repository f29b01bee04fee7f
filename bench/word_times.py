"""Whether words carry usable times and whether the words that matter survive, against the truth of practice calls.

    python bench/word_times.py ../shared/synthetic-calls
    python bench/word_times.py ../shared/synthetic-calls --codec mulaw --noise-db 15 --keep /tmp/heard

Onset error: from a truth turn's start to the start of the first word that was heard in it, on its channel. Short
replies: truth turns of one or two syllables (three with --short 3), heard (any word) and right (the same word).
Digits, and surnames with a title: those of the truth's turns that are in what was heard there. Coverage: the share of
voiced time that has words. On mono calls words of either side count.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

from kept import hear_kept

from flows.engines import load_engines
from pipeline.call.echo import find_echoes, without_echoes
from pipeline.call.words import transcribed_words
from pipeline.datatypes import Transcript, Word
from pipeline.evaluation.degrade import Rendering
from pipeline.evaluation.truth import Truth, TruthTurn, find_labelled
from pipeline.language.normalise import normalise
from pipeline.language.text import put_together, speech_units
from pipeline.settings import load_settings

REACH_S = 0.3
"""A word whose middle lies this far outside a truth turn is still taken for one of it."""

_DIGITS = re.compile(r"\d+")
_NAMED = {
    "zh": re.compile(r"[\u4e00-\u9fff](?:先生|女士|小姐|太太|师傅|经理|老师)"),
    "en": re.compile(r"(?:mr|mrs|ms|miss|doctor|dr) [a-z]+"),
}
_NO_SURNAME = "的是位叫问给和请好这那谢"


@dataclass
class Found:
    """What was counted, over all calls."""

    onsets_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    turns: int = 0
    silent: int = 0
    short: list[tuple[bool, bool]] = field(default_factory=list)
    digits: list[bool] = field(default_factory=list)
    names: list[bool] = field(default_factory=list)
    coverage: list[float] = field(default_factory=list)


def words_of(turn: TruthTurn, words: list[Word], channel: int | None) -> list[Word]:
    """The words that were heard in a truth turn, on its channel."""
    return [
        word
        for word in words
        if channel in (None, word.channel) and turn.start_s - REACH_S <= word.span.middle_s <= turn.end_s + REACH_S
    ]


def things(text: str, language: str) -> Iterator[tuple[str, str]]:
    """("digits" or "names", normalised text) of everything in a truth turn that must be right to the letter."""
    plain = normalise(text, language)
    for match in _DIGITS.finditer(plain):
        if len(match.group()) >= 2:
            yield "digits", match.group()
    for match in _NAMED[language].finditer(plain):
        if match.group()[0] not in _NO_SURNAME:
            yield "names", match.group()


def compare(truth: Truth, heard: Transcript, short: int, found: Found, sides: dict[str, int], show: bool) -> None:
    """Add one call's turns to what was found."""
    words = transcribed_words(heard)
    words = without_echoes(words, find_echoes(words, heard))
    found.coverage.append(heard.coverage)
    for turn in truth.turns:
        if not turn.text:
            continue
        own = words_of(turn, words, sides.get(turn.role or "") if heard.channels > 1 else None)
        found.turns += 1
        text = normalise(put_together(own, truth.language), truth.language)
        wanted = normalise(turn.text, truth.language)
        if own:
            found.onsets_s.append(own[0].span.start_s - turn.start_s)
            found.ends_s.append(own[-1].span.end_s - turn.end_s)
        else:
            found.silent += 1
        if speech_units(wanted) <= short:
            found.short.append((bool(own), wanted in text))
        for kind, thing in things(turn.text, truth.language):
            right = thing in text
            getattr(found, kind).append(right)
            if show and not right:
                print(f"    {kind} {thing!r} not in {text!r}")
        if show and speech_units(wanted) <= short and wanted not in text:
            print(f"    short {wanted!r} at {turn.start_s:.1f} s heard as {text!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--codec")
    parser.add_argument("--noise-db", type=float)
    parser.add_argument("--mono", action="store_true")
    parser.add_argument("--short", type=int, default=2, help="most syllables (Han) or words (English) of a short reply")
    parser.add_argument("--keep", type=Path, help="where hearings are kept, to be read the next time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what was not heard right (practice calls only)")
    given = parser.parse_args()
    settings = load_settings()
    settings = settings.model_copy(update={"hear": settings.hear.model_copy(update={"threads": given.threads})})
    engines = load_engines(settings)
    cases = find_labelled(given.folder, settings).recordings
    found = Found()
    for case in cases:
        if case.recording is None or not any(turn.text for turn in case.truth.turns):
            continue
        sides = {role: int(channel) for channel, role in (case.truth.channels or {}).items()}
        rendering = Rendering(given.mono, given.codec, given.noise_db)
        heard = hear_kept(case.recording, engines, settings, given.keep, rendering)
        before = len(found.onsets_s)
        if given.show:
            print(f"  {case.id}: coverage {heard.coverage:.3f}")
        compare(case.truth, heard, given.short, found, sides, given.show)
        errors = np.abs(found.onsets_s[before:])
        print(f"  {case.id}: onset error median {np.median(errors):.3f} s, coverage {heard.coverage:.3f}", flush=True)
    report(found, given.short)
    return 0


def report(found: Found, short: int) -> None:
    """Print the pooled figures."""
    if not found.turns:
        print("no truth with words here")
        return
    for name, errors in (("onset", found.onsets_s), ("end", found.ends_s)):
        size = np.abs(errors)
        print(
            f"{name} error over {size.size} turns: median {np.median(size):.3f} s, 90th percentile "
            f"{np.percentile(size, 90):.3f} s, most {size.max():.3f} s, signed median {np.median(errors):+.3f} s"
        )
    print(f"turns without a word: {found.silent} of {found.turns}")
    print(
        f"short replies (up to {short}): {sum(heard for heard, _ in found.short)} of {len(found.short)} heard, "
        f"{sum(right for _, right in found.short)} right"
    )
    print(f"strings of digits right: {sum(found.digits)} of {len(found.digits)}")
    print(f"surnames with a title right: {sum(found.names)} of {len(found.names)}")
    print(f"coverage: mean {np.mean(found.coverage):.3f}, least {min(found.coverage):.3f}")


if __name__ == "__main__":
    sys.exit(main())
