"""Documents of objects within objects, as web interfaces give them: where their rows of calls are, and their fields."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.intake.vocabulary import agent_field_of_column, field_of_column

_DEEPEST_LIST = 6
_DEEPEST_FIELD = 4
_DEEPEST_XML = 16
_LOOKED_AT = 5
_DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")


def rows_within(whole: Any) -> list[Any]:
    """The rows of a document: the whole as one, or the list in it whose objects have the most fields that are known.

    Of two that have as many the outer one counts, so that a call with a list of its legs is one row.
    """
    if not isinstance(whole, dict):
        return whole if isinstance(whole, list) else [whole]
    lists = [part for part in whole.values() if isinstance(part, list)]
    candidates: list[list[Any]] = [[whole], *_lists(whole)]
    best = max(candidates, key=_known_fields)
    if _known_fields(best):
        return best
    # nothing is known: a list is what a table would be
    return next((part for part in lists if all(isinstance(row, dict) for row in part)), [whole])


def flattened(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the known fields of the objects in it beside its own, under "from.name"; an object or a
    list that is called like a field is none, but for a channel map: a list does not say which of several it was.
    A list of one text or number is that.
    """
    if not any(isinstance(cell, dict | list) for cell in row.values()):
        return row
    found: dict[str, Any] = {}
    for name, cell in row.items():
        field = field_of_column(name)
        if isinstance(cell, list) and len(cell) == 1 and isinstance(cell[0], str | int | float):
            found[name] = cell[0]
        elif not isinstance(cell, dict | list) or field in (None, "channel_map"):
            found[name] = cell
    for name, cell in _fields_within(row, ""):
        found.setdefault(name, cell)
    return found


def xml_document(text: str) -> Any:
    """An XML document as JSON would have it: names without their namespaces, attributes and children alike, what is
    repeated in a list. Raises ValueError for one that is none, or that declares entities.
    """
    if any(declaration in text for declaration in _DECLARATIONS):
        raise ValueError("declares entities")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff \t\r\n"))
    except ElementTree.ParseError as error:
        raise ValueError("no XML") from error
    value = _value(root, _DEEPEST_XML)
    return value if isinstance(value, dict) else {}


def _value(element: ElementTree.Element, levels: int) -> Any:
    text = (element.text or "").strip()
    if not levels or not (len(element) or element.attrib):
        return text
    found: dict[str, list[Any]] = {}
    for name, value in element.attrib.items():
        found.setdefault(_local(name), []).append(value)
    for child in element:
        found.setdefault(_local(child.tag), []).append(_value(child, levels - 1))
    if text:
        found.setdefault("", []).append(text)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _local(name: Any) -> str:
    return str(name).rpartition("}")[2]


def _lists(whole: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Every list of objects, the outer ones first; and every object that lies within mere envelopes, as a list of one.

    What says more of a call than its id is no envelope: what it holds is about that call, or about something else.
    """
    waiting: deque[tuple[Any, int, bool]] = deque([(whole, 0, True)])
    while waiting:
        part, depth, is_wrapped = waiting.popleft()
        if isinstance(part, list) and part and all(isinstance(row, dict) for row in part):
            yield part
        elif isinstance(part, dict):
            if is_wrapped and depth:
                yield [part]
            if depth < _DEEPEST_LIST:
                is_envelope = is_wrapped and set(filter(None, map(field_of_column, part))) <= {"call_id"}
                waiting.extend((inner, depth + 1, is_envelope) for inner in part.values())


def _known_fields(rows: list[Any]) -> int:
    names = {name for row in rows[:_LOOKED_AT] if isinstance(row, dict) for name in flattened(row)}
    return max(
        len({field for name in names if (field := field_of(name))})
        for field_of in (field_of_column, agent_field_of_column)
    )


def _fields_within(row: Mapping[str, Any], prefix: str, depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, cell in row.items():
        whole = f"{prefix}{name}"
        if isinstance(cell, dict):
            if depth < _DEEPEST_FIELD:
                yield from _fields_within(cell, f"{whole}.", depth + 1)
        elif prefix and not isinstance(cell, list) and field_of_column(whole):
            yield whole, cell
