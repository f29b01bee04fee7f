"""What conditions are made of: the condition and its place in a rule, its result, and the call it is asked of.

A condition returns a `Result`: True, False or None (unsure: the evidence is not there), the evidence that shows it and
a reason in the rulebook's language. A window with nothing in it is unsure, never "not found"; so is an absence where
too little of the speech has words.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationInfo

from pipeline.datatypes import Call, Evidence, Party
from pipeline.judging.answers import Answers
from pipeline.judging.entities import CallEntities
from pipeline.judging.matches import CallMatches
from pipeline.judging.phrases import Lists, Phrases
from pipeline.judging.recognisers import Recognisers
from pipeline.judging.templates import Part
from pipeline.judging.token_index import TokenIndex, TokenRange
from pipeline.messages import Message, catalogue, in_language

if TYPE_CHECKING:
    from pipeline.judging.conditions.at_once import EvaluationAtOnce, Truths
    from pipeline.judging.conditions.scripts import Likely
    from pipeline.judging.conditions.windows import Scopes, Window

Side = Literal["agent", "customer", "any"]

Speaks = Literal["both", "agent", "customer", "any"]
"""Who must have spoken for a rule to apply; any: whoever it is, or nobody."""

SIDE_NAMES: dict[str, str] = {
    "agent": Message("the agent"),
    "customer": Message("the customer"),
    "any": Message("anybody"),
    "system": Message("the system"),
}


CallPlace = tuple[float, int]
"""When something begins, in seconds, and in which turn: what order in a call goes by."""


def place_of(item: Evidence) -> CallPlace:
    """Where evidence begins; before everything, what has no time."""
    return (item.span.start_s if item.span else -math.inf, item.turn if item.turn is not None else -1)


TellingSentence = tuple[TokenRange, Mapping[Part, float], float]
"""A sentence, its pieces by how much each tells, and what they tell together."""


class Result:
    """What a condition found: `truth` is True, False or None (unsure).

    Evidence and reason may be given as functions of the evaluation: they are made when somebody asks for them, which is
    seldom. Without a reason that of the first evidence is taken. `shown` is what people are shown, where less than all
    evidence decides.
    """

    __slots__ = ("_evidence", "_first_after", "_reason", "_shown", "truth")

    def __init__(
        self,
        truth: bool | None,
        evidence: tuple[Evidence, ...] | Callable[[Evaluation], tuple[Evidence, ...]] = (),
        reason: str | Callable[[Evaluation], str] | None = None,
        first_after: Callable[[Evaluation, CallPlace], Evidence | None] | None = None,
        shown: Callable[[Evaluation], tuple[Evidence, ...]] | None = None,
    ) -> None:
        self.truth, self._evidence, self._reason, self._first_after = truth, evidence, reason, first_after
        self._shown = shown

    # a result does not keep the evaluation that it is kept by: so both go as soon as nobody uses them

    def evidence(self, evaluation: Evaluation) -> tuple[Evidence, ...]:
        if not isinstance(self._evidence, tuple):
            self._evidence = self._evidence(evaluation)
        return self._evidence

    def shown(self, evaluation: Evaluation) -> tuple[Evidence, ...]:
        """The evidence that people are shown: of several alternatives that of the one that decided, as looking for the
        others costs more than all the rest."""
        return self.evidence(evaluation) if self._shown is None else self._shown(evaluation)

    def first_after(self, evaluation: Evaluation, place: CallPlace) -> Evidence | None:
        """The first evidence behind a place. Where there may be much, the rest need not be made for it."""
        if self._first_after is not None and not isinstance(self._evidence, tuple):
            return self._first_after(evaluation, place)
        behind = (item for item in self.evidence(evaluation) if item.span is not None and place_of(item) > place)
        return min(behind, key=place_of, default=None)

    def reason(self, evaluation: Evaluation) -> str:
        if self._reason is None:
            evidence = self.evidence(evaluation)
            self._reason = evidence[0].reason if evidence else ""
        elif not isinstance(self._reason, str):
            self._reason = self._reason(evaluation)
        return self._reason


class Params(BaseModel):
    """What rule authors write, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


