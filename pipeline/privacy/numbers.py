"""Numbers in a call: groups of digits put together over turns, with what was asked for just before.

People give a number in pieces: a group, a pause, an "uh-huh" of the other side, the next group; they are corrected, and
the other side reads back what it heard. What is asked for decides what a number is; a checksum only adds certainty.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from pipeline.datatypes import Call
from pipeline.language.sensitive_words import sensitive_words
from pipeline.masks import MaskKind
from pipeline.privacy.digits import DigitGroup, DigitPiece, digit_groups, is_what_was_wrong
from pipeline.privacy.shapes import SHORT_PUBLIC, has_all_digits, is_public, is_whole_phone, likely_kind, sure_kind
from pipeline.privacy.topics import Topic

ASKED_TURNS = 8
"""What was asked for so many turns ago is answered no more."""

GOES_ON_TURNS = 6
"""Between two groups of a number lie so many turns at most."""

SAID_BETWEEN = 24
"""Characters that may be said between two groups of a number that was asked for, beside small words."""

LISTENING = 14
"""Characters of a turn of the other side that is heard as listening, whatever it says."""

LEAST_DIGITS: dict[str, int] = {"phone": 5, "id": 6, "card": 5, "account": 5, "code": 3}
SURE_DIGITS: dict[str | None, int] = {"phone": 6, "card": 8, "account": 6}
"""With fewer, what was asked for is only what stands alone: else it is an amount, a reading, an extension."""

FULL_DIGITS: dict[tuple[str, str | None], int] = {
    ("", "phone"): 11, ("en", "phone"): 10, ("", "id"): 18, ("en", "id"): 9, ("", "card"): 16, ("", "account"): 12,
    ("en", "account"): 8, ("", "code"): 4,
}  # fmt: skip
"""Digits after which a number may be whole, by language and topic: then more must follow at once to belong to it."""

LONGEST_CODE = 8
"""Digits of a PIN, a security code, a code that was sent."""

READ_OUT = 9
"""Digits in a turn that says little else, whatever they are."""

MOST_BETWEEN = 0.3
"""Of the letters and digits of such a turn, so many are none of its digits."""

READ_BACK = 4
"""Digits of a part of a number that is known again anywhere in the call; one digit less near it."""

LEAST_REPEATED = 6
"""Digits of a part of a group that is known again though other digits stand right beside it."""

CORRECTED_TURNS = 3
"""A number is put right so many turns after it at most."""


@dataclass(frozen=True, slots=True)
class PlacedGroup:
    """A group of digits in a turn. `before` and `after`: what else its turn says up to the next group."""

    turn: int
    speaker: str
    group: DigitGroup
    before: str
    after: str

    @property
    def digits(self) -> str:
        return self.group.digits


@dataclass
class ToldNumber:
    """Groups that are one number, what is read back of it among them; `digits` without that, `corrected` put right."""

    groups: list[PlacedGroup]
    topic: str | None
    digits: str = ""
    lengths: list[int] = field(default_factory=list)
    kind: MaskKind | None = None
    corrected: list[str] = field(default_factory=list)


def find_numbers(call: Call, topics: Sequence[Topic]) -> list[ToldNumber]:
    """The numbers of a call that are hidden, with what is read back of them; `topics` are what the call names."""
    placed = _placed(call)
    if sum(len(one.digits) for one in placed) < LEAST_DIGITS["code"]:
        return []
    numbers = list(_numbers(call, placed, topics))
    for number in numbers:
        _begin_misheard(number)
        number.kind = _kind(call, number, topics)
    found = [number for number in numbers if number.kind is not None]
    found += _read_out(call, placed, found, topics)
    return found + list(_said_again(call, found, placed))


def _read_out(
    call: Call, placed: Sequence[PlacedGroup], found: Sequence[ToldNumber], topics: Sequence[Topic]
) -> list[ToldNumber]:
    """Turns that are little else than many digits, where nobody was heard to say what they are."""
    known = {one.turn for number in found for one in number.groups}
    numbers = []
    for turn, groups in groupby((one for one in placed if one.turn not in known), key=lambda one: one.turn):
        own, text = list(groups), call.turns[turn].text
        digits = "".join(one.digits for one in own)
        if len(digits) < READ_OUT or any(one.group.counts for one in own):
            continue
        topic, spoken = _topic_of(own[0], topics), sum(map(str.isalnum, text))
        others = sum(sum(map(str.isalnum, one.before)) for one in own) + sum(map(str.isalnum, own[-1].after))
        public = is_public(digits, call.language, call.role(call.turns[turn]) == "agent")
        if (topic is None or topic.name != "other") and others <= MOST_BETWEEN * spoken and not public:
            lengths = [length for one in own for length in one.group.lengths]
            numbers.append(ToldNumber(own, None, digits, lengths, "account"))
    return numbers


def _placed(call: Call) -> list[PlacedGroup]:
    found = []
    for number, turn in enumerate(call.turns):
        groups = digit_groups(turn.text)
        edges = [0, *(group.end for group in groups)]
        starts = [*(group.start for group in groups), len(turn.text)]
        for at, group in enumerate(groups):
            before, after = turn.text[edges[at] : group.start], turn.text[group.end : starts[at + 1]]
            found.append(PlacedGroup(number, turn.speaker, group, before, after))
    return found


def _topic_of(one: PlacedGroup, topics: Sequence[Topic]) -> Topic | None:
    """What a group is said to be: by the last word before it, else by one right behind it."""
    at = bisect_right(topics, (one.turn, one.group.start), key=lambda topic: (topic.turn, topic.start))
    last = topics[at - 1] if at else None
    following = topics[at] if at < len(topics) and topics[at].turn == one.turn else None
    named = following is not None and following.start - one.group.end <= _NAMED_BEHIND
    if named and following is not None:
        between = one.after[: following.start - one.group.end]
        named = _ENDED.search(one.after[: _NAMED_BEHIND + 2]) is None and (
            following.name != "other" or _SAYS_WHAT.search(between) is not None or not _PAUSE.search(between)
        )
    if last is not None and (last.turn == one.turn or not named) and one.turn - last.turn <= ASKED_TURNS:
        return last
    return following if named else None


_NAMED_BEHIND = 14
_ENDED = re.compile(r"[.?!。？！]\s*\w")
_PAUSE = re.compile(r"[,，、]")
_SAYS_WHAT = re.compile(r"是|\b(?:is|was|it's|that's|as)\b", re.IGNORECASE)
"""4471, that's the code; but not in 117, expiry 03 29."""


