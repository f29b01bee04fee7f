"""The one normaliser: both a rule's phrases and what was heard go through it before they are compared.

It evens out width, script (traditional to simplified), case, punctuation, contractions, and numbers spoken or
written (零零一 = 001 = 幺). It never edits a transcript: every token remembers where in the text it came from.

Tokens are single Han characters, single digits and Latin words, all lower case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from opencc import OpenCC

SENTENCE, CLAUSE = 2, 1
"""Kinds of break behind a token: a sentence ends, or only a clause."""

_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_SENTENCE_MARKS = "。！？!?；;…\n"
_CLAUSE_MARKS = '，、,：:—()《》“”"「」'
TEXT_END = "\x1e"
"""Stands behind every text of several that are cut together."""
TURN_END = "\n"
"""The token that it becomes; no phrase crosses it."""
_BREAKS = dict.fromkeys(_SENTENCE_MARKS, SENTENCE) | dict.fromkeys(_CLAUSE_MARKS, CLAUSE)
_MARK = f"([{re.escape(''.join(_BREAKS))}]?)"
_PIECES = re.compile(rf"(?:([{_HAN}0-9]+)|([a-z]+(?:'[a-z]+)?)){_MARK}|[^\s]|[\n{TEXT_END}]")
_WIDE = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF00, 0xFFF0)}
# A few replacements are much faster than a translation.
_WIDE_MARKS = tuple(zip("，？！：；", ",?!:;", strict=True))
_OTHER_WIDE = re.compile("[\uff00-\uffef]")
_HAN_DIGITS = {"零": "0", "〇": "0", "一": "1", "幺": "1", "二": "2", "三": "3", "四": "4", "五": "5", "六": "6",
               "七": "7", "八": "8", "九": "9"}  # fmt: skip
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_UNIT = re.compile("[十百千]")
_COMPOUND = re.compile("[一二三四五六七八九两1-9][十百千][零〇一二三四五六七八九两十百千0-9]*|十[一二三四五六七八九]")
_ENGLISH_DIGITS = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
                   "seven": "7", "eight": "8", "nine": "9"}  # fmt: skip
_TENS = {"twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
         "ninety": "9"}  # fmt: skip
_TEENS = {"ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
          "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19"}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_NUMBER_WORDS = frozenset({*_ENGLISH_DIGITS, *_TENS, *_TEENS, *_TIMES, "oh"})
_CONTRACTIONS = {
    "can't": ("can", "not"), "cannot": ("can", "not"), "cant": ("can", "not"), "won't": ("will", "not"),
    "shan't": ("shall", "not"), "let's": ("let", "us"), "ma'am": ("madam",), "y'all": ("you", "all"),
    "dont": ("do", "not"), "doesnt": ("does", "not"), "didnt": ("did", "not"), "im": ("i", "am"),
    "wont": ("will", "not"), "isnt": ("is", "not"), "wasnt": ("was", "not"), "arent": ("are", "not"),
    "werent": ("were", "not"), "havent": ("have", "not"), "hasnt": ("has", "not"), "hadnt": ("had", "not"),
    "couldnt": ("could", "not"), "wouldnt": ("would", "not"), "shouldnt": ("should", "not"),
    "ive": ("i", "have"), "youve": ("you", "have"), "weve": ("we", "have"), "youre": ("you", "are"),
    "theyre": ("they", "are"), "thats": ("that", "is"), "whats": ("what", "is"), "theres": ("there", "is"),
    "heres": ("here", "is"), "wheres": ("where", "is"), "whos": ("who", "is"), "youll": ("you", "will"),
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
    return _numbers(_cut(_fold(text.replace(TEXT_END, " "), language)), language)


def tokenise_all(texts: Sequence[str], language: str) -> tuple[str, Tokens]:
    """Cut several texts at once, a token `TURN_END` behind each. Offsets are those in the texts put together, which
    comes with them."""
    whole = "".join([text + TEXT_END for text in texts])
    if whole.count(TEXT_END) != len(texts):
        texts = [text.replace(TEXT_END, " ") for text in texts]
        whole = "".join([text + TEXT_END for text in texts])
    folded = _fold_plainly(whole, language)
    if folded is None:
        folded = "".join([_fold(text, language) + TEXT_END for text in texts])
    return whole, _numbers(_cut(folded), language)


def _cut(folded: str) -> Tokens:
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    breaks: list[int] = []
    for match in _PIECES.finditer(folded):
        run, word, mark = match.groups()
        if run:
            # Han and digits, the common case: a token is a character
            start, end = match.span(1)
            words += run
            starts += range(start, end)
            ends += range(start + 1, end + 1)
            breaks += [0] * (end - start)
        elif word:
            start, end = match.span(2)
            for part in _contraction(word):
                words.append(part)
                starts.append(start)
                ends.append(end)
                breaks.append(0)
        else:
            mark = match[0]
            if mark.isalnum() or mark == TEXT_END:
                words.append(mark if mark != TEXT_END else TURN_END)
                starts.append(match.start())
                ends.append(match.end())
                breaks.append(0)
                continue
            if not breaks or words[-1] == TURN_END:
                continue
            if mark == "." and _ends_sentence(words[-1], folded, match.end()):
                breaks[-1] = SENTENCE
        if mark:
            breaks[-1] = max(breaks[-1], _BREAKS.get(mark, 0))
    return Tokens(words, starts, ends, breaks)


def _numbers(tokens: Tokens, language: str) -> Tokens:
    return _english_numbers(tokens) if language == "en" else _chinese_numbers(tokens)


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def _fold(text: str, language: str) -> str:
    """Width, case and script, one character for one, so that offsets stay."""
    folded = _fold_plainly(text, language)
    if folded is not None:
        return folded
    # a phrase that changes its length in conversion is converted character by character
    characters = [_WIDE.get(ord(c), c)[0] for c in text]
    if language != "en":
        characters = [(_simplifier().convert(c) or c)[0] for c in characters]
    return "".join((c.lower() or c)[0] for c in characters).replace("’", "'").replace("‘", "'")


def _fold_plainly(text: str, language: str) -> str | None:
    """The text folded as a whole; None where that changes its length, which is rare."""
    folded = text
    if not text.isascii():
        for wide, narrow in _WIDE_MARKS:
            folded = folded.replace(wide, narrow)
        if _OTHER_WIDE.search(folded):
            folded = folded.translate(_WIDE)
        if language != "en":
            folded = _simplifier().convert(folded)
        folded = folded.replace("’", "'").replace("‘", "'")
    folded = folded.lower()
    return folded if len(folded) == len(text) else None


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


def _chinese_numbers(tokens: Tokens) -> Tokens:
    """Digits for number words, 三十五 as 3 5; 万 and 半 stay. 十分, 百般 and their like are no numbers here."""
    words, starts, ends, breaks = tokens.words, tokens.starts, tokens.ends, tokens.breaks
    joined = "".join([word if len(word) == 1 else "\0" for word in words])
    digits = joined
    for han, digit in _HAN_DIGITS.items():
        digits = digits.replace(han, digit)
    if digits != joined:
        words = [digit if digit != "\0" else word for digit, word in zip(digits, words, strict=True)]
    spans = [m.span() for m in _COMPOUND.finditer(joined)] if _UNIT.search(joined) else []
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
            value = str(_value(joined[begin:end]))
            out.words.extend(value)
            out.starts.extend([starts[begin]] * len(value))
            out.ends.extend([ends[end - 1]] * len(value))
            out.breaks.extend([0] * (len(value) - 1) + [breaks[end - 1]])
        at = end
    return out


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


def _english_numbers(tokens: Tokens) -> Tokens:
    words, starts, ends, breaks = tokens.words, tokens.starts, tokens.ends, tokens.breaks
    if _NUMBER_WORDS.isdisjoint(words):
        return tokens
    out = Tokens([], [], [], [])
    times = 1
    for i, word in enumerate(words):
        following = ""
        if word in _NUMBER_WORDS:
            following = words[i + 1] if i + 1 < len(words) else ""
            if word in _TIMES and (following in _ENGLISH_DIGITS or following == "oh" or following.isdigit()):
                times = _TIMES[word]  # double oh, triple five
                continue
            if word in _ENGLISH_DIGITS:
                word = _ENGLISH_DIGITS[word]
            elif word == "oh" and (times > 1 or _zero(words, i, bool(out.words) and out.words[-1].isdigit())):
                word = "0"
            elif word in _TENS:
                word = _TENS[word] + ("" if following in _ENGLISH_DIGITS and following != "zero" else "0")
            elif word in _TEENS:
                word = _TEENS[word]
        pieces = word * times if word.isdigit() else (word,)
        out.words.extend(pieces)
        out.starts.extend([starts[i]] * len(pieces))
        out.ends.extend([ends[i]] * len(pieces))
        out.breaks.extend([0] * (len(pieces) - 1) + [breaks[i]])
        times = 1
    return out
