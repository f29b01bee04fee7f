"""The words of evidence as people read them: the whole sentence, and in it the words that were matched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import msgspec

from pipeline.datatypes import Evidence


class _Turn(Protocol):
    @property
    def text(self) -> str: ...


_AnyTurn = TypeVar("_AnyTurn", bound=_Turn, covariant=True)


class SpokenTurns(Protocol[_AnyTurn]):
    """A call, whole or as the rows of the database need it."""

    @property
    def turns(self) -> Sequence[_AnyTurn]: ...


class MarkedQuote(msgspec.Struct, frozen=True, gc=False):
    """A sentence in three parts, `matched` in the middle. Nothing is marked where `matched` is ""."""

    before: str
    matched: str
    after: str

    @property
    def sentence(self) -> str:
        return self.before + self.matched + self.after

    @property
    def text(self) -> str:
        """As plain text: `…【matched】…`; a sentence that was matched whole is given as it is."""
        if not self.matched or not (self.before or self.after):
            return self.sentence
        return f"{self.before}【{self.matched}】{self.after}"


def mark(sentence: str, matched: str) -> MarkedQuote:
    """The first place of `matched` in a sentence, marked."""
    before, found, after = sentence.partition(matched) if matched else (sentence, "", "")
    return MarkedQuote(before, found, after)


def marked_quote(evidence: Evidence, call: SpokenTurns[_Turn]) -> MarkedQuote:
    """What a piece of evidence shows; verdicts of earlier versions know no sentence, so their turn's text stands in."""
    sentence = evidence.sentence
    if evidence.matched and not sentence:
        turn = turn_of(evidence, call)
        sentence = turn.text if turn and evidence.matched in turn.text else evidence.matched
    return mark(sentence, evidence.matched)


def turn_of(evidence: Evidence, call: SpokenTurns[_AnyTurn]) -> _AnyTurn | None:
    """The turn that a piece of evidence is in, if it is in one."""
    index = evidence.turn
    return call.turns[index] if index is not None and 0 <= index < len(call.turns) else None


def read_marked(text: str, matched: str) -> MarkedQuote:
    """What `MarkedQuote.text` was made from; `matched` is its middle part."""
    before, found, after = text.partition(f"【{matched}】") if matched else (text, "", "")
    return MarkedQuote(before, matched, after) if found else mark(text, matched)


def marked_parts(text: str, matched: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """A text cut where any of some words stand in it; true for those words."""
    places = sorted({(text.find(words), len(words)) for words in matched if words and words in text})
    at = 0
    for start, length in places:
        if start < at:
            continue
        if start > at:
            yield text[at:start], False
        yield text[start : start + length], True
        at = start + length
    if at < len(text):
        yield text[at:], False
