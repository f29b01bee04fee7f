"""Sentence templates: what people say, written so that whoever reads it hears it.

    (我|我们)[真的]要(退款|退钱)      alternatives, and what may be missing
    感谢您…来电                       a few words in between; …3 up to three of them, * exactly one
    我…4-(不|没)想退                   none of those in between
    ^(喂|您好)$                       a sentence's beginning and its end
    <day>…(到|送到)                   another list, or a class of words such as <number>, in place

A template is worked out into chains of segments. A segment is a set of phrases, each a run of tokens that is found by
one automaton for a whole rulebook (`pipeline.judging.lexicon`), or another list; between two segments stands a gap.
So a template costs no more than its phrases do, and what is said otherwise by a slip of the recogniser is found by its
sound, as phrases are.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, product
from typing import Literal

from pipeline.language.normalise import TURN_END, tokenise, tokenise_all, words_of
from pipeline.language.phonetics import SHORTEST
from pipeline.language.text import HAN
from pipeline.messages import Message

BY_SOUND = "~"
"""Before a phrase of two syllables: match it by sound all the same (~请讲)."""

GAP = {"zh": 6, "en": 4}
"""How many tokens an ellipsis (感谢您…来电) may stand for, within a sentence."""

NUMBERS = {"number": 1, "digits": 3, "long-number": 5}
"""Classes of runs of digits, spoken or written: by their names, how many digits at least."""

LONGEST_GAP = 30
LONGEST_TEMPLATE = 600
MOST_PHRASES = 200
"""Phrases that one segment is written out into; more are cut into segments that follow each other at once."""
MOST_CHAINS = 60
DEEPEST_TEMPLATE = 12

_SPECIAL = re.compile(r"[()\[\]|<>*^$…]|\.\.\.")

_NOTATION = re.compile(r"[()\[\]|<>*^$]|(…|\.\.\.)[\d-]")
"""What only authors of rules read; an ellipsis everybody does."""

_OPEN_END = re.compile(r"(…|\.\.\.)\d*(-\([^()]*\))?$")

Part = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Spoken:
    """A segment of words: texts that may stand there, `_SEAM` between their pieces. Equal to itself only.

    They are cut into tokens when somebody asks: a draft that is replayed asks for few of a rulebook's segments.
    """

    texts: tuple[str, ...]
    language: str

    @property
    def phrases(self) -> Mapping[Part, str]:
        """Its phrases as tokens, each with how it was written; of texts that come to the same words the first."""
        return self._cut[0]

    @property
    def firm(self) -> Mapping[Part, tuple[int, ...]]:
        """By phrase, the numbers of those tokens that no likeness of sound may stand for, but the same syllable: those
        of an alternative that is too short to be told from others. 我(先|去)查一下 is not heard as 我想查一下."""
        return self._cut[1]

    @cached_property
    def _cut(self) -> tuple[Mapping[Part, str], Mapping[Part, tuple[int, ...]]]:
        phrases: dict[Part, str] = {}
        firm: dict[Part, tuple[int, ...]] = {}
        written = [text.replace(_SEAM, "") for text in self.texts]
        for text, plain, (words, starts) in zip(self.texts, written, _cut_all(written, self.language), strict=True):
            part = tuple(words)
            if part not in phrases:
                phrases[part] = plain.strip()
                if self.language == "zh" and (short := _in_short_pieces(text, starts)):
                    firm[part] = short
        return phrases, firm


@dataclass(frozen=True, slots=True)
class Named:
    """A segment that a list or a class of words fills."""

    name: str


@dataclass(frozen=True, slots=True)
class Edge:
    """The beginning or the end of a sentence."""

    at: Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class AnyToken:
    """A segment of one token, whatever it is, but for some."""

    without: frozenset[str] = frozenset()


TemplateSegment = Spoken | Named | Edge | AnyToken


@dataclass(frozen=True, slots=True)
class Step:
    """A segment, and how many tokens may stand before it: from `least` to `most`, none of them one of `without`.

    What is `optional` may be missing, and follows at once what stands before it.
    """

    segment: TemplateSegment
    least: int = 0
    most: int = 0
    without: frozenset[str] = frozenset()
    optional: bool = False


Chain = tuple[Step, ...]


@dataclass(frozen=True)
class SentenceTemplate:
    """A template of a list. Equal sources of one language are equal templates."""

    source: str
    language: str
    chains: tuple[Chain, ...] = field(compare=False, repr=False)

    @property
    def by_sound(self) -> bool:
        """Whether two syllables are matched by sound as well."""
        return self.source.startswith(BY_SOUND)

    @property
    def spoken(self) -> Iterator[Spoken]:
        """All its segments of words."""
        return (step.segment for chain in self.chains for step in chain if isinstance(step.segment, Spoken))

    @property
    def phrases(self) -> Iterator[tuple[Part, bool]]:
        """All its runs of words, and whether some of a run's tokens are firm."""
        return ((part, part in segment.firm) for segment in self.spoken for part in segment.phrases)

    @property
    def size(self) -> int:
        """How many texts its segments have."""
        return sum(len(segment.texts) for segment in self.spoken)

    @property
    def barred(self) -> frozenset[str]:
        """The words that may not stand in its gaps, or not for any token."""
        steps = [step for chain in self.chains for step in chain]
        of_any = (step.segment.without for step in steps if isinstance(step.segment, AnyToken))
        return frozenset().union(*(step.without for step in steps), *of_any)

    @property
    def names(self) -> Iterator[str]:
        """The lists and classes that it holds."""
        for chain in self.chains:
            for step in chain:
                if isinstance(step.segment, Named):
                    yield step.segment.name

    def sample(self, choose: random.Random) -> str:
        """One of the things that it says, a gap as …, any word as *, a list by its name."""
        chain = choose.choice(self.chains)
        said = ""
        for step in chain:
            if isinstance(step.segment, Edge) or (step.optional and choose.random() < 0.5):
                continue
            piece = f"<{step.segment.name}>" if isinstance(step.segment, Named) else "*"
            if isinstance(step.segment, Spoken):
                piece = choose.choice(list(step.segment.phrases.values()))
            said += (self._sampled_gap(step) if said else "") + piece
        return said + ("…" if _OPEN_END.search(self.source) else "")

    def _sampled_gap(self, step: Step) -> str:
        space = " " if self.language == "en" else ""
        if not step.least:
            return "…" if step.most else space
        return space + space.join("*" * step.least) + ("…" if step.most > step.least else space)


