"""Callers' numbers: each becomes a keyed hash before anything else sees it, wherever in a row it stands."""

from __future__ import annotations

from functools import cached_property

from pipeline.numbers import KnownNumbers, replace_numbers, subscriber_digits
from pipeline.storage.home import Home
from pipeline.storage.keys import home_key, keyed_hash


class CallerHash:
    """Hashes telephone numbers with the home's salt, which is made at its first use."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def hashed(self, number: str) -> str | None:
        """HMAC-SHA256 of a telephone number's digits under the home's salt; None without digits."""
        digits = subscriber_digits(number)
        return keyed_hash(self._salt, digits) if digits else None

    def without_known(self, text: str, known: KnownNumbers) -> str:
        """A text with the hashes of known numbers in their place."""
        return known.replace(text, lambda number: self.hashed(number) or "")

    def without_numbers(self, text: str) -> str:
        """A text without anything that could be a telephone number; a date or an id is none."""
        return replace_numbers(text, lambda number: self.hashed(number) or "")

    @cached_property
    def _salt(self) -> bytes:
        return home_key(self._home)
