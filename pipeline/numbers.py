"""Telephone numbers in texts: where they stand, and how they are hidden.

A number to call is told from what only looks like one: dates, epochs, uuids, and Asterisk's ids (1795138260.18) stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

_KEPT = (
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"  # a uuid
    r"|(?<![0-9A-Za-z])(?=\d*[a-f])[0-9a-f]{16,}(?![0-9A-Za-z])"  # a hash
    r"|(?<!\d)1\d{9}(?:\.\d+|\d{3})?(?!\d)"  # seconds or ms since 1970, an id of Asterisk's; no number is so long
    r"|(?<!\d)(?:19|20)\d{6}[-_T]\d{6}(?!\d)"
    r"|(?<!\d)(?:19|20)\d\d(?P<gap>[-./])\d\d?(?P=gap)\d\d?(?:[-T_ ]\d\d(?:[-:.]?\d\d){1,2})?(?!\d)"
)
_CALLED = (
    r"(?<!\d)(?:\d{10,}"  # a mobile, a country's code before it, a date before it
    r"|\(?0\d{2,3}\)?[-. ]?\d{3,4}[-. ]?\d{4}|\d{3}[-. ]\d{3,4}[-. ]\d{4}"  # written in groups
    r"|(?<![A-Za-z])[2-8]\d{7}(?![A-Za-z])"  # a landline without its area
    r")(?!\d)"
)
_FOUND = re.compile(f"(?P<kept>{_KEPT})|{_CALLED}")
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_MOMENT = re.compile(_DATE.pattern + r"(?:(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3})?)?)?")
SHORTEST_NUMBER = 7
"""Digits of the shortest number to call; extensions and short codes have fewer."""

_SURE = 10
"""Digits of a number that is known again wherever they stand, in a longer run of digits too."""


def replace_numbers(text: str, put: Callable[[str], str]) -> str:
    """A text with `put` of whatever may be a telephone number in its place; a date in front of one stays."""

    def hide(match: re.Match[str]) -> str:
        found = match[0]
        if match["kept"] or _MOMENT.fullmatch(found):
            return found
        date = _DATE.match(found)
        shown = found[:8] if date and found.isdigit() and len(found) > 14 else ""
        return shown + put(found[len(shown) :])

    return _FOUND.sub(hide, text)


def mask_numbers(text: str, known: KnownNumbers | None = None) -> str:
    """Hide what may be a telephone number: all but its last two digits become `*`, and so the `known` ones do.

    A masked path is a pattern of the shell that finds the file.
    """
    if known is not None:
        text = known.replace(text, mask_number)
    return replace_numbers(text, mask_number)


def mask_number(number: str) -> str:
    """A telephone number with all but its last two digits hidden; "" stays."""
    return "*" * (len(number) - 2) + number[-2:]


def is_telephone_number(text: str) -> bool:
    """Whether a text is nothing but digits, too many for an extension."""
    return _TELEPHONE_NUMBER.fullmatch(text) is not None


_TELEPHONE_NUMBER = re.compile(rf"\+?\d{{{SHORTEST_NUMBER},}}")


def is_called(text: str) -> bool:
    """Whether a text is a number to call beyond doubt: a mobile, or one with its area or country.

    Without its dot, an id of Asterisk's would be a mobile: 1793667900.1.
    """
    return not re.fullmatch(_KEPT, text) and bool(_CALLED_WHOLE.fullmatch(re.sub(r"[\s().-]", "", text)))


_CALLED_WHOLE = re.compile(r"(?:\+?(?:00)?86)?0?1[3-9]\d{9}|\+\d{8,15}|00?[1-9]\d{8,13}")


_RUN = re.compile(r"\d(?:[\s-]?\d)*")
_PREFIX = re.compile(r"(?<!\d)(?:\+?0{0,2}86[\s-]?|0)\Z")


class KnownNumbers:
    """Finds certain numbers in texts, in whatever groups and with China's prefixes.

    Each call has its own: what is to be found is looked up in the digits of a text, as compiling a pattern for it would
    cost more than all else that is done to a call.
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        found = {digits for number in numbers if len(digits := subscriber_digits(number)) >= SHORTEST_NUMBER}
        self._numbers = sorted(found, key=len, reverse=True)

    def replace(self, text: str, put: Callable[[str], str]) -> str:
        """A text with `put` of what was found in its place."""
        if not self._numbers:
            return text
        pieces: list[str] = []
        end = 0
        for start, stop in self._found(text):
            prefix = _PREFIX.search(text[:start])
            if prefix and prefix.start() >= end:
                start = prefix.start()
            pieces += text[end:start], put(text[start:stop])
            end = stop
        return "".join([*pieces, text[end:]]) if end else text

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the numbers stand, from left to right."""
        for run in _RUN.finditer(text):
            places = [run.start() + at for at, char in enumerate(run[0]) if char.isdecimal()]
            if len(places) < SHORTEST_NUMBER:
                continue
            digits = "".join(text[place] for place in places)
            at = 0
            while found := min(self._in(digits, at, places), default=None):
                at = found[0] - found[1]
                yield places[found[0]], places[at - 1] + 1

    def _in(self, digits: str, at: int, places: list[int]) -> Iterator[tuple[int, int]]:
        """The first place of each number from a digit on, with its length below zero: the longest comes first."""
        for number in self._numbers:
            first = digits.find(number, at)
            while first >= 0 and len(number) < _SURE and _is_amid(places, first, first + len(number)):
                first = digits.find(number, first + 1)
            if first >= 0:
                yield first, -len(number)


def _is_amid(places: list[int], first: int, last: int) -> bool:
    """Whether digits from one to another have a digit right before or behind them."""
    before = first > 0 and places[first - 1] == places[first] - 1
    return before or (last < len(places) and places[last] == places[last - 1] + 1)


@lru_cache(maxsize=4096)
def subscriber_digits(number: str) -> str:
    """The digits that tell a subscriber, without China's country code, trunk prefix, 9 for a line, or separators."""
    # sip:…@host, extensions
    number = re.split(r"@|(?i:ext|x)|转", number)[0]
    digits = re.sub(r"\D", "", number)
    digits = digits.removeprefix("00") if digits.startswith("0086") else digits
    if digits.startswith("86") and len(digits) >= 12:
        digits = digits[2:]
    digits = digits.lstrip("0")
    mobile = _OUTSIDE_MOBILE.fullmatch(digits)
    return mobile[1] if mobile else digits


_OUTSIDE_MOBILE = re.compile(r"90?(1[3-9]\d{9})")
