"""What telephone systems call fields, values, channels and parties, from `aliases.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.datatypes import Role

_ALIASES: dict[str, dict[Any, Any]] = yaml.safe_load(Path(__file__).with_name("aliases.yaml").read_text("utf-8"))


def _by_alias(part: dict[Any, list[str]]) -> dict[str, Any]:
    return {alias: meaning for meaning, aliases in part.items() for alias in aliases}


METADATA_FIELDS: tuple[str, ...] = tuple(_ALIASES["columns"])
"""Every field that a column can give: `file`, `caller_number`, and those of `CDR`."""

FIELD_VALUES: dict[str, dict[str, str]] = {name: _by_alias(values) for name, values in _ALIASES["values"].items()}
"""Field → what a cell may say, case folded → what it means."""

CHANNEL_NAMES: dict[str, int] = _by_alias(_ALIASES["channels"])
ROLE_NAMES: dict[str, Role] = _by_alias(_ALIASES["roles"])

_FIELD_BY_ALIAS: dict[str, str] = _by_alias(_ALIASES["columns"])


def field_of_column(name: str) -> str | None:
    """The field that a column of this name holds; None when no system that is known calls one so."""
    return _FIELD_BY_ALIAS.get(re.sub(r"[\s\-]+", "_", name.strip().casefold()))
