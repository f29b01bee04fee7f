"""What must not be shown of a call: one search gives the stretches of text and the times in which they are said."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.datatypes import Call, Turn
from pipeline.language.sensitive_words import sensitive_words
from pipeline.masks import HIDDEN, Mask, MaskKind, Masks
from pipeline.privacy.addresses import find_addresses
from pipeline.privacy.answers import find_answers
from pipeline.privacy.by_sound import find_by_sound
from pipeline.privacy.mail import Stretch, find_mail
from pipeline.privacy.numbers import ToldNumber, check_letter, find_numbers
from pipeline.privacy.passwords import find_passwords
from pipeline.privacy.people import find_names
from pipeline.privacy.topics import named_topics
from pipeline.timeline import Span

MASKING_VERSION = "7"
"""Raised whenever the code here finds something else; masks of another version are looked for anew."""


UNEXPLAINED_S = 3.0
"""Voice without a word so near to a number is taken for a part of it."""


BY_SETTING: tuple[MaskKind, ...] = ("address", "name")
"""Kinds that are looked for only where the settings ask for it."""


def find_masks(call: Call, asked_for: Collection[MaskKind] = ()) -> Masks:
    """All stretches of a call that are hidden, by turn and place, none inside another; of `BY_SETTING` those asked for.

    The version tells what was looked for: "7", "7 name".
    """
    found: list[tuple[Stretch, MaskKind]] = []
    topics = named_topics(call)
    for number in find_numbers(call, topics):
        assert number.kind is not None
        found += [(stretch, number.kind) for stretch in _stretches(call, number)]
    found += [(stretch, "email") for stretch in find_mail(call, topics)]
    found += [((told.turn, told.start, told.end), told.kind) for told in find_answers(call, topics)]
    found += find_by_sound(call, topics)
    found += [(stretch, "code") for stretch in find_passwords(call)]
    found += [(stretch, "code") for stretch in _removed(call)]
    if "address" in asked_for:
        found += [(stretch, "address") for stretch in find_addresses(call)]
    if "name" in asked_for:
        found += [(stretch, "name") for stretch in find_names(call)]
    version = " ".join((MASKING_VERSION, *(kind for kind in BY_SETTING if kind in asked_for)))
    return Masks(version, tuple(_placed(call, found)))


def _removed(call: Call) -> Iterator[Stretch]:
    """Where codes stood that are kept no more: their sound is there still."""
    for turn in call.turns:
        if HIDDEN in turn.text:
            yield from ((turn.index, *match.span()) for match in _HIDDEN.finditer(turn.text))


_LETTERS = re.compile(r"(?<![A-Za-z])[A-Z]{1,2}\s?\Z")
"""Letters with which a passport's or a member's number begins."""

_KEY = re.compile(r"\b(?:star|asterisk|pound|hash) \Z", re.IGNORECASE)
"""A key that is pressed before a code."""

_HIDDEN = re.compile(rf"{re.escape(HIDDEN)}+")


def _stretches(call: Call, number: ToldNumber) -> Iterator[Stretch]:
    """Where the digits of a number stand, without the words between them."""
    for one in number.groups:
        text, pieces = call.turns[one.turn].text, one.group.pieces
        start, end = pieces[0].start, pieces[0].end
        if number.kind in ("id", "account") and (letters := _LETTERS.search(text, 0, start)):
            start = letters.start()
        if number.kind == "code" and (key := _KEY.search(text, 0, start)):
            start = key.start()
        for piece in pieces[1:]:
            gap = text[end : piece.start].strip()
            if any(character.isalnum() for character in gap) and gap not in sensitive_words().zh.extensions:
                yield one.turn, start, end
                start = piece.start
            end = piece.end
        yield one.turn, start, end
        if number.kind == "id" and (letter := check_letter(text[end:])):
            yield one.turn, end + letter[0], end + letter[1]


def _placed(call: Call, found: Iterable[tuple[Stretch, MaskKind]]) -> Iterator[Mask]:
    """Masks in order with their times; where stretches overlap the first counts, as far as it goes.

    What a setting may leave visible never covers what it may not.
    """
    placed: list[tuple[int, int, int, MaskKind]] = []
    taken: dict[int, set[int]] = {}
    for (turn, start, end), kind in sorted(found, key=lambda item: (item[1] in BY_SETTING, *item[0][:2], -item[0][2])):
        covered = taken.setdefault(turn, set())
        while start < end:
            first = next((at for at in range(start, end) if at not in covered), end)
            start = next((at for at in range(first, end) if at in covered), end)
            if first < start:
                placed.append((turn, first, start, kind))
                covered.update(range(first, start))
    for turn, start, end, kind in sorted(placed):
        yield Mask(kind, turn, start, end, said_in(call, call.turns[turn], start, end))


def said_in(call: Call, turn: Turn, start: int, end: int) -> Span:
    """When the characters of a turn are said: from the first of their words to the last, and what voice of the speaker
    no other word explains beside them.

    Engines write a number as one word, and of a word with a pause in it only the longer part has a time.
    """
    spans = [turn.words[at].span for at, (first, last) in enumerate(word_places(turn)) if first < end and start < last]
    if not spans:
        return turn.span
    said = Span(min(span.start_s for span in spans), max(span.end_s for span in spans))
    own = [word.span for each in call.turns if each.speaker == turn.speaker for word in each.words]
    before_s = max((span.end_s for span in own if span.end_s <= said.start_s), default=0.0)
    after_s = min((span.start_s for span in own if span.start_s >= said.end_s), default=float("inf"))
    around = Span(max(before_s, said.start_s - UNEXPLAINED_S), min(after_s, said.end_s + UNEXPLAINED_S))
    role = call.role(turn)
    voices = [voice for span in call.voiced.get(role, ()) if (voice := span & around)] if role != "unknown" else []
    return Span(
        min([said.start_s, *(voice.start_s for voice in voices)]), max([said.end_s, *(voice.end_s for voice in voices)])
    )


def word_places(turn: Turn) -> Sequence[tuple[int, int]]:
    """Where each word of a turn stands in its text."""
    places, at = [], 0
    for word in turn.words:
        piece = word.text.strip()
        first = turn.text.find(piece, at)
        if first < 0:
            places.append((at, at))
            continue
        at = first + len(piece)
        places.append((first, at))
    return places