def reads_plainly(source: str) -> bool:
    """Whether a template is what people say, and no notation in it."""
    return not _NOTATION.search(source)


@lru_cache(maxsize=100_000)
def read_template(source: str, language: str) -> SentenceTemplate:
    """A template worked out. Raises ValueError, with the remedy, when it makes no sense or comes to too much."""
    if len(source) > LONGEST_TEMPLATE:
        raise ValueError(Message("the template is longer than {most} characters; write several", most=LONGEST_TEMPLATE))
    rows = _Parser(source.removeprefix(BY_SOUND), language).whole()
    try:
        chains = tuple(chain for row in rows for chain in _chains(row, language))
    except ValueError as error:
        raise ValueError(Message("the template {text}: {what}", text=repr(source), what=error.args[0])) from None
    if not chains or any(all(step.optional or not _has_words(step) for step in chain) for chain in chains):
        raise ValueError(Message("the template {text} can be empty, so it would match everywhere", text=repr(source)))
    return SentenceTemplate(source, language, chains)


def _has_words(step: Step) -> bool:
    return isinstance(step.segment, Spoken | Named)


# --- parsing: a template becomes rows, each a way through it without optional parts


@dataclass(frozen=True, slots=True)
class _Gap:
    least: int = 0
    most: int = 0
    without: frozenset[str] = frozenset()

    def __add__(self, other: _Gap) -> _Gap:
        return _Gap(self.least + other.least, self.most + other.most, self.without | other.without)


_Texts = tuple[str, ...]
"""What may stand in one place, written out; "" where nothing may. `_SEAM` parts what stands in different brackets."""

_SEAM = "\x1f"


@dataclass(frozen=True, slots=True)
class _Optional:
    segment: Named


