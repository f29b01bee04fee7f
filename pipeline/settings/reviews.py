"""Settings of reviewing: points that no rule gives, when results are released, how long agents can appeal."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from pipeline.messages import Message
from pipeline.settings.section import Section


class ReviewSettings(Section):
    manual_points: dict[str, float] = Field(
        {
            "客户表扬 / praised by the customer": 5,
            "主动服务 / did more than asked": 3,
            "流程违规 / broke a procedure": -5,
        },
        description=Message("points that no rule gives: what reviewers may give them for, and how many at a time"),
    )
    release: Literal["by-hand", "reviewed"] = Field(
        "by-hand",
        description=Message(
            "when agents see results. by-hand: when a supervisor releases them; reviewed: once a review is sent, too"
        ),
    )
    appeal_days: int = Field(
        5, ge=1, le=90, description=Message("working days in which an agent can appeal against a released verdict")
    )
    appeals_a_month: int = Field(10, ge=0, le=1000, description=Message("appeals of an agent a month; 0: none"))
    good_examples_days: int = Field(
        180, ge=1, le=3650, description=Message("days back in which coaches are offered colleagues' good excerpts")
    )
    holidays: tuple[date, ...] = Field((), description=Message("days from Monday to Friday on which nobody works"))
    workdays: tuple[date, ...] = Field((), description=Message("Saturdays and Sundays on which people work"))
    show_place: bool = Field(
        False, description=Message("show agents their own place among their team by mean score, and nobody else's")
    )
