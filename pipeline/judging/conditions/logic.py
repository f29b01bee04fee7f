"""Conditions on conditions: all, any, none, in order, how many.

Truth values are combined as Kleene does: unsure stays unsure unless the other side decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field, model_validator

from pipeline.datatypes import Evidence
from pipeline.judging.conditions import at_once
from pipeline.judging.conditions.at_once import EvaluationAtOnce, Truths
from pipeline.judging.conditions.base import Bounds, Condition, Evaluation, Inner, Node, Result, place_of
from pipeline.judging.conditions.wording import told_limits
from pipeline.messages import Message

MOST_REASONS = 4
"""So many inner conditions give their reasons."""

MOST_TITLES = 2
"""So many inner conditions tell what a condition on conditions looks for."""


class Several(Condition):
    """A condition that is written as a list of conditions."""

    of: tuple[Inner, ...]

    def title(self, evaluation: Evaluation) -> str:
        return joined_titles(evaluation, self.of)


class AllOf(Several):
    """All of the conditions hold."""

    def find(self, evaluation: Evaluation) -> Result:
        truth: bool | None = True
        for part in self.of:
            found = evaluation.result(part).truth
            if found is False:
                truth = False
                break
            if found is None:
                truth = None
        return Result(
            truth,
            lambda ev: all_evidence(ev, self._that_are(ev, True)),
            lambda ev: self._reason(ev, truth),
            shown=lambda ev: all_shown(ev, self._that_are(ev, True)),
        )

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        return at_once.all_of([calls.truths(part) for part in self.of])

    def _that_are(self, evaluation: Evaluation, truth: bool | None) -> Iterator[Result]:
        return (found for part in self.of if (found := evaluation.result(part)).truth is truth)

    def _reason(self, evaluation: Evaluation, truth: bool | None) -> str:
        return joined_reasons(evaluation, self._that_are(evaluation, truth))


class AnyOf(AllOf):
    """At least one of the conditions holds."""

    def find(self, evaluation: Evaluation) -> Result:
        truth: bool | None = False
        for part in self.of:
            found = evaluation.result(part)
            if found.truth:
                return Result(
                    True, lambda ev: all_evidence(ev, self._that_are(ev, True)), found.reason, shown=found.shown
                )
            if found.truth is None:
                truth = None
        return Result(truth, lambda ev: all_evidence(ev, self._that_are(ev, truth)), lambda ev: self._reason(ev, truth))

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        return at_once.any_of([calls.truths(part) for part in self.of])


class NoneOf(AnyOf):
    """None of the conditions holds."""

    def find(self, evaluation: Evaluation) -> Result:
        found = super().find(evaluation)
        if found.truth is True:
            return Result(False, found.evidence, found.reason, shown=found.shown)
        return Result(None if found.truth is None else True, (), found.reason)

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        return at_once.opposite(super().truths(calls))


class InOrder(Several):
    """All of the conditions hold, one after the other. A step that `as` gives a name is missed by its name."""

    def find(self, evaluation: Evaluation) -> Result:
        found = [evaluation.result(part) for part in self.of]
        chosen: list[Evidence] = []
        after = (-math.inf, -1)
        for part, step in zip(self.of, found, strict=True):
            if step.truth is not True:
                continue
            nxt = step.first_after(evaluation, after)
            if nxt is None:
                if all(other.truth for other in found):
                    what = part.name or step.reason(evaluation)
                    return Result(False, tuple(chosen), evaluation.say("out of order: {what}", what=what))
                continue
            after = place_of(nxt)
            chosen.append(nxt)
        if any(step.truth is False for step in found):
            missing = [
                part.name or step.reason(evaluation)
                for part, step in zip(self.of, found, strict=True)
                if step.truth is False
            ]
            why = evaluation.say("missing: {steps}", steps=evaluation.listing(missing))
            return Result(False, tuple(chosen), why)
        truth = None if any(step.truth is None for step in found) else True
        return Result(truth, tuple(chosen), joined_reasons(evaluation, [step for step in found if step.truth is truth]))

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        return at_once.one_after_another([calls.truths(part) for part in self.of])


class Times(Condition):
    """How often a condition holds; of a list, how many of its conditions hold."""

    of: Inner | tuple[Inner, ...] = Field(description="a condition, or a list of conditions")
    at_least: int | None = Field(None, ge=1, description="so often or more")
    at_most: int | None = Field(None, ge=0, description="so often or less")
    per: Literal["hit", "turn"] = Field("hit", description="turn: several in one turn count once")

    @model_validator(mode="after")
    def _bounded(self) -> Times:
        if self.at_least is None and self.at_most is None:
            raise ValueError(Message("times needs at_least, at_most or both"))
        return self

    def title(self, evaluation: Evaluation) -> str:
        return joined_titles(evaluation, self.parts)

    def _limits(self, evaluation: Evaluation, count: int) -> str:
        return told_limits(evaluation, Bounds.model_construct(at_least=self.at_least, at_most=self.at_most), count)

    def find(self, evaluation: Evaluation) -> Result:
        if isinstance(self.of, tuple):
            return self._how_many(evaluation, self.of)
        inner = evaluation.result(self.of)
        found = inner.evidence(evaluation)
        count = len({item.turn for item in found} if self.per == "turn" else found) if inner.truth is not False else 0
        truth: bool | None
        if inner.truth is None:
            enough = self.at_least is not None and count >= self.at_least and self.at_most is None
            too_many = self.at_most is not None and count > self.at_most
            truth = True if enough else False if too_many else None
            if truth is None:
                return Result(None, found, inner.reason(evaluation))
        else:
            truth = (self.at_least is None or count >= self.at_least) and (
                self.at_most is None or count <= self.at_most
            )
        return Result(truth, found, lambda ev: self._told(ev, count, inner))

    def _told(self, evaluation: Evaluation, count: int, inner: Result) -> str:
        limits = self._limits(evaluation, count)
        if count == 1:
            return evaluation.say("found once ({limits})", limits=limits)
        text = evaluation.say("found {count} times ({limits})", count=count, limits=limits)
        if count == 0 and (why := inner.reason(evaluation)):
            text += ("：" if evaluation.language == "zh" else ": ") + why
        return text

    def _how_many(self, evaluation: Evaluation, parts: tuple[Node, ...]) -> Result:
        found = [evaluation.result(part) for part in parts]
        held, undecided = sum(f.truth is True for f in found), sum(f.truth is None for f in found)
        enough = [self.at_least is None or n >= self.at_least for n in (held, held + undecided)]
        few = [self.at_most is None or n <= self.at_most for n in (held, held + undecided)]
        truth = True if enough[0] and few[1] else None if enough[1] and few[0] else False
        if truth:
            reason = joined_reasons(evaluation, [f for f in found if f.truth])
        else:
            count = evaluation.say(
                "{held} of {all} ({limits})", held=held, all=len(found), limits=self._limits(evaluation, held)
            )
            missing = (f for f in found if f.truth is (None if truth is None else False))
            reason = joined_reasons(evaluation, [Result(None, (), count), *missing])
        return Result(truth, all_evidence(evaluation, (f for f in found if f.truth)), reason)


def joined_titles(evaluation: Evaluation, parts: Iterable[Node]) -> str:
    titles = list(dict.fromkeys(part.condition.title(evaluation) for part in parts))
    return " / ".join(titles[:MOST_TITLES]) + ("…" if len(titles) > MOST_TITLES else "")


def joined_reasons(evaluation: Evaluation, results: Iterable[Result]) -> str:
    reasons: dict[str, None] = {}
    for result in results:
        if reason := result.reason(evaluation):
            reasons[reason] = None
            if len(reasons) == MOST_REASONS:
                break
    return ("；" if evaluation.language == "zh" else "; ").join(reasons)


def all_evidence(evaluation: Evaluation, results: Iterable[Result]) -> tuple[Evidence, ...]:
    """All evidence of some results in the order of the call, each once."""
    return _in_order(item for result in results for item in result.evidence(evaluation))


def all_shown(evaluation: Evaluation, results: Iterable[Result]) -> tuple[Evidence, ...]:
    """What people are shown of some results, in the order of the call, each once."""
    return _in_order(item for result in results for item in result.shown(evaluation))


def _in_order(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(dict.fromkeys(evidence), key=lambda item: (*place_of(item), item.matched)))
