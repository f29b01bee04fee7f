"""How a request is answered: every endpoint says who may ask it; what that is not true of gets no further.

An endpoint without `may` cannot be written down. Answers are made in threads, so that endpoints are plain functions.
Whoever may not ask is refused before a byte of a form is read.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from anyio import move_on_after, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from desk.access.guard import page_policy
from desk.access.proxied import proxied_user
from desk.context import Desk
from desk.pages import page_html
from desk.rights import Right, User
from pipeline.errors import CallQAError
from pipeline.messages import Language, Message

SESSION_COOKIE = "callqa-session"
LARGEST_FORM, MOST_FIELDS, FORM_S = 1 << 20, 1000, 30.0
"""Bytes of a form, its fields, and how long it may take to come."""

May = Right | tuple[Right, ...] | Literal["anybody", "signed-in"]
"""A right, several that are needed all, or who may without one."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, whose it is, and what it needs to be answered. `user` is None where anybody may ask; `session` is the
    secret of the session that it belongs to, "" where a proxy says who asks."""

    request: Request
    desk: Desk
    user: User | None
    session: str = ""
    form: dict[str, list[str]] = field(default_factory=dict)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def whose(self) -> User:
        """Who asks, where nobody but accounts may."""
        if self.user is None:
            raise PermissionError
        return self.user

    @property
    def language(self) -> Language:
        """The language of the page: the cookie's, the account's, the browser's, else Chinese."""
        chosen = self.request.cookies.get("callqa-language") or (self.user and self.user.language)
        if chosen in ("zh", "en"):
            return "zh" if chosen == "zh" else "en"
        accepted = self.request.headers.get("accept-language", "")
        return "en" if accepted.lower().startswith("en") else "zh"

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.desk.reach.address_of(self.request)

    @property
    def shows_numbers(self) -> bool:
        """Whether numbers are asked for that are hidden otherwise, by somebody who may see them."""
        return self.query("numbers") == "shown" and self.user is not None and self.user.may("unmask")

    @property
    def partial(self) -> bool:
        """Whether a part of a page is asked for, and not the whole."""
        headers = self.request.headers
        return headers.get("hx-request") == "true" and headers.get("hx-request-type") != "full"

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, default)

    def field(self, name: str, default: str = "") -> str:
        """A field of the form, its last value."""
        return self.form.get(name, [default])[-1]

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page made of a template."""
        return HTMLResponse(page_html(template, self, **values), status)

    def to(self, path: str) -> Response:
        """Go to another page, after something was done."""
        return RedirectResponse(path, 303)

    def say(self, text: str, **values: object) -> str:
        """A message in the page's language."""
        return Message(text, **values).in_language(self.language)


Answering = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class DeskEndpoint:
    """An address, who may ask it, and what answers."""

    path: str
    may: May
    answer: Answering
    method: Literal["GET", "POST"] = "GET"


NOT_THERE = Message("there is no such page, or not for you")


class NotThere(Exception):
    """There is no such thing, or not for who asks: the answer is the same, so that nobody can find out which. Who knows
    already may be told the `problem`."""

    def __init__(self, problem: Message = NOT_THERE) -> None:
        super().__init__(problem)
        self.problem = problem


NOT_LET_IN = Message("you are signed in, but the desk knows no such account, or it is disabled; ask an administrator")

ENDPOINTS: list[DeskEndpoint] = []
"""Every address of the desk but its static files, which anybody may read; `endpoint` adds to it."""


def endpoint(path: str, may: May, method: Literal["GET", "POST"] = "GET") -> Callable[[Answering], Answering]:
    """Mark a function as what answers an address, for those who may ask it."""

    def add(answer: Answering) -> Answering:
        ENDPOINTS.append(DeskEndpoint(path, may, answer, method))
        return answer

    return add


def routes() -> list[Route]:
    """All endpoints as Starlette has them: an address that is written out before one that anything may stand in."""
    ordered = sorted(ENDPOINTS, key=lambda e: [part.startswith("{") for part in e.path.split("/")])
    return [Route(e.path, partial(_answer, e), methods=[e.method], name=f"{e.method} {e.path}") for e in ordered]


