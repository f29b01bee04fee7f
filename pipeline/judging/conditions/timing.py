"""Conditions on what was measured: silence, overlap, pace, level, answers, sounds, hang-up, the CDR, any fact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from pipeline.call.facts import rate_per_min
from pipeline.datatypes import (
    CDR,
    LEVEL_STEP_S,
    Call,
    Evidence,
    Facts,
    Overlap,
    Silence,
)
from pipeline.judging.conditions.base import (
    Bounds,
    Context,
    Node,
    Params,
    PhraseList,
    Phrases,
    Range,
    Result,
    Scope,
    Side,
    Window,
    compile_pattern,
    find_scopes,
    say,
    side_name,
)
from pipeline.judging.conditions.speech import Said, list_places, said
from pipeline.language.backchannels import ends_in_question, is_attention, is_backchannel
from pipeline.language.normalise import tokenise
from pipeline.language.text import speech_units
from pipeline.timeline import Span
from pipeline.validation import did_you_mean

LEAST_VOICE_S = 8.0
"""With less of a speaker's voice there is no usual level to compare with."""


class SilenceParams(Params):
    longer_than_s: float = Field(5.0, gt=0)
    after: Side = "any"
    where: Literal["inner", "leading", "trailing", "any"] = "inner"
    unless_said_before: PhraseList | None = None
    unless_customer_said: PhraseList | None = Field(
        None, description="the customer's own notices; default: the same list"
    )
    covers_s: float = Field(30.0, gt=0, description="how long such a notice covers")
    after_notice: PhraseList | None = Field(
        None, description="only silences that the agent announced with one of these"
    )
    not_over: list[Literal["music", "ring", "prompt"]] = Field(default=["music", "ring", "prompt"])
    in_: Window | None = Field(None, alias="in")


class OverlapParams(Params):
    by: Literal["agent", "customer"]
    at_least_s: float = Field(0.6, gt=0)
    other_spoke_s: float = Field(1.0, ge=0)
    min_chars: int = Field(4, ge=1, description="Han characters or Latin words")
    took_floor: bool = True
    unless: PhraseList | None = None
    in_: Window | None = Field(None, alias="in")


class HungUpParams(Params):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)
    by: Literal["agent", "customer", "system"]
    while_: Literal["customer_speaking", "anytime"] = Field("anytime", alias="while")
    without: PhraseList | None = Field(None, description="and the agent said none of these in its last three turns")


