"""What conditions are made of: findings, parameters, phrase lists, windows and the scopes they come to.

A condition returns a `Result`: True, False or None (unsure: the evidence is not there), the hits that show it and a
reason in the rulebook's language. A window with nothing in it is unsure, never "not found"; so is an absence where
too little of the speech has words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Annotated, Any, Literal

import re2
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, model_validator

from pipeline.datatypes import PARTIES, Call, Evidence, Party
from pipeline.judging.entities import Entities
from pipeline.judging.lexicon import BY_SOUND, phrase_parts
from pipeline.judging.token_index import Side as Counted
from pipeline.judging.token_index import TokenIndex
from pipeline.language.normalise import tokenise
from pipeline.timeline import Span
from pipeline.validation import did_you_mean

Side = Literal["agent", "customer", "any"]


class Result:
    """What a condition found: `truth` is True, False or None (unsure).

    Hits and reason may be given as functions: they are made when somebody asks for them, which is seldom. Without a
    reason that of the first hit is taken.
    """

    __slots__ = ("_hits", "_reason", "truth")

    def __init__(
        self,
        truth: bool | None,
        evidence: tuple[Evidence, ...] | Callable[[], tuple[Evidence, ...]] = (),
        reason: str | Callable[[], str] | None = None,
    ) -> None:
        self.truth, self._hits, self._reason = truth, evidence, reason

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        if not isinstance(self._hits, tuple):
            self._hits = self._hits()
        return self._hits

    @property
    def reason(self) -> str:
        if self._reason is None:
            self._reason = self.evidence[0].reason if self.evidence else ""
        elif not isinstance(self._reason, str):
            self._reason = self._reason()
        return self._reason


@dataclass(frozen=True, slots=True)
class Node:
    """A condition of a rule, checked: its kind, parameters, inner conditions, and its name as an anchor."""

    kind: str
    check: Callable[[Context, Node], Result]
    params: BaseModel
    children: tuple[Node, ...] = ()
    name: str | None = None
    line: int | None = None

    def walk(self) -> Iterator[Node]:
        """This node and all inside it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of call, told by what is said in it. `anchors` are the condition's own."""

    title: str
    when: Node
    anchors: Mapping[str, Node]


@dataclass(frozen=True)
class Context:
    """What conditions are evaluated in: a call's words, the rule's anchors, and what was already found."""

    spoken: TokenIndex
    entities: Entities
    language: str
    coverage: float
    anchors: Mapping[str, Node]
    scenarios: Mapping[str, Scenario]
    numbers: Mapping[int, int]
    """By the id of a condition, the number that equal conditions share; one that is in no rulebook is its own."""

    @property
    def call(self) -> Call:
        return self.spoken.call

    @cached_property
    def known(self) -> dict[int, Result]:
        """Findings by the condition's number, those of other rules among them."""
        return self.spoken.findings.setdefault(self.coverage, {})


def evaluate(context: Context, node: Node) -> Result:
    """A condition's finding; equal conditions are evaluated once a call, whatever rules they are in."""
    known, number = context.known, context.numbers.get(id(node), id(node))
    found = known.get(number)
    if found is None:
        found = known[number] = node.check(context, node)
    return found


def say(context: Context, zh: str, en: str) -> str:
    return zh if context.language == "zh" else en


def side_name(context: Context, side: Side) -> str:
    names = {"agent": ("坐席", "the agent"), "customer": ("客户", "the customer"), "any": ("双方", "anybody")}
    return say(context, *names[side])


# --- parameters ---------------------------------------------------------------------------------------------------


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


@dataclass(frozen=True)
class Phrases:
    """A list of phrases and RE2 patterns (written /…/), lists named by $name put in."""

    phrases: tuple[str, ...]
    patterns: tuple[Any, ...]
    title: str
    lists: tuple[str, ...]
    language: str = "zh"

    @cached_property
    def tokens(self) -> tuple[tuple[str, ...], ...]:
        """The phrases as tokens, the longest first; an ellipsis ends a phrase here."""
        return tuple(sorted((phrase_parts(p, self.language)[0] for p in self.phrases), key=len, reverse=True))


