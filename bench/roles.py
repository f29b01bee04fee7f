"""Who is the agent: how often the roles are right, on many renderings of practice calls and on written calls.

    python bench/roles.py PRACTICE_CALLS... --cache DIR

Every practice call whose truth has roles is rendered in several ways (kinds), cut to its first EXCERPT_S of talk
and heard once; what was heard is kept in the cache, so that a second run takes seconds. The written calls of
tests/data/*bound*.txt are taken as perfectly heard. No CDR is given, but for the kinds that say so.

The second table asks whether the confidence means what it says: of all decisions on short pieces of the same
calls, cut anywhere, how many were right, by confidence. Short pieces are hard: that is what they are for. The one
number behind the confidence was chosen with these calls in view.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.engines import fingerprint, load_engines
from pipeline.call.build import build_call
from pipeline.datatypes import CDR, Audio, Role, Roles, SpeakerSpan, Transcript
from pipeline.evaluation.degrade import Rendering, degrade
from pipeline.evaluation.metrics import roles_verdict
from pipeline.hearing.decode import decode
from pipeline.run import Engines, hear_audio
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.timeline import Span
from tests.support.talk import heard_call, spoken, written_calls

EXCERPT_S = 25.0
BINS = (0.0, 0.7, 0.8, 0.9, 0.95, 1.01)
Reference = tuple[tuple[Role, Span], ...]


@dataclass(frozen=True)
class Case:
    """One call as it was heard, and who spoke when."""

    kind: str
    name: str
    heard: Transcript
    reference: Reference
    cdr: CDR = field(default_factory=CDR)


@dataclass(frozen=True)
class Kind:
    """A way to render: how, whether the channels are swapped and the agent's opening is cut off."""

    name: str
    rendering: Rendering
    swapped: bool = False
    caller_first: bool = False


KINDS = (
    Kind("mono, GSM", Rendering(mono=True, codec="gsm")),
    Kind("mono, µ-law, noise 20 dB", Rendering(mono=True, codec="mulaw", noise_db=20.0)),
    Kind("mono, Opus, noise 10 dB", Rendering(mono=True, codec="opus", noise_db=10.0)),
    Kind("mono, caller first, MP3", Rendering(mono=True, codec="mp3"), caller_first=True),
    Kind("mono, caller first, noise 10 dB", Rendering(mono=True, noise_db=10.0), caller_first=True),
    Kind("stereo swapped, µ-law", Rendering(codec="mulaw"), swapped=True),
    Kind(
        "stereo swapped, caller first, MP3, noise 10 dB",
        Rendering(codec="mp3", noise_db=10.0),
        swapped=True,
        caller_first=True,
    ),
)


