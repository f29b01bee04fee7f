"""YAML read with the line of every part, so that a fault can name it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.judging.faults import Faults
from pipeline.messages import Message

Place = tuple[str | int, ...]
"""Where in a file: keys and list indices, from the outside in."""


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
class Source:
    """A YAML file: its value, and the line of every part."""

    file: Path
    value: Any
    lines: dict[Place, int]

    def line(self, place: Iterable[str | int]) -> int:
        """The line of a part, or of the nearest part around it."""
        at = tuple(place)
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)


def read_yaml(file: Path, faults: Faults) -> Source | None:
    """A YAML file that holds a mapping; None where it is at fault."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        faults.add(
            file,
            None,
            Message("no such file; a rulebook needs rulebook.yaml, phrases.yaml and one file a rule"),
        )
        return None
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n") + 1
        faults.add(file, before, Message("not UTF-8; save the file as UTF-8"))
        return None
    except OSError as error:
        faults.add(file, None, Message("cannot be read ({why})", why=error.strerror))
        return None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        if node is not None:
            _lines(node, (), lines, file, faults)
        value = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = error.problem or error.context
        faults.add(
            file,
            mark.line + 1 if mark else None,
            Message("not YAML: {why}; check indent, colons and quotes", why=why),
        )
        return None
    except (yaml.YAMLError, RecursionError, ValueError):
        faults.add(file, None, Message("not YAML; check indent, colons and quotes"))
        return None
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
