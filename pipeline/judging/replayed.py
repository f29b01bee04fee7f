"""What a replay of a draft finds: verdicts that change, counts of all, scores before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.datatypes import Call, Evidence, Verdict
from pipeline.privacy.masking import Cover
from pipeline.privacy.sensitive import find_masks

MOST_FLIPS = 5000
"""Flips kept with their words; all are counted."""

NEW = "new"
"""The verdict of a rule that the stored call was not judged by."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One verdict that the draft changes.

    `at_s`, `sentence` and the words `matched` in it are of the draft's evidence, else of the present one's.
    """

    sha256: str
    call: str
    started: str
    agent: str
    rule_id: str
    before: str
    after: str
    at_s: float | None
    matched: str
    sentence: str
    reason: str


@dataclass
class Mean:
    """Sum and count of the scores of some calls, before and after."""

    calls: int = 0
    before: float = 0.0
    after: float = 0.0

    def add(self, other: Mean) -> None:
        self.calls += other.calls
        self.before += other.before
        self.after += other.after


@dataclass
class Replay:
    """What a replay found. `outcomes` counts (rule, before, after); `agents` sums the scores of both."""

    calls: int = 0
    flipped: int = 0
    skipped: int = 0
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    agents: dict[str, Mean] = field(default_factory=dict)
    flips: list[Flip] = field(default_factory=list)

    def add(self, other: Replay) -> None:
        self.calls += other.calls
        self.flipped += other.flipped
        self.skipped += other.skipped
        self.outcomes.update(other.outcomes)
        for agent, mean in other.agents.items():
            self.agents.setdefault(agent, Mean()).add(mean)
        self.flips += other.flips[: max(0, MOST_FLIPS - len(self.flips))]

    def rules(self) -> Iterator[tuple[str, Counter[str], Counter[str], int]]:
        """Per rule that differs anywhere: id, verdicts before, verdicts after, how many flip."""
        for rule_id in dict.fromkeys(rule for rule, _, _ in self.outcomes):
            changes = {(b, a): n for (rule, b, a), n in self.outcomes.items() if rule == rule_id}
            flips = sum(n for (b, a), n in changes.items() if is_notable(b, a))
            if flips or any(b == NEW for b, _ in changes):
                before, after = Counter[str](), Counter[str]()
                for (b, a), n in changes.items():
                    before[b] += n
                    after[a] += n
                yield rule_id, before, after, flips


def achievement(outcomes: Counter[str]) -> float | None:
    """Passes ÷ (passes + fails)."""
    decided = outcomes["pass"] + outcomes["fail"]
    return outcomes["pass"] / decided if decided else None


def is_notable(before: str, after: str) -> bool:
    """Whether a change is one to read: of a new rule, what it fails or cannot tell."""
    return before != after and (before != NEW or after in ("fail", "unsure"))


def flip_of(call: Call, before: Verdict | None, after: Verdict) -> Flip:
    """What a draft changes in a call, as it may be shown; without `before` the call was not judged by that rule."""
    cdr, cover = call.cdr, Cover(call.turns, find_masks(call).found)
    evidence = (*after.evidence, *after.grounds, *(before.evidence if before else ()))
    item = next((h for h in evidence if h.matched), None) or next(iter(evidence), Evidence(None, None, "", ""))
    item = cover.evidence(item)
    return Flip(
        sha256=call.sha256,
        call=cdr.call_id or call.sha256[:12],
        started=f"{cdr.started_at:%Y-%m-%d %H:%M}" if cdr.started_at else "",
        agent=cdr.agent_name or cdr.agent_id or "",
        rule_id=after.rule_id,
        before=before.outcome if before else NEW,
        after=after.outcome,
        at_s=item.span.start_s if item.span else None,
        matched=item.matched,
        sentence=item.sentence or item.matched,
        reason=cover.said(after.reason),
    )
