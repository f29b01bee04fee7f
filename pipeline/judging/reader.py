"""From YAML to conditions: checked, numbered, each with its line. Faults are gathered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.judging.chinese_keys import KEYS, SAYING
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.base import Condition, Node, Reading, fields_holding
from pipeline.judging.conditions.logic import InOrder, NoneOf, Several
from pipeline.judging.conditions.scripts import Steps
from pipeline.judging.faults import (
    TOLD_ELSEWHERE,
    Faults,
    in_own_words,
    known_keys,
    told_elsewhere,
)
from pipeline.judging.phrases import Lists, Pattern, Phrases, lines_of, numbered, read_phrases
from pipeline.judging.yaml_lines import Place, Source
from pipeline.messages import Message
from pipeline.validation import did_you_mean

_Model = TypeVar("_Model", bound=BaseModel)
DEEPEST_CONDITION = 25
"""In one another, those that an anchor leads to included."""

LONGEST_CHAIN = 25
"""Of lists that name lists."""

Content = tuple[object, ...]
"""What a condition asks, for telling equal ones."""


def validated(
    model: type[_Model], value: Any, source: Source, place: Place, faults: Faults, known: Lists | None = None
) -> _Model | None:
    """A value checked by a model; None where it is at fault."""
    try:
        return model.model_validate(value, context=known)
    except ValidationError as error:
        for item in error.errors():
            if item["type"] == TOLD_ELSEWHERE:
                continue
            # a union's errors carry the member's name, which is in no file
            at = [part for part in item["loc"] if not (isinstance(part, str) and "[" in part)]
            written = [source.word((*place, *at[: depth + 1])) for depth in range(len(at))]
            faults.add(source.file, source.line((*place, *at)), in_own_words(item, model, written))
        return None


class ConditionReader:
    """Reads the conditions of one rule, or of one scenario, those below `top`; all know those that `as` names."""

    def __init__(
        self, source: Source, top: Iterable[Place], known: Reading, numbers: dict[Content, int], faults: Faults
    ) -> None:
        self.source, self._numbers, self._faults = source, numbers, faults
        self._known = replace(known, anchor=self._anchor)
        self._read: dict[Place, Node | None] = {}
        self._being_read: set[Place] = set()
        self._named: dict[str, tuple[Place, Any]] = {}
        for place, value in _named_in(source.value, ()):
            if not any(place[: len(gate)] == gate for gate in top):
                continue
            name = value["as"]
            if name in self._named:
                self._fault((*place, "as"), Message("two conditions are called {name}; rename one", name=name))
            self._named.setdefault(name, (place, value))

    def node(self, value: Any, place: Place) -> Node | None:
        """The condition that a value tells; None where it is at fault."""
        if place not in self._read:
            if len(self._being_read) == DEEPEST_CONDITION:
                self._fault(place, Message("conditions lie too deep in one another, or lead too far; write fewer"))
                return None
            self._being_read.add(place)
            self._read[place] = self._node(value, place)
            self._being_read.discard(place)
        return self._read[place]

    def _fault(self, place: Place, message: str) -> None:
        self._faults.add(self.source.file, self.source.line(place), message)

    def _anchor(self, name: str) -> Node:
        if name not in self._named:
            hint = did_you_mean(name, self._named) or Message("; give one `as: {name}`", name=name)
            raise ValueError(Message("no condition is called {name}{hint}", name=name, hint=hint))
        place, value = self._named[name]
        if place in self._being_read:
            raise ValueError(Message("the anchor {name} leads back to itself", name=name))
        node = self.node(value, place)
        if node is None:
            raise told_elsewhere()
        return node

    def _node(self, value: Any, place: Place) -> Node | None:
        if not isinstance(value, dict) or not value:
            known = ", ".join(CONDITIONS)
            self._fault(
                place, Message("a condition is needed here, such as `said: {{…}}`; there are {known}", known=known)
            )
            return None
        kind = next((key for key in value if key in CONDITIONS), None)
        if kind is None:
            wrong = next((str(key) for key in value if key != "as"), "as")
            kinds = list(CONDITIONS) if wrong.isascii() else [*SAYING, *(KEYS[each] for each in CONDITIONS)]
            known = ", ".join(kinds)
            hint = did_you_mean(wrong, kinds) or Message("; there are {known}", known=known)
            self._fault((*place, wrong), Message("unknown condition {name}{hint}", name=wrong, hint=hint))
            return None
        given = self._params(kind, value, place)
        if given is None:
            return None
        params, own = given
        if not isinstance(value.get("as", ""), str):
            self._fault((*place, "as"), Message("as gives a condition a name; write one word"))
            return None
        model = CONDITIONS[kind]
        whole = True
        for name in fields_holding(model, Node):
            if name in params:
                at = own if issubclass(model, Several) else (*own, name)
                params[name] = self._inner(params[name], at)
                whole = whole and params[name] is not _BROKEN and _BROKEN not in _as_tuple(params[name])
        condition = validated(model, params, self.source, own, self._faults, self._known)
        if condition is None or not whole:
            return None
        number = self._numbers.setdefault(content(kind, condition), len(self._numbers))
        return Node(kind, condition, value.get("as"), self.source.line((*place, kind)), number)

    def _params(self, kind: str, value: Mapping[str, Any], place: Place) -> tuple[dict[str, Any], Place] | None:
        """A condition's parameters and where they stand: below its word, or beside it (`{fact: turns, over: 3}`)."""
        model, own = CONDITIONS[kind], (*place, kind)
        if kind in model.model_fields:
            return {key: item for key, item in value.items() if key != "as"}, place
        beside = next((str(key) for key in value if key not in (kind, "as")), None)
        if beside is not None:
            hint = Message("join them with all: [...]")
            word, beside_it = self.source.word(own), self.source.word((*place, beside))
            if beside not in CONDITIONS:
                hint = Message("put it inside {kind}: {{…}}", kind=word)
            self._fault(
                (*place, beside),
                Message("{beside} stands beside {kind}; {hint}", beside=beside_it, kind=word, hint=hint),
            )
            return None
        params = value[kind]
        if issubclass(model, Several):
            if isinstance(params, list) and params:
                return {"of": params}, own
            self._fault(own, Message("{kind} needs a list of conditions", kind=self.source.word(own)))
            return None
        if not isinstance(params, dict):
            word = self.source.word(own)
            keys = ", ".join(key if word == kind else KEYS[key] for key in known_keys(model))
            self._fault(own, Message("{kind} needs parameters: {keys}", kind=word, keys=keys))
            return None
        return dict(params), own

    def _inner(self, value: Any, place: Place) -> Node | tuple[Node, ...]:
        """A condition, or each of a list; what is at fault is `_BROKEN`, so that the rest is checked all the same."""
        if isinstance(value, list) and value:
            return tuple(self.node(item, (*place, index)) or _BROKEN for index, item in enumerate(value))
        return self.node(value, place) or _BROKEN


