"""Which excerpts a coach is offered for a rule: the agent's flagged ones, and good ones, their own and colleagues'.

What is offered is as of now: verdicts by corrections, without those that reviewers found wrong, and without those that
who asks is to answer blind. A good one has a place in the call that shows what was done well, in the same scenario as
what was flagged; those that reviewers confirmed come first, then the best calls.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from desk.calls.calls_list import asked_list
from desk.calls.found import hidden_verdicts
from desk.coaching.shown import SessionExcerpt
from desk.excerpts.chosen import ChosenExcerpt, suggested_spans
from desk.excerpts.cutting import CutExcerpt, cut_excerpt
from desk.excerpts.seen import SeenCall, seen_in_scope
from desk.queues.people import rule_titles
from desk.routing import NotThere, Visit
from pipeline.datatypes import Outcome, Verdict
from pipeline.reviews.coaching import CoachingSession
from pipeline.reviews.verdict_keys import evidence_mark
from pipeline.reviews.verdict_reviews import reviews_of
from pipeline.reviews.voice_leave import voice_may_be_heard

OFFERED = 4
"""Excerpts of a kind that are offered at once."""

_LOOKED_AT = 5
"""For each that is offered, so many calls are looked at, at most."""


@dataclass(frozen=True, slots=True)
class OfferedExcerpt:
    """An excerpt that could be put into a session, with what helps to choose. `confirmed`: reviewers found the verdict
    right; `leave`: the agent may hear the voice; `placed`: the verdict rests on something that was said there."""

    call_id: str
    rule_id: str
    cut: CutExcerpt
    day: date | None
    score: float | None
    scenario: str
    confirmed: bool
    own: bool
    leave: bool
    placed: bool


@dataclass(frozen=True, slots=True)
class Offers:
    """What is offered for a rule; `scenarios` are those that good ones were looked for in, where they are known."""

    rule_id: str
    flagged: Sequence[OfferedExcerpt]
    good: Sequence[OfferedExcerpt]
    own_good: Sequence[OfferedExcerpt]
    scenarios: Sequence[str]


def offers_for(visit: Visit, session: CoachingSession, rule_id: str, chosen: Sequence[SessionExcerpt]) -> Offers:
    """What a coach is offered for a rule of a session, without what is `chosen`."""
    there = {each.excerpt.sha256 for each in chosen if each.excerpt.rule_id == rule_id}
    flagged_rows = list(_rows(visit, rule_id, "fail", agent=session.agent_id))
    own = [
        each.seen.call for each in chosen if each.own and (each.excerpt.rule_id, each.excerpt.kind) == (rule_id, "own")
    ]
    alike = {(call.cdr.scenario, call.language) for call in own}
    alike = alike or {(row["scenario"], row["language"]) for row in flagged_rows}
    finding = _Finding(visit, session, rule_id, rule_titles(visit), there)
    flagged = sorted(finding.some(flagged_rows, "fail"), key=lambda each: (not each.confirmed, not each.placed))
    good = finding.some(_good_rows(visit, session, rule_id, alike), "pass")
    own_rows = _rows(visit, rule_id, "pass", agent=session.agent_id, sort="score")
    own_good = finding.some(own_rows, "pass")
    return Offers(rule_id, flagged, good, own_good, sorted({scenario for scenario, _ in alike if scenario}))


def offered_spans(visit: Visit, seen: SeenCall, rule_id: str) -> tuple[ChosenExcerpt, ...]:
    """The stretches of a call that a verdict of it rests on, as excerpts."""
    desk = visit.desk
    spans = suggested_spans(seen, rule_id, desk.rulebooks(), desk.settings)
    return tuple(ChosenExcerpt(seen.call.sha256, rule_id, span.start_s, span.end_s) for span in spans)


def _good_rows(
    visit: Visit, session: CoachingSession, rule_id: str, alike: Collection[tuple[str | None, str]]
) -> Iterator[Mapping[str, Any]]:
    """Colleagues' calls that passed a rule, those that somebody reviewed first, then by score. `alike` are scenario and
    language of what was flagged: those of a good one are the same."""
    since = datetime.now(UTC).date() - timedelta(days=visit.desk.settings.reviews.good_examples_days)
    named = [("scenario", scenario) for scenario, _ in alike if scenario] if all(each for each, _ in alike) else []
    seen: set[str] = set()
    for reviewed in ("yes", "no"):
        given = [("from", since.isoformat()), ("reviewed", reviewed), *named]
        for row in _rows(visit, rule_id, "pass", given, "score"):
            is_colleagues = row["agent_id"] and row["agent_id"] != session.agent_id
            is_alike = not alike or (row["scenario"], row["language"]) in alike
            if is_colleagues and is_alike and row["sha256"] not in seen:
                seen.add(row["sha256"])
                yield row


def _rows(
    visit: Visit, rule_id: str, outcome: Outcome, given: Iterable[tuple[str, str]] = (), sort: str = "time",
    agent: str = "",
) -> Iterator[Mapping[str, Any]]:  # fmt: skip
    """The first page of the calls with an outcome of a rule, within the scope of who asks."""
    of = [("agent", agent)] if agent else []
    asked = asked_list(visit, [("rule", f"{rule_id}:{outcome}"), ("sort", sort), *of, *given])
    for call in asked.listing.page().calls if not asked.faults else ():
        if not agent or call.row["agent_id"] == agent:  # the filter takes names too
            yield dict(call.row)


@dataclass(frozen=True, slots=True)
class _Finding:
    visit: Visit
    session: CoachingSession
    rule_id: str
    titles: Mapping[str, str]
    there: Collection[str]

    def some(self, rows: Iterable[Mapping[str, Any]], outcome: Outcome) -> list[OfferedExcerpt]:
        """The first of some calls in which there is an excerpt to offer."""
        found: list[OfferedExcerpt] = []
        for looked_at, row in enumerate(rows):
            if len(found) == OFFERED or looked_at == OFFERED * _LOOKED_AT:
                break
            if row["sha256"] not in self.there and (offered := self._one(row, outcome)) is not None:
                found.append(offered)
        return sorted(found, key=lambda each: not each.confirmed)

    def _one(self, row: Mapping[str, Any], outcome: Outcome) -> OfferedExcerpt | None:
        visit, sha256 = self.visit, str(row["sha256"])
        try:
            seen = seen_in_scope(visit, sha256)
        except NotThere:
            return None
        verdict = seen.verdict(self.rule_id)
        if (
            verdict is None
            or verdict.outcome != outcome
            or hidden_verdicts(visit, (sha256,)) & {(sha256, self.rule_id)}
        ):
            return None
        confirmed, wrong = _reviewed(visit, sha256, verdict)
        placed = any(item.span is not None or item.turn is not None for item in verdict.evidence)
        spans = offered_spans(visit, seen, self.rule_id)
        if wrong or not spans or (outcome == "pass" and not placed):
            return None
        voice, started = seen.call.cdr.agent_id, seen.call.cdr.started_at
        own = voice == self.session.agent_id
        with visit.desk.reviews.file.reading() as rows:
            leave = own or voice_may_be_heard(rows, voice)
        visit.desk.trail.note_once("view", visit.whose.name, sha256)
        return OfferedExcerpt(
            visit.desk.call_ids.of(sha256), self.rule_id, cut_excerpt(visit, seen, spans[0], self.titles),
            _day(visit, started), row["score"], seen.call.cdr.scenario or "", confirmed, own, leave,
            placed,
        )  # fmt: skip


def _day(visit: Visit, started: datetime | None) -> date | None:
    if started is None:
        return None
    return (started.astimezone(ZoneInfo(visit.desk.settings.ingest.timezone)) if started.tzinfo else started).date()


def _reviewed(visit: Visit, sha256: str, verdict: Verdict) -> tuple[bool, bool]:
    """Whether the answer that counts found a verdict right, and whether it found it wrong."""
    mark = (verdict.rule_id, verdict.rule_hash, verdict.outcome, evidence_mark(verdict.evidence))
    with visit.desk.reviews.file.reading() as rows:
        said = reviews_of(rows, sha256)
    whole = [
        each
        for each in said
        if each.review.piece is None and mark == (
            each.review.key.rule_id, each.review.key.rule_hash, each.review.key.outcome, each.review.key.evidence
        )
    ]  # fmt: skip
    counts = max(whole, key=lambda each: (each.authority, each.id), default=None)
    return (False, False) if counts is None else (counts.review.answer == "right", counts.review.answer == "wrong")
