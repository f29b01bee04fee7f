"""How alike Chinese words sound, so that a slip of the recogniser does not decide a verdict.

Telephone speech at 8 kHz blurs z/zh, c/ch, s/sh, n/l, f/h and an/ang, en/eng, in/ing; Whisper writes whatever
homophone it likes best (华务员 for 话务员, 微宁服务 for 为您服务). A syllable is (initial, final, tone); `fold`
merges what is easily confused, `distance` weighs what differs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

from pypinyin.pinyin_dict import pinyin_dict

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

_INITIALS = ("zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "r", "z", "c", "s",
             "y", "w")  # fmt: skip
_FOLDED_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "h": "f"}
_FOLDED_FINALS = {"ang": "an", "eng": "en", "ing": "in", "iang": "ian", "uang": "uan"}
_NEAR_INITIALS_TEXT = "b-p d-t g-k j-q z-c zh-ch r-l y-r zh-j ch-q sh-x w-"
_NEAR_FINALS_TEXT = """
    o-uo e-uo o-e en-un ei-ui ai-ei ao-ou ie-ian ian-an u-ü i-ü eng-ong ou-uo ie-i ia-a ua-a an-en ang-ong uan-an
    iu-ou e-a ei-i i-in ui-i un-ong
"""
_NEAR_INITIALS = tuple(frozenset(pair.split("-")) for pair in _NEAR_INITIALS_TEXT.split())
_NEAR_FINALS = tuple(frozenset(pair.split("-")) for pair in _NEAR_FINALS_TEXT.split())
# The dictionary's first reading is not always the one of service calls.
_READINGS_TEXT = """
    嗯-en1 喔-o1 还-hai2 谁-shei2 那-na4 哪-na3 呗-bei5 单-dan1 重-chong2 长-chang2 行-xing2 都-dou1 了-le5
    着-zhe5 地-di4 得-de5 为-wei4 的-de5 啊-a5 吧-ba5 吗-ma5 呢-ne5 号-hao4 和-he2 给-gei3 没-mei2 说-shuo1
    便-bian4 调-diao4 查-cha2 觉-jue2 呃-e4 额-e2 哦-o2 噢-o1 哎-ai1 喂-wei4 解-jie3
"""
_DIGITS_TEXT = "0-ling2 1-yi1 2-er4 3-san1 4-si4 5-wu3 6-liu4 7-qi1 8-ba1 9-jiu3"
_READINGS = dict(pair.split("-") for pair in f"{_READINGS_TEXT} {_DIGITS_TEXT}".split())
_TONES = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}

Syllable = tuple[str, str, int]


@cache
def syllable(token: str) -> Syllable | None:
    """Initial, final and tone (1–5) of a Han character or a digit by its commonest reading; None for the rest."""
    numbered = _READINGS.get(token)
    if numbered:
        return _split(numbered[:-1], int(numbered[-1]))
    reading = pinyin_dict.get(ord(token)) if len(token) == 1 else None
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
    initial = next((i for i in _INITIALS if letters.startswith(i)), "")
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
    return _FOLDED_INITIALS.get(initial, initial) + _FOLDED_FINALS.get(final, final)


@lru_cache(maxsize=65536)
def distance(one: str, other: str) -> float:
    """Cost of hearing one token as the other: 0 the same, 1 nothing alike."""
    if one == other:
        return 0.0
    a, b = syllable(one), syllable(other)
    if a is None or b is None:
        return OTHER
    cost = 0.0 if a[2] == b[2] else TONE
    if a[0] != b[0]:
        cost += _cost(a[0], b[0], _FOLDED_INITIALS, _NEAR_INITIALS)
    if a[1] != b[1]:
        cost += _cost(a[1], b[1], _FOLDED_FINALS, _NEAR_FINALS)
    return min(OTHER, cost)


def _cost(one: str, other: str, folded: dict[str, str], near: Sequence[frozenset[str]]) -> float:
    if folded.get(one, one) == folded.get(other, other):
        return CONFUSED
    return CLOSE if frozenset((one, other)) in near else OTHER


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
    return row[-1] if row[-1] <= limit else float("inf")
