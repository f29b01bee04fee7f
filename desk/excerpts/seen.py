"""A call as excerpts are cut from it: always masked, names too, whatever who asks may see elsewhere.

There are two ways to one, and no third: `seen_in_scope` for who may see the call, `seen_through` for who may see only
an excerpt of it, in a coaching session or among shared recordings. The second asks nothing: whoever calls it has just
checked that the excerpt is in something that the visitor may see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from desk.calls.found import hidden_verdicts, may_see, recording_record
from desk.calls.sound_making import SoundSource
from desk.context import Desk
from desk.corrections.judging import judged_now
from desk.excerpts.agents_named import agent_named
from desk.routing import NotThere, Visit
from pipeline.datatypes import Call, Judged, Verdict
from pipeline.errors import BadArtefact
from pipeline.privacy.masking import as_shown, masks_of, silenced
from pipeline.reviews.corrections import corrections_of
from pipeline.storage import artefacts
from pipeline.storage.home import JudgedFile


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A masked call without the verdicts that who asks is to answer blind, and what of its sound may be heard."""

    judged: Judged
    source: SoundSource

    @property
    def call(self) -> Call:
        return self.judged.call

    def verdict(self, rule_id: str) -> Verdict | None:
        """The call's verdict by a rule; None where there is none."""
        card = self.judged.scorecard
        return next((each for each in card.verdicts if each.rule_id == rule_id), None) if card else None


def seen_in_scope(visit: Visit, sha256: str) -> SeenCall:
    """A call that who asks may see. Raises NotThere where there is none, or not for them."""
    stored = _stored(visit.desk, sha256)
    if not may_see(visit.desk, visit.whose, stored.judged.call.cdr, sha256):
        raise NotThere
    return _seen(visit, stored)


def seen_through(visit: Visit, sha256: str) -> SeenCall:
    """A call of which who asks may see an excerpt: the caller has checked that, at this very look.

    Raises NotThere where the call is no more.
    """
    return _seen(visit, _stored(visit.desk, sha256))


def _stored(desk: Desk, sha256: str) -> JudgedFile:
    try:
        return artefacts.read(desk.home.judged(sha256), JudgedFile)
    except BadArtefact:
        raise NotThere from None


def _seen(visit: Visit, stored: JudgedFile) -> SeenCall:
    desk = visit.desk
    now = judged_now(desk, stored, corrections_of(desk.reviews, stored.judged.call.sha256))
    call = now.judged.call
    privacy = desk.settings.privacy.model_copy(update={"mask": True, "mask_names": True, "mask_addresses": True})
    masks = [*masks_of(call, now.masks, privacy), *agent_named(call)]
    source = SoundSource(
        call.sha256, recording_record(desk.home, call.sha256), now.hearing.layout if now.hearing else None,
        call.facts.duration_s, silenced(masks),
    )  # fmt: skip
    judged = as_shown(now.judged, masks)
    card, hidden = judged.scorecard, {rule_id for _, rule_id in hidden_verdicts(visit, (call.sha256,))}
    if card is not None and hidden:
        verdicts = tuple(each for each in card.verdicts if each.rule_id not in hidden)
        judged = replace(judged, scorecard=replace(card, verdicts=verdicts))
    return SeenCall(judged, source)
