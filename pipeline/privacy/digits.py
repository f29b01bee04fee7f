"""Digits in a text, however they are said or written: 138-1234, 幺三八, 三个八, double five, twenty-three fifteen.

Digits with nothing but punctuation and small words between them are one group; a time, a date, an amount is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from pipeline.language.en.numbers import english_numbers
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN
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
    misheard: bool = False
    sized: bool = False


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


@lru_cache(maxsize=256)
def digit_groups(text: str) -> tuple[DigitGroup, ...]:
    """The groups of digits in a text, in order; the last texts are kept, several look through the same turn."""
    groups: list[DigitGroup] = []
    pieces: list[DigitPiece] = []
    for piece in digit_pieces(text):
        if pieces and not is_gap(text, pieces[-1].end, piece.start):
            groups += _group(text, pieces)
            pieces = []
        pieces.append(piece)
    return (*groups, *_group(text, pieces))


def has_digits(text: str) -> bool:
    """Whether anything in a text stands for a digit."""
    return _digits().any.search(text) is not None


@lru_cache(maxsize=256)
def digit_pieces(text: str) -> tuple[DigitPiece, ...]:
    """What stands for digits in a text, in order; kept as the groups are."""
    known = _digits()
    if known.any.search(text) is None:
        return ()
    kept = [match.span() for match in _KEPT.finditer(text)] if _MAY_BE_KEPT.search(text) else []
    return tuple(known.pieces(text, kept))


def is_gap(text: str, start: int, end: int) -> bool:
    gap = text[start:end]
    if len(gap) > GAP_CHARACTERS or (gap.strip() in (":", "：", "/") and gap == gap.strip()):
        return False
    if _MONEY.search(gap) or is_what_was_wrong(gap):
        return False
    if not gap:
        return True
    return sensitive_words().filler.fullmatch(gap) is not None and _SENTENCE.search(gap) is None


def is_sign(gap: str) -> bool:
    """Whether a gap has no words but what a sign is called: dash, 杠."""
    return sensitive_words().sign.fullmatch(gap) is not None


def is_what_was_wrong(before: str) -> bool:
    """Whether what follows a text is named as wrong: 不是八六, not the 5."""
    return _WRONG.search(before[-16:]) is not None


_WRONG = re.compile(r"(?:不是|\bnot(?: the| a| an)?|\binstead of|\brather than)\s*\Z", re.IGNORECASE)
_SENTENCE = re.compile(r"[.?!。？！]\s*[^\W\d_]")
_MONEY = re.compile(r"[$£€¥￥]")


def _group(text: str, pieces: list[DigitPiece]) -> Iterator[DigitGroup]:
    """One group; small words that look like digits at its edges are left out, and a last piece that counts things."""
    if len(pieces) > 1 and _is_pronoun(text, pieces[0].start, pieces[1].start):
        pieces = pieces[1:]
    while (
        len(pieces) > 1
        and _is_loose(text, pieces[-1])
        and _NEW_SENTENCE.search(text[pieces[-2].end : pieces[-1].start])
    ):
        pieces = pieces[:-1]
    if not pieces:
        return
    if _counts(text, pieces[-1].end) and not (len(pieces) >= _DIALLED and _POUND_KEY.match(text, pieces[-1].end)):
        total = sum(len(piece.digits) for piece in pieces)
        apart = len(pieces) > 1 and _WORDS.search(text[pieces[-2].end : pieces[-1].start])
        if len(pieces) == 1 or not (apart or total > _LONGEST_COUNT) or _is_sum(text, pieces):
            yield DigitGroup(tuple(pieces), True)
            return
        pieces = pieces[:-1]
    yield DigitGroup(tuple(pieces), _is_sum(text, pieces) or _is_labelled(text, pieces))


def _is_pronoun(text: str, start: int, following: int) -> bool:
    """Whether a group begins with a word that is none of its digits: on this one, 0161."""
    said = text[start:following]
    if _PRONOUN.fullmatch(said):
        return True
    return (
        said.lower().strip(" ,") == "one" and "," in said and _WHICH.search(text[max(0, start - 8) : start]) is not None
    )


_WHICH = re.compile(r"\b(?:this|that|the|which|new|old|other|right|wrong|best) \Z", re.IGNORECASE)


def _is_sum(text: str, pieces: list[DigitPiece]) -> bool:
    """Whether digits are an amount: a currency stands before them, or hundreds and thousands are counted in few."""
    if _CURRENCY.search(text, max(0, pieces[0].start - 5), pieces[0].start):
        return True
    return any(piece.sized for piece in pieces) and sum(len(piece.digits) for piece in pieces) < _LONGEST_COUNT


def _is_labelled(text: str, pieces: list[DigitPiece]) -> bool:
    """Whether few digits are one of many things, or what goes on an amount: row 14, nine euro 50, at nine forty."""
    length = sum(len(piece.digits) for piece in pieces)
    if len(pieces) > _PIECES_LABELLED or length > _LONGEST_LABELLED:
        return False
    words, before = sensitive_words(), text[max(0, pieces[0].start - 16) : pieces[0].start]
    return words.label.search(before) is not None or (
        length <= _LONGEST_CENTS and words.money.search(before) is not None
    )


_DIALLED = 3
_POUND_KEY = re.compile(r"\spound(?: key)?\b", re.IGNORECASE)
"""Behind so many pieces that are read out it is a key of the telephone: zero eight one nine pound."""

_LONGEST_LABELLED = 4
_PIECES_LABELLED = 2
"""Digits of a room, a row, an error, and pieces of a time: at nine forty."""

_LONGEST_CENTS = 2
"""Digits behind a currency: nine euro 50."""

_PRONOUN = re.compile(
    r"(?i:one)\W+(?i:is|was|it's|that's)\W+(?:\w+\W+)?"
    r"|(?i:oh)\W+(?i:okay|ok|yes|yeah|no|sorry|right|well|it's|it is)\b.*"
)
"""The new one is 555; oh, okay, 3782."""

_NEW_SENTENCE = re.compile(r"[.?!]\s")
_LONGEST_COUNT = 7
"""Digits of an amount at most: 1,234,567 元."""

_WORDS = re.compile(r"[^\W_]")
_CURRENCY = re.compile(r"(?:[$£€¥￥]|(?i:rmb|usd|cny|gbp))\s*\Z")
_PERCENT = re.compile(r"\s*[%％℃°]")


def _is_loose(text: str, piece: DigitPiece) -> bool:
    return text[piece.start : piece.end].lower() in ("oh", "o", "one")


def _counts(text: str, end: int) -> bool:
    """Whether a unit stands right behind a number; 个 before a digit is another digit's: 三个八."""
    if _PERCENT.match(text, end):
        return True
    at = end + 1 if text[end : end + 1] == " " else end
    words = sensitive_words()
    if adjective := words.unit_adjective.match(text, at):
        at = adjective.end()
    match = words.unit.match(text, at)
    if match is None:
        return False
    # 分机 and 号码 begin like units
    return not text.startswith(sensitive_words().zh.not_units, at)