def compile_pattern(text: str, language: str) -> Any:
    """An RE2 pattern over normalised text. Raises ValueError when it is refused, or matches nothing at all."""
    # ^ and $ are a sentence's beginning and end
    source = "(?m)" + normal_pattern(text, language)
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 16 << 20
    try:
        pattern = re2.compile(source, options=options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        detail = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise ValueError(
            f"the pattern is refused ({detail}); look-around and back-references do not exist here"
        ) from None
    if pattern.fullmatch("") is not None:
        raise ValueError("the pattern matches empty text, so it would match everywhere; make some part of it required")
    return pattern


def normal_pattern(text: str, language: str) -> str:
    """A pattern as the normaliser writes text: simplified, lower case (but not \\S), spoken digits as digits."""
    pieces = re.split(r"(\\[pP]\{\w+\}|\\.)", text)
    out = []
    for piece in pieces:
        if piece.startswith("\\"):
            out.append(piece)
        elif language == "zh":
            out.append("".join(_normal_character(c) for c in piece))
        else:
            out.append(piece.lower())
    return "".join(out)


@cache
def _normal_character(character: str) -> str:
    if character.isascii():
        return character.lower()
    words = tokenise(character, "zh").words
    return words[0] if words else character


def _phrases(value: Any, info: ValidationInfo) -> Phrases:
    if isinstance(value, Phrases):
        return value
    context = info.context or {}
    lists: Mapping[str, Phrases] = context.get("lists", {})
    language = context.get("language", "zh")
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items or not all(isinstance(item, str | int | float) for item in items):
        raise ValueError("a phrase, a list of phrases, or a named list such as $greeting is needed here")
    phrases: list[str] = []
    patterns: list[Any] = []
    names: list[str] = []
    titles: list[str] = []
    for item in map(str, items):
        if item.startswith("$"):
            if item[1:] not in lists and context.get("lists_broken"):
                continue  # the file of lists could not be read; that is the fault to mend
            if item[1:] not in lists:
                raise ValueError(
                    f"no phrase list {item}{did_you_mean(item[1:], lists, '$')}; lists live in phrases.yaml"
                )
            other = lists[item[1:]]
            phrases += other.phrases
            patterns += other.patterns
            names += [item[1:], *other.lists]
            titles.append(other.title)
        elif len(item) > 2 and item.startswith("/") and item.endswith("/"):
            patterns.append(compile_pattern(item[1:-1], language))  # no title: agents read reasons
        else:
            if not tokenise(item, language).words:
                raise ValueError(f"the phrase {item!r} has no word in it")
            phrases.append(item)
            titles.append(item.lstrip(BY_SOUND))
    title = "、".join(titles[:4]) if language == "zh" else ", ".join(titles[:4])
    if len(titles) > 4:
        title += "…"
    return Phrases(tuple(dict.fromkeys(phrases)), tuple(patterns), title, tuple(dict.fromkeys(names)), language)


PhraseList = Annotated[Phrases, BeforeValidator(_phrases)]


@dataclass(frozen=True, slots=True)
class Range:
    """From `first` to `last`, both included; negative numbers count from the end."""

    first: float
    last: float

    def __str__(self) -> str:
        return f"{self.first:g}..{self.last:g}"


def _range(value: Any) -> Range:
    if isinstance(value, Range):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Range(value, value)
    match = (
        re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)\s*", value) if isinstance(value, str) else None
    )
    if not match:
        raise ValueError(f"{value!r} is no range; write 1..3, or -3..-1 to count from the end")
    found = Range(float(match[1]), float(match[2]))
    if (found.first >= 0) == (found.last >= 0) and found.first > found.last:
        raise ValueError(f"the range {value} runs backwards; write {found.last:g}..{found.first:g}")
    return found


def _turn_range(value: Any) -> Range:
    found = _range(value)
    if 0 in (found.first, found.last) or found.first % 1 or found.last % 1:
        raise ValueError("turns are counted 1, 2, 3… from the beginning and -1, -2… from the end")
    return found


def _second_range(value: Any) -> Range:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no range; write 0..15, or -20..0 for the last 20")
    # "-20..0" ends at the end, "0..15" begins at the beginning
    match = re.fullmatch(r"\s*(-[\d.]+)\s*\.\.\s*0\s*", value)
    return Range(float(match[1]), math.inf) if match else _range(value)


def _percent_range(value: Any) -> Range:
    found = _range(value)
    if not 0 <= found.first < found.last <= 100:
        raise ValueError("percent runs from 0 to 100, as in 0..20")
    return found


@dataclass(frozen=True, slots=True)
class Reach:
    """How far from an anchor: so many turns or so many seconds."""

    turns: int | None = None
    seconds: float | None = None


