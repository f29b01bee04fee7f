"""Rulebooks read from their folder, checked whole and compiled. A broken one is refused with every fault at once; each
fault names file and line and says what to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from pipeline.datatypes import Outcome
from pipeline.errors import BadRule
from pipeline.judging.acts import ActReader, used_acts
from pipeline.judging.conditions.asked import Asks
from pipeline.judging.conditions.base import Act, Clue, Node, Reading, Scenario, ScenarioBar
from pipeline.judging.conditions.scripts import InScenario
from pipeline.judging.conditions.speech import Said
from pipeline.judging.entities import Entities
from pipeline.judging.faults import Faults
from pipeline.judging.measured import read_measures
from pipeline.judging.notation import BadScript, parse_script
from pipeline.judging.phrases import read_pattern
from pipeline.judging.reader import ConditionReader, Content, read_lists, validated
from pipeline.judging.recognisers import Recognisers, read_recognisers
from pipeline.judging.rule_yaml import read_list_yaml, read_rule_yaml
from pipeline.judging.rulebook import (
    CONDITIONS_FILE,
    MEASURED_FILE,
    MORE_PHRASES,
    PHRASES_FILE,
    RECOGNISERS_FILE,
    RULEBOOK_FILE,
    Gate,
    Rule,
    Rulebook,
    RulebookFile,
    RuleCase,
    RuleFile,
)
from pipeline.judging.rulebook_files import yaml_files
from pipeline.judging.yaml_lines import Place, Source
from pipeline.messages import Message
from pipeline.validation import did_you_mean

ENGINE = "7"
"""Raised whenever conditions, normaliser or sound matching could judge the same rule otherwise; part of every hash."""

_GATES: tuple[Gate, ...] = get_args(Gate)


@dataclass(frozen=True)
class _Book:
    """What the rules of a rulebook are read with."""

    head: RulebookFile | None
    known: Reading
    faults: Faults
    acts: ActReader
    recognisers: Recognisers | None = None
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[Content, int]:
        return self.acts.numbers

    @cached_property
    def head_values(self) -> dict[str, Any]:
        return self.head.model_dump(mode="json") if self.head else {}

    @cached_property
    def learnt(self) -> dict[str, Any]:
        """What the recognisers have learnt, by act."""
        known = self.recognisers.acts if self.recognisers else {}
        return {name: act.model_dump(mode="json") for name, act in known.items()}


def _no_folder(folder: Path) -> Message:
    if folder.exists():
        return Message("a file; name the folder of its rulebook, the one with rulebook.yaml in it")
    return Message(
        "no such rulebook folder; set paths.rulebooks right (a relative path starts at the settings file's own folder)"
    )


def book_around(file: Path) -> Path | None:
    """The folder of the rulebook that a file lies in; None where there is none."""
    return next((folder for folder in file.absolute().parents if (folder / RULEBOOK_FILE).is_file()), None)


def load_rulebook(folder: Path, language: str | None = None) -> Rulebook:
    """Read, check and compile a rulebook, which must be for `language` if one is given.

    Raises BadRule with every fault of every file, up to a number.
    """
    faults = Faults()
    if not folder.is_dir():
        faults.add(folder, None, _no_folder(folder))
        raise BadRule(faults.found)
    files = yaml_files(folder, faults)
    source = read_rule_yaml(folder / RULEBOOK_FILE, faults, RulebookFile)
    head = _head(source, language, faults) if source else None
    more_phrases = [file for file in files if file.parent == folder and file.match(MORE_PHRASES)]
    list_files = [folder / PHRASES_FILE, *more_phrases]
    known = _with_lists(list_files, head.language if head else "zh", faults)
    recognisers = read_recognisers(folder / RECOGNISERS_FILE, known.language, faults)
    if recognisers:
        known = replace(known, recognised=tuple(recognisers.acts))
    acts = ActReader(known, {}, faults)
    acts.read(folder / CONDITIONS_FILE)
    book = _Book(head, replace(known, act=acts.act), faults, acts, recognisers)
    if head and source:
        with faults.of(source.file):
            _check_company(head, source, book)
            scenarios = _scenarios(source, book, head)
            _check_offers(head, source, book, scenarios)
            book = replace(book, scenarios=scenarios, known=replace(book.known, scenarios=tuple(scenarios)))
    no_rules = (*list_files, folder / CONDITIONS_FILE, folder / MEASURED_FILE)
    rule_files = [file for file in files if file.name != RULEBOOK_FILE and file not in no_rules]
    if not rule_files:
        faults.add(folder, None, Message("no rule here; write one file a rule"))
    rules = _rules(rule_files, book)
    measures = read_measures(folder / MEASURED_FILE, faults)
    if faults.found or head is None:
        raise BadRule(faults.found)
    under = {rule.id for rule in rules if rule.id in measures.rules and head.trust.refuses(measures.rules[rule.id])}
    under = {rule.id for rule in rules if rule.id in under and rule.status == "stable"}
    rules = [replace(rule, measured=measures.rules.get(rule.id)) for rule in rules]
    rules = [replace(rule, status="experimental") if rule.id in under else rule for rule in rules]
    return replace(_put_together(folder, head, book, rules), measures=measures, under_bar=frozenset(under))


def _head(source: Source, language: str | None, faults: Faults) -> RulebookFile | None:
    head = None
    with faults.of(source.file):
        head = validated(RulebookFile, source.value, source, (), faults)
    if head and language is not None and head.language != language:
        message = Message(
            "a rulebook for {own}, named in paths.rulebooks for {language}; give each language its own folder",
            own=head.language, language=language,
        )  # fmt: skip
        faults.add(source.file, source.line(("language",)), message)
    return head


def _with_lists(files: Iterable[Path], language: str, faults: Faults) -> Reading:
    sources = [read_list_yaml(file, faults) for file in files]
    known = Reading(language=language, broken=None in sources)
    return replace(known, named=read_lists([source for source in sources if source], known, faults))


def _check_company(head: RulebookFile, source: Source, book: _Book) -> None:
    if head.company.agent_id is not None:
        try:
            read_pattern(head.company.agent_id, book.known)
        except ValueError as error:
            book.faults.add(source.file, source.line(("company", "agent_id")), error.args[0])


def _scenarios(source: Source, book: _Book, head: RulebookFile) -> dict[str, Scenario]:
    found = {}
    for name, scenario in head.scenarios.items():
        place = ("scenarios", name)
        reader = ConditionReader(source, [place], book.known, book.numbers, book.faults)
        when = reader.node(scenario.when, (*place, "when")) if scenario.when is not None else None
        clues = []
        for number, clue in enumerate(scenario.clues):
            node = reader.node(clue.when, (*place, "clues", number, "when"))
            if node is not None:
                clues.append(Clue(node, clue.weight))
        if scenario.when is None and not scenario.clues:
            message = Message("the scenario {name} needs when, clues or both", name=name)
            book.faults.add(source.file, source.line(place), message)
        told_by = [*([when] if when else []), *(clue.when for clue in clues)]
        if any(isinstance(node.condition, Asks) for top in told_by for node in top.walk()):
            message = Message("a scenario is not told by asking a local model")
            book.faults.add(source.file, source.line(place), message)
        found[name] = Scenario(scenario.title.in_language(head.language), scenario.offer or name, when, tuple(clues))
    return found


def _check_offers(head: RulebookFile, source: Source, book: _Book, scenarios: Mapping[str, Scenario]) -> None:
    """What a house is said to offer is what some scenario asks for."""
    known = sorted({scenario.offer for scenario in scenarios.values()})
    offered: list[tuple[Place, str]] = [(("offers",), each) for each in head.offers or ()]
    offered += [(("houses", house), each) for house, offers in head.houses.items() for each in offers]
    for place, each in offered:
        if each not in known:
            message = Message(
                "no scenario asks for the offer {name}{hint}; there are {known}",
                name=each, hint=did_you_mean(each, known), known=", ".join(known),
            )  # fmt: skip
            book.faults.add(source.file, source.line(place), message)


def _rules(files: Iterable[Path], book: _Book) -> list[Rule]:
    rules: list[Rule] = []
    where: dict[str, Path] = {}
    for file in files:
        source = read_rule_yaml(file, book.faults, RuleFile)
        if source is None:
            continue
        rule = None
        with book.faults.of(file):
            rule = _rule(source, book)
        rule_id = source.value.get("id")
        if isinstance(rule_id, str):
            if rule_id in where:
                taken = where[rule_id].name
                message = Message("the id {id} is taken by {file}; give it its own", id=rule_id, file=taken)
                book.faults.add(file, source.line(("id",)), message)
            where.setdefault(rule_id, file)
        if rule is not None:
            rules.append(rule)
    return rules


def _rule(source: Source, book: _Book) -> Rule | None:
    faults, value = book.faults, source.value
    before = len(faults.found)
    checked = validated(RuleFile, value, source, (), faults)
    reader = ConditionReader(source, [(gate,) for gate in _GATES], book.known, book.numbers, faults)
    gates = {gate: reader.node(value[gate], (gate,)) for gate in _GATES if value.get(gate) is not None}
    if "require" not in gates and "forbid" not in gates:
        faults.add(source.file, 1, Message("a rule needs require or forbid"))
    _check_fatal(gates, value.get("severity"), source, faults)
    _check_dimension(source, book)
    _check_asking(gates, value.get("status"), source, faults)
    # what hangs on a model's answer is unsure in a case, which has none
    asks = any(isinstance(node.condition, Asks) for top in gates.values() if top for node in top.walk())
    cases = _cases(source, book.known.language, faults, ("unsure",) if asks else ("pass", "fail", "not_applicable"))
    if checked is None or len(faults.found) > before:
        return None
    coverage = checked.coverage
    if coverage is None:
        coverage = book.head.coverage if book.head else 0.6
    rule = Rule(
        id=checked.id, title=checked.title, dimension=checked.dimension, why=checked.why, status=checked.status,
        severity=checked.severity, tags=checked.tags, weight=checked.weight, deduct=checked.deduct, coverage=coverage,
        speaks=checked.speaks, applies=gates.get("applies"), require=gates.get("require"), forbid=gates.get("forbid"),
        cases=cases, file=source.file, hash="",
    )  # fmt: skip
    return replace(rule, hash=_rule_hash(rule, value, book))


def _check_dimension(source: Source, book: _Book) -> None:
    name = source.value.get("dimension")
    if book.head and isinstance(name, str) and name not in book.head.dimensions:
        known = book.head.dimensions
        hint = did_you_mean(name, known) or Message("; there are {known}", known=", ".join(known))
        message = Message("unknown dimension {name}{hint}", name=name, hint=hint)
        book.faults.add(source.file, source.line(("dimension",)), message)


def _check_fatal(gates: Mapping[Gate, Node | None], severity: object, source: Source, faults: Faults) -> None:
    """No recogniser alone may make a call worth nothing: a list must agree."""
    for top in gates.values():
        for node in top.walk() if top and severity == "fatal" else ():
            condition = node.condition
            if isinstance(condition, Said) and condition.act and condition.any is None:
                message = Message(
                    "a fatal rule may not go by the recogniser of {act} alone; give a list beside it: any: …",
                    act=condition.act,
                )
                faults.add(source.file, source.line(("severity",)), message)


_MAY_HOLD_A_QUESTION = ("asks", "all", "any", "sequence", "use")


def _check_asking(gates: Mapping[Gate, Node | None], status: object, source: Source, faults: Faults) -> None:
    """A model's yes may fail a call in an experimental rule, and nothing else: no answer can turn a fail to a pass."""
    for gate, top in gates.items():
        asking = [node for node in top.walk() if isinstance(node.condition, Asks)] if top else []
        if not asking:
            continue
        if status != "experimental":
            message = Message("a rule that asks a local model is experimental; write status: experimental")
            faults.add(source.file, asking[0].line, message)
        if gate != "forbid" or (top and _under_others(top)):
            message = Message("asks may only stand in forbid, in all, any or sequence: no answer may make a rule pass")
            faults.add(source.file, asking[0].line, message)


