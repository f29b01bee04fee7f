"""The one normaliser: both a rule's phrases and what was heard go through it before they are compared.

It evens out width, script (traditional to simplified), case, punctuation, contractions, and numbers spoken or
written (零零一 = 001 = 幺). It never edits a transcript: every token remembers where in the text it came from.

Tokens are single Han characters, single digits and Latin words, all lower case.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from opencc import OpenCC

SENTENCE, CLAUSE = 2, 1
"""Kinds of break behind a token: a sentence ends, or only a clause."""

_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_SENTENCE_MARKS = "。！？!?；;…\n"
_CLAUSE_MARKS = '，、,：:—()《》“”"「」'
_SIMPLE = re.compile(rf"[{_HAN}0-9{re.escape(_SENTENCE_MARKS + _CLAUSE_MARKS)}]*")
_PIECES = re.compile(rf"[{_HAN}]|[0-9]|[a-z]+(?:'[a-z]+)?|[^\s]")
_HAN_DIGITS = {"零": "0", "〇": "0", "一": "1", "幺": "1", "二": "2", "三": "3", "四": "4", "五": "5", "六": "6",
               "七": "7", "八": "8", "九": "9"}  # fmt: skip
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_COMPOUND = re.compile("[一二三四五六七八九两1-9][十百千][零〇一二三四五六七八九两十百千0-9]*|十[一二三四五六七八九]")
_ENGLISH_DIGITS = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
                   "seven": "7", "eight": "8", "nine": "9"}  # fmt: skip
_TENS = {"twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
         "ninety": "9"}  # fmt: skip
_TEENS = {"ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
          "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19"}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_CONTRACTIONS = {
    "can't": ("can", "not"), "cannot": ("can", "not"), "cant": ("can", "not"), "won't": ("will", "not"),
    "shan't": ("shall", "not"), "let's": ("let", "us"), "ma'am": ("madam",), "y'all": ("you", "all"),
    "dont": ("do", "not"), "doesnt": ("does", "not"), "didnt": ("did", "not"), "im": ("i", "am"),
    "gonna": ("going", "to"), "wanna": ("want", "to"), "gotta": ("got", "to"), "ok": ("okay",),
    "mister": ("mr",), "missus": ("mrs",), "good-bye": ("goodbye",), "ain't": ("is", "not"),
}  # fmt: skip
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'s": "is"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Normalised tokens of a text. `starts`/`ends` are offsets into the text as it was given; `breaks[i]` is
    `SENTENCE`, `CLAUSE` or 0: what punctuation, if any, stands behind token i."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    breaks: list[int]


def normalise(text: str, language: str) -> str:
    """The normalised text: tokens put together, with spaces only between Latin words. Nothing else is left."""
    out: list[str] = []
    for word in tokenise(text, language).words:
        if out and word.isascii() and out[-1].isascii() and not (word.isdigit() and out[-1].isdigit()):
            out.append(" ")
        out.append(word)
    return "".join(out)


def tokenise(text: str, language: str) -> Tokens:
    """Cut a text into normalised tokens that know their place in it. `language` is "zh" or "en"."""
    folded = _fold(text, language)
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    breaks: list[int] = []
    if _SIMPLE.fullmatch(folded):
        # Han, digits and plain punctuation only, the common case: a token is a character
        for place, character in enumerate(folded):
            if character in _SENTENCE_MARKS:
                if breaks:
                    breaks[-1] = SENTENCE
            elif character in _CLAUSE_MARKS:
                if breaks:
                    breaks[-1] = max(breaks[-1], CLAUSE)
            else:
                words.append(character)
                starts.append(place)
                ends.append(place + 1)
                breaks.append(0)
    else:
        for match in _PIECES.finditer(folded):
            piece, start, end = match.group(), match.start(), match.end()
            if piece[0].isalnum():
                parts = _contraction(piece) if (piece.isascii() and piece.isalpha()) or "'" in piece else (piece,)
                for part in parts:
                    words.append(part)
                    starts.append(start)
                    ends.append(end)
                    breaks.append(0)
            elif not breaks:
                continue
            elif piece in _SENTENCE_MARKS or (piece == "." and _ends_sentence(words[-1], folded, end)):
                breaks[-1] = SENTENCE
            elif piece in _CLAUSE_MARKS:
                breaks[-1] = max(breaks[-1], CLAUSE)
    if language == "en":
        words, starts, ends, breaks = _english_numbers(words, starts, ends, breaks)
    else:
        words, starts, ends, breaks = _chinese_numbers(words, starts, ends, breaks)
    return Tokens(words, starts, ends, breaks)


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def _fold(text: str, language: str) -> str:
    """Width, case and script, one character for one, so that offsets stay."""
    folded = text
    if not text.isascii():
        if any("\uff00" <= c <= "\uffef" or c == "\u3000" for c in text):
            folded = "".join(unicodedata.normalize("NFKC", c) if "\uff00" <= c <= "\uffef" else c for c in text)
        if language != "en":
            simple = _simplifier().convert(folded)
            # a phrase that changes its length in conversion is converted character by character
            if len(simple) != len(folded):
                simple = "".join((_simplifier().convert(c) or c)[0] for c in folded)
            folded = simple
        folded = folded.replace("’", "'").replace("‘", "'")
    lowered = folded.lower()
    return lowered if len(lowered) == len(folded) == len(text) else "".join((c.lower() or c)[0] for c in text)


def _ends_sentence(word: str, text: str, place: int) -> bool:
    if word in {"mr", "mrs", "ms", "dr", "st", "no"} or (len(word) == 1 and word.isalpha()):
        return False
    return place >= len(text) or text[place].isspace()


def _contraction(word: str) -> tuple[str, ...]:
    known = _CONTRACTIONS.get(word)
    if known:
        return known
    if "'" not in word:
        return (word,)
    if word.endswith("n't"):
        return (word[:-3], "not")
    stem, mark, tail = word.rpartition("'")
    ending = _ENDINGS.get(mark + tail)
    return (stem, ending) if ending else (stem + tail,)


def _chinese_numbers(
    words: list[str], starts: list[int], ends: list[int], breaks: list[int]
) -> tuple[list[str], list[int], list[int], list[int]]:
    """Digits for number words, 三十五 as 3 5; 万 and 半 stay. 十分, 百般 and their like are no numbers here."""
    digits = _HAN_DIGITS
    joined = "".join(word if len(word) == 1 else "\0" for word in words)
    spans = [m.span() for m in _COMPOUND.finditer(joined)] if any(unit in joined for unit in "十百千") else []
    if not spans:
        return [digits.get(word, word) for word in words], starts, ends, breaks
    out: tuple[list[str], list[int], list[int], list[int]] = ([], [], [], [])
    at = 0
    for begin, end in [*spans, (len(words), len(words))]:
        for i in range(at, begin):
            _push(out, digits.get(words[i], words[i]), starts[i], ends[i], breaks[i])
        if begin < end:
            value = str(_value(joined[begin:end]))
            for place, digit in enumerate(value):
                last = place == len(value) - 1
                _push(out, digit, starts[begin], ends[end - 1], breaks[end - 1] if last else 0)
        at = end
    return out


def _push(out: tuple[list[str], list[int], list[int], list[int]], word: str, start: int, end: int, after: int) -> None:
    out[0].append(word)
    out[1].append(start)
    out[2].append(end)
    out[3].append(after)


def _value(number: str) -> int:
    """八十八 → 88, 一百二 → 120, 一千零五 → 1005."""
    total, digit, unit = 0, 0, 1
    for character in number:
        if character in _UNITS:
            unit = _UNITS[character]
            total += (digit or 1) * unit
            digit = 0
        elif character in "零〇":
            digit, unit = 0, 10
        else:
            digit = digit * 10 + int("2" if character == "两" else _HAN_DIGITS.get(character, character))
    return total + (digit * (unit // 10) if digit and unit > 10 else digit)


def _zero(words: list[str], place: int, in_number: bool) -> bool:
    """Whether an "oh" is a digit: within a number, or before two more digits (oh seven seven)."""
    after = words[place + 1 : place + 3]
    digits = [word in _ENGLISH_DIGITS or word.isdigit() or word in _TIMES or word == "oh" for word in after]
    return bool(digits) and (digits[0] and (in_number or (len(digits) == 2 and digits[1])))


def _english_numbers(
    words: list[str], starts: list[int], ends: list[int], breaks: list[int]
) -> tuple[list[str], list[int], list[int], list[int]]:
    out: tuple[list[str], list[int], list[int], list[int]] = ([], [], [], [])
    times = 1
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else ""
        if word in _TIMES and (following in _ENGLISH_DIGITS or following == "oh" or following.isdigit()):
            times = _TIMES[word]  # double oh, triple five
            continue
        if word in _ENGLISH_DIGITS:
            word = _ENGLISH_DIGITS[word]
        elif word == "oh" and (times > 1 or _zero(words, i, bool(out[0]) and out[0][-1].isdigit())):
            word = "0"
        elif word in _TENS:
            word = _TENS[word] + ("" if following in _ENGLISH_DIGITS and following != "zero" else "0")
        elif word in _TEENS:
            word = _TEENS[word]
        for digit in word * times if word.isdigit() else (word,):
            _push(out, digit, starts[i], ends[i], 0)
        times = 1
        out[3][-1] = breaks[i]
    return out
