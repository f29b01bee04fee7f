"""Stretches of a call that are not shown, and texts with them hidden: every character becomes a `*`.

A masked text is as long as it was, so that places in it, the words of a turn and the sentences of evidence still fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pipeline.timeline import Span

MaskKind = Literal["card", "id", "phone", "account", "plate", "email", "code", "address", "name"]
"""What is hidden; "code" is what may not even be kept: a card's security code, a PIN, a password."""

HIDDEN = "*"

NO_TURN = -1
"""`Mask.turn` of what is in no turn: people said it was no speech, and its sound is silenced all the same."""


@dataclass(frozen=True, slots=True)
class Mask:
    """A stretch of a turn's text, characters from `start` to `end`, and when it is said."""

    kind: MaskKind
    turn: int
    start: int
    end: int
    span: Span


@dataclass(frozen=True, slots=True)
class Masks:
    """All stretches of a call that could be hidden, by turn and place, and the version of what found them."""

    version: str
    found: tuple[Mask, ...] = ()


def hide(text: str, stretches: Iterable[tuple[int, int]]) -> str:
    """The text with the characters of these stretches hidden, white space between them left as it is."""
    characters = list(text)
    for start, end in stretches:
        for at in range(max(0, start), min(end, len(characters))):
            if not characters[at].isspace():
                characters[at] = HIDDEN
    return "".join(characters)
