"""Callers' numbers: each becomes a keyed hash before anything else sees it, wherever in a row it stands."""

from __future__ import annotations

from functools import cached_property

from pipeline.numbers import KnownNumbers, replace_numbers, subscriber_digits
from pipeline.storage.home import Home
from pipeline.storage.keys import KeyChain, former_chains, home_chain


class CallerHash:
    """Hashes telephone numbers with the home's key, which is made at its first use."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def hashed(self, number: str) -> str | None:
        """HMAC-SHA256 of a telephone number's digits under the home's key; None without digits."""
        digits = subscriber_digits(number)
        return self._chain.hashed(digits) if digits else None

    def every_hash(self, number: str) -> frozenset[str]:
        """What a number's hash is or was, under keys that an import replaced too: by these its calls are found."""
        digits = subscriber_digits(number)
        chains = (self._chain, *former_chains(self._home)) if digits else ()
        return frozenset(chain.hashed(digits) for chain in chains)

    @property
    def key_id(self) -> str:
        """The id of the key by which numbers are hashed now."""
        return self._chain.id

    def without_known(self, text: str, known: KnownNumbers) -> str:
        """A text with the hashes of known numbers in their place."""
        return known.replace(text, lambda number: self.hashed(number) or "")

    def without_numbers(self, text: str) -> str:
        """A text without anything that could be a telephone number; a date or an id is none."""
        return replace_numbers(text, lambda number: self.hashed(number) or "")

    @cached_property
    def _chain(self) -> KeyChain:
        return home_chain(self._home)
