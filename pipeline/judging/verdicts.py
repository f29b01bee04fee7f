"""A call judged by a rulebook: verdicts with their evidence, and a score.

Verdicts are three-valued inside and four-valued outside: pass, fail, not_applicable, unsure. Unsure and not
applicable never cost points: they leave the denominator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.datatypes import Call, Evidence, Outcome, Scorecard, Verdict
from pipeline.judging.conditions.base import Context, Node, Result, evaluate
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Case, Rule, Rulebook
from pipeline.judging.token_index import TokenIndex, read


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a rule said of one of its cases. `line` is the case's in the rule's file."""

    rule_id: str
    file: str
    line: int
    expected: Outcome
    found: Outcome
    reason: str
    note: str | None = None

    @property
    def ok(self) -> bool:
        return self.expected == self.found


def judge_call(call: Call, rulebook: Rulebook) -> Scorecard:
    """Judge one call by every rule that is not retired, and score it."""
    spoken = read(call, rulebook.lexicon)
    verdicts = tuple(judge_rule(spoken, rule, rulebook) for rule in rulebook.rules if rule.status != "retired")
    spoken.forget()
    return score(call, verdicts, rulebook)


def judge_rule(spoken: TokenIndex, rule: Rule, rulebook: Rulebook) -> Verdict:
    """What one rule says of one call (`spoken` comes from `pipeline.judging.token_index.read`)."""
    context = _context(spoken, rule, rulebook)
    outcome, evidence, reason, occurrences = _outcome(context, rule)
    failed = outcome == "fail"
    grounds = evaluate(context, rule.applies).evidence if rule.applies and outcome != "not_applicable" else ()
    return Verdict(
        rule.id, rule.hash, outcome, evidence, reason, occurrences if failed else 0,
        _deducted(rule, occurrences) if failed else 0.0, grounds,
    )  # fmt: skip


def _context(spoken: TokenIndex, rule: Rule, rulebook: Rulebook) -> Context:
    return Context(
        spoken, rulebook.entities, rulebook.language, rule.coverage, rule.anchors, rulebook.scenarios, rulebook.numbers
    )


def _outcome(context: Context, rule: Rule) -> tuple[Outcome, tuple[Evidence, ...], str, int]:
    chinese = context.language == "zh"
    applies = evaluate(context, rule.applies) if rule.applies else Result(True)
    if applies.truth is False:
        reason = applies.reason or ("此通电话不涉及" if chinese else "does not concern this call")
        return "not_applicable", (), ("不适用：" if chinese else "not applicable: ") + reason, 0
    if applies.truth is None:
        return "unsure", applies.evidence, ("不可判：" if chinese else "cannot judge: ") + applies.reason, 0
    forbidden = evaluate(context, rule.forbid) if rule.forbid else Result(False)
    if forbidden.truth is True:
        return "fail", forbidden.evidence, forbidden.reason, max(1, len(forbidden.evidence))
    required = evaluate(context, rule.require) if rule.require else Result(True)
    if required.truth is False:
        # what made the rule apply is the evidence that something is missing
        evidence = required.evidence or applies.evidence
        return "fail", evidence, required.reason, 1
    unsure = next((f for f in (required, forbidden) if f.truth is None), None)
    if unsure is not None:
        return "unsure", unsure.evidence, ("不可判：" if chinese else "cannot judge: ") + unsure.reason, 0
    reason = required.reason if rule.require else forbidden.reason
    return "pass", required.evidence, reason or ("符合" if chinese else "as it should be"), 0


def _deducted(rule: Rule, occurrences: int) -> float:
    """Points of the rule's weight that are lost: all of them unless the rule counts how often it was broken."""
    if rule.deduct is None:
        return rule.weight
    cap = rule.deduct.at_most if rule.deduct.at_most is not None else rule.weight
    return min(rule.deduct.each * max(1, occurrences), cap)


def score(call: Call, verdicts: Iterable[Verdict], rulebook: Rulebook) -> Scorecard:
    """The scorecard of some verdicts.

    A dimension's share is what is left of the weight of its decided rules; the score is the mean of the shares by
    the dimensions' weights, 0–100. Experimental rules never score. One fatal failure makes the score 0.
    """
    verdicts = tuple(verdicts)
    rules = {rule.id: rule for rule in rulebook.rules}
    decided: dict[str, float] = {}
    lost: dict[str, float] = {}
    applicable_weight = decided_weight = 0.0
    fatal = False
    for verdict in verdicts:
        rule = rules[verdict.rule_id]
        if rule.status != "stable" or verdict.outcome == "not_applicable":
            continue
        applicable_weight += rule.weight
        if verdict.outcome == "unsure":
            continue
        decided_weight += rule.weight
        decided[rule.dimension] = decided.get(rule.dimension, 0.0) + rule.weight
        lost[rule.dimension] = lost.get(rule.dimension, 0.0) + verdict.deducted
        fatal = fatal or (verdict.outcome == "fail" and rule.severity == "fatal")
    total = sum(rulebook.dimensions[name].weight for name in decided)
    points: float | None = None
    if total:
        points = 0.0
        for name, weight in decided.items():
            cap = rulebook.dimensions[name].at_most
            share = min(1.0 if cap is None else cap, lost[name] / weight)
            points += rulebook.dimensions[name].weight * (1.0 - share)
        points = 0.0 if fatal else round(100.0 * points / total, 2)
    return Scorecard(
        sha256=call.sha256,
        rulebook=rulebook.name,
        rulebook_hash=rulebook.hash,
        verdicts=verdicts,
        score=points,
        coverage=decided_weight / applicable_weight if applicable_weight else 0.0,
        fatal=fatal,
        version=rulebook.version,
    )


def check_cases(rule: Rule, rulebook: Rulebook) -> tuple[CaseResult, ...]:
    """Judge the cases that a rule carries."""
    return tuple(_check(case, rule, rulebook) for case in rule.cases)


def _check(case: Case, rule: Rule, rulebook: Rulebook) -> CaseResult:
    call = replace(call_from_script(case.call, rulebook.language), language=rulebook.language)
    spoken = read(call, rulebook.lexicon)
    verdict = judge_rule(spoken, rule, rulebook)
    spoken.forget()
    return CaseResult(rule.id, str(rule.file), case.line, case.verdict, verdict.outcome, verdict.reason, case.note)


def run_cases(rulebook: Rulebook) -> tuple[CaseResult, ...]:
    """Judge every case of every rule, retired ones too."""
    return tuple(result for rule in rulebook.rules for result in check_cases(rule, rulebook))


def explain(spoken: TokenIndex, rule: Rule, rulebook: Rulebook) -> list[tuple[int, str, Node, Result]]:
    """The condition tree of a rule on a call: (depth, gate, node, finding), from the top."""
    context = _context(spoken, rule, rulebook)
    rows: list[tuple[int, str, Node, Result]] = []

    def visit(node: Node, depth: int, gate: str) -> None:
        rows.append((depth, gate, node, evaluate(context, node)))
        for child in node.children:
            visit(child, depth + 1, "")

    for gate, top in (("applies", rule.applies), ("require", rule.require), ("forbid", rule.forbid)):
        if top is not None:
            visit(top, 0, gate)
    return rows
