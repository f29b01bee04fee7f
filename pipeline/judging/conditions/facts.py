"""Conditions on numbers: what the CDR says, and what was measured."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from pipeline.datatypes import CDR, Facts
from pipeline.judging.conditions.base import SIDE_NAMES, Bounds, Condition, Evaluation, Result
from pipeline.judging.conditions.wording import CDR_NAMES, COUNT, FACT_NAMES, SECONDS, told_value
from pipeline.judging.faults import listing
from pipeline.judging.phrases import Pattern, compile_pattern
from pipeline.messages import Message
from pipeline.validation import did_you_mean

FACTS = tuple(Facts.__slots__)
CDR_FIELDS = tuple(CDR.__slots__)

VALUE_NAMES: dict[str, str] = {**SIDE_NAMES, "inbound": Message("inbound"), "outbound": Message("outbound")}
"""What is told of those values that are the product's own words."""


class CdrField(Bounds, Condition):
    """What came with the recording: a field of the CDR, or one of its own columns."""

    cdr: str = Field(description="the field")
    equals: str | int | float | bool | list[str | int] | None = Field(
        None, alias="is", description="this value, or one of these"
    )
    matches: Pattern | None = Field(None, description="an RE2 pattern over the value in lower case")
    known: bool | None = Field(None, description="whether the CDR has a value at all: never unsure")

    @field_validator("matches", mode="before")
    @classmethod
    def _compiled(cls, value: object) -> Pattern | None:
        if value is None or isinstance(value, Pattern):
            return value
        if not isinstance(value, str):
            raise ValueError(Message("a pattern is text"))
        return compile_pattern(value, "en")

    @model_validator(mode="after")
    def _some_test(self) -> CdrField:
        tests = [self.bounded, self.equals is not None, self.matches is not None, self.known is not None]
        if sum(tests) != 1:
            raise ValueError(Message("cdr takes over/under/at_least/at_most, is, matches, or known"))
        return self

    def title(self, evaluation: Evaluation) -> str:
        name = CDR_NAMES.get(self.cdr)
        return evaluation.name(name) if name else evaluation.say("“{column}”", column=self.cdr)

    def find(self, evaluation: Evaluation) -> Result:
        cdr, field = evaluation.call.cdr, self.title(evaluation)
        value = getattr(cdr, self.cdr) if self.cdr in CDR_FIELDS else cdr.extra.get(self.cdr)
        if self.known is not None:
            has = value is not None
            if has:
                return Result(self.known, (), evaluation.say("the CDR has: {field}", field=field))
            return Result(not self.known, (), evaluation.say("the CDR lacks: {field}", field=field))
        if value is None:
            return Result(None, (), evaluation.say("the CDR lacks: {field}", field=field))
        if self.bounded:
            return self._compared(evaluation, value)
        shown = evaluation.name(VALUE_NAMES.get(str(value), str(value)))
        text = evaluation.say("{field} in the CDR: {value}", field=field, value=shown)
        if self.matches is not None:
            return Result(self.matches.regex.search(str(value).lower()) is not None, (), text)
        wanted = self.equals if isinstance(self.equals, list) else [self.equals]
        return Result(str(value) in {str(item) for item in wanted}, (), text)

    def _compared(self, evaluation: Evaluation, value: object) -> Result:
        field = self.title(evaluation)
        try:
            number = float(value)  # type: ignore[arg-type]  # what is no number raises
        except (TypeError, ValueError):
            return Result(None, (), evaluation.say("{field} in the CDR is not a number", field=field))
        told = told_value(evaluation, number, self, SECONDS if self.cdr == "wait_s" else COUNT)
        return Result(self.holds(number), (), evaluation.say("{field} in the CDR: {value}", field=field, value=told))


class FactValue(Bounds, Condition):
    """A number that was measured on the call, or that the CDR gave; `callqa sql "DESCRIBE calls"` lists all."""

    fact: str = Field(description="its name")
    known: bool | None = Field(None, description="whether it could be measured at all: never unsure")

    @model_validator(mode="after")
    def _known(self) -> FactValue:
        if self.fact not in FACTS:
            raise ValueError(
                Message(
                    "no fact {fact}{hint}; there are {known}",
                    fact=self.fact, hint=did_you_mean(self.fact, FACTS), known=listing(sorted(FACTS)),
                )
            )  # fmt: skip
        if self.bounded == (self.known is not None):
            raise ValueError(Message("fact takes over, under, at_least or at_most, or else known"))
        return self

    def title(self, evaluation: Evaluation) -> str:
        return evaluation.name(FACT_NAMES[self.fact].name)

    def find(self, evaluation: Evaluation) -> Result:
        value: float | None = getattr(evaluation.call.facts, self.fact)
        if self.known is not None:
            if value is not None:
                return Result(self.known, (), evaluation.say("measured: {fact}", fact=self.title(evaluation)))
            return Result(not self.known, (), evaluation.say("not measured: {fact}", fact=self.title(evaluation)))
        if value is None:
            return Result(None, (), evaluation.say("could not be measured: {fact}", fact=self.title(evaluation)))
        measured = value
        return Result(self.holds(measured), (), lambda ev: self._told(ev, measured))

    def _told(self, evaluation: Evaluation, value: float) -> str:
        told = told_value(evaluation, value, self, FACT_NAMES[self.fact].unit)
        return evaluation.say("{fact}: {value}", fact=self.title(evaluation), value=told)
