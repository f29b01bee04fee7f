"""What people read, in English and Chinese, from one catalogue.

Code writes messages in English. `zh/*.yaml` holds the Chinese of each, keyed by the English; a test sees to it that
none is missing, that none is left over, and that both have the same values in braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Literal

from pipeline.numbers import mask_numbers

Language = Literal["zh", "en"]

STEERING = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters: they end lines and command terminals
    "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # seen by nobody
    "\u2028-\u202e"  # ends of lines, and directions of writing
    "\ud800-\udfff"  # bytes that were no text
    "]"
    # joiners belong between letters of other scripts and between parts of an emoji
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
"""A character that is not shown but changes what is: it must reach no terminal and no page."""


def shown_text(text: str) -> str:
    """A text fit for a terminal, a page or a record: one line, valid UTF-8, whatever steers them escaped."""
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shown_lines(text: str) -> str:
    """As `shown_text`, of a text whose lines stay lines."""
    return "\n".join(map(shown_text, text.split("\n")))


def shown_json(text: str) -> str:
    """JSON fit for a terminal, that reads back the same: what steers is written as JSON's own escapes."""
    return STEERING.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}


class Message(str):
    """A text for people: as a string it is English, `in_language` gives either. `{name}` in it stands for a value.

    Values that are messages themselves are given in the same language, others as `shown_text` has them; telephone
    numbers in paths are masked. Without values, braces mean nothing.
    """

    # there are as many as rows of metadata, so that each is small: messages of one kind share the names of their values
    __slots__ = ("_given", "_names", "template")

    template: str
    _names: tuple[str, ...]
    _given: tuple[object, ...]

    def __new__(cls, template: str, **values: object) -> Message:
        for name, value in values.items():
            if isinstance(value, PurePath):
                values[name] = mask_numbers(str(value))
        message = super().__new__(cls, shown_text(template.format(**values)) if values else template)
        names = tuple(values)
        message.template, message._names = template, _NAMES.setdefault(names, names)
        message._given = tuple(values.values())
        return message

    @property
    def values(self) -> Mapping[str, object]:
        """What stands in the text, by name."""
        return dict(zip(self._names, self._given, strict=True))

    def in_language(self, language: str) -> str:
        """The text in Chinese ("zh") or English (anything else)."""
        if language != "zh":
            return str(self)
        template = catalogue().get(self.template, self.template)
        if not self.values:
            return template
        values = {name: in_language(value, language) for name, value in self.values.items()}
        return shown_text(template.format(**values))


def in_language(value: object, language: str) -> object:
    """A message in a language; anything else as it is."""
    return value.in_language(language) if isinstance(value, Message) else value


@cache
def catalogue() -> Mapping[str, str]:
    """The Chinese of every message, by its English."""
    import yaml  # only those who read Chinese need it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where it was built: eight times as fast
    found: dict[str, str] = {}
    for file in sorted(Path(__file__).with_name("zh").glob("*.yaml")):
        found |= yaml.load(file.read_text(encoding="utf-8"), loader) or {}
    return found
