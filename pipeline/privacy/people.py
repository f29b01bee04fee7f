"""Callers' names and addresses in a call, hidden where the settings ask for it: by how people tell them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.names import common_words
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.zh.names import chinese_surnames
from pipeline.privacy.mail import Stretch

SHORTEST_KNOWN = 2
"""Characters of a name that is known again wherever it stands."""

_HAN_DIGITS = "零〇一二两三四五六七八九十百"
_NUMBER = rf"[\d{_HAN_DIGITS}A-Za-z\-]{{1,8}}"
_ADDRESS_ZH = re.compile(
    r"(?:[\u4e00-\u9fff]{2,8}?[省市区县旗镇乡]){0,4}[\u4e00-\u9fff]{2,8}?(?:路|街|大道|巷|弄|胡同|村|小区|花园|大厦|公寓|广场)"
    rf"(?:[，,、\s]{{0,2}}(?:第?{_NUMBER}(?:号院|号楼|号|弄|栋|幢|座|单元|楼|层|室|户)|{_NUMBER}(?=[，,。！!\s]|$))){{1,5}}"
)
_ADDRESS_EN = re.compile(
    r"(?<![\w$])\d{1,5}[A-Za-z]?\s(?:(?:North|South|East|West|N|S|E|W)\.?\s)?(?:[A-Z][a-z]+\s|\d{1,3}(?:st|nd|rd|th)\s){1,3}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Drive|Dr|Lane|Ln|Boulevard|Blvd|Court|Ct|Place|Way|Close|Terrace|Square)\b\.?"
    r"(?:,?\s(?:apartment|apt|unit|suite|flat|number|#)\.?\s?\w{1,5})?(?:,\s[A-Z][a-z]+(?:\s[A-Z][a-z]+)?)?"
    r"(?:,?\s[A-Z]{2})?(?:,?\s(?:\d{5}|[A-Z]{1,2}\d{1,2}[A-Z]?\s\d[A-Z]{2}))?"
)


def find_addresses(call: Call) -> Iterator[Stretch]:
    """Where streets with their numbers stand."""
    for number, turn in enumerate(call.turns):
        for pattern in (_ADDRESS_ZH, _ADDRESS_EN):
            yield from ((number, *match.span()) for match in pattern.finditer(turn.text))


def find_names(call: Call) -> Iterator[Stretch]:
    """Where names of callers stand: where they are told or called by, and wherever the same name stands again."""
    told: set[str] = set()
    for number, turn in enumerate(call.turns):
        for pattern in (_told_in_chinese(), _called_in_chinese(), _told_in_english()):
            for match in pattern.finditer(turn.text):
                start, end = match.span("name")
                if (end - start) and not _is_word(match["name"]):
                    told.add(match["name"])
                    yield number, start, end
    known = [re.escape(name) for name in told if len(name) >= SHORTEST_KNOWN]
    if known:
        again = re.compile("|".join(sorted(known, key=len, reverse=True)))
        for number, turn in enumerate(call.turns):
            yield from ((number, *match.span()) for match in again.finditer(turn.text))


def _is_word(name: str) -> bool:
    return all(word.lower() in common_words() for word in name.split())


@cache
def _told_in_chinese() -> re.Pattern[str]:
    words, surnames = sensitive_words().zh, chinese_surnames()
    family = f"(?:{'|'.join(sorted(surnames.compound))}|[{''.join(sorted(surnames.single))}])"
    before = "|".join(words.names_after)
    return re.compile(rf"(?:{before})[，,：:\s]?(?P<name>{family}[\u4e00-\u9fff]{{1,2}}?)(?=[\W的吧啊呀]|$)")


@cache
def _called_in_chinese() -> re.Pattern[str]:
    words, surnames = sensitive_words().zh, chinese_surnames()
    family = f"(?:{'|'.join(sorted(surnames.compound))}|[{''.join(sorted(surnames.single - {'谢'}))}])"
    return re.compile(rf"(?P<name>{family}[\u4e00-\u9fff]{{0,2}}?)(?={'|'.join(words.titles)})")


@cache
def _told_in_english() -> re.Pattern[str]:
    before = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in sensitive_words().en.names_after)
    name = r"[A-Z][a-z]+(?:['’-][A-Z][a-z]+)?"
    return re.compile(rf"(?i:\b(?:{before}))[,:]?\s+(?P<name>{name}(?:\s+{name}){{0,2}})")
