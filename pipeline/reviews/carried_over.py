"""How corrections stand: which calls have some in force, and what was not carried over to what was heard since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.corrections import Corrections, LeftOut, NotCarried
from pipeline.datatypes import CDR
from pipeline.errors import BadArtefact
from pipeline.messages import Message
from pipeline.reviews.corrections import CallCorrections, corrected_calls
from pipeline.reviews.store import Reviews
from pipeline.storage import artefacts
from pipeline.storage.home import JudgedFile

NOT_CARRIED: dict[NotCarried, Message] = {
    "not-heard": Message("nothing is heard there now"),
    "heard-together": Message("it is heard together with other turns now"),
    "several-voices": Message("several voices are heard there now"),
    "voices": Message("the voices are told apart otherwise now"),
}
"""Why a correction is not carried over."""


@dataclass(frozen=True, slots=True)
class StandingCorrections:
    """The corrections of a call. `acts` are those in force, `left_out` what of them was not carried over when the call
    was last judged; `is_judged`: by all of them, and a night will not judge it again because of them."""

    sha256: str
    cdr: CDR
    acts: int
    left_out: tuple[LeftOut, ...]
    is_judged: bool


def standing_corrections(reviews: Reviews) -> list[StandingCorrections]:
    """Every corrected call that is stored, those first of which something was not carried over."""
    return sorted(_standing(reviews), key=lambda call: (not call.left_out, call.is_judged))


def _standing(reviews: Reviews) -> Iterator[StandingCorrections]:
    for said in corrected_calls(reviews):
        try:
            stored = artefacts.read(reviews.home.judged(said.sha256), JudgedFile)
        except BadArtefact:
            continue  # forgotten, or only its scores are kept
        is_judged = judged_by(stored, said)
        acts = sum(act.undone_at is None for act in said.acts)
        if acts or not is_judged:
            left_out = stored.corrected.left_out if stored.corrected and is_judged else ()
            yield StandingCorrections(said.sha256, stored.judged.call.cdr, acts, left_out, is_judged)


def judged_by(stored: JudgedFile, said: CallCorrections) -> bool:
    """Whether a call was judged by all that is in force of it, and nothing else."""
    return (stored.corrected.corrections if stored.corrected else Corrections()) == said.in_force
