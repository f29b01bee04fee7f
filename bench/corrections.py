"""What becomes of corrections when another engine hears the call: found, listed, or laid over somebody else's words.

    python bench/corrections.py                  generated calls on one channel, heard otherwise in five ways
    python bench/corrections.py --homes A B      the same recordings, as heard in two homes by different engines

Every turn of every call is corrected ("not speech") in the first hearing and looked for in the second. Of generated
calls it is known which word is which; of real ones a word is held to be the same that is said at the same time.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.call.build import build_call, build_corrected
from pipeline.call.correcting import turn_correction
from pipeline.datatypes import CDR, Call, Segment, SpeakerSpan, Transcript, Word
from pipeline.privacy.codes import without_codes
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from pipeline.timeline import Span
from tests.support.other_hearings import heard_as_one, shifted, told_apart_otherwise
from tests.support.talk import heard_call

CALLS = 100
NEAR_S = 0.35
"""Words of two real hearings that are no farther apart may be the same."""

Change = Callable[[Transcript, random.Random], Transcript]


def generated(draw: random.Random) -> Transcript:
    """Two voices in turn, some of it short, some on top of the other; each word is known by its probability."""
    at_s, lines = 0.5, []
    for number in range(draw.randint(8, 24)):
        words = draw.choice((1, 1, 2, 4, 8, 15))
        end_s = at_s + words * draw.uniform(0.2, 0.4)
        lines.append((f"S{number % 2 + 1}", at_s, end_s, " ".join(f"w{number}x{n}" for n in range(words))))
        at_s = end_s + draw.choice((-0.3, 0.15, 0.3, 0.6, 1.0, 2.5))
    heard = heard_call(lines, language="en")
    names = iter(range(1, 100_000))
    segments = tuple(
        replace(s, words=tuple(replace(w, probability=next(names) / 1e6) for w in s.words)) for s in heard.segments
    )
    return replace(heard, segments=segments)


def split(heard: Transcript, draw: random.Random) -> Transcript:
    """Some turns have a pause within, or another voice."""
    segments: list[Segment] = []
    speakers: list[SpeakerSpan] = []
    for segment, item in zip(heard.segments, heard.speakers, strict=True):
        segments.append(segment)
        middle_s = item.span.middle_s
        if len(segment.words) < 4 or draw.random() < 0.6:
            speakers.append(item)
        else:
            other = item.speaker if draw.random() < 0.5 else "S3"
            speakers += [
                SpeakerSpan(Span(item.span.start_s, middle_s), item.speaker),
                SpeakerSpan(Span(middle_s, item.span.end_s), other),
            ]
    return replace(heard, segments=tuple(segments), speakers=tuple(speakers))


def fewer(heard: Transcript, draw: random.Random) -> Transcript:
    """Some words are not heard."""
    kept = (replace(s, words=tuple(w for w in s.words if draw.random() < 0.75)) for s in heard.segments)
    return replace(heard, segments=tuple(s for s in kept if s.words))


CHANGES: dict[str, Change] = {
    "the same": lambda heard, draw: heard,
    "times ±0.15 s": lambda heard, draw: shifted(heard, draw, 0.15),
    "times ±0.4 s": lambda heard, draw: shifted(heard, draw, 0.4),
    "voices otherwise (1 in 5 swapped)": lambda heard, draw: told_apart_otherwise(heard, draw, 0.2),
    "turns heard as one (1 in 4)": lambda heard, draw: heard_as_one(heard, draw, 0.25),
    "turns heard as two (2 in 5)": split,
    "a quarter of the words missing": fewer,
}


def tried(heard: Transcript, again: Transcript, same: Callable[[Word, Word], bool], counts: Counter[str]) -> None:
    """Correct every turn of a hearing, and look for it in another."""
    plain, without = build_call(heard, CDR()), build_call(again, CDR())
    for turn in plain.turns:
        built = build_corrected(again, CDR(), turn_correction(turn, plain, "not-speech"))
        counts["corrections"] += 1
        if built.left_out:
            counts[built.left_out[0].why] += 1
            assert built.call == without
            continue
        gone = _words(without) - _words(built.call)
        foreign = [word for word in gone if not any(same(word, own) for own in turn.words)]
        missed = [
            word for word in _words(without) - gone if any(same(word, own) for own in turn.words) and same is _by_name
        ]
        counts["carried over"] += 1
        counts["with a word too many"] += bool(foreign)
        counts["with a word too few"] += bool(missed)
        counts["of another turn"] += len(foreign) > len(gone) / 2


def _words(call: Call) -> set[Word]:
    return {word for turn in call.turns for word in turn.words}


def _by_name(one: Word, other: Word) -> bool:
    return one.probability == other.probability


def _by_time(one: Word, other: Word) -> bool:
    return one.channel == other.channel and abs(one.span.middle_s - other.span.middle_s) <= NEAR_S


def pairs(one: Path, other: Path) -> Iterator[tuple[Transcript, Transcript]]:
    first, second = Home(one), Home(other)
    for path in first.files("heard"):
        heard = artefacts.read(path, Transcript)
        file = second.newest_transcript(heard.sha256)
        if file is not None:
            yield without_codes(heard), without_codes(artefacts.read(file, Transcript))


COLUMNS = (
    "corrections", "carried over", "with a word too many", "with a word too few", "of another turn", "not-heard",
    "heard-together", "several-voices",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", nargs=2, type=Path)
    given = parser.parse_args()
    print(f"| second hearing | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}")
    if given.homes:
        counts: Counter[str] = Counter()
        for heard, again in pairs(*given.homes):
            tried(heard, again, _by_time, counts)
        print(f"| real | {' | '.join(str(counts[name]) for name in COLUMNS)} |")
        return
    for name, change in CHANGES.items():
        counts, draw, changes = Counter(), random.Random(17), random.Random(18)
        for _ in range(CALLS):
            heard = generated(draw)
            tried(heard, change(heard, changes), _by_name, counts)
        print(f"| {name} | {' | '.join(str(counts[name]) for name in COLUMNS)} |")


if __name__ == "__main__":
    main()
