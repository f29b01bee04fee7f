"""What somebody said: phrases, patterns and entities, and what takes them back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, ValidationInfo, model_validator

from pipeline.datatypes import Evidence
from pipeline.judging.conditions.at_once import NO, NOT_SURE, YES, EvaluationAtOnce, Truths
from pipeline.judging.conditions.base import CallPlace, Evaluation, Result, Side, reading
from pipeline.judging.conditions.windows import InWindow, Scope, find_scopes, window_text
from pipeline.judging.entities import LABELS
from pipeline.judging.faults import listing
from pipeline.judging.lexicon import HOMOPHONE
from pipeline.judging.matches import Match
from pipeline.judging.phrases import PatternText, PhraseList, Phrases
from pipeline.judging.recognisers import Sure
from pipeline.language.normalise import tokenise
from pipeline.messages import Message
from pipeline.timeline import Span
from pipeline.validation import did_you_mean

if TYPE_CHECKING:
    from pipeline.judging.call_batch import Bools
    from pipeline.judging.template_arrays import Records

ENTITY_NAMES: dict[str, str] = {
    "PERSON_TITLE": Message("the caller's name"),
    "SELF_NAME": Message("a name of its own"),
    "AGENT_ID": Message("an agent number"),
    "COMPANY": Message("the company or service"),
    "OWN_NAME": Message("its own name"),
    "PHONE": Message("a phone number"),
    "DATE": Message("a date"),
    "MONEY": Message("an amount"),
}


BY_RECOGNISER = "\0"
"""Stands for the phrase of a sentence that a recogniser knows."""


class Said(InWindow):
    """Somebody says something: one of some phrases (`any`), all of them (`all`), what a pattern matches (`pattern`), an
    entity such as a date (`entity`), or what is like the sayings of an act (`act`). It is unsure where too little of
    the speech has words."""

    by: Side = Field("any", description="who says it")
    any: PhraseList | None = Field(None, description="one of these")
    all: PhraseList | None = Field(None, description="all of these")
    at_least: int | None = Field(None, ge=1, description="with any: so many different phrases of the list")
    pattern: PatternText | None = Field(None, description="an RE2 pattern over normalised text")
    entity: str | list[str] | None = Field(None, description="an entity, or one of several")
    act: str | None = Field(
        None,
        description="an act of conditions.yaml, by its recogniser; beside any: it must know the sentence too",
        json_schema_extra={"type": "string"},
    )
    sure: Sure = Field(
        "very",
        description=(
            "how sure the recogniser must be; very: it takes 1 everyday turn in 1,000 for the act; fairly: as suits it "
            "best; hardly, beside any: only what is clearly unlike is refused"
        ),
    )
    unless: PhraseList | None = Field(None, description="one of these in the same sentence, close by, takes it back")
    unless_then: PhraseList | None = Field(None, description="one of these later in the same turn takes it back")
    sounds: bool | Annotated[int, Field(ge=2)] = Field(
        True, description="whether phrases are matched by sound as well; a number: those of so many syllables"
    )

    @model_validator(mode="after")
    def _one_selector(self, info: ValidationInfo) -> Said:
        given = [name for name in ("any", "all", "pattern", "entity", "act") if getattr(self, name) is not None]
        if len(given) != 1 and given != ["any", "act"]:
            raise ValueError(
                Message("said takes one of any, all, pattern, entity, act (here: {given})", given=listing(given))
            )
        self._check_act(reading(info).recognised)
        if self.at_least is not None and self.any is None:
            raise ValueError(Message("at_least goes with any"))
        if self.at_least is not None and self.any is not None:
            size = len(self.any.items)
            if self.at_least > size:
                raise ValueError(
                    Message("at_least {least} of {size} phrases can never be", least=self.at_least, size=size)
                )
        for label in self.labels:
            if label not in LABELS:
                hint = did_you_mean(label, LABELS)
                raise ValueError(
                    Message(
                        "no entity {label}{hint}; there are {known}",
                        label=label, hint=hint, known=listing(sorted(LABELS)),
                    )
                )  # fmt: skip
        return self

    def _check_act(self, known: tuple[str, ...]) -> None:
        if self.act is None:
            if self.sure != "very":
                raise ValueError(Message("sure goes with act"))
            return
        if self.act not in known:
            hint = did_you_mean(self.act, known) or Message("; callqa rules learn makes it from sayings")
            raise ValueError(Message("no recogniser of {act}{hint}", act=self.act, hint=hint))
        if self.sure == "hardly" and self.any is None:
            raise ValueError(Message("hardly goes with any: alone it would find nearly everything"))

    @property
    def labels(self) -> tuple[str, ...]:
        return (self.entity,) if isinstance(self.entity, str) else tuple(self.entity or ())

    def title(self, evaluation: Evaluation) -> str:
        return self._named(evaluation) or evaluation.say("what {who} says", who=evaluation.side(self.by))

    def _named(self, evaluation: Evaluation) -> str:
        listed = self.any or self.all
        if listed is not None:
            return listed.title
        if self.act is not None:
            return evaluation.acts[self.act].title if self.act in evaluation.acts else self.act
        return " / ".join(evaluation.name(ENTITY_NAMES.get(label, label)) for label in self.labels)

    def find(self, evaluation: Evaluation) -> Result:
        scopes, each, why = find_scopes(evaluation, self.window, self.by)
        if not scopes:
            return Result(None, (), why)
        found: list[list[Match]] = []
        missing: Scope | None = None
        for scope in scopes:
            matches = self._in_scope(evaluation, scope)
            if matches:
                found.append(matches)
            else:
                missing = missing or scope

        def shown(evaluation: Evaluation) -> Iterator[Match]:
            one_a_sentence = self.any is not None and (self.at_least or 1) == 1
            return (match for matches in found for match in _shown(evaluation, matches, one_a_sentence))

        def evidence(evaluation: Evaluation) -> tuple[Evidence, ...]:
            return _in_order(_one(evaluation, match) for match in shown(evaluation))

        def first_after(evaluation: Evaluation, place: CallPlace) -> Evidence | None:
            return _first_after(evaluation, shown(evaluation), place)

        if found and (not each or missing is None):
            return Result(True, evidence, first_after=first_after)
        share = (missing or scopes[0]).share(evaluation.index, self.by)
        if share < evaluation.coverage:
            why = evaluation.say(
                "only {share:.0%} of the speech here has words, so nothing can be said of what is missing", share=share
            )
            return Result(None, evidence, why)
        return Result(False, evidence, self._not_said)

    def _not_said(self, evaluation: Evaluation) -> str:
        return evaluation.say(
            "{who} did not say “{what}”{where}",
            who=evaluation.side(self.by),
            what=self._named(evaluation) or evaluation.say("the words asked for"),
            where=window_text(evaluation, self.window, self.by),
        )

    def _in_scope(self, evaluation: Evaluation, scope: Scope) -> list[Match]:
        """Where it holds in one scope; nowhere when it does not hold there."""
        listed = self.any or self.all
        if listed is not None:
            return self._of_list(evaluation, listed, scope)
        found: list[Match] = []
        index = evaluation.index
        if self.pattern is not None:
            wanted, turn_at, first = frozenset(scope.turns), index.turn_at, index.first
            found = [
                Match(start, end, 0.0, "", 0) for start, end in evaluation.matches.pattern(self.pattern)
                if (turn := turn_at[start]) in wanted and end < first[turn + 1]
            ]  # fmt: skip
        for label in self.labels:
            places_of = evaluation.entities.find(label, [index.range_of(turn) for turn in scope.turns])
            found += [Match(start, end, cost, label, 0) for start, end, cost in places_of]
        if self.act is not None and evaluation.recognised is not None:
            pieces = evaluation.recognised.pieces(self.act, self.sure)
            turns = frozenset(scope.turns)
            found += [
                Match(piece.start, piece.end, 0.0, BY_RECOGNISER, 0)
                for piece in pieces if index.turn_at[piece.start] in turns
            ]  # fmt: skip
        return [match for match in found if self._stands(evaluation, scope, match.start, match.end)]

    def _of_list(self, evaluation: Evaluation, listed: Phrases, scope: Scope) -> list[Match]:
        matches = evaluation.matches.of(listed).in_turns(scope.turns)
        if not matches:
            return []
        items: set[int] = set()
        kept: list[Match] = []
        limited = scope.limit is not None or self.unless is not None or self.unless_then is not None
        for match in matches:
            # the very syllables count as written
            if match.cost > HOMOPHONE and not self._by_sound(evaluation.language, match.phrase):
                continue
            if (not limited or self._stands(evaluation, scope, match.start, match.end)) and (
                self.act is None or self._known(evaluation, match)
            ):
                kept.append(match)
                items.add(match.item)
        wanted = len(listed.items) if self.all is not None else self.at_least or 1
        return kept if len(items) >= wanted else []

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        scopes = calls.scopes(self.window, self.by)
        if scopes is None:
            surely, maybe = self._found_at_once(calls, calls.calls.of_side(self.by))
            return np.where(surely | maybe, calls.anything, NO | NOT_SURE).astype(np.uint8)
        absent = scopes.absent
        surely, maybe = self._found_at_once(calls, scopes.turns)
        if scopes.is_limited:
            surely, maybe = np.zeros_like(surely), surely | maybe
        made = np.where(surely, YES, np.where(maybe, absent | YES, absent))
        return np.where(scopes.has, made, NOT_SURE).astype(np.uint8)

    def _found_at_once(self, calls: EvaluationAtOnce, turns: Bools) -> tuple[Bools, Bools]:
        """The calls where it is surely found in some turns, and those where that must be looked for."""
        batch, listed = calls.calls, self.any or self.all
        nowhere, everywhere = np.zeros((2, len(batch)), bool)
        everywhere[:] = True
        if listed is None:
            return nowhere, everywhere if self.pattern is None else batch.patterns_in([self.pattern], turns)
        if batch.scanned is None or listed.number < 0:
            return nowhere, everywhere
        rows = batch.rows_of(listed.number)
        turn = batch.turn_of(rows["start"])
        is_here = turns[turn] & (rows["end"] < batch.behind[turn]) & self._sounding(calls, rows)
        call, items = batch.call_of[turn[is_here]], rows["place"][is_here]
        size = len(listed.items)
        pairs = np.unique(call * size + items)
        wanted = size if self.all is not None else self.at_least or 1
        found = np.bincount(pairs // size, minlength=len(batch)) >= wanted
        maybe = nowhere
        if others := batch.others_of(listed.number):
            maybe = ~found & batch.patterns_in(others, turns)
        for by in (self.unless, self.unless_then):
            if by is not None:
                maybe = maybe | found & batch.may_say(by.number)
        if self.act is not None:
            maybe = maybe | found
        return found & ~maybe, maybe

    def _sounding(self, calls: EvaluationAtOnce, rows: Records) -> Bools:
        """Which of some rows may be matched as they were heard."""
        as_written: Bools = rows["cost"] <= HOMOPHONE
        if isinstance(self.sounds, bool):
            return as_written | self.sounds
        batch = calls.calls
        texts = np.unique(rows["text"][~as_written]).tolist()
        long = [text for text in texts if self._by_sound(batch.language, batch.text(text))]
        return as_written | np.isin(rows["text"], long)

    def _known(self, evaluation: Evaluation, match: Match) -> bool:
        """Whether the recogniser that is asked knows the sentence too."""
        if self.act is None:
            return True
        if evaluation.recognised is None:
            return self.sure == "hardly"  # a list that only counts where it is known tells nothing by itself
        return evaluation.recognised.holds(self.act, self.sure, match.start, match.end)

    def _by_sound(self, language: str, phrase: str) -> bool:
        """Whether a phrase may be matched by its sound."""
        if isinstance(self.sounds, bool):
            return self.sounds
        return _syllables(phrase, language) >= self.sounds

    def _stands(self, evaluation: Evaluation, scope: Scope, start: int, end: int) -> bool:
        """Whether a match lies in the scope's time and no exclusion takes it away."""
        index, matches = evaluation.index, evaluation.matches
        if scope.limit is not None and not scope.takes(index.span(start, end)):
            return False
        if self.unless is not None and matches.taken_back(self.unless, start, end):
            return False
        if self.unless_then is not None:
            turn = index.turn_of(start)
            group = next((turns for _, turns in index.exchanges if turn in turns), [turn])
            rest = [(end, index.range_of(turn)[1]), *(index.range_of(i) for i in group if i > turn)]
            taken_back = matches.of(self.unless_then)
            if any(taken_back.any_within(*stretch) for stretch in rest):
                return False
        return True