class CdrParams(Bounds):
    cdr: str
    is_: str | int | float | bool | list[str | int] | None = Field(None, alias="is")
    matches: str | None = None
    known: bool | None = Field(None, description="whether the CDR has a value at all: never unsure")
    compiled: Any = Field(None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _some_test(self) -> CdrParams:
        tests = [self.bounded, self.is_ is not None, self.matches is not None, self.known is not None]
        if sum(tests) != 1:
            raise ValueError("cdr takes over/under/at_least/at_most, is, matches, or known")
        if self.matches is not None:
            object.__setattr__(self, "compiled", compile_pattern(self.matches, "en"))
        return self


class FactParams(Bounds):
    fact: str
    known: bool | None = Field(None, description="whether it could be measured at all: never unsure")

    @model_validator(mode="after")
    def _known(self) -> FactParams:
        if self.fact not in FACTS:
            raise ValueError(
                f"no fact {self.fact}{did_you_mean(self.fact, FACTS)}; there are {', '.join(sorted(FACTS))}"
            )
        if self.bounded == (self.known is not None):
            raise ValueError("fact takes over, under, at_least or at_most, or else known")
        return self


class PaceParams(Bounds):
    by: Literal["agent", "customer"] = "agent"
    min_chars: int = Field(8, ge=1)
    in_: Window | None = Field(None, alias="in")

    @model_validator(mode="after")
    def _some_bound(self) -> PaceParams:
        if not self.bounded:
            raise ValueError("pace needs over, under, at_least or at_most")
        return self


class LevelParams(Params):
    by: Literal["agent", "customer"] = "agent"
    jump_db: float = Field(6.0, gt=0, description="above the speaker's own median in this call")
    for_s: float = Field(2.0, ge=LEVEL_STEP_S, description="of speech, pauses left out")
    in_: Window | None = Field(None, alias="in")


class ResponseParams(Params):
    """How long the other side waits for an answer to its questions."""

    by: Literal["agent", "customer"] = Field("agent", description="who is to answer")
    over_s: float = Field(5.0, ge=0)
    statistic: Literal["max", "median"] = "max"
    questions: PhraseList | None = Field(None, description="make a turn a question that has no question mark")
    fillers: PhraseList | None = Field(None, description="a turn of these alone is no answer, like 嗯 and uh-huh")
    in_: Window | None = Field(None, alias="in")


class SoundParams(Params):
    kinds: list[Literal["ring", "busy", "dtmf", "music", "prompt", "transfer"]] = Field(min_length=1)
    longer_than_s: float = Field(0.0, ge=0)
    where: Literal["inner", "leading", "trailing", "any"] = "any"


class TurnParams(Params):
    """Somebody speaks for long; a 嗯 of the other does not end it."""

    by: Side = "any"
    longer_than_s: float = Field(gt=0)
    in_: Window | None = Field(None, alias="in")


def silence(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, SilenceParams)
    call = context.call
    if not any(call.voiced.values()) and not call.turns:
        return Result(None, (), say(context, "没有听到任何人说话", "nobody was heard"))
    limit: list[Scope] = []
    if params.in_ is not None:
        limit, _, why = find_scopes(context, params.in_, "any")
        if not limit:
            return Result(None, (), why)
    evidence = []
    for silence in call.silences:
        if params.where not in ("any", silence.where) or params.after not in ("any", silence.after):
            continue
        if limit and not any(scope.region.overlap_s(silence.span) > 0 for scope in limit):
            continue
        length = silence.span.duration_s
        if "music" not in params.not_over:
            length += silence.music_s
        if length <= params.longer_than_s:
            continue
        if params.after_notice is not None and not _announced(context, params, silence):
            continue
        uncovered = _uncovered_s(context, params, silence)
        if uncovered <= params.longer_than_s:
            continue
        reason = say(context, f"静默 {length:.1f} 秒，事先没有说明", f"{length:.1f} s of silence without notice")
        if params.unless_said_before is None:
            reason = say(context, f"静默 {length:.1f} 秒", f"{length:.1f} s of silence")
        if uncovered < length:
            reason = say(
                context,
                f"静默 {length:.1f} 秒，说明只涵盖 {params.covers_s:g} 秒",
                f"{length:.1f} s of silence; the notice covers {params.covers_s:g} s",
            )
        before = [t.index for t in call.turns if t.span.start_s <= silence.span.start_s]
        evidence.append(Evidence(before[-1] if before else None, silence.span, "", reason))
    if evidence:
        return Result(True, tuple(evidence), evidence[0].reason)
    return Result(
        False,
        (),
        say(
            context, f"没有超过 {params.longer_than_s:g} 秒的静默", f"no silence longer than {params.longer_than_s:g} s"
        ),
    )


def _announced(context: Context, params: SilenceParams, gap: Silence) -> bool:
    """Whether the agent gave notice of a silence at most `covers_s` before it."""
    assert params.after_notice is not None
    spoken = context.spoken
    for number, turn in enumerate(spoken.call.turns):
        if spoken.call.role(turn) != "agent" or turn.span.start_s > gap.span.start_s + 0.3:
            continue
        for start, end, _ in list_places(context, params.after_notice, [spoken.range_of(number)]):
            if gap.span.start_s - spoken.span(start, end).end_s <= params.covers_s:
                return True
    return False


def _uncovered_s(context: Context, params: SilenceParams, silence: Silence) -> float:
    """How much of a silence no notice covers, in seconds."""
    if params.unless_said_before is None:
        return silence.span.duration_s
    spoken = context.spoken
    covered_s = silence.span.start_s
    for number, turn in enumerate(spoken.call.turns):
        if turn.span.start_s > silence.span.start_s + 0.3 or turn.span.end_s < silence.span.start_s - params.covers_s:
            continue
        stretch = spoken.range_of(number)
        notice = params.unless_said_before
        if params.unless_customer_said is not None and spoken.call.role(turn) == "customer":
            notice = params.unless_customer_said
        for start, end, _ in list_places(context, notice, [stretch]):
            covered_s = max(covered_s, spoken.span(start, end).end_s + params.covers_s)
    return max(0.0, silence.span.end_s - covered_s)


def overlap(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, OverlapParams)
    call = context.call
    limit: list[Scope] = []
    if params.in_ is not None:
        limit, _, why = find_scopes(context, params.in_, params.by)
        if not limit:
            return Result(None, (), why)
    if not call.roles.by_speaker:
        return Result(None, (), say(context, "说话人角色不明", "it is not known who is who"))
    evidence = []
    for overlap in call.overlaps:
        if (
            overlap.by != params.by
            or overlap.span.duration_s < params.at_least_s
            or overlap.other_spoke_s < params.other_spoke_s
        ):
            continue
        if (params.took_floor and not overlap.took_floor) or (
            limit and not any(overlap.turn in scope.turns for scope in limit)
        ):
            continue
        if not _speaks_up(context, params, overlap):
            continue
        text = call.turns[overlap.turn].text
        reason = say(
            context,
            f"对方已说了 {overlap.other_spoke_s:.1f} 秒，插话重叠 {overlap.span.duration_s:.1f} 秒",
            f"cut in when the other had spoken {overlap.other_spoke_s:.1f} s, both for {overlap.span.duration_s:.1f} s",
        )
        evidence.append(Evidence(overlap.turn, overlap.span, text, reason))
    if evidence:
        return Result(True, tuple(evidence), evidence[0].reason)
    if not call.overlap_heard or not _channels_apart(call):
        return Result(None, (), say(context, "单声道录音听不出重叠", "overlap cannot be heard on this recording"))
    return Result(False, (), say(context, "没有抢话", "no interruption"))


def _channels_apart(call: Call) -> bool:
    """Whether each side has a channel of its own: on one channel an overlap can be heard, its absence cannot."""
    return any(speaker.startswith("ch") for speaker in call.roles.by_speaker)


def _speaks_up(context: Context, params: OverlapParams, overlap: Overlap) -> bool:
    """Whether the one who cuts in says something of its own: not 嗯, and not agreement however long."""
    turn = context.call.turns[overlap.turn]
    meanwhile = "".join(f"{word.text} " for word in turn.words if word.span.start_s < overlap.span.end_s - 0.05)
    # the turn may have begun before: what counts is said from the overlap on
    onward = " ".join(word.text for word in turn.words if word.span.end_s > overlap.span.start_s)
    if is_backchannel(turn.text) or speech_units(onward) < params.min_chars:
        return False
    if params.unless is None:
        return True
    agreed = _without(context, params.unless, turn.index)
    if speech_units(" ".join(agreed)) < params.min_chars:
        return False
    words = tokenise(meanwhile, context.language).words
    return not words or not _only_from(words, params.unless)


def _without(context: Context, listed: Phrases, turn: int) -> list[str]:
    spoken = context.spoken
    start, end = spoken.range_of(turn)
    gone: set[int] = set()
    for first, last, _ in list_places(context, listed, [(start, end)]):
        gone.update(range(first, last))
    return [spoken.words[i] for i in range(start, end) if i not in gone]


def _only_from(words: Sequence[str], listed: Phrases) -> bool:
    """Whether some words are nothing but phrases of a list, the last perhaps cut short."""
    rest = tuple(words)
    while rest:
        for phrase in listed.tokens:
            size = min(len(phrase), len(rest))
            if rest[:size] == phrase[:size] and (size == len(phrase) or size == len(rest)):
                rest = rest[size:]
                break
        else:
            return False
    return True


def hung_up(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, HungUpParams)
    hang_up = context.call.hang_up
    if hang_up.by is None:
        return Result(None, (), say(context, "不知道哪一方先挂断", "it is not known who released the line"))
    names = {"agent": ("坐席", "the agent"), "customer": ("客户", "the customer"), "system": ("系统", "the system")}
    how = say(
        context,
        "话单" if hang_up.method == "cdr" else "由录音推断",
        "CDR" if hang_up.method == "cdr" else "inferred from the audio",
    )
    text = say(
        context, f"{names[hang_up.by][0]}先挂断（{how}）", f"{names[hang_up.by][1]} released the line first ({how})"
    )
    if hang_up.by != params.by:
        return Result(False, (), text)
    last = context.call.turns[-1].index if context.call.turns else None
    at_s = hang_up.at_s if hang_up.at_s is not None else context.call.facts.duration_s
    hit = Evidence(last, Span(max(0.0, at_s - 3.0), at_s), "", text)
    if params.while_ == "customer_speaking":
        if hang_up.at_s is None:
            return Result(None, (), say(context, "不知道何时挂断", "it is not known when the line was released"))
        speaking = any(s.start_s < at_s < s.end_s + 1.0 for s in context.call.voiced.get("customer", ()))
        if not speaking:
            return Result(False, (), say(context, "挂断时客户没有在说话", "the customer was not speaking"))
    if params.without is not None:
        closing = Said.model_construct(by="agent", any=params.without, in_=Window(turns=Range(-3, -1)))
        closed = said(context, Node("said", said, closing))
        if closed.truth is not False:
            return Result(None if closed.truth is None else False, (), closed.reason)
    return Result(True, (hit,), text)


def cdr(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, CdrParams)
    cdr: CDR = context.call.cdr
    value = cdr.extra.get(params.cdr) if params.cdr not in CDR_FIELDS else getattr(cdr, params.cdr)
    if params.known is not None:
        has = say(
            context,
            "话单里有" if value is not None else "话单里没有",
            "the CDR has" if value is not None else "the CDR lacks",
        )
        return Result((value is not None) == params.known, (), f"{has} {params.cdr}")
    if value is None:
        return Result(None, (), say(context, f"话单里没有 {params.cdr}", f"the CDR has no {params.cdr}"))
    text = f"{params.cdr} = {value}"
    if params.bounded:
        try:
            return Result(params.holds(float(value)), (), text)
        except (TypeError, ValueError):
            return Result(None, (), say(context, f"{params.cdr} 不是数字", f"{params.cdr} is no number"))
    if params.compiled is not None:
        return Result(params.compiled.search(str(value).lower()) is not None, (), text)
    wanted = params.is_ if isinstance(params.is_, list) else [params.is_]
    return Result(str(value) in {str(item) for item in wanted}, (), text)


def fact(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, FactParams)
    value: float | None = getattr(context.call.facts, params.fact)
    if params.known is not None:
        has = say(
            context, "量得出" if value is not None else "量不出", "measured:" if value is not None else "not measured:"
        )
        return Result((value is not None) == params.known, (), f"{has} {params.fact}")
    if value is None:
        return Result(None, (), say(context, f"量不出 {params.fact}", f"{params.fact} could not be measured"))
    return Result(params.holds(value), (), lambda: f"{params.fact} = {value:.4g} ({params})")


def pace(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, PaceParams)
    scopes, _, why = find_scopes(context, params.in_, params.by)
    if not scopes:
        return Result(None, (), why)
    call = context.call
    turns = [call.turns[i] for i in sorted({i for scope in scopes for i in scope.turns})]
    if scopes[0].limit is not None:
        turns = [turn for turn in turns if scopes[0].takes(turn.span)]
    voiced = [
        Span(max(s.start_s, t.span.start_s), min(s.end_s, t.span.end_s))
        for t in turns
        for s in call.voiced.get(params.by, ())
        if s.overlap_s(t.span) > 0
    ]
    rate = rate_per_min(turns, voiced)
    if rate is None or sum(speech_units(turn.text) for turn in turns) < params.min_chars:
        return Result(None, (), say(context, "话太少，量不出语速", "too little was said to measure the pace"))
    text = say(context, f"语速每分钟 {rate:.0f} 字", f"{rate:.0f} words a minute")
    evidence = tuple(Evidence(turn.index, turn.span, turn.text, text) for turn in turns[:1])
    return Result(params.holds(rate), evidence, text)


def level(context: Context, node: Node) -> Result:
    """Speech that stays louder than the speaker's own median; the stretches are the hits."""
    params = node.params
    assert isinstance(params, LevelParams)
    call, width = context.call, max(1, round(params.for_s / LEVEL_STEP_S))
    levels = call.levels_dbfs.get(params.by, ())
    floor = min(levels, default=0.0)
    # a step counts when most of it is voiced; on one channel the other's steps are at the floor
    spans, steps, at = call.voiced.get(params.by, ()), [], 0
    for number, value in enumerate(levels):
        middle_s = (number + 0.5) * LEVEL_STEP_S
        while at < len(spans) and spans[at].end_s <= middle_s:
            at += 1
        if at < len(spans) and spans[at].start_s <= middle_s and value > floor:
            steps.append((number * LEVEL_STEP_S, value))
    if len(steps) < 2 * width or len(steps) * LEVEL_STEP_S < LEAST_VOICE_S:
        return Result(None, (), say(context, "话太少，量不出音量", "too little was said to measure the level"))
    limit: list[Scope] = []
    if params.in_ is not None:
        limit, _, why = find_scopes(context, params.in_, params.by)
        if not limit:
            return Result(None, (), why)
    usual = median(value for _, value in steps)
    loud: list[tuple[Span, float]] = []
    values = np.array([value for _, value in steps])
    jumps = np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1) - usual
    for first in np.flatnonzero(jumps >= params.jump_db):
        jump = float(jumps[first])
        span = Span(steps[first][0], steps[first + width - 1][0] + LEVEL_STEP_S)
        if jump < params.jump_db or (limit and not any(scope.region.overlap_s(span) > 0 for scope in limit)):
            continue
        if loud and span.start_s <= loud[-1][0].end_s:
            loud[-1] = (Span(loud[-1][0].start_s, span.end_s), max(jump, loud[-1][1]))
        else:
            loud.append((span, jump))
    who = side_name(context, params.by)
    if not loud:
        text = say(context, f"{who}没有提高音量", f"{who} did not raise the voice")
        return Result(False, (), text)
    evidence = []
    for span, jump in loud:
        text = say(
            context,
            f"{who}比自己平时高 {jump:.0f} dB，持续 {span.duration_s:.1f} 秒",
            f"{who} is {jump:.0f} dB above the usual for {span.duration_s:.1f} s",
        )
        turn = max(call.turns, key=lambda t: t.span.overlap_s(span), default=None)
        evidence.append(Evidence(turn.index if turn else None, span, "", text))
    return Result(True, tuple(evidence), evidence[0].reason)


