"""What pydantic finds wrong with what people wrote, in their words: key by key, both languages, with the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pipeline.messages import Message

_WANTED = {
    "int_type": Message("a whole number"),
    "int_parsing": Message("a whole number"),
    "int_from_float": Message("a whole number"),
    "float_type": Message("a number"),
    "float_parsing": Message("a number"),
    "bool_type": Message("true or false"),
    "bool_parsing": Message("true or false"),
    "string_type": Message("text in quotes"),
    "path_type": Message("a path in quotes"),
    "tuple_type": Message("a list"),
    "list_type": Message("a list"),
    "dict_type": Message("a table of names and values"),
    "model_type": Message("a table of names and values"),
    "model_address": Message("an address such as http://127.0.0.1:8080/v1, without a password"),
    "scheduler_address": Message("tls://host:port, or tcp://127.0.0.1:port"),
    "server_address": Message("s3://bucket/folder, sftp://user@host/folder or https://host/folder/"),
    "address_without_secrets": Message(
        "an address without a password or key; s3 takes them from the environment or ~/.aws, sftp from ~/.ssh or an "
        "agent, http from ~/.netrc"
    ),
    "prometheus_file": Message("a file that ends in .prom; node_exporter reads no other"),
    "web_address": Message("an address such as https://desk.example.com, without a password"),
    "web_origin": Message("an address without a path, such as https://desk.example.com"),
    "network": Message("a list of networks such as 10.0.0.5/32"),
    "header_name": Message("the name of a header that only a proxy sets, such as X-Remote-User"),
    "memory_size": Message('a size from "100MB" to "1TB"'),
}
"""Pydantic's kinds of wrong types: what is wanted instead."""


def did_you_mean(word: str, known: Iterable[str], mark: str = "") -> str:
    """ " (did you mean $x?)" when something known is spelt alike, else an empty string; `mark` stands before x."""
    from difflib import get_close_matches

    # of a Chinese word of two characters one is right at least
    close = get_close_matches(word, list(known), 1, 0.6 if word.isascii() else 0.5)
    return Message(" (did you mean {word}?)", word=mark + close[0]) if close else ""


def told(error: ValidationError, model: type[BaseModel], before: str = "") -> Message:
    """Every fault of a value that `model` refused, each after its key, with `before` before that."""
    faults: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for fault in error.errors():
        faults.setdefault(_key(fault, model), []).append(fault)
    each = [
        Message("{place}: {fault}", place=before + ".".join(key), fault=_told(key, alternatives, model))
        for key, alternatives in faults.items()
    ]
    return reduce(lambda one, other: Message("{one}; {other}", one=one, other=other), each)


def _key(fault: ErrorDetails, model: type[BaseModel]) -> tuple[str, ...]:
    """The place of a fault as it is written; the members of a union, which pydantic adds, are in no file."""
    place = tuple(str(part) for part in fault["loc"])
    field = _field(model, place[:-1])
    return place[:-1] if field is not None and _model_of(field) is None and _is_member(place[-1]) else place


def _is_member(part: str) -> bool:
    return part in ("int", "float", "str", "bool") or part.startswith("literal[")


def _told(key: tuple[str, ...], alternatives: list[ErrorDetails], model: type[BaseModel]) -> Message:
    """What is wrong with one value; several alternatives are the members of a union, any of which would do."""
    first = alternatives[0]
    kind = first["type"]
    if kind == "extra_forbidden":
        section = _field(model, key[:-1])
        known = ((_model_of(section) if section else None) or model).model_fields
        hint = did_you_mean(key[-1], known) or Message("; there are {known}", known=", ".join(known))
        return Message("no such setting{hint}", hint=hint)
    if kind.startswith(("greater_than", "less_than")):
        return _range(_field(model, key), first)
    wanted = [_wanted(fault) for fault in alternatives]
    if any(each is None for each in wanted):
        return Message("does not fit here ({kind})", kind=kind)
    both = reduce(lambda one, other: Message("{one} or {other}", one=one, other=other), wanted)
    value, choices = first["input"], _choices(first)
    return Message("must be {wanted}{hint}", wanted=both, hint=did_you_mean(str(value), choices) if choices else "")


def _wanted(fault: ErrorDetails) -> str | None:
    choices = _choices(fault)
    if len(choices) > 1:
        return Message("one of {choices}", choices=", ".join(choices))
    return choices[0] if choices else _WANTED.get(fault["type"])


def _choices(fault: ErrorDetails) -> list[str]:
    """What a value of a few choices may be."""
    if fault["type"] != "literal_error":
        return []
    return re.findall(r"'([^']*)'", str(fault.get("ctx", {})["expected"]))


def _range(field: FieldInfo | None, fault: ErrorDetails) -> Message:
    """Both bounds of a number, though pydantic tells the one that it lies beyond."""
    bounds: dict[str, Any] = {**fault.get("ctx", {})}
    for part in field.metadata if field else ():
        bounds |= {name: getattr(part, name) for name in ("gt", "ge", "lt", "le") if hasattr(part, name)}
    sides = []
    if "gt" in bounds:
        sides.append(Message("more than {bound:g}", bound=bounds["gt"]))
    if "ge" in bounds:
        sides.append(Message("at least {bound:g}", bound=bounds["ge"]))
    if "lt" in bounds:
        sides.append(Message("less than {bound:g}", bound=bounds["lt"]))
    if "le" in bounds:
        sides.append(Message("at most {bound:g}", bound=bounds["le"]))
    return Message("must be {bounds}", bounds=reduce(_and, sides))


def _and(one: Message, other: Message) -> Message:
    return Message("{one} and {other}", one=one, other=other)


def _field(model: type[BaseModel], key: tuple[str, ...]) -> FieldInfo | None:
    """The field at a key, through the models that hold it; None where there is none, as inside a table."""
    field = None
    current: type[BaseModel] | None = model
    for part in key:
        field = current.model_fields.get(part) if current else None
        current = _model_of(field) if field else None
    return field


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
