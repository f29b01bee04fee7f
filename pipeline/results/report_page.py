"""What the report shows: plain values, from which its template makes the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.messages import Message
from pipeline.results.page import Bilingual
from pipeline.results.quotes import MarkedQuote


@dataclass(frozen=True, slots=True)
class Rate:
    """An achievement rate (平均实现率): `value` is passes ÷ decided, 0–1, None where nothing was decided."""

    passes: int
    decided: int
    value: float | None
    below: bool


@dataclass(frozen=True, slots=True)
class Trusted:
    """How far an indicator's fails can be trusted, by the sentences set aside: shares (0–1) with the ends of their
    95 % intervals. `nothing_found`: it finds little, so that a pass only says that nothing was found.
    """

    precision: float
    precision_low: float
    precision_high: float
    recall: float
    recall_low: float
    recall_high: float
    n: int
    nothing_found: bool


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of the achievement table; `by_team` is in the order of `ReportPage.columns`."""

    rule_id: str
    title: Bilingual
    dimension: Bilingual
    severity: str
    rate: Rate
    fails: int
    unsure: int
    not_applicable: int
    by_team: tuple[Rate | None, ...]
    trust: Trusted | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """An agent or a team, with its calls of the night. `key` is what its clips carry."""

    key: str
    name: str
    number: str
    team: str
    calls: int
    mean_score: float | None
    lowest_score: float | None
    rate: Rate
    fails: int
    unsure: int
    fatal: int
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Chip:
    """A failed or undecided indicator of a call."""

    title: Bilingual
    outcome: Literal["fail", "unsure"]
    severity: str


@dataclass(frozen=True, slots=True)
class CallLine:
    """One call. `anchor` is the id of its first clip on the page, or ""."""

    name: str
    started: str
    agent: str
    team: str
    duration_s: float
    score: float | None
    passed: bool | None
    fatal: bool
    hung_up_by: str
    passes: int
    chips: tuple[Chip, ...]
    anchor: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """A line of a clip; its `parts` are its words in order, true for those that were matched."""

    role: str
    at_s: float
    parts: tuple[tuple[str, bool], ...]
    evidence: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip with its words. `source` is a data URI or a path relative to the page; "" when the file is gone."""

    anchor: str
    sha256: str
    agent_key: str
    agent: str
    team: str
    rule_id: str
    title: Bilingual
    severity: str
    reason: str
    call: str
    started: str
    at_s: float
    duration_s: float
    source: str
    bubbles: tuple[Bubble, ...]


@dataclass(frozen=True, slots=True)
class FailureLine:
    """A file that could not be dealt with."""

    name: str
    stage: str
    reason: str
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class Week:
    """A week in the trend: its Monday, its mean score (0–100) and its achievement rate (0–1)."""

    monday: str
    calls: int
    mean_score: float | None
    rate: float | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A call of the complaint queue; `anchor` is the id of its clip on the page, or ""."""

    call: str
    started: str
    agent: str
    team: str
    at_s: float | None
    quote: MarkedQuote
    handled: str
    commitment: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Watched:
    """An agent of the watch list; `below` tells the two reasons apart."""

    agent: str
    team: str
    month: str
    below: bool
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A row of the daily sheet."""

    day: str
    agent: str
    team: str
    calls: int
    handled_minutes: float
    talk_minutes: float
    bookings: int
    mean_score: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The night in numbers; `without_rulebook` counts calls by language, `passed` is None where nothing has a mark."""

    calls: int
    hours: float
    without_rulebook: tuple[tuple[str, int], ...]
    hard_to_hear: int
    mean_score: float | None
    scored: int
    passed: int | None
    rate: Rate
    failed_checks: int
    flagged_calls: int
    failures_total: int


@dataclass(frozen=True, slots=True)
class ReportPage:
    """All that the template may use. `clips` are by agent; `clips_total` counts those left out, too."""

    language: str
    title: Message
    when: str
    minutes: float | None
    target: float
    workbook: str
    summary: Summary
    columns: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    teams: tuple[Group, ...]
    agents: tuple[Group, ...]
    calls: tuple[CallLine, ...]
    clips: tuple[tuple[Group, tuple[Clip, ...]], ...]
    clips_total: int
    best: tuple[Clip, ...]
    complaints: tuple[Complaint, ...]
    complaint_clips: tuple[Clip, ...]
    watched: tuple[Watched, ...]
    days: tuple[Day, ...]
    weeks: tuple[Week, ...]
    spread: tuple[int, ...]
    failures: tuple[FailureLine, ...]

    @property
    def all_clips(self) -> tuple[Clip, ...]:
        """Every clip on the page."""
        return (*(clip for _, clips in self.clips for clip in clips), *self.best, *self.complaint_clips)