def response(context: Context, node: Node) -> Result:
    """Waits between a question and the first answer that is more than a filler; music stops the clock."""
    params = node.params
    assert isinstance(params, ResponseParams)
    call, spoken = context.call, context.spoken
    asker: Side = "customer" if params.by == "agent" else "agent"
    if not call.roles.by_speaker:
        return Result(None, (), say(context, "说话人角色不明", "it is not known who is who"))
    scopes, _, why = find_scopes(context, params.in_, asker)
    if not scopes:
        return Result(None, (), why)
    within = {turn for scope in scopes for turn in scope.turns}
    waits: list[tuple[float, Evidence]] = []
    for number, (role, turns) in enumerate(spoken.exchanges):
        if role != asker or not within.intersection(turns):
            continue
        question = next((i for i in reversed(turns) if not spoken.small(i)), turns[-1])
        if not _asks(context, params, question):
            continue
        answer = next(
            (i for who, later in spoken.exchanges[number + 1 :] if who == params.by
             for i in later if not _fills(context, params, i)), None,
        )  # fmt: skip
        asked_s = max(call.turns[i].span.end_s for i in turns)
        if answer is None:
            continue
        answered_s = call.turns[answer].span.start_s
        music_s = sum(m.span.overlap_s(Span(asked_s, answered_s)) for m in call.events if m.kind == "music")
        wait_s = max(0.0, answered_s - asked_s - music_s)
        text = say(context, f"等了 {wait_s:.1f} 秒才回应", f"answered after {wait_s:.1f} s")
        waits.append(
            (wait_s, Evidence(question, Span(asked_s, max(asked_s, answered_s)), call.turns[question].text, text))
        )
    if not waits:
        return Result(False, (), say(context, "没有需要回应的问题", "no question was waiting for an answer"))
    usual = median(wait for wait, _ in waits)
    if params.statistic == "median":
        text = say(context, f"回应时间中位数 {usual:.1f} 秒", f"median response {usual:.1f} s")
        slow = tuple(hit for wait, hit in waits if wait > params.over_s)
        return Result(usual > params.over_s, slow if usual > params.over_s else (), text)
    slow = tuple(hit for wait, hit in waits if wait > params.over_s)
    if slow:
        return Result(True, slow, slow[0].reason)
    longest = max(wait for wait, _ in waits)
    text = say(context, f"最慢 {longest:.1f} 秒回应", f"the slowest response took {longest:.1f} s")
    return Result(False, (), text)


