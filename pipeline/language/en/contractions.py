"""English contractions written out, and abbreviations known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.language.data import Words, read_table


@dataclass(frozen=True)
class Contractions:
    """`en/contractions.yaml`."""

    words: Mapping[str, Words]
    endings: Mapping[str, str]
    negation: str
    abbreviations: Words

    def written_out(self, word: str) -> tuple[str, ...]:
        """The words that a word stands for: itself, unless it is a contraction."""
        whole = self.words.get(word)
        if whole:
            return whole
        if "'" not in word:
            return (word,)
        if word.endswith(self.negation):
            return (word.removesuffix(self.negation), "not")
        stem, mark, tail = word.rpartition("'")
        ending = self.endings.get(mark + tail)
        return (stem, ending) if ending else (stem + tail,)


@cache
def contractions() -> Contractions:
    return read_table("en", "contractions", Contractions)
