"""Which calls an account sees, as a condition on the rows of the published database, and on those of the index."""

from __future__ import annotations

import json
from typing import Any

from desk.calls.call_index import IndexScope
from desk.routing import Visit
from pipeline.reviews.releases import calls_released_to


def within(visit: Visit) -> tuple[str, dict[str, Any]]:
    """The condition that keeps a query of the database to what who asks may see, and its values."""
    user = visit.whose
    match user.scope:
        case "all":
            return "true", {}
        case "teams":
            return "team IN (SELECT unnest($teams))", {"teams": list(user.teams)}
        case "own":
            # as of now, and not of the night that published the database
            return "agent_id = $own AND sha256 IN (SELECT unnest($released))", {
                "own": user.agent_id,
                "released": _released(visit),
            }


def index_scope(visit: Visit) -> IndexScope:
    """What `within` says, said to the index of calls."""
    user = visit.whose
    match user.scope:
        case "all":
            return IndexScope("true", {}, "all")
        case "teams":
            teams = json.dumps(sorted(user.teams))
            return IndexScope("team IN (SELECT value FROM json_each(:scope_teams))", {"scope_teams": teams}, teams)
        case "own":
            released = json.dumps(sorted(_released(visit)))
            return IndexScope(
                "agent_id = :scope_agent AND sha256 IN (SELECT value FROM json_each(:scope_released))",
                {"scope_agent": user.agent_id, "scope_released": released}, f"{user.agent_id} {hash(released)}",
            )  # fmt: skip


def _released(visit: Visit) -> list[str]:
    agent = visit.whose.agent_id
    if not agent:
        return []
    with visit.desk.reviews.file.reading() as rows:
        return calls_released_to(rows, agent)
