"""How alike Chinese words sound, so that a slip of the recogniser does not decide a verdict.

Telephone speech at 8 kHz blurs z/zh, c/ch, s/sh, n/l, f/h and an/ang, en/eng, in/ing; Whisper writes whatever
homophone it likes best (华务员 for 话务员, 微宁服务 for 为您服务). A syllable is (initial, final, tone); `fold`
merges what is easily confused, `distance` weighs what differs.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from pipeline.language.zh.sounds import chinese_sounds

TONE, CONFUSED, CLOSE, OTHER = 0.05, 0.25, 0.5, 1.0
"""Costs: another tone; an initial or final that telephone speech confuses; a vowel close by; anything else."""

SHARE, LONG_SHARE = 0.12, 0.15
"""A phrase of n syllables is heard when the costs add up to at most this times n (`LONG_SHARE` from `SLIP` syllables
on): one confusion in three syllables, two in five, one syllable altogether different in seven."""

SHORTEST = 3
"""Phrases of fewer syllables have too many homophones to be matched by sound, unless a list asks for it."""

SHORT_BUDGET = 0.36
"""What a phrase of two syllables may cost where a list asks for it: one confusion, and the tones."""

SLIP = 7
"""From this many syllables on, one may be missing, doubled or different."""

_TONES = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}

Syllable = tuple[str, str, int]


@cache
def _readings() -> Mapping[int, str]:
    """The readings of each Han character. They are read from the package's file: to import it, with all its phrases,
    takes a third of a second."""
    package = find_spec("pypinyin")
    folder = package.submodule_search_locations if package else None
    assert folder
    found = json.loads(Path(folder[0], "pinyin_dict.json").read_bytes())
    return {int(code): readings for code, readings in found.items()}


@cache
def syllable(token: str) -> Syllable | None:
    """Initial, final and tone (1–5) of a Han character or a digit by its commonest reading; None for the rest."""
    numbered = chinese_sounds().reading.get(token)
    if numbered:
        return _split(numbered[:-1], int(numbered[-1]))
    reading = _readings().get(ord(token)) if len(token) == 1 else None
    if not reading:
        return None
    letters, tone = "", 5
    for mark in unicodedata.normalize("NFD", reading.split(",")[0]):
        if mark in _TONES:
            tone = _TONES[mark]
        elif mark == "\u0308":
            letters = letters[:-1] + "ü"
        elif mark.isalpha():
            letters += mark
    return _split(letters, tone)


def _split(letters: str, tone: int) -> Syllable:
    initial = next((i for i in chinese_sounds().initials if letters.startswith(i)), "")
    final = letters[len(initial) :]
    if initial in {"j", "q", "x", "y"} and final.startswith("u"):
        final = "ü" + final[1:]
    return initial, final, tone


@cache
def fold(token: str) -> str:
    """The class of syllables a token cannot be told from on the telephone, without tone; itself if not Han."""
    sound = syllable(token)
    if sound is None:
        return token
    initial, final, _ = sound
    sounds = chinese_sounds()
    return sounds.confused_initials.get(initial, initial) + sounds.confused_finals.get(final, final)


@lru_cache(maxsize=65536)
def distance(one: str, other: str) -> float:
    """Cost of hearing one token as the other: 0 the same, 1 nothing alike."""
    if one == other:
        return 0.0
    a, b = syllable(one), syllable(other)
    if a is None or b is None:
        return OTHER
    sounds = chinese_sounds()
    cost = 0.0 if a[2] == b[2] else TONE
    if a[0] != b[0]:
        cost += _cost(a[0], b[0], sounds.confused_initials, sounds.close_initial_pairs)
    if a[1] != b[1]:
        cost += _cost(a[1], b[1], sounds.confused_finals, sounds.close_final_pairs)
    return min(OTHER, cost)


def _cost(one: str, other: str, confused: Mapping[str, str], close: frozenset[frozenset[str]]) -> float:
    if confused.get(one, one) == confused.get(other, other):
        return CONFUSED
    return CLOSE if frozenset((one, other)) in close else OTHER


def same_syllables(phrase: Sequence[str], heard: Sequence[str], firm: Sequence[int]) -> bool:
    """Whether what was heard has the very syllables of a phrase where it must."""
    return len(heard) == len(phrase) and all(
        distance(phrase[at], heard[at]) <= TONE or {phrase[at], heard[at]} == {"您", "你"} for at in firm
    )


def budget(syllables: int) -> float:
    """The cost up to which a phrase of so many syllables counts as heard."""
    if syllables < SHORTEST:
        return SHORT_BUDGET
    return (SHARE if syllables < SLIP else LONG_SHARE) * syllables


def cost(phrase: Sequence[str], heard: Sequence[str], limit: float) -> float:
    """The least cost of hearing `phrase` as `heard`; more than `limit` is given as infinity.

    Syllables are compared one by one when both are as long; else a missing or an extra one costs 1.
    """
    if len(phrase) == len(heard):
        total = 0.0
        for one, other in zip(phrase, heard, strict=True):
            if one != other:
                total += distance(one, other)
                if total > limit:
                    return float("inf")
        return total
    row = [float(i) for i in range(len(heard) + 1)]
    for i, one in enumerate(phrase, 1):
        before, row[0] = row[0], float(i)
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(before + distance(one, other), row[j] + OTHER, row[j - 1] + OTHER)
        if min(row) > limit:
            return float("inf")  # it only grows
    return row[-1] if row[-1] <= limit else float("inf")
