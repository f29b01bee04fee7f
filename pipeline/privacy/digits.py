"""Digits in a text, however they are said or written: 138-1234, 幺三八, 三个八, double five, twenty-three fifteen.

Digits with nothing but punctuation and small words between them are one group; a time, a date, an amount is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.language.en.numbers import english_numbers
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.zh.numbers import chinese_numbers

GAP_CHARACTERS = 24
"""Characters between two digits of a group, at most."""

_FULL_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")


@dataclass(frozen=True, slots=True)
class DigitPiece:
    """What stands for one or more digits, without a gap: 1234, 幺三, double five."""

    start: int
    end: int
    digits: str


@dataclass(frozen=True, slots=True)
class DigitGroup:
    """Digits that are said in a row. `counts`: what follows makes it an amount, a time, a count of something."""

    pieces: tuple[DigitPiece, ...]
    counts: bool

    @property
    def start(self) -> int:
        return self.pieces[0].start

    @property
    def end(self) -> int:
        return self.pieces[-1].end

    @property
    def digits(self) -> str:
        return "".join(piece.digits for piece in self.pieces)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Digits of each piece: (3, 4, 4)."""
        return tuple(len(piece.digits) for piece in self.pieces)


def digit_groups(text: str) -> list[DigitGroup]:
    """The groups of digits in a text, in order."""
    known = _digits()
    if known.any.search(text) is None:
        return []
    kept = [match.span() for match in _KEPT.finditer(text)] if _MAY_BE_KEPT.search(text) else []
    groups: list[DigitGroup] = []
    pieces: list[DigitPiece] = []
    for piece in known.pieces(text, kept):
        if pieces and not _is_gap(text, pieces[-1].end, piece.start):
            groups += _group(text, pieces)
            pieces = []
        pieces.append(piece)
    return [*groups, *_group(text, pieces)]


def has_digits(text: str) -> bool:
    """Whether anything in a text stands for a digit."""
    return _digits().any.search(text) is not None


def _is_gap(text: str, start: int, end: int) -> bool:
    gap = text[start:end]
    if len(gap) > GAP_CHARACTERS or (gap.strip() in (":", "：", "/") and gap == gap.strip()):
        return False
    return not gap or sensitive_words().filler.fullmatch(gap) is not None


def _group(text: str, pieces: list[DigitPiece]) -> Iterator[DigitGroup]:
    """One group, without a last piece that counts something else."""
    if len(pieces) > 1 and _PRONOUN.fullmatch(text[pieces[0].start : pieces[1].start]):
        pieces = pieces[1:]
    if not pieces:
        return
    if _counts(text, pieces[-1].end):
        total = sum(len(piece.digits) for piece in pieces)
        apart = len(pieces) > 1 and _WORDS.search(text[pieces[-2].end : pieces[-1].start])
        if len(pieces) == 1 or not (apart or total > _LONGEST_COUNT) or _is_sum(text, pieces):
            yield DigitGroup(tuple(pieces), True)
            return
        pieces = pieces[:-1]
    yield DigitGroup(tuple(pieces), _is_sum(text, pieces))


def _is_sum(text: str, pieces: list[DigitPiece]) -> bool:
    """Whether digits are an amount: a currency stands before them, or hundreds and thousands are counted in few."""
    if _CURRENCY.search(text[: pieces[0].start]):
        return True
    sized = any(text[piece.start : piece.end].lower().endswith(("hundred", "thousand")) for piece in pieces)
    return sized and sum(len(piece.digits) for piece in pieces) < _LONGEST_COUNT


_PRONOUN = re.compile(r"(?i:one)\W+(?i:is|was|it's|that's)\W+(?:\w+\W+)?")
"""The new one is 555…"""

_LONGEST_COUNT = 7
"""Digits of an amount at most: 1,234,567 元."""

_WORDS = re.compile(r"[^\W_]")
_CURRENCY = re.compile(r"(?:[$£€¥￥]|(?i:rmb|usd|cny|gbp))\s*\Z")
_PERCENT = re.compile(r"\s*[%％℃°]")


def _counts(text: str, end: int) -> bool:
    """Whether a unit stands right behind a number; 个 before a digit is another digit's: 三个八."""
    if _PERCENT.match(text, end):
        return True
    at = end + 1 if text[end : end + 1] == " " else end
    match = sensitive_words().unit.match(text, at)
    if match is None:
        return False
    # 分机 and 号码 begin like units
    return not text.startswith(sensitive_words().zh.not_units, at)


_MAY_BE_KEPT = re.compile(r"\d[:：/.\-年]\d|第|周|期|拜")
_KEPT = re.compile(
    r"(?<!\d)\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?!\d)"
    r"|(?<![\d/])\d{1,2}/\d{1,2}(?:/\d{2,4})?(?![\d/])"
    r"|(?<!\d)(?:19|20)\d\d([-./])\d{1,2}\1\d{1,2}(?!\d)"
    r"|(?<![\d.])\d{1,6}\.\d{1,2}(?![\d.])"
    r"|第[\d零〇一二三四五六七八九十百]{1,5}|(?:周|星期|礼拜)[\d一二三四五六日天]"
)
"""Times, dates, decimals, ordinals, days of the week: no digits of a number."""


