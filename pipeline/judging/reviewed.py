"""A call's score by what reviewers said: the rulebook's own arithmetic on the outcomes that they found right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.datatypes import Judged, Scorecard, Verdict
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.judging.verdicts import points_lost, scorecard
from pipeline.reviews.verdict_reviews import ReviewedVerdict


def reviewed_scorecard(
    judged: Judged, book: Rulebook | None, reviewed: Mapping[str, ReviewedVerdict]
) -> Scorecard | None:
    """The scorecard with the outcomes that count; None where no outcome was reviewed, or where the rulebook that judged
    the call is not the one in force: what its rules weigh is not known then."""
    card = judged.scorecard
    if card is None or book is None or book.hash != card.rulebook_hash:
        return None
    told = {rule_id for rule_id, each in reviewed.items() if each.outcome is not None or _mistaken(each)}
    if not any(verdict.rule_id in told for verdict in card.verdicts):
        return None
    rules = {rule.id: rule for rule in book.rules}
    verdicts = (
        reviewed_verdict(verdict, rules[verdict.rule_id], reviewed[verdict.rule_id])
        if verdict.rule_id in told and verdict.rule_id in rules
        else verdict
        for verdict in card.verdicts
    )
    return scorecard(judged.call, verdicts, book)


def reviewed_verdict(verdict: Verdict, rule: Rule, reviewed: ReviewedVerdict) -> Verdict:
    """A verdict as reviewers found it: its outcome, how often the rule was broken, what that costs."""
    outcome = reviewed.outcome or verdict.outcome
    if outcome != "fail":
        return replace(verdict, outcome=outcome, occurrences=0, deducted=0.0)
    occurrences = max(1, verdict.occurrences - _mistaken(reviewed))
    return replace(verdict, outcome=outcome, occurrences=occurrences, deducted=points_lost(rule, occurrences))


def _mistaken(reviewed: ReviewedVerdict) -> int:
    """Pieces of evidence that are none."""
    return sum(each.review.answer == "wrong" for each in reviewed.pieces.values())
