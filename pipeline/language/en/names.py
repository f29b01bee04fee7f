"""English names and forms of address, as far as they are data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import PlainValidator

from pipeline.language.data import Expression, WordSet, read_table, read_words


class WordSequences:
    """Sequences of words that are looked for in a text, fast because most words end none."""

    def __init__(self, sequences: Sequence[tuple[str, ...]]) -> None:
        self._by_last = {
            last: tuple(sequence for sequence in sequences if sequence[-1] == last)
            for last in {sequence[-1] for sequence in sequences}
        }

    def ending_at(self, words: Sequence[str], end: int, start: int) -> Iterator[tuple[str, ...]]:
        """Those that stand right before token `end` and begin at token `start` or later."""
        for sequence in self._by_last.get(words[end - 1], ()) if end > start else ():
            begin = end - len(sequence)
            if begin >= start and tuple(words[begin:end]) == sequence:
                yield sequence


def _sequences(value: object) -> WordSequences:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise ValueError("a list of phrases is wanted")
    return WordSequences([tuple(text.split()) for text in value])


Sequences = Annotated[WordSequences, PlainValidator(_sequences)]


@dataclass(frozen=True)
class EnglishNames:
    """`en/names.yaml`, which says what each list holds and why."""

    titles: WordSet
    talked_about_before: WordSet
    self_name_after: Sequences
    company_of_two_after: Sequences
    self_name_before: WordSet
    self_name_sits: WordSet
    own_name_after: Sequences
    addressed_after: WordSet
    asked_for_after: Sequences
    name_told_after: Sequences
    name_asked: Expression
    company_after: Sequences
    greetings: WordSet
    inside_company_names: WordSet
    not_company_after: WordSet
    roles_before_number: WordSet
    between_role_and_number: WordSet
    days: WordSet
    currencies: WordSet


@cache
def english_names() -> EnglishNames:
    return read_table("en", "names", EnglishNames)


@cache
def common_words() -> frozenset[str]:
    """`en/common_words.txt`: words that are no names."""
    return frozenset(read_words("en", "common_words"))


@cache
def company_words() -> frozenset[str]:
    """`en/company_words.txt`: words that companies are called by."""
    return frozenset(read_words("en", "company_words"))