def _numbers(call: Call, placed: Sequence[PlacedGroup], topics: Sequence[Topic]) -> Iterator[ToldNumber]:
    open_number: ToldNumber | None = None
    answered: dict[Topic, PlacedGroup] = {}
    for one in placed:
        topic = _topic_of(one, topics)
        if (one.group.counts and not _is_code_in_hundreds(one, topic)) or _is_word(call, one):
            continue
        name = topic.name if topic else None
        if topic is not None and _is_answered(answered, topic, one):
            name = None
        if open_number is not None and _goes_on(call, open_number, one, topic):
            _add(open_number, one)
            continue
        if open_number is not None:
            yield open_number
        open_number = ToldNumber([], name)
        _add(open_number, one)
    if open_number is not None:
        yield open_number


def _is_code_in_hundreds(one: PlacedGroup, topic: Topic | None) -> bool:
    """Whether a number in hundreds is no amount, but all that is said where a code was asked for."""
    if topic is None or topic.name != "code" or topic.turn == one.turn:
        return False
    small = sensitive_words().lead_in
    sized = any(piece.sized for piece in one.group.pieces)
    return sized and small.fullmatch(one.before) is not None and small.fullmatch(one.after) is not None


def _is_word(call: Call, one: PlacedGroup) -> bool:
    """Whether a single "one" or "oh" stands in a sentence, where it is no digit."""
    text = call.turns[one.turn].text[one.group.start : one.group.end].lower()
    if text not in _WORDS_TOO:
        return False
    small = sensitive_words().lead_in
    return not (small.fullmatch(one.before) and small.fullmatch(one.after))


