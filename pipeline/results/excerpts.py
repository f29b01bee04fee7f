"""Clips for people to hear: for every failed verdict a short MP3 and the words that are said in it.

Complaints get one whatever their verdict, for the complaint officer; and so do the night's best calls, one an
indicator, because teams learn from what went well too.

    home/excerpts/ab/<sha256>/
      excerpts.json.gz                      ExcerptSet: every clip of the recording, with its words
      <sha12>-<rule id>-<n>-<key>.mp3       the sound; the key changes whenever the cut would

Cutting again does nothing where nothing has changed, and removes clips of verdicts that no longer fail.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.datatypes import (
    Audio,
    Call,
    Evidence,
    Judged,
    Role,
    Turn,
    Verdict,
)
from pipeline.errors import BadArtefact, BadRecording
from pipeline.hearing.decode import decode, encode_mp3
from pipeline.settings import Excerpts, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home
from pipeline.timeline import Span

if TYPE_CHECKING:
    from pipeline.judging.conditions.base import Node
    from pipeline.judging.rulebook import Rulebook

RECORD = "excerpts.json.gz"
COMPLAINT = "script-complaint"
"""The rule whose grounds are a complaint's own words."""
MOST_CLIPS = 3
"""Clips a verdict; a rule that is broken ten times in a call is heard in three."""
DUE_S = 20.0
"""Length of the clip of what was not said, where the verdict does not tell when it should have been."""

_SPEAKER_NAMES: dict[str, dict[Role, str]] = {
    "zh": {"agent": "坐席", "customer": "客户", "unknown": "未知"},
    "en": {"agent": "Agent", "customer": "Customer", "unknown": "Unknown"},
}


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one turn within a clip; `evidence` is true for the turns that the verdict rests on."""

    role: Role
    span: Span
    text: str
    evidence: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One clip: `span` is its place in the recording, `file` its name in the recording's folder.

    `quote` and `reason` are the evidence's own; `quote` is "" where something was not said.
    """

    rule_id: str
    n: int
    file: str
    span: Span
    quote: str
    reason: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class ExcerptSet:
    """All clips of one recording. `language` is the call's."""

    sha256: str
    language: str
    excerpts: tuple[Excerpt, ...]


def excerpt_folder(home: Home, sha256: str) -> Path:
    """Where the clips of a recording lie."""
    return home.excerpts / sha256[:2] / sha256


def spoken_lines(excerpt: Excerpt, language: str = "zh") -> str:
    """The words of a clip as text, a line a turn: role, minutes and seconds in the call, words."""
    names = _SPEAKER_NAMES.get(language, _SPEAKER_NAMES["en"])
    return "\n".join(
        f"{names[line.role]} {int(line.span.start_s // 60)}:{int(line.span.start_s % 60):02}  {line.text}"
        for line in excerpt.lines
    )


def due_early(rulebooks: Iterable[Rulebook]) -> frozenset[str]:
    """Ids of the rules that ask for something at the beginning of a call, such as the greeting."""

    def early(node: Node) -> bool:
        window = getattr(node.params, "in_", None)
        ranges = (window.turns, window.seconds, window.percent) if window else ()
        return any(r is not None and r.first >= 0 for r in ranges) or any(map(early, node.children))

    return frozenset(rule.id for book in rulebooks for rule in book.rules if rule.require and early(rule.require))


def best_calls(calls: Iterable[Judged]) -> dict[str, frozenset[str]]:
    """Which calls are worth hearing for which passed rules: of each rule the call with the best score, by SHA-256.

    Only passes with a place in the call can be heard.
    """
    best: dict[str, tuple[float, str]] = {}
    for judged in calls:
        card = judged.scorecard
        if card is None or card.score is None:
            continue
        for verdict in card.verdicts:
            if verdict.outcome == "pass" and any(hit.span for hit in verdict.evidence):
                best[verdict.rule_id] = max(best.get(verdict.rule_id, (-1.0, "")), (card.score, card.sha256))
    chosen: dict[str, set[str]] = {}
    for rule_id, (_, sha256) in best.items():
        chosen.setdefault(sha256, set()).add(rule_id)
    return {sha256: frozenset(rules) for sha256, rules in chosen.items()}