def _under_others(node: Node) -> bool:
    """Whether a question stands in a condition that a yes could make untrue."""
    holds = any(isinstance(each.condition, Asks) for each in node.walk())
    return holds and (node.kind not in _MAY_HOLD_A_QUESTION or any(map(_under_others, node.children)))


def _cases(source: Source, language: str, faults: Faults, kinds: Iterable[Outcome]) -> tuple[RuleCase, ...]:
    raw = source.value.get("cases")
    if not isinstance(raw, list) or not raw:
        return ()
    cases = []
    for index, item in enumerate(raw):
        if not isinstance(item, dict) or not isinstance(item.get("call"), str):
            continue
        line = source.line(("cases", index, "call"))
        try:
            parse_script(item["call"], language)
        except BadScript as error:
            faults.add(source.file, line + error.line, error.message)
        try:
            cases.append(RuleCase.model_validate({**item, "line": line}))
        except ValidationError:
            continue  # told when the rule was validated
    missing = [kind for kind in kinds if all(case.verdict != kind for case in cases)]
    if missing:
        message = Message("no case with the verdict {kinds}; every rule has one of each", kinds=", ".join(missing))
        faults.add(source.file, source.line(("cases",)), message)
    return tuple(cases)


def _rule_hash(rule: Rule, value: Mapping[str, Any], book: _Book) -> str:
    """Of all that can change the rule's verdicts: what its file says, the lists and acts it names, and of the rulebook
    what it asks for."""
    nodes = list(rule.walk())
    by_scenario = any(isinstance(node.condition, InScenario) for node in nodes)
    if by_scenario:
        nodes += [node for scenario in book.scenarios.values() for node in scenario.walk()]
    lists = {name for node in nodes for listed in node.condition.phrase_lists for name in listed.lists}
    names_company = any(
        label in ("AGENT_ID", "COMPANY") for node in nodes if isinstance(node.condition, Said)
        for label in node.condition.labels
    )  # fmt: skip
    known = {**book.known.classes, **book.known.named}
    head = book.head_values
    return _hash(
        ENGINE, book.known.language,
        {key: item for key, item in value.items() if key not in ("cases", "tags", "title", "why")},
        {name: known[name].key for name in sorted(lists)},
        head.get("company") if names_company else None,
        [head.get(key) for key in ("scenarios", "offers", "houses", "confidence")] if by_scenario else None,
        book.acts.raw(used_acts(nodes)),
        _recognised(nodes, book),
        rule.coverage,
    )  # fmt: skip


