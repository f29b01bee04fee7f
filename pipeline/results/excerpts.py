"""Clips for people to hear: for every failed verdict a short MP3 and the words that are said in it.

Complaints get one whatever their verdict, for the complaint officer; and so do the night's best calls, one an
indicator, because teams learn from what went well too.

    home/excerpts/ab/<sha256>/
      excerpts.json.zst                     ExcerptSet: every clip of the recording, with its words
      <sha12>-<rule id>-<n>-<key>.mp3       the sound; the key changes whenever the cut would

Cutting again does nothing where nothing has changed, and removes clips of verdicts that no longer fail.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.datatypes import RATE_HZ, Call, Evidence, Judged, Role, Samples, Turn, Verdict
from pipeline.errors import BadArtefact, BadRecording, TransientFault, shown
from pipeline.hearing.decode import decode_spans, side_by_side
from pipeline.hearing.ffmpeg import mp3_bytes
from pipeline.masks import Mask
from pipeline.messages import Message
from pipeline.privacy.masking import as_shown, silenced
from pipeline.results.display import ROLE_LABELS, clock, label_in
from pipeline.results.quotes import MarkedQuote, marked_quote, turn_of
from pipeline.settings import Excerpts, Settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Failure, HalfRecord, Home
from pipeline.storage.sealing import sealed, unsealed
from pipeline.timeline import Span, Timeline

if TYPE_CHECKING:
    from pipeline.judging.conditions.base import Node
    from pipeline.judging.rulebook import Rulebook

CLIPS_A_VERDICT = 3
"""A rule that is broken ten times in a call is heard in three clips."""
DUE_S = 20.0
"""Length of the clip of what was not said, where the verdict does not tell when it should have been."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one turn within a clip; `evidence` is true for the turns that the verdict rests on.

    `matched` are the words in it that were matched.
    """

    role: Role
    span: Span
    text: str
    evidence: bool
    matched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One clip: `span` is its place in the recording, `file` its name in the recording's folder.

    `matched`, `sentence` and `reason` are the evidence's own; the first two are "" where something was not said.
    """

    rule_id: str
    n: int
    file: str
    span: Span
    matched: Annotated[str, Field(alias="quote")]
    reason: str
    lines: tuple[Line, ...]
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class ExcerptSet:
    """All clips of one recording. `language` is the call's."""

    sha256: str
    language: str
    excerpts: tuple[Excerpt, ...]


def excerpt_folder(home: Home, sha256: str) -> Path:
    """Where the clips of a recording lie."""
    return home.excerpts / sha256[:2] / sha256


def excerpt_record(home: Home, sha256: str) -> Path:
    """What tells of the clips of a recording."""
    return artefacts.lying(excerpt_folder(home, sha256) / f"excerpts{artefacts.ARTEFACT_SUFFIX}")


def spoken_lines(excerpt: Excerpt, language: str = "zh") -> str:
    """The words of a clip as text, a line a turn: role, minutes and seconds in the call, words."""
    return "\n".join(
        f"{label_in(ROLE_LABELS, line.role, language)} {clock(int(line.span.start_s))}  {line.text}"
        for line in excerpt.lines
    )


def due_early(rulebooks: Iterable[Rulebook]) -> frozenset[str]:
    """Ids of the rules that ask for something at the beginning of a call, such as the greeting."""

    def early(node: Node) -> bool:
        window = getattr(node.condition, "window", None)
        ranges = (window.turns, window.seconds, window.percent) if window else ()
        return any(r is not None and r.first >= 0 for r in ranges) or any(map(early, node.children))

    return frozenset(rule.id for book in rulebooks for rule in book.rules if rule.require and early(rule.require))


def complaint_rules(rulebooks: Iterable[Rulebook]) -> frozenset[str]:
    """Ids of the rules whose grounds are a complaint's own words."""
    return frozenset(rule.id for book in rulebooks for rule in book.rules if "complaint" in rule.tags)


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
            if verdict.outcome == "pass" and any(evidence.span for evidence in verdict.evidence):
                best[verdict.rule_id] = max(best.get(verdict.rule_id, (-1.0, "")), (card.score, card.sha256))
    chosen: dict[str, set[str]] = {}
    for rule_id, (_, sha256) in best.items():
        chosen.setdefault(sha256, set()).add(rule_id)
    return {sha256: frozenset(rules) for sha256, rules in chosen.items()}


