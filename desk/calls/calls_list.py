"""The list of calls: filters in the address, newest first, a page at a time."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from desk.routing import Visit, endpoint
from pipeline.reviews.releases import calls_released_to

PAGE = 50
"""Calls on a page."""

_FILTERS = {
    "team": "team = $team",
    "agent": "(agent_id = $agent OR agent_name = $agent)",
    "queue": "queue = $queue",
    "direction": "direction = $direction",
    "from": "day >= $from::DATE",
    "to": "day <= $to::DATE",
    "call": "call_id = $call",
}


def within(visit: Visit) -> tuple[str, dict[str, Any]]:
    """The condition that keeps a query to what who asks may see, and its values."""
    user = visit.whose
    match user.scope:
        case "all":
            return "true", {}
        case "teams":
            return "team IN (SELECT unnest($teams))", {"teams": list(user.teams)}
        case "own":
            with visit.desk.reviews.file.reading() as rows:
                released = calls_released_to(rows, user.agent_id) if user.agent_id else []
            # as of now, and not of the night that published the database
            return "agent_id = $own AND sha256 IN (SELECT unnest($released))", {
                "own": user.agent_id,
                "released": released,
            }


@endpoint("/calls", "calls")
def _list(visit: Visit) -> Response:
    condition, values = within(visit)
    for name, part in _FILTERS.items():
        if given := visit.query(name):
            condition += f" AND {part}"
            values[name] = given
    with visit.desk.snapshot.reading() as reader:
        rows = reader.rows(
            "SELECT sha256, call_id, file_name, started_at, team, agent_id, agent_name, queue, direction, duration_s, "
            f"score, fatal, failed_rules FROM calls WHERE {condition} "
            f"ORDER BY started_at DESC NULLS LAST, sha256 LIMIT {PAGE + 1}",
            values,
        )
    for row in rows:
        row["id"] = visit.desk.call_ids.of(row.pop("sha256"))
    return visit.page("calls/list.html", calls=rows[:PAGE], more=len(rows) > PAGE)


@endpoint("/", "signed-in")
def _home(visit: Visit) -> Response:
    return visit.to("/calls")
