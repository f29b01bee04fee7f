"""E-mail addresses in a call, written or spelled out: 小王艾特163点com, john dot smith at gmail dot com."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.en.names import common_words
from pipeline.language.sensitive_words import sensitive_words
from pipeline.privacy.digits import digit_groups, digit_pieces, is_gap
from pipeline.privacy.spelled import spelled_pieces
from pipeline.privacy.topics import Topic

Stretch = tuple[int, int, int]
"""Turn, first character, end."""

LEAST_SAID_AGAIN = 5
"""Digits of a first part that is known where it is said alone."""

MOSTLY_LATIN = 0.4
"""Of the letters and digits of an answer that is little else than an address."""

ANSWER_WORDS = 8
"""Words of an answer that are an address whatever they are: dave the plumber at …"""

LOCAL_PIECES = 30
"""Pieces (letters, words, digits, signs) in front of the at sign, at most."""

GOES_BACK_TURNS = 4
"""What stands in front of the at sign was said so many turns before, at most."""

_MAY_BE_MAIL = re.compile(r"@|艾特|爱特|小老鼠|圈[aA]|(?i:\bat\b)|邮箱")
_TOPS = (
    "com|cn|net|org|edu|gov|io|me|info|co|uk|us|de|fr|jp|hk|tw|ca|au|biz|ac|ie|nz|eu|nl|ch|se|dk|fi|pl|pt|cz"
    "|gr|sg|za|ae|kr|ru|br|mx|ar|cl|tv|app|dev|ai|xyz|shop|online|store|live|email|scot|wales"
)
_WORDS_TOO = "it|at|in|be|no|es|my|is"
"""The same where a dot is said before: they are words too."""

_WRITTEN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._%+-]*\s?@\s?[A-Za-z0-9-]+"
    r"(?:\.[A-Za-z0-9-]+|\s\.\s?[A-Za-z0-9-]+|\.\s(?:com|net|org|co|uk|cn|edu)(?![A-Za-z0-9]))+"
)
_BEGUN = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]*@(?=\s|\Z)")
_PIECE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:'[a-z]+)?|[零〇一二两三四五六七八九幺]+|下划线|横?杠|减号|点|@|_")
_ENDS = ".,。，…?？!！ "
_APART = re.compile(r"[\w?？!！:：]")


def find_mail(call: Call, topics: Sequence[Topic]) -> list[Stretch]:
    """Where e-mail addresses stand, and their first parts where they are said again."""
    found: list[Stretch] = []
    named = {topic.turn for topic in topics if topic.name == "email"}
    asked = [_asked(call, number, named) for number in range(len(call.turns))]
    for number, turn in enumerate(call.turns):
        if _MAY_BE_MAIL.search(turn.text) is not None:
            written = [_from_sign(turn.text, *match.span()) for match in _WRITTEN.finditer(turn.text)]
            found += [(number, start, end) for start, end in written]
            found += [(number, *match.span()) for match in _BEGUN.finditer(turn.text)]
            for match in (*_read_out().finditer(turn.text), *_at_host(turn.text, asked[number] is not None)):
                if not any(start < match.start() < end for start, end in written):
                    found += _with_local_part(call, number, asked[number], match.start(), match.end())
        elif _ends_with_at(call, number) and (domain := _domain().match(turn.text)):
            found += _with_local_part(call, number, asked[number], domain.start("domain"), domain.end())
        if call.language == "zh" and (asked[number] or 0) >= number - 1 and asked[number] is not None:
            found += _latin(number, turn.text, any(place[0] == number for place in found))
    return [*found, *_said_again(call, found)]


def _latin(number: int, text: str, told: bool) -> Iterator[Stretch]:
    """Latin words where an address was asked for in Chinese, and is `told` or they are most of it: lmz，三个字母."""
    words = [
        match.span() for match in _LATIN.finditer(text) if match[0].lower() not in sensitive_words().en.not_in_mail
    ]
    if told or sum(end - start for start, end in words) >= MOSTLY_LATIN * sum(map(str.isalnum, text)):
        yield from ((number, start, end) for start, end in words)


_LATIN = re.compile(r"(?<![A-Za-z0-9@])(?:[a-z]|\d+(?=[.]))[A-Za-z0-9._-]+[A-Za-z0-9]")


def _at_host(text: str, asked: bool) -> Iterator[re.Match[str]]:
    """Where an address that was asked for, or begins like one, ends with its host: kim9 at hotmail."""
    for match in _host().finditer(text):
        if asked or _LIKE_AN_ADDRESS.search(text, 0, match.start()):
            yield match


_LIKE_AN_ADDRESS = re.compile(r"[A-Za-z][\w.-]*\d\s+\Z")


def _ends_with_at(call: Call, number: int) -> bool:
    """Whether the same speaker ended the turn before with the sign: lucy dot hart at."""
    for earlier in range(number - 1, max(-1, number - 1 - GOES_BACK_TURNS), -1):
        if call.turns[earlier].speaker == call.turns[number].speaker:
            return call.turns[earlier].text.rstrip(_ENDS).lower().endswith((" at", "@", "艾特", "小老鼠"))
    return False


def _said_again(call: Call, found: list[Stretch]) -> Iterator[Stretch]:
    """Where the first part of an address is said alone: 883021764 of 八八三零二一七六四艾特qq点com."""
    for number, start, end in found:
        text = call.turns[number].text
        sign = _SIGN.search(text, start, end)
        first = text[start : sign.start() if sign else end]
        digits = "".join(piece.digits for piece in digit_pieces(first))
        written = _as_said(first)
        for turn in call.turns[max(0, number - GOES_BACK_TURNS) : number + GOES_BACK_TURNS + 1]:
            if len(digits) >= LEAST_SAID_AGAIN:
                groups = (one for one in digit_groups(turn.text) if one.digits == digits)
                yield from ((turn.index, one.start, one.end) for one in groups)
            if written is not None and turn.index != number:
                yield from ((turn.index, *match.span()) for match in written.finditer(turn.text))


def _as_said(first: str) -> re.Pattern[str] | None:
    """A first part as it is written or said; none where it is short, or a common word."""
    parts = [part for part in re.findall(r"[a-z]+|\d", first.lower()) if part not in _signs()]
    if sum(map(len, parts)) < LEAST_SAID_AGAIN or (len(parts) == 1 and parts[0] in common_words()):
        return None
    between = rf"(?:[\s,._-]|\b(?:{'|'.join(_signs())})\b)*"
    return re.compile(rf"(?<![A-Za-z0-9]){between.join(parts)}(?![A-Za-z0-9])", re.IGNORECASE)


@cache
def _signs() -> tuple[str, ...]:
    return (*sensitive_words().en.mail_dots, *sensitive_words().en.mail_signs)


def _from_sign(text: str, start: int, end: int) -> tuple[int, int]:
    """A written address with what stands before it, where a sign was read out in between: chen 下划线 1990@qq.com."""
    return (_pieces_start(text[:start]) if _SIGN_END.search(text, 0, start) else start), end


_SIGN = re.compile(r"@|艾特|爱特|小老鼠|圈a|(?<![A-Za-z])at(?![A-Za-z])", re.IGNORECASE)
_SIGN_END = re.compile(r"(?:下划线|横?杠|减号|点|\b(?:underscore|dash|hyphen|dot))\s*\Z", re.IGNORECASE)


@cache
def _read_out() -> re.Pattern[str]:
    """From the at sign on: at gmail dot com, 艾特一六三点com."""
    words = sensitive_words()
    at_zh = "|".join(sorted((w for w in words.zh.mail_at if not w.isascii()), key=len, reverse=True))
    at_en = "|".join(sorted(map(re.escape, words.en.mail_at), key=len, reverse=True))
    at = rf"(?:{at_zh}|圈[aA]|@|(?<![A-Za-z])(?:{at_en})(?![A-Za-z]))"
    return re.compile(rf"{at}[\s，,、。.]*{_domain_pattern()}", re.IGNORECASE)


def _domain_pattern() -> str:
    """gmail dot com, 一六三点com, 新浪点com."""
    words = sensitive_words()
    label = r"[A-Za-z0-9\-零〇一二三四五六七八九幺]+(?:\s[A-Za-z0-9\-零〇一二三四五六七八九幺]+){0,3}?"
    label = rf"(?:{label}|{'|'.join(words.zh.mail_hosts)})"
    dot = rf"[\s，,]*(?:{'|'.join((*words.zh.mail_dots, *words.en.mail_dots))}|\.)[\s，,]*"
    top = rf"(?:{dot}(?:{_TOPS})|[\s,]*\bdot\s(?:{_WORDS_TOO}))"
    return rf"{label}(?:{dot}{label}){{0,2}}?{top}(?:{top})?(?![A-Za-z])"


@cache
def _domain() -> re.Pattern[str]:
    return re.compile(rf"\W*(?P<domain>{_domain_pattern()})", re.IGNORECASE)


@cache
def _host() -> re.Pattern[str]:
    return re.compile(
        rf"\bat\s(?:{'|'.join(sensitive_words().en.mail_hosts)})\b(?!\s(?:dot|point)|\.\w)", re.IGNORECASE
    )


def _with_local_part(call: Call, number: int, asked: int | None, at: int, end: int) -> Iterator[Stretch]:
    """An address from its at sign on, with what stands in front of that, in a turn before if need be."""
    small, own = sensitive_words().lead_in, call.turns[number]
    start = _local_start(own.text[:at], asked is not None)
    yield number, start, end
    if not small.fullmatch(own.text[:start]):
        return
    for earlier in range(number - 1, max(-1, number - 1 - GOES_BACK_TURNS), -1):
        text = call.turns[earlier].text.rstrip(_ENDS)
        said_at = _AT_END.search(text)
        if said_at is None and (call.turns[earlier].speaker != own.speaker or (start < at and (asked or 0) >= earlier)):
            continue
        edge = said_at.start() if said_at else len(text)
        begin = _local_start(text[:edge], asked is not None and asked < earlier)
        if begin < edge and (said_at or (asked is not None and small.fullmatch(text[:begin])) or start == at):
            yield earlier, begin, len(text)
            return


def _asked(call: Call, number: int, named: set[int]) -> int | None:
    """The turn in which an address was asked for, not long before a turn; the turn itself where it is named there."""
    for earlier in range(number, max(-1, number - 1 - GOES_BACK_TURNS), -1):
        if earlier in named or (earlier < number and "@" in call.turns[earlier].text):
            return earlier
    return None


_AT_END = re.compile(r"[\s,，]*(?:\bat|@|艾特|小老鼠)[\s.…，。]*$", re.IGNORECASE)


def _local_start(before: str, asked: bool) -> int:
    """Where the pieces begin that run up to the end of a text: letters, digits, words outside a sentence.

    Where an address was asked for, all of a short answer.
    """
    start = _pieces_start(before)
    begin = max((match.end() for match in _CLAUSE_END.finditer(before)), default=0)
    if asked and (said := [match for match in _WORD.finditer(before, begin) if match[0].lower() not in _lead_words()]):
        answer = said[0].start()
        if answer < start and len(before[answer:].split()) <= ANSWER_WORDS and before[answer:start].isascii():
            return answer
    return start


_WORD = re.compile(r"[^\s,;:]+")
_CLAUSE_END = re.compile(r"[.?!:]\s|,\s(?:or|and)\s|\b(?:is|it's|its|that's|to|under|use|at) (?=\S)", re.IGNORECASE)


@cache
def _lead_words() -> frozenset[str]:
    words = sensitive_words().en
    said = {word for phrase in (*words.lead_ins, *words.fillers) for word in phrase.split()}
    return (words.not_in_mail | said) - {"the", "my", "like", "big", "small", "next"}


def _pieces_start(before: str) -> int:
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
