"""What rules can ask of a call: one pure function a condition, all in one table (`CONDITIONS`).

A condition returns a `Finding`: True, False or None (unsure: the evidence is not there), the hits that show it and a
reason in the rulebook's language. Truth values are combined as Kleene does: unsure stays unsure unless the other
side decides. A window with nothing in it is unsure, never "not found"; so is an absence where too little of the
speech has words.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import Annotated, Any, Literal

import re2
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from spacy.matcher import Matcher

from pipeline.datatypes import CDR, Call, Facts, Hit, Overlap, Role, Silence, Span
from pipeline.entities import Entities
from pipeline.facts import rate_per_min, speech_units, total_s
from pipeline.normalise import tokenise
from pipeline.spoken import BY_SOUND, Places, Spoken, blank, phrase_parts
from pipeline.turns import is_backchannel

NEAR = {"zh": 12, "en": 10}
"""An exclusion counts this many tokens around a phrase: recognised speech often lacks the punctuation between them."""

Side = Literal["agent", "customer", "any"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a condition found: `truth` is True, False or None (unsure)."""

    truth: bool | None
    hits: tuple[Hit, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A condition of a rule, checked: its kind, parameters, inner conditions, and its name as an anchor."""

    kind: str
    params: BaseModel
    children: tuple[Node, ...] = ()
    name: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Context:
    """What conditions are evaluated in: a call's words, the rule's anchors, and what was already found."""

    spoken: Spoken
    entities: Entities
    language: str
    coverage: float
    anchors: Mapping[str, Node]
    known: dict[int, Finding] = field(default_factory=dict)

    @property
    def call(self) -> Call:
        return self.spoken.call


def evaluate(context: Context, node: Node) -> Finding:
    """A condition's finding; each node is evaluated once a call."""
    found = context.known.get(id(node))
    if found is None:
        found = CONDITIONS[node.kind].evaluate(context, node)
        context.known[id(node)] = found
    return found


def _say(context: Context, zh: str, en: str) -> str:
    return zh if context.language == "zh" else en


def side_name(context: Context, side: Side) -> str:
    names = {"agent": ("坐席", "the agent"), "customer": ("客户", "the customer"), "any": ("双方", "anybody")}
    return _say(context, *names[side])


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
    def by_part(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """The phrases by their first part: few parts are said in a call, many phrases are in a list."""
        found: dict[tuple[str, ...], list[str]] = {}
        for phrase in self.phrases:
            found.setdefault(phrase_parts(phrase, self.language)[0], []).append(phrase)
        return {part: tuple(phrases) for part, phrases in found.items()}

    def said(self, spoken: Spoken) -> Iterator[str]:
        """The phrases that may have been said at all."""
        by_part = self.by_part
        if len(by_part) < len(spoken.parts):
            yield from (phrase for part in by_part if part in spoken.parts for phrase in by_part[part])
        else:
            yield from (phrase for part in spoken.parts if part in by_part for phrase in by_part[part])


def compile_pattern(text: str, language: str) -> Any:
    """An RE2 pattern over normalised text. Raises ValueError when it is refused, or matches nothing at all."""
    source = normal_pattern(text, language)
    options = re2.Options()
    options.log_errors = False
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
            patterns.append(compile_pattern(item[1:-1], language))
            titles.append(item)
        else:
            if not tokenise(item, language).words:
                raise ValueError(f"the phrase {item!r} has no word in it")
            phrases.append(item)
            titles.append(item.lstrip(BY_SOUND))
    title = "、".join(titles[:4]) if language == "zh" else ", ".join(titles[:4])
    if len(titles) > 4:
        title += "…"
    return Phrases(tuple(dict.fromkeys(phrases)), tuple(patterns), title, tuple(dict.fromkeys(names)), language)


def did_you_mean(word: str, known: Iterable[str], mark: str = "") -> str:
    """ ", did you mean $x?" when something known is spelt alike, else an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), 1, 0.6)
    return f", did you mean {mark}{close[0]}?" if close else ""


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


class Several(Params):
    of: list[Any]


class Times(Params):
    """How many hits a condition has; of a list, how many of its conditions hold."""

    of: Any
    at_least: int | None = Field(None, ge=1)
    at_most: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _bounded(self) -> Times:
        if self.at_least is None and self.at_most is None:
            raise ValueError("times needs at_least, at_most or both")
        return self

    def __str__(self) -> str:
        return " ".join(f"{sign} {v}" for sign, v in (("≥", self.at_least), ("≤", self.at_most)) if v is not None)


class Said(Params):
    by: Side = "any"
    any: PhraseList | None = None
    all: PhraseList | None = None
    at_least: int | None = Field(None, ge=1, description="with any: so many different phrases of the list")
    pattern: str | None = None
    tokens: list[dict[str, Any]] | None = None
    entity: str | list[str] | None = None
    like: str | None = None
    similarity: float = Field(0.75, gt=0, le=1)
    unless: PhraseList | None = None
    unless_then: PhraseList | None = None
    sounds: bool | Annotated[int, Field(ge=2)] = Field(True, description="or: from so many syllables on")
    in_: Window | None = Field(None, alias="in")
    compiled: Any = Field(None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _one_selector(self, info: ValidationInfo) -> Said:
        given = [
            name for name in ("any", "all", "pattern", "tokens", "entity", "like") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError(
                f"said takes one of any, all, pattern, tokens, entity, like (here: {', '.join(given) or 'none'})"
            )
        if self.at_least is not None and self.any is None:
            raise ValueError("at_least goes with any")
        if self.at_least is not None and self.any is not None:
            size = len(self.any.phrases) + len(self.any.patterns)
            if self.at_least > size:
                raise ValueError(f"at_least {self.at_least} of {size} phrases can never be")
        context = info.context or {}
        language = context.get("language", "zh")
        if self.pattern is not None:
            object.__setattr__(self, "compiled", compile_pattern(self.pattern, language))
        if self.tokens is not None:
            matcher = Matcher(blank(language).vocab, validate=True)
            try:
                matcher.add("tokens", [self.tokens], greedy="LONGEST")
            except Exception as error:
                raise ValueError("spaCy refuses the token pattern; see its Matcher's documentation") from error
            object.__setattr__(self, "compiled", matcher)
        labels = context.get("labels")
        for label in self.labels:
            if labels is not None and label not in labels:
                raise ValueError(
                    f"no entity {label}{did_you_mean(label, labels)}; there are {', '.join(sorted(labels))}"
                )
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        return (self.entity,) if isinstance(self.entity, str) else tuple(self.entity or ())


class SilenceParams(Params):
    longer_than_s: float = Field(5.0, gt=0)
    after: Side = "any"
    where: Literal["inner", "leading", "trailing", "any"] = "inner"
    unless_said_before: PhraseList | None = None
    unless_customer_said: PhraseList | None = Field(
        None, description="the customer's own notices; default: the same list"
    )
    covers_s: float = Field(30.0, gt=0, description="how long such a notice covers")
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


class CdrParams(Bounds):
    cdr: str
    is_: str | int | float | bool | list[str | int] | None = Field(None, alias="is")
    matches: str | None = None
    compiled: Any = Field(None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _some_test(self) -> CdrParams:
        tests = [self.bounded, self.is_ is not None, self.matches is not None]
        if sum(tests) != 1:
            raise ValueError("cdr takes over/under/at_least/at_most, is, or matches")
        if self.matches is not None:
            object.__setattr__(self, "compiled", compile_pattern(self.matches, "en"))
        return self


class FactParams(Bounds):
    fact: str

    @model_validator(mode="after")
    def _known(self) -> FactParams:
        if self.fact not in FACTS:
            raise ValueError(
                f"no fact {self.fact}{did_you_mean(self.fact, FACTS)}; there are {', '.join(sorted(FACTS))}"
            )
        if not self.bounded:
            raise ValueError("fact needs over, under, at_least or at_most")
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


# --- windows ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a condition looks: turns, and within them a stretch of time (None: all of it). `region` is the time
    in which these turns would lie, for telling how much of the speech there has words."""

    turns: tuple[int, ...]
    limit: Span | None
    region: Span

    def takes(self, span: Span) -> bool:
        return self.limit is None or self.limit.start_s - 0.05 <= span.start_s <= self.limit.end_s


def _scopes(context: Context, window: Window | None, by: Side) -> tuple[list[Scope], bool, str]:
    """The scopes of a window, whether every one of them must hold, and why there is none."""
    spoken, call = context.spoken, context.call
    who: Side = window.by if window and window.by else by
    counted = [(role, turns) for role, turns in spoken.exchanges if who in ("any", role)]
    live = [i for _, turns in spoken.exchanges for i in turns]
    if not counted:
        if by != "any" and _unknown_speech(context):
            return [], False, _say(context, "说话人角色不明", "it is not known who is who")
        return [], False, _say(context, f"{side_name(context, who)}没有说话", f"{side_name(context, who)} said nothing")
    start_s = min(call.turns[i].span.start_s for i in live)
    end_s = max(call.turns[i].span.end_s for i in live)
    own = {i for role, turns in spoken.exchanges if by in ("any", role) for i in turns}
    if window is None:
        return [Scope(tuple(sorted(own)), None, Span(start_s, end_s))], False, ""
    groups = [[turns for _, turns in counted]]
    regions = [Span(0.0, call.facts.duration_s)]
    limit: Span | None = None
    each = False
    if window.turns:
        picked = _count(spoken, groups[0], window.turns)
        groups = [picked]
        if picked:
            ends = [call.turns[i].span.end_s for turns in picked for i in turns]
            starts = [call.turns[i].span.start_s for turns in picked for i in turns]
            region_start = 0.0 if window.turns.first == 1 else min(starts)
            region_end = call.facts.duration_s if window.turns.last == -1 else max(ends)
            regions = [Span(region_start, region_end)]
    if window.seconds or window.percent:
        first_s = min(call.turns[i].span.start_s for _, turns in counted for i in turns)
        limit = _time_limit(window, first_s, start_s, end_s)
        # what was said without words before the first word would belong to a window that starts there
        from_start = (window.seconds or window.percent or Range(0, 0)).first == 0
        low_s = 0.0 if from_start else limit.start_s
        regions = [Span(max(r.start_s, low_s), min(r.end_s, limit.end_s)) for r in regions]
    scopes = []
    if window.around:
        anchor = evaluate(context, context.anchors[window.around.name])
        near = _pick(anchor.hits, window.around.hit)
        each = window.around.hit == "each"
        if not near:
            return (
                [],
                False,
                _say(context, f"没有找到锚点“{window.around.name}”", f"the anchor {window.around.name} was not found"),
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
        return [], False, _say(context, "要判断的片段里没有人说话", "nothing was said where this is to be judged")
    return scopes, each, ""


def _unknown_speech(context: Context) -> bool:
    known, third = context.call.roles.by_speaker, context.call.roles.third_voices
    return any(turn.speaker not in known and turn.speaker not in third for turn in context.call.turns)


def _count(spoken: Spoken, groups: list[list[int]], wanted: Range) -> list[list[int]]:
    """The groups from one number to another; a 嗯 is taken along but not counted."""
    solid = [n for n, turns in enumerate(groups) if not all(spoken.small(i) for i in turns)] or list(range(len(groups)))
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


def _pick(hits: Sequence[Hit], which: str | int) -> list[Hit]:
    placed = sorted((hit for hit in hits if hit.span is not None), key=lambda hit: hit.span or Span(0, 0))
    if which == "first" or which == 1:
        return placed[:1]
    if which == "last":
        return placed[-1:]
    if isinstance(which, int):
        return placed[which - 1 : which] if which > 0 else placed[which : len(placed) + which + 1]
    return placed


def _reached(spoken: Spoken, groups: list[list[int]], hit: Hit, around: Around) -> tuple[list[int], Span | None, Span]:
    """Turns within reach of a hit, the time limit if the reach is in seconds, and the region."""
    turns = spoken.call.turns
    span = hit.span or Span(0.0, 0.0)
    own = hit.turn
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
    call = context.call
    roles: tuple[Role, ...] = ("agent", "customer") if by == "any" else (by,)
    voiced = covered = 0.0
    for role in roles:
        words = context.spoken.worded.get(role, ())
        for span in call.voiced.get(role, ()):
            start_s, end_s = max(span.start_s, region.start_s), min(span.end_s, region.end_s)
            if start_s < end_s:
                voiced += end_s - start_s
                shared = (min(end_s, w.end_s) - max(start_s, w.start_s) for w in words if w.start_s < end_s)
                covered += min(end_s - start_s, sum(share for share in shared if share > 0))
    return covered / voiced if voiced >= 0.5 else 1.0


# --- said ---------------------------------------------------------------------------------------------------------


def _said(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, Said)
    scopes, each, why = _scopes(context, params.in_, params.by)
    if not scopes:
        return Finding(None, (), why)
    hits: list[Hit] = []
    missing: Scope | None = None
    for scope in scopes:
        places = _said_in(context, params, scope)
        if places is None:
            missing = missing or scope
        else:
            hits += places
    unique = tuple(dict.fromkeys(sorted(hits, key=lambda h: (h.span or Span(0, 0), h.quote))))
    if unique and (not each or missing is None):
        return Finding(True, unique, unique[0].reason)
    failed = missing or scopes[0]
    share = worded_share(context, params.by, failed.region)
    if share < context.coverage:
        why = _say(
            context,
            f"这一段的语音只有 {share:.0%} 识别出了文字，不能断定没有说",
            f"only {share:.0%} of the speech here has words, so nothing can be said of what is missing",
        )
        return Finding(None, unique, why)
    who, what = side_name(context, params.by), _selector_title(context, params)
    where = window_text(context, params.in_, params.by)
    return Finding(
        False, unique, _say(context, f"{where}没有听到{who}说“{what}”", f"{who} did not say “{what}”{where}")
    )


def _selector_title(context: Context, params: Said) -> str:
    if params.any is not None:
        return params.any.title
    if params.all is not None:
        return params.all.title
    if params.entity is not None:
        names = ENTITY_NAMES.get(context.language, {})
        return (" / ").join(names.get(label, label) for label in params.labels)
    return params.like or params.pattern or _say(context, "指定的词语", "the words asked for")


ENTITY_NAMES = {
    "zh": {
        "PERSON_TITLE": "姓氏加称呼", "SELF_NAME": "自己的姓名", "AGENT_ID": "工号", "COMPANY": "公司或服务名称",
        "OWN_NAME": "自己的姓名", "PHONE": "电话号码", "DATE": "日期", "MONEY": "金额",
    },
    "en": {
        "PERSON_TITLE": "the caller's name", "SELF_NAME": "a name of its own", "AGENT_ID": "an agent number",
        "COMPANY": "the company or service", "OWN_NAME": "its own name", "PHONE": "a phone number",
        "DATE": "a date", "MONEY": "an amount",
    },
}  # fmt: skip


def window_text(context: Context, window: Window | None, by: Side) -> str:
    """Where a window lies, in words: （坐席第 1..1 轮）."""
    if window is None:
        return ""
    parts = []
    who = side_name(context, window.by or by)
    if window.turns:
        parts.append(_say(context, f"{who}第 {window.turns} 轮", f"turns {window.turns} of {who}"))
    if window.seconds:
        last = "" if window.seconds.last == math.inf else f"{window.seconds.last:g}"
        parts.append(
            _say(
                context,
                f"第 {window.seconds.first:g}–{last} 秒",
                f"seconds {window.seconds.first:g} to {last or 'the end'}",
            )
        )
    if window.percent:
        parts.append(f"{window.percent} %")
    if window.around:
        parts.append(_say(context, f"“{window.around.name}”前后", f"around {window.around.name}"))
    text = ("，" if context.language == "zh" else ", ").join(parts)
    return _say(context, f"（{text}）", f" ({text})") if text else ""


def _said_in(context: Context, params: Said, scope: Scope) -> list[Hit] | None:
    """The hits of a `said` in one scope; None when it does not hold there."""
    spoken = context.spoken
    stretches = _stretches(spoken, scope.turns)
    if params.any is not None or params.all is not None:
        listed = params.any or params.all
        assert listed is not None

        def by_sound(phrase: str) -> bool:
            if isinstance(params.sounds, bool):
                return params.sounds
            return sum(map(len, phrase_parts(phrase, context.language))) >= params.sounds

        kinds = [
            [
                (s, e, cost, phrase)
                for s, e, cost in _inside(spoken.occurrences(phrase), stretches)
                if not cost or by_sound(phrase)
            ]
            for phrase in listed.said(spoken)
        ]
        kinds += [[(s, e, 0.0, "") for s, e in _matches(context, pattern, stretches)] for pattern in listed.patterns]
        kept = [[item for item in kind if _stands(context, params, scope, item[0], item[1])] for kind in kinds]
        present = sum(1 for kind in kept if kind)
        wanted = len(listed.phrases) + len(listed.patterns) if params.all is not None else params.at_least or 1
        if present < wanted:
            return None
        return _hits(
            context, [item for kind in kept for item in kind], one_a_sentence=params.all is None and wanted == 1
        )
    found: list[tuple[int, int, float, str]] = []
    if params.pattern is not None:
        found = [(start, end, 0.0, "") for start, end in _matches(context, params.compiled, stretches)]
    elif params.entity is not None:
        for label in params.labels:
            found += [(s, e, cost, label) for s, e, cost in context.entities.find(label, spoken, stretches)]
    elif params.tokens is not None:
        for start, end in stretches:
            doc = spoken.doc[start:end].as_doc()
            found += [(start + span.start, start + span.end, 0.0, "") for span in params.compiled(doc, as_spans=True)]
    elif params.like is not None:
        found = _alike(context, params, stretches)
    kept_places = [item for item in found if _stands(context, params, scope, item[0], item[1])]
    return _hits(context, kept_places, one_a_sentence=False) if kept_places else None


def _stretches(spoken: Spoken, turns: Sequence[int]) -> list[tuple[int, int]]:
    return [spoken.range_of(turn) for turn in turns]


def _inside(places: Places, stretches: Sequence[tuple[int, int]]) -> Places:
    if not places:
        return []
    starts = [start for start, _ in stretches]
    kept = []
    for place in places:
        index = bisect_right(starts, place[0]) - 1
        if index >= 0 and place[1] <= stretches[index][1]:
            kept.append(place)
    return kept


def _matches(context: Context, pattern: Any, stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where a pattern matches in some stretches of tokens; it is tried on a call once."""
    spoken = context.spoken
    known = spoken.pattern_cache.get(id(pattern))
    if known is None:
        text, offsets = spoken.sentences
        known = []
        for match in pattern.finditer(text):
            first, last = match.span()
            # line breaks at either edge belong to no token
            while first < last and text[first] in "\n ":
                first += 1
            while last > first and text[last - 1] in "\n ":
                last -= 1
            if first < last:
                known.append((bisect_right(offsets, first) - 1, bisect_right(offsets, last - 1)))
        spoken.pattern_cache[id(pattern)] = known
    if not known:
        return []
    return [(s, e) for start, end in stretches for s, e in known if start <= s and e <= end]


def _alike(context: Context, params: Said, stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int, float, str]]:
    """Sentences that share enough pairs of neighbouring tokens with the reference (Dice's coefficient)."""
    reference = tokenise(params.like or "", context.language).words
    wanted = _pairs(reference)
    found = []
    for start, end in stretches:
        at = start
        while at < end:
            _, finish = context.spoken.sentence(at)
            own = _pairs(context.spoken.words[at:finish])
            if wanted and own and 2 * len(wanted & own) / (len(wanted) + len(own)) >= params.similarity:
                found.append((at, finish, 0.0, ""))
            at = finish
    return found


def _pairs(words: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(words)) or {(word, "") for word in words}


def _stands(context: Context, params: Said, scope: Scope, start: int, end: int) -> bool:
    """Whether a hit lies in the scope's time and no exclusion takes it away."""
    spoken = context.spoken
    if scope.limit is not None and not scope.takes(spoken.span(start, end)):
        return False
    near = NEAR.get(context.language, 10)
    if params.unless is not None:
        first, last = spoken.sentence(start)
        around = (max(first, start - near), min(max(last, end), end + near))
        if _occurs(context, params.unless, around):
            return False
    if params.unless_then is not None:
        turn = spoken.turn_of(start)
        group = next((turns for _, turns in spoken.exchanges if turn in turns), [turn])
        later = [spoken.range_of(i) for i in group if i > turn]
        rest = [(end, spoken.range_of(turn)[1]), *later]
        if any(_occurs(context, params.unless_then, stretch) for stretch in rest):
            return False
    return True


def _occurs(context: Context, listed: Phrases, stretch: tuple[int, int]) -> bool:
    start, end = stretch
    if any(
        start <= s and e <= end
        for phrase in listed.said(context.spoken)
        for s, e, _ in context.spoken.occurrences(phrase)
    ):
        return True
    return any(_matches(context, pattern, [stretch]) for pattern in listed.patterns)


def _hits(context: Context, places: Iterable[tuple[int, int, float, str]], one_a_sentence: bool) -> list[Hit]:
    """Hits in order; of several in one place the best, and of several phrases in one sentence the first."""
    spoken = context.spoken
    kept: list[tuple[int, int, float, str]] = []
    sentences: set[int] = set()
    for place in sorted(places, key=lambda p: (p[0], p[2], -p[1])):
        if kept and place[0] < kept[-1][1]:
            continue
        if one_a_sentence:
            sentence = spoken.sentence(place[0])[0]
            if sentence in sentences:
                continue
            sentences.add(sentence)
        kept.append(place)
    return [_hit(context, *place) for place in kept]


def _hit(context: Context, start: int, end: int, cost: float, phrase: str) -> Hit:
    spoken = context.spoken
    quote = spoken.quote(start, end)
    names, meant = ENTITY_NAMES.get(context.language, {}), phrase.lstrip(BY_SOUND)
    if phrase in names:
        reason = _say(context, f"听到“{quote}”（{names[phrase]}）", f"heard “{quote}” ({names[phrase]})")
    elif cost:
        reason = _say(context, f"听到“{quote}”，匹配“{meant}”", f"heard “{quote}”, matched “{meant}”")
    else:
        reason = _say(context, f"听到“{quote}”", f"heard “{quote}”")
    return Hit(spoken.turn_of(start), spoken.span(start, end), quote, reason)


# --- sound, line and numbers --------------------------------------------------------------------------------------


def _silence(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, SilenceParams)
    call = context.call
    if not any(call.voiced.values()) and not call.turns:
        return Finding(None, (), _say(context, "没有听到任何人说话", "nobody was heard"))
    limit: list[Scope] = []
    if params.in_ is not None:
        limit, _, why = _scopes(context, params.in_, "any")
        if not limit:
            return Finding(None, (), why)
    hits = []
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
        uncovered = _uncovered_s(context, params, silence)
        if uncovered <= params.longer_than_s:
            continue
        reason = _say(context, f"静默 {length:.1f} 秒，事先没有说明", f"{length:.1f} s of silence without notice")
        if uncovered < length:
            reason = _say(
                context,
                f"静默 {length:.1f} 秒，说明只涵盖 {params.covers_s:g} 秒",
                f"{length:.1f} s of silence; the notice covers {params.covers_s:g} s",
            )
        before = [t.index for t in call.turns if t.span.start_s <= silence.span.start_s]
        hits.append(Hit(before[-1] if before else None, silence.span, "", reason))
    if hits:
        return Finding(True, tuple(hits), hits[0].reason)
    return Finding(
        False,
        (),
        _say(
            context, f"没有超过 {params.longer_than_s:g} 秒的静默", f"no silence longer than {params.longer_than_s:g} s"
        ),
    )


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
        places = [p for phrase in notice.said(spoken) for p in _inside(spoken.occurrences(phrase), [stretch])]
        places += [(s, e, 0.0) for pattern in notice.patterns for s, e in _matches(context, pattern, [stretch])]
        for start, end, _ in places:
            covered_s = max(covered_s, spoken.span(start, end).end_s + params.covers_s)
    return max(0.0, silence.span.end_s - covered_s)


def _overlap(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, OverlapParams)
    call = context.call
    limit: list[Scope] = []
    if params.in_ is not None:
        limit, _, why = _scopes(context, params.in_, params.by)
        if not limit:
            return Finding(None, (), why)
    if not call.roles.by_speaker:
        return Finding(None, (), _say(context, "说话人角色不明", "it is not known who is who"))
    hits = []
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
        reason = _say(
            context,
            f"对方已说了 {overlap.other_spoke_s:.1f} 秒，插话重叠 {overlap.span.duration_s:.1f} 秒",
            f"cut in when the other had spoken {overlap.other_spoke_s:.1f} s, both for {overlap.span.duration_s:.1f} s",
        )
        hits.append(Hit(overlap.turn, overlap.span, text, reason))
    if hits:
        return Finding(True, tuple(hits), hits[0].reason)
    if not call.overlap_heard or not _channels_apart(call):
        return Finding(None, (), _say(context, "单声道录音听不出重叠", "overlap cannot be heard on this recording"))
    return Finding(False, (), _say(context, "没有抢话", "no interruption"))


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
    said = tokenise(meanwhile, context.language).words
    return not said or not _only_from(said, params.unless, context.language)


def _without(context: Context, listed: Phrases, turn: int) -> list[str]:
    spoken = context.spoken
    start, end = spoken.range_of(turn)
    gone: set[int] = set()
    for phrase in listed.said(spoken):
        for first, last, _ in _inside(spoken.occurrences(phrase), [(start, end)]):
            gone.update(range(first, last))
    return [spoken.words[i] for i in range(start, end) if i not in gone]


def _only_from(words: Sequence[str], listed: Phrases, language: str) -> bool:
    """Whether some words are nothing but phrases of a list, the last perhaps cut short."""
    rest = list(words)
    phrases = sorted((tokenise(p, language).words for p in listed.phrases), key=len, reverse=True)
    while rest:
        for phrase in phrases:
            size = min(len(phrase), len(rest))
            if rest[:size] == phrase[:size] and (size == len(phrase) or size == len(rest)):
                rest = rest[size:]
                break
        else:
            return False
    return True


def _hung_up(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, HungUpParams)
    hang_up = context.call.hang_up
    if hang_up.by is None:
        return Finding(None, (), _say(context, "不知道哪一方先挂断", "it is not known who released the line"))
    names = {"agent": ("坐席", "the agent"), "customer": ("客户", "the customer"), "system": ("系统", "the system")}
    how = _say(
        context,
        "话单" if hang_up.method == "cdr" else "由录音推断",
        "CDR" if hang_up.method == "cdr" else "inferred from the audio",
    )
    text = _say(
        context, f"{names[hang_up.by][0]}先挂断（{how}）", f"{names[hang_up.by][1]} released the line first ({how})"
    )
    if hang_up.by != params.by:
        return Finding(False, (), text)
    last = context.call.turns[-1].index if context.call.turns else None
    at_s = hang_up.at_s if hang_up.at_s is not None else context.call.facts.duration_s
    hit = Hit(last, Span(max(0.0, at_s - 3.0), at_s), "", text)
    if params.while_ == "customer_speaking":
        if hang_up.at_s is None:
            return Finding(None, (), _say(context, "不知道何时挂断", "it is not known when the line was released"))
        speaking = any(s.start_s < at_s < s.end_s + 1.0 for s in context.call.voiced.get("customer", ()))
        if not speaking:
            return Finding(False, (), _say(context, "挂断时客户没有在说话", "the customer was not speaking"))
    if params.without is not None:
        closing = Said.model_construct(by="agent", any=params.without, in_=Window(turns=Range(-3, -1)))
        said = _said(context, Node("said", closing))
        if said.truth is not False:
            return Finding(None if said.truth is None else False, (), said.reason)
    return Finding(True, (hit,), text)


def _cdr(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, CdrParams)
    cdr: CDR = context.call.cdr
    value = cdr.extra.get(params.cdr) if params.cdr not in CDR_FIELDS else getattr(cdr, params.cdr)
    if value is None:
        return Finding(None, (), _say(context, f"话单里没有 {params.cdr}", f"the CDR has no {params.cdr}"))
    text = f"{params.cdr} = {value}"
    if params.bounded:
        try:
            return Finding(params.holds(float(value)), (), text)
        except (TypeError, ValueError):
            return Finding(None, (), _say(context, f"{params.cdr} 不是数字", f"{params.cdr} is no number"))
    if params.compiled is not None:
        return Finding(params.compiled.search(str(value).lower()) is not None, (), text)
    wanted = params.is_ if isinstance(params.is_, list) else [params.is_]
    return Finding(str(value) in {str(item) for item in wanted}, (), text)


def _fact(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, FactParams)
    value = FACTS[params.fact](context.call)
    if value is None:
        return Finding(None, (), _say(context, f"量不出 {params.fact}", f"{params.fact} could not be measured"))
    return Finding(params.holds(value), (), f"{params.fact} = {value:.4g} ({params})")


def _pace(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, PaceParams)
    scopes, _, why = _scopes(context, params.in_, params.by)
    if not scopes:
        return Finding(None, (), why)
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
    if rate is None or sum(speech_units(turn.text) for turn in turns) < params.min_chars or total_s(voiced) <= 0:
        return Finding(None, (), _say(context, "话太少，量不出语速", "too little was said to measure the pace"))
    text = _say(context, f"语速每分钟 {rate:.0f} 字", f"{rate:.0f} words a minute")
    hits = tuple(Hit(turn.index, turn.span, turn.text, text) for turn in turns[:1])
    return Finding(params.holds(rate), hits, text)


def _since_agent_s(call: Call) -> float | None:
    """From the agent's first word to the last word of the call."""
    if call.facts.first_agent_s is None:
        return None
    ends = [t.span.end_s for t in call.turns if call.role(t) != "unknown"]
    return max(ends) - call.facts.first_agent_s


def _measured(name: str, call: Call) -> float | None:
    value: float | None = getattr(call.facts, name)
    return value


FACTS: dict[str, Callable[[Call], float | None]] = {
    **{name: partial(_measured, name) for name in Facts.__slots__},
    "since_agent_s": _since_agent_s,
}
CDR_FIELDS = tuple(CDR.__slots__)


# --- combinations -------------------------------------------------------------------------------------------------


def _joined(context: Context, findings: Iterable[Finding]) -> str:
    reasons = dict.fromkeys(f.reason for f in findings if f.reason)
    return ("；" if context.language == "zh" else "; ").join(list(reasons)[:4])


def _all(context: Context, node: Node) -> Finding:
    found = [evaluate(context, child) for child in node.children]
    truth = False if any(f.truth is False for f in found) else None if any(f.truth is None for f in found) else True
    deciding = [f for f in found if f.truth is truth]
    return Finding(truth, _hits_of(found if truth else [f for f in found if f.truth]), _joined(context, deciding))


def _any(context: Context, node: Node) -> Finding:
    found = [evaluate(context, child) for child in node.children]
    truth = True if any(f.truth for f in found) else None if any(f.truth is None for f in found) else False
    deciding = [f for f in found if f.truth is truth]
    return Finding(truth, _hits_of(deciding), _joined(context, deciding))


def _none(context: Context, node: Node) -> Finding:
    found = _any(context, node)
    truth = None if found.truth is None else not found.truth
    return Finding(truth, found.hits if truth is False else (), found.reason)


def _sequence(context: Context, node: Node) -> Finding:
    found = [evaluate(context, child) for child in node.children]
    chosen: list[Hit] = []
    after = (-math.inf, -1)
    for finding in found:
        if finding.truth is not True:
            continue
        nxt = next((h for h in _placed(finding.hits) if _order(h) > after), None)
        if nxt is None:
            if all(f.truth for f in found):
                why = _say(context, f"顺序不对：{finding.reason}", f"out of order: {finding.reason}")
                return Finding(False, tuple(chosen), why)
            continue
        after = _order(nxt)
        chosen.append(nxt)
    truth = False if any(f.truth is False for f in found) else None if any(f.truth is None for f in found) else True
    return Finding(truth, tuple(chosen), _joined(context, [f for f in found if f.truth is truth]))


def _placed(hits: Iterable[Hit]) -> list[Hit]:
    return sorted((h for h in hits if h.span is not None), key=_order)


def _order(hit: Hit) -> tuple[float, int]:
    return (hit.span.start_s if hit.span else -math.inf, hit.turn if hit.turn is not None else -1)


def _times(context: Context, node: Node) -> Finding:
    params = node.params
    assert isinstance(params, Times)
    if isinstance(params.of, list):
        return _how_many(context, node, params)
    inner = evaluate(context, node.children[0])
    count = len(inner.hits) if inner.truth is not False else 0
    if inner.truth is None:
        enough = params.at_least is not None and count >= params.at_least and params.at_most is None
        too_many = params.at_most is not None and count > params.at_most
        truth = True if enough else False if too_many else None
    else:
        truth = (params.at_least is None or count >= params.at_least) and (
            params.at_most is None or count <= params.at_most
        )
    text = _say(context, f"共 {count} 次（要求 {params}）", f"{count} times (asked for: {params})")
    if count == 0 and inner.reason:
        text += ("：" if context.language == "zh" else ": ") + inner.reason
    return Finding(truth, inner.hits, inner.reason if truth is None else text)


def _how_many(context: Context, node: Node, params: Times) -> Finding:
    found = [evaluate(context, child) for child in node.children]
    held, open_ = sum(f.truth is True for f in found), sum(f.truth is None for f in found)
    enough = [params.at_least is None or n >= params.at_least for n in (held, held + open_)]
    few = [params.at_most is None or n <= params.at_most for n in (held, held + open_)]
    truth = True if enough[0] and few[1] else None if enough[1] and few[0] else False
    if truth:
        reason = _joined(context, [f for f in found if f.truth])
    else:
        count = _say(
            context, f"{len(found)} 项中有 {held} 项（要求 {params}）", f"{held} of {len(found)} (asked for: {params})"
        )
        missing = [Finding(None, (), count), *(f for f in found if f.truth is (None if truth is None else False))]
        reason = _joined(context, missing)
    return Finding(truth, _hits_of(f for f in found if f.truth), reason)


def _hits_of(findings: Iterable[Finding]) -> tuple[Hit, ...]:
    return tuple(sorted(dict.fromkeys(hit for f in findings for hit in f.hits), key=lambda h: (*_order(h), h.quote)))


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of condition: its parameters, its function, and where its inner conditions are ("", "list" or "of").

    `flat` conditions are written with their parameters beside them: `{fact: talk_share, over: 0.5}`.
    """

    params: type[BaseModel]
    evaluate: Callable[[Context, Node], Finding]
    inner: Literal["", "list", "of"] = ""
    flat: bool = False


CONDITIONS: dict[str, Condition] = {
    "all": Condition(Several, _all, "list"),
    "any": Condition(Several, _any, "list"),
    "none": Condition(Several, _none, "list"),
    "sequence": Condition(Several, _sequence, "list"),
    "times": Condition(Times, _times, "of"),
    "count": Condition(Times, _times, "of"),
    "said": Condition(Said, _said),
    "silence": Condition(SilenceParams, _silence),
    "overlap": Condition(OverlapParams, _overlap),
    "hung_up": Condition(HungUpParams, _hung_up),
    "pace": Condition(PaceParams, _pace),
    "cdr": Condition(CdrParams, _cdr, flat=True),
    "fact": Condition(FactParams, _fact, flat=True),
}