@cache
def _syllables(phrase: str, language: str) -> int:
    return len(tokenise(phrase, language).words)


def _in_order(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Evidence by time, each once."""
    once = {}
    for item in evidence:
        span = item.span or Span(0.0, 0.0)
        once[span.start_s, span.end_s, item.matched, item.turn, item.reason] = item
    return tuple(once[key] for key in sorted(once, key=lambda key: key[:3]))


def _first_after(evaluation: Evaluation, matches: Iterable[Match], place: CallPlace) -> Evidence | None:
    """The evidence that begins first behind a place."""
    index = evaluation.index
    first: list[Match] = []
    earliest = (math.inf, -1)
    for match in matches:
        own = (index.start_s(match.start), index.turn_of(match.start))
        if own <= place or own > earliest:
            continue
        if own < earliest:
            first, earliest = [], own
        first.append(match)
    return next(iter(_in_order(_one(evaluation, match) for match in first)), None)


def _shown(evaluation: Evaluation, matches: Iterable[Match], one_a_sentence: bool) -> list[Match]:
    """What is evidence, in order; of several matches in one place the best, of several phrases in one sentence the
    first."""
    kept: list[Match] = []
    sentences: set[int] = set()
    for match in sorted(matches, key=lambda m: (m.start, m.cost, -m.end)):
        if kept and match.start < kept[-1].end:
            continue
        if one_a_sentence:
            sentence = evaluation.index.sentence(match.start)[0]
            if sentence in sentences:
                continue
            sentences.add(sentence)
        kept.append(match)
    return kept


def _one(evaluation: Evaluation, match: Match) -> Evidence:
    """The evidence of a match, made once a call: many conditions find the same phrase."""
    known = evaluation.evidence.get(match[:4])
    if known is None:
        words = evaluation.index.quote(match.start, match.end)
        known = evaluation.words(match.start, match.end, _reason(evaluation, words, match))
        evaluation.evidence[match[:4]] = known
    return known


def _reason(evaluation: Evaluation, words: str, match: Match) -> str:
    if match.phrase == BY_RECOGNISER:
        return evaluation.say("heard “{words}”, which is like what is said then", words=words)
    if match.phrase in ENTITY_NAMES:
        name = evaluation.name(ENTITY_NAMES[match.phrase])
        return evaluation.say("heard “{words}” ({name})", words=words, name=name)
    if match.cost:
        return evaluation.say("heard “{words}”, matched “{meant}”", words=words, meant=match.phrase)
    return evaluation.say("heard “{words}”", words=words)