_MAY_BE_KEPT = re.compile(r"\d[:：]\s?\d|\d[/.\-年]\d|第|周|期|拜|[a-z] (?:19|20)\d\d\b|\b(?:first|last) ")
_KEPT = re.compile(
    r"(?<!\d)\d{1,2}[:：]\s?\d{2}(?:[:：]\s?\d{2})?(?!\d(?!\d[:：]))"
    r"|(?<![\d/])\d{1,2}/\d{1,2}(?:/\d{2,4})?(?![\d/])"
    r"|(?<!\d)(?:19|20)\d\d([-./])\d{1,2}\1\d{1,2}(?!\d)"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*,? (?:the )?(?:\d\d?,? )?(?:19|20)\d\d\b"
    r"|(?<![\d.])\d{1,6}\.\d{1,2}(?![\d.])"
    r"|(?<![\d.])(?:(?!\d\d(?:\.\d\d){3})\d{1,3}(?:\.\d{1,3}){3}|\d\.\d{1,3}\.\d{1,3}|\d{2,3}\.\d\.\d{1,3})(?!\.?\d)"
    r"|\b(?:first|last) (?:one|two|three|four|five|six|[1-6])(?=[.?!]| (?:swapped|were|are|is|of|on|wrong|again)\b|$)"
    r"|\b(?:in|since|from|to|until|till|through|of|by) (?:19|20)\d\d\b(?![\s-]*\d)"
    r"|第[\d零〇一二三四五六七八九十百]{1,5}|(?:周|星期|礼拜)[\d一二三四五六日天]"
)
"""Times, dates, decimals, versions, ordinals, days of the week, the last two: no digits of a number."""