async def no_such_page(request: Request, error: Exception) -> Response:
    """What is answered at an address that is none, or to a method that it has not."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if request.method not in ("GET", "HEAD"):
        return PlainTextResponse("not possible", status, error.headers if isinstance(error, HTTPException) else None)
    return await to_thread.run_sync(_not_there, request, status)


def _not_there(request: Request, status: int) -> Response:
    return _answered(request, lambda visit: _fault(visit, status, NOT_THERE))


async def _answer(endpoint: DeskEndpoint, request: Request) -> Response:
    desk: Desk = request.app.state.desk
    if endpoint.method == "GET":
        return await to_thread.run_sync(lambda: _admitted(endpoint, request, endpoint.answer))
    if not desk.reach.is_own_page(request):
        return PlainTextResponse("cross-site request refused", 403)
    admitted: list[Visit] = []

    def admit(visit: Visit) -> Response:
        admitted.append(visit)
        return Response()

    refused = await to_thread.run_sync(lambda: _admitted(endpoint, request, admit))
    if not admitted:
        return refused
    form = await _form(request)
    if isinstance(form, Response):
        return form
    return await to_thread.run_sync(_caught, replace(admitted[0], form=form), endpoint.answer)


async def _form(request: Request) -> dict[str, list[str]] | Response:
    body = bytearray()
    with move_on_after(FORM_S) as limit:
        async for block in request.stream():
            body += block
            if len(body) > LARGEST_FORM:
                return PlainTextResponse("too large", 413)
    if limit.cancelled_caught:
        return PlainTextResponse("too slow", 408)
    form: dict[str, list[str]] = {}
    try:
        fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return PlainTextResponse("too many fields", 400)
    for name, value in fields:
        form.setdefault(name, []).append(value)
    return form


def _admitted(endpoint: DeskEndpoint, request: Request, answer: Answering) -> Response:
    """What `answer` says to somebody who may ask, and what is said to others."""

    def to_who_may(visit: Visit) -> Response:
        if endpoint.may == "anybody":
            return answer(visit)
        if visit.user is None:
            return _sign_in_first(visit)
        if endpoint.may != "signed-in" and not all(map(visit.user.may, _rights(endpoint.may))):
            return _fault(visit, 403, Message("your account may not do this"))
        return answer(visit)

    return _answered(request, to_who_may)


def _rights(may: Right | tuple[Right, ...]) -> tuple[Right, ...]:
    return may if isinstance(may, tuple) else (may,)


def _answered(request: Request, answer: Answering) -> Response:
    """What `answer` says to who asks: whom a trusted proxy names, else whose session it is."""
    desk: Desk = request.app.state.desk
    stranger = Visit(request, desk, None)

    def to_who_asks(visit: Visit) -> Response:
        named = desk.reach.named_account(request)
        if named is not None:
            user = proxied_user(desk, named, visit.address)
            return answer(replace(visit, user=user)) if user else _fault(visit, 403, NOT_LET_IN)
        session = request.cookies.get(session_cookie(desk), "")
        user = desk.sessions.user_of(session) if session else None
        return answer(replace(visit, user=user, session=session if user else ""))

    return _caught(stranger, to_who_asks)


def _caught(visit: Visit, answer: Answering) -> Response:
    try:
        response = answer(visit)
    except NotThere as gone:
        response = _fault(visit, 404, gone.problem)
    except CallQAError as error:
        response = _fault(visit, 409, error)
    response.headers.setdefault("content-security-policy", page_policy(visit.nonce, _sign_out_place(visit.desk)))
    return response


def _fault(visit: Visit, status: int, problem: Message | CallQAError) -> Response:
    return visit.page("fault.html", status, problem=problem)


def _sign_in_first(visit: Visit) -> Response:
    request = visit.request
    if request.method not in ("GET", "HEAD") or visit.partial:
        return PlainTextResponse(visit.say("sign in again"), 401)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?to={quote(back, safe='')}", 303)


def session_cookie(desk: Desk) -> str:
    """The name of the cookie that holds a session's secret; by TLS one that no neighbour of ours can set."""
    return f"__Host-{SESSION_COOKIE}" if desk.settings.desk.secure else SESSION_COOKIE


def _sign_out_place(desk: Desk) -> str:
    """The origin that signing out leads to, as a form has to be allowed to go there."""
    parts = urlsplit(desk.settings.desk.proxy_sign_out or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
