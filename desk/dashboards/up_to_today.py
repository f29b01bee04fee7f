"""The weeks of dashboards on what people do: up to today, as people answer and appeal after the calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from desk.dashboards.frame import Frame
from desk.routing import Visit


def up_to_today(visit: Visit, frame: Frame) -> Frame:
    """The frame that was asked for, whose newest week is this one, whether it has calls or not."""
    today = datetime.now(ZoneInfo(visit.desk.snapshot.timezone)).date()
    newest = today - timedelta(days=today.weekday())
    try:
        asked = date.fromisoformat(visit.query("until"))
    except ValueError:
        asked = newest
    last = min(asked - timedelta(days=asked.weekday()), newest) if asked.year > 1900 else newest
    return replace(frame, first=last - timedelta(weeks=frame.weeks - 1), last=last, newest=newest)
