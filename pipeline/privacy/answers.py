"""Numbers with letters in them: plates, codes, identity and account numbers that were asked for, or have a sure shape.

What was asked for opens an expectation that the next runs of letters and digits satisfy, whoever says them; what is
found once is known again wherever it is read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from pipeline.datatypes import Call
from pipeline.language.en.numbers import english_numbers
from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN
from pipeline.masks import MaskKind
from pipeline.privacy.digits import digit_groups, digit_pieces, is_sign, is_what_was_wrong
from pipeline.privacy.numbers import CORRECTED_TURNS
from pipeline.privacy.spelled import SpelledPiece, SpelledRun, single_pieces, spelled_runs
from pipeline.privacy.topics import Topic

ANSWER_TURNS = 5
"""What was asked for is told, and read back, in so many turns."""

READ_TURNS = 8
"""It is read back so many turns from where it was asked for or told."""

READ_BEFORE = 2
"""It may have been told so many turns before what it is was named."""

PART_READ_BACK = 3
"""Letters and digits of a part that is known again."""

LONGEST_CORRECTION = 40
"""Characters of what puts it right, at most."""

LONGEST_PLATE = 9
"""Letters and digits of a plate, at most."""

LONGEST_ANSWER = 34
"""Letters and digits of an IBAN; nothing that is read out is longer."""


@dataclass(frozen=True, slots=True)
class ToldAnswer:
    """A stretch of a turn, what it is, and the letters and digits that it stands for; `between`: gaps in it."""

    turn: int
    start: int
    end: int
    value: str
    kind: MaskKind
    between: tuple[tuple[int, int], ...] = ()


def find_answers(call: Call, topics: Sequence[Topic]) -> list[ToldAnswer]:
    """Where plates, codes, identity and account numbers are read out that have letters."""
    plates = {turn.index: _mainland_plates(turn.text) for turn in call.turns}
    found = [_told(number, plate, "plate") for number, own in plates.items() for plate in own]
    near = _near(call, topics, {told.turn for told in found})
    asked_plate = any(topic.name == "plate" for topic in topics)
    said = [
        (turn.index, run)
        for turn in call.turns
        if turn.index in near
        for run in (*spelled_runs(turn.text), *(_digit_runs(turn.text) if asked_plate else ()))
        if not _overlaps(run, plates[turn.index])
    ]
    rest: list[tuple[int, SpelledRun]] = []
    for number, run in said:
        for part in _shaped_parts(call.turns[number].text, run):
            kind = _kind(call, number, part, topics) or _goes_on(call, number, part, found)
            if kind is None:
                rest.append((number, part))
            else:
                found.append(_told(number, part, kind))
    found += _read_back(found, rest)
    return [part for told in (*found, *_corrected(call, found)) for part in _parts(told, call.turns[told.turn].text)]


def _parts(told: ToldAnswer, text: str) -> Iterator[ToldAnswer]:
    """A stretch without the words between its letters and digits: and then, 然后."""
    start = told.start
    for first, last in told.between:
        if not is_sign(text[first:last]):
            yield replace(told, start=start, end=first)
            start = last
    yield replace(told, start=start)


def _near(call: Call, topics: Sequence[Topic], plates: set[int]) -> set[int]:
    """The turns in which something with letters may be told: something was asked for, or a shape says it."""
    asked = {topic.turn for topic in topics if topic.name in _WITH_LETTERS}
    shaped = {turn.index for turn in call.turns if _LATIN.search(turn.text) and _may_be_sure().search(turn.text)}
    return {near for turn in asked | shaped | plates for near in range(turn - READ_BEFORE, turn + READ_TURNS)}


_LATIN = re.compile(r"[A-Za-z]")
_WITH_LETTERS = ("plate", "code", "id", "account", "email")


@cache
def _may_be_sure() -> re.Pattern[str]:
    """Where a British plate or an IBAN may begin: YD65, Y D sixty-five, mike tango one eight."""
    numbers, letters = english_numbers(), "|".join(sensitive_words().en.letters)
    letter = rf"(?:[A-Za-z]|(?i:{letters}))"
    digit = rf"(?:[0-9]|(?i:{'|'.join((*numbers.digits, *numbers.teens, *numbers.tens))}|oh)\b)"
    return re.compile(rf"[A-Z]{{2}}[ -]?[0-9]{{2}}|\b{letter}[ ,-]{{1,2}}{letter}[ ,-]{{1,2}}(?:{digit}|[A-Z]\b)")


def _told(turn: int, run: SpelledRun, kind: MaskKind) -> ToldAnswer:
    between = tuple((one.end, other.start) for one, other in pairwise(run.pieces))
    return ToldAnswer(turn, run.start, run.end, run.value, kind, between)


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


def _digit_runs(text: str) -> Iterator[SpelledRun]:
    """Digits without letters, of which a plate may go on."""
    for group in digit_groups(text):
        if not group.counts and len(group.digits) <= LONGEST_PLATE:
            yield SpelledRun(tuple(SpelledPiece(one.start, one.end, one.digits, False) for one in group.pieces))


def _shaped_parts(text: str, run: SpelledRun) -> tuple[SpelledRun, ...]:
    """A run; where a mark parts it from something of a sure shape, that and the rest: a dark blue Golf, FP16 YZT."""
    for at in range(1, len(run.pieces) if _sure_kind(run.value) is None else 0):
        parts = (SpelledRun(run.pieces[:at]), SpelledRun(run.pieces[at:]))
        if "," in text[parts[0].end : parts[1].start] and any(_sure_kind(part.value) for part in parts):
            return parts
    return (run,)


def _goes_on(call: Call, number: int, run: SpelledRun, found: Sequence[ToldAnswer]) -> MaskKind | None:
    """Whether digits go on a plate that was begun before: Lincoln, Paul, seven. - Yeah. - Four four one nine."""
    before = next((told for told in reversed(found) if told.turn < number), None)
    if before is None or before.kind != "plate" or number - before.turn > CORRECTED_TURNS or run.letters:
        return None
    same = call.turns[number].speaker == call.turns[before.turn].speaker
    begins = sensitive_words().lead_in.fullmatch(call.turns[number].text[: run.start])
    if not same or not begins or len(before.value) > _LONGEST_BEGUN or len(run.value) < 2:
        return None
    return "plate" if len(before.value) + len(run.value) < LONGEST_PLATE else None


_LONGEST_BEGUN = 4
"""Letters and digits of a plate with which it is not whole."""


def _overlaps(run: SpelledRun, others: Sequence[SpelledRun]) -> bool:
    return any(run.start < other.end and other.start < run.end for other in others)


@cache
def _mainland() -> re.Pattern[str]:
    provinces, one = sensitive_words().zh.plate_provinces, rf"[A-Za-z0-9{_HAN_DIGITS}]"
    before = rf"[{provinces}](?:[，,、\s]*[{HAN}]{{1,2}}的[{provinces}])?"
    told = rf"(?:[，,、\s]*[{HAN}]{{1,2}}的[{provinces}])?"
    six = rf"(?:{_GAP}{one}){{5}}(?:{_GAP}{one}(?!{_UNIT}))?(?![0-9{_HAN_DIGITS}])"
    rest = rf"(?:\s?临)?{told}(?:{six}|(?:{_GAP}{one}){{4}}{_GAP}[港澳警学挂试超])"
    return re.compile(rf"{before}[\s，,、·.\-—]{{0,2}}[A-Za-z]{rest}")


_HAN_DIGITS = "零〇一二两三四五六七八九幺洞拐"
_UNIT = "[小时分秒块元角天个点年月日号层楼位辆次]"
_GAP = r"[\s，,、·.\-—。]{0,3}(?:(?:嗯|啊|然后|再|杠|点|后面|数字|字母)[\s，,、]{0,2})?"


def _kind(call: Call, number: int, run: SpelledRun, topics: Sequence[Topic]) -> MaskKind | None:
    """What a run is by the last word before it that tells, or by its shape."""
    topic, text = _topic(number, run, topics), call.turns[number].text
    if kind := _sure_kind(run.value):
        near = (other.name for other in topics if 0 <= number - other.turn <= ANSWER_TURNS)
        before = max((other.end for other in topics if other.turn == number and other.end <= run.start), default=0)
        far = topic is not None and (topic.turn < number or run.start - topic.end > _NAMED_FAR)
        shown = topic is not None and topic.name == "other" and not (far and kind == "plate")
        return kind if not shown or kind in near or _NEW_SENTENCE.search(text, before, run.start) else None
    if topic is None or not run.letters or len(run.value) > LONGEST_ANSWER:
        return None
    alone = run.end - run.start >= _ALONE * len(text.rstrip(" .,?!。，？！"))
    if len(run.value) == 1:
        alone = alone and number > 0 and _LETTER.search(call.turns[number - 1].text) is not None
    named = topic.turn == number and 0 <= run.start - topic.end <= _NAMED
    named = named or run.value[0] in sensitive_words().zh.plate_provinces
    return _answer_kind(topic.name, run, alone, named) if alone or named or len(run.value) >= PART_READ_BACK else None


_NAMED_FAR = 10
"""Characters between a word that tells what is said and a plate that it does not tell: a ticket on my car, WV21 HHJ."""

_LETTER = re.compile(r"\bletter|字母")
_NAMED = 5
"""Characters between a word that tells what is said and that itself, where nothing else is said: version code K M."""

_NEW_SENTENCE = re.compile(r"[.?!]\s+(?=[A-Z])")


def _topic(number: int, run: SpelledRun, topics: Sequence[Topic]) -> Topic | None:
    """What was asked for last; what is shown counts only where it was named just before."""
    for topic in reversed(topics):
        if topic.turn > number or (topic.turn == number and topic.end > run.start + 1):
            continue
        if number - topic.turn > ANSWER_TURNS:
            return None
        if topic.name != "other" or topic.turn >= number - 1:
            return topic
    return None


_ALONE = 0.7
"""So much of its turn takes a part of a number that is told in parts."""


def _answer_kind(topic: str, run: SpelledRun, alone: bool, named: bool) -> MaskKind | None:
    mixed = run.letters > 0 and run.digits > 0
    few = (alone or named) and run.singles == len(run.value) <= _FEW_LETTERS
    match topic:
        case "plate" if len(run.value) <= LONGEST_PLATE and (mixed or run.singles >= PART_READ_BACK or alone):
            return "plate"
        case "plate" if run.value[0] in sensitive_words().zh.plate_provinces:
            return "plate"
        case "code" if mixed or run.singles >= PART_READ_BACK + 1:
            return "code"
        case "id" if (mixed and (run.digits >= _LEAST_ID_DIGITS or alone)) or few:
            return "id"
        case "email" if run.singles >= _LEAST_MAIL_LETTERS:
            return "email"
        case "account" if named and mixed and len(run.value) >= _LEAST_ID_DIGITS:
            return "account"
        case "account" if run.letters >= 2 and run.digits >= _LEAST_ACCOUNT_DIGITS:
            return "account"
    return None


_FEW_LETTERS = 3
"""Letters with which an identity number begins or ends."""

_LEAST_MAIL_LETTERS = 2
_LEAST_ID_DIGITS = 5
_LEAST_ACCOUNT_DIGITS = 4


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
                if first >= start and not is_what_was_wrong(turn.text[:first]):
                    yield ToldAnswer(turn.index, first, last, turn.text[first:last], told.kind)
