"""Rulebooks: YAML files read, checked whole and compiled. A broken one is refused with every fault at once.

A rulebook is a folder: `rulebook.yaml`, `phrases.yaml` (more lists in `phrases-….yaml`), and one file a rule. Each
fault names file and line and says what to do. What is loaded is immutable and may be shared by threads.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.datatypes import Outcome
from pipeline.errors import BadRule, RuleFault
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.base import Node, PhraseList, Phrases, Scenario, Window, compile_pattern
from pipeline.judging.conditions.speech import Said
from pipeline.judging.entities import LABELS, Entities
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.notation import BadScript, parse_script
from pipeline.validation import did_you_mean

ENGINE = "4"
"""Raised whenever conditions, normaliser or sound matching could judge the same rule otherwise; part of every hash."""

RULEBOOK_FILE, PHRASES_FILE, MORE_PHRASES = "rulebook.yaml", "phrases.yaml", "phrases-*.yaml"
_GATES = ("applies", "require", "forbid")

Path_ = tuple[str | int, ...]
Severity = Literal["minor", "normal", "serious", "fatal"]
Status = Literal["experimental", "stable", "retired"]
Tag = Literal["booking", "complaint", "complaint-commitment"]
"""What code and views know a rule by, whatever its id."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(_Strict):
    zh: str
    en: str

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


class Deduct(_Strict):
    """Points lost each time the rule is broken, up to a cap (default: the rule's weight)."""

    each: float = Field(gt=0)
    at_most: float | None = Field(None, gt=0)


class Case(_Strict):
    """A call, and what the rule must say of it."""

    verdict: Outcome
    call: str
    note: str | None = None
    line: int = Field(0, exclude=True)


class Dimension(_Strict):
    title: Title
    weight: float = Field(gt=0)
    at_most: float | None = Field(None, gt=0, le=1, description="share of the dimension that faults can cost in all")


class Company(_Strict):
    names: tuple[str, ...] = ()
    agent_id: str | None = Field(None, description="RE2 pattern of agent numbers as normalised text")


class _ScenarioFile(_Strict):
    """A kind of call. The first whose condition holds is the call's, unless the CDR names one."""

    title: Title
    when: Any


class _RulebookFile(_Strict):
    name: str
    language: Literal["zh", "en"]
    version: str
    title: Title
    dimensions: dict[str, Dimension] = Field(min_length=1)
    pass_mark: float = Field(80, ge=0, le=100)
    coverage: float = Field(0.6, ge=0, le=1)
    company: Company = Field(default_factory=lambda: Company(names=(), agent_id=None))
    scenarios: dict[str, _ScenarioFile] = Field(default_factory=dict)
    note: str | None = None


