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

_AGENT_FIELDS: dict[str, str] = _by_alias(_ALIASES["agents"])
_RANKED_ALIASES: dict[str, tuple[str, int]] = {
    alias: (field, rank) for field, aliases in _ALIASES["columns"].items() for rank, alias in enumerate(aliases)
}


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


def _as_alias(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())
