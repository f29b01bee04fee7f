"""The answers to a rulebook's questions about a call: those kept in the home, and the missing ones asked for."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict

from pipeline.asking.endpoint import Endpoint, EndpointFault
from pipeline.asking.prompt import PROMPT_VERSION, REPLY_SCHEMA, REPLY_TOKENS, prompts, read_reply, together
from pipeline.datatypes import Call
from pipeline.errors import BadArtefact
from pipeline.judging.answers import Answers, ModelAnswer, Question, Reply
from pipeline.judging.rulebook import Rulebook
from pipeline.storage import artefacts
from pipeline.storage.home import Home

FAULTS_IN_A_ROW = 3
"""After so many calls that got no answer, nobody is asked any more in this run."""


class Asker:
    """Asks one endpoint for a run. Once it fails for good, or the time for it is over, it asks no more and says why."""

    def __init__(self, home: Home, endpoint: Endpoint, seconds: float) -> None:
        self.home, self.endpoint = home, endpoint
        self.fault: EndpointFault | None = None
        self._left_s = seconds
        self._faults = 0

    def answers(self, call: Call, artefact: str, book: Rulebook) -> Answers:
        """The answers to the questions of a rulebook, as many as there are; a call that lacks one is marked, and asked
        about again by the next run. `artefact` is the fingerprint of what was heard."""
        found = kept_answers(self.home, call, artefact, book, self.endpoint.model)
        for question in book.questions:
            if question not in found and (answer := self._ask(call, question, book.language)) is not None:
                artefacts.write(self.home.answer(call.sha256, answer_key(artefact, question, answer.model)), answer)
                found[question] = answer
        mark = self.home.unanswered(call.sha256)
        if len(found) < len(book.questions):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
        return found

    def _ask(self, call: Call, question: Question, language: str) -> ModelAnswer | None:
        if self.stopped:
            return None
        began_s = time.monotonic()
        try:
            replies = [self._reply(call, text, question, language) for text in (question.question, question.again)]
        except EndpointFault as error:
            self._faults += 1
            if error.lasting or self._faults >= FAULTS_IN_A_ROW:
                self.fault = error
            return None
        finally:
            self._left_s -= time.monotonic() - began_s
        self._faults = 0
        return ModelAnswer(question, self.endpoint.model, PROMPT_VERSION, (replies[0], replies[1]))

    @property
    def stopped(self) -> bool:
        """Whether nobody is asked any more: the endpoint failed, or the run's time for it is over."""
        return self.fault is not None or self._left_s <= 0

    def _reply(self, call: Call, text: str, question: Question, language: str) -> Reply:
        said = (
            self.endpoint.chat(messages, REPLY_SCHEMA, REPLY_TOKENS)
            for messages in prompts(call, text, question.by, language)
        )
        return together([read_reply(reply) for reply in said])


def answer_key(artefact: str, question: Question, model: str) -> str:
    """Hexadecimal hash of all that an answer depends on besides the recording."""
    parts = [artefact[:16], asdict(question), model, PROMPT_VERSION]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def kept_answers(home: Home, call: Call, artefact: str, book: Rulebook, model: str) -> dict[Question, ModelAnswer]:
    """The answers that a model gave before; damaged ones are asked for again."""
    found = {}
    for question in book.questions:
        with suppress(BadArtefact):
            found[question] = artefacts.read(
                home.answer(call.sha256, answer_key(artefact, question, model)), ModelAnswer
            )
    return found
