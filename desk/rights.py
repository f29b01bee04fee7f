"""Who may do what: roles of accounts, and the rights that each has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.messages import Message

AccountRole = Literal["agent", "reviewer", "coach", "supervisor", "administrator"]

Right = Literal[
    "calls",  # see calls and their verdicts, as far as the account's scope goes
    "listen",  # play recordings
    "unmask",  # see and hear numbers
    "export",  # take results out of the desk
    "correct",  # swap roles, give a turn to the other side
    "review",  # answer verdicts
    "assign",  # make queues and sampling plans, take back what others claimed
    "calibrate",  # hold calibration sessions
    "agreement",  # see how reviewers and machine agree
    "release",  # show results to their agent
    "appeal",  # acknowledge own results, appeal
    "decide",  # decide appeals
    "coach",  # hold coaching sessions, take their excerpts along
    "dashboards",  # see what the results of all calls in the account's scope add up to
    "share",  # choose which excerpts a team hears
    "sql",  # ask the database anything: for accounts that see all calls
    "accounts",  # make and disable accounts
    "audit",  # read who did what
]

RIGHTS: Mapping[AccountRole, frozenset[Right]] = {
    "agent": frozenset(("calls", "listen", "appeal")),
    "reviewer": frozenset(("calls", "listen", "correct", "review", "agreement", "dashboards", "sql")),
    "coach": frozenset(("calls", "listen", "agreement", "coach", "dashboards", "share")),
    "supervisor": frozenset(get_args(Right)) - {"unmask", "appeal", "sql", "accounts", "audit"},
    "administrator": frozenset(get_args(Right)) - {"appeal"},
}

ROLE_TITLES: Mapping[str, Message] = {
    "agent": Message("agent"),
    "reviewer": Message("reviewer"),
    "coach": Message("coach"),
    "supervisor": Message("supervisor"),
    "administrator": Message("administrator"),
}

AccountScope = Literal["all", "teams", "own"]
"""Which calls an account sees: all, those of its teams, or an agent's own whose results were released."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. `agent_id` is the agent whose calls are the account's own; `teams` those that it looks after."""

    name: str
    role: AccountRole
    shown_name: str = ""
    agent_id: str | None = None
    teams: tuple[str, ...] = ()
    language: Literal["zh", "en"] | None = None

    def may(self, right: Right) -> bool:
        """Whether the account's role has a right."""
        return right in RIGHTS[self.role]

    @property
    def authority(self) -> Literal[1, 2]:
        """Whose word counts over whose (`pipeline.reviews.events.Authority`)."""
        return 2 if self.role in ("supervisor", "administrator") else 1

    @property
    def scope(self) -> AccountScope:
        """Which calls the account sees; a coach or supervisor without teams sees none."""
        if self.role == "agent":
            return "own"
        return "teams" if self.role in ("coach", "supervisor") else "all"
