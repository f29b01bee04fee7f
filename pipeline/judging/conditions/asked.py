"""What a local language model reads out of a call, believed only where the words stand in the call."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from pipeline.datatypes import Evidence
from pipeline.judging.answers import Asked, Question, Reply
from pipeline.judging.conditions.base import Condition, Evaluation, Result
from pipeline.language.normalise import tokenise
from pipeline.messages import Message

SHORTEST_QUOTATION = 2
"""Characters (Chinese) or words (English); less stands in many places by chance."""

_NOT_FOR_MODELS = re.compile(
    r"多久|多长时间|几秒|几分钟|多少秒|多少分钟|几次|多少次|几遍|挂断|挂机|先挂|情绪|心情|语气|愤怒|生气|激动|焦虑|"
    r"\b(how (long|many|often|loud|fast)|seconds?|minutes?|h[au]ng(ing)? up|emotions?|emotional|angry|anger|upset|"
    r"mood|tone|feel(ings?|s)?|nervous|stress(ed)?)\b",
    re.IGNORECASE,
)


class Asks(Condition):
    """A local language model is asked, in two wordings, whether something is said. It holds where both answers are yes
    and quote the same turn of `by`, and the words quoted stand there. Anything else is unsure: a no proves nothing.

    It is off unless the settings name an endpoint, and may only stand in `forbid` of an experimental rule.
    """

    question: str = Field(min_length=5, max_length=500, description="what is asked; a question for yes or no")
    again: str = Field(min_length=5, max_length=500, description="the same question in other words")
    by: Asked = Field("agent", description="whose words must prove it")

    @field_validator("question", "again")
    @classmethod
    def _fit_for_a_model(cls, text: str) -> str:
        if found := _NOT_FOR_MODELS.search(text):
            raise ValueError(
                Message(
                    "a language model is not asked about “{word}”: times, counts and hang-ups are measured, and "
                    "emotions are not judged",
                    word=found[0],
                )
            )
        return text

    @property
    def as_question(self) -> Question:
        return Question(self.question, self.again, self.by)

    def title(self, evaluation: Evaluation) -> str:
        return self.question

    def find(self, evaluation: Evaluation) -> Result:
        answer = evaluation.answers.get(self.as_question)
        if answer is None:
            return Result(None, (), evaluation.say("the local model was not asked"))
        if any(reply.said != "yes" for reply in answer.replies):
            return Result(None, (), evaluation.say("the local model does not say so, which proves nothing"))
        first, second = (self._quoted(evaluation, reply) for reply in answer.replies)
        agreed = {item.turn for item in first} & {item.turn for item in second}
        evidence = tuple(dict.fromkeys(item for item in (*first, *second) if item.turn in agreed))
        if not evidence:
            return Result(None, (), evaluation.say("what the local model quotes does not stand in the call"))
        return Result(True, tuple(sorted(evidence, key=lambda item: (item.turn or 0, item.matched))))

    def _quoted(self, evaluation: Evaluation, reply: Reply) -> list[Evidence]:
        """The quotations that stand in the turn they are said to be in, if the right side speaks there."""
        index, call, found = evaluation.index, evaluation.call, []
        for quotation in reply.quotations:
            if not 0 <= quotation.turn < len(call.turns) or call.role(call.turns[quotation.turn]) != self.by:
                continue
            wanted = tuple(tokenise(quotation.words, evaluation.language).words)
            start, end = index.range_of(quotation.turn)
            if len(wanted) < SHORTEST_QUOTATION:
                continue
            for place in range(start, end - len(wanted) + 1):
                if tuple(index.words[place : place + len(wanted)]) == wanted:
                    words = index.quote(place, place + len(wanted))
                    why = evaluation.say("heard “{words}”; the local model was asked: {question}",
                                         words=words, question=self.question)  # fmt: skip
                    found.append(evaluation.words(place, place + len(wanted), why))
                    break
        return found
