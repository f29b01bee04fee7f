"""What a listener says meanwhile: agreement and attention, which claim no floor; and what ends a question."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r"[^\w\s]|_")
_SMALL_HAN = frozenset("嗯恩唔啊阿哦噢喔呃额诶哎唉呀吧了对好是的行哈呵")
_ATTENTION_HAN = frozenset("嗯恩唔啊阿哦噢喔呃额诶")
_SMALL_PHRASES = frozenset({"我理解", "我明白", "明白", "明白了", "理解", "知道了", "我知道", "没错", "可以"})
_ATTENTION_PHRASES = frozenset({"我理解", "我明白", "明白", "理解", "我知道"})
_ATTENTION_ENGLISH = r"m+h*m*|hm+|u+h+|uh[ -]?huh|mm[ -]?hm+|oh|ah|i see|i understand"
_SMALL_ENGLISH = (
    rf"{_ATTENTION_ENGLISH}|yes|yeah|yep|ok|okay|right|sure|exactly|got it|alright|all right|of course|no|good|great"
)
_QUESTION_END = re.compile(r"[？?]\s*$|[吗呢么]\W*$")


def is_backchannel(text: str) -> bool:
    """Whether a turn is agreement or attention only (嗯, 好的, 对对对, 我理解, yes, I see): it claims no floor."""
    return _is_small(text, _SMALL_HAN, _SMALL_PHRASES, _SMALL_ENGLISH)


def is_attention(text: str) -> bool:
    """嗯, 我理解, uh-huh: what a listener says without answering anything."""
    return _is_small(text, _ATTENTION_HAN, _ATTENTION_PHRASES, _ATTENTION_ENGLISH)


def ends_in_question(text: str) -> bool:
    """Whether a turn ends in a question mark or a particle of asking."""
    return _QUESTION_END.search(text) is not None


def _is_small(text: str, han: frozenset[str], phrases: frozenset[str], english: str) -> bool:
    bare = _PUNCTUATION.sub(" ", text).strip().lower()
    if not bare:
        return True
    tight = bare.replace(" ", "")
    if len(tight) <= 6 and (all(c in han for c in tight) or tight.lstrip("嗯恩啊哦好对的是") in phrases):
        return True
    return len(bare.split()) <= 4 and re.fullmatch(rf"(?:(?:{english})(?: |$))+", re.sub(r"\s+", " ", bare)) is not None
