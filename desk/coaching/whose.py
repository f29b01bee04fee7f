"""Whose coaching sessions who asks may see: coaches those of agents of their teams, agents what was held with them.

It is asked at every look, of the published calls as they are now: an agent who changed teams takes the sessions along.
"""

from __future__ import annotations

from dataclasses import dataclass

from desk.calls.scope import within
from desk.routing import NotThere, Visit
from pipeline.reviews.coaching import CoachingSession, all_coaching, coaching_of


@dataclass(frozen=True, slots=True)
class CoachedAgent:
    """An agent by their number; name and team are those of their last call, "" where nothing tells."""

    agent_id: str
    name: str = ""
    team: str = ""

    @property
    def title(self) -> str:
        """Name and number."""
        return f"{self.name} {self.agent_id}" if self.name else self.agent_id


def agents_in_scope(visit: Visit) -> dict[str, CoachedAgent]:
    """The agents whose last calls were in a team that who asks looks after, by number, team by team."""
    scope, values = within(visit)
    with visit.desk.snapshot.reading() as reader:
        rows = reader.rows(
            "SELECT * FROM (SELECT agent_id, any_value(agent_name ORDER BY week DESC, last_call DESC) AS name, "
            "any_value(team ORDER BY week DESC, last_call DESC) AS team FROM totals.agent_weeks "
            f"WHERE agent_id IS NOT NULL GROUP BY agent_id) WHERE {scope} ORDER BY team, name, agent_id",
            values,
        )
    return {row["agent_id"]: CoachedAgent(row["agent_id"], row["name"] or "", row["team"] or "") for row in rows}


def sessions_in_scope(visit: Visit, agents: dict[str, CoachedAgent]) -> list[CoachingSession]:
    """The sessions that who asks may see, `agents` being those of their scope; the one made last first."""
    with visit.desk.reviews.file.reading() as rows:
        found = all_coaching(rows)
    # who sees all calls sees sessions of agents without any as well
    return [session for session in found if session.agent_id in agents or visit.whose.scope == "all"]


def agent_in_scope(visit: Visit, agent_id: str) -> CoachedAgent:
    """An agent that who asks may coach. Raises NotThere."""
    found = agents_in_scope(visit).get(agent_id)
    if found is None:
        raise NotThere
    return found


def session_in_scope(visit: Visit) -> tuple[CoachingSession, CoachedAgent]:
    """The session of the address, and its agent. Raises NotThere where there is none, or not for who asks."""
    session = _session(visit)
    agent = agents_in_scope(visit).get(session.agent_id)
    if agent is None and visit.whose.scope != "all":
        raise NotThere
    return session, agent or CoachedAgent(session.agent_id)


def own_session(visit: Visit) -> CoachingSession:
    """The session of the address, of which who asks is the agent, and which was held. Raises NotThere."""
    session = _session(visit)
    if session.agent_id != visit.whose.agent_id or session.held is None:
        raise NotThere
    return session


def _session(visit: Visit) -> CoachingSession:
    with visit.desk.reviews.file.reading() as rows:
        session = coaching_of(rows, visit.request.path_params["ref"])
    if session is None:
        raise NotThere
    return session
