"""Where a condition looks: windows as they are written, and the turns and times that they come to in a call."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from pipeline.datatypes import PARTIES, Evidence, Party
from pipeline.judging.conditions.base import Condition, Evaluation, Inner, Node, Params, Side, reading
from pipeline.judging.token_index import SideTurns, TokenIndex
from pipeline.messages import Message
from pipeline.timeline import Span


@dataclass(frozen=True, slots=True)
class Range:
    """From `first` to `last`, both included; negative numbers count from the end."""

    first: float
    last: float


_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)?\s*\.\.\s*(-?\d+(?:\.\d+)?)?\s*")


def _range(value: Any, first: float, last: float) -> Range:
    """A range as it is written; where it has no beginning or no end, it begins with `first` or ends with `last`."""
    if isinstance(value, Range):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Range(value, value)
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if not match or match[1] is match[2] is None:
        raise ValueError(
            Message("{value} is not a range; write 1..3, 2.., or -3..-1 to count from the end", value=repr(value))
        )
    found = Range(float(match[1] or first), float(match[2] or last))
    if (found.first >= 0) == (found.last >= 0) and found.first > found.last:
        turned = f"{found.last:g}..{found.first:g}"
        raise ValueError(Message("the range {value} runs backwards; write {turned}", value=value, turned=turned))
    return found


def _turn_range(value: Any) -> Range:
    found = _range(value, 1, -1)
    if 0 in (found.first, found.last) or found.first % 1 or found.last % 1:
        raise ValueError(Message("turns are counted 1, 2, 3… from the beginning and -1, -2… from the end"))
    return found


def _second_range(value: Any) -> Range:
    if isinstance(value, Range):
        return value
    if not isinstance(value, str):
        raise ValueError(
            Message("{value} is not a range; write 0..15, or -20.. for the last 20 seconds", value=repr(value))
        )
    # "-20..0" ends at the end, "0..15" begins at the beginning
    match = re.fullmatch(r"\s*(-[\d.]+)\s*\.\.\s*0\s*", value)
    return Range(float(match[1]), math.inf) if match else _range(value, 0, math.inf)


def _percent_range(value: Any) -> Range:
    found = _range(value, 0, 100)
    if not 0 <= found.first < found.last <= 100:
        raise ValueError(Message("percent runs from 0 to 100, as in 0..20"))
    return found


@dataclass(frozen=True, slots=True)
class Reach:
    """How far from an anchor: so many turns or so many seconds, however many."""

    turns: int | None = None
    seconds: float | None = None


_DISTANCE = re.compile(r"\s*(\d{1,5}(?:\.\d+)?)\s*(turns?|轮|s|seconds?|秒)\s*")


def _reach(value: Any) -> Reach:
    if isinstance(value, Reach):
        return value
    if value in ("all", "全部"):
        return Reach(seconds=math.inf)
    if isinstance(value, dict) and len(value) == 1:
        unit, number = next(iter(value.items()))
        value = f"{number} {unit}"
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value} turns"
    match = _DISTANCE.fullmatch(value) if isinstance(value, str) else None
    if not match or float(match[1]) <= 0:
        raise ValueError(Message("{value} is not a distance; write 2 turns, 10 s or all", value=repr(value)))
    if match[2] in ("s", "秒") or match[2].startswith("second"):
        return Reach(seconds=float(match[1]))
    return Reach(turns=int(float(match[1])))


def _anchor(value: Any, info: ValidationInfo) -> Node:
    return value if isinstance(value, Node) else reading(info).anchor(str(value))


TurnRange = Annotated[Range, BeforeValidator(_turn_range)]
SecondRange = Annotated[Range, BeforeValidator(_second_range)]
PercentRange = Annotated[Range, BeforeValidator(_percent_range)]
Distance = Annotated[Reach, BeforeValidator(_reach)]


class Around(Params):
    """Near where an anchor was found: a condition that `as` gives a name."""

    anchor: Annotated[Inner, BeforeValidator(_anchor)] = Field(
        alias="name", description="the anchor's name", json_schema_extra={"type": "string"}
    )
    before: Distance | None = Field(None, description="2 turns, 10 s, or all that comes before")
    after: Distance | None = Field(None, validate_default=True, description="2 turns, 10 s, or all that comes after")
    hit: Literal["any", "each", "first", "last"] | int = Field(
        "any", description="near which of the places where the anchor was found; each: near every one"
    )

    @field_validator("after")
    @classmethod
    def _some_way(cls, after: Reach | None, info: ValidationInfo) -> Reach | None:
        if after is None and info.data.get("before", after) is None:
            raise ValueError(Message("around needs before, after or both, such as `after: 2 turns`"))
        return after


class Window(Params):
    """Where to look; several limits are all kept to. Turns are counted among those of `by` (default: the
    condition's), seconds from the first word of `by` or back from the last word of the call."""

    turns: TurnRange | None = Field(
        None, description="1..3 from the beginning, 2.. from the second on, -3..-1 the last three"
    )
    seconds: SecondRange | None = Field(
        None, description="0..15 from the first word, 15.. after that, -20.. the last twenty"
    )
    percent: PercentRange | None = Field(None, description="..20 of the conversation: the first fifth")
    after: None = Field(None, description="an anchor's name: what comes after it", json_schema_extra={"type": "string"})
    before: None = Field(
        None, description="an anchor's name: what comes before it", json_schema_extra={"type": "string"}
    )
    around: Around | None = Field(None, description="near an anchor: a condition that `as` gives a name")
    by: Side | None = Field(None, description="whose turns are counted; default: those of the condition's side")

    @model_validator(mode="before")
    @classmethod
    def _relation(cls, value: Any) -> Any:
        """`after: x` is short for all that comes after the first x; `before: x` for all before it."""
        if not isinstance(value, dict):
            return value
        told = [key for key in ("after", "before", "around") if value.get(key) is not None]
        if len(told) > 1:
            raise ValueError(Message("in takes one of after, before and around"))
        if told in ([], ["around"]):
            return value
        rest = {key: item for key, item in value.items() if key != told[0]}
        return {**rest, "around": {"name": value[told[0]], told[0]: "all", "hit": "first"}}

    @cached_property
    def key(self) -> str:
        """What tells it from others, apart from what it is around."""
        return f"{self.turns} {self.seconds} {self.percent} {self.by}"


WHOSE: dict[str, str] = {
    "agent": Message("the agent's {turns}"),
    "customer": Message("the customer's {turns}"),
    "any": Message("the call's {turns}"),
}
"""Whose turns are counted."""


class InWindow(Condition):
    """A condition that can be told where to look."""

    window: Window | None = Field(None, alias="in", description="where to look; default: the whole call")


@dataclass(slots=True)
class Scope:
    """Where a condition looks: turns, and within them a stretch of time (None: all of it). `region` is the time
    in which these turns would lie, for telling how much of the speech there has words."""

    turns: tuple[int, ...]
    limit: Span | None
    region: Span
    _shares: dict[str, float] = field(default_factory=dict)

    def share(self, index: TokenIndex, by: Side) -> float:
        """The share of a side's speech here that has words."""
        known = self._shares.get(by)
        if known is None:
            known = self._shares[by] = worded_share(index, by, self.region)
        return known

    def takes(self, span: Span) -> bool:
        return self.limit is None or self.limit.start_s - 0.05 <= span.start_s <= self.limit.end_s


class Scopes(NamedTuple):
    """The scopes of a window, whether every one of them must hold, and why there is none."""

    scopes: list[Scope]
    each: bool = False
    why: str = ""


def find_scopes(evaluation: Evaluation, window: Window | None, by: Side) -> Scopes:
    """What a window comes to in a call, for what is said by one side."""
    if window is not None and window.around is not None:
        return _find_scopes(evaluation, window, by)
    key = (window.key if window is not None else "", by)
    found = evaluation.scopes.get(key)
    if found is None:
        found = evaluation.scopes[key] = _find_scopes(evaluation, window, by)
    return found


def _find_scopes(evaluation: Evaluation, window: Window | None, by: Side) -> Scopes:
    index, call = evaluation.index, evaluation.call
    who: Side = window.by if window and window.by else by
    side = index.side(who)
    if not side.groups:
        if by != "any" and unknown_speech(evaluation):
            return Scopes([], False, evaluation.say("it is not known who is who"))
        return Scopes([], False, evaluation.say("{who} said nothing", who=evaluation.side(who)))
    if window is None:
        return Scopes([Scope(index.side(by).turns, None, index.live)])
    own = frozenset(index.side(by).turns)
    picked, region = _by_turns(index, side, window)
    limit: Span | None = None
    if window.seconds or window.percent:
        first_s = min(call.turns[i].span.start_s for turns in side.groups for i in turns)
        limit = _time_limit(window, first_s, index.live)
        # what was said without words before the first word would belong to a window that starts there
        from_start = (window.seconds or window.percent or Range(0, 0)).first == 0
        low_s = 0.0 if from_start else limit.start_s
        region = Span(max(region.start_s, low_s), min(region.end_s, limit.end_s))
    each = False
    if window.around:
        near = _pick(evaluation.result(window.around.anchor).evidence(evaluation), window.around.hit)
        each = window.around.hit == "each"
        if not near:
            what = window.around.anchor.condition.title(evaluation)
            return Scopes([], False, evaluation.say("“{what}” was not found, near which to look", what=what))
        scopes = []
        for item in near:
            turns, reach, around = _reached(index, picked, item, window.around)
            chosen = tuple(sorted(i for i in turns if i in own))
            scopes.append(Scope(chosen, _both(limit, reach), _both(region, around) or around))
    else:
        scopes = [Scope(tuple(sorted(i for turns in picked for i in turns if i in own)), limit, region)]
    if limit is not None:
        scopes = [
            Scope(tuple(i for i in s.turns if call.turns[i].span.overlap_s(limit) > 0), s.limit, s.region)
            for s in scopes
        ]
    if not each:
        scopes = [s for s in scopes if s.turns]
    if not scopes or any(not s.turns for s in scopes):
        return Scopes([], False, evaluation.say("nothing was said where this is to be judged"))
    return Scopes(scopes, each)


def _by_turns(index: TokenIndex, side: SideTurns, window: Window) -> tuple[list[list[int]], Span]:
    """The exchanges that a window's turns pick, and the time in which they lie."""
    call, groups = index.call, side.groups
    region = Span(0.0, call.facts.duration_s)
    if window.turns:
        groups = _count(side, window.turns)
        if groups:
            ends = [call.turns[i].span.end_s for turns in groups for i in turns]
            starts = [call.turns[i].span.start_s for turns in groups for i in turns]
            region_start = 0.0 if window.turns.first == 1 else min(starts)
            region_end = call.facts.duration_s if window.turns.last == -1 else max(ends)
            region = Span(region_start, region_end)
    return groups, region


def unknown_speech(evaluation: Evaluation) -> bool:
    """Whether somebody speaks of whom it is not known who it is."""
    known, third = evaluation.call.roles.by_speaker, evaluation.call.roles.third_voices
    return any(turn.speaker not in known and turn.speaker not in third for turn in evaluation.call.turns)


def _count(side: SideTurns, wanted: Range) -> list[list[int]]:
    """The groups from one number to another; a 嗯 is taken along but not counted."""
    groups, solid = side.groups, side.solid
    first = int(wanted.first) - 1 if wanted.first > 0 else len(solid) + int(wanted.first)
    last = int(wanted.last) - 1 if wanted.last > 0 else len(solid) + int(wanted.last)
    first = max(0, first)
    if first >= len(solid) or last < 0 or last < first:
        return []
    last = min(last, len(solid) - 1)
    begin = 0 if first == 0 else solid[first]
    end = len(groups) if last == len(solid) - 1 else solid[last] + 1
    return groups[begin:end]


def _time_limit(window: Window, first_s: float, live: Span) -> Span:
    limit = Span(0.0, math.inf)
    start_s, end_s = live.start_s, live.end_s
    if window.seconds:
        r = window.seconds
        begin = first_s + r.first if r.first >= 0 else end_s + r.first
        finish = math.inf if r.last == math.inf else first_s + r.last if r.last >= 0 else end_s + r.last
        limit = Span(begin, finish)
    if window.percent:
        length = end_s - start_s
        low, high = start_s + length * window.percent.first / 100, start_s + length * window.percent.last / 100
        limit = Span(max(limit.start_s, low), min(limit.end_s, high if window.percent.last < 100 else math.inf))
    return limit


def _both(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return Span(max(one.start_s, other.start_s), min(one.end_s, other.end_s))


def _pick(evidence: Sequence[Evidence], which: str | int) -> list[Evidence]:
    placed = sorted((item for item in evidence if item.span is not None), key=lambda item: item.span or Span(0, 0))
    if which == "first" or which == 1:
        return placed[:1]
    if which == "last":
        return placed[-1:]
    if isinstance(which, int):
        return placed[which - 1 : which] if which > 0 else placed[which : len(placed) + which + 1]
    return placed


def _reached(
    index: TokenIndex, groups: list[list[int]], anchor: Evidence, around: Around
) -> tuple[list[int], Span | None, Span]:
    """Turns within reach of where an anchor was found, the time limit if the reach is in seconds, and the region."""
    turns = index.call.turns
    span = anchor.span or Span(0.0, 0.0)
    own = anchor.turn if anchor.matched else None  # a sound or a silence is in no turn
    chosen: list[int] = []
    for reach, ahead in ((around.before, False), (around.after, True)):
        if reach is None or reach.turns is None:
            continue
        side = [
            [
                i
                for i in group
                if (turns[i].span.start_s > span.start_s if ahead else turns[i].span.start_s < span.start_s)
                and i != own
            ]
            for group in groups
        ]
        side = [group for group in side if group]
        count = 0
        for group in side if ahead else reversed(side):
            if count >= reach.turns:
                break
            chosen += group
            count += not all(index.small(i) for i in group)
    limit = _time_around(around, span)
    if limit is not None:
        within = [i for group in groups for i in group if turns[i].span.overlap_s(limit) > 0]
        return sorted({*within, *chosen}), None if chosen else limit, limit
    ends = [turns[i].span.end_s for i in chosen]
    starts = [turns[i].span.start_s for i in chosen]
    return chosen, None, Span(min([span.start_s, *starts]), max([span.end_s, *ends]))


def _time_around(around: Around, anchor: Span) -> Span | None:
    """The time within reach of an anchor; None where no reach is in seconds. What is said before or after an anchor,
    however long, is not the anchor itself."""
    before = around.before.seconds if around.before else None
    after = around.after.seconds if around.after else None
    if before is None and after is None:
        return None
    start_s = anchor.end_s if before is None and after == math.inf else anchor.start_s
    end_s = anchor.start_s - 0.01 if after is None and before == math.inf else anchor.end_s
    return Span(max(0.0, start_s - (before or 0.0)), end_s + (after or 0.0))


def worded_share(index: TokenIndex, by: Side, region: Span) -> float:
    """Share of a side's voiced time in a region that has words; 1 where hardly anything is voiced."""
    parties: tuple[Party, ...] = PARTIES if by == "any" else (by,)
    measured = [index.worded_s(party, region) for party in parties]
    voiced, covered = sum(v for v, _ in measured), sum(c for _, c in measured)
    return covered / voiced if voiced >= 0.5 else 1.0


def window_text(evaluation: Evaluation, window: Window | None, by: Side) -> str:
    """Where a window lies, in words: （坐席最后 3 轮）."""
    if window is None:
        return ""
    parts = []
    if window.turns:
        parts.append(evaluation.say(WHOSE[window.by or by], turns=_turns_text(evaluation, window.turns)))
    if window.seconds:
        parts.append(_seconds_text(evaluation, window.seconds))
    if window.percent:
        parts.append(_percent_text(evaluation, window.percent))
    if window.around:
        parts.append(_around_text(evaluation, window.around))
    text = ("，" if evaluation.language == "zh" else ", ").join(parts)
    return evaluation.say(" ({text})", text=text) if text else ""


def _turns_text(evaluation: Evaluation, turns: Range) -> str:
    first, last = int(turns.first), int(turns.last)
    if first == last:
        if first == 1:
            return evaluation.say("first turn")
        return evaluation.say("turn {number}", number=first) if first > 0 else _from_the_end(evaluation, first)
    if first == 1:
        if last > 0:
            return evaluation.say("first {count} turns", count=last)
        return evaluation.say("every turn") if last == -1 else _up_to(evaluation, last)
    if last == -1:
        if first < 0:
            return evaluation.say("last {count} turns", count=-first)
        return evaluation.say("turns from {number} on", number=first)
    if first > 0 and last > 0:
        return evaluation.say("turns {first} to {last}", first=first, last=last)
    begin = evaluation.say("turn {number}", number=first) if first > 0 else _from_the_end(evaluation, first)
    end = evaluation.say("turn {number}", number=last) if last > 0 else _from_the_end(evaluation, last)
    return evaluation.say("turns from {first} to {last}", first=begin, last=end)


def _from_the_end(evaluation: Evaluation, turn: int) -> str:
    if turn == -1:
        return evaluation.say("last turn")
    return evaluation.say("turn {number} from the end", number=-turn)


def _up_to(evaluation: Evaluation, last: int) -> str:
    """From the first turn to one that is counted from the end."""
    if last == -2:
        return evaluation.say("turns before the last")
    return evaluation.say("turns before the last {count}", count=-last - 1)


def _seconds_text(evaluation: Evaluation, seconds: Range) -> str:
    first, last = seconds.first, seconds.last
    if last == math.inf:
        if first < 0:
            return evaluation.say("the last {length:g} s", length=-first)
        return evaluation.say("from second {first:g} on", first=first)
    if first == 0:
        if last > 0:
            return evaluation.say("the first {length:g} s", length=last)
        return evaluation.say("all but the last {length:g} s", length=-last)
    begin, end = (
        evaluation.say("second {number:g}", number=moment)
        if moment >= 0
        else evaluation.say("{number:g} s before the end", number=-moment)
        for moment in (first, last)
    )
    return evaluation.say("from {first} to {last}", first=begin, last=end)


def _percent_text(evaluation: Evaluation, percent: Range) -> str:
    first, last = percent.first, percent.last
    if first == 0:
        return evaluation.say("the first {share:g}% of the conversation", share=last)
    if last == 100:
        return evaluation.say("the last {share:g}% of the conversation", share=100 - first)
    return evaluation.say("from {first:g}% to {last:g}% of the conversation", first=first, last=last)


def _around_text(evaluation: Evaluation, around: Around) -> str:
    what = around.anchor.condition.title(evaluation)
    if around.before is None and around.after == Reach(seconds=math.inf):
        return evaluation.say("after “{what}”", what=what)
    if around.after is None and around.before == Reach(seconds=math.inf):
        return evaluation.say("before “{what}”", what=what)
    return evaluation.say("around “{what}”", what=what)
