"""What people say was heard wrongly of a call: whose voice is whose, who said a turn, what was no speech.

A correction changes nothing that was heard: `pipeline.call.corrections` lays it over that. It names moments of the
recording, not turns by number, so that it can be found again in what other engines hear.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pipeline.timeline import Span

CorrectedRole = Literal["agent", "customer", "unknown", "not-speech"]
"""Whose the words of a turn are, or that they are none."""

NotCarried = Literal["not-heard", "heard-together", "several-voices", "voices"]
"""Why a correction says nothing of what was heard since: nothing is said then; its turn is heard together with others;
by several voices; the two voices are not told apart as they were."""


@dataclass(frozen=True, slots=True)
class TurnCorrection:
    """What a speaker said in a span belongs `to` somebody else, or is no speech.

    `speaker` is its name in the hearing that was corrected; `words` is a hash of the words, of 16 bits: enough to see
    that others stand there now, too few to tell which they were.
    """

    span: Span
    speaker: str
    words: str
    to: CorrectedRole

    @property
    def place(self) -> tuple[Span, str]:
        """The words that are meant, whosever they are said to be."""
        return self.span, self.speaker


@dataclass(frozen=True, slots=True)
class VoicesCorrection:
    """The voice that is heard in `agent_spans` is the agent's, that in `customer_spans` the customer's.

    `agent` and `customer` are the speakers' names in the hearing that was corrected, "" where there was none.
    """

    agent: str
    customer: str
    agent_spans: tuple[Span, ...]
    customer_spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Corrections:
    """What is said of a call, at once or all together: of turns, the later ones over the earlier; empty is false."""

    turns: tuple[TurnCorrection, ...] = ()
    voices: VoicesCorrection | None = None

    def __bool__(self) -> bool:
        return bool(self.turns) or self.voices is not None

    def then(self, later: Corrections) -> Corrections:
        """Both; what the later one says of the very same words is all that counts of these."""
        said_again = {turn.place for turn in later.turns}
        kept = tuple(turn for turn in self.turns if turn.place not in said_again)
        return Corrections(kept + later.turns, later.voices or self.voices)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A correction that could not be laid over what is heard now; `turn` is None where it is that of the voices."""

    turn: TurnCorrection | None
    why: NotCarried


def words_mark(texts: Iterable[str]) -> str:
    """The hash of some words that a correction keeps."""
    bare = re.sub(r"\W|_", "", "".join(texts)).lower()
    return hashlib.sha256(bare.encode()).hexdigest()[:4]