def cut_excerpts(
    judged: Judged,
    files: Sequence[Path],
    home: Home,
    settings: Settings,
    early: Collection[str] = frozenset(),
    share: Collection[str] = frozenset(),
    complaints: Collection[str] = frozenset(),
    halves: Sequence[HalfRecord] = (),
    masks: Sequence[Mask] = (),
) -> tuple[Excerpt, ...]:
    """Cut the clips of a call from its recording, and return all that now exist; passed rules in `share` get one.

    `files` are where the recording lay. It is told by its bytes, so that no clip comes from another recording that has
    its name now. Of a recording in two files `halves` are those. `masks` are hidden in the words and silenced in the
    sound.

    Rules in `complaints` (see `complaint_rules`) get one of what the customer says. A verdict without a place
    (something was not said) gets the call's beginning when its rule is among `early` (see `due_early`), else its end.
    Stereo stays stereo. A recording that is gone or can no longer be decoded becomes a Failure of stage "excerpt" in
    the home (see `excerpt_failed`), and the clips that are still right stay. Raises OSError when a clip cannot be
    written.
    """
    judged = as_shown(judged, masks)
    call = judged.call
    folder = excerpt_folder(home, call.sha256)
    wanted = tuple(_plan(judged, settings.excerpts, early, share, complaints, masks))
    failure = home.failure(f"{call.sha256}-excerpt")
    if not wanted:
        shutil.rmtree(folder, ignore_errors=True)
        failure.unlink(missing_ok=True)
        return ()
    missing = [excerpt for excerpt in wanted if not (folder / excerpt.file).exists()]
    fault = _cut(call.sha256, files, halves, missing, folder, settings, masks) if missing else None
    if fault is None:
        failure.unlink(missing_ok=True)
    else:
        artefacts.write(failure, fault)
        wanted = tuple(excerpt for excerpt in wanted if excerpt not in missing)
    record = excerpt_record(home, call.sha256)
    _keep_only(folder, {record.name, *(excerpt.file for excerpt in wanted)})
    _record(record, ExcerptSet(call.sha256, call.language, wanted))
    return wanted


def excerpt_failed(home: Home, sha256: str) -> bool:
    """Whether the last cutting left out clips of a recording, as `failures` tells."""
    return home.failure(f"{sha256}-excerpt").exists()


def clip_sound(home: Home, path: str) -> bytes:
    """The MP3 of a clip, by its path in the home. Raises OSError, MissingKey, and ValueError where it is damaged."""
    return unsealed((home.root / path).read_bytes(), home.root / path)


def read_excerpts(home: Home, sha256: str) -> tuple[Excerpt, ...]:
    """The clips of a recording as they were cut last; none when there is no record of any."""
    try:
        return artefacts.read(excerpt_record(home, sha256), ExcerptSet).excerpts
    except BadArtefact:
        return ()


def prune_excerpts(home: Home) -> int:
    """Remove the clips of recordings that are no longer judged, and return of how many."""
    folders = [f for f in home.excerpts.glob("*/*") if f.is_dir() and not home.judged(f.name).exists()]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)


def _plan(
    judged: Judged,
    settings: Excerpts,
    early: Collection[str],
    share: Collection[str],
    complaints: Collection[str],
    masks: Sequence[Mask],
) -> Iterator[Excerpt]:
    call = judged.call
    for verdict in judged.scorecard.verdicts if judged.scorecard else ():
        if verdict.rule_id in complaints and verdict.outcome != "not_applicable" and verdict.grounds:
            verdict = replace(verdict, evidence=verdict.grounds)
        elif verdict.outcome != "fail" and not (verdict.outcome == "pass" and verdict.rule_id in share):
            continue
        for n, (span, evidence) in enumerate(clip_spans(call, verdict, settings, verdict.rule_id in early), start=1):
            cut = f"{call.sha256} {verdict.rule_id} {span.start_s:.3f} {span.end_s:.3f} {settings.bitrate_kbps}"
            cut += "".join(f" -{quiet.start_s:.3f}-{quiet.end_s:.3f}" for quiet in silenced(masks, span))
            quote = next((marked_quote(item, call) for item in evidence if item.matched), MarkedQuote("", "", ""))
            key = hashlib.sha256(cut.encode()).hexdigest()[:8]
            yield Excerpt(
                rule_id=verdict.rule_id,
                n=n,
                file=f"{call.sha256[:12]}-{verdict.rule_id}-{n}-{key}.mp3",
                span=span,
                matched=next((item.matched for item in evidence if item.matched), ""),
                reason=next((item.reason for item in evidence if item.reason), verdict.reason),
                lines=tuple(_lines(call, span, evidence)),
                sentence=quote.sentence,
            )


