"""Telephone numbers in texts: where they stand, and how they are hidden.

A number to call is told from what only looks like one: dates, epochs, uuids, and Asterisk's ids (1795138260.18) stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

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
_SHORTEST = 7
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


def mask_numbers(text: str, known: re.Pattern[str] | None = None) -> str:
    """Hide what may be a telephone number: all but its last two digits become `*`, and so the `known` ones do.

    A masked path is a pattern of the shell that finds the file.
    """
    if known is not None:
        text = known.sub(lambda found: _stars(found[0]), text)
    return replace_numbers(text, _stars)


def _stars(number: str) -> str:
    return "*" * (len(number) - 2) + number[-2:]


def is_called(text: str) -> bool:
    """Whether a text is a number to call beyond doubt: a mobile, or one with its area or country."""
    return bool(_CALLED_WHOLE.fullmatch(re.sub(r"[\s().-]", "", text)))


_CALLED_WHOLE = re.compile(r"(?:\+?(?:00)?86)?0?1[3-9]\d{9}|\+\d{8,15}|00?[1-9]\d{8,13}")


def known_numbers(numbers: Iterable[str]) -> re.Pattern[str] | None:
    """What finds these numbers in a text, in whatever groups and with China's prefixes; None without one to find."""
    found = {digits for number in numbers if len(digits := subscriber_digits(number)) >= _SHORTEST}
    if not found:
        return None
    each = []
    for digits in sorted(found, key=len, reverse=True):
        grouped = r"[\s-]?".join(digits)
        each.append(grouped if len(digits) >= _SURE else rf"(?<!\d){grouped}(?!\d)")
    return re.compile(rf"(?:(?<!\d)(?:\+?0{{0,2}}86[\s-]?|0))?(?:{'|'.join(each)})")


def subscriber_digits(number: str) -> str:
    """The digits that tell a subscriber, without China's country code, trunk prefix or separators."""
    # sip:…@host, extensions
    number = re.split(r"@|(?i:ext|x)|转", number)[0]
    digits = re.sub(r"\D", "", number)
    digits = digits.removeprefix("00") if digits.startswith("0086") else digits
    if digits.startswith("86") and len(digits) >= 12:
        digits = digits[2:]
    return digits.lstrip("0")
