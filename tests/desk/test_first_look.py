"""The way in: the first account, the list, a call, its sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.context import Desk
from tests.support.desks import ORIGIN, PASSWORD, make_small_desk, signed_in, stranger


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"))[0]


def test_a_link_makes_the_first_account_once(tmp_path: Path) -> None:
    desk, _ = make_small_desk(tmp_path, 1)
    token = desk.accounts.make_first_link()
    browser = stranger(desk)
    assert browser.get("/calls").headers["location"] == "/sign-in?to=%2Fcalls"
    given = {"name": "root", "password": PASSWORD}
    assert browser.post(f"/new-account/{token}", data=given, headers=ORIGIN).status_code == 303
    assert browser.get("/calls").status_code == 200
    assert stranger(desk).get(f"/new-account/{token}").status_code == 404


def test_a_call_is_seen_and_heard(desk: Desk) -> None:
    browser = signed_in(desk, "administrator", "one")
    page = browser.get("/calls").text
    address = page.split('<th scope="row"><a href="')[1].split('"')[0]
    assert "服务禁语" in browser.get(address).text or "<q class=" in browser.get(address).text
    sound = browser.get(f"{address}/sound", headers={"range": "bytes=0-99"})
    assert sound.status_code == 206
    assert len(sound.content) == 100


def test_an_agent_sees_no_call_of_another(desk: Desk) -> None:
    everything = signed_in(desk, "administrator", "two").get("/calls").text
    own = signed_in(desk, "agent", "three", agent_id="1001").get("/calls").text
    assert own.count('<tr class="call">') == 0 < everything.count('<tr class="call">')