def practice(folders: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Recordings whose truth says who is agent and who customer, and that are calls (they have a scenario)."""
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            truth = json.loads(path.read_text(encoding="utf-8"))
            recording = path.with_suffix(".wav")
            roles = [turn.get("role") for turn in truth.get("turns", ())]
            if recording.is_file() and any(roles) and not truth["id"].startswith("aishell"):
                yield recording, truth


def excerpt(audio: Audio, truth: dict[str, Any], kind: Kind) -> tuple[Audio, Reference] | None:
    """The first `EXCERPT_S` from the first turn that counts, and who speaks in it. None where the kind does not fit."""
    turns = [turn for turn in truth["turns"] if turn.get("role")]
    if kind.caller_first:
        turns = [turn for turn in turns if turn["start_s"] >= _first(turns, "customer")]
    if not turns or (kind.swapped and audio.channels == 1) or (kind.rendering.mono and _mono_twin(truth)):
        return None
    from_s = max(0.0, turns[0]["start_s"] - 0.3)
    to_s = min(audio.duration_s, from_s + EXCERPT_S)
    samples = audio.samples[:, int(from_s * audio.rate_hz) : int(to_s * audio.rate_hz)]
    if kind.swapped:
        samples = samples[::-1]
    reference = tuple(
        (turn["role"], Span(max(0.0, turn["start_s"] - from_s), min(turn["end_s"], to_s) - from_s))
        for turn in turns
        if turn["start_s"] < to_s
    )
    return replace(audio, samples=samples.copy()), reference


def _first(turns: Sequence[dict[str, Any]], role: str) -> float:
    return min((turn["start_s"] for turn in turns if turn["role"] == role), default=float("inf"))


def _mono_twin(truth: dict[str, Any]) -> bool:
    """Whether the folder holds the same call as stereo too, which is the one to be mixed here."""
    return str(truth["id"]).endswith("-mono")


def heard_cases(folders: Sequence[Path], cache: Path, engines: Engines | None, settings: Settings) -> list[Case]:
    """What the cache holds, and what it does not as `engines` transcribe it; without engines that is left out."""
    cases = []
    fingerprints: dict[str, str] = {}
    for kind in KINDS:
        for recording, truth in practice(folders):
            cut = excerpt(decode(recording, settings.decode, settings.ingest), truth, kind)
            if cut is None:
                continue
            clip, reference = cut
            # the language is given: this bench is not about finding it, and asking costs a fifth of the time
            hear = settings.hear.model_copy(update={"language": truth["language"]})
            told = settings.model_copy(update={"hear": hear})
            if truth["language"] not in fingerprints:
                fingerprints[truth["language"]] = fingerprint(told)
            name = f"{recording.name} {kind} {EXCERPT_S} {fingerprints[truth['language']]}"
            key = hashlib.sha256(name.encode()).hexdigest()
            kept = cache / f"{key[:16]}.json.zst"
            if not artefacts.lying(kept).is_file():
                if engines is None:
                    continue
                print(f"hearing {truth['id']}: {kind.name}", file=sys.stderr, flush=True)
                artefacts.write(kept, hear_audio(degrade(clip, kind.rendering, settings), key, engines, told))
            cases.append(Case(kind.name, str(truth["id"]), artefacts.read(kept, Transcript), reference))
    return cases


def written_cases() -> Iterator[Case]:
    """Calls as written: on one channel, without and with the direction known."""
    directions: tuple[Literal["outbound", "inbound"], ...] = ("outbound", "inbound")
    for direction in directions:
        for file in sorted((CHECKOUT / "tests" / "data").glob(f"{direction}*.txt")):
            for language, topic, lines in written_calls(file):
                timed = spoken(*lines)
                voices = [("S1" if who == lines[0][0] else "S2", a, b, text) for who, a, b, text in timed]
                heard = heard_call(voices, language=language)
                roles: dict[str, Role] = {"A": "agent", "C": "customer"}
                reference = tuple((roles[who], Span(a, b)) for who, a, b, _ in timed)
                yield Case(f"{direction} {language}, written", topic, heard, reference)
                known = CDR(direction=direction)
                yield Case(f"{direction} {language}, direction known", topic, heard, reference, known)


def found(case: Case) -> tuple[Roles, str | None]:
    roles = build_call(case.heard, case.cdr).roles
    spans = [(roles.of(item.speaker), item.span) for item in case.heard.speakers]
    if not roles.by_speaker:
        return roles, "undecided"
    verdict = roles_verdict(case.reference, spans)
    return roles, "undecided" if verdict == "unknown" else verdict


def during(case: Case, within: Span) -> Case:
    """The piece of a call that lies in a span."""

    def clipped(spans: Iterable[Span]) -> tuple[Span, ...]:
        cut = (Span(max(s.start_s, within.start_s), min(s.end_s, within.end_s)) for s in spans)
        return tuple(span for span in cut if span.duration_s > 0)

    heard = case.heard
    segments = []
    for segment in heard.segments:
        words = tuple(word for word in segment.words if within.start_s <= word.span.middle_s < within.end_s)
        if words:
            segments.append(replace(segment, span=Span(words[0].span.start_s, words[-1].span.end_s), words=words))
    speakers = [SpeakerSpan(cut, item.speaker) for item in heard.speakers for cut in clipped([item.span])]
    piece = replace(
        heard,
        segments=tuple(segments),
        speakers=tuple(speakers),
        voiced=tuple(clipped(spans) for spans in heard.voiced),
    )
    reference = tuple((role, cut) for role, span in case.reference for cut in clipped([span]))
    return replace(case, heard=piece, reference=reference)


def pieces(case: Case) -> Iterator[Case]:
    """Pieces of 8 and 16 s, begun every 8 s, in which somebody speaks."""
    for length_s in (8.0, 16.0):
        for start_s in range(0, int(case.heard.duration_s), 8):
            piece = during(case, Span(start_s, start_s + length_s))
            if piece.reference and piece.heard.segments:
                yield piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="PRACTICE_CALLS")
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was heard")
    parser.add_argument("--settings", type=Path, help="settings file, as for callqa")
    parser.add_argument("--cached", action="store_true", help="take what was heard before, hear nothing")
    parser.add_argument("--verbose", action="store_true", help="say of every call that is not right what was found")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    settings = load_settings(options.settings)
    engines = None if options.cached else load_engines(settings)
    cases = heard_cases(options.folders, options.cache, engines, settings)
    cases += list(written_cases())

    by_kind: dict[str, Counter[str]] = {}
    for case in cases:
        roles, verdict = found(case)
        by_kind.setdefault(case.kind, Counter())[verdict or "silent"] += 1
        if options.verbose and verdict != "right":
            print(f"{verdict}: {case.kind}: {case.name}: {roles.method} {roles.confidence}", file=sys.stderr)
    _print_kinds(by_kind)
    _print_confidence(cases)


def _print_kinds(by_kind: dict[str, Counter[str]]) -> None:
    table = Table(title="roles by kind")
    table.add_column("kind")
    for name in ("calls", "right", "wrong", "undecided"):
        table.add_column(name, justify="right")
    total = sum(by_kind.values(), Counter[str]())
    for kind, tally in [*sorted(by_kind.items()), ("all", total)]:
        if kind == "all":
            table.add_section()
        table.add_row(kind, *(str(n) for n in (tally.total(), tally["right"], tally["wrong"], tally["undecided"])))
    decided = total["right"] + total["wrong"]
    undecided = total["undecided"] / total.total()
    table.caption = f"right of those decided {total['right'] / decided:.1%}, undecided {undecided:.1%}"
    Console(width=110).print(table)


def _print_confidence(cases: Sequence[Case]) -> None:
    sums: dict[float, list[float]] = {low: [] for low in BINS[:-1]}
    right: Counter[float] = Counter()
    undecided = 0
    for case in (piece for whole in cases for piece in pieces(whole)):
        roles, verdict = found(case)
        if verdict not in ("right", "wrong"):
            undecided += 1
            continue
        low = max(edge for edge in BINS if edge <= roles.confidence)
        sums[low].append(roles.confidence)
        right[low] += verdict == "right"
    table = Table(title="is the confidence true? pieces of 8 and 16 s")
    for name in ("confidence", "pieces", "mean confidence", "right"):
        table.add_column(name, justify="right")
    for low, high in pairwise(BINS):
        told = sums[low]
        if told:
            row = (f"{low:.2f}–{min(high, 1.0):.2f}", len(told), f"{sum(told) / len(told):.1%}", right[low] / len(told))
            table.add_row(row[0], str(row[1]), row[2], f"{row[3]:.1%}")
    decided = sum(map(len, sums.values()))
    # expected calibration error: how far confidence and truth lie apart in a bin, weighted by its pieces
    error = sum(abs(sum(told) - right[low]) for low, told in sums.items()) / max(1, decided)
    table.caption = f"undecided {undecided} of {undecided + decided}; expected calibration error {error:.3f}"
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
