"""The words of a call that tell what a number is that was asked for or is told: card number, 验证码, order number."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

from pipeline.datatypes import Call
from pipeline.language.phonetics import fold
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


def _is_of(last: Topic, turn: int, before: str, said: str) -> bool:
    """Whether digits that are counted are those of what was named before: the account number, it's eight digits."""
    counted, most_turns = (_DIGIT, 0) if last.name == "other" else (_DIGITS, 1)
    if last.name == "code" or turn - last.turn > most_turns or counted.fullmatch(said) is None:
        return False
    return _ALSO.search(before, last.end if last.turn == turn else 0) is None


_ALSO = re.compile(r"\band\b", re.IGNORECASE)
_DIGIT, _DIGITS = re.compile(r"\w+ digits?", re.IGNORECASE), re.compile(r"\w+ digits", re.IGNORECASE)

_AND = re.compile(r"(?: numbers?)?,? ?(?:and|和|以及|还有|跟)(?: (?:the|your))? ?", re.IGNORECASE)
"""Between two such words: both are asked for. CVV and expiry."""


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
        if name == "other" and last is not None and last.turn == turn and _is_asked_beside(last, text, start):
            continue
        if name == "code" and last is not None and _is_of(last, turn, text[:start], match[0]):
            continue
        if name == "number":
            near = last is not None and (turn == last.turn or (turn == last.turn + 1 and last.name != "other"))
            name = last.name if last is not None and near else "phone"
        if name != "none":
            found.append(Topic(turn, start, end, name))
    if call.language == "zh":
        found = sorted([*found, *_by_sound(call, found)], key=lambda topic: (topic.turn, topic.start))
    return found


def _is_asked_beside(last: Topic, text: str, start: int) -> bool:
    """Whether a word stands beside a code that is asked for in the same breath, and so does not take its place."""
    return last.name == "code" and _AND.fullmatch(text, last.end, start) is not None


SHORTEST_BY_SOUND = 3
"""Syllables of a word that is known however it was written: 眼睁码 for 验证码."""


def _by_sound(call: Call, found: Sequence[Topic]) -> Iterator[Topic]:
    """Words that were heard as others of the same sound, where no word stands that is spelled right."""
    sounds = _sounds()
    taken = {(topic.turn, at) for topic in found for at in range(topic.start, topic.end)}
    for number, turn in enumerate(call.turns):
        folded = [fold(character) for character in turn.text]
        for at, pair in enumerate(pairwise(folded)):
            for word, name in sounds.get(pair, ()):
                end = at + len(word)
                if tuple(folded[at:end]) == word and (number, at) not in taken:
                    yield Topic(number, at, end, name)
                    break


@cache
def _sounds() -> dict[tuple[str, str], list[tuple[tuple[str, ...], str]]]:
    """The words of topics by their first two syllables, the longest first."""
    found: dict[tuple[str, str], list[tuple[tuple[str, ...], str]]] = {}
    for name, words in sensitive_words().zh.topics.items():
        for word in words if name not in ("none", "number") else ():
            if len(word) >= SHORTEST_BY_SOUND and not any(character.isascii() for character in word):
                syllables = tuple(map(fold, word))
                found.setdefault((syllables[0], syllables[1]), []).append((syllables, name))
    return {pair: sorted(words, key=lambda word: -len(word[0])) for pair, words in found.items()}
