"""What the entity finders of both languages are made of: stretches of tokens and token shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.judging.lexicon import Places
from pipeline.judging.token_index import TokenIndex
from pipeline.language import phonetics

TokenShape = Mapping[str, object]
"""What a token must be, and how often it may stand: spaCy's patterns, as its Matcher takes them."""

Shapes = Mapping[str, Sequence[Sequence[TokenShape]]]
"""By label, its shapes."""


class KnownNames(Protocol):
    """What is known of names in a call beyond the stretch that is looked at."""

    @property
    def companies(self) -> tuple[str, ...]:
        """What the call's company is called."""

    @property
    def told_by_customer(self) -> frozenset[str]:
        """The names that the customer told, word by word."""


class Finder(Protocol):
    """Finds the entities of one label between two tokens, in no order."""

    def __call__(self, index: TokenIndex, start: int, end: int, known: KnownNames) -> Places: ...


@dataclass(frozen=True)
class Finders:
    """How the entities of one language are found: names by finders, the rest by their shape; a label may have both."""

    by_label: Mapping[str, Finder]
    shapes: Shapes


def by_pattern(pattern: re.Pattern[str], index: TokenIndex, start: int, end: int) -> Places:
    """Matches on the plain text, whose characters are the tokens; none reaches over a sentence's end."""
    return [
        (match.start(), match.end(), 0.0)
        for match in pattern.finditer(index.plain, start, end)
        if match.end() > match.start() and index.same_sentence(match.start(), match.end())
    ]


def digits(least: int, most: int) -> TokenShape:
    return {"IS_DIGIT": True, "OP": f"{{{least},{most}}}"}


def one_of(words: Iterable[str], times: str = "1") -> TokenShape:
    """Any of some words; `times` is spaCy's operator: once, "?" (once or not) or "*" (any number of times)."""
    shape: dict[str, object] = {"ORTH": {"IN": sorted(words)}}
    return shape if times == "1" else {**shape, "OP": times}


def sounding(word: str) -> list[TokenShape]:
    """The tokens of a Chinese word, as they sound."""
    return [{"NORM": phonetics.fold(token)} for token in word]


def asks_for_digits(shape: Sequence[TokenShape]) -> bool:
    return any(token.get("IS_DIGIT") is True and token.get("OP") not in ("*", "?") for token in shape)
