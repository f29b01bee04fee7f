"""E-mail addresses in a call, written or spelled out: 小王艾特163点com, john dot smith at gmail dot com."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.names import common_words
from pipeline.language.sensitive_words import sensitive_words
from pipeline.privacy.digits import digit_pieces, is_gap
from pipeline.privacy.spelled import spelled_pieces

Stretch = tuple[int, int, int]
"""Turn, first character, end."""

LOCAL_PIECES = 30
"""Pieces (letters, words, digits, signs) in front of the at sign, at most."""

GOES_BACK_TURNS = 4
"""What stands in front of the at sign was said so many turns before, at most."""

_WRITTEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*\s?@\s?[A-Za-z0-9-]+(?:\s?\.\s?[A-Za-z0-9-]+)+")
_MAY_BE_MAIL = re.compile(r"@|艾特|爱特|小老鼠|圈[aA]|(?i:\bat\b)|邮箱")
_TOPS = "com|cn|net|org|edu|gov|io|me|info|co|uk|us|de|fr|jp|hk|tw|ca|au|biz"
_PIECE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:'[a-z]+)?|[零〇一二两三四五六七八九幺]+|下划线|横?杠|减号|点|@|_")
_ENDS = ".,。，…?？!！ "
_APART = re.compile(r"[\w?？!！:：]")


def find_mail(call: Call) -> list[Stretch]:
    """Where e-mail addresses stand."""
    found: list[Stretch] = []
    for number, turn in enumerate(call.turns):
        if _MAY_BE_MAIL.search(turn.text) is None:
            continue
        written = [_from_sign(turn.text, *match.span()) for match in _WRITTEN.finditer(turn.text)]
        found += [(number, start, end) for start, end in written]
        for match in _read_out().finditer(turn.text):
            if any(start < match.start() < end for start, end in written):
                continue
            found += _with_local_part(call, number, match.start(), match.end())
    return found


def _from_sign(text: str, start: int, end: int) -> tuple[int, int]:
    """A written address with what stands before it, where a sign was read out in between: chen 下划线 1990@qq.com."""
    return (_local_start(text[:start]) if _SIGN_END.search(text, 0, start) else start), end


_SIGN_END = re.compile(r"(?:下划线|横?杠|减号|点|\b(?:underscore|dash|hyphen|dot))\s*\Z", re.IGNORECASE)


@cache
def _read_out() -> re.Pattern[str]:
    """From the at sign on: at gmail dot com, 艾特一六三点com."""
    words = sensitive_words()
    at_zh = "|".join(sorted((w for w in words.zh.mail_at if not w.isascii()), key=len, reverse=True))
    at_en = "|".join(sorted(map(re.escape, words.en.mail_at), key=len, reverse=True))
    dots = "|".join((*words.zh.mail_dots, *words.en.mail_dots, r"\."))
    label = r"[A-Za-z0-9\-零〇一二三四五六七八九幺]+(?:\s[A-Za-z0-9\-零〇一二三四五六七八九幺]+){0,3}?"
    dot = rf"[\s，,]*(?:{dots})[\s，,]*"
    at = rf"(?:{at_zh}|圈[aA]|@|(?<![A-Za-z])(?:{at_en})(?![A-Za-z]))"
    top = rf"{dot}(?:{_TOPS})"
    return re.compile(rf"{at}[\s，,、。.]*{label}(?:{dot}{label}){{0,2}}?{top}(?:{top})?(?![A-Za-z])", re.IGNORECASE)


def _with_local_part(call: Call, number: int, at: int, end: int) -> Iterator[Stretch]:
    """An address from its at sign on, with what stands in front of that, in a turn before if need be."""
    start = _local_start(call.turns[number].text[:at])
    yield number, start, end
    small, own = sensitive_words().lead_in, call.turns[number]
    if not small.fullmatch(own.text[:start]):
        return
    asked = _asked_before(call, number)
    for earlier in range(number - 1, max(-1, number - 1 - GOES_BACK_TURNS), -1):
        text = call.turns[earlier].text.rstrip(_ENDS)
        said_at = _AT_END.search(text)
        if said_at is None and (call.turns[earlier].speaker != own.speaker or (start < at and (asked or 0) >= earlier)):
            continue
        edge = said_at.start() if said_at else len(text)
        begin = _local_start(text[:edge])
        if begin < edge and (said_at or (asked is not None and small.fullmatch(text[:begin])) or start == at):
            yield earlier, begin, len(text)
            return


def _asked_before(call: Call, number: int) -> int | None:
    """The turn in which an address was asked for, not long before a turn."""
    words = sensitive_words()
    for earlier in range(number - 1, max(-1, number - 1 - GOES_BACK_TURNS), -1):
        topics = words.topic.finditer(call.turns[earlier].text)
        if any(words.topic_of.get(match[0].lower()) == "email" for match in topics):
            return earlier
    return None


_AT_END = re.compile(r"[\s,，]*(?:\bat|@|艾特|小老鼠)[\s.…，。]*$", re.IGNORECASE)


def _local_start(before: str) -> int:
    """Where the pieces begin that run up to the end of a text: letters, digits, words outside a sentence."""
    words = sensitive_words().en
    pieces = spelled_pieces(before) or digit_pieces(before)
    spelled = [(piece.start, piece.end) for piece in pieces if not _GLUED.search(before, 0, piece.start)]
    taken = bytearray(len(before))
    for first, last in spelled:
        taken[first:last] = b"\1" * (last - first)
    others = [match.span() for match in _PIECE.finditer(before) if not any(taken[match.start() : match.end()])]
    start = edge = len(before)
    for first, last in sorted([*spelled, *others], reverse=True)[:LOCAL_PIECES]:
        gap, word = before[last:edge], before[first:last].lower().rstrip("._+-")
        gap = before[first + len(word) : last] + gap
        if len(word) > 1 and (word in words.not_in_mail or (edge < len(before) and word in common_words())):
            break
        if (len(gap) > 3 or _APART.search(gap)) and not (is_gap(before, last, edge) and not _SENTENCE_END.search(gap)):
            break
        if len(word) > 2 and word.isalpha() and _SENTENCE_END.search(gap):
            break
        start = edge = first
    return start


_GLUED = re.compile(r"[A-Za-z0-9]{2}[._+-]\Z")
_SENTENCE_END = re.compile(r"[.?!。？！]\s|[a-z]{2}|[。？！]")