def _reach(value: Any) -> Reach:
    if isinstance(value, Reach):
        return value
    if isinstance(value, dict) and len(value) == 1:
        unit, number = next(iter(value.items()))
        value = f"{number} {unit}"
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value} turns"
    match = (
        re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(turns?|轮|s|seconds?|秒)\s*", value) if isinstance(value, str) else None
    )
    if not match or float(match[1]) <= 0:
        raise ValueError(f"{value!r} is no distance; write 2 turns or 10 s")
    if match[2] in ("s", "秒") or match[2].startswith("second"):
        return Reach(seconds=float(match[1]))
    return Reach(turns=int(float(match[1])))


class Around(Params):
    """Near where an anchor was found. `hit` says near which of its hits."""

    name: str
    before: Annotated[Reach, BeforeValidator(_reach)] | None = None
    after: Annotated[Reach, BeforeValidator(_reach)] | None = None
    hit: Literal["any", "each", "first", "last"] | int = "any"

    @model_validator(mode="after")
    def _some_way(self) -> Around:
        if self.before is None and self.after is None:
            raise ValueError("around needs before, after or both, such as `after: 2 turns`")
        return self


class Window(Params):
    """Where to look; several limits are all kept to. Turns are counted among those of `by` (default: the
    condition's), seconds from the first word of `by` or back from the last word of the call."""

    turns: Annotated[Range, BeforeValidator(_turn_range)] | None = None
    seconds: Annotated[Range, BeforeValidator(_second_range)] | None = None
    percent: Annotated[Range, BeforeValidator(_percent_range)] | None = None
    around: Around | None = None
    by: Side | None = None