def cut_excerpts(
    judged: Judged,
    source: Path,
    home: Home,
    settings: Settings,
    early: Collection[str] = frozenset(),
    share: Collection[str] = frozenset(),
) -> tuple[Excerpt, ...]:
    """Cut the clips of a call from its recording, and return all that now exist; passed rules in `share` get one.

    A verdict without a place (something was not said) gets the call's beginning when its rule is among `early`
    (see `due_early`), else its end. Stereo stays stereo. A recording that is gone or can no longer be decoded
    becomes a Failure of stage "excerpt" in the home, and the clips that are still right stay. Raises OSError
    when nothing can be written.
    """
    call = judged.call
    folder = excerpt_folder(home, call.sha256)
    wanted = tuple(_plan(judged, settings.excerpts, early, share))
    failure = home.failure(f"{call.sha256}-excerpt")
    if not wanted:
        shutil.rmtree(folder, ignore_errors=True)
        failure.unlink(missing_ok=True)
        return ()
    missing = [excerpt for excerpt in wanted if not (folder / excerpt.file).exists()]
    if missing:
        try:
            audio = decode(source, settings.decode, settings.ingest)
        except BadRecording as error:
            artefacts.write(
                failure,
                Failure(call.sha256, str(source), "excerpt", error.reason, str(error), datetime.now(UTC)),
            )
            wanted = tuple(excerpt for excerpt in wanted if excerpt not in missing)
        else:
            for excerpt in missing:
                _encode(audio, excerpt.span, folder / excerpt.file, settings)
            failure.unlink(missing_ok=True)
    else:
        failure.unlink(missing_ok=True)
    _keep_only(folder, wanted)
    _record(folder, ExcerptSet(call.sha256, call.language, wanted))
    return wanted


def read_excerpts(home: Home, sha256: str) -> tuple[Excerpt, ...]:
    """The clips of a recording as they were cut last; none when there is no record of any."""
    try:
        return artefacts.read(excerpt_folder(home, sha256) / RECORD, ExcerptSet).excerpts
    except BadArtefact:
        return ()


def prune_excerpts(home: Home) -> int:
    """Remove the clips of recordings that are no longer judged, and return of how many."""
    folders = [f for f in home.excerpts.glob("*/*") if f.is_dir() and not home.judged(f.name).exists()]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)


def _plan(judged: Judged, settings: Excerpts, early: Collection[str], share: Collection[str]) -> Iterator[Excerpt]:
    call = judged.call
    for verdict in judged.scorecard.verdicts if judged.scorecard else ():
        if verdict.rule_id == COMPLAINT and verdict.outcome != "not_applicable" and verdict.grounds:
            verdict = replace(verdict, evidence=verdict.grounds)
        elif verdict.outcome != "fail" and not (verdict.outcome == "pass" and verdict.rule_id in share):
            continue
        for n, (span, evidence) in enumerate(_cuts(call, verdict, settings, verdict.rule_id in early), start=1):
            cut = f"{call.sha256} {verdict.rule_id} {span.start_s:.3f} {span.end_s:.3f} {settings.bitrate_kbps}"
            key = hashlib.sha256(cut.encode()).hexdigest()[:8]
            yield Excerpt(
                rule_id=verdict.rule_id,
                n=n,
                file=f"{call.sha256[:12]}-{verdict.rule_id}-{n}-{key}.mp3",
                span=span,
                quote=next((hit.matched for hit in evidence if hit.matched), ""),
                reason=next((hit.reason for hit in evidence if hit.reason), verdict.reason),
                lines=tuple(_lines(call, span, evidence)),
            )


