"""A call by the id in its address, as far as who asks may see it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from desk.context import Desk
from desk.corrections.judging import judged_now
from desk.reviews.released_view import as_released
from desk.rights import User
from desk.routing import NotThere, Visit
from pipeline.datatypes import CDR, Judged
from pipeline.errors import BadArtefact
from pipeline.masks import Mask
from pipeline.messages import Message
from pipeline.privacy.masking import as_shown, masks_of
from pipeline.reviews.calibrations import Calibrations
from pipeline.reviews.corrections import CallCorrections, corrections_of
from pipeline.reviews.queues import Queues
from pipeline.reviews.releases import CallResult, released, steps_of
from pipeline.settings.privacy import Privacy
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile, RecordingRecord

NOT_THEIRS_NOW = Message(
    "the result of this call was released to you, but the call is not recorded as yours any more; ask your supervisor "
    "if that is wrong"
)


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A stored call, judged by what people corrected in it (`said`).

    `judged` is as it may be shown to who asks; `masks` are what is hidden of it. `is_kept`: it lies in the home as it
    is here; else a night will judge it so.
    """

    call_id: str
    stored: JudgedFile
    record: RecordingRecord | None
    judged: Judged
    masks: tuple[Mask, ...]
    said: CallCorrections
    is_kept: bool = True

    @property
    def sha256(self) -> str:
        return self.judged.call.sha256

    @property
    def cdr(self) -> CDR:
        return self.judged.call.cdr


def find_call(visit: Visit, call_id: str) -> FoundCall:
    """The call of an id, which the log tells once in a while that somebody looked at. Raises NotThere where there is
    none, or none that who asks may see; CallQAError where that cannot be recorded."""
    desk, user = visit.desk, visit.whose
    sha256 = sha256_of(desk, call_id)
    try:
        stored = artefacts.read(desk.home.judged(sha256), JudgedFile)
    except BadArtefact:
        raise NotThere from None
    if not may_see(desk, user, stored.judged.call.cdr, sha256):
        raise NotThere(NOT_THEIRS_NOW) if _was_theirs(desk, user, stored.judged.call.cdr, sha256) else NotThere
    desk.trail.note_once("view", user.name, sha256)
    if visit.shows_numbers and desk.settings.privacy.mask:
        desk.trail.note_once("unmask", user.name, sha256)
    said = corrections_of(desk.reviews, sha256)
    now = judged_now(desk, stored, said)
    masks = masks_of(now.judged.call, now.masks, privacy_for(visit))
    judged = _to_be_seen(visit, now, as_shown(now.judged, masks))
    return FoundCall(call_id, now, recording_record(desk.home, sha256), judged, tuple(masks), said, now is stored)


def _to_be_seen(visit: Visit, stored: JudgedFile, judged: Judged) -> Judged:
    """A call as it was released, for its agent; for others without the verdicts that they are to answer blind, and
    then without its score."""
    user, card = visit.whose, judged.scorecard
    if user.scope == "own":
        last = released_result(visit.desk, judged.call.sha256)
        if last is None:
            raise NotThere
        return as_released(judged, stored, last, visit.say("judged again since it was released to you"))
    hidden = {rule_id for _, rule_id in hidden_verdicts(visit, (judged.call.sha256,))}
    if card is None or not hidden:
        return judged
    verdicts = tuple(verdict for verdict in card.verdicts if verdict.rule_id not in hidden)
    return replace(judged, scorecard=replace(card, verdicts=verdicts, score=None, fatal=False))


def hidden_verdicts(visit: Visit, calls: Collection[str]) -> frozenset[tuple[str, str]]:
    """The verdicts of some calls (SHA-256), with their rules, that who asks must not see anywhere: they are to answer
    them blind."""
    user, file = visit.whose, visit.desk.reviews.file
    if not user.may("review") or not file.is_there:
        return frozenset()
    return Queues(file).blind_verdicts(user.name, calls) | Calibrations(file).blind_verdicts(user.name, calls)


def privacy_for(visit: Visit) -> Privacy:
    """What is hidden from who asks."""
    privacy = visit.desk.settings.privacy
    return privacy.model_copy(update={"mask": False}) if visit.shows_numbers else privacy


def may_see(desk: Desk, user: User, cdr: CDR, sha256: str) -> bool:
    """Whether a call is within an account's scope."""
    match user.scope:
        case "all":
            return True
        case "teams":
            return cdr.team is not None and cdr.team in user.teams
        case "own":
            if user.agent_id is None or cdr.agent_id != user.agent_id:
                return False
            last = released_result(desk, sha256)
            return last is not None and last.agent_id == user.agent_id


def _was_theirs(desk: Desk, user: User, cdr: CDR, sha256: str) -> bool:
    """Whether a call was released to an agent whose it is no more: its agent has been corrected since."""
    if user.scope != "own" or user.agent_id is None or cdr.agent_id == user.agent_id:
        return False
    with desk.reviews.file.reading() as rows:
        steps = steps_of(rows, sha256)
    return any(step.step == "released" and step.result.agent_id == user.agent_id for step in steps)


def released_result(desk: Desk, sha256: str) -> CallResult | None:
    """The result of a call that its agent sees."""
    with desk.reviews.file.reading() as rows:
        last = released(rows, sha256)
    return last.result if last else None


def sha256_of(desk: Desk, call_id: str) -> str:
    """The recording of a call's id, whoever may see it. Raises NotThere where there is none."""
    beginning = desk.call_ids.beginning(call_id)
    found = next(desk.home.judged(beginning).parent.glob(f"{beginning}*.json.*"), None) if beginning else None
    if found is None:
        raise NotThere
    return found.name.split(".", 1)[0]


def recording_record(home: Home, sha256: str) -> RecordingRecord | None:
    """What the inbox told of a recording; None where nothing is kept of it."""
    try:
        return artefacts.read(home.recording(sha256), RecordingRecord)
    except BadArtefact:
        return None