class RuleFile(_Strict):
    """What stands in a rule's file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    title: Title
    dimension: str
    why: str
    status: Status = "stable"
    severity: Severity = "normal"
    tags: tuple[Tag, ...] = ()
    weight: float = Field(1.0, gt=0)
    deduct: Deduct | None = None
    coverage: float | None = Field(None, ge=0, le=1)
    applies: Any = None
    require: Any = None
    forbid: Any = None
    cases: list[Case] = Field(min_length=1)


@dataclass(frozen=True)
class Rule:
    """One rule, compiled. `hash` changes whenever its verdicts could."""

    id: str
    title: Title
    dimension: str
    why: str
    status: Status
    severity: Severity
    tags: tuple[Tag, ...]
    weight: float
    deduct: Deduct | None
    coverage: float
    applies: Node | None
    require: Node | None
    forbid: Node | None
    anchors: Mapping[str, Node]
    cases: tuple[Case, ...]
    file: Path
    hash: str


@dataclass(frozen=True)
class Rulebook:
    """All rules of one language, by id. `hash` changes whenever any verdict or score could."""

    name: str
    language: str
    version: str
    title: Title
    dimensions: Mapping[str, Dimension]
    pass_mark: float
    company: Company
    rules: tuple[Rule, ...]
    phrase_lists: Mapping[str, Phrases]
    folder: Path
    entities: Entities
    scenarios: Mapping[str, Scenario]
    hash: str

    @cached_property
    def lexicon(self) -> Lexicon:
        """Every phrase that the rules ask for, compiled."""
        found: dict[str, None] = {}
        patterns: dict[str, None] = {}
        lists: dict[tuple[Any, ...], int] = {}
        numbered: list[tuple[Phrases, int]] = []
        nodes = [node for rule in self.rules for node in walk(rule)]
        if any(node.kind == "scenario" for node in nodes):
            nodes += [node for scenario in self.scenarios.values() for node in scenario.when.walk()]
        for node in nodes:
            for listed in phrase_lists(node.params):
                found |= dict.fromkeys(listed.phrases)
                sources = tuple(pattern.pattern for pattern in listed.patterns)
                patterns |= dict.fromkeys(sources)
                numbered.append((listed, lists.setdefault((listed.phrases, sources), len(lists))))
            if isinstance(node.params, Said) and node.params.pattern is not None:
                patterns[node.params.compiled.pattern] = None
        lexicon = Lexicon(self.language, found, patterns)
        lexicon.index_lists(numbered)
        return lexicon

    @cached_property
    def numbers(self) -> dict[int, int]:
        """By the id of a condition, a number that equal conditions share: one finding serves them all."""
        found: dict[int, int] = {}
        known: dict[Any, int] = {}

        def number(node: Node, anchors: Mapping[str, Node]) -> int:
            if id(node) not in found:
                children = [(number(child, anchors), child.name) for child in node.children]
                # only a sequence speaks of its steps by their names
                inner = tuple(children) if node.kind == "sequence" else tuple(n for n, _ in children)
                window = getattr(node.params, "in_", None)
                near = number(anchors[window.around.name], anchors) if window and window.around else None
                found[id(node)] = known.setdefault((node.kind, _content(node.params), inner, near), len(known))
            return found[id(node)]

        for rule in self.rules:
            for gate in (rule.applies, rule.require, rule.forbid):
                if gate is not None:
                    number(gate, rule.anchors)
        for scenario in self.scenarios.values():
            number(scenario.when, scenario.anchors)
        return found

    def only(self, rule_ids: Iterable[str]) -> Rulebook:
        """The rulebook with some of its rules, which judge as they do among all; each choice is compiled once."""
        chosen = frozenset(rule_ids)
        if chosen not in self._parts:
            self._parts[chosen] = replace(self, rules=tuple(rule for rule in self.rules if rule.id in chosen))
        return self._parts[chosen]

    @cached_property
    def _parts(self) -> dict[frozenset[str], Rulebook]:
        return {}

    def rule(self, rule_id: str) -> Rule:
        """A rule by its id; raises KeyError."""
        return next(rule for rule in self.rules if rule.id == rule_id) if rule_id in self.ids else _unknown(rule_id)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.rules)


def _unknown(rule_id: str) -> Rule:
    raise KeyError(rule_id)


def walk(rule: Rule) -> Iterator[Node]:
    """All nodes of a rule's conditions."""
    for gate in (rule.applies, rule.require, rule.forbid):
        if gate is not None:
            yield from gate.walk()


def phrase_lists(params: BaseModel) -> Iterator[Phrases]:
    """The phrase lists among a condition's parameters."""
    for name in type(params).model_fields:
        value = getattr(params, name, None)
        if isinstance(value, Phrases):
            yield value


def _content(params: BaseModel) -> tuple[Any, ...]:
    """What parameters say, for telling equal ones; inner conditions are told by their nodes."""
    values = ((name, getattr(params, name)) for name in type(params).model_fields if name not in ("of", "compiled"))
    return tuple(
        (name, value.title, value.phrases, tuple(p.pattern for p in value.patterns))
        if isinstance(value, Phrases)
        else (name, repr(value))
        for name, value in values
    )


# --- YAML with lines ------------------------------------------------------------------------------------------------


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's plain values: `no`, `on` and 001 are words, 12:30 is no number."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)\.[0-9]+$", "-+0123456789"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass
class _Source:
    """A YAML file: its value, and the line of every part."""

    file: Path
    value: Any
    lines: dict[Path_, int]

    def line(self, path: Iterable[str | int]) -> int:
        """The line of a part, or of the nearest part around it."""
        place = tuple(path)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


