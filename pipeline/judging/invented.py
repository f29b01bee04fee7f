"""What must not leave a call, replaced by something invented of the same kind: a rule judges it as it judged the true.

The same number or name is replaced by the same all over the call, and part of a number by that part of what replaces
it, so that what is read back still is. What cannot be replaced so is hidden.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from pipeline.datatypes import Call
from pipeline.masks import Mask, MaskKind, hide
from pipeline.privacy.sensitive import BY_SETTING, find_masks

Replacement = tuple[int, int, str]
"""From, to (characters of a turn's text), and what stands there instead."""

_NUMBERS: frozenset[MaskKind] = frozenset(("card", "id", "phone", "account"))

_HAN = "零一二三四五六七八九"
_SAID: Mapping[str, str] = {
    **{digit: digit for digit in "0123456789"}, **{han: str(number) for number, han in enumerate(_HAN)},
    "〇": "0", "幺": "1", "两": "2",
    **{word: str(number) for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))},
    "oh": "0", "o": "0",
}  # fmt: skip
_WORDS = {digit: word for word, digit in _SAID.items() if word.isascii() and word.isalpha() and len(word) > 2}
_PIECE = re.compile(r"[0-9]|[零〇一幺二两三四五六七八九]|[A-Za-z]+|\S|\s+")

_OF_KIND: Mapping[str, Mapping[MaskKind, str]] = {
    "zh": {"email": "name@example.com", "plate": "京A12345", "address": "光明路一号"},
    "en": {"email": "name@example.com", "plate": "AB12 CDE", "address": "1 Main Street"},
}
_NAMES: Mapping[str, Sequence[str]] = {
    "zh": ("王明", "李明", "张明", "刘明", "陈明", "赵明"),
    "en": ("Ann Smith", "Ann Jones", "Ann Brown", "Ann Taylor", "Ann Evans", "Ann White"),
}


def replacements(call: Call) -> dict[int, list[Replacement]]:
    """What is to be replaced in each turn, in order and without overlap, by the turn's number."""
    masks = list(find_masks(call, BY_SETTING).found)
    numbers, names = _invented_numbers(call, masks), dict[str, str]()
    found: dict[int, list[Replacement]] = {}
    for mask in masks:
        text = call.turns[mask.turn].text[mask.start : mask.end]
        if mask.kind in _NUMBERS:
            new = numbers.get(text) or hide(text, [(0, len(text))])
        elif mask.kind == "name":
            new = names.setdefault(text, _name(text, call.language, len(names)))
        else:
            new = _OF_KIND.get(call.language, _OF_KIND["en"]).get(mask.kind) or hide(text, [(0, len(text))])
        found.setdefault(mask.turn, []).append((mask.start, mask.end, new))
    _add_agent(call, found, names)
    return {turn: sorted(each) for turn, each in found.items()}


def _add_agent(call: Call, found: dict[int, list[Replacement]], names: dict[str, str]) -> None:
    """The agent's own name, wherever it is said."""
    agent = call.cdr.agent_name
    if not agent or len(agent) < 2:
        return
    new = names.setdefault(agent, _name(agent, call.language, len(names)))
    for number, turn in enumerate(call.turns):
        for match in re.finditer(re.escape(agent), turn.text):
            taken = found.setdefault(number, [])
            if all(match.end() <= start or end <= match.start() for start, end, _ in taken):
                taken.append((match.start(), match.end(), new))


def _name(text: str, language: str, number: int) -> str:
    """An invented name as long as one: one or two characters, one or two words."""
    names = _NAMES.get(language, _NAMES["en"])
    new = names[number % len(names)]
    if language == "zh":
        return new[: max(1, len(text))]
    return new if " " in text.strip() else new.split()[-1]


def _invented_numbers(call: Call, masks: Sequence[Mask]) -> dict[str, str]:
    """What replaces each number, by how it is written; what is written too strangely is not among them."""
    written = {call.turns[m.turn].text[m.start : m.end] for m in masks if m.kind in _NUMBERS}
    digits = {text: found for text in written if (found := _digits(text))}
    new: dict[str, str] = {}
    for told in sorted(set(digits.values()), key=lambda each: (-len(each), each)):
        longer = next((each for each in new if told in each), None)
        at = longer.find(told) if longer else 0
        new[told] = new[longer][at : at + len(told)] if longer else _other_digits(told)
    return {text: _written(text, new[told]) for text, told in digits.items()}


def _other_digits(digits: str) -> str:
    """As many digits drawn by chance; the first of a telephone number stays what it is."""
    first = digits[0] if len(digits) >= 7 else ""
    return first + "".join(secrets.choice("0123456789") for _ in digits[len(first) :])


def _digits(text: str) -> str | None:
    """The digits that are said one by one in a text; None where anything else is."""
    found = []
    for piece in _PIECE.findall(text):
        if piece.lower() in _SAID:
            found.append(_SAID[piece.lower()])
        elif piece.isalnum():
            return None
    return "".join(found) or None


def _written(text: str, digits: str) -> str:
    """The text with other digits in the places of its own, each written as it was."""
    left = iter(digits)

    def other(match: re.Match[str]) -> str:
        piece = match[0]
        if piece.lower() not in _SAID:
            return piece
        digit = next(left)
        if piece.isascii():
            return _WORDS[digit] if piece.isalpha() else digit
        return _HAN[int(digit)]

    return _PIECE.sub(other, text)
