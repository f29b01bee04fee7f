"""Desks on homes of hand-made calls, and browsers' requests to them without a browser or a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.testclient import TestClient

from desk.app import make_app
from desk.context import Desk, make_desk
from desk.rights import AccountRole
from pipeline.datatypes import Judged
from pipeline.results.store import build_database
from pipeline.settings import Settings, load_settings
from pipeline.storage.home import Home
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
    name = name or role
    desk.accounts.make(name, role, PASSWORD, teams=teams, agent_id=agent_id)
    client = stranger(desk)
    answer = client.post("/sign-in", data={"name": name, "password": PASSWORD}, headers=ORIGIN)
    assert answer.status_code == 303, answer.text
    return client


def stranger(desk: Desk) -> TestClient:
    """A browser that nobody has signed in with."""
    return TestClient(make_app(desk), follow_redirects=False, headers={"accept-language": "en"})
