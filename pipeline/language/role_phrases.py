"""What agents and customers say, to find out who is who: `zh/roles.yaml` and `en/roles.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from pipeline.language.data import Expression, Words, read_table

WeightedExpressions = Mapping[float, tuple[Expression, ...]]


@dataclass(frozen=True)
class RolePhrases:
    """Phrases and patterns by their weight, in log-odds of being the agent; and what leans to a side each time."""

    patterns: WeightedExpressions
    agent_leaning: WeightedExpressions
    customer_leaning: WeightedExpressions
    bare_greetings: tuple[Expression, ...]
    introductions: Words
    phrases: Mapping[float, Words] = field(default_factory=dict)

    @cached_property
    def heaviest_and_longest_first(self) -> tuple[tuple[float, str], ...]:
        """Weight and phrase, so that a phrase comes after those it is a part of."""
        by_weight = sorted(self.phrases.items(), key=lambda item: -abs(item[0]))
        return tuple(
            (weight, phrase) for weight, phrases in by_weight for phrase in sorted(phrases, key=len, reverse=True)
        )


@cache
def role_phrases(language: str) -> RolePhrases:
    """The phrases of "zh" or "en"; read once. Raises `BadLanguageData`."""
    return read_table(language, "roles", RolePhrases)
