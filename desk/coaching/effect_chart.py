"""The weeks around a coaching session as a drawing: the agent's rate, the team's, the session, weeks left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from desk.coaching.effect_cache import SessionEffect
from pipeline.reviews.week_counts import Counts, monday_of

EFFECT_CHART_WIDTH, EFFECT_CHART_HEIGHT = 640, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 34
_MOST_LABELS = 6


@dataclass(frozen=True, slots=True)
class ChartWeek:
    """A week of the drawing: the rates of agent and team (0–1, None without checks) and their heights in it."""

    week: date
    x: float
    own: float | None
    own_y: float
    team: float | None
    team_y: float
    checks: int
    label: str


@dataclass(frozen=True, slots=True)
class EffectChart:
    """The drawing: `session_x` is where the session is; `out` are the stretches of weeks that count for neither side,
    where each begins and how wide it is; `lines` are the marks of the axis with their heights."""

    weeks: Sequence[ChartWeek]
    session_x: float
    out: Sequence[tuple[float, float]]
    lines: Sequence[tuple[str, float]]

    @property
    def own_line(self) -> str:
        """The agent's points as SVG has them."""
        return " ".join(f"{each.x:.1f},{each.own_y:.1f}" for each in self.weeks if each.own is not None)

    @property
    def team_line(self) -> str:
        """The team's."""
        return " ".join(f"{each.x:.1f},{each.team_y:.1f}" for each in self.weeks if each.team is not None)


def effect_chart(effect: SessionEffect, agent_id: str) -> EffectChart | None:
    """The drawing of a session's effect; None where the agent has no checks in these weeks."""
    counts = effect.counts
    if agent_id not in counts.agents:
        return None
    own = counts.agents.index(agent_id)
    sides = [counts.passes.sum(0), counts.checks.sum(0)]
    own_rates = _rates(*(side[own] for side in sides))
    team_rates = _rates(*(side.sum(0) - side[own] for side in sides))
    known = [rate for rate in (*own_rates, *team_rates) if rate is not None]
    floor = max(0.0, min(int(min(known) * 10) / 10, 0.8)) if known else 0.0
    first, last = counts.weeks[0], max(counts.weeks[-1], monday_of(effect.held))
    weeks = [first + timedelta(weeks=n) for n in range((last - first).days // 7 + 1)]
    step = (EFFECT_CHART_WIDTH - _LEFT - _RIGHT) / len(weeks)
    every = -(-len(weeks) // _MOST_LABELS)
    places = {week: number for number, week in enumerate(counts.weeks)}
    shown = []
    for number, week in enumerate(weeks):
        place = places.get(week)
        rates = (own_rates[place], team_rates[place]) if place is not None else (None, None)
        shown.append(
            ChartWeek(
                week, _LEFT + step * (number + 0.5), rates[0], _height(rates[0], floor), rates[1],
                _height(rates[1], floor), int(sides[1][own][place]) if place is not None else 0,
                f"{week:%m-%d}" if number % every == 0 else "",
            )
        )  # fmt: skip
    session = monday_of(effect.held)
    left_out = [n for n, week in enumerate(weeks) if effect.weeks.before[1] <= week <= session]
    out = [(_LEFT + step * left_out[0], step * len(left_out))] if left_out else []
    marks = [floor, (1 + floor) / 2, 1.0]
    at = _LEFT + step * ((session - first).days // 7 + (effect.held.weekday() + 0.5) / 7)
    return EffectChart(shown, at, out, [(f"{100 * mark:.0f}%", _height(mark, floor)) for mark in marks])


def _rates(passes: Counts, checks: Counts) -> list[float | None]:
    return [float(p / n) if n else None for p, n in zip(passes, checks, strict=True)]


def _height(rate: float | None, floor: float) -> float:
    height = EFFECT_CHART_HEIGHT - _TOP - _BOTTOM
    return _TOP + height * (1 - ((rate or 0.0) - floor) / (1 - floor))