_WORDS_TOO = ("one", "oh", "o")


def _is_answered(answered: dict[Topic, PlacedGroup], topic: Topic, one: PlacedGroup) -> bool:
    """Whether what was asked for was told before, so that a group is something else."""
    if topic.name not in ("other", "code") or (one.turn, one.group.start) < (topic.turn, topic.end):
        return False
    if topic.name == "code" and len(one.digits) < LEAST_DIGITS["code"]:
        return False
    if topic.name == "code" and (len(one.digits) > LONGEST_CODE or _is_tail(one)):
        return True  # a card, or where the code was sent: the code itself is told yet
    first = answered.setdefault(topic, one)
    if one.turn == first.turn or _has_same(first.digits, one.digits):
        return False
    return topic.name == "other" or len(one.digits) != len(first.digits)


def _has_same(first: str, second: str) -> bool:
    return first in second or second in first


def _add(number: ToldNumber, one: PlacedGroup) -> None:
    number.groups.append(one)
    apart = number.groups[-1].turn != number.groups[0].turn or len(one.digits) >= _LONG
    repeated = len(one.digits) >= 2 and apart and one.digits in number.digits
    if number.digits and number.digits in one.digits:
        number.digits, number.lengths = one.digits, list(one.group.lengths)
    elif not repeated and one.speaker == number.groups[0].speaker:
        number.digits += one.digits
        number.lengths += one.group.lengths


def _goes_on(call: Call, number: ToldNumber, one: PlacedGroup, topic: Topic | None) -> bool:
    """Whether a group belongs to the number before it."""
    last = number.groups[-1]
    complete = FULL_DIGITS.get((call.language, number.topic), FULL_DIGITS.get(("", number.topic), 0))
    asked = len(number.digits) < complete
    if topic is not None and (topic.turn, topic.start) >= (last.turn, last.group.end) and topic.name != number.topic:
        return False
    other = one.speaker != number.groups[0].speaker and not _has_same(one.digits, number.digits)
    if _is_end_named(call, one) or is_what_was_wrong(one.before) or (other and _is_tail(number.groups[0])):
        return False
    if other and (len(one.digits) >= _LONG or len(number.digits) < _LEAST_APART):
        return False
    if one.turn - last.turn > GOES_ON_TURNS or _is_whole(call, number, one):
        return False
    if number.topic == "code" and len(number.digits) + len(one.digits) > LONGEST_CODE:
        return one.digits in number.digits
    asked = asked and min(len(one.digits), len(last.digits)) >= _LEAST_APART
    if one.turn == last.turn:
        clause = _CLAUSE.split(one.before)[-1]
        return _is_small(
            one.before, asked and (_is_small(clause, False) or _SAYS_WHAT_COMES.search(clause) is not None)
        )
    between = [turn for turn in range(last.turn + 1, one.turn) if all(turn != group.turn for group in number.groups)]
    texts = [call.turns[turn].text for turn in between]
    said = [_LETTER.sub("", last.after), one.before, *(text for text in texts if len(text) > LISTENING)]
    return all(_is_small(text, asked) for text in said)


_SAYS_WHAT_COMES = re.compile(r"(?:是|\b(?:is|was|it's|that's|then|and))\s*\Z", re.IGNORECASE)
"""Right before a group: what belongs to the number comes now. 后面好像是 6619, but not 剩 7700."""

_LONG = 7
"""So many digits are a number by themselves where somebody else says them."""

_LEAST_APART = 3
"""Digits of two groups at least that belong together though something is said between them."""


def _is_whole(call: Call, number: ToldNumber, one: PlacedGroup) -> bool:
    """Whether a number has all its digits, and a group is no part of it that is said again."""
    if _has_same(one.digits, number.digits):
        return False
    if number.topic == "phone" and sensitive_words().extension.search(one.before):
        return False
    if one.turn == number.groups[-1].turn and not one.before.strip(_PAUSES):
        return False
    return sure_kind(number.digits) is not None or (
        number.topic == "phone" and is_whole_phone(number.digits, call.language)
    )


_PAUSES = " ,.，。、-—"


