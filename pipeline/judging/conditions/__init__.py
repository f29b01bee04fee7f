"""What rules can ask of a call: one pure function a condition, all in one table (`CONDITIONS`).

Truth values are combined as Kleene does: unsure stays unsure unless the other side decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, model_validator

from pipeline.datatypes import Evidence
from pipeline.judging.conditions.base import Context, Node, Params, Result, evaluate, say
from pipeline.judging.conditions.speech import (
    EchoParams,
    ReadbackParams,
    RepeatParams,
    Said,
    echo,
    readback,
    repeat,
    said,
)
from pipeline.judging.conditions.timing import (
    CdrParams,
    FactParams,
    HungUpParams,
    LevelParams,
    OverlapParams,
    PaceParams,
    ResponseParams,
    SilenceParams,
    SoundParams,
    TurnParams,
    cdr,
    fact,
    hung_up,
    level,
    overlap,
    pace,
    response,
    silence,
    sound,
    turn,
)
from pipeline.validation import did_you_mean


class Several(Params):
    of: list[Any]


class ScenarioParams(Params):
    scenario: str | list[str]

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> ScenarioParams:
        known = (info.context or {}).get("scenarios", ())
        for name in self.names:
            if name not in known:
                raise ValueError(
                    f"no scenario {name}{did_you_mean(name, known)}; rulebook.yaml has {', '.join(known) or 'none'}"
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return (self.scenario,) if isinstance(self.scenario, str) else tuple(self.scenario)


class Times(Params):
    """How many hits a condition has; of a list, how many of its conditions hold."""

    of: Any
    at_least: int | None = Field(None, ge=1)
    at_most: int | None = Field(None, ge=0)
    per: Literal["hit", "turn"] = Field("hit", description="turn: several hits in one turn count once")

    @model_validator(mode="after")
    def _bounded(self) -> Times:
        if self.at_least is None and self.at_most is None:
            raise ValueError("times needs at_least, at_most or both")
        return self

    def __str__(self) -> str:
        return " ".join(f"{sign} {v}" for sign, v in (("≥", self.at_least), ("≤", self.at_most)) if v is not None)


MOST_REASONS = 4


def _joined(context: Context, findings: Iterable[Result]) -> str:
    reasons: dict[str, None] = {}
    for finding in findings:
        if finding.reason:
            reasons[finding.reason] = None
            if len(reasons) == MOST_REASONS:
                break
    return ("；" if context.language == "zh" else "; ").join(reasons)


def _that_are(context: Context, node: Node, truth: bool | None) -> Iterator[Result]:
    return (found for child in node.children if (found := evaluate(context, child)).truth is truth)


def _all(context: Context, node: Node) -> Result:
    truth: bool | None = True
    for child in node.children:
        found = evaluate(context, child).truth
        if found is False:
            truth = False
            break
        if found is None:
            truth = None
    return Result(
        truth,
        lambda: _hits_of(_that_are(context, node, True)),
        lambda: _joined(context, _that_are(context, node, truth)),
    )


def _any(context: Context, node: Node) -> Result:
    truth: bool | None = False
    for child in node.children:
        found = evaluate(context, child).truth
        if found:
            truth = True
            break
        if found is None:
            truth = None
    return Result(
        truth,
        lambda: _hits_of(_that_are(context, node, truth)),
        lambda: _joined(context, _that_are(context, node, truth)),
    )


def _none(context: Context, node: Node) -> Result:
    found = _any(context, node)
    truth = None if found.truth is None else not found.truth
    return Result(truth, (lambda: found.evidence) if truth is False else (), lambda: found.reason)


def _sequence(context: Context, node: Node) -> Result:
    found = [evaluate(context, child) for child in node.children]
    chosen: list[Evidence] = []
    after = (-math.inf, -1)
    for child, finding in zip(node.children, found, strict=True):
        if finding.truth is not True:
            continue
        nxt = next((h for h in _placed(finding.evidence) if _order(h) > after), None)
        if nxt is None:
            if all(f.truth for f in found):
                what = child.name or finding.reason
                why = say(context, f"顺序不对：{what}", f"out of order: {what}")
                return Result(False, tuple(chosen), why)
            continue
        after = _order(nxt)
        chosen.append(nxt)
    truth = False if any(f.truth is False for f in found) else None if any(f.truth is None for f in found) else True
    if truth is False:
        # a step that has a name is missed by its name
        missing = [child.name or f.reason for child, f in zip(node.children, found, strict=True) if f.truth is False]
        return Result(
            False, tuple(chosen), say(context, f"缺少：{'、'.join(missing)}", f"missing: {', '.join(missing)}")
        )
    return Result(truth, tuple(chosen), _joined(context, [f for f in found if f.truth is truth]))


def _scenario(context: Context, node: Node) -> Result:
    """The scenario that the CDR names; else the first of the rulebook's whose condition holds."""
    params = node.params
    assert isinstance(params, ScenarioParams)
    told = context.call.cdr.scenario
    if told in context.scenarios:
        text = say(context, f"话单：场景 {told}", f"CDR: scenario {told}")
        return Result(told in params.names, (), text)
    open_ = ""
    for name, scenario in context.scenarios.items():
        found = evaluate(replace(context, anchors=scenario.anchors), scenario.when)
        if found.truth:
            title = scenario.title
            if open_ and (name in params.names or open_ in params.names):
                return Result(None, (), say(context, "分不清是哪一种场景", "it is not clear which scenario this is"))
            text = say(context, f"场景：{title}", f"scenario: {title}")
            return Result(name in params.names, found.evidence, text)
        if found.truth is None:
            open_ = open_ or name
    if open_ in params.names:
        return Result(None, (), say(context, "分不清是哪一种场景", "it is not clear which scenario this is"))
    return Result(False, (), say(context, "不是这种场景", "not this scenario"))


