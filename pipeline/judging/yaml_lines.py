"""YAML read with the line of every part, so that a fault can name it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.judging.chinese_keys import full_width_colon
from pipeline.judging.faults import Faults
from pipeline.judging.rulebook_files import read_text
from pipeline.messages import Message

DEEPEST = 60
MOST_VALUES = 50_000
"""Of one file, every alias written out: three and fifteen times what the rulebooks at hand have."""

Place = tuple[str | int, ...]
"""Where in a file: keys and list indices, from the outside in."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's plain values: `no`, `on` and 001 are words, 12:30 is no number, nor is one of twenty digits.

    Tags, which would bring YAML 1.1's back, are refused before anything is made of them (see `_too_much`).
    """


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789"),
    ("float", r"^[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]+$", "-+0123456789"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass
class Source:
    """A YAML file: its value, the line of every part, and the keys that its author wrote in other words."""

    file: Path
    value: Any
    lines: dict[Place, int]
    written: dict[Place, str] = field(default_factory=dict)

    def word(self, place: Place) -> str:
        """The key of a part, as its author wrote it."""
        return self.written.get(place, str(place[-1]) if place else "")

    def line(self, place: Iterable[str | int]) -> int:
        """The line of a part, or of the nearest part around it."""
        at = tuple(place)
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)


def read_yaml(file: Path, faults: Faults) -> Source | None:
    """A YAML file that holds a mapping; None where it is at fault."""
    text = read_text(file, faults)
    if text is None:
        return None
    with faults.of(file):
        return _read(text, file, faults)
    return None  # told


def _read(text: str, file: Path, faults: Faults) -> Source | None:
    try:
        too_much = _too_much(text)
        if too_much is not None:
            faults.add(file, *too_much)
            return None
        return _composed(text, file, faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark and (colon := _full_width_colon(text, mark.line)):
            faults.add(file, *colon)
            return None
        why = error.problem or error.context
        faults.add(
            file,
            mark.line + 1 if mark else None,
            Message("not YAML: {why}; check indent, colons and quotes", why=why),
        )
    except (yaml.YAMLError, ValueError):
        faults.add(file, None, Message("not YAML; check indent, colons and quotes"))
    return None


def _full_width_colon(text: str, line: int) -> tuple[int, Message] | None:
    """Line and fault of a full-width colon behind a key, in a line that cannot be read or in one of those before."""
    lines = text.split("\n")
    for number in range(line, max(-1, line - 3), -1):
        if number < len(lines) and (key := full_width_colon(lines[number])):
            return number + 1, Message(
                "a full-width colon stands behind {key}; write `{key}: ` with a half-width one", key=key
            )
    return None


@dataclass(slots=True)
class _Part:
    """A list or mapping, as its events go by: the values in it, and how deep they lie."""

    anchor: str | None
    values: int = 1
    depth: int = 0

    def take(self, values: int, depth: int) -> None:
        self.values += values
        self.depth = max(self.depth, depth + 1)


def _too_much(text: str) -> tuple[int, Message] | None:
    """Line and fault of what would be too deep, too long or endless with every alias written out, and of tags.

    Events come one by one, without a tree: what is refused here is never composed, which recurses and may kill the
    process.
    """
    whole = _Part(None)
    parts = [whole]
    anchors: dict[str, _Part] = {}
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        tag = getattr(event, "tag", None)
        if tag is not None:
            return line, Message("!{tag}: tags have no meaning here; remove it", tag=_tag_name(tag))
        if isinstance(event, yaml.CollectionEndEvent):
            part = parts.pop()
            if part.anchor is not None:
                anchors[part.anchor] = part
            parts[-1].take(part.values, part.depth)
        elif isinstance(event, yaml.CollectionStartEvent):
            parts.append(_Part(event.anchor))
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                anchors[event.anchor] = _Part(event.anchor)
            parts[-1].take(1, 0)
        elif isinstance(event, yaml.AliasEvent):
            if any(part.anchor == event.anchor for part in parts):
                return line, Message("the anchor {name} contains itself; write it out", name=event.anchor)
            if event.anchor in anchors:  # an unknown one is told when the file is composed
                parts[-1].take(anchors[event.anchor].values, anchors[event.anchor].depth)
        if len(parts) + parts[-1].depth > DEEPEST:
            return line, Message("nested more than {depth} deep; write it more simply", depth=DEEPEST)
        if sum(part.values for part in parts) > MOST_VALUES:
            return line, Message("more than {count} values; split the file, repeat less", count=MOST_VALUES)
    return None


def _tag_name(tag: str) -> str:
    return tag.removeprefix("tag:yaml.org,2002:").lstrip("!")[:40]


def _composed(text: str, file: Path, faults: Faults) -> Source | None:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        if node is not None:
            _lines(node, (), lines, file, faults)
        value = loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        faults.add(file, 1, Message("the file must hold `key: value` lines"))
        return None
    return Source(file, value, lines)


def _lines(node: yaml.Node, place: Place, lines: dict[Place, int], file: Path, faults: Faults) -> None:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                faults.add(file, line, Message("the key {name} is given twice; keep one", name=name))
            seen.add(name)
            _lines(value, (*place, name), lines, file, faults)
            lines[(*place, name)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _lines(item, (*place, index), lines, file, faults)
