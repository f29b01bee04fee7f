"""Desks on homes of hand-made calls, and browsers' requests to them without a browser or a server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.testclient import TestClient

from desk.app import make_app
from desk.context import Desk, make_desk
from desk.rights import AccountRole
from desk.routing import session_cookie
from pipeline.datatypes import Judged
from pipeline.results.store import build_database
from pipeline.settings import Settings, load_settings
from pipeline.storage.home import Home
from tests.support.browser import Browser
from tests.support.factories import make_night, recorded, save

PASSWORD = "long enough"
ORIGIN = {"sec-fetch-site": "same-origin"}


def settings_of(home: Path) -> Settings:
    settings = load_settings()
    return settings.model_copy(update={"paths": settings.paths.model_copy(update={"home": home})})


def make_small_desk(folder: Path, calls: int = 12) -> tuple[Desk, Sequence[Judged]]:
    """A desk on some calls with recordings, published."""
    home, settings = Home(folder / "home"), settings_of(folder / "home")
    night = [recorded(judged, folder / "inbox" / f"{judged.call.cdr.call_id}.wav", 4.0) for judged in make_night(calls)]
    save(home, night, str(folder / "inbox"))
    build_database(home, settings)
    return make_desk(settings, dict), night


def signed_in(
    desk: Desk, role: AccountRole, name: str = "", teams: tuple[str, ...] = (), agent_id: str | None = None
) -> TestClient:
    """A browser of somebody with such an account, which is made where there is none."""
    client = stranger(desk)
    client.cookies.set(session_cookie(desk), session_of(desk, role, name or role, teams, agent_id))
    return client


def session_of(
    desk: Desk, role: AccountRole, name: str, teams: tuple[str, ...] = (), agent_id: str | None = None
) -> str:
    """The secret of a session of an account, which is made, with PASSWORD, where there is none."""
    if desk.accounts.get(name) is None:
        desk.accounts.make(name, role, PASSWORD, teams=teams, agent_id=agent_id)
    return desk.sessions.begin(name, "password")


def stranger(desk: Desk) -> TestClient:
    """A browser that nobody has signed in with."""
    address = desk.settings.desk.address or "http://127.0.0.1:8642"
    return TestClient(make_app(desk), address, follow_redirects=False, headers={"accept-language": "en"})


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """The address of a desk that a real server shows, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(make_app(desk), host="127.0.0.1", port=port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the desk does not start"
        assert time.monotonic() < end, "the desk does not start in time"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(5)
        server.force_exit = True
        thread.join(10)


def sign_in(
    page: Browser, address: str, desk: Desk, role: AccountRole, name: str = "", teams: tuple[str, ...] = (),
    agent_id: str | None = None, language: str = "en",
) -> None:  # fmt: skip
    """Sign a browser in as somebody with such an account, which is made where there is none."""
    name = name or f"browser-{role}"
    page.set_cookie(address, session_cookie(desk), session_of(desk, role, name, teams, agent_id))
    page.set_cookie(address, "callqa-language", language)
