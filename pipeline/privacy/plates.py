"""Number plates in a call: 京A12345 wherever it is said; any letters and digits where a plate was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.numbers import english_numbers
from pipeline.language.sensitive_words import sensitive_words
from pipeline.privacy.mail import Stretch

ANSWER_TURNS = 5
"""A plate that was asked for is told, and read back, in so many turns."""

PLATE_CHARACTERS = 5
"""Characters of a plate after which it may be whole."""

_HAN_DIGITS = "零〇一二两三四五六七八九幺洞拐"
_GAP = r"[\s，,、·.\-—。]{0,3}(?:(?:嗯|啊|然后|再|杠|点)[\s，,、]{0,2})?"
_NO_PIECE = frozenset(["OK", "US", "UK", "ID", "TV", "AM", "PM"])


def find_plates(call: Call) -> list[Stretch]:
    """Where number plates stand."""
    mainland = _mainland()
    found = [
        (number, *match.span()) for number, turn in enumerate(call.turns) for match in mainland.finditer(turn.text)
    ]
    for number, turn in enumerate(call.turns):
        for match in _asked().finditer(turn.text):
            found += _told(call, number, match.end())
    return found


def _told(call: Call, asked: int, end: int) -> Iterator[Stretch]:
    """What is told and read back of a plate that was asked for, until it is whole; then only what repeats it."""
    written = ""
    for number in range(asked, min(asked + ANSWER_TURNS + 1, len(call.turns))):
        text = call.turns[number].text
        for first, last in _runs(text, end if number == asked else 0):
            own = "".join(character for character in text[first:last] if character.isalnum()).upper()
            if own not in written:
                if len(written) >= PLATE_CHARACTERS or sensitive_words().topic_of.get(_named(text[:first])) == "other":
                    continue
                written += own
            yield number, first, last


def _named(before: str) -> str:
    """The last word before a stretch that tells what it is."""
    topics = list(sensitive_words().topic.finditer(before))
    return " ".join(topics[-1][0].lower().split()) if topics else ""


@cache
def _asked() -> re.Pattern[str]:
    words = sensitive_words()
    zh, en = words.zh.topics["plate"], words.en.topics["plate"]
    listed = "|".join(map(re.escape, sorted(en, key=len, reverse=True)))
    return re.compile(rf"{'|'.join(zh)}|\b(?:{listed})\b", re.IGNORECASE)


@cache
def _mainland() -> re.Pattern[str]:
    provinces, one = sensitive_words().zh.plate_provinces, rf"[A-Za-z0-9{_HAN_DIGITS}]"
    return re.compile(rf"[{provinces}]{_GAP}[A-Za-z](?:{_GAP}{one}){{5,6}}(?![0-9{_HAN_DIGITS}])")


@cache
def _piece() -> re.Pattern[str]:
    """Letters and digits as plates have them: one at a time, some together, a letter by its word."""
    words = sensitive_words()
    read_out = "|".join((*words.en.letters, *english_numbers().words, *words.en.digits))
    return re.compile(
        rf"(?<![A-Za-z0-9'’])(?:[A-Z]{{1,3}}|[B-HJ-Zb-hj-z]|[A-Za-z]{{0,3}}\d[A-Za-z0-9]*|(?i:{read_out}))"
        rf"(?![A-Za-z0-9'’])|[{_HAN_DIGITS}]{{2,}}|[{words.zh.plate_provinces}](?=\s?[A-Za-z])"
    )


def _runs(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Runs of letters and digits that may be a plate or a part of one."""
    run: list[re.Match[str]] = []
    for piece in _piece().finditer(text, start):
        if run and re.fullmatch(_GAP, text[run[-1].end() : piece.start()]) is None:
            if _is_part(run):
                yield run[0].start(), run[-1].end()
            run = []
        if piece[0] not in _NO_PIECE:
            run.append(piece)
    if run and _is_part(run):
        yield run[0].start(), run[-1].end()


def _is_part(run: list[re.Match[str]]) -> bool:
    written = "".join(piece[0] for piece in run)
    has_digit = any(c.isdigit() or c in _HAN_DIGITS for c in written)
    return len(run) >= 3 or (has_digit and len(written) >= 3 and any(c.isascii() and c.isalpha() for c in written))
