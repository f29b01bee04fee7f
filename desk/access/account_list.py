"""Accounts for administrators: who is there, inviting, changing, disabling."""

from __future__ import annotations

import re
from typing import get_args
from urllib.parse import quote

from starlette.responses import Response

from desk.access.proxies import link_address
from desk.accounts import Account, BadAccount, check_name
from desk.rights import AccountRole
from desk.routing import NotThere, Visit, endpoint
from pipeline.messages import Message

_DONE = {
    "changed": Message("Saved; it holds from their next click on."),
    "enabled": Message("The account may sign in again."),
    "disabled": Message("The account is disabled; its sessions have ended."),
    "ended": Message("Its sessions have ended."),
}


@endpoint("/accounts", "accounts")
def _page(visit: Visit) -> Response:
    return _listed(visit)


def _listed(
    visit: Visit, status: int = 200, problem: BadAccount | None = None, link: str = "", linked: str = ""
) -> Response:
    return visit.page(
        "access/account_list.html", status, accounts=visit.desk.accounts.everybody(), given=None, problem=problem,
        link=link, linked=linked,
    )  # fmt: skip


@endpoint("/accounts/one", "accounts")
def _one(visit: Visit) -> Response:
    return _account_page(visit, _there(visit, visit.query("name")), done=visit.query("done"))


def _account_page(
    visit: Visit, account: Account, status: int = 200, problem: BadAccount | None = None, done: str = ""
) -> Response:
    return visit.page(
        "access/account.html", status, account=account, given=account.user, problem=problem, done=_DONE.get(done)
    )


def _there(visit: Visit, name: str) -> Account:
    account = visit.desk.accounts.get(name)
    if account is None:
        raise NotThere
    return account


def _role(visit: Visit) -> AccountRole:
    for role in get_args(AccountRole):
        if visit.field("role") == role:
            return role  # type: ignore[no-any-return]
    raise BadAccount(Message("choose one of the roles"))


def _teams(visit: Visit) -> tuple[str, ...]:
    return tuple(filter(None, (team.strip() for team in re.split("[,，、;；]", visit.field("teams")))))


@endpoint("/accounts/new", "accounts", "POST")
def _invite(visit: Visit) -> Response:
    desk, name = visit.desk, visit.field("name").strip()
    try:
        role = _role(visit)
        check_name(name)
        desk.trail.note("account.made", visit.whose.name, account=name, role=role)
        desk.accounts.make(
            name, role, shown_name=visit.field("shown_name"), agent_id=visit.field("agent_id").strip(),
            teams=_teams(visit),
        )  # fmt: skip
    except BadAccount as error:
        return _listed(visit, 409, error)
    link = link_address(desk.settings.desk, desk.accounts.make_link(name), str(visit.request.base_url))
    return _listed(visit, link=link, linked=name)


@endpoint("/accounts/change", "accounts", "POST")
def _change(visit: Visit) -> Response:
    desk, account = visit.desk, _there(visit, visit.field("name"))
    try:
        role = _role(visit)
        desk.trail.note("account.changed", visit.whose.name, account=account.name, role=role)
        desk.accounts.change(
            account.name, role=role, shown_name=visit.field("shown_name").strip() or account.name,
            agent_id=visit.field("agent_id").strip(), teams=_teams(visit),
        )  # fmt: skip
    except BadAccount as error:
        return _account_page(visit, account, 409, error)
    return _to(visit, account, "changed")


@endpoint("/accounts/disable", "accounts", "POST")
def _disable(visit: Visit) -> Response:
    desk, account = visit.desk, _there(visit, visit.field("name"))
    desk.trail.note("account.disabled", visit.whose.name, account=account.name)
    try:
        desk.accounts.disable(account.name)
    except BadAccount as error:
        return _account_page(visit, account, 409, error)
    return _to(visit, account, "disabled")


@endpoint("/accounts/enable", "accounts", "POST")
def _enable(visit: Visit) -> Response:
    account = _there(visit, visit.field("name"))
    visit.desk.trail.note("account.enabled", visit.whose.name, account=account.name)
    visit.desk.accounts.enable(account.name)
    return _to(visit, account, "enabled")


@endpoint("/accounts/end-sessions", "accounts", "POST")
def _end_sessions(visit: Visit) -> Response:
    account = _there(visit, visit.field("name"))
    visit.desk.trail.note("sessions.ended", visit.whose.name, account=account.name)
    visit.desk.sessions.end_all(account.name, but=visit.session if account.name == visit.whose.name else "")
    return _to(visit, account, "ended")


@endpoint("/accounts/reset", "accounts", "POST")
def _reset(visit: Visit) -> Response:
    desk, account = visit.desk, _there(visit, visit.field("name"))
    desk.trail.note("account.reset", visit.whose.name, account=account.name)
    token = desk.accounts.reset(account.name)
    link = link_address(desk.settings.desk, token, str(visit.request.base_url))
    return _listed(visit, link=link, linked=account.name)


def _to(visit: Visit, account: Account, done: str) -> Response:
    return visit.to(f"/accounts/one?name={quote(account.name)}&done={done}")
