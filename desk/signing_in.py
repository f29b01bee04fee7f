"""Signing in and out, and the first account."""

from __future__ import annotations

from starlette.responses import Response

from desk.accounts import BadAccount
from desk.routing import SESSION_COOKIE, NotThere, Visit, endpoint
from pipeline.messages import Message


@endpoint("/sign-in", "anybody")
def _sign_in_page(visit: Visit) -> Response:
    return visit.page("sign_in.html", to=_own(visit.query("to")), problem=None)


@endpoint("/sign-in", "anybody", "POST")
def _sign_in(visit: Visit) -> Response:
    to = _own(visit.field("to"))
    session = visit.desk.accounts.begin_session(visit.field("name"), visit.field("password"))
    if session is None:
        return visit.page("sign_in.html", 403, to=to, problem=Message("name or password is wrong"))
    return _with_session(visit, session, to)


@endpoint("/sign-out", "signed-in", "POST")
def _sign_out(visit: Visit) -> Response:
    visit.desk.accounts.end_session(visit.request.cookies.get(SESSION_COOKIE, ""))
    response = visit.to("/sign-in")
    response.delete_cookie(SESSION_COOKIE)
    return response


@endpoint("/new-account/{token}", "anybody")
def _link_page(visit: Visit) -> Response:
    token = visit.request.path_params["token"]
    if not visit.desk.accounts.is_link(token):
        raise NotThere
    return visit.page("new_account.html", problem=None)


@endpoint("/new-account/{token}", "anybody", "POST")
def _use_link(visit: Visit) -> Response:
    token, name = visit.request.path_params["token"], visit.field("name").strip()
    try:
        session = visit.desk.accounts.begin_session_by_link(token, name, visit.field("password"))
    except BadAccount as error:
        return visit.page("new_account.html", 409, problem=error)
    return _with_session(visit, session, "/")


def _with_session(visit: Visit, session: str, to: str) -> Response:
    response = visit.to(to)
    secure = visit.request.url.scheme == "https"
    response.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="lax", secure=secure)
    return response


def _own(path: str) -> str:
    """A page of ours to go to; anything else is the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


@endpoint("/language", "anybody", "POST")
def _choose_language(visit: Visit) -> Response:
    response = visit.to(_own(visit.field("to")))
    if visit.field("language") in ("zh", "en"):
        response.set_cookie("callqa-language", visit.field("language"), httponly=True, samesite="lax", max_age=31536000)
    return response
