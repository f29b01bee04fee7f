"""Words as written text: which characters are Han, how words are put together, how much was said."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.datatypes import Word

HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
"""Han characters, as the inside of a character class: the unified ideographs with their extensions, and compatibility
ideographs. `models/transcription.py`, which may not look in here, has the same."""

HAN_CHARACTER = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*")
_DIGIT = re.compile(r"\d")
_FULL_WIDTH = re.compile(rf"[\u3000-\u303f\uff00-\uffef{HAN}]")


def put_together(words: Iterable[Word], language: str = "") -> str:
    """The words as written text: no space next to Han, one between Latin words, digits together in Chinese."""
    text = ""
    for word in words:
        piece = word.text.strip()
        if not piece:
            continue
        if text:
            left, right = text[-1], piece[0]
            touching = (
                _FULL_WIDTH.match(left)
                or _FULL_WIDTH.match(right)
                or right in ",.!?;:%)]}'’"
                or left in "([{$¥€£"
                or (language == "zh" and left.isdigit() and right.isdigit())
            )
            text += "" if touching else " "
        text += piece
    return text


def speech_units(text: str) -> int:
    """How much was said: Han characters, Latin words and spoken digits; punctuation never counts."""
    return len(HAN_CHARACTER.findall(text)) + len(_LATIN_WORD.findall(text)) + len(_DIGIT.findall(text))
