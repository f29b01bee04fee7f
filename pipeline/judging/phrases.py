"""Phrase lists and patterns, as rule authors write them and as they are looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Annotated, Any

import re2
from pydantic import BeforeValidator, ValidationInfo

from pipeline.judging.lexicon import BY_SOUND, phrase_parts
from pipeline.language.normalise import tokenise
from pipeline.messages import Message
from pipeline.validation import did_you_mean

TITLES_TOLD = 4
"""A list put together from more parts than these is called by the first ones."""

ListKey = tuple[tuple[str, ...], tuple[str, ...]]
"""What a list looks for: its phrases, and its patterns as text."""


@dataclass(frozen=True)
class Pattern:
    """A compiled RE2 pattern over normalised text. Equal sources are equal patterns."""

    source: str
    regex: Any = field(compare=False, repr=False)


@dataclass(frozen=True)
class Phrases:
    """A list of phrases and RE2 patterns (written /…/), lists named by $name put in.

    Lists of a rulebook that look for the same share a `number`; one below 0 is in no rulebook.
    """

    phrases: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    title: str
    lists: tuple[str, ...]
    language: str = "zh"
    number: int = field(default=-1, compare=False)

    @property
    def key(self) -> ListKey:
        return self.phrases, tuple(pattern.source for pattern in self.patterns)

    @property
    def items(self) -> Iterator[str | Pattern]:
        """Phrases, then patterns: an item's place here is its number in the list."""
        yield from self.phrases
        yield from self.patterns

    @cached_property
    def tokens(self) -> tuple[tuple[str, ...], ...]:
        """The phrases as tokens, the longest first; an ellipsis ends a phrase here."""
        return tuple(sorted((phrase_parts(p, self.language)[0] for p in self.phrases), key=len, reverse=True))


class Budget:
    """How much the patterns and lists of a rulebook may come to: some ten times what the rulebooks at hand have.

    A few characters can ask for a pattern of megabytes, and every condition may name every list.
    """

    def __init__(self) -> None:
        self._instructions = 4_000_000
        self._phrases = 1_000_000
        self._counted: set[str] = set()

    def check(self) -> None:
        """Raises ValueError when it is used up."""
        if self._instructions < 0 or self._phrases < 0:
            raise ValueError(Message("the rulebook's lists and patterns are too many or too long; write fewer"))

    def take_pattern(self, pattern: Pattern) -> None:
        if pattern.source not in self._counted:
            self._counted.add(pattern.source)
            self._instructions -= pattern.regex.programsize

    def take_refused(self) -> None:
        """For a pattern that was too large: it took as long as many small ones."""
        self._instructions -= 400_000

    def take_phrases(self, count: int) -> None:
        self._phrases -= count
        self.check()


@dataclass(frozen=True)
class Lists:
    """What there is to know for reading phrases: the language, the named lists, and the numbers already given."""

    language: str = "zh"
    named: Mapping[str, Phrases] = field(default_factory=dict)
    broken: bool = False
    """Whether a file of lists could not be read: then no list is missed."""
    numbers: dict[ListKey, int] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)


class PatternTooLarge(ValueError):
    """A pattern that compiles to more than it may."""