def _asks(context: Context, params: ResponseParams, turn: int) -> bool:
    spoken = context.spoken
    if ends_in_question(spoken.call.turns[turn].text):
        return True
    last = spoken.range_of(turn)[1] - 1
    return params.questions is not None and bool(list_places(context, params.questions, [spoken.sentence(last)]))


def _fills(context: Context, params: ResponseParams, turn: int) -> bool:
    text = context.call.turns[turn].text
    if is_attention(text):
        return True
    words = context.spoken.words[slice(*context.spoken.range_of(turn))]
    return params.fillers is not None and _only_from(words, params.fillers)


def sound(context: Context, node: Node) -> Result:
    """Music, ring, busy tone, keys, a prompt or a transfer; leading and trailing are told by the live voices."""
    params = node.params
    assert isinstance(params, SoundParams)
    call = context.call
    live = [turn.span for turn in call.turns if call.role(turn) != "unknown"]
    first_s = min((span.start_s for span in live), default=math.inf)
    last_s = max((span.end_s for span in live), default=-math.inf)
    evidence = []
    for event in call.events:
        middle_s = event.span.middle_s
        place = "leading" if middle_s < first_s else "trailing" if middle_s > last_s else "inner"
        if (
            event.kind in params.kinds
            and params.where in ("any", place)
            and event.span.duration_s > params.longer_than_s
        ):
            text = say(
                context,
                f"{SOUND_NAMES[event.kind][0]} {event.span.duration_s:.1f} 秒",
                f"{SOUND_NAMES[event.kind][1]}, {event.span.duration_s:.1f} s",
            )
            evidence.append(Evidence(None, event.span, "", text))
    if evidence:
        return Result(True, tuple(evidence), evidence[0].reason)
    names = "、".join(SOUND_NAMES[k][0] for k in params.kinds), ", ".join(SOUND_NAMES[k][1] for k in params.kinds)
    return Result(False, (), say(context, f"没有听到{names[0]}", f"no {names[1]} was heard"))