_BROKEN = Node("", NoneOf(of=()))


def _as_tuple(value: Node | tuple[Node, ...]) -> tuple[Node, ...]:
    return value if isinstance(value, tuple) else (value,)


def content(kind: str, condition: Condition) -> Content:
    """What a condition asks, for telling equal ones; those in it are told by their numbers."""
    values = tuple((name, _told(getattr(condition, name))) for name in type(condition).model_fields)
    # only scripts and sequences speak of their steps by their names
    names = tuple(part.name for part in condition.parts) if isinstance(condition, InOrder | Steps) else ()
    return kind, values, names


def _told(value: object) -> object:
    if isinstance(value, Phrases):
        return value.title, value.number
    if isinstance(value, Node):
        return value.number
    if isinstance(value, Pattern):
        return value.source
    if isinstance(value, tuple):
        return tuple(map(_told, value))
    if isinstance(value, BaseModel):
        return tuple((name, _told(getattr(value, name))) for name in type(value).model_fields)
    return repr(value)


def read_lists(sources: Iterable[Source], known: Lists, faults: Faults) -> dict[str, Phrases]:
    """Named lists, those that name others after them. A cycle is a fault."""
    return _ListReader(sources, known, faults).lists


@dataclass(frozen=True)
class _RawList:
    """A list as its file has it, and where."""

    title: str
    items: Any
    exceptions: Any
    place: Place
    source: Source

    def names(self) -> Iterator[str]:
        """The lists that it names."""
        for value in (self.items, self.exceptions):
            items = lines_of(value)
            for item in items if isinstance(items, list) else ():
                if isinstance(item, str):
                    yield from [item[1:]] if item.startswith("$") else re.findall(r"<([^<>]+)>", item)


