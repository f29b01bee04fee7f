"""Around every answer: a name that is ours, headers that let a page do what ours do and nothing else, and no traceback.

Static files and answers that never reach an endpoint have the same headers as pages.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.context import Desk
from pipeline.storage.error_log import note_error

BROKEN = (
    '<!doctype html><meta charset="utf-8"><title>callqa</title>'
    '<p lang="zh">出了意外的问题，已记入 logs/error.log。'
    '<p lang="en">Something unforeseen happened; logs/error.log has it.'
    '<p><a href="/">callqa</a>'
)
"""What is answered when nobody thought of it; in both languages, as nothing more may go wrong."""

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of an answer that says none of its own."""


def page_policy(nonce: str, form_targets: str = "") -> str:
    """The policy of a page: its own files, scripts and styles with its nonce, forms to itself and `form_targets`."""
    forms = f"'self' {form_targets}".strip()
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        f"img-src 'self' data:; media-src 'self'; connect-src 'self'; font-src 'self'; form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


async def broken(request: Request, error: Exception) -> Response:
    """What is answered when nobody thought of it; the guard writes down where it was."""
    return HTMLResponse(BROKEN, 500)


class Guard:
    """The application with what holds for every answer."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk
        self._headers = {
            "content-security-policy": NOTHING,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
            "cache-control": "no-store",
        }
        if desk.settings.desk.secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not self._desk.reach.knows_host(hosts[0]):
            refusal = PlainTextResponse("not a name of this server; see desk.address and desk.hosts", 421)
            await refusal(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:
            route = scope.get("route")
            note_error(self._desk.home.root / "logs" / "error.log", error, getattr(route, "name", ""))
            if not begun:
                await HTMLResponse(BROKEN, 500)(scope, receive, send_guarded)