class _Faults:
    def __init__(self) -> None:
        self.found: list[RuleFault] = []

    def add(self, file: Path, line: int | None, message: str) -> None:
        self.found.append(RuleFault(str(file), line, message))


def _read(file: Path, faults: _Faults) -> _Source | None:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        faults.add(file, None, "no such file; a rulebook needs rulebook.yaml, phrases.yaml and one file a rule")
        return None
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n") + 1
        faults.add(file, before, "not UTF-8; save the file as UTF-8")
        return None
    except OSError as error:
        faults.add(file, None, f"cannot be read ({error.strerror})")
        return None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path_, int] = {}
        if node is not None:
            _lines(node, (), lines, file, faults)
        value = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.add(
            file,
            mark.line + 1 if mark else None,
            f"not YAML: {error.problem or error.context}; check indent, colons and quotes",
        )
        return None
    except (yaml.YAMLError, RecursionError, ValueError):
        faults.add(file, None, "not YAML; check indent, colons and quotes")
        return None
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        faults.add(file, 1, "the file must hold `key: value` lines")
        return None
    return _Source(file, value, lines)


def _lines(node: yaml.Node, path: Path_, lines: dict[Path_, int], file: Path, faults: _Faults) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                faults.add(file, key.start_mark.line + 1, f"the key {name} is given twice; keep one")
            seen.add(name)
            _lines(value, (*path, name), lines, file, faults)
            lines[(*path, name)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _lines(item, (*path, index), lines, file, faults)


# --- checking -------------------------------------------------------------------------------------------------------


def _explain(error: Any, model: type[BaseModel]) -> str:
    """One pydantic error in a rule author's words."""
    kind, where = error["type"], ".".join(str(part) for part in error["loc"])
    name = str(error["loc"][-1]) if error["loc"] else ""
    if kind == "extra_forbidden":
        known = _known_keys(model)
        if len(error["loc"]) > 1:
            known = _fields_at(model, error["loc"][:-1])
        return f"unknown key {name}{did_you_mean(name, known) or '; known: ' + ', '.join(known)}"
    if kind == "missing":
        return f"{where} is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: {message[:1].lower()}{message[1:]}" if where else message


def _fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in loc:
        if current is None:
            return []
        field = current.model_fields.get(str(part)) or next(
            (f for f in current.model_fields.values() if f.alias == part), None
        )
        current = _model_in(field.annotation) if field else current if isinstance(part, int) else None
    return _known_keys(current) if current else []


def _known_keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items() if key not in ("compiled", "line")]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found:
            return found
    return None


def _validate(
    model: type[BaseModel],
    value: Any,
    source: _Source,
    path: Path_,
    faults: _Faults,
    context: dict[str, Any] | None = None,
) -> Any:
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        for item in error.errors():
            # a union's errors carry the member's name, which is in no file
            loc = [part for part in item["loc"] if not (isinstance(part, str) and "[" in part)]
            faults.add(source.file, source.line((*path, *loc)), _explain(item, model))
        return None


