"""A judged call as it may be shown: its turns and words, and what verdicts quote of them, with the masks applied.

Whatever leaves the home goes through `as_shown`, but for a night that was run unmasked. Texts keep their length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Protocol, TypeGuard, TypeVar

from pipeline.datatypes import Call, Evidence, Judged, Scorecard, Turn, Verdict, Word
from pipeline.masks import NO_TURN, Mask, MaskKind, Masks, hide
from pipeline.privacy.digits import digit_groups
from pipeline.privacy.sensitive import BY_SETTING, MASKING_VERSION, find_masks, word_places
from pipeline.settings.privacy import Privacy
from pipeline.timeline import Span, Timeline

SILENCED_S = 0.15
"""Of the sound, so much is silenced before and after what is hidden."""

LEAST_QUOTED = 3
"""Digits that are hidden where a reason gives them in other words than the turn."""


class TurnText(Protocol):
    """A turn, with its words or without."""

    @property
    def text(self) -> str: ...


class TurnTexts(Protocol):
    """A call, whole or as the rows of the database need it."""

    @property
    def turns(self) -> Sequence[TurnText]: ...


class JudgedTexts(Protocol):
    """A judged call, whole or as the rows of the database need it."""

    @property
    def call(self) -> TurnTexts: ...

    @property
    def scorecard(self) -> Scorecard | None: ...


_Judged = TypeVar("_Judged", bound=JudgedTexts)


# reasons are said again and again, of many calls
_groups_said = lru_cache(maxsize=1 << 14)(digit_groups)


def hidden_kinds(privacy: Privacy) -> frozenset[MaskKind]:
    """The kinds that these settings hide: unmasked, what may not be kept stays hidden all the same."""
    if not privacy.mask:
        return frozenset(("code",))
    kinds: set[MaskKind] = {"card", "id", "phone", "account", "plate", "email", "code"}
    if privacy.mask_addresses:
        kinds.add("address")
    if privacy.mask_names:
        kinds.add("name")
    return frozenset(kinds)


def masking_of(privacy: Privacy) -> str:
    """What is hidden by these settings and by what version, as a published database tells it of itself."""
    return f"{MASKING_VERSION}: {', '.join(sorted(hidden_kinds(privacy)))}"


def asked_for(privacy: Privacy) -> frozenset[MaskKind]:
    """The kinds of `BY_SETTING` that these settings ask for."""
    return hidden_kinds(privacy) & frozenset(BY_SETTING)


def is_current(masks: Masks | None, privacy: Privacy) -> TypeGuard[Masks]:
    """Whether masks were found when a call was judged, as this version would find them by these settings."""
    version, *looked_for = masks.version.split() if masks is not None else ("",)
    return version == MASKING_VERSION and asked_for(privacy) <= {*looked_for}


def shown_of(masks: Masks, privacy: Privacy) -> tuple[Mask, ...]:
    """Those masks that these settings ask for."""
    kinds = hidden_kinds(privacy)
    return tuple(mask for mask in masks.found if mask.kind in kinds)


def masks_of(call: Call, stored: Masks | None, privacy: Privacy) -> tuple[Mask, ...]:
    """What is to be hidden of a call: by the masks that were found when it was judged, if this version found them."""
    if is_current(stored, privacy):
        return shown_of(stored, privacy)
    removed = tuple(mask for mask in stored.found if mask.turn == NO_TURN) if stored else ()
    found = find_masks(call, asked_for(privacy))
    return shown_of(Masks(found.version, found.found + removed), privacy)


def as_shown(judged: _Judged, masks: Sequence[Mask]) -> _Judged:
    """A judged call with these masks applied to all its texts; itself where there are none."""
    if not masks:
        return judged
    cover = Cover(judged.call.turns, masks)
    call: Any = judged.call
    card = judged.scorecard
    shown: Any = judged
    return replace(  # type: ignore[no-any-return]
        shown,
        call=replace(call, turns=tuple(cover.turn(number) for number in range(len(call.turns)))),
        scorecard=card and replace(card, verdicts=tuple(cover.verdict(verdict) for verdict in card.verdicts)),
    )


def call_as_shown(call: Call, masks: Sequence[Mask]) -> Call:
    """A call that was not judged, with these masks applied."""
    return as_shown(Judged(call, None), masks).call


def silenced(masks: Iterable[Mask], within: Span | None = None) -> tuple[Span, ...]:
    """The times in which the sound is silenced: each mask and a little around it, as far as that lies within a span."""
    spans = Timeline(Span(max(0.0, mask.span.start_s - SILENCED_S), mask.span.end_s + SILENCED_S) for mask in masks)
    return (spans & (within,)).spans if within is not None else spans.spans


@dataclass(frozen=True)
class Cover:
    """The masks of a call, laid over whatever texts are made of it."""

    turns: Sequence[TurnText]
    masks: Sequence[Mask]

    @cached_property
    def by_turn(self) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        for mask in self.masks:
            found.setdefault(mask.turn, []).append((mask.start, mask.end))
        return found

    @cached_property
    def written(self) -> Collection[str]:
        """What is hidden, as it stands in the turns, longest first."""
        texts = {self.turns[mask.turn].text[mask.start : mask.end] for mask in self.masks if mask.turn != NO_TURN}
        return sorted((text for text in texts if len(text) >= LEAST_QUOTED), key=len, reverse=True)

    @cached_property
    def digits(self) -> Collection[str]:
        """The digits of what is hidden."""
        joined = {"".join(group.digits for group in digit_groups(text)) for text in self.written}
        return [digits for digits in joined if len(digits) >= LEAST_QUOTED]

    def turn(self, number: int) -> Any:
        turn, places = self.turns[number], self.by_turn.get(number)
        if places is None:
            return turn
        changed: dict[str, object] = {"text": hide(turn.text, places)}
        if isinstance(turn, Turn):
            changed["words"] = tuple(_hidden_words(turn, places))
        return replace(turn, **changed)  # type: ignore[type-var]  # every turn is a dataclass

    def quote(self, text: str, turn: int | None) -> str:
        """Words of a turn; where they are not, or stand in it several times, what is hidden in any of them is."""
        whole = self.turns[turn].text if turn is not None and 0 <= turn < len(self.turns) else ""
        at = whole.find(text) if text else -1
        if at < 0:
            return self.said(text)
        if (places := self.by_turn.get(turn or 0)) is None:
            return text
        shown = text
        while at >= 0:
            shown = hide(shown, ((start - at, end - at) for start, end in places))
            at = whole.find(text, at + 1)
        return shown

    @cached_property
    def shown(self) -> dict[str, str]:
        """What was said of the call so far, as it is shown: verdicts say the same many times."""
        return {"": ""}

    def said(self, text: str) -> str:
        """Any other text about the call: what is hidden is known by its words, or by its digits."""
        if text not in self.shown:
            self.shown[text] = self._said(text)
        return self.shown[text]

    def _said(self, text: str) -> str:
        for written in self.written:
            if written in text:
                text = text.replace(written, hide(written, [(0, len(written))]))
        known = [(group.start, group.end) for group in _groups_said(text) if self._is_hidden(group.digits)]
        return hide(text, known) if known else text

    def _is_hidden(self, digits: str) -> bool:
        return len(digits) >= LEAST_QUOTED and any(digits in known or known in digits for known in self.digits)

    def evidence(self, evidence: Evidence) -> Evidence:
        matched, sentence = self.quote(evidence.matched, evidence.turn), self.quote(evidence.sentence, evidence.turn)
        reason = self.said(evidence.reason)
        if matched == evidence.matched and sentence == evidence.sentence and reason == evidence.reason:
            return evidence
        return replace(evidence, matched=matched, sentence=sentence, reason=reason)

    def verdict(self, verdict: Verdict) -> Verdict:
        evidence, grounds = tuple(map(self.evidence, verdict.evidence)), tuple(map(self.evidence, verdict.grounds))
        reason, suspect = self.said(verdict.reason), verdict.suspect
        if suspect and (shown := self.evidence(suspect.evidence)) is not suspect.evidence:
            suspect = replace(suspect, evidence=shown)
        if (evidence, grounds, reason, suspect) == (verdict.evidence, verdict.grounds, verdict.reason, verdict.suspect):
            return verdict
        return replace(verdict, evidence=evidence, grounds=grounds, reason=reason, suspect=suspect)


def _hidden_words(turn: Turn, places: Sequence[tuple[int, int]]) -> Iterable[Word]:
    for word, (first, last) in zip(turn.words, word_places(turn), strict=True):
        inside = [(start - first, end - first) for start, end in places if start < last and first < end]
        if inside:
            lead = len(word.text) - len(word.text.lstrip())
            word = replace(word, text=word.text[:lead] + hide(word.text[lead:], inside))
        yield word
