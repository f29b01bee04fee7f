"""Names of people in a call, hidden where the settings ask for it: told, asked for, addressed by, spelled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.data import read_words
from pipeline.language.en.names import common_words, english_names
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN, HAN_CHARACTER
from pipeline.language.zh.names import chinese_surnames
from pipeline.privacy.mail import Stretch
from pipeline.privacy.spelled import spelled_runs

SHORTEST_KNOWN = 2
"""Characters of a name that is known again wherever it stands."""

LEAST_SPELLED = 3
"""Letters that are spelled where a name was asked for."""


def find_names(call: Call) -> Iterator[Stretch]:
    """Where names of people stand, and wherever the same name stands again."""
    words = sensitive_words()
    told: set[str] = set()
    asked = -2
    for number, turn in enumerate(call.turns):
        patterns = [_told_in_chinese(), _called_in_chinese(), _told_in_english(), *_called_in_english()]
        if number == asked + 1:
            patterns += [_answered_in_chinese(), _answered_in_english()]
            yield from ((number, *place) for place in _spelled(turn.text))
        for pattern in patterns:
            for match in pattern.finditer(turn.text):
                start, end = match.span("name")
                if start < end and not _is_word(match["name"]):
                    told.add(match["name"])
                    yield number, start, end
        if words.name_asked.search(turn.text):
            asked = number
    yield from _again(call, told)


def _again(call: Call, told: set[str]) -> Iterator[Stretch]:
    """Where known names stand again, whole or in part, and what explains a character: 国家的国, 双人徐."""
    parts = {part for name in told for part in (name, *name.split()) if len(part) >= SHORTEST_KNOWN}
    known = [re.escape(part) for part in parts if not _is_word(part)]
    if not known:
        return
    listed = "|".join(sorted(known, key=len, reverse=True))
    again = re.compile(rf"(?<![A-Za-z])(?:{listed})(?![A-Za-z])")
    characters = "".join(sorted({letter for name in told for letter in name if HAN_CHARACTER.match(letter)}))
    patterns = [again]
    if characters:
        explained = rf"[{HAN}]{{1,3}}的[{characters}](?![{HAN}])|(?:{_parts()})[{characters}]"
        patterns.append(re.compile(explained))
    for number, turn in enumerate(call.turns):
        for pattern in patterns:
            yield from ((number, *match.span()) for match in pattern.finditer(turn.text))


def _spelled(text: str) -> Iterator[tuple[int, int]]:
    for run in spelled_runs(text):
        if run.singles >= LEAST_SPELLED and not run.digits:
            yield run.start, run.end


def _is_word(name: str) -> bool:
    return all(word.lower().strip(".") in common_words() for word in name.split())


def _parts() -> str:
    return "|".join(sensitive_words().zh.character_parts)


@cache
def _family(without: str = "") -> str:
    surnames = chinese_surnames()
    return f"(?:{'|'.join(sorted(surnames.compound))}|[{''.join(sorted(surnames.single - set(without)))}])"


@cache
def _told_in_chinese() -> re.Pattern[str]:
    before = "|".join(sensitive_words().zh.names_after)
    return re.compile(rf"(?:{before})[，,：:\s]?(?P<name>{_family()}[{HAN}]{{1,2}}?)(?=[\W的吧啊呀对]|$)")


@cache
def _answered_in_chinese() -> re.Pattern[str]:
    return re.compile(rf"(?:^|[，,。\s叫是])(?P<name>{_family('对好是有我')}[{HAN}]{{1,2}}?)(?=[\W的吧啊呀]|$)")


@cache
def _called_in_chinese() -> re.Pattern[str]:
    titles = "|".join(sensitive_words().zh.titles)
    return re.compile(rf"(?P<name>{_family('谢')}[{HAN}]{{0,2}}?)(?={titles})")


_NAME = r"[A-Z](?:[a-z]+(?:['’-][A-Z][a-z]+)?|['’][A-Z][a-z]+|\.)"
_NAMES = rf"{_NAME}(?:\s(?:{_NAME}|van|von|der|den|de|da|la|bin|al)){{0,3}}"


@cache
def _told_in_english() -> re.Pattern[str]:
    words = sensitive_words().en
    before = _listed((*words.names_after, *(f"my {relation}" for relation in words.relations)))
    return re.compile(rf"(?i:\b(?:{before}))[,:]?\s+(?P<name>{_NAMES})")


@cache
def _titled_in_english() -> re.Pattern[str]:
    titles = _listed(sorted(english_names().titles))
    return re.compile(rf"\b(?P<name>(?i:{titles})\.?\s+{_NAMES})")


@cache
def _addressed_in_english() -> re.Pattern[str]:
    """Thank you, Daniel."""
    addressed = _listed(sorted(english_names().addressed_after))
    return re.compile(rf"(?i:\b(?:{addressed})),\s+(?P<name>{_NAME})(?=[.,!?])")


@cache
def _answered_in_english() -> re.Pattern[str]:
    return re.compile(rf"(?:^|(?<=[,.]\s)|(?<=it's\s)|(?<=It's\s)|(?<=is\s))(?P<name>{_NAMES})(?=[\s.,!?]|$)")


def _called_in_english() -> tuple[re.Pattern[str], ...]:
    return _titled_in_english(), _addressed_in_english(), _full_in_english()


@cache
def _full_in_english() -> re.Pattern[str]:
    """A first name and one of the common surnames."""
    surnames = "|".join(sorted(surname.capitalize() for surname in read_words("en", "surnames")))
    return re.compile(rf"\b(?P<name>{_NAME}\s(?:{_NAME}\s)?(?:{surnames}))\b")


def _listed(phrases: Sequence[str]) -> str:
    return "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in sorted(phrases, key=len, reverse=True))
