"""``callqa desk``: the web application on the nights' results."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.root import app, command
from flows.language import say
from flows.options import flag, read_settings
from pipeline.errors import CallQAError
from pipeline.messages import Message


@command(
    app,
    "desk",
    say("Open the review desk: a web application on the nights' results. The first time it prints a link that makes "
        "the first account."),
    ("desk", say("on this machine alone")),
    ("desk --port 9000", say("at another port")),
    ("desk --demo", say("on the samples, to look at")),
)  # fmt: skip
def desk_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help=say("Port; 0 takes one that is free."))] = 8642,
    demo: Annotated[bool, flag("--demo", say("On the samples, in a home of its own."))] = False,
) -> None:
    import uvicorn

    from desk.app import make_app
    from desk.context import make_desk
    from flows.demo import demo_settings
    from flows.rulebooks import KeptRulebooks

    settings = demo_settings() if demo else read_settings()
    if not settings.paths.home.is_dir():
        raise CallQAError(
            Message("{home}: no callqa home is there; `callqa nightly` makes it", home=settings.paths.home)
        )
    desk = make_desk(settings, KeptRulebooks(settings))
    server = uvicorn.Server(
        uvicorn.Config(make_app(desk), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    )
    address = f"http://127.0.0.1:{port}"
    if not desk.accounts.any():
        token = desk.accounts.make_link("administrator")
        print(say("make the first account (this link works once): {link}", link=f"{address}/new-account/{token}"))
    print(say("the desk is at {address}; Ctrl-C ends it", address=address))
    server.run()
