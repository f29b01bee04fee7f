"""Passwords that are words, and letters of one: the password is marmalade; third is R, fifth is M; 口令是芝麻开门."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.names import common_words
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN
from pipeline.privacy.mail import Stretch
from pipeline.privacy.spelled import single_pieces

PASSWORD_WORDS = 4
"""Words of a password at most."""

READ_BACK_TURNS = 6
"""A password is said again within so many turns."""

CHARACTERS_SAID = 60
"""Characters of an answer that gives letters or digits of a password, at most."""


def find_passwords(call: Call) -> list[Stretch]:
    """Where passwords stand that are words."""
    words = sensitive_words()
    found: list[Stretch] = []
    for number, turn in enumerate(call.turns):
        asked = words.password.search(turn.text)
        if asked is None:
            continue
        following = call.turns[number + 1] if number + 1 < len(call.turns) else None
        answer = following.text if following is not None and following.speaker != turn.speaker else ""
        if words.password_part.search(turn.text):
            found += _characters(number + 1, answer)
        elif words.password_untold.search(_clause(turn.text, *asked.span())) is None:
            asks = _ASKS.fullmatch(turn.text, asked.end()) is not None
            places = list(_told(number, turn.text, asked.end())) or list(_answer(number + 1, answer, asks))
            found += [place for told in places for place in (told, *_read_back(call, told))]
    return sorted(set(found))


def _clause(text: str, start: int, end: int) -> str:
    """The clause that a place stands in."""
    before, behind = _MARK.split(text[:start])[-1], _MARK.split(text[end:], maxsplit=1)[0]
    return before + text[start:end] + behind


_ASKS = re.compile(
    r"(?:,? (?:please|then|for me|for (?:that|this|the \w+)|on (?:the|your|this) account))*\W*", re.IGNORECASE
)
"""Behind the name of a password that is asked for, at the end of a turn."""

_MARK = re.compile(r"[,.?!;，。？！；…]")


def _characters(number: int, text: str) -> Iterator[Stretch]:
    """Letters and digits that are told one by one."""
    if len(text) <= CHARACTERS_SAID:
        yield from ((number, start, end) for start, end in single_pieces(text))


def _told(number: int, text: str, start: int) -> Iterator[Stretch]:
    """A password that is told where it is named."""
    if told := _tells().match(text, start):
        yield from _words(number, text, told.end(), len(text))


def _answer(number: int, text: str, asked: bool) -> Iterator[Stretch]:
    """The first clause of an answer that says more than small words; `asked`: nothing else was asked for."""
    for clause in _CLAUSE.finditer(text):
        lead = _lead_in().match(text, clause.start())
        start = lead.end() if lead else clause.start()
        if start < clause.end():
            if start > clause.start() or clause.end() == len(text) or _ends_turn(text, clause.end()):
                whole = asked and text[clause.end() :].strip(" .!") == ""
                yield from _words(number, text, start, clause.end(), whole)
            return


_CLAUSE = re.compile(r"[^,.?!，。？！…]+")


def _ends_turn(text: str, end: int) -> bool:
    """Whether what stands behind a clause says nothing else, or how the word is written."""
    return text[end:].strip(" .,。，?？!！") == "" or _SPELLED_BEHIND.match(text, end) is not None


def _words(number: int, text: str, start: int, end: int, sure: bool = False) -> Iterator[Stretch]:
    """The words from a place to the next mark, if they may be a password and nothing else is said.

    Common words may be one only where that is sure.
    """
    match = _HAN_PHRASE.match(text, start, end) or _PHRASE.match(text, start, end)
    if match is None:
        return
    words, known = match[0].lower().split(), sensitive_words()
    if len(words) > PASSWORD_WORDS or known.not_password.search(match[0]):
        return
    if sure or _SPELLED_BEHIND.match(text, match.end()) or not all(word in common_words() for word in words):
        yield number, match.start(), match.end()


_PHRASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9'’_!#$&*-]*(?:[ ][A-Za-z0-9'’_!#$&*-]+)*")
_HAN_PHRASE = re.compile(rf"[{HAN}]{{2,8}}(?=[，。,.！!；\s]|$)")
_SPELLED_BEHIND = re.compile(r"\s*[,，]\s*(?:all|one word|lower|upper|capital|with|as in|spelled|小写|大写)")


def _read_back(call: Call, place: Stretch) -> Iterator[Stretch]:
    number, start, end = place
    said = re.compile(re.escape(call.turns[number].text[start:end]), re.IGNORECASE)
    for later in range(number, min(number + READ_BACK_TURNS, len(call.turns))):
        for match in said.finditer(call.turns[later].text, end if later == number else 0):
            yield later, *match.span()


@cache
def _tells() -> re.Pattern[str]:
    words = sensitive_words()
    tells = "|".join(
        re.escape(word).replace(r"\ ", r"\s+") for word in (*words.zh.password_tells, *words.en.password_tells)
    )
    had = r"(?:\s(?:we|you|i)(?:'ve| have| had)?(?: got| set| on file)*)?"
    return re.compile(rf"{had}[\s,，]*(?:{tells}|[:：])[\s,，:：]+(?:(?:{tells})[\s,，]+)*|(?:是|为|叫)", re.IGNORECASE)


@cache
def _lead_in() -> re.Pattern[str]:
    words = sensitive_words()
    listed = sorted((*words.zh.password_lead_ins, *words.en.password_lead_ins), key=len, reverse=True)
    leads = "|".join(re.escape(word).replace(r"\ ", r"\s+") + (r"\b" if word.isascii() else "") for word in listed)
    return re.compile(rf"\s*(?:(?:{leads})\s*)+|\s+", re.IGNORECASE)