class Condition(Params):
    """Something that can be asked of a call; its parameters are its fields.

    Its docstring and the descriptions of its fields are its documentation (`pipeline.judging.reference`).
    """

    @abstractmethod
    def find(self, evaluation: Evaluation) -> Result:
        """Whether it holds for a call."""

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        """Which truths are possible in each of some calls, as far as arrays tell: `find`'s is always among them."""
        return calls.anything

    @abstractmethod
    def title(self, evaluation: Evaluation) -> str:
        """What is looked for, in a few words, for reasons that speak of the place where it was found."""

    @property
    def parts(self) -> tuple[Node, ...]:
        """The conditions in it."""
        values = (getattr(self, name) for name in fields_holding(type(self), Node))
        return tuple(node for value in values for node in (value if isinstance(value, tuple) else (value,)))

    @property
    def phrase_lists(self) -> tuple[Phrases, ...]:
        """The phrase lists in it, apart from those of its parts."""
        values = (getattr(self, name) for name in fields_holding(type(self), Phrases))
        return tuple(value for value in values if value is not None)


@dataclass(frozen=True, slots=True)
class Node:
    """A condition where it stands in a rule: its kind, the name that `as` gives it, its line.

    Conditions of a rulebook that ask the same share a `number`; one below 0 is in no rulebook and is asked anew.
    """

    kind: str
    condition: Condition
    name: str | None = None
    line: int | None = field(default=None, compare=False)
    number: int = field(default=-1, compare=False)

    @property
    def children(self) -> tuple[Node, ...]:
        return self.condition.parts

    def walk(self) -> Iterator[Node]:
        """This node and all inside it."""
        yield self
        for child in self.children:
            yield from child.walk()


Inner = InstanceOf[Node]


@cache
def fields_holding(model: type[BaseModel], kind: type) -> tuple[str, ...]:
    """The fields of a model whose annotation mentions a type."""
    return tuple(name for name, each in model.model_fields.items() if mentions(each.annotation, kind))


def mentions(annotation: Any, kind: type) -> bool:
    """Whether a type is named in an annotation."""
    return annotation is kind or any(mentions(inner, kind) for inner in getattr(annotation, "__args__", ()))


@dataclass(frozen=True, slots=True)
class Clue:
    """What speaks for a kind of call, by its weight, from -1 (surely against it) to 1 (surely for it)."""

    when: Node
    weight: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of call, told by what is said in it: `when` must hold, if there is one, and the clues add up.

    `offer` is what a house must offer for its calls to be of this kind.
    """

    title: str
    offer: str
    when: Node | None = None
    clues: tuple[Clue, ...] = ()

    def walk(self) -> Iterator[Node]:
        """All its conditions, those inside others too."""
        for top in (self.when, *(clue.when for clue in self.clues)):
            if top is not None:
                yield from top.walk()


@dataclass(frozen=True, slots=True)
class ScenarioBar:
    """How sure it must be which scenario a call is: from `sure` on it is judged, from `doubtful` on it is unsure."""

    sure: float = 0.6
    doubtful: float = 0.45


@dataclass(frozen=True, slots=True)
class Act:
    """A condition with a name of its own, from `conditions.yaml`: what somebody does with words.

    `key` changes whenever what it finds could.
    """

    name: str
    title: str
    when: Node
    key: str = ""


def _no_act(name: str, window: Window | None) -> Act:
    raise ValueError(
        Message("no condition {name}{hint}; conditions.yaml has {known}", name=name, hint="", known=Message("none"))
    )


def _no_anchor(name: str) -> Node:
    raise ValueError(Message("no condition is called {name}{hint}", name=name, hint=""))


@dataclass(frozen=True)
class Reading(Lists):
    """What there is to know for reading the conditions of one rule: lists, scenarios, acts (by name, looked for in a
    window), what there are recognisers of, and the rule's own conditions that `as` names."""

    scenarios: tuple[str, ...] = ()
    recognised: tuple[str, ...] = ()
    act: Callable[[str, Window | None], Act] = _no_act
    anchor: Callable[[str], Node] = _no_anchor


def reading(info: ValidationInfo) -> Reading:
    """What a validator may know."""
    return info.context if isinstance(info.context, Reading) else Reading()