class _ListReader:
    def __init__(self, sources: Iterable[Source], known: Lists, faults: Faults) -> None:
        self._faults = faults
        self.lists: dict[str, Phrases] = dict(known.named)
        self._known = replace(known, named=self.lists)
        self._raw: dict[str, _RawList] = {}
        for source, name, value in ((each, str(item[0]), item[1]) for each in sources for item in each.value.items()):
            self._note(name, value, source)
        for name in self._raw:
            self.lists.pop(name, None)
        for name, raw in self._raw.items():
            with faults.of(raw.source.file, raw.source.line((name,))):
                self._resolve(name, ())

    def _note(self, name: str, value: Any, source: Source) -> None:
        if name in self._raw:
            taken = self._raw[name].source.file.name
            message = Message("the list {name} stands in {file} already; keep one", name=name, file=taken)
            self._faults.add(source.file, source.line((name,)), message)
            return
        if not isinstance(value, dict):
            self._raw[name] = _RawList(name, value, None, (name,), source)
            return
        wrong = [str(key) for key in value if key not in ("title", "phrases", "except")]
        if not isinstance(value.get("title", name), str | int | float):
            wrong.append("title")
        if wrong or "phrases" not in value:
            message = Message("the list {name} takes a title, which is text, phrases, and except only", name=name)
            self._faults.add(source.file, source.line((name, *wrong[:1])), message)
            return
        title = str(value.get("title", name))
        self._raw[name] = _RawList(title, value["phrases"], value.get("except"), (name, "phrases"), source)

    def _resolve(self, name: str, stack: tuple[str, ...]) -> None:
        if name in self.lists or name not in self._raw:
            return
        raw = self._raw[name]
        if name in stack or len(stack) == LONGEST_CHAIN:
            message = Message("the list {name} contains itself ({way})", name=name, way=" → ".join((*stack, name)))
            if name not in stack:
                message = Message(
                    "lists name one another over more than {count} steps; name them directly", count=LONGEST_CHAIN
                )
            self._faults.add(raw.source.file, raw.source.line(raw.place), message)
            self.lists[name] = Phrases((), raw.title, (), self._known.language)
            return
        for inner in raw.names():
            self._resolve(inner, (*stack, name))
        if name not in self.lists:
            listed = replace(self._put_together(name, raw.items, raw.place, raw.source), title=raw.title)
            if raw.exceptions is not None:
                exceptions = self._put_together(name, raw.exceptions, (name, "except"), raw.source)
                listed = numbered(listed.except_for(exceptions), self._known)
            self.lists[name] = listed

    def _put_together(self, name: str, value: Any, place: Place, source: Source) -> Phrases:
        items = lines_of(value)
        if isinstance(items, list) and items:
            try:
                return read_phrases(items, self._known)
            except ValueError:
                pass  # what is wrong is told item by item
        sound: list[Any] = []
        for index, item in enumerate(items if isinstance(items, list) else [items]):
            try:
                read_phrases([item] if isinstance(items, list) else item, self._known)
                sound.append(item)
            except ValueError as error:
                message = Message("{where}: {what}", where=name, what=error.args[0])
                self._faults.add(source.file, self._line(value, item, (*place, index), source), message)
        try:
            if sound:
                return read_phrases(sound, self._known)
        except ValueError as error:  # together they are too many
            self._faults.add(source.file, source.line(place), error.args[0])
        if items == []:
            message = Message("{where}: {what}", where=name, what=Message("a phrase or a pattern is needed here"))
            self._faults.add(source.file, source.line(place), message)
        return Phrases((), name, (), self._known.language)

    @staticmethod
    def _line(value: Any, item: Any, place: Place, source: Source) -> int:
        """The line of an item, of a text of one a line as well."""
        line = source.line(place)
        if isinstance(value, str) and "\n" in value:
            lines = [each.strip() for each in value.split("\n")]
            line += 1 + lines.index(item)
        return line


def _named_in(value: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every part of a file that `as` gives a name."""
    if isinstance(value, dict):
        if isinstance(value.get("as"), str):
            yield place, value
        for key, item in value.items():
            yield from _named_in(item, (*place, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _named_in(item, (*place, index))
