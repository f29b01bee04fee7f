"""Verdicts that somebody answered and that are others by now: they come back to who answered them last.

A sample is left as it was drawn and answered: its estimates are of the verdicts of then. What comes back is answered on
the call's page, and goes from here as soon as anybody has answered it.
"""

from __future__ import annotations

from dataclasses import dataclass

from desk.calls.found import hidden_verdicts, may_see
from desk.corrections.judging import judged_now
from desk.routing import Visit
from pipeline.datatypes import Outcome
from pipeline.errors import BadArtefact
from pipeline.results.people_views import EVIDENCE_MARK
from pipeline.reviews.corrections import corrections_of
from pipeline.reviews.verdict_keys import VerdictKey, verdict_keys
from pipeline.reviews.verdict_reviews import StoredReview, last_answers_of
from pipeline.storage import artefacts
from pipeline.storage.home import JudgedFile

MOST_LOOKED_AT, MOST_CHANGED = 500, 20
"""Of somebody's last answers, so many are compared; so many changed ones are shown."""


@dataclass(frozen=True, slots=True)
class ToAnswerAgain:
    """A verdict that was answered when it was another: the outcome then and now. `title` is what the call is called."""

    call_id: str
    title: str
    rule_id: str
    at: float
    then: Outcome
    now: Outcome


def changed_verdicts(visit: Visit) -> list[ToAnswerAgain]:
    """What of the answers of who asks is to be answered again, the last first."""
    if not visit.desk.reviews.file.is_there:
        return []
    with visit.desk.reviews.file.reading() as rows:
        answers = last_answers_of(rows, visit.whose.name, MOST_LOOKED_AT)
    published = _published(visit, answers)
    changed = [each for each in answers if _differs(each.review.key, published.get(_place(each)))]
    hidden = hidden_verdicts(visit, [each.review.key.sha256 for each in changed])
    found: list[ToAnswerAgain] = []
    for answer in changed:
        if _place(answer) not in hidden and (each := _as_it_is_now(visit, answer)) is not None:
            found.append(each)
            if len(found) == MOST_CHANGED:
                break
    return found


def _place(answer: StoredReview) -> tuple[str, str]:
    return answer.review.key.sha256, answer.review.key.rule_id


def _differs(key: VerdictKey, published: VerdictKey | None) -> bool:
    return published is not None and published != key


def _published(visit: Visit, answers: list[StoredReview]) -> dict[tuple[str, str], VerdictKey]:
    """The verdicts that were answered as the database has them; not those whose words' time is over."""
    if not answers or visit.desk.snapshot.identity() == (0, 0):
        return {}
    with visit.desk.snapshot.reading() as reader:
        found = reader.rows(
            "SELECT v.sha256, v.rule_id, v.rule_hash, coalesce(c.fingerprint, '') AS fingerprint, v.outcome, "
            f"{EVIDENCE_MARK} AS mark FROM verdicts AS v JOIN calls AS c USING (sha256) "
            "WHERE v.sha256 IN (SELECT unnest($calls)) AND v.rule_id IN (SELECT unnest($rules)) AND v.reason <> ''",
            {
                "calls": sorted({each.review.key.sha256 for each in answers}),
                "rules": sorted({each.review.key.rule_id for each in answers}),
            },
        )
    return {
        (row["sha256"], row["rule_id"]): VerdictKey(
            row["sha256"], row["rule_id"], row["rule_hash"], row["fingerprint"], row["outcome"], row["mark"]
        )
        for row in found
    }


def _as_it_is_now(visit: Visit, answer: StoredReview) -> ToAnswerAgain | None:
    """What became of an answered verdict, by what is stored; None where it is as it was answered, or not for who asks.
    The database may be a night behind."""
    desk, key = visit.desk, answer.review.key
    try:
        stored = artefacts.read(desk.home.judged(key.sha256), JudgedFile)
    except BadArtefact:
        return None
    cdr = stored.judged.call.cdr
    if not may_see(desk, visit.whose, cdr, key.sha256):
        return None
    now = verdict_keys(judged_now(desk, stored, corrections_of(desk.reviews, key.sha256))).get(key.rule_id)
    if now is None or now == key:
        return None
    title = cdr.call_id or visit.say("Call")
    return ToAnswerAgain(desk.call_ids.of(key.sha256), title, key.rule_id, answer.at, key.outcome, now.outcome)
