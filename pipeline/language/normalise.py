"""The one normaliser: both a rule's phrases and what was heard go through it before they are compared.

It evens out width, script (traditional to simplified), case, punctuation, contractions, and numbers spoken or
written (零零一 = 001 = 幺). It never edits a transcript: every token remembers where in the text it came from.

Tokens are single Han characters, single digits and Latin words, all lower case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from opencc import OpenCC

from pipeline.language.en.contractions import contractions
from pipeline.language.en.numbers import english_numbers, write_english_numbers
from pipeline.language.text import HAN
from pipeline.language.tokens import CLAUSE, SENTENCE, TEXT_END, TURN_END, Tokens
from pipeline.language.zh.numbers import write_chinese_numbers

__all__ = ["CLAUSE", "SENTENCE", "TEXT_END", "TURN_END", "Tokens", "normalise", "tokenise", "tokenise_all", "words_of"]

_SENTENCE_MARKS = "。！？!?；;…\n"
_CLAUSE_MARKS = '，、,：:—()《》“”"「」'
_BREAKS = dict.fromkeys(_SENTENCE_MARKS, SENTENCE) | dict.fromkeys(_CLAUSE_MARKS, CLAUSE)
_MARK = f"([{re.escape(''.join(_BREAKS))}]?)"
_PIECES = re.compile(rf"(?:([{HAN}0-9]+)|([a-z]+(?:'[a-z]+)?)){_MARK}|[^\s]|[\n{TEXT_END}]")
_PLAIN_WORDS = re.compile(r"[a-z ]+")
_WIDE = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF00, 0xFFF0)}
# A few replacements are much faster than a translation.
_WIDE_MARKS = tuple(zip("，？！：；", ",?!:;", strict=True))
_OTHER_WIDE = re.compile("[\uff00-\uffef]")


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


def words_of(text: str, language: str) -> list[str]:
    """The tokens of a text without their places: faster where an English text is plain words, as phrases are."""
    if language == "en" and _PLAIN_WORDS.fullmatch(text):
        written_out = contractions().written_out
        words = [part for word in text.split(" ") if word for part in written_out(word)]
        if english_numbers().words.isdisjoint(words):
            return words
    return tokenise(text, language).words


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
    written_out = contractions().written_out
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
            for part in written_out(word):
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
    return write_english_numbers(tokens) if language == "en" else write_chinese_numbers(tokens)


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
    if word in contractions().abbreviations or (len(word) == 1 and word.isalpha()):
        return False
    return place >= len(text) or text[place].isspace()
