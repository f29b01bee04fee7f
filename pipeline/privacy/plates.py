"""Number plates in a call: 京A12345 wherever it is said; any letters and digits where a plate was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.privacy_words import privacy_words
from pipeline.privacy.mail import Stretch

ANSWER_TURNS = 5
"""A plate that was asked for is told, and read back, in so many turns."""

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领"
_HAN_DIGITS = "零〇一二两三四五六七八九幺洞拐"
_NATO = (
    "alpha|alfa|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliet|juliett|kilo|lima|mike|november|oscar|papa|"
    "quebec|romeo|sierra|tango|uniform|victor|whiskey|whisky|x-ray|xray|yankee|zulu"
)
_GAP = r"[\s，,、·.\-—。]{0,3}(?:(?:嗯|啊|然后|再|杠|点)[\s，,、]{0,2})?"
_MAINLAND = re.compile(
    rf"[{_PROVINCES}]{_GAP}[A-Za-z](?:{_GAP}[A-Za-z0-9{_HAN_DIGITS}]){{5,6}}(?![0-9{_HAN_DIGITS}])"
)
_DIGIT_WORDS = "zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple"
_PIECE = re.compile(
    rf"(?<![A-Za-z0-9])(?:[A-Z]{{1,3}}|[A-HJ-Zb-hj-z]|[A-Za-z]{{0,3}}\d[A-Za-z0-9]*|(?i:{_NATO}|{_DIGIT_WORDS}))(?![A-Za-z0-9'])"
    rf"|[{_HAN_DIGITS}]{{2,}}|[{_PROVINCES}](?=\s?[A-Za-z])"
)
_NO_PIECE = frozenset("I A OK US UK ID TV AM PM".split())


def find_plates(call: Call) -> list[Stretch]:
    """Where number plates stand."""
    found = [(number, *match.span()) for number, turn in enumerate(call.turns) for match in _MAINLAND.finditer(turn.text)]
    asked = [
        (number, match.end())
        for number, turn in enumerate(call.turns)
        for match in _asked().finditer(turn.text)
    ]
    for number, end in asked:
        for later in range(number, min(number + ANSWER_TURNS + 1, len(call.turns))):
            start = end if later == number else 0
            found += [(later, first, last) for first, last in _runs(call.turns[later].text, start)]
    return found


@cache
def _asked() -> re.Pattern[str]:
    words = privacy_words()
    zh, en = words.zh.topics["plate"], words.en.topics["plate"]
    listed = "|".join(map(re.escape, sorted(en, key=len, reverse=True)))
    return re.compile(rf"{'|'.join(zh)}|\b(?:{listed})\b", re.IGNORECASE)


def _runs(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Runs of letters and digits that may be a plate or a part of one."""
    run: list[re.Match[str]] = []
    for piece in (*_PIECE.finditer(text, start), None):
        if piece is not None and (piece[0] in _NO_PIECE and not run):
            continue
        if piece is not None and run and re.fullmatch(_GAP, text[run[-1].end() : piece.start()]):
            run.append(piece)
            continue
        if run and _is_part(run):
            yield run[0].start(), run[-1].end()
        run = [piece] if piece is not None else []


def _is_part(run: list[re.Match[str]]) -> bool:
    written = "".join(piece[0] for piece in run)
    has_digit = any(c.isdigit() or c in _HAN_DIGITS for c in written)
    return len(run) >= 3 or (has_digit and len(written) >= 3 and any(c.isascii() and c.isalpha() for c in written))
