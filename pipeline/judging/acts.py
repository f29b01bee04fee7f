"""The acts of a rulebook: what stands in `conditions.yaml`, read once, and put into the window in which it is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.datatypes import PARTIES, Party
from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.base import Act, Condition, Node, Reading, fields_holding
from pipeline.judging.conditions.windows import InWindow, Window
from pipeline.judging.faults import Faults, told_elsewhere
from pipeline.judging.reader import ConditionReader, Content, content, validated
from pipeline.judging.rule_yaml import read_rule_yaml
from pipeline.judging.rulebook import TitlePair
from pipeline.judging.yaml_lines import Source
from pipeline.messages import Message
from pipeline.validation import did_you_mean

_NAME = re.compile(r"\w+(-\w+)*")
"""Of an act: it also names the files of its sayings."""


class ActFile(BaseModel):
    """What stands under a name in `conditions.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: TitlePair | str | None = None
    when: Any


def side_of(act: Act) -> Party:
    """Who does it: the side of the first condition in it that has one."""
    sides = (getattr(node.condition, "by", None) for node in act.when.walk())
    return next((side for side in sides if side in PARTIES), "agent")


def used_acts(nodes: Iterable[Node]) -> set[str]:
    """The names of the acts among some conditions."""
    return {node.condition.use for node in nodes if isinstance(node.condition, Used)}


@dataclass
class ActReader:
    """Reads the acts of a rulebook, those that use others after them; a cycle is a fault.

    Acts know no scenarios: a scenario is told by acts, not the other way round.
    """

    known: Reading
    numbers: dict[Content, int]
    faults: Faults
    source: Source | None = None
    acts: dict[str, Act] = field(default_factory=dict)
    _files: dict[str, ActFile] = field(default_factory=dict)
    _being_read: list[str] = field(default_factory=list)
    _tried: set[str] = field(default_factory=set)

    def read(self, file: Path) -> None:
        """Read the file, if there is one."""
        if not file.exists():
            return
        self.source = read_rule_yaml(file, self.faults, ActFile, named=True)
        for name, value in self.source.value.items() if self.source else ():
            self._note(str(name), value)
        for name in self._files:
            with self.faults.of(file, self._line(name)):
                self._read(name)

    def raw(self, names: set[str]) -> Mapping[str, Any]:
        """What acts ask, as it is written."""
        return {name: self._files[name].when for name in sorted(names)}

    def _line(self, *place: str) -> int:
        return self.source.line(place) if self.source else 1

    def _fault(self, place: tuple[str, ...], message: str) -> None:
        if self.source:
            self.faults.add(self.source.file, self._line(*place), message)

    def _note(self, name: str, value: Any) -> None:
        if not _NAME.fullmatch(name):
            message = Message("{name} is not a name; letters, digits and dashes make one", name=repr(name))
            self._fault((name,), message)
            return
        assert self.source
        with self.faults.of(self.source.file, self._line(name)):
            checked = validated(ActFile, value, self.source, (name,), self.faults)
            if checked:
                self._files[name] = checked

    def _read(self, name: str) -> None:
        if name in self._tried or self.source is None:
            return
        self._tried.add(name)
        self._being_read.append(name)
        place, written = (name, "when"), self._files[name]
        known = replace(self.known, act=self.act)
        when = ConditionReader(self.source, [place], known, self.numbers, self.faults).node(written.when, place)
        if when is not None:
            title = written.title or name
            told = title if isinstance(title, str) else title.in_language(self.known.language)
            self.acts[name] = Act(name, told, when)
        self._being_read.pop()

    def act(self, name: str, window: Window | None) -> Act:
        """An act, looked for in a window. Raises ValueError when there is none, or when it leads back to itself."""
        if name in self._being_read:
            way = " → ".join((*self._being_read[self._being_read.index(name) :], name))
            raise ValueError(Message("the condition {name} uses itself ({way})", name=name, way=way))
        known = self.source.value if self.source else {}
        if name not in known:
            hint = did_you_mean(name, known)
            listed = ", ".join(map(str, known)) or Message("none")
            raise ValueError(
                Message("no condition {name}{hint}; conditions.yaml has {known}", name=name, hint=hint, known=listed)
            )
        if name in self._files:
            self._read(name)
        if name not in self.acts:
            raise told_elsewhere()
        act = self.acts[name]
        if window is None:
            return act
        placed = self._within(act.when, window)
        if placed is act.when:
            raise ValueError(Message("nothing in {name} can be told where to look; leave in out", name=name))
        return replace(act, when=placed)

    def _within(self, node: Node, window: Window) -> Node:
        """A condition whose parts look in a window, unless they have one of their own; the same where none can."""
        condition = node.condition
        changed: dict[str, Any] = {}
        if isinstance(condition, InWindow) and condition.window is not None:
            return node
        if isinstance(condition, Used):
            when = self._within(condition.act.when, window)
            if when is condition.act.when:
                return node
            return self._numbered(node, condition.within(window, replace(condition.act, when=when)))
        if isinstance(condition, InWindow):
            changed["window"] = window
        for name in fields_holding(type(condition), Node):
            value = getattr(condition, name)
            parts = value if isinstance(value, tuple) else (value,)
            placed = tuple(self._within(part, window) for part in parts)
            if any(new is not old for new, old in zip(placed, parts, strict=True)):
                changed[name] = placed if isinstance(value, tuple) else placed[0]
        if not changed:
            return node
        return self._numbered(node, condition.model_copy(update=changed))

    def _numbered(self, node: Node, condition: Condition) -> Node:
        number = self.numbers.setdefault(content(node.kind, condition), len(self.numbers))
        return replace(node, condition=condition, number=number)
