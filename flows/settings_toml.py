"""Prints settings as TOML, each with its description: what `callqa settings` shows.

By hand: tomlkit is for files that are read and edited, and would need the same loop to write these.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.messages import in_language
from pipeline.settings import Settings


def as_toml(settings: Settings, language: str = "en") -> str:
    """The settings as a TOML file that `load_settings` reads back equal; one that is unset is a comment.

    What each is for stands above it in Chinese ("zh") or English.
    """
    parts = []
    for name in type(settings).model_fields:
        section: BaseModel = getattr(settings, name)
        lines, tables = [f"[{name}]"], []
        for key, field in type(section).model_fields.items():
            value = getattr(section, key)
            comment = f"# {in_language(field.description, language)}"
            if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
                for inner_key, inner in value.items():
                    tables += ["", f"[{name}.{key}.{_key(inner_key)}]", *_pairs(inner)]
                lines += [comment, f"# [{name}.{key}.…]" if value else f"{key} = {{}}"]
            elif isinstance(value, dict):
                lines += [comment, f"{key} = {{ {', '.join(_pairs(value))} }}" if value else f"{key} = {{}}"]
            elif value is None:
                lines += [comment, f"# {key} = …"]
            else:
                lines += [comment, f"{key} = {_value(value)}"]
        parts.append("\n".join(lines + tables))
    return "\n\n".join(parts) + "\n"


def _pairs(table: dict[Any, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(key: object) -> str:
    text = str(key)
    return text if text.isascii() and text.replace("_", "").replace("-", "").isalnum() else _value(text)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # a JSON string is a TOML basic string but for DEL
    return json.dumps(value.as_posix() if isinstance(value, Path) else str(value), ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )
