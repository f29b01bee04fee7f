"""Conditions on words: what somebody said, said back, said again, and what takes it back."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from pipeline.datatypes import Evidence
from pipeline.judging.conditions.base import (
    Context,
    Node,
    Params,
    PhraseList,
    Phrases,
    Result,
    Scope,
    Side,
    Window,
    compile_pattern,
    find_scopes,
    say,
    side_name,
    worded_share,
)
from pipeline.judging.lexicon import BY_SOUND, Places, phrase_parts
from pipeline.judging.token_index import TokenIndex
from pipeline.language import phonetics
from pipeline.timeline import Span
from pipeline.validation import did_you_mean

NEAR = {"zh": 12, "en": 10}
"""An exclusion counts this many tokens around a phrase: recognised speech often lacks the punctuation between them."""


class EchoParams(Params):
    """What the other said is said back: so many characters (en: words) or digits in a row."""

    by: Literal["agent", "customer"] = "agent"
    min_chars: int | None = Field(None, ge=2, description="default: 4 Han characters, 3 words")
    lookback: int = Field(6, ge=1, description="turns of the other")
    unless: PhraseList | None = Field(None, description="a sentence with one of these does not count")
    in_: Window | None = Field(None, alias="in")


class RepeatParams(Params):
    """The same thing said twice by one side, though the other spoke in between."""

    by: Literal["agent", "customer"] = "agent"
    lookback: int = Field(6, ge=1, description="own turns to look back")
    similarity: float = Field(0.8, gt=0, le=1)
    min_chars: int = Field(5, ge=2, description="shorter sentences (Han characters, or words) do not count")
    with_: PhraseList | None = Field(None, alias="with", description="only sentences that hold one of these")
    unless: PhraseList | None = Field(None, description="the turn says why it is said again")
    in_: Window | None = Field(None, alias="in")


class ReadbackParams(Params):
    """A number that one side gave is said back by the other, digit for digit."""

    by: Literal["agent", "customer"] = "agent"
    least: int = Field(7, ge=3, description="digits that make a number worth reading back")
    most: int = Field(12, ge=3)
    unless: PhraseList | None = Field(None, description="what the giver calls it when it needs no reading back")


class Said(Params):
    by: Side = "any"
    any: PhraseList | None = None
    all: PhraseList | None = None
    at_least: int | None = Field(None, ge=1, description="with any: so many different phrases of the list")
    pattern: str | None = None
    entity: str | list[str] | None = None
    unless: PhraseList | None = None
    unless_then: PhraseList | None = None
    sounds: bool | Annotated[int, Field(ge=2)] = Field(True, description="or: from so many syllables on")
    in_: Window | None = Field(None, alias="in")
    compiled: Any = Field(None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _one_selector(self, info: ValidationInfo) -> Said:
        given = [name for name in ("any", "all", "pattern", "entity") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"said takes one of any, all, pattern, entity (here: {', '.join(given) or 'none'})")
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


def said(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, Said)
    scopes, each, why = find_scopes(context, params.in_, params.by)
    if not scopes:
        return Result(None, (), why)
    found: list[Places4] = []
    missing: Scope | None = None
    for scope in scopes:
        places = _said_in(context, params, scope)
        if places:
            found.append(places)
        else:
            missing = missing or scope

    def evidence() -> tuple[Evidence, ...]:
        one_a_sentence = params.any is not None and (params.at_least or 1) == 1
        return _in_order(hit for places in found for hit in _hits(context, places, one_a_sentence))

    if found and (not each or missing is None):
        return Result(True, evidence)
    share = (missing or scopes[0]).share(context, params.by)
    if share < context.coverage:
        why = say(
            context,
            f"这一段的语音只有 {share:.0%} 识别出了文字，不能断定没有说",
            f"only {share:.0%} of the speech here has words, so nothing can be said of what is missing",
        )
        return Result(None, evidence, why)
    return Result(False, evidence, lambda: _not_said(context, params))


def _not_said(context: Context, params: Said) -> str:
    who, what = side_name(context, params.by), _selector_title(context, params)
    where = window_text(context, params.in_, params.by)
    return say(context, f"{where}没有听到{who}说“{what}”", f"{who} did not say “{what}”{where}")


def _in_order(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Hits by time, each once."""
    once = {}
    for hit in evidence:
        span = hit.span or Span(0.0, 0.0)
        once[span.start_s, span.end_s, hit.matched, hit.turn, hit.reason] = hit
    return tuple(once[key] for key in sorted(once, key=lambda key: key[:3]))


def _selector_title(context: Context, params: Said) -> str:
    listed = params.any or params.all
    if listed is not None and listed.title:
        return listed.title
    if params.entity is not None:
        names = ENTITY_NAMES.get(context.language, {})
        return (" / ").join(names.get(label, label) for label in params.labels)
    return say(context, "指定的说法", "the words asked for")


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
        parts.append(say(context, f"{who}第 {window.turns} 轮", f"turns {window.turns} of {who}"))
    if window.seconds:
        last = "" if window.seconds.last == math.inf else f"{window.seconds.last:g}"
        parts.append(
            say(
                context,
                f"第 {window.seconds.first:g}–{last} 秒",
                f"seconds {window.seconds.first:g} to {last or 'the end'}",
            )
        )
    if window.percent:
        parts.append(f"{window.percent} %")
    if window.around:
        parts.append(say(context, f"“{window.around.name}”前后", f"around {window.around.name}"))
    text = ("，" if context.language == "zh" else ", ").join(parts)
    return say(context, f"（{text}）", f" ({text})") if text else ""


def _said_in(context: Context, params: Said, scope: Scope) -> Places4:
    """Where a `said` holds in one scope; nowhere when it does not hold there."""
    spoken = context.spoken
    if params.any is not None or params.all is not None:
        listed = params.any or params.all
        assert listed is not None
        places = find_list(context, listed).in_turns(scope.turns)
        if not places:
            return []
        kinds: set[int] = set()
        kept: Places4 = []
        for start, end, cost, phrase, kind in places:
            if cost and not _by_sound(context, params, phrase):
                continue
            if _stands(context, params, scope, start, end):
                kept.append((start, end, cost, phrase))
                kinds.add(kind)
        wanted = len(listed.phrases) + len(listed.patterns) if params.all is not None else params.at_least or 1
        return kept if len(kinds) >= wanted else []
    stretches = _stretches(spoken, scope.turns)
    found: Places4 = []
    if params.pattern is not None:
        found = [
            (s, e, 0.0, "")
            for start, end in stretches
            for s, e in matches(context, params.compiled)
            if start <= s and e <= end
        ]
    elif params.entity is not None:
        for label in params.labels:
            found += [(s, e, cost, label) for s, e, cost in context.entities.find(label, spoken, stretches)]
    return [item for item in found if _stands(context, params, scope, item[0], item[1])]


def _by_sound(context: Context, params: Said, phrase: str) -> bool:
    """Whether a phrase may be matched by its sound."""
    if isinstance(params.sounds, bool):
        return params.sounds
    return sum(map(len, phrase_parts(phrase, context.language))) >= params.sounds


def _stretches(spoken: TokenIndex, turns: Sequence[int]) -> list[tuple[int, int]]:
    return [spoken.range_of(turn) for turn in turns]


Places4 = list[tuple[int, int, float, str]]
"""Each the first token, the one behind the last, cost, and the phrase ("" for a pattern)."""

Place = tuple[int, int, float, str, int]
"""The same, and the phrase's number in its list."""


