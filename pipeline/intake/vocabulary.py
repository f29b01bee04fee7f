"""What telephone systems call fields, values, channels and parties, from `aliases.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from pipeline.intake.reader import CallSide, Direction

_ALIASES: dict[str, dict[Any, Any]] = yaml.safe_load(Path(__file__).with_name("aliases.yaml").read_text("utf-8"))


def _by_alias(part: dict[Any, list[str]]) -> dict[str, Any]:
    return {alias: meaning for meaning, aliases in part.items() for alias in aliases}


METADATA_FIELDS: tuple[str, ...] = tuple(_ALIASES["columns"])
"""Every field that a column can give: `file`, the numbers of the call and the agent's extension, and those of `CDR`."""

FIELD_VALUES: dict[str, dict[str, str]] = {name: _by_alias(values) for name, values in _ALIASES["values"].items()}
"""Field → what a cell may say, case folded → what it means."""

DIRECTIONS: dict[str, Direction] = _by_alias(_ALIASES["values"]["direction"])
CHANNEL_NAMES: dict[str, int] = _by_alias(_ALIASES["channels"])
PARTY_NAMES: dict[str, CallSide] = _by_alias(_ALIASES["roles"])


def _as_alias(name: str) -> str:
    """A column's name as it is compared: Call ID, callId and call_id are one, and 通话时长(秒) is 通话时长."""
    return _BETWEEN_WORDS.sub("", _IN_BRACKETS.sub("", name.strip().casefold()))


_BETWEEN_WORDS = re.compile(r"[\s_/-]+")
_IN_BRACKETS = re.compile(r"[(（][^()（）]{0,40}[)）]\Z")

_AGENT_FIELDS: dict[str, str] = {_as_alias(alias): name for alias, name in _by_alias(_ALIASES["agents"]).items()}
_RANKED_ALIASES: dict[str, tuple[str, int]] = {
    _as_alias(alias): (field, rank)
    for field, aliases in _ALIASES["columns"].items()
    for rank, alias in enumerate(aliases)
}
_BEGINS: dict[str, set[str]] = {kind: set(map(_as_alias, names)) for kind, names in _ALIASES["begins"].items()}
_MILLISECONDS = re.compile(r"ms|milliseconds|毫秒", re.IGNORECASE)


def field_of_column(name: str) -> str | None:
    """The field that a column of this name holds; None when no system that is known calls one so."""
    return _RANKED_ALIASES.get(_as_alias(name), (None, 0))[0]


def agent_field_of_column(name: str) -> str | None:
    """The field of a list of agents that a column of this name holds: id, name, team, extension, from or to."""
    return _AGENT_FIELDS.get(_as_alias(name))


def columns_by_field(names: Iterable[str]) -> dict[str, list[str]]:
    """The columns of each field among these names, the one first that says it most plainly."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if ranked := _RANKED_ALIASES.get(_as_alias(name)):
            found.setdefault(ranked[0], []).append((ranked[1], name))
    return {field: [name for _, name in sorted(columns)] for field, columns in found.items()}


def is_vague_begin(column: str) -> bool:
    """Whether a column of begins is called so that it may as well say when the record was made."""
    return _as_alias(column) in _BEGINS["vague"]


def may_be_length(column: str) -> bool:
    """Whether a column of begins is called so that hours and minutes in it may be how long the call was."""
    return _as_alias(column) in _BEGINS["length"]


def is_in_ms(column: str) -> bool:
    """Whether a column's name says that it holds milliseconds: waitTimeMs, wait (ms), 等待时长(毫秒)."""
    word = _IN_BRACKETS.search(column.strip())
    unit = word[0].strip(" ()（）") if word else re.split(r"[\s_]|(?<=[a-z])(?=[A-Z])", column.strip())[-1]
    return _MILLISECONDS.fullmatch(unit) is not None
