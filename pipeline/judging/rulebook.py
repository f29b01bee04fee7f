"""Rulebooks and their rules. They are made by `pipeline.judging.loader`, are immutable, and may be shared by threads.

A rulebook is a folder: `rulebook.yaml`, `phrases.yaml` (more lists in `phrases-….yaml`), named conditions in
`conditions.yaml`, and one file a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.datatypes import Outcome
from pipeline.judging.answers import Question
from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.asked import Asks
from pipeline.judging.conditions.base import Act, Node, Scenario, ScenarioBar, Speaks
from pipeline.judging.conditions.scripts import InScenario
from pipeline.judging.conditions.speech import Said
from pipeline.judging.entities import Entities
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.measured import Measured, Measures
from pipeline.judging.phrases import Phrases
from pipeline.judging.recognisers import Recognisers

RULEBOOK_FILE, PHRASES_FILE, MORE_PHRASES = "rulebook.yaml", "phrases.yaml", "phrases-*.yaml"
CONDITIONS_FILE, MEASURED_FILE, SAYINGS_FOLDER = "conditions.yaml", "measured.yaml", "sayings"
RECOGNISERS_FILE = "recognisers.json"

Gate = Literal["applies", "require", "forbid"]
Severity = Literal["minor", "normal", "serious", "fatal"]
Status = Literal["experimental", "stable", "retired"]
Tag = Literal["booking", "complaint", "complaint-commitment"]
"""What code and views know a rule by, whatever its id."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


FINDS_LITTLE = 0.8
"""Measured recall below which a rule that forbids something says "nothing found" where it finds nothing."""


