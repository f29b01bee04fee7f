"""An excerpt as somebody chose it, and what the desk proposes for a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from desk.excerpts.seen import SeenCall
from pipeline.judging.rulebook import Rulebook
from pipeline.results.excerpts import clip_spans, due_early
from pipeline.settings import Settings
from pipeline.timeline import Span

LONGEST_EXCERPT_S = 300.0
"""More than this is a call, and no excerpt."""


@dataclass(frozen=True, slots=True)
class ChosenExcerpt:
    """A span of a call (seconds in the recording) for a rule; `rule_id` is "" where it is for none.

    `heard`: its sound may be heard by those it is for, and not only its masked words read. `note` is the chooser's.
    """

    sha256: str
    rule_id: str
    start_s: float
    end_s: float
    heard: bool = True
    note: str = ""

    @property
    def span(self) -> Span:
        return Span(self.start_s, self.end_s)


def fitting(seen: SeenCall, span: Span) -> Span:
    """A span as it can be cut: within the call, at least a second and at most `LONGEST_EXCERPT_S`."""
    duration_s = max(1.0, seen.call.facts.duration_s)
    start_s = min(max(0.0, span.start_s), duration_s - 1.0)
    end_s = max(start_s + 1.0, min(span.end_s, duration_s, start_s + LONGEST_EXCERPT_S))
    return Span(round(start_s, 3), round(end_s, 3))


def suggested_spans(
    seen: SeenCall, rule_id: str, books: Mapping[str, Rulebook], settings: Settings
) -> tuple[Span, ...]:
    """What to cut for a verdict of a call: its evidence and a little around it, as the night's clips have it.

    A verdict without a place gets where something should have been said. None where the call has no such verdict.
    """
    verdict = seen.verdict(rule_id)
    if verdict is None:
        return ()
    if not verdict.evidence and verdict.grounds:
        verdict = replace(verdict, evidence=verdict.grounds)
    book = books.get(seen.call.language)
    early = rule_id in due_early([book]) if book else False
    return tuple(fitting(seen, span) for span, _ in clip_spans(seen.call, verdict, settings.excerpts, early))
