"""What a call's page shows of its corrections: who said what and when, both results, what can be said of a turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from desk.calls.found import FoundCall, privacy_for
from desk.corrections.judging import heard_call
from desk.routing import Visit
from pipeline.call.build import build_call
from pipeline.call.corrections import spoken_by
from pipeline.corrections import TurnCorrection
from pipeline.datatypes import Call, Outcome, Turn
from pipeline.errors import BadArtefact, BadQuery
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.messages import Message
from pipeline.privacy.masking import call_as_shown, masks_of
from pipeline.reviews.carried_over import NOT_CARRIED
from pipeline.reviews.corrections import CorrectionAct
from pipeline.storage.home import JudgedFile

LONGEST_QUOTE = 60
"""Characters of a corrected turn that are shown beside what was said of it."""

CORRECTED_TO: Mapping[str, Message] = {
    "agent": Message("the agent said it"),
    "customer": Message("the customer said it"),
    "unknown": Message("not known who said it"),
    "not-speech": Message("not speech"),
    "voice-agent": Message("this whole voice is the agent"),
    "voice-customer": Message("this whole voice is the customer"),
}
"""What can be said of a turn."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One thing that an act says: of a turn, its beginning and words (masked); of the voices, neither."""

    what: Message
    start_s: float | None = None
    quote: str = ""
    not_carried: Message | None = None


@dataclass(frozen=True, slots=True)
class ShownAct:
    """An act with its moments in the time zone of the settings."""

    act: CorrectionAct
    at: datetime
    undone_at: datetime | None
    parts: tuple[ShownPart, ...]


@dataclass(frozen=True, slots=True)
class ChangedVerdict:
    """A rule whose outcome the corrections change; `rule` is None where the rulebook has it no more."""

    rule_id: str
    rule: Rule | None
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class ShownCorrections:
    """`acts` are the last ones first. `is_kept`: what is shown is what is stored, not judged for this page alone.

    `seen` and `heard` go with what is corrected: the last act, and the hearing, that were shown. `score` is what the
    rulebook gives without the corrections, `listed` the score in the list where it is another.
    """

    acts: tuple[ShownAct, ...]
    seen: int
    heard: str
    is_kept: bool
    is_corrected: bool
    score: float | None
    changed: tuple[ChangedVerdict, ...]
    listed: float | None
    voices: frozenset[str]

    @property
    def last(self) -> ShownAct | None:
        """The last act that is not undone."""
        return next((shown for shown in self.acts if shown.undone_at is None), None)

    def before(self, rule_id: str) -> Outcome | None:
        """The outcome that a rule would have without the corrections, where it is another."""
        return next((changed.before for changed in self.changed if changed.rule_id == rule_id), None)

    def choices(self, call: Call, turn: Turn) -> Iterator[tuple[str, Message]]:
        """What can be said of a turn as it is shown."""
        role = call.role(turn)
        names = [name for name in ("agent", "customer", "unknown") if name != role]
        if role == "unknown" and turn.speaker in self.voices and len(self.voices) > 1:
            names += ["voice-agent", "voice-customer"]
        yield from ((name, CORRECTED_TO[name]) for name in (*names, "not-speech"))


def heard_mark(stored: JudgedFile) -> str:
    """What tells a hearing from another, in forms."""
    return stored.hearing.fingerprint[:16] if stored.hearing else ""


def shown_corrections(visit: Visit, found: FoundCall, book: Rulebook | None) -> ShownCorrections:
    """All that is to be shown of a call's corrections; nothing to its agent, who sees the result that was released."""
    stored, said = found.stored, found.said
    voices = frozenset(spoken_by(found.judged.call.turns))
    if visit.whose.scope == "own" or not (said.acts or stored.corrected):
        return ShownCorrections((), said.seen, heard_mark(stored), True, False, None, (), None, voices)
    zone, rules = ZoneInfo(visit.desk.settings.ingest.timezone), {rule.id: rule for rule in book.rules} if book else {}
    heard, corrected = _heard(visit, stored), stored.corrected
    left_out = {left.turn: NOT_CARRIED[left.why] for left in (corrected.left_out if corrected else ())}
    card, before = found.judged.scorecard, corrected.uncorrected if corrected else None
    outcomes = before.outcomes if before else {}
    changed = [
        ChangedVerdict(v.rule_id, rules.get(v.rule_id), outcomes[v.rule_id], v.outcome)
        for v in (card.verdicts if card else ())
        if v.rule_id in outcomes and outcomes[v.rule_id] != v.outcome
    ]
    # who is to answer blind does not learn what the score was either
    whole = stored.judged.scorecard
    is_blind = card is not None and whole is not None and len(card.verdicts) < len(whole.verdicts)
    return ShownCorrections(
        tuple(_shown_act(act, heard, left_out, zone) for act in reversed(said.acts)), said.seen, heard_mark(stored),
        found.is_kept, corrected is not None, before.score if before and not is_blind else None, tuple(changed),
        None if is_blind else _listed(visit, found), voices,
    )  # fmt: skip


def _shown_act(
    act: CorrectionAct, heard: Call | None, left_out: Mapping[TurnCorrection | None, Message], zone: ZoneInfo
) -> ShownAct:
    is_undone = act.undone_at is not None
    parts = []
    if act.said.voices is not None:
        parts.append(ShownPart(Message("agent and customer are the other way round"), not_carried=left_out.get(None)))
    for turn in act.said.turns:
        what, quote = CORRECTED_TO[turn.to], _words(turn, heard) if heard else ""
        parts.append(ShownPart(what, turn.span.start_s, quote, None if is_undone else left_out.get(turn)))
    moments = [datetime.fromtimestamp(at, zone) if at is not None else None for at in (act.at, act.undone_at)]
    assert moments[0] is not None
    return ShownAct(act, moments[0], moments[1], tuple(parts))


def _words(correction: TurnCorrection, heard: Call) -> str:
    """What is heard where a correction was made, numbers hidden."""
    channel = correction.speaker if any(turn.speaker == correction.speaker for turn in heard.turns) else None
    words = [
        word.text
        for turn in heard.turns
        if channel in (turn.speaker, None)
        for word in turn.words
        if correction.span.start_s <= word.span.middle_s <= correction.span.end_s
    ]
    text = ("" if heard.language == "zh" else " ").join(words)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def _heard(visit: Visit, stored: JudgedFile) -> Call | None:
    """The call without corrections, as who asks may see it."""
    try:
        call = build_call(*heard_call(visit.desk, stored))
    except BadArtefact:
        return None
    return call_as_shown(call, masks_of(call, None, privacy_for(visit)))


def _listed(visit: Visit, found: FoundCall) -> float | None:
    """The score of the published database where it is not what is shown."""
    try:
        with visit.desk.snapshot.reading() as published:
            rows = published.rows("SELECT score FROM calls WHERE sha256 = $sha256", {"sha256": found.sha256})
    except BadQuery:
        return None
    score = found.judged.scorecard.score if found.judged.scorecard else None
    listed = rows[0]["score"] if rows else None
    return listed if listed is not None and listed != score else None
