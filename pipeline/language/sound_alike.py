"""Chinese phrases heard through slips of recognition, by the syllables that a telephone does not keep apart.

For rough counting over whole texts; `phonetics.cost` weighs one phrase against one place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from pipeline.language.phonetics import fold
from pipeline.language.text import HAN

_SHORTEST, _SLIP = 3, 5
"""Phrases of fewer syllables than `_SHORTEST` must be as written; from `_SLIP` on one syllable may differ."""

_PIECE = re.compile(rf"([{HAN}])|[\w。？！?!.\n]")


def syllables_of(text: str) -> list[str]:
    """Folded syllables of the Han characters in order; other words and the end of a sentence part them ("")."""
    syllables: list[str] = []
    for piece in _PIECE.finditer(text):
        if piece[1]:
            syllables.append(fold(piece[1]))
        elif not syllables or syllables[-1]:
            syllables.append("")
    return syllables


@cache
def _phrase_syllables(phrase: str) -> tuple[str, ...]:
    return tuple(syllables_of(phrase))


def times_heard(phrase: str, text: str, syllables: Sequence[str]) -> int:
    """How often a Chinese phrase occurs: as written, or by sound from three syllables on (one of five may differ)."""
    exact = text.count(phrase)
    wanted = _phrase_syllables(phrase)
    if exact or len(wanted) < _SHORTEST:
        return exact
    slips = 1 if len(wanted) >= _SLIP else 0
    times, start = 0, 0
    while start + len(wanted) <= len(syllables):
        wrong = sum(a != b for a, b in zip(wanted, syllables[start : start + len(wanted)], strict=True))
        if wrong <= slips:
            times += 1
            start += len(wanted)
        else:
            start += 1
    return times
