"""Rulebooks in Chinese words, put into the English ones that everything else knows; each part keeps its line, and the
key that its author wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from pipeline.judging.chinese_keys import ENGLISH_KEYS, ENGLISH_VALUES, SAYING, full_width_colon
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.base import Node, mentions
from pipeline.judging.conditions.logic import Several
from pipeline.judging.faults import Faults, known_keys, model_in
from pipeline.judging.for_each import FOR_EACH
from pipeline.judging.yaml_lines import Place, Source
from pipeline.messages import Message

LIST_KEYS = ("title", "phrases", "except")
_GATES = ("applies", "require", "forbid", "when")
"""Where a condition stands that models only know as a value."""


def in_english(source: Source, faults: Faults, model: type[BaseModel] | None, named: bool = False) -> Source:
    """A file in English words. `model` is what it holds; `named`: under names of the author's own. Without a model
    these are phrase lists."""
    return _Translator(source, faults).translated(model, named)


class _Translator:
    def __init__(self, source: Source, faults: Faults) -> None:
        self._source, self._faults = source, faults
        self._lines: dict[Place, int] = {}
        self._written: dict[Place, str] = {}

    def translated(self, model: type[BaseModel] | None, named: bool) -> Source:
        value = self._source.value
        found = self._named(value, model, (), ()) if named or model is None else self._model(value, model, (), ())
        return Source(self._source.file, found, self._lines, self._written)

    def _named(self, value: Any, model: type[BaseModel] | None, old: Place, new: Place) -> Any:
        """A mapping whose keys are the author's."""
        if not isinstance(value, dict):
            return self._plain(value, old, new)
        self._at(old, new)
        found = {}
        for name, item in value.items():
            places = (*old, str(name)), (*new, str(name))
            if model is not None:
                found[name] = self._model(item, model, *places)
            elif isinstance(item, dict):
                found[name] = self._keys(item, LIST_KEYS, *places)
            else:
                found[name] = self._plain(item, *places)
        return found

    def _keys(self, value: dict[Any, Any], known: tuple[str, ...], old: Place, new: Place) -> dict[Any, Any]:
        """A mapping of known keys to plain values."""
        self._at(old, new)
        return {
            key: self._plain(item, (*old, str(written)), (*new, str(key)))
            for written, key, item in self._known(value, known, old, new)
        }

    def _known(
        self, value: dict[Any, Any], known: tuple[str, ...], old: Place, new: Place
    ) -> Iterator[tuple[Any, Any, Any]]:
        """Keys as written and in English, with their values; one that is not known stays as it is."""
        seen: set[Any] = set()
        for written, item in value.items():
            key = ENGLISH_KEYS.get(str(written))
            if key is None or key not in known:
                key = written
            self._check_colon(written, (*old, str(written)))
            if key in seen:
                message = Message("the key {name} is given twice; keep one", name=written)
                self._faults.add(self._source.file, self._source.line((*old, str(written))), message)
                continue
            seen.add(key)
            if key != written:
                self._written[(*new, str(key))] = str(written)
            yield written, key, item

    def _check_colon(self, text: Any, place: Place) -> None:
        if isinstance(text, str) and (key := full_width_colon(text)):
            message = Message("a full-width colon stands behind {key}; write `{key}: ` with a half-width one", key=key)
            self._faults.add(self._source.file, self._source.line(place), message)

    def _at(self, old: Place, new: Place) -> None:
        self._lines[new] = self._source.line(old)

    def _plain(self, value: Any, old: Place, new: Place) -> Any:
        """What holds no keys of ours, with its lines."""
        self._at(old, new)
        items: Any = ()
        if isinstance(value, dict):
            items = ((str(key), item) for key, item in value.items())
        elif isinstance(value, list):
            items = enumerate(value)
        for key, item in items:
            self._plain(item, (*old, key), (*new, key))
        return value

    def _model(self, value: Any, model: type[BaseModel], old: Place, new: Place) -> Any:
        if not isinstance(value, dict):
            return self._plain(value, old, new)
        self._at(old, new)
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        found = {}
        for written, key, item in self._known(value, tuple(known_keys(model)), old, new):
            places = (*old, str(written)), (*new, str(key))
            if key not in fields:
                found[key] = self._plain(item, *places)
            elif key in _GATES and fields[key].annotation is Any:
                found[key] = self._condition(item, *places)
            else:
                found[key] = self._typed(item, fields[key].annotation, key, *places)
        return found

    def _typed(self, value: Any, annotation: Any, key: str, old: Place, new: Place) -> Any:
        """A value of a field, by what the field takes."""
        if mentions(annotation, Node) and isinstance(value, dict | list):
            return self._condition(value, old, new)
        if isinstance(value, list):
            self._at(old, new)
            pairs = enumerate(value)
            return [self._typed(item, annotation, key, (*old, at), (*new, at)) for at, item in pairs]
        inner = model_in(annotation)
        if isinstance(value, dict) and inner is not None:
            by_name = any(get_origin(part) is dict for part in (annotation, *get_args(annotation)))
            return self._named(value, inner, old, new) if by_name else self._model(value, inner, old, new)
        if isinstance(value, str):
            return self._fixed(value, annotation, key, old, new)
        return self._plain(value, old, new)

    def _fixed(self, value: str, annotation: Any, key: str, old: Place, new: Place) -> Any:
        self._at(old, new)
        english = ENGLISH_VALUES.get(value)
        if english in ("true", "false") and mentions(annotation, bool):
            return english == "true"
        if english is not None and (english in set(_literals(annotation)) or (key == "entity" and english.isupper())):
            return english
        return value

    def _condition(self, value: Any, old: Place, new: Place) -> Any:
        """A condition, or a list of them."""
        if isinstance(value, list):
            self._at(old, new)
            return [self._condition(item, (*old, at), (*new, at)) for at, item in enumerate(value)]
        if not isinstance(value, dict):
            self._check_colon(value, old)
            return self._plain(value, old, new)
        self._at(old, new)
        kinds = [ENGLISH_KEYS.get(str(key), key) for key in value]
        kind = next((key for key in kinds if key in CONDITIONS), None)
        beside = tuple(known_keys(CONDITIONS[kind])) if kind and kind in CONDITIONS[kind].model_fields else ()
        found: dict[Any, Any] = {}
        for written, key, item in self._known(value, ("as", FOR_EACH, *CONDITIONS, *beside), old, new):
            places = (*old, str(written)), (*new, str(key))
            if written in SAYING:
                found["said"] = self._said(item, SAYING[written], places[0], (*new, "said"))
                self._written[(*new, "said")] = written
            elif key in beside and kind is not None:
                found[key] = self._beside(item, kind, key, *places)
            elif key in CONDITIONS:
                found[key] = self._parameters(item, CONDITIONS[key], *places)
            else:
                found[key] = self._plain(item, *places)
        return found

    def _beside(self, item: Any, kind: str, key: str, old: Place, new: Place) -> Any:
        fields = CONDITIONS[kind].model_fields
        field = next(each for name, each in fields.items() if (each.alias or name) == key)
        return self._typed(item, field.annotation, key, old, new)

    def _parameters(self, item: Any, model: type[BaseModel], old: Place, new: Place) -> Any:
        return self._condition(item, old, new) if issubclass(model, Several) else self._model(item, model, old, new)

    def _said(self, item: Any, by: str, old: Place, new: Place) -> dict[str, Any]:
        self._lines[(*new, "by")] = self._source.line(old)
        if isinstance(item, dict):
            return {"by": by, **self._model(item, CONDITIONS["said"], old, new)}
        return {"by": by, "any": self._plain(item, old, (*new, "any"))}


def _literals(annotation: Any) -> Iterator[str]:
    """The fixed words that a field takes."""
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    for part in get_args(annotation):
        if not isinstance(part, str):
            yield from _literals(part)