class _Digits:
    """The patterns of both languages, put together once from their tables."""

    def __init__(self) -> None:
        zh, en, words = chinese_numbers(), english_numbers(), sensitive_words()
        self.han = {**zh.written, **{han: str(d) for han, d in words.zh.read_out.items()}, "两": "2", "俩": "2"}
        self.sure = "".join(zh.written)
        self.ones = {word: str(d) for word, d in {**en.digits, **words.en.digits}.items()}
        self.teens = {word: str(d) for word, d in en.teens.items()}
        self.tens = {word: str(d) for word, d in en.tens.items()}
        self.times = words.times
        self.misheard = {word: str(d) for word, d in words.en.misheard.items()}
        self.misheard_han = {han: str(d) for han, d in words.zh.misheard.items()}
        self.inside_han = {han: str(d) for han, d in words.zh.misheard_inside.items()}
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
        any_han = "".join((*self.han, *self.misheard_han, *self.inside_han))
        one, tens, digit = _or(self.ones), _or(self.tens), rf"[0-9０-９{sure}]"
        simple = rf"(?:{tens})(?:[\s-]+(?:{_or_counting(self.ones)}))?|{_or(self.teens)}|{one}"
        return (
            rf"(?<!\d)(?P<han_times>[两俩二三四五六2-6](?=\s?[个连])|双)\s?[个连]?(?P<han_timed>{digit})"
            rf"(?:(?<=[\d{han}][两俩二三四五六2-6]个{digit})"
            rf"|(?![十百千万个位张{digit[1:-1]}])(?=[^{HAN}]|$|然后|再|后面|嗯|最后|吧|的))"
            rf"|(?P<number>(?<![A-Za-z0-9])[0-9０-９]+(?![A-WYZa-wyz0-9]))"
            rf"|(?P<han>(?:(?![两俩二三四五六][个连]{digit})[{any_han}])+)"
            rf"|\b(?P<times>{_or(self.times)})[\s-]+(?P<timed>{one}|\d)\b"
            rf"|\b(?P<many>{_or_counting(self.ones)})[\s-]+(?P<plural>{_or(self.plurals)})\b"
            rf"|\b(?P<big>{simple})[\s-]+(?P<size>hundred|thousand)\b"
            rf"|\b(?P<word>{simple})\b"
            rf"|\b(?P<misheard>{_or(self.misheard)})\b"
        )

    def pieces(self, text: str, kept: list[tuple[int, int]]) -> Iterator[DigitPiece]:
        """What stands for digits in a text, in order, without what lies in the stretches that are kept."""
        found: list[DigitPiece] = []
        for match in self.piece.finditer(text):
            start, end = match.span()
            if kept and any(start < last and first < end for first, last in kept):
                continue
            if match["han"]:
                found += self._han_pieces(text, match)
            elif digits := self._value(match):
                found.append(DigitPiece(start, end, digits, bool(match["misheard"]), bool(match["size"])))
        yield from _without_words(text, found)

    def _value(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        if match["number"]:
            return match["number"].translate(_FULL_WIDTH)
        if match["misheard"]:
            return self.misheard[match["misheard"].lower()]
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

    def _han_pieces(self, text: str, match: re.Match[str]) -> Iterator[DigitPiece]:
        """Rows of Han digits; where there are several, what only sounds like one between them is one too."""
        run, start = match["han"], match.start()
        first, last = self._known(text, run, start)
        known = sum(han in self.han for han in run)
        inside = any(han in self.inside_han for han in run[first:last])
        if last - first >= _LEAST_MISHEARD and known >= _LEAST_MISHEARD - (not inside):
            digits = "".join(self.han.get(han) or self.misheard_han.get(han) or self.inside_han[han] for han in run)
            yield DigitPiece(start + first, start + last, digits[first:last])
            return
        for row in re.finditer(rf"[{''.join(self.han)}]+", run):
            place = (start + row.start(), start + row.end())
            if len(row[0]) > 1 or (row[0] in self.sure and self._stands_alone(text, *place)):
                digits = "".join(self.han[han] for han in row[0])
                yield DigitPiece(*place, digits)

    def _known(self, text: str, run: str, start: int) -> tuple[int, int]:
        """Where a row begins and ends: 是, 要 and the like count inside only, 医, 舞 at its edges unless in a word."""
        edges = self.han.keys() | self.misheard_han.keys()
        first, last = 0, len(run)
        while last and run[last - 1] not in edges:
            last -= 1
        while first < last and run[first] not in edges:
            first += 1
        after = text[start + last : start + last + 1]
        while last and run[last - 1] not in self.han and last == len(run) and _HAN.match(after):
            last -= 1
        if run[:first].endswith("要") and text[start + first - 2 : start + first - 1] not in _WANTS:
            first -= 2 if run[:first].endswith("要要") else 1
        return first, last

    def _stands_alone(self, text: str, start: int, end: int) -> bool:
        """Whether a single Han digit is read out: among other digits, or with nothing but small words beside it."""
        if self.listed_after.match(text, end):
            return True
        if self.listed_before.search(text, max(0, start - 3), start):
            return _IN_A_WORD.match(text, start) is None and not _counts(text, end)
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


_HAN = re.compile(rf"[{HAN}]")


_IN_A_WORD = re.compile(r"一[直下共般会样起定些边路律切旦向致]|[两三四五六七八九]个|[一两三四五六七八九]到")
"""What begins with a digit and is none, behind a number: 七七五九二一，一直关机."""

_WANTS = tuple("我想只需不就还您你")
_LEAST_MISHEARD = 3


def _without_words(text: str, pieces: Sequence[DigitPiece]) -> Iterator[DigitPiece]:
    """The pieces without those words (to, for) that are none where they stand: only amid digits are they misheard."""
    for at, piece in enumerate(pieces):
        if not piece.misheard:
            yield piece
            continue
        before = _in_a_row(text, list(reversed(pieces[:at])), piece.start, -1)
        after = _in_a_row(text, pieces[at + 1 :], piece.end, 1)
        if before and after:
            kept = before + after >= _LEAST_MISHEARD
        elif before:
            kept = before >= _LEAST_MISHEARD - 1 and _CLOSED.match(text, piece.end) is not None
        else:
            start = _row_start(text, pieces[: at + 1])
            kept = after >= _LEAST_MISHEARD - 1 and _OPEN.search(text[max(0, start - 3) : start]) is not None
        if kept:
            yield piece


def _row_start(text: str, pieces: Sequence[DigitPiece]) -> int:
    """Where a row of misheard digits begins, of which the last is the last of these."""
    start = pieces[-1].start
    for piece in reversed(pieces[:-1]):
        if not piece.misheard or text[piece.end : start] != " ":
            break
        start = piece.start
    return start


_CLOSED = re.compile(r"\s*(?:[,.;?!]|$)")
_OPEN = re.compile(r"(?:^|[,.;?!])\s*$")


def _in_a_row(text: str, pieces: Sequence[DigitPiece], edge: int, step: int) -> int:
    """How many digits are said one by one right beside a place."""
    count = 0
    for piece in pieces:
        gap = text[edge : piece.start] if step > 0 else text[piece.end : edge]
        if gap.strip(" ,.-") or len(gap) > 3 or (len(piece.digits) > 1 and text[piece.start].isdigit()):
            break
        count += not piece.misheard
        edge = piece.end if step > 0 else piece.start
    return count


def _or(*tables: Mapping[str, str] | Mapping[str, int]) -> str:
    return "|".join(sorted({word for table in tables for word in table}, key=len, reverse=True))


def _or_counting(ones: Mapping[str, str]) -> str:
    return "|".join(sorted((word for word, digit in ones.items() if digit != "0"), key=len, reverse=True))


@cache
def _digits() -> _Digits:
    return _Digits()