def clip_spans(call: Call, verdict: Verdict, settings: Excerpts, early: bool) -> list[tuple[Span, list[Evidence]]]:
    """Where to cut for a verdict, with the evidence in each cut; evidence in another's margin shares its clip, if that
    fits. `early`: its rule is one of `due_early`."""
    duration_s = call.facts.duration_s
    placed = sorted(((span, item) for item in verdict.evidence if (span := _place(call, item))), key=lambda p: p[0])
    if not placed:
        placed = [
            (_due(call, early), item) for item in verdict.evidence[:1] or (Evidence(None, None, "", verdict.reason),)
        ]
    cuts: list[tuple[Span, list[Evidence]]] = []
    for span, item in placed:
        start_s = max(0.0, span.start_s - settings.margin_s)
        cut = Span(start_s, min(duration_s, span.end_s + settings.margin_s, start_s + settings.longest_s))
        if cut.end_s <= cut.start_s:
            continue
        together = Timeline((cuts[-1][0], cut)).spans if cuts else ()
        if len(together) == 1 and cut.end_s - cuts[-1][0].start_s <= settings.longest_s:
            cuts[-1] = (together[0], [*cuts[-1][1], item])
        elif len(cuts) < CLIPS_A_VERDICT:
            cuts.append((cut, [item]))
    return cuts


def _due(call: Call, early: bool) -> Span:
    """Where what was not said should have been: from the agent's first word on, or before the end."""
    duration_s = call.facts.duration_s
    if early:
        start_s = call.facts.first_agent_s or 0.0
        return Span(start_s, min(duration_s, start_s + DUE_S))
    return Span(max(0.0, duration_s - DUE_S), duration_s)


def _place(call: Call, evidence: Evidence) -> Span | None:
    if evidence.span is not None:
        return evidence.span
    turn = turn_of(evidence, call)
    return turn.span if turn else None


def _lines(call: Call, span: Span, evidence: Sequence[Evidence]) -> Iterator[Line]:
    for turn in call.turns:
        if turn.span.overlap_s(span) <= 0:
            continue
        own = [item for item in evidence if _is_in(item, turn)]
        text = _said(turn, span)
        if text:
            matched = dict.fromkeys(item.matched for item in own if item.matched and item.matched in text)
            yield Line(call.role(turn), turn.span, text, bool(own), tuple(matched))


def _is_in(evidence: Evidence, turn: Turn) -> bool:
    if evidence.turn is not None:
        return evidence.turn == turn.index
    return bool(evidence.matched) and evidence.matched in turn.text


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


def _cut(
    sha256: str,
    files: Sequence[Path],
    halves: Sequence[HalfRecord],
    clips: Sequence[Excerpt],
    folder: Path,
    settings: Settings,
    masks: Sequence[Mask],
) -> Failure | None:
    """Cut clips from whichever of the files has the recording's bytes; returns why that was not possible."""
    spans = [clip.span for clip in clips]
    parts = [(half.sha256, half.files) for half in halves] or [(sha256, tuple(files))]
    sounds: list[list[Samples]] = []
    for own_sha256, own_files in parts:
        found = _sounds(sha256, own_sha256, own_files, spans, settings)
        if isinstance(found, Failure):
            return found
        sounds.append(found)
    for clip, *sides in zip(clips, *sounds, strict=True):
        path, ffmpeg = folder / clip.file, settings.decode.ffmpeg
        sound = _silence(side_by_side(sides) if halves else sides[0], clip.span, masks)
        write_whole(path, sealed(mp3_bytes(sound, RATE_HZ, settings.excerpts.bitrate_kbps, ffmpeg)))
    return None


def _silence(sound: Samples, span: Span, masks: Sequence[Mask]) -> Samples:
    """The sound of a clip, nothing to be heard of what is hidden, on either channel."""
    quiet = silenced(masks, span)
    if not quiet:
        return sound
    sound = sound.copy()
    for stretch in quiet:
        first, last = ((at_s - span.start_s) * RATE_HZ for at_s in (stretch.start_s, stretch.end_s))
        sound[:, math.floor(first) : math.ceil(last)] = 0.0
    return sound


def _sounds(
    key: str, sha256: str, files: Sequence[Path], spans: Sequence[Span], settings: Settings
) -> list[Samples] | Failure:
    """The spans of whichever file has these bytes; else why there is none, a failure of the recording `key`."""
    fault: Failure | None = None
    for file in files:
        try:
            return decode_spans(file, spans, settings.decode, settings.ingest, sha256)
        except (BadRecording, TransientFault) as error:
            message = error.message
            if error.reason == "replaced":
                message = Message(
                    "{file}: another recording has this name now; clips are not cut from it", file=shown(file)
                )
            if fault is None or fault.reason == "missing":
                fault = Failure(key, shown(file), "excerpt", error.reason, str(message), datetime.now(UTC))
    return fault or Failure(key, "", "excerpt", "missing", str(Message("no such file")), datetime.now(UTC))


def _keep_only(folder: Path, names: Collection[str]) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            path.unlink(missing_ok=True)


def _record(path: Path, excerpts: ExcerptSet) -> None:
    """Write the record unless it says so already: an untouched file leaves the database as it is."""
    try:
        if artefacts.read(path, ExcerptSet) == excerpts:
            return
    except BadArtefact:
        pass  # none yet, or damaged: written anew
    artefacts.write(path, excerpts)