class _Checker:
    """Compiles the conditions of one rule, gathering faults."""

    def __init__(self, source: _Source, context: dict[str, Any], faults: _Faults) -> None:
        self.source, self.context, self.faults = source, context, faults
        self.anchors: dict[str, Node] = {}
        self.references: list[tuple[str, Path_]] = []

    def fault(self, path: Path_, message: str) -> None:
        self.faults.add(self.source.file, self.source.line(path), message)

    def node(self, value: Any, path: Path_) -> Node | None:
        if not isinstance(value, dict) or not value:
            self.fault(path, f"a condition is needed here, such as `said: {{…}}`; there are {', '.join(CONDITIONS)}")
            return None
        name = value.get("as")
        kinds = [key for key in value if key in CONDITIONS]
        if not kinds:
            wrong = next((str(key) for key in value if key != "as"), "as")
            self.fault(
                (*path, wrong),
                f"unknown condition {wrong}{did_you_mean(wrong, CONDITIONS) or '; there are ' + ', '.join(CONDITIONS)}",
            )
            return None
        kind = kinds[0]
        condition = CONDITIONS[kind]
        rest = [key for key in value if key not in (kind, "as")]
        own = (*path, kind)
        if condition.flat:
            params = {key: item for key, item in value.items() if key != "as"}
            checked = _validate(condition.params, params, self.source, path, self.faults, self.context)
        elif rest:
            hint = "join them with all: [...]" if rest[0] in CONDITIONS else f"put it inside {kind}: {{…}}"
            self.fault((*path, rest[0]), f"{rest[0]} stands beside {kind}; {hint}")
            return None
        elif condition.inner == "list":
            if not isinstance(value[kind], list) or not value[kind]:
                self.fault(own, f"{kind} needs a list of conditions")
                return None
            children = [self.node(item, (*own, index)) for index, item in enumerate(value[kind])]
            if any(child is None for child in children):
                return None
            return self._named(
                Node(
                    kind,
                    condition.evaluate,
                    condition.params(of=[]),
                    tuple(c for c in children if c),
                    name,
                    self.source.line(own),
                ),
                path,
            )
        else:
            params = value[kind]
            if not isinstance(params, dict):
                self.fault(own, f"{kind} needs parameters: {', '.join(_known_keys(condition.params))}")
                return None
            checked = _validate(condition.params, params, self.source, own, self.faults, self.context)
        if checked is None:
            return None
        children_of: tuple[Node, ...] = ()
        if condition.inner == "of":
            inner = value[kind].get("of")
            places = (
                [((*own, "of", i), item) for i, item in enumerate(inner)]
                if isinstance(inner, list)
                else [((*own, "of"), inner)]
            )
            children = [self.node(item, place) for place, item in places]
            if not children or any(child is None for child in children):
                return None
            children_of = tuple(child for child in children if child)
        window = getattr(checked, "in_", None)
        if isinstance(window, Window) and window.around is not None:
            self.references.append((window.around.name, (*own, "in", "around", "name")))
        return self._named(Node(kind, condition.evaluate, checked, children_of, name, self.source.line(own)), path)

    def _named(self, node: Node, path: Path_) -> Node:
        if node.name is not None:
            if node.name in self.anchors:
                self.fault((*path, "as"), f"two conditions are called {node.name}; rename one")
            self.anchors[str(node.name)] = node
        return node

    def check_references(self) -> None:
        for name, path in self.references:
            if name not in self.anchors:
                self.fault(
                    path,
                    f"no condition is called {name}{did_you_mean(name, self.anchors) or f'; give one `as: {name}`'}",
                )
        for name, node in self.anchors.items():
            if self._reaches(node, name, set()):
                self.fault(("as",), f"the anchor {name} leads back to itself")

    def _reaches(self, node: Node, name: str, seen: set[str]) -> bool:
        window = getattr(node.params, "in_", None)
        nearby = window.around.name if isinstance(window, Window) and window.around else None
        if nearby is not None:
            if nearby == name:
                return True
            if nearby in self.anchors and nearby not in seen:
                seen.add(nearby)
                if self._reaches(self.anchors[nearby], name, seen):
                    return True
        return any(self._reaches(child, name, seen) for child in node.children)


