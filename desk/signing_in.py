"""Signing in and out, and choosing a password through a link."""

from __future__ import annotations

import math

from starlette.responses import Response

from desk.access.sessions import SignInWay
from desk.accounts import BadAccount
from desk.context import Desk
from desk.routing import NotThere, Visit, endpoint, session_cookie
from pipeline.messages import Message

_YEAR_S = 31_536_000
_KNOWN = "callqa-known"
"""The cookie of a browser that has signed in before (`desk.access.attempts`)."""


@endpoint("/sign-in", "anybody")
def _sign_in_page(visit: Visit) -> Response:
    return _asking(visit, own_page(visit.query("to")))


def _asking(visit: Visit, to: str, status: int = 200, problem: Message | None = None) -> Response:
    settings = visit.desk.settings
    return visit.page(
        "access/sign_in.html", status, to=to, problem=problem, passwords=settings.desk.passwords,
        openid=settings.openid.issuer and (settings.openid.title or Message("Sign in through {issuer}",
        issuer=settings.openid.issuer)),
    )  # fmt: skip


@endpoint("/sign-in", "anybody", "POST")
def _sign_in(visit: Visit) -> Response:
    desk, to, name, password = visit.desk, own_page(visit.field("to")), visit.field("name"), visit.field("password")
    if not desk.settings.desk.passwords:
        raise NotThere
    known = visit.request.cookies.get(_KNOWN, "")
    wait_s = desk.attempts.begin(name, visit.address, known)
    if wait_s > 0:
        minutes = math.ceil(wait_s / 60)
        desk.trail.note_once("login.failed", _name_known(desk, name), address=visit.address, refused=True)
        problem = Message("too many attempts; try again in {minutes} min, or ask for a link", minutes=minutes)
        response = _asking(visit, to, 429, problem)
        response.headers["retry-after"] = str(math.ceil(wait_s))
        return response
    account = desk.accounts.signs_in(name, password)
    if account is None:
        desk.trail.note("login.failed", _name_known(desk, name), address=visit.address)
        return _asking(visit, to, 403, Message("name or password is wrong"))
    desk.attempts.succeeded(name, visit.address, known)
    response = begin_session(visit, account.name, "password", to)
    set_cookie(visit, response, _KNOWN, desk.attempts.known_browser(name), _YEAR_S)
    return response


def _name_known(desk: Desk, name: str) -> str:
    """What the log may hold of a name that was typed, which may be a password: only names of accounts."""
    account = desk.accounts.get(name)
    return account.name if account else ""


@endpoint("/sign-out", "signed-in", "POST")
def _sign_out(visit: Visit) -> Response:
    desk = visit.desk
    desk.trail.note("logout", visit.whose.name)
    if visit.session:
        desk.sessions.end(visit.session)
        response = visit.to("/sign-in")
    else:
        response = visit.to(desk.settings.desk.proxy_sign_out or "/")
    response.delete_cookie(session_cookie(desk), secure=desk.settings.desk.secure, httponly=True)
    return response


@endpoint("/new-account/{token}", "anybody")
def _link_page(visit: Visit) -> Response:
    return _choosing(visit)


def _choosing(visit: Visit, status: int = 200, problem: BadAccount | None = None) -> Response:
    link = visit.desk.accounts.link(visit.request.path_params["token"])
    if link is None:
        raise NotThere
    return visit.page("access/new_account.html", status, problem=problem, name=link.account)


@endpoint("/new-account/{token}", "anybody", "POST")
def _use_link(visit: Visit) -> Response:
    desk, token, name = visit.desk, visit.request.path_params["token"], visit.field("name").strip()
    link = desk.accounts.link(token)
    if link is None:
        raise NotThere
    try:
        desk.accounts.check_new(link.account or name, visit.field("password"), is_new=link.account is None)
        desk.trail.note("password.changed" if link.account else "account.made", link.account or name, way="link")
        name = desk.accounts.use_link(token, name, visit.field("password"))
    except BadAccount as error:
        return _choosing(visit, 409, error)
    return begin_session(visit, name, "link", "/")


def begin_session(visit: Visit, name: str, way: SignInWay, to: str) -> Response:
    """Let somebody in and send them on; the session that their browser had ends. Raises CallQAError."""
    desk = visit.desk
    desk.trail.note("login", name, way=way, address=visit.address)
    if visit.session:
        desk.sessions.end(visit.session)
    session = desk.sessions.begin(name, way, visit.address, visit.request.headers.get("user-agent", ""))
    response = visit.to(to)
    set_cookie(visit, response, session_cookie(desk), session)
    return response


def set_cookie(visit: Visit, response: Response, name: str, value: str, max_age: int | None = None) -> None:
    """Give the browser a cookie that no script and no page of others can use."""
    response.set_cookie(
        name, value, max_age=max_age, httponly=True, samesite="lax", secure=visit.desk.settings.desk.secure
    )


def own_page(path: str) -> str:
    """A page of ours to go to; anything else is the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


@endpoint("/language", "anybody", "POST")
def _choose_language(visit: Visit) -> Response:
    response, language = visit.to(own_page(visit.field("to"))), visit.field("language")
    if language in ("zh", "en"):
        set_cookie(visit, response, "callqa-language", language, _YEAR_S)
        if visit.user is not None:
            visit.desk.accounts.choose_language(visit.user.name, "zh" if language == "zh" else "en")
    return response
