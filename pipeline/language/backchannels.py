"""What a listener says meanwhile, claiming no floor, and what ends a question: `zh/` and `en/backchannels.yaml`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.language.data import Characters, Expression, Words, read_table

LONGEST_CHARACTERS, LONGEST_WORDS = 6, 4
"""A turn of more than these says something of its own."""

_PUNCTUATION = re.compile(r"[^\w\s]|_")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class ChineseBackchannels:
    """`zh/backchannels.yaml`. Attention answers nothing; agreement may."""

    attention_characters: Characters
    agreement_characters: Characters
    attention_phrases: Words
    agreement_phrases: Words
    before_a_phrase: str
    question_particles: str
    shortest_interruption: int

    @cached_property
    def small_characters(self) -> frozenset[str]:
        return self.attention_characters | self.agreement_characters

    @cached_property
    def small_phrases(self) -> frozenset[str]:
        return frozenset((*self.attention_phrases, *self.agreement_phrases))

    @cached_property
    def question_end(self) -> re.Pattern[str]:
        return re.compile(rf"[？?]\s*$|[{self.question_particles}]\W*$")


@dataclass(frozen=True)
class EnglishBackchannels:
    """`en/backchannels.yaml`. Attention answers nothing; agreement may."""

    attention: tuple[Expression, ...]
    agreement: tuple[Expression, ...]
    shortest_interruption: int

    @cached_property
    def attention_only(self) -> re.Pattern[str]:
        return _nothing_but(self.attention)

    @cached_property
    def small(self) -> re.Pattern[str]:
        return _nothing_but((*self.attention, *self.agreement))


def _nothing_but(expressions: tuple[re.Pattern[str], ...]) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:{'|'.join(expression.pattern for expression in expressions)})(?: |$))+")


@cache
def chinese_backchannels() -> ChineseBackchannels:
    """Read once. Raises `BadLanguageData`."""
    return read_table("zh", "backchannels", ChineseBackchannels)


@cache
def english_backchannels() -> EnglishBackchannels:
    """Read once. Raises `BadLanguageData`."""
    return read_table("en", "backchannels", EnglishBackchannels)


def is_backchannel(text: str) -> bool:
    """Whether a turn is agreement or attention only (嗯, 好的, 对对对, 我理解, yes, I see): it claims no floor."""
    chinese = chinese_backchannels()
    return _is_only(text, chinese.small_characters, chinese.small_phrases, english_backchannels().small)


def is_attention(text: str) -> bool:
    """嗯, 我理解, uh-huh: what a listener says without answering anything."""
    chinese, english = chinese_backchannels(), english_backchannels()
    return _is_only(text, chinese.attention_characters, chinese.attention_phrases, english.attention_only)


def ends_in_question(text: str) -> bool:
    """Whether a turn ends in a question mark or a particle of asking."""
    return chinese_backchannels().question_end.search(text) is not None


def shortest_interruption(language: str) -> int:
    """Han characters or Latin words that who cuts in says at least, to have interrupted."""
    table = english_backchannels() if language == "en" else chinese_backchannels()
    return table.shortest_interruption


def _is_only(text: str, characters: frozenset[str], phrases: Collection[str], english: re.Pattern[str]) -> bool:
    bare = _PUNCTUATION.sub(" ", text).strip().lower()
    if not bare:
        return True
    tight = bare.replace(" ", "")
    if len(tight) <= LONGEST_CHARACTERS:
        if all(character in characters for character in tight):
            return True
        if tight.lstrip(chinese_backchannels().before_a_phrase) in phrases:
            return True
    return len(bare.split()) <= LONGEST_WORDS and english.fullmatch(_SPACES.sub(" ", bare)) is not None