def _phrase_lists(sources: Iterable[_Source], language: str, faults: _Faults) -> dict[str, Phrases]:
    """Named lists, those that name others after them. A cycle is a fault."""
    raw: dict[str, tuple[str, Any, Path_, _Source]] = {}
    for source, name, value in ((each, *item) for each in sources for item in each.value.items()):
        if name in raw:
            taken = raw[name][3].file.name
            faults.add(source.file, source.line((name,)), f"the list {name} stands in {taken} already; keep one")
            continue
        title, items = str(name), value
        path: Path_ = (str(name),)
        if isinstance(value, dict):
            wrong = [key for key in value if key not in ("title", "phrases")]
            if wrong or "phrases" not in value:
                faults.add(
                    source.file, source.line((*path, *wrong[:1])), f"the list {name} takes title and phrases only"
                )
                continue
            title, items, path = str(value.get("title", name)), value["phrases"], (str(name), "phrases")
        raw[str(name)] = (title, items, path, source)
    done: dict[str, Phrases] = {}
    model = _ListModel

    def resolve(name: str, stack: tuple[str, ...]) -> None:
        if name in done or name not in raw:
            return
        title, items, path, source = raw[name]
        if name in stack:
            faults.add(
                source.file, source.line(path), f"the list {name} contains itself ({' → '.join((*stack, name))})"
            )
            done[name] = Phrases((), (), title, (), language)
            return
        for item in items if isinstance(items, list) else ():
            if isinstance(item, str) and item.startswith("$"):
                resolve(item[1:], (*stack, name))
        if name in done:
            return
        broken = False
        checked: list[str] = []
        for index, item in enumerate(items if isinstance(items, list) else [items]):
            context = {"lists": done, "language": language}
            try:
                model.model_validate({"of": [item] if isinstance(items, list) else item}, context=context)
                checked.append(item)
            except ValidationError as error:
                broken = True
                message = _explain(error.errors()[0], model).removeprefix("of: ")
                faults.add(source.file, source.line((*path, index)), f"{name}: {message}")
        context = {"lists": done, "language": language}
        if broken and not checked:
            done[name] = Phrases((), (), title, (), language)
            return
        found: Phrases = model.model_validate({"of": checked}, context=context).of
        done[name] = Phrases(found.phrases, found.patterns, title, found.lists, language)

    for name in raw:
        resolve(name, ())
    return done