def _put_together(folder: Path, head: RulebookFile, book: _Book, rules: list[Rule]) -> Rulebook:
    digest = _hash(
        ENGINE, head.name, head.version, head.pass_mark,
        {name: dimension.model_dump(mode="json") for name, dimension in head.dimensions.items()},
        sorted(rule.hash for rule in rules),
        sorted((rule.id, rule.weight, rule.severity, rule.status, rule.dimension) for rule in rules),
        sorted(rule.id for rule in rules if rule.finds_little),
    )  # fmt: skip
    order = list(head.dimensions)
    return Rulebook(
        name=head.name, language=head.language, version=head.version, title=head.title, dimensions=head.dimensions,
        pass_mark=head.pass_mark, company=head.company,
        rules=tuple(sorted(rules, key=lambda rule: (order.index(rule.dimension), rule.file.name))),
        phrase_lists=book.known.named, folder=folder,
        entities=Entities(head.language, head.company.names, head.company.agent_id),
        scenarios=book.scenarios, hash=digest, acts=_acts(book), recognisers=book.recognisers,
        offers=None if head.offers is None else frozenset(head.offers),
        houses={house.strip().casefold(): frozenset(offers) for house, offers in head.houses.items()},
        bar=ScenarioBar(head.confidence.sure, head.confidence.doubtful),
    )  # fmt: skip


def _acts(book: _Book) -> dict[str, Act]:
    """The acts, each with a key of all that can change what it finds."""
    found = {}
    known = {**book.known.classes, **book.known.named}
    for name, act in book.acts.acts.items():
        nodes = list(act.when.walk())
        lists = {name for node in nodes for listed in node.condition.phrase_lists for name in listed.lists}
        keys = {name: known[name].key for name in sorted(lists)}
        raw = book.acts.raw({name, *used_acts(nodes)})
        key = _hash(ENGINE, book.known.language, raw, keys, _recognised(nodes, book))
        found[name] = replace(act, key=key[:16])
    return found


def _recognised(nodes: Iterable[Node], book: _Book) -> dict[str, Any]:
    """What the recognisers have learnt that some conditions ask."""
    names = {node.condition.act for node in nodes if isinstance(node.condition, Said) and node.condition.act}
    return {name: book.learnt[name] for name in sorted(names)}


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
