"""Chinese numbers that were asked for and heard as other words of the same sound: 要三摇，二摇六四 for 幺三幺二幺六四.

Where a line is bad the recogniser writes homophones for most digits of a number, and nothing looks like one any more.
What is told right after a number was asked for, and sounds like digits nearly throughout, is that number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.phonetics import fold
from pipeline.masks import MaskKind
from pipeline.privacy.topics import Topic

TOLD_TURNS = 4
"""A number is told, and read back, in so many turns after it was asked for."""

LEAST_SOUNDS, DIGIT_SHARE = 6, 0.75
"""So many syllables at least, so many of them like digits."""

LEAST_HOMOPHONES = 3
"""So many of them are other words; else it is a number that was heard right, which others find and tell the ends of."""

_DIGITS = "零一二三四五六七八九幺两洞拐"
_PLAIN = frozenset(_DIGITS + "〇十百千万是")
_PIECE = re.compile(r"[一-鿿]|[0-9]+|[A-Za-z](?![A-Za-z])")
_APART = re.compile(r"[。？！?!]|[A-Za-z]{2}")
_ASKED: tuple[MaskKind, ...] = ("phone", "card", "id", "account", "plate")


@cache
def _digit_sounds() -> frozenset[str]:
    return frozenset(map(fold, _DIGITS))


def find_by_sound(call: Call, topics: Sequence[Topic]) -> Iterator[tuple[tuple[int, int, int], MaskKind]]:
    """Turn, first character and end of what sounds like a number that was asked for, and its kind."""
    if call.language != "zh":
        return
    for number, turn in enumerate(call.turns):
        asked = next((topic for topic in reversed(topics) if topic.turn <= number), None)
        if asked is None or number - asked.turn > TOLD_TURNS:
            continue
        kind = next((kind for kind in _ASKED if kind == asked.name), None)
        if kind is not None:
            begin = asked.end if asked.turn == number else 0
            yield from (((number, first, last), kind) for first, last in _runs(turn.text, begin))


def _runs(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The stretches from a place on that sound like digits nearly throughout."""
    pieces = [(match.start(), match.end(), _is_like(match[0])) for match in _PIECE.finditer(text, begin)]
    at = 0
    while at < len(pieces):
        end = _reach(text, pieces, at) if pieces[at][2] else 0
        if end:
            yield pieces[at][0], pieces[end - 1][1]
            at = end
        else:
            at += 1


def _reach(text: str, pieces: Sequence[tuple[int, int, bool]], at: int) -> int:
    """Behind which piece the longest such stretch ends that begins with one; 0 where there is none."""
    like = sounds = homophones = best = 0
    edge = pieces[at][0]
    for number in range(at, len(pieces)):
        start, end, is_like = pieces[number]
        if _APART.search(text, edge, start):
            break
        sounds, like, edge = sounds + 1, like + is_like, end
        homophones += is_like and not text[start].isascii() and text[start] not in _PLAIN
        if is_like and sounds >= LEAST_SOUNDS and like >= DIGIT_SHARE * sounds and homophones >= LEAST_HOMOPHONES:
            best = number + 1
    return best


def _is_like(piece: str) -> bool:
    return piece.isascii() or fold(piece) in _digit_sounds()
