"""Callers' numbers: each becomes a keyed hash before anything else sees it, wherever in a row it stands."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from functools import cached_property

from pipeline.intake.cells import DATE
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home

_NUMBER = re.compile(r"\+?\d(?:[\s\-().]*\d){6,}")


class CallerHash:
    """Hashes telephone numbers with the home's salt, which is made at its first use."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def hashed(self, number: str) -> str | None:
        """HMAC-SHA256 of a telephone number's digits under the home's salt; None without digits."""
        digits = subscriber_digits(number)
        return hmac.new(self._salt, digits.encode(), hashlib.sha256).hexdigest()[:32] if digits else None

    def without_caller(self, text: str, caller: str) -> str:
        """A text without the caller's number in it."""
        digits = subscriber_digits(caller)
        if len(digits) < 7:
            return text
        return re.sub(r"(?:\+?0{0,2}86[\s-]?|0)?" + r"[\s-]?".join(digits), self.hashed(caller) or "", text)

    def without_numbers(self, text: str) -> str:
        """A text without anything that could be a telephone number; a date is none."""
        return text if DATE.fullmatch(text) else _NUMBER.sub(lambda number: self.hashed(number[0]) or "", text)

    @cached_property
    def _salt(self) -> bytes:
        try:
            salt = self._home.salt.read_bytes()
        except FileNotFoundError:
            salt = b""
        if len(salt) < 16:
            write_whole(self._home.salt, os.urandom(32), secret=True)
            salt = self._home.salt.read_bytes()
        return salt


def subscriber_digits(number: str) -> str:
    """The digits that tell a subscriber, without China's country code, trunk prefix or separators."""
    # sip:…@host, extensions
    number = re.split(r"@|(?i:ext|x)|转", number)[0]
    digits = re.sub(r"\D", "", number)
    digits = digits.removeprefix("00") if digits.startswith("0086") else digits
    if digits.startswith("86") and len(digits) >= 12:
        digits = digits[2:]
    return digits.lstrip("0")
