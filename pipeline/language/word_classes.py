"""Classes of words that stand in templates by their names: days, times, places, surnames. As data, in templates' own
notation; those that are only for others, such as `<month>`, are among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pipeline.language.data import read_table, read_words
from pipeline.messages import Message

CLASSES: dict[str, Message] = {
    "day": Message("a day"),
    "time": Message("a time of day"),
    "place": Message("a place"),
    "surname": Message("a surname"),
}
"""By their names, what they are called."""

MOST_IN_A_LINE = 60
"""Surnames: a template is not endless."""


@dataclass(frozen=True)
class _ClassTexts:
    """`LANGUAGE/word_classes.yaml`."""

    day: str
    time: str
    place: str
    lists: dict[str, str]


@cache
def word_class(name: str, language: str) -> str:
    """The templates of a class, one a line, with the lists in them by their names. Raises KeyError."""
    if name == "surname":
        names = read_words(language, "surnames")
        rows = (names[at : at + MOST_IN_A_LINE] for at in range(0, len(names), MOST_IN_A_LINE))
        return "\n".join(f"({'|'.join(row)})" for row in rows)
    if name not in CLASSES:
        raise KeyError(name)
    table = read_table(language, "word_classes", _ClassTexts)
    text: str = getattr(table, name)
    for inner, words in table.lists.items():
        text = text.replace(f"<{inner}>", words)
    return text.strip()
