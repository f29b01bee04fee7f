"""Calls, scores, fatal ones and complaints of some weeks, teams or agents, and of the time before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from desk.calls.call_filters import NOT_GIVEN
from desk.dashboards.frame import Frame
from desk.dashboards.rates import AchievementRate, NumberChange, SpreadMean, mean_change, rate_change
from desk.snapshot import Reader, Row
from pipeline.results.agent_weeks import SCORE_BANDS, SCORE_STEP

_BANDS = ", ".join(f"sum(from_{low})" for low in SCORE_BANDS)
_SUMMED = f"""sum(calls)::BIGINT AS calls, sum(scored)::BIGINT AS scored, sum(score_sum) AS score_sum,
    sum(fatal_calls)::BIGINT AS fatal, sum(complaints)::BIGINT AS complaints, [{_BANDS}]::BIGINT[] AS bands,
    max(last_call) AS last_call"""
_GROUPED: Mapping[str, str] = {
    "all": "0",
    "week": "week",
    "team": f"coalesce(team, '{NOT_GIVEN}')",
    "agent": f"coalesce(agent, '{NOT_GIVEN}')",
}


@dataclass(frozen=True, slots=True)
class ScoreSums:
    """What some calls add up to; `bands` are counts of scores by `SCORE_BANDS`."""

    calls: int = 0
    scored: int = 0
    score_sum: float = 0.0
    fatal: int = 0
    complaints: int = 0
    bands: Sequence[int] = field(default_factory=lambda: (0,) * len(SCORE_BANDS))
    last_call: date | None = None

    @property
    def score(self) -> float | None:
        """The mean score."""
        return self.score_sum / self.scored if self.scored else None

    @property
    def spread(self) -> SpreadMean:
        """The mean with the variance that the bands tell of."""
        if not self.scored:
            return SpreadMean(None, 0.0, 0)
        middles = [min(100.0, low + SCORE_STEP / 2) for low in SCORE_BANDS]
        mean = sum(n * x for n, x in zip(self.bands, middles, strict=True)) / self.scored
        variance = sum(n * (x - mean) ** 2 for n, x in zip(self.bands, middles, strict=True)) / self.scored
        return SpreadMean(self.score, variance + SCORE_STEP**2 / 12, self.scored)

    def share(self, counted: int) -> AchievementRate:
        """So many calls of all of them, as a rate."""
        return AchievementRate(counted, self.calls - counted)


@dataclass(frozen=True, slots=True)
class ComparedSums:
    """The calls of a group now and in the time before."""

    key: str
    now: ScoreSums
    before: ScoreSums

    @property
    def score_change(self) -> NumberChange | None:
        return mean_change(self.now.spread, self.before.spread)

    @property
    def fatal_change(self) -> NumberChange | None:
        return rate_change(self.now.share(self.now.fatal), self.before.share(self.before.fatal))

    @property
    def complaint_change(self) -> NumberChange | None:
        return rate_change(self.now.share(self.now.complaints), self.before.share(self.before.complaints))


def week_sums(reader: Reader, frame: Frame) -> dict[date, ScoreSums]:
    """Each week of a frame that has calls."""
    found = reader.rows(
        f"SELECT week AS key, {_SUMMED} FROM totals.agent_weeks WHERE {frame.condition} GROUP BY key ORDER BY key",
        dict(frame.values),
    )
    return {row["key"]: _sums(row) for row in found}


def compared_sums(reader: Reader, frame: Frame, by: Literal["all", "team", "agent"]) -> list[ComparedSums]:
    """The groups of a frame that have calls, each beside the time before."""
    if frame.first is None:
        return []
    found = reader.rows(
        f"SELECT {_GROUPED[by]}::VARCHAR AS key, week >= $asked AS now, {_SUMMED} FROM totals.agent_weeks "
        f"WHERE {frame.condition} GROUP BY key, now",
        {**frame.values, "first": frame.before.first, "asked": frame.first},
    )
    now = {row["key"]: _sums(row) for row in found if row["now"]}
    before = {row["key"]: _sums(row) for row in found if not row["now"]}
    return [ComparedSums(key, sums, before.get(key, ScoreSums())) for key, sums in sorted(now.items())]


def _sums(row: Row) -> ScoreSums:
    last = row["last_call"]
    return ScoreSums(
        row["calls"], row["scored"], row["score_sum"] or 0.0, row["fatal"], row["complaints"], row["bands"],
        last.date() if last else None,
    )  # fmt: skip
