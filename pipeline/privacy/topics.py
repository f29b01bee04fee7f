"""The words of a call that tell what a number is that was asked for or is told: card number, 验证码, order number."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from pipeline.datatypes import Call
from pipeline.language.sensitive_words import sensitive_words


@dataclass(frozen=True, slots=True)
class Topic:
    """A word that tells what a number is, and where it stands."""

    turn: int
    start: int
    end: int
    name: str


_OF = re.compile(
    r"(?: numbers?)?,? (?:for|on|of|with|to|from|in|against|at)(?: (?:the|your|my|this|that|our|an?))?(?: [a-z]+)? ",
    re.IGNORECASE,
)
"""Between two such words: the second only tells where the first belongs. The card number for your order."""


def named_topics(call: Call) -> list[Topic]:
    """All of a call, in order. `number` without more is what was spoken of last, else a telephone number."""
    words = sensitive_words()
    found: list[Topic] = []
    ends = list(accumulate(len(turn.text) + 1 for turn in call.turns))
    for match in words.topic.finditer("\n".join(turn.text for turn in call.turns)):
        turn = bisect_right(ends, match.start())
        text = call.turns[turn].text
        begins = ends[turn] - len(text) - 1
        start, end = match.start() - begins, match.end() - begins
        last = found[-1] if found else None
        name = words.topic_of[" ".join(match[0].lower().replace("-", " ").split())]
        if last is not None and last.turn == turn and _OF.fullmatch(text, last.end, start):
            continue
        if name == "number":
            near = last is not None and (turn == last.turn or (turn == last.turn + 1 and last.name != "other"))
            name = last.name if last is not None and near else "phone"
        if name != "none":
            found.append(Topic(turn, start, end, name))
    return found
