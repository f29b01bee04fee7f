"""Conditions on the line: what sounds on it, and who released it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.datatypes import Evidence
from pipeline.judging.call_columns import HUNG_UP_BY
from pipeline.judging.conditions.at_once import ANY_TRUTH, NO, NOT_SURE, YES, EvaluationAtOnce, Truths
from pipeline.judging.conditions.base import SIDE_NAMES, Condition, Evaluation, Result
from pipeline.judging.conditions.speech import Said
from pipeline.judging.conditions.windows import Window
from pipeline.judging.phrases import PhraseList
from pipeline.messages import Message
from pipeline.timeline import Span

LAST_TURNS = Window.model_validate({"turns": "-3..-1"})
"""Where a closing is looked for."""

CLIP_S = 3.0
"""So much before the hang-up is its evidence."""

SOUND_NAMES: dict[str, str] = {
    "ring": Message("ring-back tone"),
    "busy": Message("busy tone"),
    "dtmf": Message("keys"),
    "music": Message("music"),
    "prompt": Message("recorded prompt"),
    "transfer": Message("transfer"),
}


class HungUp(Condition):
    """Who released the line first: the CDR tells, else the recording. Unsure where neither does, for an unknown
    hang-up is nobody's."""

    by: Literal["agent", "customer", "system"] = Field(description="who released it")
    moment: Literal["customer_speaking", "anytime"] = Field(
        "anytime", alias="while", description="customer_speaking: only while the customer was speaking"
    )
    without: PhraseList | None = Field(None, description="and the agent said none of these in its last three turns")

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.say("the end of the call")

    def find(self, evaluation: Evaluation) -> Result:
        call, hang_up = evaluation.call, evaluation.call.hang_up
        if hang_up.by is None:
            return Result(None, (), evaluation.say("it is not known who released the line"))
        how = Message("CDR") if hang_up.method == "cdr" else Message("inferred from the audio")
        text = evaluation.say("{who} released the line first ({how})", who=SIDE_NAMES[hang_up.by], how=how)
        if hang_up.by != self.by:
            return Result(False, (), text)
        if self.moment == "customer_speaking":
            if hang_up.at_s is None:
                return Result(None, (), evaluation.say("it is not known when the line was released"))
            voiced = call.voiced.get("customer", ())
            if not any(span.start_s < hang_up.at_s < span.end_s + 1.0 for span in voiced):
                return Result(False, (), evaluation.say("the customer was not speaking"))
        if self.without is not None:
            closed = Said.model_construct(by="agent", any=self.without, window=LAST_TURNS).find(evaluation)
            if closed.truth is not False:
                return Result(None if closed.truth is None else False, (), closed.reason)
        last = call.turns[-1].index if call.turns else None
        at_s = hang_up.at_s if hang_up.at_s is not None else call.facts.duration_s
        return Result(True, (Evidence(last, Span(max(0.0, at_s - CLIP_S), at_s), "", text),), text)

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        released_by = calls.calls.columns.hung_up_by[calls.calls.rows]
        made = np.full(len(released_by), NO, np.uint8)
        is_plain = self.moment == "anytime" and self.without is None
        made[released_by == HUNG_UP_BY.index(self.by)] = YES if is_plain else ANY_TRUTH
        made[released_by == HUNG_UP_BY.index(None)] = NOT_SURE
        return made


class LineSound(Condition):
    """There is music, a ring-back tone, a busy tone, keys, a recorded prompt or a transfer; it can be an anchor. A
    transfer is no sound: it lasts from an announcement (“I'll put you through”) until a new voice answers."""

    kinds: list[Literal["ring", "busy", "dtmf", "music", "prompt", "transfer"]] = Field(
        min_length=1, description="which of them"
    )
    longer_than_s: float = Field(0.0, ge=0, description="seconds")
    where: Literal["inner", "leading", "trailing", "any"] = Field(
        "any", description="between the first and the last word of the two sides, before, or after"
    )

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.listing([evaluation.name(SOUND_NAMES[kind]) for kind in self.kinds])

    def find(self, evaluation: Evaluation) -> Result:
        call = evaluation.call
        live = [turn.span for turn in call.turns if call.role(turn) != "unknown"]
        first_s = min((span.start_s for span in live), default=math.inf)
        last_s = max((span.end_s for span in live), default=-math.inf)
        evidence = []
        for event in call.events:
            middle_s, length_s = event.span.middle_s, event.span.duration_s
            place = "leading" if middle_s < first_s else "trailing" if middle_s > last_s else "inner"
            if event.kind in self.kinds and self.where in ("any", place) and length_s > self.longer_than_s:
                text = evaluation.say("{sound}, {length:.1f} s", sound=SOUND_NAMES[event.kind], length=length_s)
                evidence.append(Evidence(None, event.span, "", text))
        if evidence:
            return Result(True, tuple(evidence))
        return Result(False, (), evaluation.say("no {sounds} was heard", sounds=self.title(evaluation)))
