"""Entities that rules ask for: PERSON_TITLE, SELF_NAME, AGENT_ID, COMPANY, OWN_NAME, PHONE, DATE, MONEY.

Fixed shapes are spaCy Matcher patterns over normalised tokens (in Chinese a token's NORM is its sound, so that
公号 and 工号 are alike). Names need more than a shape: a title only counts with a surname before it, by spelling
or by sound (和女士 for 何女士), and 谢谢先生 has none. The words behind both are data, in `pipeline/language`.

What the labels mean: PERSON_TITLE, the caller addressed by name; SELF_NAME and AGENT_ID, the agent says who speaks;
COMPANY, the company or service named; OWN_NAME, a caller gives its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import re2

from pipeline.judging.entities.en import english_finders
from pipeline.judging.entities.shapes import Finders, KnownNames, asks_for_digits
from pipeline.judging.entities.zh import chinese_finders
from pipeline.judging.lexicon import Places
from pipeline.judging.token_index import TokenIndex, TokenRange

_FINDERS = {"zh": chinese_finders, "en": english_finders}

LABELS = ("PERSON_TITLE", "SELF_NAME", "AGENT_ID", "COMPANY", "OWN_NAME", "PHONE", "DATE", "MONEY")


@dataclass(frozen=True)
class Entities:
    """The entity finders of one rulebook: the built-in ones, with its company names and its shape of agent numbers."""

    language: str
    company_names: tuple[str, ...] = ()
    agent_id: str | None = None

    def in_call(self, index: TokenIndex) -> CallEntities:
        """The entities of one call; nothing is looked for yet."""
        return CallEntities(self, index)

    def between(self, label: str, index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
        """Every entity of a label between two tokens, in order, none inside another."""
        found: Places = []
        if start >= end:
            return found
        if finder := self._finders.by_label.get(label):
            found += finder(index, start, end, known)
        if label == "AGENT_ID" and self._agent_id:
            text = index.plain[start:end]
            found += [(start + m.start(), start + m.end(), 0.0) for m in self._agent_id.finditer(text) if m.group()]
        words = index.words[start:end]
        if label in self._finders.shapes and (label not in self._digit_labels or any(map(str.isdigit, words))):
            found += [(start + first, start + last, 0.0) for first, last in self._matchers[label](words)]
        return _outermost(found)

    @cached_property
    def _finders(self) -> Finders:
        return _FINDERS[self.language]()

    @cached_property
    def _matchers(self) -> dict[str, Callable[[Sequence[str]], list[tuple[int, int]]]]:
        from pipeline.judging.entities.matching import stretches_of

        return {label: stretches_of(label, shapes, self.language) for label, shapes in self._finders.shapes.items()}

    @cached_property
    def _digit_labels(self) -> frozenset[str]:
        """Labels of which every shape has digits: where nobody says any, there is nothing to look for."""
        return frozenset(label for label, shapes in self._finders.shapes.items() if all(map(asks_for_digits, shapes)))

    @cached_property
    def _agent_id(self) -> re.Pattern[str] | None:
        if not self.agent_id:
            return None
        compiled: re.Pattern[str] = re2.compile(self.agent_id)  # re2 has no types, but the methods of re
        return compiled


class CallEntities:
    """The entities of one call, each looked for once."""

    def __init__(self, entities: Entities, index: TokenIndex) -> None:
        self._entities, self._index = entities, index
        self._places: dict[tuple[str, TokenRange], Places] = {}
        self._told: frozenset[str] | None = None

    def find(self, label: str, stretches: Iterable[TokenRange]) -> Places:
        """Every entity of a label in some stretches of tokens (turns), in order, none inside another."""
        found: Places = []
        for stretch in stretches:
            places = self._places.get((label, stretch))
            if places is None:
                places = self._entities.between(label, self._index, *stretch, self)
                self._places[label, stretch] = places
            found += places
        return found

    @property
    def companies(self) -> tuple[str, ...]:
        """The names this call's company goes by: the rulebook's, and the CDR's."""
        from_cdr = self._index.call.cdr.company
        return (*self._entities.company_names, *((from_cdr,) if from_cdr else ()))

    @property
    def told_by_customer(self) -> frozenset[str]:
        """The names that the customer gave in this call, word by word."""
        if self._told is None:
            index, call = self._index, self._index.call
            turns = [index.range_of(i) for i, turn in enumerate(call.turns) if call.role(turn) == "customer"]
            places = self.find("OWN_NAME", turns)
            self._told = frozenset(word for start, end, _ in places for word in index.words[start:end])
        return self._told


def _outermost(places: Places) -> Places:
    """In order, without those that lie inside another."""
    kept: Places = []
    for place in sorted(set(places), key=lambda p: (p[0], -p[1], p[2])):
        if not kept or place[1] > kept[-1][1]:
            kept.append(place)
    return kept
