"""Chinese numbers as digits, however they were said: 三十五, 一百二, 零零一."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.language.data import read_table
from pipeline.language.tokens import Tokens


@dataclass(frozen=True)
class ChineseNumbers:
    """`zh/numbers.yaml`."""

    digits: Mapping[str, int]
    digits_read_out: Mapping[str, int]
    digits_with_units: Mapping[str, int]
    units: Mapping[str, int]
    unit_without_digit: str

    @cached_property
    def written(self) -> dict[str, str]:
        """The digit that each character is written as."""
        return {han: str(digit) for han, digit in {**self.digits, **self.digits_read_out}.items()}

    @cached_property
    def values(self) -> dict[str, int]:
        """What a character counts for in a number with units; some of its digits may be written already."""
        return {**self.digits, **self.digits_with_units, **{str(digit): digit for digit in range(10)}}

    @cached_property
    def zeros(self) -> frozenset[str]:
        return frozenset(han for han, digit in self.digits.items() if digit == 0)

    @cached_property
    def with_units(self) -> re.Pattern[str]:
        """A number that has a unit: 八十八, 一千零五; and 十五."""
        counted = "".join(han for han, digit in self.digits.items() if digit)
        zeros, also, units = "".join(self.zeros), "".join(self.digits_with_units), "".join(self.units)
        first, rest = f"[{counted}{also}1-9]", f"[{zeros}{counted}{also}{units}0-9]"
        return re.compile(f"{first}[{units}]{rest}*|{self.unit_without_digit}[{counted}]")

    @cached_property
    def unit(self) -> re.Pattern[str]:
        return re.compile(f"[{''.join(self.units)}]")


@cache
def chinese_numbers() -> ChineseNumbers:
    return read_table("zh", "numbers", ChineseNumbers)


def write_chinese_numbers(tokens: Tokens) -> Tokens:
    """Digits for number words, 三十五 as 3 5; 万 and 半 stay. 十分, 百般 and their like are not numbers here."""
    table = chinese_numbers()
    words, starts, ends, breaks = tokens.words, tokens.starts, tokens.ends, tokens.breaks
    joined = "".join([word if len(word) == 1 else "\0" for word in words])
    digits = joined
    for han, digit in table.written.items():
        digits = digits.replace(han, digit)
    if digits != joined:
        words = [digit if digit != "\0" else word for digit, word in zip(digits, words, strict=True)]
    spans = [m.span() for m in table.with_units.finditer(joined)] if table.unit.search(joined) else []
    if not spans:
        return Tokens(words, starts, ends, breaks)
    out = Tokens([], [], [], [])
    at = 0
    for begin, end in [*spans, (len(words), len(words))]:
        out.words.extend(words[at:begin])
        out.starts.extend(starts[at:begin])
        out.ends.extend(ends[at:begin])
        out.breaks.extend(breaks[at:begin])
        if begin < end:
            out.add(str(value_of(joined[begin:end])), starts[begin], ends[end - 1], breaks[end - 1])
        at = end
    return out


def value_of(number: str) -> int:
    """八十八 → 88, 一百二 → 120, 一千零五 → 1005."""
    table = chinese_numbers()
    total, digit, unit = 0, 0, 1
    for character in number:
        if character in table.units:
            unit = table.units[character]
            total += (digit or 1) * unit
            digit = 0
        elif character in table.zeros:
            digit, unit = 0, 10
        else:
            digit = digit * 10 + table.values[character]
    return total + (digit * (unit // 10) if digit and unit > 10 else digit)