class Evaluation:
    """One call being judged by one rulebook: its words, and all that was found out about it so far, each thing once."""

    def __init__(
        self,
        index: TokenIndex,
        matches: CallMatches,
        entities: CallEntities,
        scenarios: Mapping[str, Scenario],
        coverage: float = 1.0,
        offered: frozenset[str] | None = None,
        bar: ScenarioBar | None = None,
        answers: Answers | None = None,
        recognisers: Recognisers | None = None,
        acts: Mapping[str, Act] | None = None,
    ) -> None:
        self.index, self.matches, self.entities, self.scenarios = index, matches, entities, scenarios
        self.offered = offered
        """The scenarios that the house offers; None: all."""
        self.bar = bar or ScenarioBar()
        self.call: Call = index.call
        self.language = index.language
        self.answers: Answers = answers or {}
        self.recognised = recognisers.in_call(index) if recognisers else None
        """How much its sentences are like acts; None where nothing was learnt."""
        self.acts = acts or {}
        """The rulebook's, for what they are called."""
        self.coverage = coverage
        """How much of the speech must have words before something may be held to be missing, 0–1."""
        self.scopes: dict[tuple[str, Side], Scopes] = {}
        """By a window's key and a side; those of windows around something are not among them."""
        self.evidence: dict[tuple[int, int, float, str], Evidence] = {}
        """Of matches: by their tokens, cost and phrase."""
        self.telling: dict[str, list[TellingSentence]] = {}
        """The sentences of a side, once they were weighed."""
        self._rankings: dict[float, list[Likely]] = {}
        self._results: dict[int, Result] = {}
        self._results_by_coverage: dict[float, dict[int, Result]] = {coverage: self._results}

    def asking(self, coverage: float) -> Evaluation:
        """The same evaluation for a rule that asks for another coverage; what was found is shared."""
        if coverage == self.coverage:
            return self
        other = copy(self)
        other.coverage = coverage
        other._results = self._results_by_coverage.setdefault(coverage, {})
        return other

    def result(self, node: Node) -> Result:
        """What a condition finds; equal conditions are asked once a call, whatever rules they are in."""
        found = self._results.get(node.number)
        if found is None:
            found = node.condition.find(self)
            if node.number >= 0:
                self._results[node.number] = found
        return found

    @property
    def ranking(self) -> list[Likely] | None:
        """How likely the call is of each scenario, once that is known."""
        return self._rankings.get(self.coverage)

    @ranking.setter
    def ranking(self, found: list[Likely]) -> None:
        self._rankings[self.coverage] = found

    def silent_side(self, speaks: Speaks) -> Party | None:
        """The side that had to speak and said nothing, if there is one."""
        facts = self.call.facts
        if speaks in ("both", "customer") and not facts.customer_turns:
            return "customer"
        if speaks in ("both", "agent") and not facts.agent_turns:
            return "agent"
        return None

    def recognises(self, act: str) -> bool:
        """Whether something was learnt of an act."""
        return self.recognised is not None and self.recognised.knows(act)

    def words(self, start: int, end: int, reason: str) -> Evidence:
        """Evidence of some tokens."""
        index = self.index
        return Evidence(
            index.turn_of(start), index.span(start, end), index.quote(start, end), reason,
            index.sentences_around(start, end),
        )  # fmt: skip

    def say(self, template: str, /, **values: object) -> str:
        """A message in the rulebook's language."""
        if self.language != "zh":
            return template.format(**values) if values else template
        template = catalogue().get(template, template)
        if not values:
            return template
        for name, value in values.items():
            if isinstance(value, Message):
                values[name] = in_language(value, "zh")
        return template.format(**values)

    def name(self, message: str) -> str:
        """A name, such as a side's, in the rulebook's language."""
        return str(in_language(message, self.language))

    def side(self, by: str) -> str:
        """What a side is called."""
        return self.name(SIDE_NAMES[by])

    def listing(self, names: Iterable[str]) -> str:
        return ("、" if self.language == "zh" else ", ").join(names)


class Bounds(Params):
    """Limits of a number; several are all kept to."""

    over: float | None = Field(None, description="more than this")
    under: float | None = Field(None, description="less than this")
    at_least: float | None = Field(None, description="this or more")
    at_most: float | None = Field(None, description="this or less")

    @property
    def bounded(self) -> bool:
        return any(v is not None for v in (self.over, self.under, self.at_least, self.at_most))

    def holds(self, value: float) -> bool:
        return (
            (self.over is None or value > self.over)
            and (self.under is None or value < self.under)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )
