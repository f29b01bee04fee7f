"""Passwords that are words: the password is marmalade, can I have bluebell seven, 口令是芝麻开门."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.names import common_words
from pipeline.language.sensitive_words import sensitive_words
from pipeline.privacy.mail import Stretch

PASSWORD_WORDS = 3
"""Words of a password at most."""

READ_BACK_TURNS = 6
"""A password is said again within so many turns."""


def find_passwords(call: Call) -> list[Stretch]:
    """Where passwords stand that are words."""
    found: list[Stretch] = []
    for number, turn in enumerate(call.turns):
        asked = _asked().search(turn.text)
        if asked is None or _untold().search(turn.text):
            continue
        places = list(_told(number, turn.text, asked.end()))
        if not places and number + 1 < len(call.turns) and call.turns[number + 1].speaker != turn.speaker:
            places = list(_answer(number + 1, call.turns[number + 1].text))
        for place in places:
            found += [place, *_read_back(call, place)]
    return sorted(set(found))


def _told(number: int, text: str, start: int) -> Iterator[Stretch]:
    """A password that is told where it is named."""
    if told := _tells().match(text, start):
        yield from _words(number, text, told.end(), sure=True)


def _answer(number: int, text: str) -> Iterator[Stretch]:
    lead = _lead_in().match(text)
    start = lead.end() if lead else 0
    yield from _words(number, text, start, sure=start > 0)


def _words(number: int, text: str, start: int, sure: bool) -> Iterator[Stretch]:
    """The words from a place to the next mark, if they may be a password and nothing else is said."""
    match = _HAN_PHRASE.match(text, start) or _PHRASE.match(text, start)
    if match is None:
        return
    said = match[0].lower()
    words = said.split()
    known = sensitive_words()
    if len(words) > PASSWORD_WORDS or known.not_password.search(said) or all(word in common_words() for word in words):
        return
    if sure or text[match.end() :].strip(" .,。，") == "" or _SPELLED_BEHIND.match(text, match.end()):
        yield number, match.start(), match.end()


_PHRASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9'’_!#$&*-]*(?:[ ][A-Za-z0-9'’_!#$&*-]+)*")
_HAN_PHRASE = re.compile(r"[\u4e00-\u9fff]{2,8}(?=[，。,.！!；\s]|$)")
_SPELLED_BEHIND = re.compile(r"\s*[,，]\s*(?:all|one|lower|upper|capital|with|as in|小写|大写)")


def _read_back(call: Call, place: Stretch) -> Iterator[Stretch]:
    number, start, end = place
    said = re.compile(re.escape(call.turns[number].text[start:end]), re.IGNORECASE)
    for later in range(number, min(number + READ_BACK_TURNS, len(call.turns))):
        for match in said.finditer(call.turns[later].text, end if later == number else 0):
            yield later, *match.span()


@cache
def _asked() -> re.Pattern[str]:
    return sensitive_words().password


@cache
def _untold() -> re.Pattern[str]:
    return sensitive_words().password_untold


@cache
def _tells() -> re.Pattern[str]:
    words = sensitive_words()
    tells = "|".join(
        re.escape(word).replace(r"\ ", r"\s+") for word in (*words.zh.password_tells, *words.en.password_tells)
    )
    return re.compile(rf"[\s,，]*(?:{tells}|[:：])[\s,，:：]*(?:(?:{tells})[\s,，]+)*", re.IGNORECASE)


@cache
def _lead_in() -> re.Pattern[str]:
    words = sensitive_words()
    listed = sorted((*words.zh.password_lead_ins, *words.en.password_lead_ins), key=len, reverse=True)
    leads = "|".join(re.escape(word).replace(r"\ ", r"\s+") + (r"\b" if word.isascii() else "") for word in listed)
    return re.compile(rf"(?:(?:{leads})[\s,，.。:：…-]*)+", re.IGNORECASE)