@cache
def compile_pattern(text: str, language: str) -> Pattern:
    """An RE2 pattern over normalised text. Raises ValueError when it is refused, or matches nothing at all."""
    # ^ and $ are a sentence's beginning and end
    source = "(?m)" + normal_pattern(text, language)
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 16 << 20
    try:
        regex = re2.compile(source, options=options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        detail = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        if "too large" in detail:
            raise PatternTooLarge(Message("the pattern is too large; repeat less in it")) from None
        raise ValueError(
            Message(
                "the pattern is refused ({detail}); look-around and back-references do not exist here", detail=detail
            )
        ) from None
    if regex.fullmatch("") is not None:
        raise ValueError(
            Message("the pattern matches empty text, so it would match everywhere; make some part of it required")
        )
    return Pattern(source, regex)


def read_pattern(text: str, lists: Lists) -> Pattern:
    """A pattern of a rulebook, compiled. Raises ValueError as `compile_pattern` does, and when there are too many."""
    lists.budget.check()
    try:
        pattern = compile_pattern(text, lists.language)
    except PatternTooLarge:
        lists.budget.take_refused()
        raise
    lists.budget.take_pattern(pattern)
    return pattern


def normal_pattern(text: str, language: str) -> str:
    """A pattern as the normaliser writes text: simplified, lower case (but not \\S), spoken digits as digits."""
    pieces = re.split(r"(\\[pP]\{\w+\}|\\.)", text)
    out = []
    for piece in pieces:
        if piece.startswith("\\"):
            out.append(piece)
        elif language == "zh":
            out.append("".join(_normal_character(c) for c in piece))
        else:
            out.append(piece.lower())
    return "".join(out)


@cache
def _normal_character(character: str) -> str:
    if character.isascii():
        return character.lower()
    words = tokenise(character, "zh").words
    return words[0] if words else character


def _pattern(value: Any, info: ValidationInfo) -> Pattern | None:
    if value is None or isinstance(value, Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError(Message("a pattern is text"))
    return read_pattern(value, _lists(info))


def _lists(info: ValidationInfo) -> Lists:
    return info.context if isinstance(info.context, Lists) else Lists()


def _phrases(value: Any, info: ValidationInfo) -> Phrases | None:
    return value if value is None or isinstance(value, Phrases) else read_phrases(value, _lists(info))


def read_phrases(value: object, lists: Lists) -> Phrases:
    """A phrase, a list of phrases, patterns and named lists, as written. Raises ValueError."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items or not all(isinstance(item, str | int | float) for item in items):
        raise ValueError(Message("a phrase, a list of phrases, or a named list such as $greeting is needed here"))
    phrases: list[str] = []
    patterns: list[Pattern] = []
    names: list[str] = []
    titles: list[str] = []
    for item in map(str, items):
        if item.startswith("$"):
            if item[1:] not in lists.named and lists.broken:
                continue  # the file of lists could not be read; that is the fault to mend
            named = _named(item[1:], lists)
            lists.budget.take_phrases(len(named.phrases) + len(named.patterns) + len(named.lists))
            phrases += named.phrases
            patterns += named.patterns
            names += [item[1:], *named.lists]
            titles.append(named.title)
        elif len(item) > 2 and item.startswith("/") and item.endswith("/"):
            patterns.append(read_pattern(item[1:-1], lists))  # no title: agents read reasons
        else:
            if not tokenise(item, lists.language).words:
                raise ValueError(Message("the phrase {item} has no word in it", item=repr(item)))
            phrases.append(item)
            titles.append(item.lstrip(BY_SOUND))
    title = ("、" if lists.language == "zh" else ", ").join(titles[:TITLES_TOLD])
    if len(titles) > TITLES_TOLD:
        title += "…"
    each_once = tuple(dict.fromkeys(phrases)), tuple(dict.fromkeys(patterns))
    found = Phrases(*each_once, title, tuple(dict.fromkeys(names)), lists.language)
    return numbered(found, lists)


def numbered(listed: Phrases, lists: Lists) -> Phrases:
    """A list with the number that all lists share which look for the same."""
    number = lists.numbers.setdefault(listed.key, len(lists.numbers))
    return Phrases(listed.phrases, listed.patterns, listed.title, listed.lists, listed.language, number)


def _named(name: str, lists: Lists) -> Phrases:
    if name not in lists.named:
        raise ValueError(
            Message(
                "no phrase list {name}{hint}; lists live in phrases.yaml",
                name=f"${name}",
                hint=did_you_mean(name, lists.named, "$"),
            )
        )
    return lists.named[name]


PhraseList = Annotated[Phrases, BeforeValidator(_phrases)]
PatternText = Annotated[Pattern, BeforeValidator(_pattern)]