SOUND_NAMES = {
    "ring": ("回铃音", "ring-back tone"), "busy": ("忙音", "busy tone"), "dtmf": ("按键音", "keys"),
    "music": ("音乐", "music"), "prompt": ("录音提示", "recorded prompt"), "transfer": ("转接", "transfer"),
}  # fmt: skip


def turn(context: Context, node: Node) -> Result:
    """One side speaks on for long; each stretch is a hit."""
    params = node.params
    assert isinstance(params, TurnParams)
    scopes, _, why = find_scopes(context, params.in_, params.by)
    if not scopes:
        return Result(None, (), why)
    within = {i for scope in scopes for i in scope.turns}
    evidence = []
    for _, turns in context.spoken.exchanges:
        own = [context.call.turns[i] for i in turns if i in within]
        if not own:
            continue
        span = Span(own[0].span.start_s, own[-1].span.end_s)
        if span.duration_s > params.longer_than_s:
            text = say(context, f"连续说了 {span.duration_s:.0f} 秒", f"spoke for {span.duration_s:.0f} s")
            evidence.append(Evidence(own[0].index, span, "", text))
    if evidence:
        return Result(True, tuple(evidence), evidence[0].reason)
    who = side_name(context, params.by)
    limit = f"{params.longer_than_s:g}"
    return Result(False, (), say(context, f"{who}没有连续说过 {limit} 秒", f"{who} never spoke for {limit} s"))


FACTS = tuple(Facts.__slots__)
CDR_FIELDS = tuple(CDR.__slots__)
