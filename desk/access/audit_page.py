"""Who did what, for administrators: the newest lines of the home's audit log. `callqa audit` has all of them."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.context import Desk
from desk.routing import Visit, endpoint
from pipeline.messages import Message
from pipeline.storage.audit import AuditEntry, last_audit_entries
from pipeline.storage.audit_names import ACTION_NAMES

_SEARCHED, _SHOWN = 5000, 200


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """A line of the log as it is shown; `calls` are ids for addresses, as far as the home still has the calls."""

    at: str
    user: str
    action: Message
    calls: tuple[str, ...]
    gone: int
    details: str


@endpoint("/audit", "audit")
def _page(visit: Visit) -> Response:
    who, action = visit.query("who"), visit.query("action")
    found = [
        entry
        for entry in last_audit_entries(visit.desk.home, _SEARCHED)
        if (not who or entry.user == who) and (not action or entry.action == action)
    ]
    acts = [_act(visit.desk, entry) for entry in found[:_SHOWN]]
    return visit.page("access/audit.html", acts=acts, actions=ACTION_NAMES, who=who, action=action)


def _act(desk: Desk, entry: AuditEntry) -> RecordedAct:
    calls = tuple(desk.call_ids.of(sha256) for call in entry.calls if (sha256 := _whole(desk, call)))
    return RecordedAct(
        at=f"{entry.at.astimezone(ZoneInfo(desk.settings.ingest.timezone)):%Y-%m-%d %H:%M:%S}",
        user=entry.user,
        action=ACTION_NAMES.get(entry.action, Message(entry.action)),
        calls=calls,
        gone=len(entry.calls) - len(calls),
        details=" ".join(f"{name}={value}" for name, value in entry.details.items() if name != "count"),
    )


def _whole(desk: Desk, beginning: str) -> str | None:
    """The SHA-256 of a call that is here, by its beginning."""
    if not beginning.isalnum():
        return None
    found = next(desk.home.judged(beginning).parent.glob(f"{beginning}*.json.*"), None)
    return found.name.split(".", 1)[0] if found else None
