"""An agent's good moments: passes in their released calls that reviewers confirmed, then those of their best calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from desk.calls.found import find_call, released_result
from desk.excerpts.answering_sound import sound_answer
from desk.excerpts.chosen import ChosenExcerpt, suggested_spans
from desk.excerpts.cutting import CutExcerpt, cut_excerpt
from desk.excerpts.seen import SeenCall, seen_in_scope
from desk.routing import NotThere, Visit, endpoint
from pipeline.reviews.releases import ResultStep

GOOD_SHOWN, _LOOKED_AT = 3, 12
"""Clips on the page, and calls that are looked at for each at most."""


@dataclass(frozen=True, slots=True)
class GoodClip:
    """A moment of a call that went well. `confirmed`: a reviewer found so too."""

    call_id: str
    rule_id: str
    confirmed: bool
    cut: CutExcerpt


def good_clips(visit: Visit, steps: Sequence[ResultStep], titles: Mapping[str, str]) -> list[GoodClip]:
    """A few good moments out of some released results of who asks, each of another rule."""
    found: dict[str, GoodClip] = {}
    looked_at = 0
    for step, rule_id, confirmed in _candidates(steps):
        if len(found) == GOOD_SHOWN or looked_at == GOOD_SHOWN * _LOOKED_AT:
            break
        if rule_id in found:
            continue
        looked_at += 1
        sha256 = step.result.sha256
        try:
            seen = seen_in_scope(visit, sha256)
        except NotThere:
            continue
        chosen = _chosen(visit, seen, rule_id)
        if chosen is not None:
            cut = cut_excerpt(visit, seen, chosen, titles)
            found[rule_id] = GoodClip(visit.desk.call_ids.of(sha256), rule_id, confirmed, cut)
    return list(found.values())


@endpoint("/my/good/{call_id}/{rule_id}/sound", "appeal")
def _sound(visit: Visit) -> Response:
    found, rule_id = find_call(visit, visit.request.path_params["call_id"]), visit.request.path_params["rule_id"]
    result = released_result(visit.desk, found.sha256)
    seen = seen_in_scope(visit, found.sha256)
    passed = result is not None and any(
        each.rule_id == rule_id and each.stands == "pass" for each in result.verdicts
    )  # fmt: skip
    chosen = _chosen(visit, seen, rule_id) if passed else None
    if chosen is None:
        raise NotThere
    return sound_answer(visit, seen, chosen)


def _candidates(steps: Sequence[ResultStep]) -> Iterator[tuple[ResultStep, str, bool]]:
    """Results with a rule that was met: what reviewers confirmed, the latest first, then the best calls."""
    for step in steps:
        for verdict in step.result.verdicts:
            if verdict.reviewed == "pass":
                yield step, verdict.rule_id, True
    best = sorted(steps, key=lambda step: -(step.result.score or 0))[: GOOD_SHOWN * _LOOKED_AT]
    for step in best:
        for verdict in step.result.verdicts:
            if verdict.stands == "pass":
                yield step, verdict.rule_id, False


def _chosen(visit: Visit, seen: SeenCall, rule_id: str) -> ChosenExcerpt | None:
    """The excerpt of a rule that was met, where it rests on something that was said."""
    verdict = seen.verdict(rule_id)
    if (
        verdict is None
        or verdict.outcome != "pass"
        or not any(each.span or each.turn is not None for each in verdict.evidence)
    ):
        return None
    spans = suggested_spans(seen, rule_id, visit.desk.rulebooks(), visit.desk.settings)
    return ChosenExcerpt(seen.call.sha256, rule_id, spans[0].start_s, spans[0].end_s) if spans else None