class _ListModel(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    of: PhraseList


def load_rulebook(folder: Path) -> Rulebook:
    """Read, check and compile a rulebook. Raises BadRule with every fault of every file."""
    faults = _Faults()
    if not folder.is_dir():
        faults.add(folder, None, "no such rulebook folder; set paths.rulebooks in the settings")
        raise BadRule(faults.found)
    head = _read(folder / RULEBOOK_FILE, faults)
    book: _RulebookFile | None = _validate(_RulebookFile, head.value, head, (), faults) if head else None
    language = book.language if book else "zh"
    list_files = [folder / PHRASES_FILE, *sorted(folder.glob(MORE_PHRASES))]
    phrases = [_read(file, faults) for file in list_files]
    lists = _phrase_lists((source for source in phrases if source), language, faults)
    if book and head:
        _check_book(book, head, faults)
    context: dict[str, Any] = {"lists": lists, "language": language, "labels": frozenset(LABELS)}
    context["lists_broken"] = None in phrases
    scenarios = _scenarios(book, head, context, faults) if book and head else {}
    context |= {"scenarios": tuple(scenarios)}
    rules: list[Rule] = []
    files = sorted(p for p in folder.rglob("*.yaml") if p.name != RULEBOOK_FILE and p not in list_files)
    for stray in sorted(folder.rglob("*.yml")):
        faults.add(stray, None, "rules are named .yaml; rename it")
    where: dict[str, Path] = {}
    for file in files:
        source = _read(file, faults)
        if source is None:
            continue
        rule = _rule(source, book, context, scenarios, language, faults)
        rule_id = source.value.get("id")
        if isinstance(rule_id, str):
            if rule_id in where:
                faults.add(
                    file, source.line(("id",)), f"the id {rule_id} is taken by {where[rule_id].name}; give it its own"
                )
            where.setdefault(rule_id, file)
        if rule is not None:
            rules.append(rule)
    if not files:
        faults.add(folder, None, "no rule here; write one file a rule")
    if faults.found or book is None:
        raise BadRule(faults.found)
    entities = Entities(language, book.company.names, book.company.agent_id)
    digest = _hash(
        ENGINE, book.name, book.version, book.pass_mark,
        {name: dimension.model_dump() for name, dimension in book.dimensions.items()},
        sorted(rule.hash for rule in rules),
        sorted((rule.id, rule.weight, rule.severity, rule.status, rule.dimension) for rule in rules),
    )  # fmt: skip
    return Rulebook(
        book.name, language, book.version, book.title, book.dimensions, book.pass_mark, book.company,
        tuple(sorted(rules, key=lambda rule: (list(book.dimensions).index(rule.dimension), rule.file.name))),
        lists, folder, entities, scenarios, digest,
    )  # fmt: skip


def _check_book(book: _RulebookFile, head: _Source, faults: _Faults) -> None:
    if book.company.agent_id is not None:
        try:
            compile_pattern(book.company.agent_id, book.language)
        except ValueError as error:
            faults.add(head.file, head.line(("company", "agent_id")), str(error))


def _rule(
    source: _Source,
    book: _RulebookFile | None,
    context: dict[str, Any],
    scenarios: Mapping[str, Scenario],
    language: str,
    faults: _Faults,
) -> Rule | None:
    before = len(faults.found)
    value = dict(source.value)
    checked: RuleFile | None = _validate(RuleFile, value, source, (), faults)
    checker = _Checker(source, context, faults)
    gates: dict[str, Node | None] = dict.fromkeys(_GATES)
    for gate in _GATES:
        if value.get(gate) is not None:
            gates[gate] = checker.node(value[gate], (gate,))
    if value.get("require") is None and value.get("forbid") is None:
        faults.add(source.file, 1, "a rule needs require or forbid")
    checker.check_references()
    if book and isinstance(value.get("dimension"), str) and value["dimension"] not in book.dimensions:
        known = book.dimensions
        faults.add(
            source.file, source.line(("dimension",)),
            f"no dimension {value['dimension']}"
            + (did_you_mean(value["dimension"], known) or "; there are " + ", ".join(known)),
        )  # fmt: skip
    cases = _cases(source, language, faults)
    if checked is None or len(faults.found) > before:
        return None
    nodes = [node for gate in _GATES if (node := gates[gate])]
    by_scenario = any(inner.kind == "scenario" for node in nodes for inner in node.walk())
    if by_scenario:
        nodes += [scenario.when for scenario in scenarios.values()]
    used = {name for node in nodes for name in _lists_in(node)}
    lists: Mapping[str, Phrases] = context["lists"]
    facts = book.company.model_dump() if book and "COMPANY" in json.dumps(value) else None
    digest = _hash(
        ENGINE, language,
        {key: item for key, item in value.items() if key not in ("cases", "tags", "title", "why")},
        {name: (lists[name].phrases, [p.pattern for p in lists[name].patterns]) for name in sorted(used)},
        facts, book.model_dump()["scenarios"] if book and by_scenario else None,
        checked.coverage if checked.coverage is not None else book.coverage if book else 0.6,
    )  # fmt: skip
    return Rule(
        id=checked.id, title=checked.title, dimension=checked.dimension, why=checked.why, status=checked.status,
        severity=checked.severity, tags=checked.tags, weight=checked.weight, deduct=checked.deduct,
        coverage=checked.coverage if checked.coverage is not None else book.coverage if book else 0.6,
        applies=gates["applies"], require=gates["require"], forbid=gates["forbid"], anchors=checker.anchors,
        cases=cases, file=source.file, hash=digest,
    )  # fmt: skip


def _lists_in(node: Node) -> set[str]:
    return {name for inner in node.walk() for listed in phrase_lists(inner.params) for name in listed.lists}


def _scenarios(book: _RulebookFile, head: _Source, context: dict[str, Any], faults: _Faults) -> dict[str, Scenario]:
    found = {}
    for name, scenario in book.scenarios.items():
        checker = _Checker(head, context, faults)
        when = checker.node(scenario.when, ("scenarios", name, "when"))
        checker.check_references()
        if when is not None:
            found[name] = Scenario(scenario.title.in_language(book.language), when, checker.anchors)
    return found


def _cases(source: _Source, language: str, faults: _Faults) -> tuple[Case, ...]:
    raw = source.value.get("cases")
    if not isinstance(raw, list):
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
            cases.append(Case.model_validate({**item, "line": line}))
        except ValidationError:
            continue
    missing = [kind for kind in ("pass", "fail", "not_applicable") if all(case.verdict != kind for case in cases)]
    if missing:
        faults.add(
            source.file,
            source.line(("cases",)),
            f"no case with the verdict {', '.join(missing)}; every rule has one of each",
        )
    return tuple(cases)


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()
