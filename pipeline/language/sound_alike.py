"""Chinese phrases heard through slips of recognition, by the syllables that a telephone does not keep apart.

For rough counting over whole texts; `phonetics.cost` weighs one phrase against one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import count

from pipeline.language.phonetics import fold
from pipeline.language.text import HAN

_SHORTEST, _SLIP = 3, 5
"""Phrases of fewer syllables than `_SHORTEST` must be as written; from `_SLIP` on one syllable may differ."""

_PIECE = re.compile(rf"([{HAN}])|[\w。？！?!.\n]")

_PARTED = "\U000f0000"
"""Stands for what is no Han character, and for the end of a sentence."""

_CODES: dict[str, str] = {"": _PARTED}
_NUMBERS = count(1)


def sounds_of(text: str) -> str:
    """The folded syllables of the Han characters in order, one character each; other words and the end of a sentence
    part them."""
    sounds: list[str] = []
    for piece in _PIECE.finditer(text):
        if piece[1]:
            sounds.append(_code(piece[1]))
        elif not sounds or sounds[-1] != _PARTED:
            sounds.append(_PARTED)
    return "".join(sounds)


@cache
def _code(character: str) -> str:
    # threads may come here at once: a number that is not used does no harm, one that is used twice would
    return _CODES.setdefault(fold(character), chr(ord(_PARTED) + next(_NUMBERS)))


@cache
def _phrase_sounds(phrase: str) -> str:
    return sounds_of(phrase)


def times_heard(phrase: str, text: str, sounds: str) -> int:
    """How often a Chinese phrase occurs: as written, or by sound from three syllables on (one of five may differ).

    `sounds` are those of the text (`sounds_of`).
    """
    exact = text.count(phrase)
    wanted = _phrase_sounds(phrase)
    if exact or len(wanted) < _SHORTEST:
        return exact
    if len(wanted) < _SLIP:
        return sounds.count(wanted)
    times, after = 0, 0
    for start in _candidates(wanted, sounds):
        heard = sounds[start : start + len(wanted)]
        if start >= after and sum(a != b for a, b in zip(wanted, heard, strict=True)) <= 1:
            times += 1
            after = start + len(wanted)
    return times


def _candidates(wanted: str, sounds: str) -> list[int]:
    """Where a phrase may begin: if one syllable is wrong, one half of the phrase is right."""
    half, last = len(wanted) // 2, len(sounds) - len(wanted)
    found = {*_places(wanted[:half], sounds), *(place - half for place in _places(wanted[half:], sounds))}
    return sorted(place for place in found if 0 <= place <= last)


def _places(part: str, sounds: str) -> Iterator[int]:
    place = sounds.find(part)
    while place >= 0:
        yield place
        place = sounds.find(part, place + 1)
