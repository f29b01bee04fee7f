"""The JSON schema of a rule file, so that editors complete and check the YAML while it is typed.

It is made from the same classes that check rules when they are loaded. What only the loader can tell (that a phrase
list exists, that a pattern is RE2) it leaves to `callqa rules lint`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from pipeline.judging.chinese_keys import KEYS, SAYING, VALUES
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.base import Node, mentions
from pipeline.judging.conditions.logic import Several
from pipeline.judging.conditions.windows import Around, Range, Reach, Window
from pipeline.judging.for_each import FOR_EACH
from pipeline.judging.phrases import Pattern, Phrases
from pipeline.judging.rulebook import RuleFile

_CONDITION = {"$ref": "#/$defs/condition"}
_CONDITIONS = {"type": "array", "items": _CONDITION, "minItems": 1}
_WRITTEN: dict[type, dict[str, Any]] = {
    Phrases: {
        "description": "a phrase, a list of phrases, a named list ($greeting), or patterns (/…/)",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}],
    },
    Node: {"anyOf": [_CONDITION, _CONDITIONS]},
    Pattern: {"type": "string"},
    Range: {"type": ["string", "integer"]},
    Reach: {"type": ["string", "integer", "object"]},
    Window: {"$ref": "#/$defs/window"},
    Around: {"$ref": "#/$defs/around"},
}
"""How values are written that have a notation of their own."""


def rule_schema() -> dict[str, Any]:
    """The schema, in the draft that editors know best (2020-12)."""
    rule = RuleFile.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = rule.pop("$defs", {})
    definitions["condition"] = {
        "type": "object",
        "description": "one condition; `as:` names it, so that others can look around where it was found",
        "anyOf": [{"required": [kind]} for kind in (*CONDITIONS, *SAYING)],
        "properties": {
            "as": {"type": "string", "description": "name of this condition"},
            FOR_EACH: {
                "type": "object",
                "description": "in a list: the entry once for each of these words, which stand in it as <name>",
                "additionalProperties": {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
            },
            **_conditions(),
            **{word: {"anyOf": [_WRITTEN[Phrases], _object(CONDITIONS["said"])]} for word in SAYING},
        },
        "additionalProperties": False,
    }
    definitions["window"] = _object(Window)
    definitions["around"] = _object(Around)
    for gate, text in (
        ("applies", "else the verdict is not applicable"),
        ("require", "else the verdict is fail"),
        ("forbid", "if found the verdict is fail"),
    ):
        rule["properties"][gate] = {**_CONDITION, "description": text}
    rule["anyOf"] = [{"required": ["require"]}, {"required": ["forbid"]}]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of callqa",
        **rule,
        "$defs": definitions,
    }
    found: dict[str, Any] = _in_both_languages(schema)
    return found


def _in_both_languages(schema: Any) -> Any:
    """A schema that takes Chinese keys and fixed values beside the English ones."""
    if isinstance(schema, list):
        return [_in_both_languages(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _in_both_languages(part) for key, part in schema.items() if key not in ("properties", "required")}
    if "enum" in schema:
        found["enum"] = [*schema["enum"], *(chinese for word in schema["enum"] for chinese in VALUES.get(word, ()))]
    if "properties" in schema:
        properties = {key: _in_both_languages(part) for key, part in schema["properties"].items()}
        found["properties"] = properties | {KEYS[key]: part for key, part in properties.items() if key in KEYS}
    needed = [
        {"anyOf": [{"required": [key]}, {"required": [KEYS.get(key, key)]}]} for key in schema.get("required", ())
    ]
    if len(needed) == 1 and "anyOf" not in found:
        found |= needed[0]
    elif needed:
        found["allOf"] = [*found.get("allOf", ()), *needed]
    return found


def _conditions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, model in CONDITIONS.items():
        about = " ".join((model.__doc__ or "").split())
        if kind in model.model_fields:
            beside = _object(model)["properties"]
            found |= {**beside, kind: {**beside[kind], "description": about}}
        elif issubclass(model, Several):
            found[kind] = {**_CONDITIONS, "description": about}
        else:
            found[kind] = _object(model)
    return found


def _object(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a condition's parameters."""
    properties: dict[str, Any] = {}
    required = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        part = (
            dict(field.json_schema_extra) if isinstance(field.json_schema_extra, dict) else _written(field.annotation)
        )
        if field.description:
            part = {**part, "description": field.description}
        if field.is_required():
            required.append(key)
        properties[key] = part
    about = " ".join((model.__doc__ or "").split())
    found: dict[str, Any] = {
        "type": "object", "description": about, "properties": properties, "additionalProperties": False,
    }  # fmt: skip
    if required:
        found["required"] = required
    return found


def _written(annotation: Any) -> dict[str, Any]:
    for kind, part in _WRITTEN.items():
        if mentions(annotation, kind):
            return part
    schema: dict[str, Any] = TypeAdapter(annotation or Any).json_schema()
    return schema
