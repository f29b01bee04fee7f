"""The verdicts of a call as its page shows them: what somebody should look at first, each with all that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.datatypes import Call, Evidence, Outcome, Role, Scorecard, Verdict
from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.speech import Said
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.results.display import SEVERITY_LABELS
from pipeline.results.excerpts import due_early
from pipeline.results.quotes import MarkedQuote, marked_quote, turn_of
from pipeline.timeline import Span

OUTCOME_ORDER: tuple[Outcome, ...] = ("fail", "unsure", "pass", "not_applicable")
"""Verdicts of a call, those first that somebody should look at."""

_DUE_S = 20.0
"""So much is played of where something should have been said, and was not."""

_GRAVITY = {severity: place for place, severity in enumerate(SEVERITY_LABELS)}


@dataclass(frozen=True, slots=True)
class EvidencePiece:
    """A piece of evidence: its words, when and by whom; `reason` is "" where it says no more than the words do."""

    number: int
    evidence: Evidence
    quote: MarkedQuote
    span: Span | None
    role: Role | None
    reason: str


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """A verdict with its rule (None: the rulebook has it no more), its evidence as quotes, what it was applied for.

    `due` is where something should have been said, of a fail without a place. `changed`: the rule was changed since.
    """

    verdict: Verdict
    rule: Rule | None
    evidence: tuple[tuple[Evidence, MarkedQuote], ...]
    pieces: tuple[EvidencePiece, ...]
    grounds: tuple[EvidencePiece, ...]
    suspect: EvidencePiece | None
    due: Span | None
    changed: bool

    @property
    def severity(self) -> str:
        return self.rule.severity if self.rule else "normal"

    @property
    def marks(self) -> tuple[EvidencePiece, ...]:
        """The pieces that have a place in the call."""
        return tuple(piece for piece in self.pieces if piece.span is not None)


def shown_verdicts(call: Call, card: Scorecard | None, book: Rulebook | None) -> dict[Outcome, list[ShownVerdict]]:
    """A call's verdicts by outcome, in `OUTCOME_ORDER`; of each the gravest first, then as the rulebook has them."""
    rules: Mapping[str, Rule] = {rule.id: rule for rule in book.rules} if book else {}
    early = due_early([book]) if book else frozenset()
    groups: dict[Outcome, list[ShownVerdict]] = {outcome: [] for outcome in OUTCOME_ORDER}
    for verdict in card.verdicts if card else ():
        groups[verdict.outcome].append(_shown(verdict, rules.get(verdict.rule_id), call, early))
    for shown in groups.values():
        shown.sort(key=lambda each: (_GRAVITY.get(each.severity, 9), -each.verdict.deducted))
    return groups


Resting = tuple[ShownVerdict, EvidencePiece]
"""A verdict, and one of the pieces that it rests on."""


def findings(groups: Mapping[Outcome, Sequence[ShownVerdict]]) -> list[Resting]:
    """What stands on the time line: places of what failed or could not be decided, in the order of the call."""
    found = [(shown, piece) for outcome in ("fail", "unsure") for shown in groups[outcome] for piece in shown.marks]
    return sorted(found, key=lambda each: each[1].span or Span(0.0, 0.0))


def marked_words(
    groups: Mapping[Outcome, Sequence[ShownVerdict]],
) -> dict[int, list[Resting]]:
    """What of each turn, by its index, something rests on that failed or could not be decided."""
    found: dict[int, list[Resting]] = {}
    for shown, piece in findings(groups):
        if piece.evidence.turn is not None:
            found.setdefault(piece.evidence.turn, []).append((shown, piece))
    return found


def _shown(verdict: Verdict, rule: Rule | None, call: Call, early: Iterable[str]) -> ShownVerdict:
    pieces = tuple(_piece(number, item, call) for number, item in enumerate(verdict.evidence, 1))
    due = None
    if verdict.outcome == "fail" and not any(piece.span for piece in pieces) and _asks_for_words(rule):
        due = _due(call, verdict.rule_id in early)
    doubt = verdict.suspect if verdict.suspect and verdict.suspect.suspicion > 0 else None
    return ShownVerdict(
        verdict, rule, tuple((piece.evidence, piece.quote) for piece in pieces), pieces,
        tuple(_piece(number, item, call) for number, item in enumerate(verdict.grounds, 1)),
        _piece(1, doubt.evidence, call) if doubt else None, due,
        rule is not None and rule.hash != verdict.rule_hash,
    )  # fmt: skip


def _piece(number: int, item: Evidence, call: Call) -> EvidencePiece:
    turn = turn_of(item, call)
    span = item.span or (turn.span if turn else None)
    says_no_more = item.matched and item.reason in (f"heard “{item.matched}”", f"听到“{item.matched}”")
    return EvidencePiece(
        number, item, marked_quote(item, call), span, call.role(turn) if turn else None,
        "" if says_no_more else item.reason,
    )  # fmt: skip


def _asks_for_words(rule: Rule | None) -> bool:
    """Whether a rule asks for something to be said: then there is a place where it should have been."""
    nodes = rule.require.walk() if rule and rule.require else ()
    return any(isinstance(node.condition, Said | Used) for node in nodes)


def _due(call: Call, early: bool) -> Span:
    duration_s = call.facts.duration_s
    start_s = (call.facts.first_agent_s or 0.0) if early else max(0.0, duration_s - _DUE_S)
    return Span(start_s, min(duration_s, start_s + _DUE_S))
