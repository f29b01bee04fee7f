"""What the filters of the list offer: the teams, agents, queues … of the calls that an account sees, and all rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desk.calls.call_index import CallIndex, IndexedRule, IndexScope, IndexState

CHOICE_COLUMNS = ("company", "team", "queue", "direction", "language", "scenario")
MOST_CHOICES = 1000
"""Agents that are offered; others can still be typed."""


@dataclass(frozen=True, slots=True)
class ListChoices:
    """Values by column, agents as number and name, rules by their id."""

    columns: Mapping[str, Sequence[str]]
    agents: Sequence[tuple[str, str]]
    rules: Mapping[str, IndexedRule]


class ChoiceCache:
    """Choices of the parts, each found once for a scope, and those of the whole of now."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], Mapping[str, frozenset[str]]] = {}
        self._agents: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        self._whole: dict[str, tuple[tuple[str, ...], ListChoices]] = {}

    def of(self, index: CallIndex, state: IndexState, scope: IndexScope) -> ListChoices:
        """The choices of a state in a scope."""
        kept = self._whole.get(scope.key)
        if kept and kept[0] == state.parts:
            return kept[1]
        for key in [key for key in self._agents if key[0] not in state.parts]:
            self._parts.pop(key, None)
            self._agents.pop(key, None)
        columns: dict[str, set[str]] = {name: set() for name in CHOICE_COLUMNS}
        agents: dict[str, str] = {}
        rules: dict[str, IndexedRule] = {}
        for part in state.parts:
            found = self._of_part(index, part, scope)
            for name, values in columns.items():
                values |= found[name]
            agents.update(self._agents[part, scope.key])
            rules.update((rule.rule_id, rule) for rule in index.facts(part).rules)
        choices = ListChoices(
            {name: sorted(values) for name, values in columns.items()}, sorted(agents.items())[:MOST_CHOICES], rules
        )
        if len(self._whole) > 200:
            self._whole.clear()
        self._whole[scope.key] = state.parts, choices
        return choices

    def _of_part(self, index: CallIndex, part: str, scope: IndexScope) -> Mapping[str, frozenset[str]]:
        key = part, scope.key
        if key not in self._parts or key not in self._agents:
            listed = ", ".join(CHOICE_COLUMNS)
            with index.reading(part, searchable=False) as opened:
                rows = opened.rows(f"SELECT DISTINCT {listed} FROM calls WHERE {scope.sql}", scope.values)
                named = opened.rows(
                    f"SELECT DISTINCT agent_id, agent_name FROM calls WHERE {scope.sql} AND agent_id IS NOT NULL",
                    scope.values,
                )
            self._agents[key] = frozenset((row["agent_id"], row["agent_name"] or "") for row in named)
            self._parts[key] = {name: frozenset(row[name] for row in rows if row[name]) for name in CHOICE_COLUMNS}
        return self._parts[key]
