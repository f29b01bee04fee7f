"""What is said back and said again: words of the other, one's own words, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from pydantic import Field

from pipeline.datatypes import Evidence, Party
from pipeline.judging.conditions.base import Condition, Evaluation, Result
from pipeline.judging.conditions.windows import InWindow, find_scopes, worded_share
from pipeline.judging.matches import Match
from pipeline.judging.phrases import PhraseList, Phrases
from pipeline.judging.token_index import TokenIndex
from pipeline.language import phonetics
from pipeline.timeline import Span

ECHO_LEAST = {"zh": 4, "en": 3}
"""So many Han characters, or words, make an echo."""

SURE_DIGIT = 0.6
"""A digit that the recogniser gave less probability than this may be its own mistake."""

ATTEMPT = 0.6
"""A number that shares so much with another, in the same order, is an attempt at it."""

FILLERS_IN_NUMBERS = frozenset("嗯啊哦呃杠转") | {"uh", "um", "dash", "and", "then"}
_DIGIT = re.compile(r"\d")


class Echo(InWindow):
    """A piece of what the other said is said back: so many characters (English: words) or digits in a row. Chinese is
    compared by sound, for recognisers hear the same word differently from turn to turn."""

    by: Party = Field("agent", description="who says it back")
    min_chars: int | None = Field(None, ge=2, description="default: 4 Han characters, 3 words")
    lookback: int = Field(6, ge=1, description="turns of the other to look back")
    unless: PhraseList | None = Field(None, description="a sentence with one of these does not count")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("what {who} says back", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        scopes, _, why = find_scopes(evaluation, self.window, self.by)
        if not scopes:
            return Result(None, (), why)
        evidence = tuple(self._echoes(evaluation, {i for scope in scopes for i in scope.turns}))
        if evidence:
            return Result(True, evidence)
        if worded_share(evaluation.index, self.by, scopes[0].region) < evaluation.coverage:
            return Result(None, (), evaluation.say("too little of the speech has words"))
        return Result(False, (), evaluation.say("{who} said nothing back", who=evaluation.side(self.by)))

    def _echoes(self, evaluation: Evaluation, within: set[int]) -> Iterator[Evidence]:
        index = evaluation.index
        size = self.min_chars or ECHO_LEAST.get(evaluation.language, 3)
        sounds = index.words
        if evaluation.language == "zh":
            sounds = [phonetics.fold(word) for word in index.words]
        others: list[set[tuple[str, ...]]] = []
        for role, turns in index.exchanges:
            if role != self.by:
                others.append({gram for i in turns for gram, _ in _grams(index, sounds, i, size)})
                continue
            known = set().union(*others[-self.lookback :])
            for i in turns:
                if i not in within or not known:
                    continue
                at = next((place for gram, place in _grams(index, sounds, i, size) if gram in known), None)
                if at is None:
                    continue
                start, end = index.sentence(at)
                if not _any_of(evaluation, self.unless, start, end):
                    piece = index.quote(at, at + size)
                    yield evaluation.words(start, end, evaluation.say("said back “{words}”", words=piece))


class SaidBack(InWindow):
    """One of some things is said by one side, and the same thing then by the other. A line of a list is one thing,
    however it is worded: `(leak|leaks|leaking)`."""

    by: Party = Field("agent", description="who says it back")
    any: PhraseList = Field(description="the things, one a line")
    lookback: int | None = Field(None, ge=1, description="turns of the other to look back; default: all")

    def title(self, evaluation: Evaluation) -> str:
        return self.any.title

    def find(self, evaluation: Evaluation) -> Result:
        scopes, _, why = find_scopes(evaluation, self.window, self.by)
        if not scopes:
            return Result(None, (), why)
        evidence = tuple(self._pairs_said(evaluation, {i for scope in scopes for i in scope.turns}))
        if evidence:
            return Result(True, evidence, evidence[1].reason)
        if worded_share(evaluation.index, "any", scopes[0].region) < evaluation.coverage:
            return Result(None, (), evaluation.say("too little of the speech has words"))
        why = evaluation.say("{who} did not say back “{what}”", who=evaluation.side(self.by), what=self.any.title)
        return Result(False, (), why)

    def _pairs_said(self, evaluation: Evaluation, within: set[int]) -> Iterator[Evidence]:
        """What the one said and the other said back, of each turn the first."""
        matches = evaluation.matches.of(self.any)
        given: list[dict[int, Match]] = []
        for role, turns in evaluation.index.exchanges:
            said = matches.in_turns(turns)
            if role != self.by:
                given.append({match.item: match for match in said})
                continue
            known: dict[int, Match] = {}
            for things in given[-(self.lookback or 0) :]:
                known |= things
            back = next((m for m in said if m.item in known and evaluation.index.turn_of(m.start) in within), None)
            if back is not None:
                for match in (known[back.item], back):
                    words = evaluation.index.quote(match.start, match.end)
                    reason = "heard “{words}”" if match is not back else "said back “{words}”"
                    yield evaluation.words(match.start, match.end, evaluation.say(reason, words=words))


class Repeat(InWindow):
    """The same thing is said again by one side after the other spoke. What a recogniser loops on stands in one turn and
    never counts."""

    by: Party = Field("agent", description="who says it again")
    lookback: int = Field(6, ge=1, description="own turns to look back")
    similarity: float = Field(0.8, gt=0, le=1, description="how much alike two sentences must be")
    min_chars: int = Field(5, ge=2, description="shorter sentences (Han characters, or words) do not count")
    holding: PhraseList | None = Field(None, alias="with", description="only sentences that hold one of these")
    unless: PhraseList | None = Field(None, description="the turn says why it is said again")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("what {who} says again", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        scopes, _, why = find_scopes(evaluation, self.window, self.by)
        if not scopes:
            return Result(None, (), why)
        within = {i for scope in scopes for i in scope.turns}
        before: list[list[set[tuple[str, str]]]] = []
        evidence: list[Evidence] = []
        for role, turns in evaluation.index.exchanges:
            if role == self.by:
                earlier = [pairs for group in before[-self.lookback :] for pairs in group]
                own: list[set[tuple[str, str]]] = []
                for i in turns:
                    evidence += self._again(evaluation, i, earlier if i in within else [], own)
                before.append(own)
        if evidence:
            return Result(True, tuple(evidence))
        return Result(False, (), evaluation.say("{who} repeated nothing", who=evaluation.side(self.by)))

    def _again(
        self, evaluation: Evaluation, turn: int, earlier: list[set[tuple[str, str]]], own: list[set[tuple[str, str]]]
    ) -> Iterator[Evidence]:
        """The sentences of a turn that are like earlier ones; all that count are added to `own`."""
        index = evaluation.index
        start, end = index.range_of(turn)
        excused = _any_of(evaluation, self.unless, start, end)
        while start < end:
            _, finish = index.sentence(start)
            words = index.words[start:finish]
            if len(words) >= self.min_chars and (
                self.holding is None or _any_of(evaluation, self.holding, start, finish)
            ):
                pairs = _pairs(words)
                own.append(pairs)
                if not excused and any(2 * len(p & pairs) >= self.similarity * (len(p) + len(pairs)) for p in earlier):
                    sentence = index.quote(start, finish)
                    yield evaluation.words(start, finish, evaluation.say("said again “{words}”", words=sentence))
            start = finish


@dataclass(frozen=True, slots=True)
class SpokenNumber:
    """A number that somebody says: its digits, the turn it begins in, its first and last token, and its exchange."""

    digits: str
    turn: int
    tokens: tuple[int, int]
    exchange: int


class Readback(Condition):
    """Every number that one side gives is said back by the other, digit for digit; a wrong one is evidence. Numbers may
    come in groups, over several turns. Where they differ and a digit was heard badly, it is unsure."""

    by: Party = Field("agent", description="who says it back")
    least: int = Field(7, ge=3, description="digits that make a number worth reading back")
    most: int = Field(12, ge=3, description="digits at most")
    unless: PhraseList | None = Field(None, description="what the giver calls it when it needs no reading back")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("a number said back by {who}", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        if not evaluation.call.roles.by_speaker:
            return Result(None, (), evaluation.say("it is not known who is who"))
        index = evaluation.index
        given: list[SpokenNumber] = []
        said_back: list[SpokenNumber] = []
        for role, number in spoken_numbers(index):
            (said_back if role == self.by else given).append(number)
        given = [
            number for number in given
            if self.least <= len(number.digits) <= self.most
            and not _any_of(evaluation, self.unless, *index.range_of(number.turn))
        ]  # fmt: skip
        if not given:
            return Result(False, (), evaluation.say("no number was given"))
        evidence: list[Evidence] = []
        for number in given:
            truth, item = _compared(evaluation, number, [n for n in said_back if n.exchange > number.exchange])
            if truth is not True:
                return Result(truth, (item,))
            evidence.append(item)
        return Result(True, tuple(evidence))


def _compared(
    evaluation: Evaluation, number: SpokenNumber, later: Sequence[SpokenNumber]
) -> tuple[bool | None, Evidence]:
    """Whether a number is among those said later, and the evidence."""
    index = evaluation.index
    if number.digits in "".join(n.digits for n in later):
        return True, _of_number(
            index, number, evaluation.say("the number {digits} was read back", digits=number.digits)
        )
    close = next((n for n in later if _is_attempt(n.digits, number.digits)), None)
    if close is None:
        why = evaluation.say("the number {digits} was not read back", digits=number.digits)
        return False, _of_number(index, number, why)
    why = evaluation.say("given {digits}, read back {other}", digits=number.digits, other=close.digits)
    sure = min(_sure(index, close), _sure(index, number)) >= SURE_DIGIT
    return False if sure else None, _of_number(index, close, why)


def spoken_numbers(index: TokenIndex) -> Iterator[tuple[str, SpokenNumber]]:
    """Every number of a call and who says it."""
    for exchange, (role, turns) in enumerate(index.exchanges):
        for number in _numbers(index, turns, exchange):
            yield role, number


def _numbers(index: TokenIndex, turns: Sequence[int], exchange: int) -> Iterable[SpokenNumber]:
    """Runs of digits in an exchange; a pause, a comma or a filler between groups does not end a number."""
    digits, at, last = "", -1, -1
    for i in turns:
        start, end = index.range_of(i)
        if not digits and not _DIGIT.search(index.plain, start, end):
            continue
        for token in range(start, end):
            word = index.words[token]
            if word.isdigit():
                if not digits:
                    at = token
                digits += word
                last = token
            elif digits and word not in FILLERS_IN_NUMBERS:
                yield SpokenNumber(digits, index.turn_of(at), (at, last), exchange)
                digits = ""
    if digits:
        yield SpokenNumber(digits, index.turn_of(at), (at, last), exchange)


def _of_number(index: TokenIndex, number: SpokenNumber, reason: str) -> Evidence:
    first, last = number.tokens
    span = Span(index.span(first, first + 1).start_s, index.span(last, last + 1).end_s)
    text = index.call.turns[number.turn].text
    return Evidence(number.turn, span, text, reason, text)


def _sure(index: TokenIndex, number: SpokenNumber) -> float:
    """The least probability of a number's digits."""
    first, last = number.tokens
    tokens = [token for token in range(first, last + 1) if index.words[token].isdigit()]
    return min(_probability(index, index.turn_of(token), token) for token in tokens)


def _probability(index: TokenIndex, turn: int, token: int) -> float:
    span = index.span(token, token + 1)
    near = [w.probability for w in index.call.turns[turn].words if w.span.overlap_s(span) > 0]
    return min(near, default=1.0)


def _is_attempt(one: str, other: str) -> bool:
    """Whether one number is an attempt at the other: most of its digits stand in the same order."""
    return len(one) >= 3 and SequenceMatcher(None, one, other, autojunk=False).ratio() >= ATTEMPT


def _grams(index: TokenIndex, sounds: Sequence[str], turn: int, size: int) -> Iterator[tuple[tuple[str, ...], int]]:
    start, end = index.range_of(turn)
    while start < end:
        _, finish = index.sentence(start)
        for at in range(start, finish - size + 1):
            yield tuple(sounds[at : at + size]), at
        start = finish


def _pairs(words: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(words)) or {(word, "") for word in words}


def _any_of(evaluation: Evaluation, listed: Phrases | None, start: int, end: int) -> bool:
    return listed is not None and evaluation.matches.of(listed).any_within(start, end)