class ListFound:
    """All places of one list in a call. A pattern is tried on a sentence when somebody asks for the sentence's turn."""

    def __init__(self, spoken: TokenIndex, places: list[Place], likely: list[tuple[int, Any, int]]) -> None:
        """`likely`: item's number in the list, its pattern, and the sentence where it may match."""
        self._spoken = spoken
        self._likely: dict[int, list[tuple[int, Any, int]]] = {}
        for item in likely:
            self._likely.setdefault(spoken.sentence_turns[item[2]], []).append(item)
        self._add(places)

    def _add(self, places: list[Place]) -> None:
        places.sort()
        self.places = places
        self.starts = [place[0] for place in places]
        spoken, self._turns = self._spoken, []
        for start, end, *_ in places:
            turn = spoken.turn_of(start)
            # what reaches over several turns is in none
            self._turns.append(turn if end < spoken.first[turn + 1] else -1)

    def _try(self, turns: Iterable[int]) -> None:
        found = [
            (start, end, 0.0, "", item)
            for turn in turns
            for item, pattern, sentence in self._likely.pop(turn)
            for start, end in _in_sentence(self._spoken, pattern, sentence)
        ]
        if found:
            self._add(self.places + found)

    def in_turns(self, turns: Sequence[int]) -> list[Place]:
        """Those that lie whole in one of some turns."""
        if self._likely and (asked := self._likely.keys() & turns):
            self._try(asked)
        if not self.starts:
            return []
        wanted = set(turns)
        return [place for place, turn in zip(self.places, self._turns, strict=True) if turn in wanted]

    def within(self, stretches: Sequence[tuple[int, int]]) -> list[Place]:
        """Those that lie whole in one of some stretches of tokens."""
        return [place for stretch in stretches for place in self._inside(*stretch)]

    def any_within(self, start: int, end: int) -> bool:
        """Whether one lies whole in a stretch of tokens."""
        return next(self._inside(start, end), None) is not None

    def _inside(self, start: int, end: int) -> Iterator[Place]:
        if self._likely and start < end:
            first, last = self._spoken.turn_of(max(0, start)), self._spoken.turn_of(end - 1)
            if asked := [turn for turn in range(first, last + 1) if turn in self._likely]:
                self._try(asked)
        for at in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
            if self.places[at][1] <= end:
                yield self.places[at]


def find_list(context: Context, listed: Phrases) -> ListFound:
    """Where the phrases and patterns of a list were said; looked for once a call, however many rules ask."""
    spoken = context.spoken
    number = spoken.lexicon.list_numbers.get(id(listed), -id(listed))
    known: ListFound | None = spoken.list_cache.get(number)
    if known is None:
        items: Iterable[tuple[int, Any]] = spoken.in_lists.get(number, ())
        if number < 0:
            items = enumerate((*listed.phrases, *listed.patterns))
        places: list[Place] = []
        likely: list[tuple[int, Any, int]] = []
        for item, what in items:
            if isinstance(what, str):
                places += [(s, e, cost, what, item) for s, e, cost in spoken.occurrences(what)]
            elif (sentences := spoken.possible.get(what.pattern)) is not None and sentences:
                likely += [(item, what, sentence) for sentence in sentences]
            else:
                places += [(s, e, 0.0, "", item) for s, e in matches(context, what)]
        known = spoken.list_cache[number] = ListFound(spoken, places, likely)
    return known


def matches(context: Context, pattern: Any) -> list[tuple[int, int]]:
    """Where a pattern matches, as tokens; it is tried on a call once."""
    spoken = context.spoken
    source = pattern.pattern
    known = spoken.pattern_cache.get(source)
    if known is None:
        index = spoken.lexicon.patterns
        if source in index.patterns and source not in spoken.possible:
            known = []
        elif source in index.patterns and source not in index.across:
            known = [place for number in spoken.possible[source] for place in _in_sentence(spoken, pattern, number)]
        else:
            known = _in_text(spoken, pattern)
        spoken.pattern_cache[source] = known
    return known