def _placed(evidence: Iterable[Evidence]) -> list[Evidence]:
    return sorted((h for h in evidence if h.span is not None), key=_order)


def _order(hit: Evidence) -> tuple[float, int]:
    return (hit.span.start_s if hit.span else -math.inf, hit.turn if hit.turn is not None else -1)


def _times(context: Context, node: Node) -> Result:
    params = node.params
    assert isinstance(params, Times)
    if isinstance(params.of, list):
        return _how_many(context, node, params)
    inner = evaluate(context, node.children[0])
    evidence = {hit.turn for hit in inner.evidence} if params.per == "turn" else inner.evidence
    count = len(evidence) if inner.truth is not False else 0
    if inner.truth is None:
        enough = params.at_least is not None and count >= params.at_least and params.at_most is None
        too_many = params.at_most is not None and count > params.at_most
        truth = True if enough else False if too_many else None
    else:
        truth = (params.at_least is None or count >= params.at_least) and (
            params.at_most is None or count <= params.at_most
        )
    text = say(context, f"共 {count} 次（要求 {params}）", f"{count} times (asked for: {params})")
    if count == 0 and inner.reason:
        text += ("：" if context.language == "zh" else ": ") + inner.reason
    return Result(truth, inner.evidence, inner.reason if truth is None else text)


def _how_many(context: Context, node: Node, params: Times) -> Result:
    found = [evaluate(context, child) for child in node.children]
    held, open_ = sum(f.truth is True for f in found), sum(f.truth is None for f in found)
    enough = [params.at_least is None or n >= params.at_least for n in (held, held + open_)]
    few = [params.at_most is None or n <= params.at_most for n in (held, held + open_)]
    truth = True if enough[0] and few[1] else None if enough[1] and few[0] else False
    if truth:
        reason = _joined(context, [f for f in found if f.truth])
    else:
        count = say(
            context, f"{len(found)} 项中有 {held} 项（要求 {params}）", f"{held} of {len(found)} (asked for: {params})"
        )
        missing = [Result(None, (), count), *(f for f in found if f.truth is (None if truth is None else False))]
        reason = _joined(context, missing)
    return Result(truth, _hits_of(f for f in found if f.truth), reason)


def _hits_of(findings: Iterable[Result]) -> tuple[Evidence, ...]:
    return tuple(
        sorted(dict.fromkeys(hit for f in findings for hit in f.evidence), key=lambda h: (*_order(h), h.matched))
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of condition: its parameters, its function, and where its inner conditions are ("", "list" or "of").

    `flat` conditions are written with their parameters beside them: `{fact: talk_share, over: 0.5}`.
    """

    params: type[BaseModel]
    evaluate: Callable[[Context, Node], Result]
    inner: Literal["", "list", "of"] = ""
    flat: bool = False


CONDITIONS: dict[str, Condition] = {
    "all": Condition(Several, _all, "list"),
    "any": Condition(Several, _any, "list"),
    "none": Condition(Several, _none, "list"),
    "sequence": Condition(Several, _sequence, "list"),
    "times": Condition(Times, _times, "of"),
    "said": Condition(Said, said),
    "echo": Condition(EchoParams, echo),
    "repeat": Condition(RepeatParams, repeat),
    "readback": Condition(ReadbackParams, readback),
    "silence": Condition(SilenceParams, silence),
    "overlap": Condition(OverlapParams, overlap),
    "hung_up": Condition(HungUpParams, hung_up),
    "pace": Condition(PaceParams, pace),
    "level": Condition(LevelParams, level),
    "response": Condition(ResponseParams, response),
    "sound": Condition(SoundParams, sound),
    "turn": Condition(TurnParams, turn),
    "scenario": Condition(ScenarioParams, _scenario, flat=True),
    "cdr": Condition(CdrParams, cdr, flat=True),
    "fact": Condition(FactParams, fact, flat=True),
}