_Piece = _Texts | _Gap | Named | _Optional | Edge
_Row = tuple[_Piece, ...]


class _Parser:
    def __init__(self, source: str, language: str) -> None:
        self._source, self._language = source, language
        self._at = 0
        self._depth = 0

    def whole(self) -> list[_Row]:
        rows = self._sequence()
        if self._at < len(self._source):
            raise self._fault(Message("{sign} closes nothing", sign=self._source[self._at]))
        return rows

    def _fault(self, what: Message) -> ValueError:
        return ValueError(Message("the template {text}: {what}", text=repr(self._source), what=what))

    def _sequence(self) -> list[_Row]:
        rows: list[_Row] = [()]
        while self._at < len(self._source):
            special = _SPECIAL.match(self._source, self._at)
            if special is None:
                rows = _followed(rows, [((self._text(),),)])
                continue
            sign = special[0]
            if sign in ")]|>":
                break
            self._at = special.end()
            rows = _followed(rows, self._part(sign))
            if len(rows) > MOST_CHAINS:
                raise self._fault(Message("stands for too many ways to say it; write several"))
        return rows

    def _text(self) -> str:
        special = _SPECIAL.search(self._source, self._at)
        start, self._at = self._at, special.start() if special else len(self._source)
        return self._source[start : self._at]

    def _part(self, sign: str) -> list[_Row]:
        if sign in "([":
            return self._choice(sign)
        if sign == "<":
            return [(Named(self._name()),)]
        if sign == "*":
            return [(_Gap(1, 1, self._without()),)]
        if sign in "^$":
            return [(Edge("start" if sign == "^" else "end"),)]
        return [(_Gap(0, self._count(), self._without()),)]

    def _without(self) -> frozenset[str]:
        """The words that may not stand in a gap, behind it as -(…|…)."""
        if not self._source.startswith("-(", self._at):
            return frozenset()
        end = self._source.find(")", self._at)
        inside = self._source[self._at + 2 : end]
        words = [tokenise(text, self._language).words for text in inside.split("|")]
        if end < 0 or _SPECIAL.search(inside.replace("|", "")) or any(len(each) != 1 for each in words):
            raise self._fault(Message("single words stand between -( and ), parted by |"))
        self._at = end + 1
        return frozenset(word for each in words for word in each)

    def _count(self) -> int:
        digits = re.compile(r"\d*").match(self._source, self._at)
        assert digits is not None
        self._at = digits.end()
        most = int(digits[0][:4]) if digits[0] else GAP.get(self._language, 4)
        if most > LONGEST_GAP:
            raise self._fault(Message("a gap is {most} words at most", most=LONGEST_GAP))
        return most

    def _name(self) -> str:
        end = self._source.find(">", self._at)
        name = self._source[self._at : end]
        if end < 0 or not re.fullmatch(r"[^\s()\[\]|<>*^$…]+", name):
            raise self._fault(Message("a list stands between < and >, by its name"))
        self._at = end + 1
        return name

    def _choice(self, sign: str) -> list[_Row]:
        self._depth += 1
        if self._depth > DEEPEST_TEMPLATE:
            raise self._fault(Message("brackets lie too deep in one another; write several"))
        closing = ")" if sign == "(" else "]"
        rows: list[_Row] = [()] if sign == "[" else []
        while True:
            rows += self._sequence()
            following = self._source[self._at : self._at + 1]
            self._at += 1
            if following == closing:
                self._depth -= 1
                return _joined(rows)
            if following != "|":
                raise self._fault(Message("{sign} is not closed", sign=sign))


def _joined(rows: list[_Row]) -> list[_Row]:
    """Rows that are only text as one row, others as they are."""
    texts: list[str] = []
    others: list[_Row] = []
    for row in rows:
        if not row:
            texts.append("")
        elif len(row) == 1 and isinstance(row[0], tuple):
            texts += row[0]
        else:
            others.append(row)
    if texts == [""] and len(others) == 1 and len(others[0]) == 1 and isinstance(others[0][0], Named):
        return [(_Optional(others[0][0]),)]
    return ([(tuple(dict.fromkeys(texts)),)] if texts else []) + others


