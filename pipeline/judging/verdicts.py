"""A call judged by a rulebook: verdicts with their evidence, and a score.

Verdicts are three-valued inside and four-valued outside: pass, fail, not_applicable, unsure. Unsure and not
applicable never cost points: they leave the denominator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from pipeline.datatypes import Call, Evidence, Outcome, Party, Scorecard, Verdict
from pipeline.judging.answers import Answers
from pipeline.judging.conditions.base import Evaluation, Node, Result
from pipeline.judging.matches import CallMatches, FoundBefore
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Gate, Rule, Rulebook, RuleCase
from pipeline.judging.suspects import suspect_in
from pipeline.judging.token_index import TokenIndex, index_call


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


@dataclass(frozen=True, slots=True)
class Explained:
    """A condition of a rule on a call: what it found. `gate` is None for those inside others, which are deeper."""

    depth: int
    gate: Gate | None
    node: Node
    truth: bool | None
    evidence: tuple[Evidence, ...]
    reason: str


def judge_call(call: Call, rulebook: Rulebook, answers: Answers | None = None) -> Scorecard:
    """Judge one call by every rule that is not retired, and score it. `answers` are those of a local model, if any."""
    evaluation = evaluation_of(call, rulebook, answers)
    rules = [rule for rule in rulebook.rules if rule.status != "retired"]
    asking = {coverage: evaluation.asking(coverage) for coverage in {rule.coverage for rule in rules}}
    verdicts = tuple([judge_rule(asking[rule.coverage], rule) for rule in rules])
    return scorecard(call, verdicts, rulebook)


def evaluation_of(call: Call, rulebook: Rulebook, answers: Answers | None = None) -> Evaluation:
    """A call made ready to be judged by the rules of a rulebook."""
    return evaluation_on(index_call(call, rulebook.language), rulebook, answers)


def evaluation_on(
    index: TokenIndex, rulebook: Rulebook, answers: Answers | None = None, found: FoundBefore | None = None
) -> Evaluation:
    """A call whose tokens are known, made ready to be judged by the rules of a rulebook. `found`: what was found in it
    together with others."""
    return Evaluation(
        index, CallMatches(index, rulebook.lexicon, found), rulebook.entities.in_call(index), rulebook.scenarios,
        offered=rulebook.offered_by(index.call.cdr.company), bar=rulebook.bar, answers=answers,
        recognisers=rulebook.recognisers, acts=rulebook.acts,
    )  # fmt: skip


def judge_rule(evaluation: Evaluation, rule: Rule) -> Verdict:
    """What one rule says of one call."""
    evaluation = evaluation.asking(rule.coverage)
    outcome, evidence, reason, occurrences = _outcome(evaluation, rule)
    failed = outcome == "fail"
    grounds: tuple[Evidence, ...] = ()
    if rule.applies and outcome != "not_applicable":
        grounds = evaluation.result(rule.applies).shown(evaluation)
        reason = _with_scenario(evaluation, rule.asked_scenario, outcome, reason)
    return Verdict(
        rule.id, rule.hash, outcome, evidence, reason, occurrences if failed else 0,
        points_lost(rule, occurrences) if failed else 0.0, grounds, outcome == "pass" and rule.finds_little,
        suspect_in(evaluation, rule) if outcome == "pass" else None,
    )  # fmt: skip


def outcome_of(evaluation: Evaluation, rule: Rule) -> tuple[Outcome, float]:
    """What one rule says of one call, and the points lost by it: the verdict's, without its words."""
    evaluation = evaluation.asking(rule.coverage)
    decision = _decide(evaluation, rule)
    if decision.outcome != "fail":
        return decision.outcome, 0.0
    occurrences = decision.occurrences(evaluation) if rule.deduct else 1
    return "fail", points_lost(rule, occurrences)


class _Decision(NamedTuple):
    """What the conditions of a rule come to: the outcome, and the condition's result that it hangs on."""

    outcome: Outcome
    by: Result
    applies: Result
    silent: Party | None = None
    is_forbidden: bool = False

    def occurrences(self, ev: Evaluation) -> int:
        return max(1, len(self.by.evidence(ev))) if self.is_forbidden else 1