def _in_sentence(spoken: TokenIndex, pattern: Any, number: int) -> list[tuple[int, int]]:
    key = (pattern.pattern, number)
    found: list[tuple[int, int]] | None = spoken.sentence_cache.get(key)
    if found is None:
        found = spoken.sentence_cache[key] = []
        text = spoken.bounded_sentences[number]
        for match in pattern.finditer(text):
            first, last = match.span()
            piece = text[first:last].decode()
            first = len(text[:first].decode()) - bool(number)
            # line breaks and spaces at either edge belong to no token
            last = first + len(piece.rstrip(" \n"))
            first += len(piece) - len(piece.lstrip(" \n"))
            if first < last:
                found.append(spoken.tokens_at(number, first, last))
    return found


def _in_text(spoken: TokenIndex, pattern: Any) -> list[tuple[int, int]]:
    found = []
    text, offsets = spoken.encoded
    for match in pattern.finditer(text):
        first, last = match.span()
        # line breaks at either edge belong to no token
        while first < last and text[first] in b"\n ":
            first += 1
        while last > first and text[last - 1] in b"\n ":
            last -= 1
        if first < last:
            found.append((_token_at(spoken, text, offsets, first), _token_at(spoken, text, offsets, last - 1) + 1))
    return found


def _token_at(spoken: TokenIndex, text: bytes, offsets: Sequence[int], at: int) -> int:
    """The token that has a byte of the whole text."""
    number = bisect_right(offsets, at) - 1
    place = len(text[offsets[number] : at].decode("utf-8", "ignore"))
    return spoken.tokens_at(number, place, place + 1)[0]


def list_places(context: Context, listed: Phrases, stretches: Sequence[tuple[int, int]]) -> Places:
    """Where any phrase or pattern of a list is found in some stretches of tokens."""
    return [(start, end, cost) for start, end, cost, _, _ in find_list(context, listed).within(stretches)]


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
    return find_list(context, listed).any_within(*stretch)


def _hits(context: Context, places: Iterable[tuple[int, int, float, str]], one_a_sentence: bool) -> list[Evidence]:
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


def _hit(context: Context, start: int, end: int, cost: float, phrase: str) -> Evidence:
    spoken = context.spoken
    key = (start, end, cost, phrase)
    known: Evidence | None = spoken.hit_cache.get(key)
    if known is None:
        known = spoken.hit_cache[key] = _new_hit(context, start, end, cost, phrase)
    return known


def _new_hit(context: Context, start: int, end: int, cost: float, phrase: str) -> Evidence:
    spoken = context.spoken
    quote = spoken.quote(start, end)
    names, meant = ENTITY_NAMES.get(context.language, {}), phrase.lstrip(BY_SOUND)
    if phrase in names:
        reason = say(context, f"听到“{quote}”（{names[phrase]}）", f"heard “{quote}” ({names[phrase]})")
    elif cost:
        reason = say(context, f"听到“{quote}”，匹配“{meant}”", f"heard “{quote}”, matched “{meant}”")
    else:
        reason = say(context, f"听到“{quote}”", f"heard “{quote}”")
    return Evidence(spoken.turn_of(start), spoken.span(start, end), quote, reason)


# --- said back, said again ----------------------------------------------------------------------------------------

ECHO_LEAST = {"zh": 4, "en": 3}