class TitlePair(_Strict):
    """A title in both languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


class Deduct(_Strict):
    """Points lost each time the rule is broken, up to a cap (default: the rule's weight)."""

    each: float = Field(gt=0)
    at_most: float | None = Field(None, gt=0)


class RuleCase(_Strict):
    """A call, and what the rule must say of it."""

    verdict: Outcome
    call: str
    note: str | None = None
    line: int = Field(0, exclude=True)


class Dimension(_Strict):
    title: TitlePair
    weight: float = Field(gt=0)
    at_most: float | None = Field(None, gt=0, le=1, description="share of the dimension that faults can cost in all")


class Company(_Strict):
    names: tuple[str, ...] = ()
    agent_id: str | None = Field(None, description="RE2 pattern of agent numbers as normalised text")


class ClueFile(_Strict):
    """What speaks for a kind of call, or with a weight below 0 against it."""

    when: Any
    weight: float = Field(ge=-1, le=1)


class ScenarioFile(_Strict):
    """A kind of call. The surest is the call's, the first of equals, unless the CDR names one."""

    title: TitlePair
    offer: str | None = Field(None, description="what a house must offer for its calls to be of this kind")
    when: Any = None
    clues: list[ClueFile] = Field(default_factory=list)


class Confidence(_Strict):
    """How sure it must be which scenario a call is: to be judged by its script, and to be unsure at least."""

    sure: float = Field(0.6, gt=0, le=1)
    doubtful: float = Field(0.45, gt=0, le=1)


class Trust(_Strict):
    """What a rule's measured `fail` must come to, over `n` sentences or more; a rule under it does not score.

    By default it must be right more often than wrong. Recall has no bar: a rule that finds little harms nobody.
    """

    precision: float = Field(0.5, ge=0, le=1)
    recall: float = Field(0.0, ge=0, le=1)
    n: int = Field(50, ge=1)

    def refuses(self, measured: Measured) -> bool:
        """Whether something is under the bar; with fewer sentences nobody knows."""
        if measured.n < self.n:
            return False
        precision, recall = measured.precision.value, measured.recall.value
        return (precision is not None and precision < self.precision) or (recall or 0.0) < self.recall


class RulebookFile(_Strict):
    """What stands in `rulebook.yaml`."""

    name: str
    language: Literal["zh", "en"]
    version: str
    title: TitlePair
    dimensions: dict[str, Dimension] = Field(min_length=1)
    pass_mark: float = Field(80, ge=0, le=100)
    coverage: float = Field(0.6, ge=0, le=1)
    company: Company = Field(default_factory=lambda: Company(names=(), agent_id=None))
    offers: list[str] | None = Field(None, description="what the house offers; default: all that scenarios ask for")
    houses: dict[str, list[str]] = Field(
        default_factory=dict, description="what other houses offer, by the company that the CDR names"
    )
    confidence: Confidence = Field(default_factory=lambda: Confidence(sure=0.6, doubtful=0.45))
    scenarios: dict[str, ScenarioFile] = Field(default_factory=dict)
    trust: Trust = Field(default_factory=lambda: Trust(precision=0.5, recall=0.0, n=50))
    note: str | None = None


class RuleFile(_Strict):
    """What stands in a rule's file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    title: TitlePair
    dimension: str
    why: str
    status: Status = "stable"
    severity: Severity = "normal"
    tags: tuple[Tag, ...] = ()
    weight: float = Field(1.0, gt=0)
    deduct: Deduct | None = None
    coverage: float | None = Field(None, ge=0, le=1)
    speaks: Speaks = Field("both", description="who must have spoken for the rule to apply; any: nobody need have")
    applies: Any = None
    require: Any = None
    forbid: Any = None
    cases: list[RuleCase] = Field(min_length=1)


@dataclass(frozen=True)
class Rule:
    """One rule, compiled. `hash` changes whenever its verdicts could."""

    id: str
    title: TitlePair
    dimension: str
    why: str
    status: Status
    severity: Severity
    tags: tuple[Tag, ...]
    weight: float
    deduct: Deduct | None
    coverage: float
    speaks: Speaks
    applies: Node | None
    require: Node | None
    forbid: Node | None
    cases: tuple[RuleCase, ...]
    file: Path
    hash: str
    measured: Measured | None = None
    """How far its `fail` can be trusted, where that was measured."""

    @property
    def finds_little(self) -> bool:
        """Whether it only looks for something, and is known to miss much of it: then a pass shows no innocence."""
        recall = self.measured.recall.value if self.measured and self.forbid and not self.require else None
        return recall is not None and recall < FINDS_LITTLE

    @property
    def gates(self) -> Iterator[tuple[Gate, Node]]:
        """The conditions that a rule has, and what for."""
        for gate, node in (("applies", self.applies), ("require", self.require), ("forbid", self.forbid)):
            if node is not None:
                yield gate, node  # type: ignore[misc]

    def walk(self) -> Iterator[Node]:
        """All its conditions, those inside others too."""
        for _, node in self.gates:
            yield from node.walk()

    @cached_property
    def asked_acts(self) -> tuple[str, ...]:
        """The acts in what it forbids, or else requires: those used, and those asked of a recogniser, each once."""
        top = self.forbid or self.require
        asked = (node.condition for node in (top.walk() if top else ()))
        names = (each.use if isinstance(each, Used) else each.act for each in asked if isinstance(each, Used | Said))
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @cached_property
    def asked_scenario(self) -> Node | None:
        """The condition on the call's scenario, if it applies by one."""
        nodes = self.applies.walk() if self.applies else iter(())
        return next((node for node in nodes if isinstance(node.condition, InScenario)), None)


@dataclass(frozen=True)
class Rulebook:
    """All rules of one language. `hash` changes whenever any verdict or score could."""

    name: str
    language: str
    version: str
    title: TitlePair
    dimensions: Mapping[str, Dimension]
    pass_mark: float
    company: Company
    rules: tuple[Rule, ...]
    phrase_lists: Mapping[str, Phrases]
    folder: Path
    entities: Entities
    scenarios: Mapping[str, Scenario]
    hash: str
    offers: frozenset[str] | None = None
    houses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    acts: Mapping[str, Act] = field(default_factory=dict)
    recognisers: Recognisers | None = None
    measures: Measures = field(default_factory=Measures)
    under_bar: frozenset[str] = frozenset()
    """Rules that are experimental only because they were measured and are under the rulebook's bar."""
    bar: ScenarioBar = field(default_factory=ScenarioBar)

    def offered_by(self, company: str | None) -> frozenset[str] | None:
        """The scenarios that a house offers, the CDR's company or the rulebook's own; None: all."""
        offers = self.houses.get((company or "").strip().casefold(), self.offers)
        if offers is None:
            return None
        return frozenset(name for name, scenario in self.scenarios.items() if scenario.offer in offers)

    @cached_property
    def lexicon(self) -> Lexicon:
        """Every phrase and pattern that the rules ask for, compiled."""
        nodes = [node for rule in self.rules for node in rule.walk()]
        if any(isinstance(node.condition, InScenario) for node in nodes):
            nodes += [node for scenario in self.scenarios.values() for node in scenario.walk()]
        said = [node.condition for node in nodes if isinstance(node.condition, Said)]
        return Lexicon(
            self.language,
            [listed for node in nodes for listed in node.condition.phrase_lists],
            [condition.pattern for condition in said if condition.pattern is not None],
        )

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """What its rules ask a local model, each question once."""
        nodes = (node for rule in self.rules if rule.status != "retired" for node in rule.walk())
        asked = (node.condition.as_question for node in nodes if isinstance(node.condition, Asks))
        return tuple(dict.fromkeys(asked))

    @property
    def measured(self) -> Mapping[str, Measured]:
        """How far the `fail` of a rule can be trusted, by its id; of rules that have been measured."""
        return self.measures.rules

    @property
    def remeasure(self) -> tuple[str, ...]:
        """Acts that find something else now than when they were measured."""
        keys = self.measures.keys
        return tuple(name for name, act in self.acts.items() if name in keys and keys[name] != act.key)

    @property
    def unused_acts(self) -> tuple[str, ...]:
        """Acts that no rule, scenario or other act uses, and that have no sayings to be measured by."""
        nodes = [node for rule in self.rules for node in rule.walk()]
        nodes += [node for scenario in self.scenarios.values() for node in scenario.walk()]
        nodes += [node for act in self.acts.values() for node in act.when.walk()]
        used = {node.condition.use for node in nodes if isinstance(node.condition, Used)}
        return tuple(
            name for name in self.acts
            if name not in used and not (self.folder / SAYINGS_FOLDER / f"{name}.txt").exists()
        )  # fmt: skip

    def only(self, rule_ids: Iterable[str]) -> Rulebook:
        """The rulebook with some of its rules, which judge as they do among all; each choice is compiled once."""
        chosen = frozenset(rule_ids)
        if chosen not in self._parts:
            self._parts[chosen] = replace(self, rules=tuple(rule for rule in self.rules if rule.id in chosen))
        return self._parts[chosen]

    @cached_property
    def _parts(self) -> dict[frozenset[str], Rulebook]:
        return {}

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    def rule(self, rule_id: str) -> Rule:
        """A rule by its id; raises KeyError."""
        return self._by_id[rule_id]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._by_id)
