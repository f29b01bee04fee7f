"""A call as its agent sees it: by the result that was released, whatever it was judged since."""

from __future__ import annotations

from dataclasses import replace

from pipeline.datatypes import Judged, Scorecard, Verdict
from pipeline.reviews.releases import CallResult
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.storage.home import JudgedFile


def as_released(shown: Judged, stored: JudgedFile, result: CallResult, judged_since: str) -> Judged:
    """A call with the verdicts and the score of a released result. `shown` is what is stored, masked; a verdict that is
    another by now is shown without what it rested on, `judged_since` in the place of its reason."""
    card, keys = shown.scorecard, verdict_keys(stored)
    live = {verdict.rule_id: verdict for verdict in (card.verdicts if card else ())}
    same = {each.rule_id for each in result.verdicts if result.key(each.rule_id) == keys.get(each.rule_id)}
    verdicts = tuple(
        live[each.rule_id]
        if each.rule_id in same and each.rule_id in live
        else Verdict(each.rule_id, each.rule_hash, each.outcome, (), judged_since, deducted=each.deducted)
        for each in result.verdicts
    )
    coverage = card.coverage if card else 0.0
    fatal = card is not None and card.fatal and len(same) == len(result.verdicts)
    released = Scorecard(
        result.sha256, result.rulebook, result.rulebook_hash, verdicts, result.score, coverage, fatal,
        result.rulebook_version,
    )  # fmt: skip
    return replace(shown, scorecard=released)
