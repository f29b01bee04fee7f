"""The form of a coaching session's plan, as it is shown and as it is read."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from desk.coaching.whose import CoachedAgent
from desk.routing import Visit
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.coaching import CoachingPlan

_EARLIEST = date(2000, 1, 1)


class BadDay(CallQAError):
    """What was given for a day is none."""


def today(visit: Visit) -> date:
    """The day at the centre."""
    return datetime.now(ZoneInfo(visit.desk.settings.ingest.timezone)).date()


def form_token() -> str:
    """What makes a form the same one when it is sent again."""
    return secrets.token_urlsafe(12)


def day_of(text: str) -> date | None:
    """A day of a form; None where none was given. Raises BadDay."""
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day and day < _EARLIEST:  # a browser takes the year 2 while somebody types 2026
        raise BadDay(Message("a day is written like this: {example}", example="2026-03-31"))
    return day


def coaches_for(visit: Visit, agent: CoachedAgent) -> dict[str, str]:
    """Who may hold sessions with an agent, by account: what each is called."""
    return {
        account.name: account.user.shown_name or account.name
        for account in visit.desk.accounts.everybody()
        if account.disabled_at is None
        and account.user.may("coach")
        and (account.user.scope == "all" or agent.team in account.user.teams)
    }


def has_account(visit: Visit, agent_id: str) -> bool:
    """Whether an agent can be shown a session."""
    return any(
        account.disabled_at is None and account.user.agent_id == agent_id for account in visit.desk.accounts.everybody()
    )


def read_plan_form(
    visit: Visit, agent: CoachedAgent, rules: Collection[str], before: CoachingPlan | None = None
) -> CoachingPlan:
    """The plan that a form says. `rules` are those that can be chosen, beside those of the plan `before`."""
    known = {*rules, *(before.rules if before else ())}
    coach = visit.field("coach")
    if coach not in coaches_for(visit, agent):
        coach = before.coach if before else visit.whose.name
    return CoachingPlan(
        coach,
        tuple(dict.fromkeys(rule for rule in visit.form.get("rule", []) if rule in known)),
        day_of(visit.field("planned_on")),
        text_of(visit, "practise"),
        text_of(visit, "for_agent"),
        text_of(visit, "private"),
    )


def plan_mark(plan: CoachingPlan) -> str:
    """What tells a plan from what it is after a change: a form that was made of another is out of date."""
    return hashlib.sha256(repr(plan).encode()).hexdigest()[:16]


def text_of(visit: Visit, name: str) -> str:
    """A text of a form; browsers send \\r\\n."""
    return visit.field(name).replace("\r\n", "\n").strip()