class _Digits:
    """The patterns of both languages, put together once from their tables."""

    def __init__(self) -> None:
        zh, en, words = chinese_numbers(), english_numbers(), sensitive_words()
        self.han = {**zh.written, **{han: str(d) for han, d in words.zh.read_out.items()}, "两": "2", "俩": "2"}
        self.sure = "".join(zh.written)
        self.ones = {word: str(d) for word, d in {**en.digits, **words.en.digits}.items()}
        self.teens = {word: str(d) for word, d in en.teens.items()}
        self.tens = {word: str(d) for word, d in en.tens.items()}
        self.times = {**en.times, **words.en.times}
        self.plurals = {word: str(d) for word, d in words.en.plurals.items()}
        self.any = re.compile(rf"[\d{self.sure}]|\b(?:{_or(self.ones, self.teens, self.tens, self.plurals)})\b", re.I)
        self.piece = re.compile(self._pattern(), re.IGNORECASE)
        # what may stand right beside a single digit that is read out
        small = "|".join((*words.zh.fillers, *words.zh.corrections))
        self.small_before = re.compile(rf"(?:{small})\Z")
        self.small_after = re.compile(rf"{small}|个")
        self.listed_after = re.compile(rf"[、，,… ]{{1,2}}[\d{''.join(self.han)}](?![十百千万个月年号日])")
        self.listed_before = re.compile(rf"[\d{''.join(self.han)}][、，,… ]{{1,2}}\Z")

    def _pattern(self) -> str:
        han, sure = "".join(self.han), self.sure
        one, tens, digit = _or(self.ones), _or(self.tens), rf"[0-9０-９{sure}]"
        simple = rf"(?:{tens})(?:[\s-]+(?:{_or_counting(self.ones)}))?|{_or(self.teens)}|{one}"
        return (
            rf"(?<!\d)(?P<han_times>[两俩二三四五六2-6](?=\s?[个连])|双)\s?[个连]?(?P<han_timed>{digit})"
            rf"(?![十百千万个位张{digit[1:-1]}])(?=[\d{han}]|[^\u4e00-\u9fff]|$|然后|再|后面|嗯|最后|吧|的)"
            rf"|(?P<number>(?<![A-Za-z0-9])[0-9０-９]+(?![A-WYZa-wyz0-9])|(?<=[A-Za-z])[0-9]{{6,}}(?![A-WYZa-wyz0-9]))"
            rf"|(?P<han>(?:要(?=[{han}]{{2}}))?[{han}]+)"
            rf"|\b(?P<times>{_or(self.times)})[\s-]+(?P<timed>{one}|\d)\b"
            rf"|\b(?P<many>{_or_counting(self.ones)})[\s-]+(?P<plural>{_or(self.plurals)})\b"
            rf"|\b(?P<big>{simple})[\s-]+(?P<size>hundred|thousand)\b"
            rf"|\b(?P<word>{simple})\b"
        )

    def pieces(self, text: str, kept: list[tuple[int, int]]) -> Iterator[DigitPiece]:
        """What stands for digits in a text, in order, without what lies in the stretches that are kept."""
        for match in self.piece.finditer(text):
            start, end = match.span()
            if kept and any(start < last and first < end for first, last in kept):
                continue
            digits = self._value(text, match)
            if digits:
                yield DigitPiece(start, end, digits)

    def _value(self, text: str, match: re.Match[str]) -> str:
        kind = match.lastgroup
        if match["number"]:
            return match["number"].translate(_FULL_WIDTH)
        if match["han"]:
            return self._han_value(text, match)
        if match["han_timed"]:
            times = "2" if match["han_times"] == "双" else self._digit(match["han_times"])
            return self._digit(match["han_timed"]) * int(times)
        if kind == "timed":
            return self._word(match["timed"]) * self.times[match["times"].lower()]
        if kind == "plural":
            many = int(self._word(match["many"]))
            return self.plurals[match["plural"].lower()] * many if 2 <= many <= 8 else ""
        if kind == "size":
            return self._word(match["big"]) + ("00" if match["size"].lower() == "hundred" else "000")
        return self._word(match["word"])

    def _han_value(self, text: str, match: re.Match[str]) -> str:
        """A row of Han digits; one alone within a word (一下, 统一) is none, nor one that only stands for a digit."""
        run = match["han"].removeprefix("要")
        if len(run) == 1 and match["han"] == run and not (run in self.sure and self._stands_alone(text, match)):
            return ""
        return ("1" if match["han"] != run else "") + "".join(self.han[han] for han in run)

    def _stands_alone(self, text: str, match: re.Match[str]) -> bool:
        """Whether a single Han digit is read out: among other digits, or with nothing but small words beside it."""
        start, end = match.span()
        if self.listed_after.match(text, end) or self.listed_before.search(text, max(0, start - 3), start):
            return True
        if _HAN.match(text, end) and not self.small_after.match(text, end):
            return False
        before = _HAN.match(text[start - 1 : start])
        return before is None or self.small_before.search(text, max(0, start - 6), start) is not None

    def _digit(self, text: str) -> str:
        return self.han.get(text) or text.translate(_FULL_WIDTH)

    def _word(self, text: str) -> str:
        """The digits of an English number word or two: twenty-three, oh, nineteen."""
        first, _, second = text.lower().replace("-", " ").partition(" ")
        if first in self.tens:
            return self.tens[first] + (self.ones[second.strip()] if second.strip() else "0")
        return self.ones.get(first) or self.teens.get(first) or first


_HAN = re.compile(r"[\u4e00-\u9fff]")


def _or(*tables: Mapping[str, str] | Mapping[str, int]) -> str:
    return "|".join(sorted({word for table in tables for word in table}, key=len, reverse=True))


def _or_counting(ones: Mapping[str, str]) -> str:
    return "|".join(sorted((word for word, digit in ones.items() if digit != "0"), key=len, reverse=True))


@cache
def _digits() -> _Digits:
    return _Digits()
