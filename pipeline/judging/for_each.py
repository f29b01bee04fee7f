"""`for_each`: an entry of a list that is written once and stands for several, which differ in a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.judging.chinese_keys import KEYS
from pipeline.judging.faults import Faults
from pipeline.judging.yaml_lines import MOST_VALUES, Place, Source
from pipeline.messages import Message

FOR_EACH = "for_each"
"""Beside a condition: the names of words and what stands for each of them, `{what: [order, booking]}`; in the condition
they stand as `<what>`. Several names go side by side: the first of each, then the second."""

_Row = Mapping[str, str]


def written_out(source: Source, faults: Faults) -> Source | None:
    """A file with every `for_each` written out; each part keeps its line. None where that is too much."""
    return _Writer(source, faults).written() if _repeats(source.value) else source


def _repeats(value: Any) -> bool:
    if isinstance(value, dict):
        return _key(value) is not None or any(map(_repeats, value.values()))
    return isinstance(value, list) and any(map(_repeats, value))


def _key(value: Any) -> str | None:
    """The key of a repetition, where a value has one."""
    names = (FOR_EACH, KEYS[FOR_EACH])
    return next((name for name in names if name in value), None) if isinstance(value, dict) else None


class _Writer:
    def __init__(self, source: Source, faults: Faults) -> None:
        self._source, self._faults = source, faults
        self._lines: dict[Place, int] = {}

    def written(self) -> Source | None:
        value = self._copy(self._source.value, (), (), {})
        if len(self._lines) > MOST_VALUES:
            self._fault((), Message("more than {count} values; split the file, repeat less", count=MOST_VALUES))
            return None
        return Source(self._source.file, value, self._lines)

    def _fault(self, place: Place, message: str) -> None:
        self._faults.add(self._source.file, self._source.line(place), message)

    def _copy(self, value: Any, old: Place, new: Place, words: _Row) -> Any:
        """A value with its words put in; `old` and `new` are its places, as it is written and written out."""
        self._lines[new] = self._source.line(old)
        if len(self._lines) > MOST_VALUES:
            return None
        if isinstance(value, dict):
            if each := _key(value):
                message = Message("{each} repeats an entry of a list; write it beside one, such as of any", each=each)
                self._fault((*old, each), message)
            return {
                key: self._copy(item, (*old, str(key)), (*new, str(key)), words)
                for key, item in value.items()
                if key != each
            }
        if isinstance(value, list):
            copied: list[Any] = []
            for index, item in enumerate(value):
                rows: Iterator[_Row] = iter([words])
                entry = item
                if each := _key(item):
                    entry = {key: part for key, part in item.items() if key != each}
                    rows = self._rows(item[each], (*old, index, each), words)
                for row in rows:
                    copied.append(self._copy(entry, (*old, index), (*new, len(copied)), row))
            return copied
        return _filled(value, words)

    def _rows(self, told: Any, place: Place, words: _Row) -> Iterator[_Row]:
        """The words of each repetition, those of outer ones among them."""
        if not (
            isinstance(told, dict)
            and told
            and all(isinstance(listed, list) and listed for listed in told.values())
            and all(isinstance(word, str | int | float) for listed in told.values() for word in listed)
        ):
            self._fault(
                place, Message("{each} takes words in a list, such as {{what: [order, booking]}}", each=place[-1])
            )
            return
        if len({len(listed) for listed in told.values()}) > 1:
            message = Message(
                "{each} has lists of different lengths; give each name equally many words", each=place[-1]
            )
            self._fault(place, message)
            return
        for row in zip(*told.values(), strict=True):
            yield {**words, **{str(name): str(_filled(word, words)) for name, word in zip(told, row, strict=True)}}


def _filled(value: Any, words: _Row) -> Any:
    if not words or not isinstance(value, str):
        return value
    return re.sub(r"<([^<>]+)>", lambda found: words.get(found[1], found[0]), value)
