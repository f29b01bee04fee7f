"""The own account: language, password, where one is signed in."""

from __future__ import annotations

import math

from starlette.responses import Response

from desk.accounts import BadAccount
from desk.routing import Visit, endpoint
from pipeline.messages import Message

_DONE = {
    "password": Message("Your password is changed; you are signed out everywhere else."),
    "sessions": Message("You are signed out everywhere else."),
}


@endpoint("/account", "signed-in")
def _page(visit: Visit) -> Response:
    return _shown(visit)


def _shown(visit: Visit, status: int = 200, problem: Message | BadAccount | None = None) -> Response:
    desk, name = visit.desk, visit.whose.name
    account = desk.accounts.get(name)
    return visit.page(
        "access/own_account.html", status, problem=problem, done=_DONE.get(visit.query("done")),
        has_password=bool(account and account.has_password and desk.settings.desk.passwords),
        sessions=desk.sessions.of(name, visit.session), zone=desk.settings.ingest.timezone,
    )  # fmt: skip


@endpoint("/account/password", "signed-in", "POST")
def _change_password(visit: Visit) -> Response:
    desk, name = visit.desk, visit.whose.name
    # a browser left open must not become a place to guess at
    key = f"own password\n{name}"
    if (wait_s := desk.attempts.begin(key, visit.address)) > 0:
        minutes = math.ceil(wait_s / 60)
        return _shown(visit, 429, Message("too many attempts; try again in {minutes} min, or ask for a link",
                                          minutes=minutes))  # fmt: skip
    if desk.accounts.signs_in(name, visit.field("password")) is None:
        desk.trail.note("login.failed", name, address=visit.address, way="own password")
        return _shown(visit, 403, Message("the present password is wrong"))
    desk.attempts.succeeded(key, visit.address)
    try:
        desk.accounts.check_new(name, visit.field("new"), is_new=False)
        desk.trail.note("password.changed", name)
        desk.accounts.choose_password(name, visit.field("new"))
    except BadAccount as error:
        return _shown(visit, 409, error)
    desk.sessions.end_all(name, but=visit.session)
    return visit.to("/account?done=password")


@endpoint("/account/sessions/end", "signed-in", "POST")
def _end_sessions(visit: Visit) -> Response:
    visit.desk.trail.note("sessions.ended", visit.whose.name)
    visit.desk.sessions.end_all(visit.whose.name, but=visit.session)
    return visit.to("/account?done=sessions")
