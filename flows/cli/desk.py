"""``callqa desk``: the web application on the nights' results."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.root import app, command
from flows.language import say
from flows.options import flag, read_settings
from pipeline.errors import CallQAError
from pipeline.messages import Message

if TYPE_CHECKING:
    from pipeline.settings.desk import DeskSettings


BACKLOG = 2048
"""Browsers that may wait to be answered."""


@command(
    app,
    "desk",
    say("Open the review desk: a web application on the nights' results. The first time it prints a link that makes "
        "the first account; `callqa user` makes others."),
    ("desk", say("on this machine alone")),
    ("desk --port 9000", say("at another port")),
    ("desk --demo", say("on the samples, to look at")),
)  # fmt: skip
def desk_command(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help=say("Address to listen at, instead of desk.host."))
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help=say("Port; 0 takes one that is free; instead of desk.port."))
    ] = None,
    demo: Annotated[bool, flag("--demo", say("On the samples, in a home of its own."))] = False,
) -> None:
    from desk.access.proxies import is_this_machine, link_address
    from desk.app import make_app
    from desk.context import make_desk
    from flows.demo import demo_settings, fill_demo
    from flows.rulebooks import KeptRulebooks

    settings = demo_settings() if demo else read_settings()
    books = KeptRulebooks(settings)
    if demo:
        fill_demo(settings, books)
    if not settings.paths.home.is_dir():
        raise CallQAError(
            Message("{home}: no callqa home is there; `callqa nightly` makes it", home=settings.paths.home)
        )
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"desk": settings.desk.model_copy(update=given)})
    desk = make_desk(settings, books)
    listening = _listening(settings.desk)
    address = _address(settings.desk, listening)
    there = say("the desk is at {address}; Ctrl-C ends it", address=settings.desk.address or address)
    server = _server(make_app(desk), settings.desk, lambda: print(there, flush=True))
    if not desk.accounts.any():
        link = link_address(settings.desk, desk.accounts.make_first_link(), address)
        print(say("make the first account (this link works once): {link}", link=link))
    if not is_this_machine(settings.desk.host) and not settings.desk.secure:
        print(
            say(
                "warning: others can read along what goes over the network; put a proxy with TLS in front and set "
                "desk.address, or set desk.certificate and desk.key"
            )
        )
    if demo:
        print(say("for other commands on the samples: callqa --home {home} …", home=settings.paths.home))
    threading.Thread(target=books.warm, name="warm rulebooks", daemon=True).start()
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has ended all requests by then
        print()
    # A thread that compiles rules or makes an index just now would abort the process as the interpreter ends.
    sys.stdout.flush()
    os._exit(0)


def _listening(settings: DeskSettings) -> socket.socket:
    """A socket at the desk's address. Raises CallQAError where that is not to be had."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(BACKLOG)  # whoever follows the printed address too early waits, and is not refused
    except OSError as error:
        raise CallQAError(
            Message(
                "{host}:{port}: the desk cannot listen there ({error}); choose another port (--port) or address",
                host=settings.host, port=settings.port, error=error.strerror or type(error).__name__,
            )
        ) from error  # fmt: skip
    return listening


def _address(settings: DeskSettings, listening: socket.socket) -> str:
    """Where a browser of this machine finds the desk."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http{'s' if settings.certificate else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def _server(application: Any, settings: DeskSettings, ready: Callable[[], None]) -> Any:
    """A server that logs no request and says nothing of itself; `ready` is called once it answers, and Ctrl-C with it.

    Raises CallQAError for a certificate that is none.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    config = uvicorn.Config(
        application,
        workers=1,
        log_level="critical",  # errors are in logs/error.log, without what passed through
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whom to believe is said in the settings (`desk.access.proxies`)
        ws="none",
        lifespan="off",
        limit_concurrency=500,
        h11_max_incomplete_event_size=32_768,
        http="h11",
        timeout_graceful_shutdown=5,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise CallQAError(
            Message(
                "desk.certificate, desk.key: cannot be used ({error})", error=error.strerror or type(error).__name__
            )
        ) from error
    return Server(config)