def _cuts(call: Call, verdict: Verdict, settings: Excerpts, early: bool) -> list[tuple[Span, list[Evidence]]]:
    """Where to cut, with the evidence in each cut; hits that lie in one another's margin share a clip."""
    duration_s = call.facts.duration_s
    placed = sorted(((span, hit) for hit in verdict.evidence if (span := _place(call, hit))), key=lambda p: p[0])
    if not placed:
        placed = [
            (_due(call, early), hit) for hit in verdict.evidence[:1] or (Evidence(None, None, "", verdict.reason),)
        ]
    cuts: list[tuple[Span, list[Evidence]]] = []
    for span, hit in placed:
        start_s = max(0.0, span.start_s - settings.margin_s)
        end_s = min(duration_s, span.end_s + settings.margin_s, start_s + settings.longest_s)
        if end_s <= start_s:
            continue
        if cuts and end_s - cuts[-1][0].start_s <= settings.longest_s and start_s <= cuts[-1][0].end_s:
            before, evidence = cuts[-1]
            cuts[-1] = (Span(before.start_s, max(before.end_s, end_s)), [*evidence, hit])
        elif len(cuts) < MOST_CLIPS:
            cuts.append((Span(start_s, end_s), [hit]))
    return cuts


def _due(call: Call, early: bool) -> Span:
    """Where what was not said should have been: from the agent's first word on, or before the end."""
    duration_s = call.facts.duration_s
    if early:
        start_s = call.facts.first_agent_s or 0.0
        return Span(start_s, min(duration_s, start_s + DUE_S))
    return Span(max(0.0, duration_s - DUE_S), duration_s)


def _place(call: Call, hit: Evidence) -> Span | None:
    if hit.span is not None:
        return hit.span
    if hit.turn is not None and 0 <= hit.turn < len(call.turns):
        return call.turns[hit.turn].span
    return None


def _lines(call: Call, span: Span, evidence: Sequence[Evidence]) -> Iterator[Line]:
    for turn in call.turns:
        if turn.span.overlap_s(span) <= 0:
            continue
        shown_by = any(
            hit.turn == turn.index if hit.turn is not None else bool(hit.matched) and hit.matched in turn.text
            for hit in evidence
        )
        text = _said(turn, span)
        if text:
            yield Line(call.role(turn), turn.span, text, shown_by)


def _said(turn: Turn, span: Span) -> str:
    """The words of a turn that lie in the span, with … where the turn goes on beyond it."""
    inside = [word for word in turn.words if span.start_s <= word.span.middle_s < span.end_s]
    if not turn.words or len(inside) == len(turn.words):
        return turn.text
    if not inside:
        return ""
    text = ""
    for word in inside:
        gap = " " if text and text[-1].isascii() and word.text[:1].isascii() else ""
        text += gap + word.text.strip()
    return ("" if inside[0] is turn.words[0] else "…") + text + ("" if inside[-1] is turn.words[-1] else "…")


def _encode(audio: Audio, span: Span, path: Path, settings: Settings) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, last = (round(second * audio.rate_hz) for second in (span.start_s, span.end_s))
    encode_mp3(
        audio.samples[:, first:last], audio.rate_hz, path, settings.excerpts.bitrate_kbps, settings.decode.ffmpeg
    )


def _keep_only(folder: Path, wanted: Sequence[Excerpt]) -> None:
    names = {RECORD, *(excerpt.file for excerpt in wanted)}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            path.unlink(missing_ok=True)


def _record(folder: Path, excerpts: ExcerptSet) -> None:
    """Write the record unless it says so already: an untouched file leaves the database as it is."""
    path = folder / RECORD
    try:
        if artefacts.read(path, ExcerptSet) == excerpts:
            return
    except BadArtefact:
        pass  # none yet, or damaged: written anew
    artefacts.write(path, excerpts)