def _followed(rows: list[_Row], following: list[_Row]) -> list[_Row]:
    """Every row with every following one behind it; text beside text is written out together while it is not much."""
    return list(dict.fromkeys(_put(row, more) for row, more in product(rows, following)))


def _put(row: _Row, more: _Row) -> _Row:
    if not row or not more:
        return row or more
    last, first = row[-1], more[0]
    if isinstance(last, tuple) and isinstance(first, tuple) and len(last) * len(first) <= MOST_PHRASES:
        return (*row[:-1], tuple(dict.fromkeys(_seamed(one, other) for one in last for other in first)), *more[1:])
    return (*row, *more)


def _seamed(one: str, other: str) -> str:
    return one + _SEAM + other if one and other else one or other


# --- from a row to chains


def _chains(row: _Row, language: str) -> list[Chain]:
    """The ways through a row: one, and others for every place where nothing may stand."""
    chains: list[tuple[Chain, _Gap]] = [((), _Gap())]
    for piece in row:
        if isinstance(piece, _Gap):
            chains = [(chain, gap + piece) for chain, gap in chains]
            continue
        segment: TemplateSegment | None
        may_be_missing = isinstance(piece, _Optional)
        if isinstance(piece, tuple):
            segment, may_be_missing = _spoken(piece, language)
        else:
            segment = piece.segment if isinstance(piece, _Optional) else piece
        if segment is not None:
            chains = [longer for chain in chains for longer in _longer(*chain, segment, may_be_missing)]
        if len(chains) > MOST_CHAINS:
            raise ValueError(Message("stands for too many ways to say it; write several"))
    return [(*chain, *_any_tokens(gap)) for chain, gap in chains]


@lru_cache(maxsize=10_000)
def _spoken(texts: _Texts, language: str) -> tuple[Spoken | None, bool]:
    """A segment of texts, and whether one of them is empty."""
    worded = tuple([text for text in texts if _A_WORD.search(text) or tokenise(text, language).words])
    return Spoken(worded, language) if worded else None, len(worded) < len(texts)


_A_WORD = re.compile(rf"[{HAN}0-9A-Za-z]")


def _cut_all(texts: Sequence[str], language: str) -> Iterator[tuple[list[str], list[int]]]:
    """The tokens of some texts, and where in it each begins (not told of English)."""
    if language == "en":
        yield from ((words_of(text, language), []) for text in texts)
        return
    tokens = tokenise_all(texts, language)[1]
    first = begin = 0
    for text in texts:
        last = tokens.words.index(TURN_END, first)
        yield tokens.words[first:last], [start - begin for start in tokens.starts[first:last]]
        first, begin = last + 1, begin + len(text) + 1


def _in_short_pieces(text: str, starts: Sequence[int]) -> tuple[int, ...]:
    """The numbers of the tokens that stand in a piece of fewer syllables than are matched by sound."""
    if _SEAM not in text:
        return ()  # a phrase by itself; the lexicon knows what is too short
    ends = list(accumulate(map(len, text.split(_SEAM))))
    pieces = [bisect_right(ends, start) for start in starts]
    if len(set(pieces)) < 2:
        return ()
    return tuple([number for number, piece in enumerate(pieces) if pieces.count(piece) < SHORTEST])


def _longer(chain: Chain, gap: _Gap, segment: TemplateSegment, may_be_missing: bool) -> Iterator[tuple[Chain, _Gap]]:
    """A chain with a segment behind it; and as it is, where the segment may be missing and a step cannot say so."""
    if chain and may_be_missing and gap == _Gap():
        yield (*chain, Step(segment, optional=True)), _Gap()
        return
    if may_be_missing:
        yield chain, gap
    if chain:
        yield (*chain, Step(segment, gap.least, gap.most, gap.without)), _Gap()
    else:
        yield (*_any_tokens(gap), Step(segment)), _Gap()


def _any_tokens(gap: _Gap) -> Chain:
    """What a gap at either end asks for: the tokens that must stand there."""
    return tuple(Step(AnyToken(gap.without)) for _ in range(gap.least))