def _is_small(text: str, asked: bool) -> bool:
    """Whether what is said beside the groups of a number says nothing else, or little where the number was asked for.

    Other counted things, and whole sentences, are more than little.
    """
    words = sensitive_words()
    if words.lead_in.fullmatch(text):
        return True
    return asked and len(text) <= SAID_BETWEEN


def _begin_misheard(number: ToldNumber) -> None:
    """Where a number is whole only with the word right before it, that word was a digit: 是六零幺零五… is 460105…"""
    first = number.groups[0]
    digit = sensitive_words().zh.misheard_inside.get(first.before[-1:])
    said = [each for each in (number.digits, first.digits) if has_all_digits(f"{digit}{each}")]
    if not said or has_all_digits(first.digits):
        return
    piece, *rest = first.group.pieces
    longer = DigitPiece(piece.start - 1, piece.end, f"{digit}{piece.digits}")
    number.groups[0] = replace(first, group=replace(first.group, pieces=(longer, *rest)), before=first.before[:-1])
    number.digits = f"{digit}{said[0]}"


def _kind(call: Call, number: ToldNumber, topics: Sequence[Topic]) -> MaskKind | None:
    """What a number is; None where it may be shown."""
    digits = number.digits + _check_letter(number)
    first = number.groups[0]
    by_agent = call.role(call.turns[first.turn]) == "agent"
    if is_public(digits, call.language, by_agent):
        return None
    if kind := sure_kind(digits):
        return kind
    if number.topic == "other" or (number.topic != "code" and SHORT_PUBLIC.fullmatch(digits)):
        return None
    if _PLUS.search(first.before) and len(digits) >= _LEAST_ABROAD:
        return "phone"
    if _is_keyed_in(number):
        return "code"
    if _is_tail(first):
        return "id" if number.topic == "id" else None
    if number.topic in LEAST_DIGITS and len(digits) >= LEAST_DIGITS[number.topic]:
        too_long = number.topic == "code" and len(digits) > LONGEST_CODE
        if too_long or (len(digits) < SURE_DIGITS.get(number.topic, 0) and not _is_said_alone(call, first, topics)):
            return likely_kind(digits, number.lengths, call.language)
        return number.topic  # type: ignore[return-value]  # the topics with a least number are kinds
    if len(digits) >= _SHORTEST_TAIL and number.topic in LEAST_DIGITS and _asked_for_tail(call, first):
        return number.topic  # type: ignore[return-value]
    return likely_kind(digits, number.lengths, call.language)


def _is_said_alone(call: Call, first: PlacedGroup, topics: Sequence[Topic]) -> bool:
    """Whether nothing else is said before a number in its clause, or between it and what tells what it is."""
    ends = [topic.end for topic in topics if topic.turn == first.turn and topic.end <= first.group.start]
    before = call.turns[first.turn].text[max(ends, default=0) : first.group.start]
    clause = _CLAUSE.split(before)[-1]
    return sensitive_words().lead_in.fullmatch(clause) is not None or _SAYS_WHAT_COMES.search(clause) is not None


_CLAUSE = re.compile(r"[,.?!;，。？！；:：]|['’]s\b")


_SHORTEST_TAIL = 3
_LEAST_ABROAD = 9
_PLUS = re.compile(r"(?:\+|\bplus|加号)\s*$", re.IGNORECASE)
"""A number with its country code: +353 87 555 0142."""


def _is_keyed_in(number: ToldNumber) -> bool:
    """Whether a number ends with the key that opens doors: 4417#, 1234 and then hash, 零六零幺井号."""
    return len(number.digits) in range(4, LONGEST_CODE + 1) and bool(_HASH_KEY.match(number.groups[-1].after))


_HASH_KEY = re.compile(
    r"[\s,，.。]{0,2}(?:and |then |followed by |再按?|然后按?|加个?)*(?:the )?(?:#|hash\b|pound key|井)", re.IGNORECASE
)


def _is_tail(one: PlacedGroup) -> bool:
    """Whether a group is named as the end of a number right before it."""
    return len(one.digits) <= 6 and sensitive_words().tail.search(one.before[-16:]) is not None


