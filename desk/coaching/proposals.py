"""Whom to coach in what: agents' weakest rules of the last weeks, against their team and their own past.

The statistics are `pipeline.reviews.weak_rules`. Left out are rules whose fails are often wrong, as measured, and those
that never score; agents who have no checks of the rule in the last two weeks; and who was coached in it lately.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.responses import Response

from desk.calls.call_filters import CallFilters
from desk.calls.scope import within
from desk.coaching.whose import CoachedAgent, agents_in_scope, sessions_in_scope
from desk.queues.people import rule_titles
from desk.routing import Visit, endpoint
from desk.snapshot import Reader
from pipeline.reviews.coaching import CoachingSession
from pipeline.reviews.weak_rules import LATELY_WEEKS, PAST_WEEKS, AgentRule, AgentRules, WeakRule, weak_rules
from pipeline.reviews.week_counts import Summed, monday_of

TOO_OFTEN_WRONG, LISTEN_FIRST = 0.6, 0.75
"""A rule is left out while it may be that fewer of its fails are right, and marked while it may be fewer than this: the
lower end of the measured precision's interval."""

STILL_HERE_WEEKS, COACHED_LATELY_WEEKS = 2, 8

MOST_PROPOSED, MOST_RULES = 20, 3
"""Agents on the page, and rules of each."""


@dataclass(frozen=True, slots=True)
class ProposedRule:
    """A rule that an agent is weak in, with the address of the calls that failed it lately."""

    weak: WeakRule
    severity: str
    precision: float | None
    listen_first: bool
    calls: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """An agent, the rules to coach them in, the weightiest first, and the address where a session is planned."""

    agent: CoachedAgent
    rules: Sequence[ProposedRule]
    plan: str


@endpoint("/coaching/proposals", "coach")
def _page(visit: Visit) -> Response:
    agents = agents_in_scope(visit)
    team = visit.query("team")
    teams = sorted({agent.team for agent in agents.values() if agent.team})
    team = team if team in teams else ""
    with visit.desk.snapshot.reading() as reader:
        last = _last_week(visit, reader)
        rules = _rules(reader)
        weak = weak_rules(_weeks(visit, reader, agents, rules, last), _severities(rules)) if last else []
    coached = _coached_lately(sessions_in_scope(visit, agents), last)
    found = [
        each
        for each in weak
        if team in ("", each.found.team) and (each.found.agent_id, each.found.rule_id) not in coached
    ]
    return visit.page(
        "coaching/proposals.html", proposals=_proposals(found, agents, rules, last), titles=rule_titles(visit),
        last=last, teams=teams, team=team, agents=agents, lately=LATELY_WEEKS, past=PAST_WEEKS,
        first=last - timedelta(weeks=LATELY_WEEKS - 1) if last else None,
    )  # fmt: skip


def _last_week(visit: Visit, reader: Reader) -> date | None:
    scope, values = within(visit)
    found: date | None = reader.value(f"SELECT max(week) FROM totals.agent_weeks WHERE {scope}", values)
    return found


def _rules(reader: Reader) -> dict[str, dict[str, Any]]:
    """The rules that can be coached: severity, and how many of their fails are right, as measured: that of the
    worse language, None where it was not measured."""
    rows = reader.rows(
        "SELECT rule_id, arg_max(severity, weight) AS severity, arg_min(precision, precision_low) AS precision, "
        "min(precision_low) AS low FROM rules WHERE status = 'stable' GROUP BY rule_id "
        "HAVING coalesce(min(precision_low), 1) >= $least",
        {"least": TOO_OFTEN_WRONG},
    )
    return {row["rule_id"]: row for row in rows}


def _weeks(
    visit: Visit, reader: Reader, agents: Mapping[str, CoachedAgent], rules: Collection[str], last: date
) -> AgentRules:
    """How the agents did on some rules, those who still have checks of it."""
    scope, values = within(visit)
    sums = {
        "passes": "sum(passes)", "checks": "sum(passes + fails)", "weeks": "count(*)",
        "squares": "sum((passes + fails) ** 2)", "scattered": "sum(passes ** 2 / (passes + fails))",
    }  # fmt: skip
    sides = {"lately": "week > $middle", "past": "week <= $middle"}
    sql = ", ".join(
        f"coalesce({each} FILTER ({weeks}), 0)::DOUBLE AS {side}_{name}"
        for side, weeks in sides.items()
        for name, each in sums.items()
    )
    found = reader.columns(
        f"""SELECT agent_id, rule_id, {sql} FROM totals.agent_rules
            WHERE {scope} AND agent_id IN (SELECT unnest($agents)) AND rule_id IN (SELECT unnest($rules))
                AND week > $first AND passes + fails > 0 GROUP BY agent_id, rule_id HAVING max(week) > $here""",
        {
            **values, "agents": list(agents), "rules": list(rules), "middle": last - timedelta(weeks=LATELY_WEEKS),
            "first": last - timedelta(weeks=LATELY_WEEKS + PAST_WEEKS),
            "here": last - timedelta(weeks=STILL_HERE_WEEKS),
        },
    )  # fmt: skip
    teams = np.array([agents[agent].team for agent in found["agent_id"]], dtype=object)
    lately, past = (Summed(*(found[f"{side}_{name}"] for name in sums)) for side in sides)
    return AgentRules(found["agent_id"], found["rule_id"], teams, lately, past)


def _severities(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {rule_id: rule["severity"] for rule_id, rule in rules.items()}


def _coached_lately(sessions: Sequence[CoachingSession], last: date | None) -> set[tuple[str, str]]:
    """Agents with rules in which they were coached lately, or are to be."""
    since = monday_of(last) - timedelta(weeks=COACHED_LATELY_WEEKS) if last else date.min
    return {
        (session.agent_id, rule)
        for session in sessions
        if session.state == "planned" or (session.held_on is not None and session.held_on >= since)
        for rule in session.rules
    }


def _proposals(
    found: Sequence[WeakRule],
    agents: Mapping[str, CoachedAgent],
    rules: Mapping[str, dict[str, Any]],
    last: date | None,
) -> list[Proposal]:
    by_agent: dict[str, list[ProposedRule]] = {}
    for weak in found:
        of_agent = by_agent.setdefault(weak.found.agent_id, [])
        if len(of_agent) < MOST_RULES and last is not None:
            rule = rules[weak.found.rule_id]
            listen = rule["low"] is not None and rule["low"] < LISTEN_FIRST
            of_agent.append(ProposedRule(weak, rule["severity"], rule["precision"], listen, _calls(weak.found, last)))
    return [
        Proposal(agents[agent], chosen, _plan(agent, chosen))
        for agent, chosen in list(by_agent.items())[:MOST_PROPOSED]
    ]


def _calls(found: AgentRule, last: date) -> str:
    first = last - timedelta(weeks=LATELY_WEEKS - 1)
    filters = CallFilters(
        first=first,
        last=last + timedelta(days=6),
        columns={"agent": (found.agent_id,)},
        rules=((found.rule_id, "fail"),),
    )
    return filters.address()


def _plan(agent_id: str, chosen: Sequence[ProposedRule]) -> str:
    given = [("agent", agent_id), *(("rule", each.weak.found.rule_id) for each in chosen)]
    return f"/coaching/new?{urlencode(given)}"
