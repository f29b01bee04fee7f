"""Conditions on time: silence, both at once, pace, answers, how long somebody speaks, and how loud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from pipeline.call.facts import rate_per_min
from pipeline.call.roles import ONE_SIDE
from pipeline.datatypes import LEVEL_STEP_S, Call, Evidence, Overlap, Party, Silence
from pipeline.judging.conditions.base import Bounds, Evaluation, Result, Side
from pipeline.judging.conditions.windows import InWindow, Scope, find_scopes
from pipeline.judging.conditions.wording import RATE, told_value
from pipeline.judging.phrases import PhraseList, Phrases
from pipeline.language.backchannels import ends_in_question, is_attention, is_backchannel
from pipeline.language.normalise import tokenise
from pipeline.language.text import speech_units
from pipeline.messages import Message
from pipeline.timeline import Span

Levels = npt.NDArray[np.float64]

LEAST_VOICE_S = 8.0
"""With less of a speaker's voice there is no usual level to compare with."""


def of_turn(call: Call, turn: int, span: Span, reason: str) -> Evidence:
    """Evidence that a whole turn rests on."""
    text = call.turns[turn].text
    return Evidence(turn, span, text, reason, text)


class LongSilence(InWindow):
    """Nobody speaks for long. Music, ring and prompts are no silence; a notice such as “one moment” covers what comes
    after it for a while."""

    longer_than_s: float = Field(5.0, gt=0, description="seconds")
    after: Side = Field("any", description="who spoke last before it")
    where: Literal["inner", "leading", "trailing", "any"] = Field(
        "inner", description="between the first and the last word, before, or after"
    )
    unless_said_before: PhraseList | None = Field(None, description="notices that cover a silence")
    unless_customer_said: PhraseList | None = Field(
        None, description="the customer's own notices; default: the same list"
    )
    covers_s: float = Field(30.0, gt=0, description="how long such a notice covers")
    after_notice: PhraseList | None = Field(
        None, description="only silences that the agent announced with one of these"
    )
    not_over: list[Literal["music", "ring", "prompt"]] = Field(
        default=["music", "ring", "prompt"], description="what is no silence; without music, time with music counts too"
    )

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("a silence of more than {length:g} s", length=self.longer_than_s)

    def find(self, evaluation: Evaluation) -> Result:
        call = evaluation.call
        if not any(call.voiced.values()) and not call.turns:
            return Result(None, (), evaluation.say("nobody was heard"))
        if call.roles.method == ONE_SIDE:
            return Result(None, (), evaluation.say("one side alone was recorded"))
        limit: list[Scope] = []
        if self.window is not None:
            limit, _, why = find_scopes(evaluation, self.window, "any")
            if not limit:
                return Result(None, (), why)
        evidence = tuple(
            item
            for gap in call.silences
            if self.where in ("any", gap.where) and self.after in ("any", gap.after)
            if not limit or any(scope.region.overlap_s(gap.span) > 0 for scope in limit)
            for item in self._judged(evaluation, gap)
        )
        if evidence:
            return Result(True, evidence)
        why = evaluation.say("no silence longer than {length:g} s", length=self.longer_than_s)
        return Result(False, (), why)

    def _judged(self, evaluation: Evaluation, gap: Silence) -> Iterator[Evidence]:
        """The evidence of one silence, if it is too long and nothing covers it."""
        length_s = gap.span.duration_s
        if "music" not in self.not_over:
            length_s += gap.music_s
        if length_s <= self.longer_than_s:
            return
        if self.after_notice is not None and not self._announced(evaluation, self.after_notice, gap):
            return
        uncovered_s = self._uncovered_s(evaluation, gap)
        if uncovered_s <= self.longer_than_s:
            return
        if uncovered_s < length_s:
            why = evaluation.say(
                "{length:.1f} s of silence; the notice covers {covered:g} s", length=length_s, covered=self.covers_s
            )
        elif self.unless_said_before is None:
            why = evaluation.say("{length:.1f} s of silence", length=length_s)
        else:
            why = evaluation.say("{length:.1f} s of silence without notice", length=length_s)
        before = [turn.index for turn in evaluation.call.turns if turn.span.start_s <= gap.span.start_s]
        yield Evidence(before[-1] if before else None, gap.span, "", why)

    def _announced(self, evaluation: Evaluation, notices: Phrases, gap: Silence) -> bool:
        """Whether the agent gave notice of a silence at most `covers_s` before it."""
        index = evaluation.index
        for number, turn in enumerate(index.call.turns):
            if index.call.role(turn) != "agent" or turn.span.start_s > gap.span.start_s + 0.3:
                continue
            for match in evaluation.matches.of(notices).within(*index.range_of(number)):
                if gap.span.start_s - index.span(match.start, match.end).end_s <= self.covers_s:
                    return True
        return False

    def _uncovered_s(self, evaluation: Evaluation, gap: Silence) -> float:
        """How much of a silence no notice covers, in seconds."""
        if self.unless_said_before is None:
            return gap.span.duration_s
        index = evaluation.index
        covered_s = gap.span.start_s
        for number, turn in enumerate(index.call.turns):
            if turn.span.start_s > gap.span.start_s + 0.3 or turn.span.end_s < gap.span.start_s - self.covers_s:
                continue
            notices = self.unless_said_before
            if self.unless_customer_said is not None and index.call.role(turn) == "customer":
                notices = self.unless_customer_said
            for match in evaluation.matches.of(notices).within(*index.range_of(number)):
                covered_s = max(covered_s, index.span(match.start, match.end).end_s + self.covers_s)
        return max(0.0, gap.span.end_s - covered_s)