class Bounds(Params):
    over: float | None = None
    under: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def bounded(self) -> bool:
        return any(v is not None for v in (self.over, self.under, self.at_least, self.at_most))

    def holds(self, value: float) -> bool:
        return (
            (self.over is None or value > self.over)
            and (self.under is None or value < self.under)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    def __str__(self) -> str:
        signs = ((">", self.over), ("<", self.under), ("≥", self.at_least), ("≤", self.at_most))
        return " ".join(f"{sign} {value:g}" for sign, value in signs if value is not None)


# --- windows ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scope:
    """Where a condition looks: turns, and within them a stretch of time (None: all of it). `region` is the time
    in which these turns would lie, for telling how much of the speech there has words."""

    turns: tuple[int, ...]
    limit: Span | None
    region: Span
    shares: dict[str, float] = field(default_factory=dict)
    """Per side, the share of its speech here that has words, once it was asked for."""

    def share(self, context: Context, by: Side) -> float:
        known = self.shares.get(by)
        if known is None:
            known = self.shares[by] = worded_share(context, by, self.region)
        return known

    def takes(self, span: Span) -> bool:
        return self.limit is None or self.limit.start_s - 0.05 <= span.start_s <= self.limit.end_s


def find_scopes(context: Context, window: Window | None, by: Side) -> tuple[list[Scope], bool, str]:
    """The scopes of a window, whether every one of them must hold, and why there is none."""
    if window is not None and window.around is not None:
        return _find_scopes(context, window, by)
    cache, key = context.spoken.scope_cache, (id(window), by)
    known: tuple[list[Scope], bool, str] | None = cache.get(key)
    if known is None:
        known = cache[key] = _find_scopes(context, window, by)
    return known


def _find_scopes(context: Context, window: Window | None, by: Side) -> tuple[list[Scope], bool, str]:
    spoken, call = context.spoken, context.call
    who: Side = window.by if window and window.by else by
    side = spoken.side(who)
    counted = side.groups
    if not counted:
        if by != "any" and unknown_speech(context):
            return [], False, say(context, "说话人角色不明", "it is not known who is who")
        return [], False, say(context, f"{side_name(context, who)}没有说话", f"{side_name(context, who)} said nothing")
    start_s, end_s = spoken.live.start_s, spoken.live.end_s
    if window is None:
        return [Scope(spoken.side(by).turns, None, spoken.live)], False, ""
    own = frozenset(spoken.side(by).turns)
    groups = [counted]
    regions = [Span(0.0, call.facts.duration_s)]
    limit: Span | None = None
    each = False
    if window.turns:
        picked = _count(side, window.turns)
        groups = [picked]
        if picked:
            ends = [call.turns[i].span.end_s for turns in picked for i in turns]
            starts = [call.turns[i].span.start_s for turns in picked for i in turns]
            region_start = 0.0 if window.turns.first == 1 else min(starts)
            region_end = call.facts.duration_s if window.turns.last == -1 else max(ends)
            regions = [Span(region_start, region_end)]
    if window.seconds or window.percent:
        first_s = min(call.turns[i].span.start_s for turns in counted for i in turns)
        limit = _time_limit(window, first_s, start_s, end_s)
        # what was said without words before the first word would belong to a window that starts there
        from_start = (window.seconds or window.percent or Range(0, 0)).first == 0
        low_s = 0.0 if from_start else limit.start_s
        regions = [Span(max(r.start_s, low_s), min(r.end_s, limit.end_s)) for r in regions]
    scopes = []
    if window.around:
        anchor = evaluate(context, context.anchors[window.around.name])
        near = _pick(anchor.evidence, window.around.hit)
        each = window.around.hit == "each"
        if not near:
            return (
                [],
                False,
                say(context, f"没有找到锚点“{window.around.name}”", f"the anchor {window.around.name} was not found"),
            )
        for hit in near:
            turns, reach, region = _reached(spoken, groups[0], hit, window.around)
            chosen = tuple(sorted(i for i in turns if i in own))
            scopes.append(Scope(chosen, _both(limit, reach), _both(regions[0], region) or region))
    else:
        chosen = tuple(sorted(i for turns in groups[0] for i in turns if i in own))
        scopes = [Scope(chosen, limit, regions[0])]
    if limit is not None:
        scopes = [
            Scope(tuple(i for i in s.turns if call.turns[i].span.overlap_s(limit) > 0), s.limit, s.region)
            for s in scopes
        ]
    if not each:
        scopes = [s for s in scopes if s.turns]
    if not scopes or any(not s.turns for s in scopes):
        return [], False, say(context, "要判断的片段里没有人说话", "nothing was said where this is to be judged")
    return scopes, each, ""


def unknown_speech(context: Context) -> bool:
    known, third = context.call.roles.by_speaker, context.call.roles.third_voices
    return any(turn.speaker not in known and turn.speaker not in third for turn in context.call.turns)


def _count(side: Counted, wanted: Range) -> list[list[int]]:
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


def _time_limit(window: Window, first_s: float, start_s: float, end_s: float) -> Span:
    limit = Span(0.0, math.inf)
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
    placed = sorted((hit for hit in evidence if hit.span is not None), key=lambda hit: hit.span or Span(0, 0))
    if which == "first" or which == 1:
        return placed[:1]
    if which == "last":
        return placed[-1:]
    if isinstance(which, int):
        return placed[which - 1 : which] if which > 0 else placed[which : len(placed) + which + 1]
    return placed


def _reached(
    spoken: TokenIndex, groups: list[list[int]], hit: Evidence, around: Around
) -> tuple[list[int], Span | None, Span]:
    """Turns within reach of a hit, the time limit if the reach is in seconds, and the region."""
    turns = spoken.call.turns
    span = hit.span or Span(0.0, 0.0)
    own = hit.turn if hit.matched else None  # a sound or a silence is in no turn
    chosen: list[int] = []
    low, high = span.start_s, span.end_s
    limited = False
    for reach, ahead in ((around.before, False), (around.after, True)):
        if reach is None:
            continue
        if reach.seconds is not None:
            limited = True
            low, high = (low, span.end_s + reach.seconds) if ahead else (span.start_s - reach.seconds, high)
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
            if count >= (reach.turns or 0):
                break
            chosen += group
            count += not all(spoken.small(i) for i in group)
    if limited:
        limit = Span(
            low if around.before and around.before.seconds else span.start_s,
            high if around.after and around.after.seconds else span.end_s,
        )
        within = [i for group in groups for i in group if turns[i].span.overlap_s(limit) > 0]
        return sorted({*within, *chosen}), None if chosen else limit, limit
    ends = [turns[i].span.end_s for i in chosen]
    starts = [turns[i].span.start_s for i in chosen]
    return chosen, None, Span(min([span.start_s, *starts]), max([span.end_s, *ends]))


def worded_share(context: Context, by: Side, region: Span) -> float:
    """Share of a side's voiced time in a region that has words; 1 where hardly anything is voiced."""
    parties: tuple[Party, ...] = PARTIES if by == "any" else (by,)
    measured = [context.spoken.worded_s(party, region) for party in parties]
    voiced, covered = sum(v for v, _ in measured), sum(c for _, c in measured)
    return covered / voiced if voiced >= 0.5 else 1.0