def echo(context: Context, node: Node) -> Result:
    """Pieces of what the other said, said back; compared by sound in Chinese, for ears differ from turn to turn."""
    params = node.params
    assert isinstance(params, EchoParams)
    scopes, _, why = find_scopes(context, params.in_, params.by)
    if not scopes:
        return Result(None, (), why)
    spoken = context.spoken
    size = params.min_chars or ECHO_LEAST.get(context.language, 3)
    sounds = [phonetics.fold(word) for word in spoken.words] if context.language == "zh" else spoken.words
    within = {i for scope in scopes for i in scope.turns}
    heard: list[set[tuple[str, ...]]] = []
    evidence: list[Evidence] = []
    for role, turns in spoken.exchanges:
        if role != params.by:
            heard.append({g for i in turns for g, _ in _grams(spoken, sounds, i, size)})
            continue
        known = set().union(*heard[-params.lookback :])
        for i in turns:
            if i not in within or not known:
                continue
            at = next((place for gram, place in _grams(spoken, sounds, i, size) if gram in known), None)
            if at is None:
                continue
            start, end = spoken.sentence(at)
            if params.unless is not None and _occurs(context, params.unless, (start, end)):
                continue
            quote = spoken.quote(at, at + size)
            text = say(context, f"复述了“{quote}”", f"said back “{quote}”")
            evidence.append(Evidence(i, spoken.span(start, end), spoken.quote(start, end), text))
    if evidence:
        return Result(True, tuple(evidence), evidence[0].reason)
    who = side_name(context, params.by)
    if worded_share(context, params.by, scopes[0].region) < context.coverage:
        return Result(None, (), say(context, "听清的话太少", "too little of the speech has words"))
    return Result(False, (), say(context, f"没有听到{who}复述对方的话", f"{who} said nothing back"))


def _grams(spoken: TokenIndex, sounds: Sequence[str], turn: int, size: int) -> Iterable[tuple[tuple[str, ...], int]]:
    start, end = spoken.range_of(turn)
    while start < end:
        _, finish = spoken.sentence(start)
        for at in range(start, finish - size + 1):
            yield tuple(sounds[at : at + size]), at
        start = finish


def repeat(context: Context, node: Node) -> Result:
    """Sentences said again after the other spoke; what a recogniser loops on stands in one turn and never counts."""
    params = node.params
    assert isinstance(params, RepeatParams)
    scopes, _, why = find_scopes(context, params.in_, params.by)
    if not scopes:
        return Result(None, (), why)
    spoken = context.spoken
    within = {i for scope in scopes for i in scope.turns}
    before: list[list[set[tuple[str, str]]]] = []
    evidence = []
    for role, turns in spoken.exchanges:
        if role != params.by:
            continue
        own: list[set[tuple[str, str]]] = []
        for i in turns:
            start, end = spoken.range_of(i)
            again = params.unless is not None and _occurs(context, params.unless, (start, end))
            while start < end:
                _, finish = spoken.sentence(start)
                words = spoken.words[start:finish]
                wanted = params.with_ is None or _occurs(context, params.with_, (start, finish))
                if len(words) >= params.min_chars and wanted:
                    pairs = _pairs(words)
                    own.append(pairs)
                    earlier = (p for group in before[-params.lookback :] for p in group)
                    if (
                        i in within
                        and not again
                        and any(2 * len(p & pairs) >= params.similarity * (len(p) + len(pairs)) for p in earlier)
                    ):
                        quote = spoken.quote(start, finish)
                        text = say(context, f"又说了一遍“{quote}”", f"said again “{quote}”")
                        evidence.append(Evidence(i, spoken.span(start, finish), quote, text))
                start = finish
        before.append(own)
    if evidence:
        return Result(True, tuple(evidence), evidence[0].reason)
    who = side_name(context, params.by)
    return Result(False, (), say(context, f"{who}没有重复", f"{who} repeated nothing"))


@dataclass(frozen=True, slots=True)
class _Number:
    digits: str
    turn: int
    tokens: tuple[int, int]
    exchange: int


