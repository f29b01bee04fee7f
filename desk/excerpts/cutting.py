"""An excerpt cut: its rule's title, its masked words line by line, the MP3 of its sound or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from desk.calls.call_lines import word_times
from desk.excerpts.chosen import ChosenExcerpt, fitting
from desk.excerpts.seen import SeenCall
from desk.queues.people import rule_titles
from desk.routing import Visit
from pipeline.datatypes import Evidence, Outcome, Role, Turn
from pipeline.privacy.sensitive import word_places
from pipeline.results.quotes import marked_parts, turn_of
from pipeline.timeline import Span


@dataclass(frozen=True, slots=True)
class CutLine:
    """What is said of one turn in an excerpt. `start_s` and `end_s` are seconds from the excerpt's beginning, `at_s`
    from the call's; `parts` are its words, true for those that were matched; `words` tells when which character is
    reached (hundredths of a second from `start_s`, and the character, as browsers count them)."""

    role: Role
    start_s: float
    end_s: float
    at_s: float
    parts: tuple[tuple[str, bool], ...]
    words: str

    @property
    def text(self) -> str:
        return "".join(part for part, _ in self.parts)


@dataclass(frozen=True, slots=True)
class CutExcerpt:
    """An excerpt as it is read: `title` is its rule's in the language of the page, "" without a rule; `outcome` that of
    the rule's verdict now, None where there is none."""

    chosen: ChosenExcerpt
    title: str
    outcome: Outcome | None
    language: str
    span: Span
    lines: tuple[CutLine, ...]


def cut_excerpt(
    visit: Visit, seen: SeenCall, chosen: ChosenExcerpt, titles: Mapping[str, str] | None = None
) -> CutExcerpt:
    """The words of an excerpt; `titles` are those of the rules, where the caller has asked for them already."""
    verdict = seen.verdict(chosen.rule_id) if chosen.rule_id else None
    title = (titles if titles is not None else rule_titles(visit)).get(chosen.rule_id, chosen.rule_id)
    span = fitting(seen, chosen.span)
    rests = (*verdict.evidence, *verdict.grounds) if verdict else ()
    lines = tuple(_lines(seen, span, rests))
    return CutExcerpt(chosen, title, verdict.outcome if verdict else None, seen.call.language, span, lines)


def excerpt_sound(visit: Visit, seen: SeenCall, chosen: ChosenExcerpt, bitrate_kbps: int | None = None) -> bytes:
    """The MP3 of an excerpt, what is masked silent in it. Raises NoSound, which says why there is nothing to be heard,
    and BadSetting, MissingKey. Whether it may be heard (`chosen.heard`) is asked by the caller."""
    kbps = bitrate_kbps or visit.desk.settings.excerpts.bitrate_kbps
    return visit.desk.sounds.cut(seen.source, fitting(seen, chosen.span), kbps)


def _lines(seen: SeenCall, span: Span, rests: Sequence[Evidence]) -> Iterator[CutLine]:
    for turn in seen.call.turns:
        if turn.span.overlap_s(span) <= 0:
            continue
        said = _said(turn, span)
        if said is None:
            continue
        matched = [item.matched for item in rests if item.matched and turn_of(item, seen.call) is turn]
        start_s = max(0.0, said.span.start_s - span.start_s)
        yield CutLine(
            seen.call.role(turn), start_s, min(span.duration_s, max(start_s, said.span.end_s - span.start_s)),
            said.span.start_s, tuple(marked_parts(said.text, matched)), word_times(said),
        )  # fmt: skip


def _said(turn: Turn, span: Span) -> Turn | None:
    """A turn as far as it is said within a span, with … where it goes on beyond; None where no word of it is."""
    inside = [at for at, word in enumerate(turn.words) if span.start_s <= word.span.middle_s < span.end_s]
    if not turn.words or len(inside) == len(turn.words):
        return turn
    if not inside:
        return None
    first, last, places = inside[0], inside[-1], word_places(turn)
    begin = places[first][0] if first else 0
    end = places[last + 1][0] if last + 1 < len(places) else len(turn.text)
    text = ("…" if first else "") + turn.text[begin:end].strip() + ("…" if last + 1 < len(places) else "")
    words = turn.words[first : last + 1]
    return Turn(turn.index, Span(words[0].span.start_s, words[-1].span.end_s), turn.speaker, text, words)
