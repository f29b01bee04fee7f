"""Chinese sounds, as far as they are data: readings, and which sounds are taken for one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.language.data import Words, read_table


@dataclass(frozen=True)
class ChineseSounds:
    """`zh/sounds.yaml`, which says what each table holds."""

    initials: Words
    confused_initials: Mapping[str, str]
    confused_finals: Mapping[str, str]
    close_initials: Words
    close_finals: Words
    readings: Words

    @cached_property
    def reading(self) -> dict[str, str]:
        """By character: letters and tone, as en1."""
        return {pair[0]: pair[2:] for pair in self.readings}

    @cached_property
    def close_initial_pairs(self) -> frozenset[frozenset[str]]:
        return _pairs(self.close_initials)

    @cached_property
    def close_final_pairs(self) -> frozenset[frozenset[str]]:
        return _pairs(self.close_finals)


def _pairs(texts: Words) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(text.split("-")) for text in texts)


@cache
def chinese_sounds() -> ChineseSounds:
    return read_table("zh", "sounds", ChineseSounds)
