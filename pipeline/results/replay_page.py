"""What a replay of a draft rulebook found, as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.judging.replayed import NEW, Replay, achievement
from pipeline.judging.rulebook import Rulebook
from pipeline.messages import Message
from pipeline.results.display import OUTCOME_LABELS
from pipeline.results.page import content_policy, render_page
from pipeline.results.quotes import mark

VERDICT_LABELS = {**OUTCOME_LABELS, NEW: Message("new")}
"""Verdicts of a replay: one may be new."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that differs; `before` and `after` are its achievement rates, `changes` counts (before, after)."""

    rule_id: str
    flips: int
    before: float | None
    after: float | None
    changes: tuple[tuple[tuple[str, str], int], ...]


@dataclass(frozen=True, slots=True)
class AgentShift:
    """An agent's mean score before and after."""

    name: str
    calls: int
    before: float
    after: float

    @property
    def shift(self) -> float:
        return self.after - self.before


def replay_page(replay: Replay, book: Rulebook, language: str, since: str | None = None) -> str:
    """The replay as one HTML page without script; all that people said is escaped."""
    rules = tuple(_rules(replay))
    agents = [
        AgentShift(name, mean.calls, mean.before / mean.calls, mean.after / mean.calls)
        for name, mean in replay.agents.items()
    ]
    return render_page(
        "replay.html", language, content_policy(),
        replay=replay, rules=rules, agents=sorted(agents, key=lambda agent: agent.shift), since=since,
        book=book.title, flips_total=sum(rule.flips for rule in rules),
        titles={rule.id: rule.title for rule in book.rules}, verdict_names=VERDICT_LABELS,
        quotes=[mark(flip.sentence, flip.matched) for flip in replay.flips],
    )  # fmt: skip


def _rules(replay: Replay) -> Iterator[RuleChange]:
    for rule_id, before, after, flips in replay.rules():
        changes = tuple(
            ((was, now), calls)
            for (rule, was, now), calls in replay.outcomes.most_common()
            if rule == rule_id and was != now
        )
        rate_before = None if before[NEW] else achievement(before)
        yield RuleChange(rule_id, flips, rate_before, achievement(after), changes)
