"""How a request is answered: every endpoint says who may ask it; what that is not true of gets no further.

An endpoint without `may` cannot be written down. Answers are made in threads, so that endpoints are plain functions.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from desk.context import Desk
from desk.pages import page_html
from desk.rights import Right, User
from pipeline.errors import CallQAError
from pipeline.messages import Language, Message

SESSION_COOKIE = "callqa-session"
LARGEST_FORM = 1 << 20
"""Bytes of a form."""

May = Right | Literal["anybody", "signed-in"]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, whose it is, and what it needs to be answered. `user` is None where anybody may ask."""

    request: Request
    desk: Desk
    user: User | None
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
    def partial(self) -> bool:
        """Whether a part of a page is visit for, and not the whole."""
        return self.request.headers.get("hx-request") == "true"

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


class NotThere(Exception):
    """There is no such thing, or not for who asks: the answer is the same, so that nobody can find out which."""


ENDPOINTS: list[DeskEndpoint] = []
"""Every address of the desk but its static files, which anybody may read; `endpoint` adds to it."""


def endpoint(path: str, may: May, method: Literal["GET", "POST"] = "GET") -> Callable[[Answering], Answering]:
    """Mark a function as what answers an address, for those who may ask it."""

    def add(answer: Answering) -> Answering:
        ENDPOINTS.append(DeskEndpoint(path, may, answer, method))
        return answer

    return add


def routes() -> list[Route]:
    """All endpoints as Starlette has them."""
    return [Route(e.path, partial(_answer, e), methods=[e.method], name=f"{e.method} {e.path}") for e in ENDPOINTS]


async def _answer(endpoint: DeskEndpoint, request: Request) -> Response:
    desk: Desk = request.app.state.desk
    if endpoint.method != "GET" and not _same_origin(request):
        return PlainTextResponse("cross-site request refused", 403)
    form: dict[str, list[str]] = {}
    if endpoint.method != "GET":
        body = bytearray()
        async for block in request.stream():
            body += block
            if len(body) > LARGEST_FORM:
                return PlainTextResponse("too large", 413)
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000):
            form.setdefault(name, []).append(value)
    return await to_thread.run_sync(_in_thread, endpoint, request, desk, form)


def _in_thread(endpoint: DeskEndpoint, request: Request, desk: Desk, form: dict[str, list[str]]) -> Response:
    session = request.cookies.get(SESSION_COOKIE)
    user = desk.accounts.user_of(session) if session else None
    visit = Visit(request, desk, user, form)
    try:
        if endpoint.may != "anybody":
            if user is None:
                return _sign_in_first(visit)
            if endpoint.may != "signed-in" and not user.may(endpoint.may):
                return _guarded(visit, visit.page("fault.html", 403, problem=Message("your account may not do this")))
        return _guarded(visit, endpoint.answer(visit))
    except NotThere:
        return _guarded(visit, visit.page("fault.html", 404, problem=Message("there is no such page, or not for you")))
    except CallQAError as error:
        return _guarded(visit, visit.page("fault.html", 409, problem=error))


def _sign_in_first(visit: Visit) -> Response:
    request = visit.request
    if request.method != "GET" or visit.partial:
        return _guarded(visit, PlainTextResponse(visit.say("sign in again"), 401))
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _guarded(visit, RedirectResponse(f"/sign-in?to={quote(back, safe='')}", 303))


def _same_origin(request: Request) -> bool:
    """Whether the browser says that our own page sent this; with neither header it is no browser of today."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def _guarded(visit: Visit, response: Response) -> Response:
    """The answer with a policy that lets a page do what ours do and nothing else."""
    script = f"'self' 'nonce-{visit.nonce}'"
    response.headers["content-security-policy"] = (
        f"default-src 'none'; script-src {script}; style-src 'self' 'nonce-{visit.nonce}'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["referrer-policy"] = "same-origin"
    response.headers["cross-origin-opener-policy"] = "same-origin"
    response.headers["cross-origin-resource-policy"] = "same-origin"
    response.headers.setdefault("cache-control", "no-store")
    return response
