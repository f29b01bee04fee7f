"""Scripts: which scenario a call is, and whether the steps of a script were taken."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import Field, ValidationInfo, model_validator

from pipeline.datatypes import Evidence
from pipeline.judging.conditions.base import Condition, Evaluation, Inner, Node, Result, Scenario, reading
from pipeline.judging.conditions.logic import all_shown, joined_reasons, joined_titles
from pipeline.judging.conditions.nearest import nearest_said
from pipeline.judging.faults import listing
from pipeline.messages import Message
from pipeline.validation import did_you_mean


class InScenario(Condition):
    """The call is of one of some kinds: the scenario that the CDR names, else the surest of those in `rulebook.yaml`
    that the house offers. It is unsure where none is sure enough."""

    scenario: str | list[str] = Field(description="one scenario of the rulebook, or several")

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> InScenario:
        known = reading(info).scenarios
        if not known:
            raise ValueError(Message("scenarios are asked for in rules only, where rulebook.yaml has some"))
        for name in self.names:
            if name not in known:
                raise ValueError(
                    Message(
                        "no scenario {name}{hint}; rulebook.yaml has {known}",
                        name=name, hint=did_you_mean(name, known), known=listing(known),
                    )
                )  # fmt: skip
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return (self.scenario,) if isinstance(self.scenario, str) else tuple(self.scenario)

    def title(self, evaluation: Evaluation) -> str:
        return " / ".join(evaluation.scenarios[name].title for name in self.names)

    def find(self, evaluation: Evaluation) -> Result:
        told = evaluation.call.cdr.scenario
        if told is not None and told in evaluation.scenarios:
            title = evaluation.scenarios[told].title
            return Result(told in self.names, (), evaluation.say("CDR: scenario {scenario}", scenario=title))
        if evaluation.offered is not None and not evaluation.offered.intersection(self.names):
            return Result(False, (), evaluation.say("the house does not offer this"))
        ranking = _ranking(evaluation)
        best = max(ranking, key=lambda each: each.least, default=None)
        names = self.names
        own = best is not None and best.name in names
        rivals = [each for each in ranking if (each.name in names) is not own]
        bar = evaluation.bar
        # what is not known could make another one the surest
        if best is not None and best.least >= bar.sure:
            unclear = any(each.most > each.least and each.beats(best) for each in rivals)
            named = own or any(each.name in names and each.beats(best) for each in rivals)
            if unclear and named:
                return Result(None, (), evaluation.say("it is not clear which scenario this is"))
            return Result(own, best.evidence if own else (), best.reason(evaluation))
        if any(each.most >= bar.sure and each.most > each.least for each in ranking if each.name in names):
            return Result(None, (), evaluation.say("it is not clear which scenario this is"))
        if best is not None and own and best.least >= bar.doubtful:
            return Result(None, best.evidence, best.reason(evaluation))
        return Result(False, (), evaluation.say("not this scenario"))


class Likely(NamedTuple):
    """How sure it is that a call is of a scenario, 0–1: at least and at most, for what is unsure may speak for it."""

    name: str
    scenario: Scenario
    place: int
    least: float
    most: float

    def beats(self, other: Likely) -> bool:
        """Whether it could be the surer one."""
        return self.most > other.least or (self.most == other.least and self.place < other.place)

    def evidence(self, evaluation: Evaluation) -> tuple[Evidence, ...]:
        tops = (self.scenario.when, *(clue.when for clue in self.scenario.clues if clue.weight > 0))
        found = (evaluation.result(top) for top in tops if top is not None)
        return all_shown(evaluation, (result for result in found if result.truth))

    def reason(self, evaluation: Evaluation) -> str:
        if not self.scenario.clues:
            return evaluation.say("scenario: {title}", title=self.scenario.title)
        return evaluation.say("scenario: {title} (confidence {share:.0%})", title=self.scenario.title, share=self.least)


def _ranking(evaluation: Evaluation) -> list[Likely]:
    """The scenarios that the house offers, in the order of the rulebook."""
    known = evaluation.ranking
    if known is None:
        known = evaluation.ranking = [
            Likely(name, scenario, place, *_confidence(evaluation, scenario))
            for place, (name, scenario) in enumerate(evaluation.scenarios.items())
            if evaluation.offered is None or name in evaluation.offered
        ]
    return known


def _confidence(evaluation: Evaluation, scenario: Scenario) -> tuple[float, float]:
    """How sure at least and at most: each clue takes its share of the doubt that is left, one against it of the
    confidence (noisy or)."""
    gate = evaluation.result(scenario.when).truth if scenario.when is not None else True
    if gate is False:
        return 0.0, 0.0
    doubt, most_doubt, against, least_against = (1.0 if scenario.clues else 0.0,) * 2 + (1.0, 1.0)
    for clue in scenario.clues:
        truth = evaluation.result(clue.when).truth
        if truth is False:
            continue
        share = 1.0 - abs(clue.weight)
        if clue.weight > 0:
            most_doubt *= share
            doubt *= share if truth else 1.0
        else:
            against *= share
            least_against *= share if truth else 1.0
    least, most = (1.0 - doubt) * against, (1.0 - most_doubt) * least_against
    return (round(least, 3) if gate else 0.0), round(most, 3)


class Steps(Condition):
    """The steps of a script are taken. One that is missing is told by the name that `as` gives it, and with it the
    agent's sentence that is most like it. A step is out of order only where every mention of it comes before the first
    mention of one that it follows; what is said in one breath is in order."""

    in_order: tuple[Inner, ...] = Field((), description="steps that follow each other")
    any_time: tuple[Inner, ...] = Field((), description="steps that may be taken whenever it suits")
    optional: tuple[Inner, ...] = Field((), description="steps that nobody misses; they are told as evidence")

    @model_validator(mode="after")
    def _some(self) -> Steps:
        if not self.in_order and not self.any_time:
            raise ValueError(Message("steps needs in_order, any_time or both"))
        return self

    def title(self, evaluation: Evaluation) -> str:
        return joined_titles(evaluation, (*self.in_order, *self.any_time))

    def find(self, evaluation: Evaluation) -> Result:
        required = (*self.in_order, *self.any_time)
        found = [evaluation.result(step) for step in required]
        missing = [step for step, result in zip(required, found, strict=True) if result.truth is False]
        if missing:
            gap = _Missing(self, tuple(missing))
            return Result(False, gap.evidence, gap.reason)
        misplaced = self._misplaced(evaluation)
        if misplaced is not None:
            what = misplaced.name or evaluation.result(misplaced).reason(evaluation)
            return Result(False, self.taken, evaluation.say("out of order: {what}", what=what))
        truth = None if any(result.truth is None for result in found) else True
        return Result(truth, self.taken, lambda ev: joined_reasons(ev, [each for each in found if each.truth is truth]))

    def taken(self, evaluation: Evaluation) -> tuple[Evidence, ...]:
        """Where the steps were taken."""
        found = (evaluation.result(step) for step in self.parts)
        return all_shown(evaluation, (result for result in found if result.truth))

    def _misplaced(self, evaluation: Evaluation) -> Node | None:
        """The first step that comes before one that it follows."""
        latest_start = -1
        for step in self.in_order:
            result = evaluation.result(step)
            places = [_place(evaluation, item) for item in result.evidence(evaluation)] if result.truth else []
            if not places:
                continue
            if max(places) < latest_start:
                return step
            latest_start = max(latest_start, min(places))
        return None


@dataclass(frozen=True, slots=True)
class _Missing:
    """Steps of a script that were not taken."""

    script: Steps
    steps: tuple[Node, ...]

    def evidence(self, evaluation: Evaluation) -> tuple[Evidence, ...]:
        near = (nearest_said(evaluation, step) for step in self.steps)
        return (*self.script.taken(evaluation), *dict.fromkeys(item for item in near if item is not None))

    def reason(self, evaluation: Evaluation) -> str:
        told = []
        for step in self.steps:
            what = step.name or evaluation.result(step).reason(evaluation)
            near = nearest_said(evaluation, step)
            told.append(evaluation.say("{what} ({near})", what=what, near=near.reason) if near else what)
        return evaluation.say("missing: {steps}", steps=evaluation.listing(told))


def _place(evaluation: Evaluation, item: Evidence) -> int:
    """In which exchange something was found, counted from 0."""
    exchanges = evaluation.index.exchanges
    if item.turn is not None:
        return next((number for number, (_, turns) in enumerate(exchanges) if item.turn in turns), 0)
    starts = [evaluation.call.turns[turns[0]].span.start_s for _, turns in exchanges]
    return max(0, bisect_right(starts, item.span.start_s) - 1) if item.span is not None else 0