def _asked_for_tail(call: Call, one: PlacedGroup) -> bool:
    """Whether the other side asked for the last digits just before."""
    own = call.turns[one.turn].speaker
    before = [turn for turn in call.turns[max(0, one.turn - 3) : one.turn] if turn.speaker != own]
    return any(sensitive_words().tail.search(turn.text) for turn in before)


def _check_letter(number: ToldNumber) -> str:
    """The X that may end an ID number."""
    last = number.groups[-1]
    return "X" if len(number.digits) == 17 and check_letter(last.after) else ""


def check_letter(after: str) -> tuple[int, int] | None:
    """Where the X stands that ends an ID number, in what is said behind its digits."""
    match = _LETTER.match(after)
    return match.span(1) if match else None


_LETTER = re.compile(r"[\W的是最后尾一位个大写母字]{0,10}([Xx](?![A-Za-z])|叉|艾克斯|埃克斯|爱克斯|ex\b)")


def _said_again(call: Call, found: Sequence[ToldNumber], placed: Sequence[PlacedGroup]) -> Iterator[ToldNumber]:
    """Groups elsewhere that repeat a part of a number that is hidden, or put it right."""
    taken = {id(one) for number in found for one in number.groups}
    for one in placed:
        if id(one) in taken or _is_end_named(call, one):
            continue
        for number in found:
            corrects = _corrects(one, number, call)
            if corrects and len(one.digits) < len(number.digits):
                number.corrected += [number.digits[: -len(one.digits)] + one.digits]
            if corrects or _repeats(one, number):
                yield ToldNumber([one], number.topic, one.digits, list(one.group.lengths), number.kind)
                break
            if part := _repeated_part(one, number):
                yield ToldNumber([part], number.topic, part.digits, list(part.group.lengths), number.kind)
                break


def _repeated_part(one: PlacedGroup, number: ToldNumber) -> PlacedGroup | None:
    """The longest run of a group's pieces that repeats many digits of a number: is that a 4 or a 9, 4681 4083."""
    pieces = one.group.pieces
    for count in range(len(pieces) - 1, 0, -1):
        for first in range(len(pieces) - count + 1):
            part = DigitGroup(pieces[first : first + count], False)
            if len(part.digits) >= LEAST_REPEATED and part.digits in number.digits:
                return replace(one, group=part)
    return None


def _repeats(one: PlacedGroup, number: ToldNumber) -> bool:
    digits = one.digits
    away = min(abs(one.turn - group.turn) for group in number.groups)
    if one.group.counts and len(digits) < READ_BACK + 1:
        return False
    least = READ_BACK - 1 if away <= GOES_ON_TURNS else READ_BACK
    if len(digits) >= least and any(digits in known for known in (number.digits, *number.corrected)):
        return True
    return len(number.digits) >= READ_BACK and number.digits in digits


def _is_end_named(call: Call, one: PlacedGroup) -> bool:
    """Whether a group is the end of a number that tells which one is meant: 尾号 2615, the one ending 9916."""
    if len(one.digits) > _LONGEST_END:
        return False
    before = call.turns[one.turn].text[max(0, one.group.start - _END_NAMED) : one.group.start]
    return sensitive_words().named_end.search(before) is not None


_END_NAMED = 20
"""Characters in which that is said."""


_LONGEST_END = 4


def _corrects(one: PlacedGroup, number: ToldNumber, call: Call) -> bool:
    """Whether a group right behind a number puts a part of it right: 不对，最后是零一一八."""
    last = max((group.turn for group in number.groups if group.turn <= one.turn), default=None)
    if last is None or one.turn - last > CORRECTED_TURNS or one.group.counts:
        return False
    if is_what_was_wrong(one.before):
        return False
    if len(one.digits) < _LEAST_CORRECTED:
        return (
            not _is_word(call, one) and last == one.turn and sensitive_words().corrected.search(one.before) is not None
        )
    return (
        len(one.digits) <= len(number.digits)
        and sensitive_words().corrected.search(call.turns[one.turn].text) is not None
    )


_LEAST_CORRECTED = 2
