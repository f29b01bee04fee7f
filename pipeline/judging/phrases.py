"""Lists of phrases, as rule authors write them and as they are looked for: templates, other lists, and patterns."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Annotated, Any

import re2
from pydantic import BeforeValidator, ValidationInfo

from pipeline.judging.templates import (
    BY_SOUND,
    NUMBERS,
    Chain,
    Named,
    Part,
    SentenceTemplate,
    Spoken,
    Step,
    TemplateSegment,
    read_template,
    reads_plainly,
)
from pipeline.language.normalise import tokenise
from pipeline.language.word_classes import CLASSES, word_class
from pipeline.messages import Message
from pipeline.validation import did_you_mean

TITLES_TOLD = 4
"""A list put together from more parts than these is called by the first ones."""

ListKey = str
"""A hash of what a list looks for, short however many lists it names."""


@dataclass(frozen=True)
class Pattern:
    """A compiled RE2 pattern over normalised text. Equal sources are equal patterns."""

    source: str
    regex: Any = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Join:
    """What is to stand beside what was found of a chain: after it, or before it, over a gap from `least` to `most`."""

    segment: TemplateSegment
    is_after: bool
    least: int
    most: int
    without: frozenset[str]
    optional: bool


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """How a chain is looked for: from its first words that must be there to the right, then to the left.

    `spoken` and `named` are all the segments that must be there.
    """

    first: Spoken | Named
    joins: tuple[Join, ...]
    spoken: tuple[Spoken, ...]
    named: tuple[Named, ...]
    filled_by: Mapping[str, Phrases]
    by_sound: bool

    @classmethod
    def of(cls, chain: Chain, filled_by: Mapping[str, Phrases], by_sound: bool) -> ChainPlan:
        needed = [
            (number, step.segment) for number, step in enumerate(chain)
            if isinstance(step.segment, Spoken | Named) and not step.optional
        ]  # fmt: skip
        at, first = needed[0]
        joins = [_join(step, step, True) for step in chain[at + 1 :]]
        joins += [_join(chain[number], chain[number + 1], False) for number in reversed(range(at))]
        segments = list(dict.fromkeys(segment for _, segment in needed))
        return cls(
            first, tuple(joins), tuple(each for each in segments if isinstance(each, Spoken)),
            tuple(each for each in segments if isinstance(each, Named)), filled_by, by_sound,
        )  # fmt: skip


def _join(step: Step, gap: Step, is_after: bool) -> Join:
    return Join(step.segment, is_after, gap.least, gap.most, gap.without, step.optional)


@dataclass(frozen=True, eq=False)
class ListItem:
    """One line of a list: a template, with the lists that stand in it by their names, or a pattern.

    What `exceptions` say in the same sentence, close by, takes it back.
    """

    what: SentenceTemplate | Pattern
    filled_by: tuple[tuple[str, Phrases], ...] = ()
    exceptions: tuple[Phrases, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListItem) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    @cached_property
    def key(self) -> ListKey:
        """What it looks for."""
        fillings = [(name, listed.key) for name, listed in self.filled_by]
        return _key(type(self.what).__name__, self.what.source, fillings, [listed.key for listed in self.exceptions])

    @cached_property
    def plans(self) -> tuple[ChainPlan, ...]:
        """How the chains of a template are looked for; none of a pattern."""
        if not isinstance(self.what, SentenceTemplate):
            return ()
        filled_by = dict(self.filled_by)
        return tuple(ChainPlan.of(chain, filled_by, self.what.by_sound) for chain in self.what.chains)

    @cached_property
    def needed(self) -> frozenset[Part]:
        """Phrases one of which is said wherever a template is: of every chain those that tell most.

        None where a chain can be without any that are known.
        """
        needed: set[Part] = set()
        filled_by = dict(self.filled_by)
        for chain in self.what.chains if isinstance(self.what, SentenceTemplate) else ():
            choices: list[frozenset[Part]] = []
            for step in chain:
                if step.optional:
                    continue
                if isinstance(step.segment, Spoken):
                    choices.append(frozenset(step.segment.phrases))
                elif isinstance(step.segment, Named) and step.segment.name in filled_by:
                    inner = [item.needed for item in filled_by[step.segment.name].items]
                    if all(inner):
                        choices.append(frozenset().union(*inner))
            if not choices:
                return frozenset()
            needed |= max(choices, key=lambda parts: (min(map(len, parts)), -len(parts)))
        return frozenset(needed)


@dataclass(frozen=True)
class Phrases:
    """A list: templates and RE2 patterns (written /…/), the lines of lists named by $name put in.

    An item's place is its number in the list. Lists of a rulebook that look for the same share a `number`; one below 0
    is in no rulebook.
    """

    items: tuple[ListItem, ...]
    title: str
    lists: tuple[str, ...]
    language: str = "zh"
    number: int = field(default=-1, compare=False)

    @cached_property
    def key(self) -> ListKey:
        return _key(*(item.key for item in self.items))

    @cached_property
    def vocabulary(self) -> frozenset[Part]:
        """The pieces of all its words, those of the lists in its templates among them."""
        found: set[Part] = set()
        for item in self.items:
            found.update(*(filling.vocabulary for _, filling in item.filled_by))
        for template in self.templates:
            for part, _ in template.phrases:
                found |= word_pieces(part, self.language)
        return frozenset(found)

    @property
    def templates(self) -> Iterator[SentenceTemplate]:
        return (item.what for item in self.items if isinstance(item.what, SentenceTemplate))

    @property
    def patterns(self) -> Iterator[Pattern]:
        return (item.what for item in self.items if isinstance(item.what, Pattern))

    def within(self, known: dict[int, Phrases]) -> None:
        """Put into `known`, by their numbers, this list and all that its items hold and that takes them back."""
        if self.number in known:
            return
        known[self.number] = self
        for item in self.items:
            for listed in (*(filling for _, filling in item.filled_by), *item.exceptions):
                listed.within(known)

    def except_for(self, exceptions: Phrases) -> Phrases:
        """The list with an exception for each of its items."""
        items = (replace(item, exceptions=(*item.exceptions, exceptions)) for item in self.items)
        return replace(self, items=tuple(items), lists=tuple(dict.fromkeys((*self.lists, *exceptions.lists))))

    @cached_property
    def openings(self) -> Mapping[str, Sequence[Part]]:
        """What its templates begin with, up to a gap, as tokens: by the first of them, the longest first."""
        first = (chain[0].segment for template in self.templates for chain in template.chains)
        parts = (part for segment in first if isinstance(segment, Spoken) for part in segment.phrases)
        found: dict[str, list[Part]] = {}
        for part in sorted(dict.fromkeys(parts), key=len, reverse=True):
            found.setdefault(part[0], []).append(part)
        return found


def word_pieces(words: Sequence[str], language: str) -> set[Part]:
    """Two tokens that stand beside each other, and of English single words: a Han character by itself tells nothing."""
    return {*pairwise(words), *((word,) for word in words if language == "en")}


def _key(*parts: object) -> ListKey:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


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
    classes: dict[str, Phrases] = field(default_factory=dict)
    """Classes of words such as `<day>`, those that were asked for."""
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
    """A phrase, a list of phrases, templates, patterns and named lists, as written; or a text of one a line. Raises
    ValueError."""
    items = lines_of(value)
    if not isinstance(items, list) or not items or not all(isinstance(item, str | int | float) for item in items):
        raise ValueError(Message("a phrase, a list of phrases, or a named list such as $greeting is needed here"))
    found: list[ListItem] = []
    names: list[str] = []
    titles: list[str] = []
    for item in map(str, items):
        if item.startswith("$"):
            if item[1:] not in lists.named and lists.broken:
                continue  # the file of lists could not be read; that is the fault to mend
            named = _named(item[1:], lists)
            lists.budget.take_phrases(len(named.items) + len(named.lists))
            found += named.items
            names += [item[1:], *named.lists]
            titles.append(named.title)
        elif len(item) > 2 and item.startswith("/") and item.endswith("/"):
            found.append(ListItem(read_pattern(item[1:-1], lists)))  # no title: agents read reasons
        else:
            one = _template(item, lists)
            found.append(one)
            names += [each for name, filling in one.filled_by for each in (name, *filling.lists)]
            if reads_plainly(item):  # as above
                titles.append(item.lstrip(BY_SOUND))
    title = ("、" if lists.language == "zh" else ", ").join(titles[:TITLES_TOLD])
    if len(titles) > TITLES_TOLD:
        title += "…"
    return numbered(Phrases(tuple(dict.fromkeys(found)), title, tuple(dict.fromkeys(names)), lists.language), lists)


def lines_of(value: object) -> object:
    """A text of one phrase a line as a list; `#` begins a line that is a comment. Anything else as it is."""
    if not isinstance(value, str):
        return value
    lines = (line.strip() for line in value.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _template(text: str, lists: Lists) -> ListItem:
    lists.budget.check()
    try:
        template = read_template(text, lists.language)
    except ValueError:
        if not tokenise(text, lists.language).words:
            raise ValueError(Message("the phrase {item} has no word in it", item=repr(text))) from None
        raise
    lists.budget.take_phrases(template.size)
    names = [name for name in dict.fromkeys(template.names) if name not in NUMBERS]
    return ListItem(
        template, tuple((name, _named(name, lists)) for name in names if name in lists.named or not lists.broken)
    )


def numbered(listed: Phrases, lists: Lists) -> Phrases:
    """A list with the number that all lists share which look for the same."""
    return replace(listed, number=lists.numbers.setdefault(listed.key, len(lists.numbers)))


def _named(name: str, lists: Lists) -> Phrases:
    """A list of the rulebook, or else the class of words of that name."""
    if name in CLASSES and name not in lists.named:
        if name not in lists.classes:
            listed = read_phrases(word_class(name, lists.language), lists)
            lists.classes[name] = replace(listed, title=CLASSES[name].in_language(lists.language))
        return lists.classes[name]
    if name not in lists.named:
        raise ValueError(
            Message(
                "no phrase list {name}{hint}; lists live in phrases.yaml",
                name=f"${name}",
                hint=did_you_mean(name, (*lists.named, *CLASSES), "$"),
            )
        )
    return lists.named[name]


PhraseList = Annotated[Phrases, BeforeValidator(_phrases)]
PatternText = Annotated[Pattern, BeforeValidator(_pattern)]
