"""What a local language model answered to questions about a call: read by the condition `asks`, made in
`pipeline.asking`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Asked = Literal["agent", "customer"]
"""Whose words have to prove a yes."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question in two wordings; only where both are answered alike the answer counts."""

    question: str
    again: str
    by: Asked


@dataclass(frozen=True, slots=True)
class Quotation:
    """Words that a model says stand in a turn, by its number in the call. They may be invented."""

    turn: int
    words: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said to one wording. "unclear" is also all that could not be read as an answer."""

    said: Literal["yes", "no", "unclear"]
    quotations: tuple[Quotation, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The replies to both wordings of a question about one call, and who gave them."""

    question: Question
    model: str
    prompt_version: str
    replies: tuple[Reply, Reply]


Answers = Mapping[Question, ModelAnswer]
