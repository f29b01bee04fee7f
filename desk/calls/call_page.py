"""One call: its sound, its words, its verdicts with what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from desk.calls.found import find_call
from desk.queues.my_queue import task_on
from desk.routing import Visit, endpoint
from pipeline.datatypes import Evidence, Verdict
from pipeline.judging.rulebook import Rule
from pipeline.results.quotes import MarkedQuote, marked_quote

ORDER = ("fail", "unsure", "pass", "not_applicable")
"""Verdicts of a call, those first that somebody should look at."""


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """A verdict with its rule (None: the rulebook has it no more) and its evidence as quotes."""

    verdict: Verdict
    rule: Rule | None
    evidence: tuple[tuple[Evidence, MarkedQuote], ...]


@endpoint("/calls/{call_id}", "calls")
def _page(visit: Visit) -> Response:
    found = find_call(visit, visit.request.path_params["call_id"])
    call, card = found.judged.call, found.judged.scorecard
    book = visit.desk.rulebooks().get(call.language)
    rules = {rule.id: rule for rule in book.rules} if book else {}
    verdicts = [
        ShownVerdict(v, rules.get(v.rule_id), tuple((item, marked_quote(item, call)) for item in v.evidence))
        for v in sorted(card.verdicts if card else (), key=lambda v: ORDER.index(v.outcome))
    ]
    return visit.page(
        "calls/call.html", found=found, call=call, card=card, verdicts=verdicts, task=task_on(visit, found)
    )
