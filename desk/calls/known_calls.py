"""Some calls by their SHA-256s, as far as who asks may see them; found in the index, which knows where each is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from desk.calls.scope import index_scope
from desk.routing import Visit


def known_calls(visit: Visit, calls: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """What the list of calls knows of these, by SHA-256: company, team, agent, queue, day, call id, file name."""
    index, scope = visit.desk.index, index_scope(visit)
    left, found = set(calls), dict[str, Mapping[str, Any]]()
    for part in reversed(index.state().parts):
        if not left:
            break
        with index.reading(part, searchable=False) as opened:
            rows = opened.rows(
                "SELECT sha256, company, team, agent_id, agent_name, queue, day, call_id, file_name FROM calls "
                f"WHERE sha256 IN (SELECT value FROM json_each(:asked)) AND {scope.sql}",
                {**scope.values, "asked": json.dumps(sorted(left))},
            )
        for row in rows:
            found[row["sha256"]] = dict(row)
        left.difference_update(row["sha256"] for row in rows)
    return found
