"""Addresses in a call, hidden where the settings ask for it: a road with its number, a postcode, a flat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.numbers import english_numbers
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN
from pipeline.privacy.digits import digit_groups
from pipeline.privacy.mail import Stretch

ANSWERED_TURNS = 3
"""So many turns after an address was asked for or told, a number alone is a part of it."""

_HAN_DIGITS = "零〇一二两三四五六七八九十百"
_NUMBER = rf"(?=[A-Za-z\-]{{0,2}}[\d{_HAN_DIGITS}]|[A-Z]座)[\d{_HAN_DIGITS}A-Za-z\-]{{1,8}}"
_UNIT = "号院|号楼|号|弄|栋|幢|座|区|期|单元|楼|层|室|户|院|排"
_PLACE = "路|街|大道|道|巷|弄|胡同|村|小区|花园|大厦|公寓|广场|苑|里|庄|园|城|湾|府|轩|社区|新村|家园|山庄"
_CHINESE = re.compile(
    rf"(?P<road>(?:[{HAN}]{{2,8}}?[省市区县旗镇乡]){{0,4}}[{HAN}]{{2,8}}?(?:{_PLACE}))"
    rf"(?:[{HAN}]{{2,8}}?(?:{_PLACE}|区))?"
    rf"(?:[，,、\s]{{0,2}}(?:[{HAN}]{{2,8}}?(?:{_PLACE}))?"
    rf"(?:第?{_NUMBER}(?:{_UNIT})|{_NUMBER}(?=[\W搬到的]|$))){{1,6}}"
)
_CHINESE_PARTS = re.compile(
    rf"(?:[\d{_HAN_DIGITS}]{{1,5}}号)?(?:第?[\d{_HAN_DIGITS}A-Z]{{1,5}}(?:号楼|栋|幢|座|单元|号院)[，,、\s]?)+"
    rf"(?:{_NUMBER}(?:室|号|户)?)?"
)
_POSTCODE = r"[A-Z]{1,2}\d{1,2}[A-Z]?\s?\d[A-Z]{2}"
_POSTCODES = re.compile(rf"(?<![A-Za-z0-9]){_POSTCODE}(?![A-Za-z0-9])")
_FLAT = r"(?:[Aa]partment|[Aa]pt|[Uu]nit|[Ss]uite|[Ff]lat|#)\.?\s(?:number\s)?\d{1,4}[A-Za-z]?\b"
_FLATS = re.compile(rf"\b{_FLAT}")


def find_addresses(call: Call) -> Iterator[Stretch]:
    """Where addresses stand."""
    words = sensitive_words()
    open_until = -1
    for number, turn in enumerate(call.turns):
        text, found = turn.text, False
        for pattern in (_CHINESE, _CHINESE_PARTS, _english(), _POSTCODES, _FLATS):
            for match in pattern.finditer(text):
                found = True
                yield number, _begin(match), match.end()
        if number <= open_until:
            groups = (group for group in digit_groups(text) if not group.counts)
            yield from ((number, group.start, group.end) for group in groups if 2 <= len(group.digits) <= _LONGEST_PART)
        asked = words.address_asked.search(text) is not None
        if asked or (found and number > open_until):
            open_until = number + (ANSWERED_TURNS if asked else 1)


_LONGEST_PART = 5
"""Digits of a house, a flat, a zip."""


def _begin(match: re.Match[str]) -> int:
    """Where an address begins, without what is said before it: 寄到, 现在是."""
    if match.re is not _CHINESE:
        return match.start()
    lead = _lead().match(match["road"])
    return match.start() + (lead.end() if lead and lead.end() < len(match["road"]) - 2 else 0)


@cache
def _lead() -> re.Pattern[str]:
    words = sorted(sensitive_words().zh.before_addresses, key=len, reverse=True)
    return re.compile(rf".*(?:{'|'.join(words)})")


@cache
def _english() -> re.Pattern[str]:
    """14 Bellfield Road, Stockport; two twelve Oak Street, apartment 3; on Larkspur Close."""
    numbers = "|".join(sorted(english_numbers().words, key=len, reverse=True))
    roads = "|".join(sensitive_words().en.roads)
    name = r"(?:[A-Z][a-z']+|\d{1,3}(?:st|nd|rd|th))"
    house = rf"(?:\d{{1,5}}[A-Za-z]?,?\s|(?:(?i:{numbers})[\s-]){{1,5}})"
    street = rf"(?:{house})?(?:(?:North|South|East|West|N|S|E|W)\.?\s)?(?:{name}\s){{1,3}}(?:{roads})\b\.?"
    return re.compile(
        rf"(?<![\w$£€])(?:{street}|\d{{1,4}}\sThe\s[A-Z][a-z]+)(?:,?\s{_FLAT})?"
        rf"(?:,\s[A-Z][a-z]+(?:\s[A-Z][a-z]+)?){{0,2}}(?:,?\s[A-Z]{{2}}(?![A-Za-z0-9]))?(?:,?\s(?:\d{{5}}\b|{_POSTCODE}\b))?"
    )
