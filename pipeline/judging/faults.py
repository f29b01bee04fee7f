"""What is wrong with a rulebook, in a rule author's words: faults are gathered, so that all are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails, PydanticCustomError

from pipeline.errors import BadRule, RuleFault, shown
from pipeline.judging.chinese_keys import KEYS, VALUES
from pipeline.messages import Message
from pipeline.validation import did_you_mean

TOLD_ELSEWHERE = "told_elsewhere"
"""The kind of an error whose cause is a fault already told."""


MOST_FAULTS = 200
"""After so many nothing more is looked for."""


class Faults:
    """The faults found so far, in the order in which they were."""

    def __init__(self) -> None:
        self.found: list[RuleFault] = []

    def add(self, file: Path, line: int | None, message: str) -> None:
        """Note a fault, if it is not known. Raises BadRule when there are too many to go on."""
        fault = RuleFault(shown(file), line, message)
        if any(str(fault) == str(known) for known in self.found):
            return
        self.found.append(fault)
        if len(self.found) == MOST_FAULTS:
            raise BadRule(self.found)

    @contextmanager
    def of(self, file: Path, line: int | None = None) -> Iterator[None]:
        """Whatever goes wrong within, and nobody foresaw, is a fault of this file."""
        try:
            yield
        except BadRule:
            raise
        except Exception as error:
            message = Message("cannot be read ({error}); write it more simply", error=type(error).__name__)
            self.add(file, line, message)


def told_elsewhere() -> PydanticCustomError:
    """What a validator raises where something cannot be made because of a fault already told."""
    return PydanticCustomError(TOLD_ELSEWHERE, "told elsewhere")


def listing(names: Iterable[str]) -> str:
    """Names for a message, "none" when there are none."""
    return ", ".join(names) or Message("none")


def in_own_words(error: ErrorDetails, model: type[BaseModel], written: Sequence[str | int]) -> str:
    """One pydantic error in a rule author's words; `written` is its place as the author wrote the keys."""
    kind, where = error["type"], ".".join(map(str, written))
    name = str(written[-1]) if written else ""
    chinese = not name.isascii()
    if kind == "extra_forbidden":
        known = fields_at(model, error["loc"][:-1])
        if chinese:
            known = [KEYS.get(key, key) for key in known]
        hint = did_you_mean(name, known) or Message("; known: {known}", known=", ".join(known))
        return Message("unknown key {name}{hint}", name=name, hint=hint)
    if kind == "missing":
        return Message("{where} is missing", where=where)
    what = _what(error, chinese)
    return Message("{where}: {what}", where=where, what=what) if where else what


def _what(error: ErrorDetails, chinese: bool) -> str:
    """What is wrong with a value, without where it stands; `chinese`: its key is a Chinese word."""
    bounds: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            cause = bounds["error"].args[0]
            return cause if isinstance(cause, Message) else str(cause)
        case "literal_error":
            words = re.findall(r"'([^']*)'", str(bounds["expected"]))
            *others, last = [VALUES[word][0] if chinese and word in VALUES else word for word in words]
            return Message("choose {others} or {last}", others=", ".join(others), last=last) if others else last
        case "greater_than":
            return Message("must be more than {bound:g}", bound=bounds["gt"])
        case "greater_than_equal":
            return Message("must be at least {bound:g}", bound=bounds["ge"])
        case "less_than":
            return Message("must be less than {bound:g}", bound=bounds["lt"])
        case "less_than_equal":
            return Message("must be at most {bound:g}", bound=bounds["le"])
        case "too_short":
            return _too_few(str(error["loc"][-1]) if error["loc"] else "")
        case "string_pattern_mismatch":
            return Message("lower-case letters, digits and single dashes only, such as hold-notice")
        case "int_type" | "int_parsing" | "int_from_float":
            return Message("a whole number is needed here")
        case "float_type" | "float_parsing":
            return Message("a number is needed here")
        case "bool_type" | "bool_parsing":
            return Message("true or false is needed here")
        case "string_type":
            return Message("text is needed here")
        case "list_type" | "tuple_type":
            return Message("a list is needed here")
        case "dict_type" | "model_type" | "mapping_type":
            return Message("`key: value` lines are needed here")
        case _:
            return Message("does not fit here ({detail})", detail=error["msg"])


def _too_few(name: str) -> str:
    if name == "cases":
        return Message("a rule needs at least one case")
    if name == "dimensions":
        return Message("a rulebook needs at least one dimension")
    return Message("at least one is needed")


def fields_at(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """The keys that are known at a place within a model."""
    current: type[BaseModel] | None = model
    for part in place:
        if current is None:
            return []
        field = current.model_fields.get(str(part)) or next(
            (f for f in current.model_fields.values() if f.alias == part), None
        )
        current = model_in(field.annotation) if field else current if isinstance(part, int) else None
    return known_keys(current) if current else []


def known_keys(model: type[BaseModel]) -> list[str]:
    """The keys of a model, as they are written."""
    return [field.alias or key for key, field in model.model_fields.items() if not field.exclude]


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = model_in(inner)
        if found:
            return found
    return None
