"""English numbers as digits, however they were said: twenty-one, double oh, triple five."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.language.data import read_table
from pipeline.language.tokens import Tokens


@dataclass(frozen=True)
class EnglishNumbers:
    """`en/numbers.yaml`."""

    digits: Mapping[str, int]
    nought: str
    tens: Mapping[str, int]
    teens: Mapping[str, int]
    times: Mapping[str, int]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that may be part of a number."""
        return frozenset({*self.digits, *self.tens, *self.teens, *self.times, self.nought})

    def is_digit(self, word: str) -> bool:
        return word in self.digits or word == self.nought or word.isdigit()


@cache
def english_numbers() -> EnglishNumbers:
    return read_table("en", "numbers", EnglishNumbers)


def write_english_numbers(tokens: Tokens) -> Tokens:
    """Digits for number words; every digit is a token."""
    table = english_numbers()
    words, starts, ends, breaks = tokens.words, tokens.starts, tokens.ends, tokens.breaks
    if table.words.isdisjoint(words):
        return tokens
    out = Tokens([], [], [], [])
    times, at = 1, 0
    for i in [i for i, word in enumerate(words) if word in table.words or word.isdigit()]:
        _copy(tokens, at, i, out)
        at = i + 1
        word, following = words[i], words[i + 1] if i + 1 < len(words) else ""
        if word in table.words:
            if word in table.times and table.is_digit(following):
                times = table.times[word]
                continue
            in_number = bool(out.words) and out.words[-1].isdigit()
            if word == table.nought:
                if times > 1 or _is_zero(table, words[i + 1 : i + 3], in_number):
                    word = "0"
            else:
                word = _written(table, word, following)
        out.add(word * times if word.isdigit() else (word,), starts[i], ends[i], breaks[i])
        times = 1
    _copy(tokens, at, len(words), out)
    return out


def _copy(tokens: Tokens, first: int, behind: int, to: Tokens) -> None:
    """Append some tokens as they are."""
    to.words.extend(tokens.words[first:behind])
    to.starts.extend(tokens.starts[first:behind])
    to.ends.extend(tokens.ends[first:behind])
    to.breaks.extend(tokens.breaks[first:behind])


def _written(table: EnglishNumbers, word: str, following: str) -> str:
    """A digit, ten or teen in digits; a ten is one digit where another follows."""
    if word in table.tens:
        return f"{table.tens[word]}" if table.digits.get(following) else f"{table.tens[word]}0"
    value = table.digits.get(word, table.teens.get(word))
    return word if value is None else str(value)


def _is_zero(table: EnglishNumbers, following: Sequence[str], in_number: bool) -> bool:
    """Whether an "oh" is a digit: within a number, or before two more digits (oh seven seven)."""
    digits = [table.is_digit(word) or word in table.times for word in following]
    return bool(digits) and (digits[0] and (in_number or (len(digits) == 2 and digits[1])))
