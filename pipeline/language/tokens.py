"""Tokens: what the normaliser cuts a text into."""

from __future__ import annotations

from dataclasses import dataclass

SENTENCE, CLAUSE = 2, 1
"""Kinds of break behind a token: a sentence ends, or only a clause."""

TEXT_END = "\x1e"
"""Stands behind every text of several that are cut together."""

TURN_END = "\n"
"""The token that it becomes; no phrase crosses it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Normalised tokens of a text. `starts`/`ends` are offsets into the text as it was given; `breaks[i]` is
    `SENTENCE`, `CLAUSE` or 0: what punctuation, if any, stands behind token i."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    breaks: list[int]

    def add(self, pieces: str | tuple[str, ...], start: int, end: int, mark: int) -> None:
        """Append tokens that all stand for one stretch of the text; the break is behind the last."""
        self.words.extend(pieces)
        self.starts.extend([start] * len(pieces))
        self.ends.extend([end] * len(pieces))
        self.breaks.extend([0] * (len(pieces) - 1) + [mark])
