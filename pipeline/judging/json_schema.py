"""The JSON schema of a rule file, so that editors complete and check the YAML while it is typed.

It is made from the same models that check rules when they are loaded. What only the loader can tell (that a phrase
list exists, that a pattern is RE2) it leaves to `callqa rules lint`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.base import Around, Window
from pipeline.judging.rulebook import RuleFile

_PHRASES = {
    "description": "a phrase, a list of phrases, a named list ($greeting), or patterns (/…/)",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}],
}
_PLACES: dict[str, dict[str, Any]] = {
    "turns": {"description": "1..3 from the beginning, -3..-1 from the end", "type": ["string", "integer"]},
    "seconds": {"description": "0..15 from the first word, -20..0 before the end", "type": "string"},
    "percent": {"description": "0..20 of the conversation", "type": "string"},
    "before": {"description": "2 turns, or 10 s", "type": ["string", "integer", "object"]},
    "after": {"description": "2 turns, or 10 s", "type": ["string", "integer", "object"]},
}


def schema() -> dict[str, Any]:
    """The schema, in the draft that editors know best (2020-12)."""
    rule = RuleFile.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = rule.pop("$defs", {})
    definitions["condition"] = {
        "type": "object",
        "description": "one condition; `as:` names it, so that others can look around where it was found",
        "anyOf": [{"required": [kind]} for kind in CONDITIONS],
        "properties": {"as": {"type": "string", "description": "name of this condition"}, **_conditions()},
        "additionalProperties": False,
    }
    definitions["window"] = _object(Window)
    for gate, text in (
        ("applies", "else the verdict is not applicable"),
        ("require", "else the verdict is fail"),
        ("forbid", "if found the verdict is fail"),
    ):
        rule["properties"][gate] = {"$ref": "#/$defs/condition", "description": text}
    rule["anyOf"] = [{"required": ["require"]}, {"required": ["forbid"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of callqa",
        **rule,
        "$defs": definitions,
    }


def _conditions() -> dict[str, Any]:
    inner = {"$ref": "#/$defs/condition"}
    found: dict[str, Any] = {}
    for kind, condition in CONDITIONS.items():
        if condition.flat:
            found |= _object(condition.params)["properties"]
        elif condition.inner == "list":
            found[kind] = {"type": "array", "items": inner, "minItems": 1}
        else:
            found[kind] = _object(condition.params)
            if condition.inner == "of":
                several = {"type": "array", "items": inner, "minItems": 1}
                found[kind]["properties"]["of"] = {"anyOf": [inner, several]}
    return found


def _object(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a condition's parameters; what has a notation of its own is described in words."""
    properties: dict[str, Any] = {}
    required = []
    for name, field in model.model_fields.items():
        if name == "compiled":
            continue
        key = field.alias or name
        kind = str(field.annotation)
        if "Phrases" in kind:
            part: dict[str, Any] = dict(_PHRASES)
        elif name == "in_":
            part = {"$ref": "#/$defs/window"}
        elif name == "around":
            part = _object(Around)
        elif name in _PLACES:
            part = dict(_PLACES[name])
        else:
            part = TypeAdapter(field.annotation or Any).json_schema()
        if field.description:
            part["description"] = field.description
        if field.is_required():
            required.append(key)
        properties[key] = part
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        found["required"] = required
    return found
