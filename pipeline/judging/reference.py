"""The reference of conditions, made from their classes: docstrings and descriptions of fields, in either language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.judging.chinese_keys import KEYS, SAYING, VALUES
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.base import Node, mentions
from pipeline.judging.conditions.logic import Several
from pipeline.judging.conditions.windows import Around, Range, Reach, Window
from pipeline.judging.phrases import Pattern, Phrases
from pipeline.messages import Message, catalogue

_KINDS: tuple[tuple[type, Message], ...] = (
    (Phrases, Message("phrases")),
    (Pattern, Message("pattern")),
    (Node, Message("condition")),
    (Window, Message("window")),
    (Around, Message("near an anchor")),
    (Range, Message("range")),
    (Reach, Message("distance")),
)


def reference(language: str) -> str:
    """All conditions in Markdown."""
    parts = [
        f"# {Message('Conditions').in_language(language)}",
        Message(
            "Made by `callqa rules conditions` from the code; how rules are written is told in rules/README.md."
        ).in_language(language),
    ]
    for kind, model in CONDITIONS.items():
        parts.append(_section(f"`{kind}`", model, language, kind))
    parts.append(f"## {Message('Where to look').in_language(language)}")
    parts.append(_section("`in`", Window, language, ""))
    parts.append(_section("`around`", Around, language, ""))
    parts.append(_chinese_words(language))
    return "\n\n".join(parts) + "\n"


def _chinese_words(language: str) -> str:
    """The table of keys and fixed values in both languages."""
    lines = [f"## {Message('Chinese words').in_language(language)}", ""]
    lines.append(Message("Keys and fixed values, which may be written in either language:").in_language(language))
    lines += ["", "| English | 中文 |", "|---|---|"]
    words = {key: (chinese,) for key, chinese in KEYS.items()}
    rows = [*words.items(), *((f"said: {{by: {by}}}", (word,)) for word, by in SAYING.items()), *VALUES.items()]
    lines += [f"| `{english}` | {'、'.join(f'`{word}`' for word in chinese)} |" for english, chinese in rows]
    return "\n".join(lines)


def documented() -> Iterator[str]:
    """Every text of the reference that stands in a class, in English."""
    models: tuple[type[BaseModel], ...] = (*CONDITIONS.values(), Window, Around)
    for model in models:
        yield _about(model)
        for field in model.model_fields.values():
            if field.description:
                yield field.description


def _section(title: str, model: type[BaseModel], language: str, kind: str) -> str:
    lines = [f"## {title}", "", _told(_about(model), language)]
    fields = {} if issubclass(model, Several) else model.model_fields
    if fields:
        head = (Message("parameter"), Message("value"), Message("default"), Message("meaning"))
        lines += ["", "| " + " | ".join(cell.in_language(language) for cell in head) + " |", "|---|---|---|---|"]
        lines += [_row(field.alias or name, field, language) for name, field in fields.items()]
    elif kind:
        lines += ["", Message("Written as a list of conditions.").in_language(language)]
    return "\n".join(lines)


def _row(name: str, field: FieldInfo, language: str) -> str:
    cells = (
        f"`{name}`",
        Message("text").in_language(language) if field.json_schema_extra else _value(field.annotation, language),
        _default(field, language),
        _told(field.description or "", language),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(annotation: Any, language: str) -> str:
    for kind, name in _KINDS:
        if mentions(annotation, kind):
            return name.in_language(language)
    words = [f"`{word}`" for word in _words(annotation)]
    for kind, name in ((float, Message("number")), (int, Message("whole number")), (str, Message("text"))):
        if mentions(annotation, kind) and not (kind is int and mentions(annotation, float)):
            words.append(name.in_language(language))
    if mentions(annotation, bool):
        words.append("`true`, `false`")
    return (", " if language == "en" else "、").join(words)


def _words(annotation: Any) -> Iterator[str]:
    """The words that an annotation allows."""
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _words(part)


def _default(field: FieldInfo, language: str) -> str:
    if field.is_required():
        return Message("must be given").in_language(language)
    if field.default is None:
        return ""
    if isinstance(field.default, list):
        return ", ".join(map(str, field.default))
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _told(english: str, language: str) -> str:
    return catalogue().get(english, english) if language == "zh" else english