class CutIn(InWindow):
    """One side cuts in while the other speaks, with words of its own, and takes the floor. Unsure where a recording
    cannot tell."""

    by: Party = Field(description="who cuts in")
    at_least_s: float = Field(0.6, gt=0, description="how long both speak")
    other_spoke_s: float = Field(1.0, ge=0, description="how long the other has been speaking")
    min_chars: int = Field(4, ge=1, description="Han characters or Latin words that are said")
    took_floor: bool = Field(True, description="whether the other has to stop")
    unless: PhraseList | None = Field(None, description="agreement: nothing else said is no cutting in")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("{who} cutting in", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        call = evaluation.call
        limit: list[Scope] = []
        if self.window is not None:
            limit, _, why = find_scopes(evaluation, self.window, self.by)
            if not limit:
                return Result(None, (), why)
        if not call.roles.by_speaker:
            return Result(None, (), evaluation.say("it is not known who is who"))
        evidence = []
        for both in call.overlaps:
            if limit and not any(both.turn in scope.turns for scope in limit):
                continue
            if self._counts(both) and self._speaks_up(evaluation, both):
                why = evaluation.say(
                    "cut in when the other had spoken {before:.1f} s, both for {both:.1f} s",
                    before=both.other_spoke_s, both=both.span.duration_s,
                )  # fmt: skip
                evidence.append(of_turn(call, both.turn, both.span, why))
        if evidence:
            return Result(True, tuple(evidence))
        if not call.overlap_heard or not _channels_apart(call):
            return Result(None, (), evaluation.say("overlap cannot be heard on this recording"))
        return Result(False, (), evaluation.say("no interruption"))

    def _counts(self, both: Overlap) -> bool:
        return (
            both.by == self.by
            and both.span.duration_s >= self.at_least_s
            and both.other_spoke_s >= self.other_spoke_s
            and (both.took_floor or not self.took_floor)
        )

    def _speaks_up(self, evaluation: Evaluation, both: Overlap) -> bool:
        """Whether the one who cuts in says something of its own: not 嗯, and not agreement however long."""
        turn = evaluation.call.turns[both.turn]
        meanwhile = "".join(f"{word.text} " for word in turn.words if word.span.start_s < both.span.end_s - 0.05)
        # the turn may have begun before: what counts is said from the overlap on
        onward = " ".join(word.text for word in turn.words if word.span.end_s > both.span.start_s)
        if is_backchannel(turn.text) or speech_units(onward) < self.min_chars:
            return False
        if self.unless is None:
            return True
        agreed = _without(evaluation, self.unless, turn.index)
        if speech_units(" ".join(agreed)) < self.min_chars:
            return False
        words = tokenise(meanwhile, evaluation.language).words
        return not words or not only_from(words, self.unless)


def _channels_apart(call: Call) -> bool:
    """Whether each side has a channel of its own: on one channel an overlap can be heard, its absence cannot."""
    return any(speaker.startswith("ch") for speaker in call.roles.by_speaker)


def _without(evaluation: Evaluation, listed: Phrases, turn: int) -> list[str]:
    start, end = evaluation.index.range_of(turn)
    gone: set[int] = set()
    for match in evaluation.matches.of(listed).within(start, end):
        gone.update(range(match.start, match.end))
    return [evaluation.index.words[i] for i in range(start, end) if i not in gone]


def only_from(words: Sequence[str], listed: Phrases) -> bool:
    """Whether some words are nothing but phrases of a list, the last perhaps cut short."""
    rest = tuple(words)
    while rest:
        for phrase in listed.openings.get(rest[0], ()):
            size = min(len(phrase), len(rest))
            if rest[:size] == phrase[:size] and (size == len(phrase) or size == len(rest)):
                rest = rest[size:]
                break
        else:
            return False
    return True


class Pace(Bounds, InWindow):
    """How fast somebody speaks: characters (zh) or words (en) a minute of voiced time."""

    by: Party = Field("agent", description="who speaks")
    min_chars: int = Field(8, ge=1, description="with fewer characters or words said it is unsure")

    @model_validator(mode="after")
    def _some_bound(self) -> Pace:
        if not self.bounded:
            raise ValueError(Message("pace needs over, under, at_least or at_most"))
        return self

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("how fast {who} speaks", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        scopes, _, why = find_scopes(evaluation, self.window, self.by)
        if not scopes:
            return Result(None, (), why)
        call = evaluation.call
        turns = [call.turns[i] for i in sorted({i for scope in scopes for i in scope.turns})]
        if scopes[0].limit is not None:
            turns = [turn for turn in turns if scopes[0].takes(turn.span)]
        voiced = [part for turn in turns for span in call.voiced.get(self.by, ()) if (part := span & turn.span)]
        rate = rate_per_min(turns, voiced)
        if rate is None or sum(speech_units(turn.text) for turn in turns) < self.min_chars:
            return Result(None, (), evaluation.say("too little was said to measure the pace"))
        text = told_value(evaluation, rate, self, RATE)
        return Result(self.holds(rate), tuple(of_turn(call, turn.index, turn.span, text) for turn in turns[:1]), text)


class SlowResponse(InWindow):
    """A question waits long for an answer; an uh-huh is no answer, and music stops the clock."""

    by: Party = Field("agent", description="who is to answer")
    over_s: float = Field(5.0, ge=0, description="seconds")
    statistic: Literal["max", "median"] = Field("max", description="of all questions the slowest answer, or the median")
    questions: PhraseList | None = Field(None, description="make a turn a question that has no question mark")
    fillers: PhraseList | None = Field(None, description="a turn of these alone is no answer, like 嗯 and uh-huh")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("a question to {who}", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        if not evaluation.call.roles.by_speaker:
            return Result(None, (), evaluation.say("it is not known who is who"))
        scopes, _, why = find_scopes(evaluation, self.window, self._asker)
        if not scopes:
            return Result(None, (), why)
        waits = list(self._waits(evaluation, {turn for scope in scopes for turn in scope.turns}))
        if not waits:
            return Result(False, (), evaluation.say("no question was waiting for an answer"))
        slow = tuple(item for wait_s, item in waits if wait_s > self.over_s)
        if self.statistic == "median":
            usual_s = median(wait_s for wait_s, _ in waits)
            text = evaluation.say("median response {wait:.1f} s", wait=usual_s)
            return Result(usual_s > self.over_s, slow if usual_s > self.over_s else (), text)
        if slow:
            return Result(True, slow)
        longest_s = max(wait_s for wait_s, _ in waits)
        return Result(False, (), evaluation.say("the slowest response took {wait:.1f} s", wait=longest_s))

    @property
    def _asker(self) -> Party:
        return "customer" if self.by == "agent" else "agent"

    def _waits(self, evaluation: Evaluation, within: set[int]) -> Iterator[tuple[float, Evidence]]:
        """Of every question that is answered, how long it waits, and the evidence."""
        call, index = evaluation.call, evaluation.index
        for number, (role, turns) in enumerate(index.exchanges):
            if role != self._asker or not within.intersection(turns):
                continue
            question = next((i for i in reversed(turns) if not index.small(i)), turns[-1])
            if not self._asks(evaluation, question):
                continue
            answer = next(
                (i for who, later in index.exchanges[number + 1 :] if who == self.by
                 for i in later if not self._fills(evaluation, i)), None,
            )  # fmt: skip
            if answer is None:
                continue
            asked_s, answered_s = max(call.turns[i].span.end_s for i in turns), call.turns[answer].span.start_s
            music_s = sum(e.span.overlap_s(Span(asked_s, answered_s)) for e in call.events if e.kind == "music")
            wait_s = max(0.0, answered_s - asked_s - music_s)
            text = evaluation.say("answered after {wait:.1f} s", wait=wait_s)
            yield wait_s, of_turn(call, question, Span(asked_s, max(asked_s, answered_s)), text)

    def _asks(self, evaluation: Evaluation, turn: int) -> bool:
        index = evaluation.index
        if ends_in_question(index.call.turns[turn].text):
            return True
        last = index.range_of(turn)[1] - 1
        if self.questions is None:
            return False
        return evaluation.matches.of(self.questions).any_within(*index.sentence(last))

    def _fills(self, evaluation: Evaluation, turn: int) -> bool:
        if is_attention(evaluation.call.turns[turn].text):
            return True
        words = evaluation.index.words[slice(*evaluation.index.range_of(turn))]
        return self.fillers is not None and only_from(words, self.fillers)


class LongTurn(InWindow):
    """Somebody speaks for long; a 嗯 of the other does not end it."""

    by: Side = Field("any", description="who speaks")
    longer_than_s: float = Field(gt=0, description="seconds")

    def title(self, evaluation: Evaluation) -> str:
        who = evaluation.side(self.by)
        return evaluation.say("{who} speaking for more than {length:g} s", who=who, length=self.longer_than_s)

    def find(self, evaluation: Evaluation) -> Result:
        scopes, _, why = find_scopes(evaluation, self.window, self.by)
        if not scopes:
            return Result(None, (), why)
        within = {i for scope in scopes for i in scope.turns}
        evidence = []
        for _, turns in evaluation.index.exchanges:
            own = [evaluation.call.turns[i] for i in turns if i in within]
            if not own:
                continue
            span = Span(own[0].span.start_s, own[-1].span.end_s)
            if span.duration_s > self.longer_than_s:
                text = evaluation.say("spoke for {length:.0f} s", length=span.duration_s)
                evidence.append(Evidence(own[0].index, span, "", text))
        if evidence:
            return Result(True, tuple(evidence))
        who, length = evaluation.side(self.by), self.longer_than_s
        return Result(False, (), evaluation.say("{who} never spoke for {length:g} s", who=who, length=length))


class RaisedVoice(InWindow):
    """Somebody stays louder than this speaker usually is in this call (the median); the stretches are the evidence."""

    by: Party = Field("agent", description="who speaks")
    jump_db: float = Field(6.0, gt=0, description="above the speaker's own median in this call")
    for_s: float = Field(2.0, ge=LEVEL_STEP_S, description="of speech, pauses left out")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("{who} raising the voice", who=evaluation.side(self.by))

    def find(self, evaluation: Evaluation) -> Result:
        call, who = evaluation.call, evaluation.side(self.by)
        starts_s, levels = self._voiced_steps(call)
        if len(levels) < 2 * self._width or len(levels) * LEVEL_STEP_S < LEAST_VOICE_S:
            return Result(None, (), evaluation.say("too little was said to measure the level"))
        limit: list[Scope] = []
        if self.window is not None:
            limit, _, why = find_scopes(evaluation, self.window, self.by)
            if not limit:
                return Result(None, (), why)
        evidence = []
        for span, jump in self._loud(starts_s, levels, limit):
            text = evaluation.say(
                "{who} is {jump:.0f} dB above the usual for {length:.1f} s",
                who=who, jump=jump, length=span.duration_s,
            )  # fmt: skip
            turn = max(call.turns, key=lambda t: t.span.overlap_s(span), default=None)
            evidence.append(Evidence(turn.index if turn else None, span, "", text))
        if not evidence:
            return Result(False, (), evaluation.say("{who} did not raise the voice", who=who))
        return Result(True, tuple(evidence))

    @property
    def _width(self) -> int:
        return max(1, round(self.for_s / LEVEL_STEP_S))

    def _voiced_steps(self, call: Call) -> tuple[Levels, Levels]:
        """When the speaker's voiced steps begin, and their levels."""
        levels = np.array(call.levels_dbfs.get(self.by, ()), np.float64)
        spans = call.voiced.get(self.by, ())
        if not len(levels) or not spans:
            return levels[:0], levels[:0]
        # a step counts when most of it is voiced; on one channel the other's steps are at the floor
        numbers = np.arange(len(levels))
        middles_s = (numbers + 0.5) * LEVEL_STEP_S
        starts_s, ends_s = np.array([(span.start_s, span.end_s) for span in spans]).T
        at = np.searchsorted(np.maximum.accumulate(ends_s), middles_s, side="right")
        inside = at < len(spans)
        inside[inside] = starts_s[at[inside]] <= middles_s[inside]
        voiced = inside & (levels > levels.min())
        return numbers[voiced] * LEVEL_STEP_S, levels[voiced]

    def _loud(self, starts_s: Levels, levels: Levels, limit: Sequence[Scope]) -> list[tuple[Span, float]]:
        """The stretches that are louder than usual, and by how much at most."""
        width = self._width
        loud: list[tuple[Span, float]] = []
        jumps = np.median(np.lib.stride_tricks.sliding_window_view(levels, width), axis=1) - median(levels.tolist())
        for first in map(int, np.flatnonzero(jumps >= self.jump_db)):
            jump = float(jumps[first])
            span = Span(float(starts_s[first]), float(starts_s[first + width - 1]) + LEVEL_STEP_S)
            if limit and not any(scope.region.overlap_s(span) > 0 for scope in limit):
                continue
            if loud and span.start_s <= loud[-1][0].end_s:
                loud[-1] = (Span(loud[-1][0].start_s, span.end_s), max(jump, loud[-1][1]))
            else:
                loud.append((span, jump))
        return loud