def readback(context: Context, node: Node) -> Result:
    """Every number the other side gave is said back with all its digits; a wrong one is evidence.

    Numbers may come in groups, over several turns. Where they differ and a digit was heard badly, it is unsure.
    """
    params = node.params
    assert isinstance(params, ReadbackParams)
    giver = "customer" if params.by == "agent" else "agent"
    spoken = context.spoken
    if not context.call.roles.by_speaker:
        return Result(None, (), say(context, "说话人角色不明", "it is not known who is who"))
    given: list[_Number] = []
    said_back: list[_Number] = []
    for role, found in _all_numbers(spoken):
        (given if role == giver else said_back).append(found)
    given = [n for n in given if params.least <= len(n.digits) <= params.most]
    if params.unless is not None:
        given = [n for n in given if not _occurs(context, params.unless, spoken.range_of(n.turn))]
    if not given:
        return Result(False, (), say(context, "客户没有报号码", "no number was given"))
    evidence, truth = [], True
    for item in given:
        later = [n for n in said_back if n.exchange > item.exchange]
        whole = "".join(n.digits for n in later)
        if item.digits in whole:
            text = say(context, f"号码 {item.digits} 已复述", f"the number {item.digits} was read back")
            evidence.append(Evidence(item.turn, _span(spoken, item), spoken.call.turns[item.turn].text, text))
            continue
        close = next((n for n in later if _alike_digits(n.digits, item.digits)), None)
        if close is None:
            text = say(context, f"号码 {item.digits} 没有复述", f"the number {item.digits} was not read back")
            return Result(
                False, (Evidence(item.turn, _span(spoken, item), spoken.call.turns[item.turn].text, text),), text
            )
        text = say(
            context, f"客户报 {item.digits}，复述成 {close.digits}", f"given {item.digits}, read back {close.digits}"
        )
        hit = Evidence(close.turn, _span(spoken, close), spoken.call.turns[close.turn].text, text)
        if min(_sure(spoken, close), _sure(spoken, item)) < SURE_DIGIT:
            return Result(None, (hit,), text)
        return Result(False, (hit,), text)
    return Result(truth, tuple(evidence), evidence[0].reason)


SURE_DIGIT = 0.6
"""A digit that the recogniser gave less probability than this may be its own mistake."""


def _all_numbers(spoken: TokenIndex) -> list[tuple[str, _Number]]:
    """Every number of the call and who says it; worked out once."""
    known: list[tuple[str, _Number]] | None = spoken.hit_cache.get("numbers")
    if known is None:
        known = [
            (role, number)
            for exchange, (role, turns) in enumerate(spoken.exchanges)
            for number in _numbers(spoken, turns, exchange)
        ]
        spoken.hit_cache["numbers"] = known
    return known


def _numbers(spoken: TokenIndex, turns: Sequence[int], exchange: int) -> Iterable[_Number]:
    """Runs of digits in an exchange; a pause, a comma or a filler between groups does not end a number."""
    digits, at, last = "", -1, -1
    for i in turns:
        start, end = spoken.range_of(i)
        if not digits and not _DIGIT.search(spoken.plain, start, end):
            continue
        for token in range(start, end):
            word = spoken.words[token]
            if word.isdigit():
                if not digits:
                    at = token
                digits += word
                last = token
            elif digits and word not in FILLERS_IN_NUMBERS:
                yield _Number(digits, spoken.turn_of(at), (at, last), exchange)
                digits = ""
    if digits:
        yield _Number(digits, spoken.turn_of(at), (at, last), exchange)


_DIGIT = re.compile(r"\d")


def _span(spoken: TokenIndex, number: _Number) -> Span:
    first, last = number.tokens
    return Span(spoken.span(first, first + 1).start_s, spoken.span(last, last + 1).end_s)


def _sure(spoken: TokenIndex, number: _Number) -> float:
    """The least probability of a number's digits."""
    first, last = number.tokens
    tokens = [token for token in range(first, last + 1) if spoken.words[token].isdigit()]
    return min(_probability(spoken, spoken.turn_of(token), token) for token in tokens)


FILLERS_IN_NUMBERS = frozenset("嗯啊哦呃杠转") | {"uh", "um", "dash", "and", "then"}


def _probability(spoken: TokenIndex, turn: int, token: int) -> float:
    span = spoken.span(token, token + 1)
    near = [w.probability for w in spoken.call.turns[turn].words if w.span.overlap_s(span) > 0]
    return min(near, default=1.0)


def _alike_digits(one: str, other: str) -> bool:
    """Whether one number is an attempt at the other: most of its digits stand in the same order."""
    return len(one) >= 3 and SequenceMatcher(None, one, other, autojunk=False).ratio() >= 0.6
