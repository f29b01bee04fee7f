"""What people fill in to draw a sample: the same fields for the preview and for carrying it out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from desk.calls.scope import within
from desk.routing import Visit
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.plans import QueueOptions
from pipeline.reviews.sampling import DRAWN_OUTCOMES, Amount, BadPlan, PlanFilters, Sample, SamplingPlan, draw

PlanFields = Callable[[str], Sequence[str]]
"""The values of a field of a form, or of the address."""

STARTING_AMOUNTS = {"fail": "5", "pass": "5", "unsure": "2", "not_applicable": "2"}

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class FilledPlan:
    """What a form asks for."""

    title: str
    plan: SamplingPlan
    options: QueueOptions


def address_fields(visit: Visit) -> PlanFields:
    """The fields of an address."""
    return visit.request.query_params.getlist


def sent_fields(visit: Visit) -> PlanFields:
    """The fields of a form that was sent."""
    return lambda name: visit.form.get(name, [])


def read_plan(fields: PlanFields) -> FilledPlan:
    """What a form asks for. Raises BadPlan."""

    def one(name: str, default: str = "") -> str:
        return next((value.strip() for value in reversed(fields(name)) if value.strip()), default)

    def several(name: str) -> tuple[str, ...]:
        return tuple(value for value in fields(name) if value)

    agents = tuple(part.strip() for part in one("agent").replace("，", ",").split(",") if part.strip())
    filters = PlanFilters(
        _day(one("first_day")), _day(one("last_day")), several("team"), agents, several("queue"),
        several("direction"), several("scenario"), several("rule"),
    )  # fmt: skip
    amounts = {outcome: Amount.read(one(f"amount_{outcome}")) for outcome in DRAWN_OUTCOMES}
    agent_week = _number(one("agent_week"), 0, 0, 1000)
    plan = SamplingPlan(
        amounts, one("seed") or secrets.token_hex(4), filters, one("by_layout") == "yes",
        _number(one("doubtful"), 1, 1, 10), agent_week or None,
    )  # fmt: skip
    shares = {name.removeprefix("share "): _number(one(name), 0.0, 0, 100_000) for name in several("people")}
    options = QueueOptions(
        _number(one("slots"), 1, 1, 5), _number(one("blind"), 20.0, 0, 100) / 100, _number(one("limit"), 10, 1, 1000),
        _number(one("hours"), 24.0, 0.1, 2000) * 3600, {name: share for name, share in shares.items() if share},
        one("numbers") == "yes",
    )  # fmt: skip
    return FilledPlan(one("title")[:120], plan, options)


def sample_of(visit: Visit, plan: SamplingPlan) -> Sample:
    """What a plan draws out of what who asks may see, of the snapshot as it is now."""
    condition, values = within(visit)
    with visit.desk.snapshot.reading() as reader:
        return draw(reader.rows, plan, condition, values)


def choices(visit: Visit) -> dict[str, list[Any]]:
    """What there is to choose from: teams, queues, directions and scenarios of the calls that who asks may see."""
    condition, values = within(visit)
    with visit.desk.snapshot.reading() as reader:
        found = {
            column: [
                row[column]
                for row in reader.rows(
                    f"SELECT DISTINCT {column} FROM calls WHERE {condition} AND {column} IS NOT NULL ORDER BY ALL "
                    "LIMIT 500",
                    values,
                )
            ]
            for column in ("team", "queue", "direction", "scenario")
        }
        days = reader.rows(f"SELECT min(day) AS first, max(day) AS last FROM calls WHERE {condition}", values)
    return {**found, "days": [days[0]["first"], days[0]["last"]]}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadPlan(Message("write a day as 2026-11-01")) from None


def _number(text: str, default: _Number, least: float, most: float) -> _Number:
    try:
        value = type(default)(text) if text else default
    except ValueError:
        value = type(default)(least - 1)
    if not least <= value <= most:
        raise CallQAError(Message("a number from {least} to {most} belongs here", least=f"{least:g}", most=f"{most:g}"))
    return value
