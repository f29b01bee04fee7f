"""What is searched for in calls: words and phrases, found as they were said, whatever stands between them in writing.

A Han character is a word of its own, and so is a run of other letters or digits; upper and lower case are the same,
punctuation is nothing (a recogniser guesses it). What is asked for is found where its words follow one another within
a turn: 退款 in 我要退款, 您好请问 in 您好，请问, "not possible" in "It's not possible", but not can in "can't".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import CallQAError
from pipeline.language.text import HAN
from pipeline.messages import Message

SaidBy = Literal["", "agent", "customer"]
"""Who said it; "" for either, or a voice that is neither."""

LONGEST_SEARCH, MOST_WORDS = 200, 60
"""Characters of what is searched for, and words of it."""

BETWEEN_TURNS = "¶"
"""Stands between turns among their words; nobody can ask for it."""

_LETTER = rf"[^\W_{HAN}]"
_WORD = re.compile(rf"[{HAN}]|{_LETTER}+(?:'(?!s(?!{_LETTER})){_LETTER}+)*|{BETWEEN_TURNS}")
_PHRASE = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans("“”„＂’‘＇", '""""\'\'\'')


class BadSearch(CallQAError):
    """What was asked for cannot be searched for."""


Phrase = tuple[str, ...]
"""Words that follow one another."""


@dataclass(frozen=True, slots=True)
class Search:
    """Phrases that are all said in a call, by `side`."""

    phrases: tuple[Phrase, ...]
    side: SaidBy = ""

    @property
    def expression(self) -> str:
        """The same as a question to the index; it holds nothing but words."""
        asked = " AND ".join('"' + " ".join(phrase) + '"' for phrase in self.phrases)
        return f"{{{self.side}}} : ({asked})" if self.side else asked


def search_words(text: str) -> list[str]:
    """The words of a text, as they are looked for."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    found = _WORD.findall(plain)
    return [word.replace("'", "") for word in found] if "'" in plain else found


def read_search(text: str, side: SaidBy = "") -> Search | None:
    """What somebody typed: words, each wherever it is said; those in quotes follow one another. None for nothing.

    Raises BadSearch for what is too long, or has no word in it.
    """
    if not text.strip():
        return None
    if len(text) > LONGEST_SEARCH:
        raise BadSearch(Message("search for at most {most} characters", most=LONGEST_SEARCH))
    phrases = []
    for quoted, bare in _PHRASE.findall(text.translate(_QUOTES)):
        phrase = tuple(word for word in search_words(quoted or bare) if word != BETWEEN_TURNS)
        if phrase and phrase not in phrases:
            phrases.append(phrase)
    if not phrases:
        raise BadSearch(Message("there is no word in what you search for; type at least one"))
    if sum(map(len, phrases)) > MOST_WORDS:
        raise BadSearch(Message("search for at most {most} words", most=MOST_WORDS))
    return Search(tuple(phrases), side)


def places(text: str, phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
    """Where phrases stand in a text, as characters from–to, in order, none within another."""
    words = list(_placed_words(text))
    found: list[tuple[int, int]] = []
    for at in range(len(words)):
        for phrase in phrases:
            said = words[at : at + len(phrase)]
            if tuple(word for word, _, _ in said) == phrase:
                found.append((said[0][1], said[-1][2]))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def marked_pieces(text: str, phrases: Sequence[Phrase]) -> list[tuple[str, bool]]:
    """A text cut where phrases stand in it; true for those."""
    pieces, at = [], 0
    for start, end in places(text, phrases):
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [piece for piece in [*pieces, (text[at:], False)] if piece[0]]


def _placed_words(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of a text, each with where it stands in the text as it is written."""
    plain, origin = "", []
    for index, character in enumerate(text):
        written = unicodedata.normalize("NFKC", character).casefold().replace("’", "'")
        plain += written
        origin += [index] * len(written)
    for match in _WORD.finditer(plain):
        yield match[0].replace("'", ""), origin[match.start()], origin[match.end() - 1] + 1
