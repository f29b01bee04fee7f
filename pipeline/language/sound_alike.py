"""Chinese phrases heard through slips of recognition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from pypinyin import Style, lazy_pinyin

from pipeline.language.text import HAN, HAN_CHARACTER

# Sounds that telephone speech does not keep apart, initials then finals.
_MERGED_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"))
_MERGED_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"), ("ong", "eng"))


@lru_cache(maxsize=8192)
def _merge(syllable: str) -> str:
    for full, short in _MERGED_INITIALS:
        if syllable.startswith(full):
            syllable = short + syllable[len(full) :]
            break
    for full, short in _MERGED_FINALS:
        if syllable.endswith(full):
            return syllable[: -len(full)] + short
    return syllable


def sounds_of(text: str) -> list[str]:
    """Toneless merged syllables of the Han characters in order; anything else parts them (an empty string)."""
    sounds: list[str] = []
    for run in re.findall(f"[{HAN}]+|[^{HAN}]+", text):
        if HAN_CHARACTER.match(run):
            sounds.extend(_merge(syllable) for syllable in lazy_pinyin(run, style=Style.NORMAL, errors="ignore"))
        elif re.search(r"[\w。？！?!.\n]", run):
            sounds.append("")
    return sounds


@cache
def _phrase_sounds(phrase: str) -> tuple[str, ...]:
    return tuple(sounds_of(phrase))


def heard_times(phrase: str, text: str, sounds: Sequence[str]) -> int:
    """How often a Chinese phrase occurs: as written, or by sound from three syllables on (one of five may differ)."""
    exact = text.count(phrase)
    wanted = _phrase_sounds(phrase)
    if exact or len(wanted) < 3:
        return exact
    slips = 1 if len(wanted) >= 5 else 0
    found, start = 0, 0
    while start + len(wanted) <= len(sounds):
        wrong = sum(a != b for a, b in zip(wanted, sounds[start : start + len(wanted)], strict=True))
        if wrong <= slips:
            found += 1
            start += len(wanted)
        else:
            start += 1
    return found