def _decide(ev: Evaluation, rule: Rule) -> _Decision:
    silent = ev.silent_side(rule.speaks)
    if silent is not None:
        return _Decision("not_applicable", Result(False), Result(False), silent)
    applies = ev.result(rule.applies) if rule.applies else Result(True)
    if applies.truth is not True:
        return _Decision("unsure" if applies.truth is None else "not_applicable", applies, applies)
    forbidden = ev.result(rule.forbid) if rule.forbid else Result(False)
    if forbidden.truth is True:
        return _Decision("fail", forbidden, applies, is_forbidden=True)
    required = ev.result(rule.require) if rule.require else Result(True)
    if required.truth is False:
        return _Decision("fail", required, applies)
    unsure = next((result for result in (required, forbidden) if result.truth is None), None)
    if unsure is not None:
        return _Decision("unsure", unsure, applies)
    return _Decision("pass", required if rule.require else forbidden, applies)


def _outcome(ev: Evaluation, rule: Rule) -> tuple[Outcome, tuple[Evidence, ...], str, int]:
    decision = _decide(ev, rule)
    outcome, by, applies, silent, _ = decision
    match outcome:
        case "not_applicable":
            why = ev.say("{who} said nothing", who=ev.side(silent)) if silent else applies.reason(ev)
            return outcome, (), ev.say("not applicable: {why}", why=why or ev.say("does not concern this call")), 0
        case "unsure":
            return outcome, by.shown(ev), ev.say("cannot judge: {why}", why=by.reason(ev)), 0
        case "fail":
            # what made the rule apply is the evidence that something is missing
            found = by.evidence(ev) if decision.is_forbidden else by.shown(ev) or applies.shown(ev)
            return outcome, found, by.reason(ev), decision.occurrences(ev)
    if rule.finds_little and rule.measured:
        share = rule.measured.recall.value
        told = ev.say("nothing found; {share:.0%} of what is forbidden was found when measured", share=share)
        return outcome, (), told, 0
    return outcome, by.shown(ev) if rule.require else (), by.reason(ev) or ev.say("as it should be"), 0


def _with_scenario(ev: Evaluation, told: Node | None, outcome: Outcome, reason: str) -> str:
    """A reason with the scenario that a call was judged as, and how sure that is."""
    if told is None or outcome == "unsure":
        return reason
    return ("；" if ev.language == "zh" else "; ").join((reason, ev.result(told).reason(ev)))


def points_lost(rule: Rule, occurrences: int) -> float:
    """Points of the rule's weight that are lost: all of them unless the rule counts how often it was broken."""
    if rule.deduct is None:
        return rule.weight
    cap = rule.deduct.at_most if rule.deduct.at_most is not None else rule.weight
    return min(rule.deduct.each * max(1, occurrences), cap)


def scorecard(call: Call, verdicts: Iterable[Verdict], rulebook: Rulebook) -> Scorecard:
    """The scorecard of some verdicts.

    A dimension's share is what is left of the weight of its decided rules; the score is the mean of the shares by
    the dimensions' weights, 0–100. Experimental rules never score. One fatal failure makes the score 0. A call in which
    no agent is known to speak has no score: it is no evidence of any.
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
    if total and call.facts.agent_turns:
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


def _check(case: RuleCase, rule: Rule, rulebook: Rulebook) -> CaseResult:
    call = replace(call_from_script(case.call, rulebook.language), language=rulebook.language)
    verdict = judge_rule(evaluation_of(call, rulebook), rule)
    return CaseResult(rule.id, str(rule.file), case.line, case.verdict, verdict.outcome, verdict.reason, case.note)


def run_cases(rulebook: Rulebook) -> tuple[CaseResult, ...]:
    """Judge every case of every rule, retired ones too."""
    return tuple(result for rule in rulebook.rules for result in check_cases(rule, rulebook))


def explain_rule(evaluation: Evaluation, rule: Rule) -> list[Explained]:
    """The conditions of a rule on a call, as a tree from the top."""
    evaluation = evaluation.asking(rule.coverage)
    rows: list[Explained] = []

    def visit(node: Node, depth: int, gate: Gate | None) -> None:
        found = evaluation.result(node)
        rows.append(Explained(depth, gate, node, found.truth, found.evidence(evaluation), found.reason(evaluation)))
        for child in node.children:
            visit(child, depth + 1, None)

    for gate, top in rule.gates:
        visit(top, 0, gate)
    return rows
