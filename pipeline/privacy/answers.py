"""Numbers with letters in them: plates, codes, identity and account numbers that were asked for, or have a sure shape.

What was asked for opens an expectation that the next runs of letters and digits satisfy, whoever says them; what is
found once is known again wherever it is read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.datatypes import Call
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN
from pipeline.masks import MaskKind
from pipeline.privacy.digits import digit_pieces
from pipeline.privacy.numbers import CORRECTED_TURNS
from pipeline.privacy.spelled import SpelledPiece, SpelledRun, single_pieces, spelled_runs
from pipeline.privacy.topics import Topic

ANSWER_TURNS = 5
"""What was asked for is told, and read back, in so many turns."""

READ_TURNS = 8
"""It is read back so many turns from where it was asked for or told."""

PART_READ_BACK = 3
"""Letters and digits of a part that is known again."""

LONGEST_CORRECTION = 40
"""Characters of what puts it right, at most."""

LONGEST_ANSWER = 34
"""Letters and digits of an IBAN; nothing that is read out is longer."""


@dataclass(frozen=True, slots=True)
class ToldAnswer:
    """A stretch of a turn, what it is, and the letters and digits that it stands for."""

    turn: int
    start: int
    end: int
    value: str
    kind: MaskKind


def find_answers(call: Call, topics: Sequence[Topic]) -> list[ToldAnswer]:
    """Where plates, codes, identity and account numbers are read out that have letters."""
    plates = {turn.index: _mainland_plates(turn.text) for turn in call.turns}
    found = [_told(number, plate, "plate") for number, own in plates.items() for plate in own]
    near = _near(call, topics, {told.turn for told in found})
    said = [
        (turn.index, run)
        for turn in call.turns
        if turn.index in near
        for run in spelled_runs(turn.text)
        if not _overlaps(run, plates[turn.index])
    ]
    rest: list[tuple[int, SpelledRun]] = []
    for number, run in said:
        kind = _kind(number, run, call.turns[number].text, topics)
        if kind is None:
            rest.append((number, run))
        else:
            found.append(_told(number, run, kind))
    return [*found, *_read_back(found, rest), *_corrected(call, found)]


def _near(call: Call, topics: Sequence[Topic], plates: set[int]) -> set[int]:
    """The turns in which something with letters may be told: something was asked for, or a shape says it."""
    asked = {topic.turn for topic in topics if topic.name in _WITH_LETTERS}
    shaped = {turn.index for turn in call.turns if _MAY_BE_SURE.search(turn.text)}
    return {near for turn in asked | shaped | plates for near in range(turn, turn + READ_TURNS)} | shaped


_WITH_LETTERS = ("plate", "code", "id", "account", "email")
_MAY_BE_SURE = re.compile(r"[A-Z]{2}[ -]?[0-9]{2}|[A-Z][ -]{1,2}[A-Z][ ,-]{1,2}[0-9]")


def _told(turn: int, run: SpelledRun, kind: MaskKind) -> ToldAnswer:
    return ToldAnswer(turn, run.start, run.end, run.value, kind)


def _mainland_plates(text: str) -> list[SpelledRun]:
    """京A12345, 京A·一二三四五 wherever they are said."""
    return [SpelledRun((SpelledPiece(*match.span(), _bare(match[0]), False),)) for match in _mainland().finditer(text)]


def _bare(text: str) -> str:
    """The letters and digits of a plate as they are written on it."""
    digits = {piece.start: piece for piece in digit_pieces(text)}
    out, at = "", 0
    while at < len(text):
        if at in digits:
            out, at = out + digits[at].digits, digits[at].end
            continue
        out, at = out + (text[at].upper() if text[at].isalnum() else ""), at + 1
    return out


def _overlaps(run: SpelledRun, others: Sequence[SpelledRun]) -> bool:
    return any(run.start < other.end and other.start < run.end for other in others)


@cache
def _mainland() -> re.Pattern[str]:
    provinces, one = sensitive_words().zh.plate_provinces, rf"[A-Za-z0-9{_HAN_DIGITS}]"
    before = rf"[{provinces}](?:[，,、\s]*[{HAN}]{{1,2}}的[{provinces}])?"
    told = rf"(?:[，,、\s]*[{HAN}]{{1,2}}的[{provinces}])?"
    six = rf"(?:{_GAP}{one}){{5}}(?:{_GAP}{one}(?!{_UNIT}))?(?![0-9{_HAN_DIGITS}])"
    rest = rf"{told}(?:{six}|(?:{_GAP}{one}){{4}}{_GAP}[港澳警学挂试超])"
    return re.compile(rf"{before}{_GAP}[A-Za-z]{rest}")


_HAN_DIGITS = "零〇一二两三四五六七八九幺洞拐"
_UNIT = "[小时分秒块元角天个点年月日号层楼位辆次]"
_GAP = r"[\s，,、·.\-—。]{0,3}(?:(?:嗯|啊|然后|再|杠|点|后面|数字|字母)[\s，,、]{0,2})?"


def _kind(number: int, run: SpelledRun, text: str, topics: Sequence[Topic]) -> MaskKind | None:
    """What a run is by the last word before it that tells, or by its shape."""
    topic, length = _topic(number, run, topics), len(text)
    if kind := _sure_kind(run.value):
        near = (other.name for other in topics if 0 <= number - other.turn <= ANSWER_TURNS)
        before = max((other.end for other in topics if other.turn == number and other.end <= run.start), default=0)
        return kind if topic != "other" or kind in near or _NEW_SENTENCE.search(text, before, run.start) else None
    if topic is None or len(run.value) > LONGEST_ANSWER:
        return None
    alone = len(run.value) >= 2 and run.end - run.start >= _ALONE * length
    return _answer_kind(topic, run, alone) if alone or len(run.value) >= PART_READ_BACK else None


_NEW_SENTENCE = re.compile(r"[.?!]\s+(?=[A-Z])")


def _topic(number: int, run: SpelledRun, topics: Sequence[Topic]) -> str | None:
    """What was asked for last; what is shown counts only where it was named just before."""
    for topic in reversed(topics):
        if topic.turn > number or (topic.turn == number and topic.end > run.start + 1):
            continue
        if number - topic.turn > ANSWER_TURNS:
            return None
        if topic.name != "other" or topic.turn >= number - 1:
            return topic.name
    return None


_ALONE = 0.7
"""So much of its turn takes a part of a number that is told in parts."""


def _answer_kind(topic: str, run: SpelledRun, alone: bool) -> MaskKind | None:
    mixed = run.letters > 0 and run.digits > 0
    match topic:
        case "plate" if len(run.value) <= _LONGEST_PLATE and (mixed or run.singles >= PART_READ_BACK or alone):
            return "plate"
        case "code" if mixed or run.singles >= PART_READ_BACK + 1:
            return "code"
        case "id" if mixed and (run.digits >= _LEAST_ID_DIGITS or alone):
            return "id"
        case "email" if run.singles >= _LEAST_MAIL_LETTERS:
            return "email"
        case "account" if run.letters >= 2 and run.digits >= _LEAST_ID_DIGITS:
            return "account"
    return None


_LEAST_MAIL_LETTERS = 2
_LONGEST_PLATE = 9
_LEAST_ID_DIGITS = 5


def _sure_kind(value: str) -> MaskKind | None:
    """What letters and digits are by their shape alone."""
    if _INSURANCE.fullmatch(value):
        return "id"
    if _BRITISH_PLATE.fullmatch(value):
        return "plate"
    return "account" if value[:2] in sensitive_words().en.iban_countries and _IBAN.fullmatch(value) else None


_INSURANCE = re.compile(r"[A-Z]{2}\d{6}[A-D]")
_BRITISH_PLATE = re.compile(r"[A-Z]{2}\d{2}[A-Z]{3}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?=[A-Z0-9]*\d{6})[A-Z0-9]{11,30}")


def _read_back(found: Sequence[ToldAnswer], rest: Sequence[tuple[int, SpelledRun]]) -> Iterator[ToldAnswer]:
    for number, run in rest:
        if len(run.value) < PART_READ_BACK:
            continue
        for told in found:
            if run.value in told.value or (told.value in run.value and len(told.value) > PART_READ_BACK):
                yield _told(number, run, told.kind)
                break


def _corrected(call: Call, found: Sequence[ToldAnswer]) -> Iterator[ToldAnswer]:
    """What puts a part of one right, in its turn behind it or in the next ones: 不是，是鄂AF6680，八零."""
    words = sensitive_words()
    for told in found:
        for turn in call.turns[told.turn : told.turn + CORRECTED_TURNS + 1]:
            start = told.end if turn.index == told.turn else 0
            if len(turn.text) - start > LONGEST_CORRECTION or words.corrected.search(turn.text) is None:
                continue
            for first, last in single_pieces(turn.text, longest=PART_READ_BACK):
                if first >= start:
                    yield ToldAnswer(turn.index, first, last, turn.text[first:last], told.kind)
