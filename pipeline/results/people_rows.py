"""Rows of what people say at the desk, made from home/reviews.sqlite: a function a table, listed at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from pipeline.judging.scores import written_call
from pipeline.masks import hide
from pipeline.numbers import mask_numbers
from pipeline.privacy.masking import asked_for, shown_of
from pipeline.privacy.sensitive import find_masks
from pipeline.results.people_tables import (
    AppealRow,
    CoachingExcerptRow,
    CoachingSessionRow,
    CorrectionRow,
    ManualPointsRow,
    PeopleRow,
    ReleaseRow,
    ReviewRow,
)
from pipeline.reviews.appeals import all_appeals
from pipeline.reviews.coaching import all_coaching
from pipeline.reviews.coaching_excerpts import excerpts_of
from pipeline.reviews.corrections import all_acts
from pipeline.reviews.manual_points import points_of, points_that_count
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_reviews import stored_review
from pipeline.settings.privacy import Privacy
from pipeline.storage.home import Home
from pipeline.timeline import Span


@dataclass(frozen=True, slots=True)
class PeopleSource:
    """What the rows are made from, and what of people's texts is hidden."""

    rows: sqlite3.Connection
    privacy: Privacy

    def masked(self, text: str) -> str:
        """A text that people wrote, with the numbers hidden that are hidden in calls."""
        return masked_text(text, self.privacy) if text else ""


def people_rows(home: Home, privacy: Privacy) -> dict[str, list[PeopleRow]]:
    """The rows of every table of `PEOPLES_TABLES`. Raises CallQAError where the file is damaged."""
    reviews = Reviews(home)
    if not reviews.file.is_there:
        return {table: [] for table in _ROWS}
    with reviews.file.reading() as rows:
        source = PeopleSource(rows, privacy)
        return {table: list(made(source)) for table, made in _ROWS.items()}


def masked_text(text: str, privacy: Privacy) -> str:
    """A text about a call as it may be published: what would be hidden had it been said in one."""
    return _masked(mask_numbers(text) if privacy.mask else text, privacy)


@lru_cache(maxsize=1 << 12)
def _masked(text: str, privacy: Privacy) -> str:
    chinese = any("一" <= character <= "鿿" for character in text)
    call = written_call([("customer", text)], "zh" if chinese else "en")
    masks = shown_of(find_masks(call, asked_for(privacy)), privacy)
    return hide(text, ((mask.start, mask.end) for mask in masks if mask.turn == 0))


def _reviews(source: PeopleSource) -> Iterator[ReviewRow]:
    for row in source.rows.execute("SELECT * FROM verdict_reviews ORDER BY id"):
        stored = stored_review(row)
        review, key = stored.review, stored.review.key
        yield ReviewRow(
            id=stored.id,
            sha256=key.sha256,
            rule_id=key.rule_id,
            reviewer=stored.account,
            reviewed_at=_moment(stored.at),
            authority=stored.authority,
            outcome=key.outcome,
            answer=review.answer,
            right_outcome=review.right_outcome,
            piece=review.piece,
            at_s=review.at_s,
            comment=source.masked(review.comment),
            open_s=review.open_s,
            listened_s=review.listened_s,
            played=review.played,
            blind=review.blind,
            rule_hash=key.rule_hash,
            fingerprint=key.fingerprint,
            evidence_mark=key.evidence,
        )


def _appeals(source: PeopleSource) -> Iterator[AppealRow]:
    for appeal in all_appeals(source.rows):
        decided = next((step for step in appeal.steps if step.step in ("upheld", "rejected")), None)
        yield AppealRow(
            ref=appeal.ref,
            sha256=appeal.key.sha256,
            rule_id=appeal.key.rule_id,
            agent_id=appeal.agent_id,
            appealed_at=_moment(appeal.at),
            instance=appeal.instance,
            told=appeal.told,
            reason=source.masked(appeal.comment),
            state=appeal.state,
            right_outcome=decided.right_outcome if decided else None,
            decided_by=decided.account if decided else None,
            decided_at=_moment(decided.at) if decided else None,
            decision=source.masked(decided.comment) if decided else "",
        )


def _releases(source: PeopleSource) -> Iterator[ReleaseRow]:
    found = source.rows.execute(
        "SELECT r.*, a.ref, r.id IN (SELECT id FROM released) AS in_force "
        "FROM releases AS r LEFT JOIN appeals AS a ON a.id = r.appeal ORDER BY r.id"
    )
    for row in found:
        yield ReleaseRow(
            row["id"], row["sha256"], row["step"], row["version"], _moment(row["at"]), row["account"], row["agent_id"],
            row["score"], row["reviewed_score"], row["manual_points"], row["ref"], bool(row["in_force"]),
        )  # fmt: skip


def _manual_points(source: PeopleSource) -> Iterator[ManualPointsRow]:
    for (sha256,) in source.rows.execute("SELECT DISTINCT sha256 FROM manual_points ORDER BY sha256").fetchall():
        given = points_of(source.rows, sha256)
        counting = points_that_count(given)
        for each in given:
            yield ManualPointsRow(
                sha256, each.label, each.points, each.account, _moment(each.at), source.masked(each.comment),
                each in counting,
            )  # fmt: skip


def _corrections(source: PeopleSource) -> Iterator[CorrectionRow]:
    for act in all_acts(source.rows):
        undone_at = _moment(act.undone_at) if act.undone_at is not None else None
        places: list[tuple[str, Span | None]] = [("voices", None)] if act.said.voices is not None else []
        for said, span in (*places, *((turn.to, turn.span) for turn in act.said.turns)):
            yield CorrectionRow(
                act.id, act.sha256, act.account, _moment(act.at), said, span.start_s if span else None,
                span.end_s if span else None, act.fingerprint, undone_at is None, act.undone_by, undone_at,
            )  # fmt: skip


def _coaching_sessions(source: PeopleSource) -> Iterator[CoachingSessionRow]:
    for session in reversed(all_coaching(source.rows)):
        plan, seen = session.plan, session.acknowledged
        yield CoachingSessionRow(
            ref=session.ref,
            agent_id=session.agent_id,
            coach=plan.coach,
            rules=list(plan.rules),
            state=session.state,
            made_at=_moment(session.at),
            planned_on=plan.planned_on,
            held_on=session.held_on,
            acknowledged_at=_moment(seen.at) if seen else None,
            practise=source.masked(plan.practise),
            for_agent=source.masked(plan.for_agent),
            agent_comment=source.masked(seen.comment) if seen else "",
        )


def _coaching_excerpts(source: PeopleSource) -> Iterator[CoachingExcerptRow]:
    for session in reversed(all_coaching(source.rows)):
        for place, each in enumerate(excerpts_of(source.rows, session.id), 1):
            yield CoachingExcerptRow(
                session.ref, place, each.sha256, each.rule_id, each.kind, each.span.start_s, each.span.end_s,
                each.sound, source.masked(each.comment),
            )  # fmt: skip


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(round(at, 3), UTC)


_ROWS: Mapping[str, Callable[[PeopleSource], Iterator[PeopleRow]]] = {
    "reviews": _reviews,
    "appeals": _appeals,
    "releases": _releases,
    "manual_points": _manual_points,
    "corrections": _corrections,
    "coaching_sessions": _coaching_sessions,
    "coaching_excerpts": _coaching_excerpts,
}
