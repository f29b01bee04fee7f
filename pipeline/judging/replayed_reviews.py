"""What a draft makes of verdicts that people answered: of the overturned how many would be right, of the confirmed how
many would break.

Only answers to a verdict as it stands now tell something; of each the answer that counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.datatypes import Outcome
from pipeline.errors import BadArtefact
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import reviewed_verdicts, reviews_of
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile


@dataclass(frozen=True, slots=True)
class ReplayedReview:
    """A verdict that people answered: the machine's outcome, the right one, and the draft's (None: no such rule)."""

    sha256: str
    call: str
    rule_id: str
    machine: Outcome
    right: Outcome
    draft: Outcome | None

    @property
    def overturned(self) -> bool:
        return self.machine != self.right

    @property
    def right_now(self) -> bool:
        return self.draft == self.right


@dataclass(slots=True)
class ReviewsOfRule:
    """Of one rule: verdicts overturned and how many the draft mends, verdicts confirmed and how many it breaks."""

    rule_id: str
    overturned: int = 0
    mended: int = 0
    confirmed: int = 0
    broken: int = 0


@dataclass
class ReplayedReviews:
    """All answered verdicts of a home beside a draft. `earlier` answers are of verdicts that are others by now."""

    all: list[ReplayedReview] = field(default_factory=list)
    earlier: int = 0

    def rules(self) -> list[ReviewsOfRule]:
        """Counts by rule, those with most overturned verdicts first."""
        found: dict[str, ReviewsOfRule] = {}
        for each in self.all:
            rule = found.setdefault(each.rule_id, ReviewsOfRule(each.rule_id))
            if each.overturned:
                rule.overturned += 1
                rule.mended += each.right_now
            else:
                rule.confirmed += 1
                rule.broken += not each.right_now
        return sorted(found.values(), key=lambda rule: (-rule.overturned, rule.rule_id))


def replay_reviews(
    home: Home, book: Rulebook, progress: Callable[[int, int], None] = lambda done, total: None
) -> ReplayedReviews:
    """Judge every call that somebody answered verdicts of, in the draft's language, by the draft."""
    reviews, replayed = Reviews(home), ReplayedReviews()
    if not reviews.file.is_there:
        return replayed
    with reviews.file.reading() as rows:
        shas = [row[0] for row in rows.execute("SELECT DISTINCT sha256 FROM verdict_reviews ORDER BY sha256")]
    for done, sha256 in enumerate(shas, 1):
        try:
            stored = artefacts.read(home.judged(sha256), JudgedFile)
        except BadArtefact:
            continue
        if stored.judged.call.language == book.language:
            with reviews.file.reading() as rows:
                said = reviews_of(rows, sha256)
            reviewed = reviewed_verdicts(verdict_keys(stored), said)
            replayed.earlier += sum(len(each.earlier) for each in reviewed.values())
            told = {rule: each.counts.outcome for rule, each in reviewed.items() if each.counts}
            replayed.all += _beside(stored, {rule: right for rule, right in told.items() if right}, book)
        progress(done, len(shas))
    return replayed


def _beside(stored: JudgedFile, told: dict[str, Outcome], book: Rulebook) -> list[ReplayedReview]:
    call, card = stored.judged.call, stored.judged.scorecard
    machine = {verdict.rule_id: verdict.outcome for verdict in (card.verdicts if card else ())}
    asked = book.only(rule for rule in told if rule in book.ids)
    draft = {verdict.rule_id: verdict.outcome for verdict in (judge_call(call, asked).verdicts if asked.rules else ())}
    return [
        ReplayedReview(call.sha256, call.cdr.call_id or call.sha256[:12], rule, machine[rule], right, draft.get(rule))
        for rule, right in sorted(told.items())
        if rule in machine
    ]
