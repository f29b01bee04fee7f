"""Proposals, effects and the agent's page in a real browser: they shut nobody out, and fit a telephone."""

from __future__ import annotations

import pytest

from desk.context import Desk
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.desks import ORIGIN, sign_in, signed_in
from tests.support.improved_teams import hold_session, make_improved_desk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_improved_desk(tmp_path_factory.mktemp("desk"))
    for agent in ("A1", "A2", "A3", "1001"):
        hold_session(desk, agent, ("closing",))
    root = signed_in(desk, "administrator", "root")
    page = root.get("/releases?list=agent%3D1001").text
    token = page.split('name="token" value="')[1].split('"')[0]
    assert root.post("/releases", data={"list": "agent=1001", "token": token}, headers=ORIGIN).status_code == 200
    return desk


def test_what_is_told_shuts_nobody_out(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    session = desk.reviews.file
    with session.reading() as rows:
        ref = rows.execute("SELECT ref FROM coaching_sessions WHERE agent_id = 'A1'").fetchone()[0]
    for language, dark, width in (("en", False, 1280), ("zh", True, 390)):
        there.emulate(dark=dark)
        there.viewport(width, 800, mobile=width < 600)
        sign_in(there, address, desk, "coach", "co", ("A", "B"), language=language)
        for path in ("/coaching/proposals", "/coaching/helped", "/coaching", f"/coaching/{ref}"):
            look(there, address + path, width)
        sign_in(there, address, desk, "agent", "mei", agent_id="1001", language=language)
        look(there, f"{address}/my", width)
    there.emulate(dark=False)
    there.viewport(1280, 800)


def look(there: Browser, address: str, width: int) -> None:
    there.open(address)
    assert barriers(there) == [], address
    assert there.run("innerWidth") == width, address
    assert there.run("document.documentElement.scrollWidth <= innerWidth"), address
