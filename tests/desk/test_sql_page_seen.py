"""The SQL page in a real browser: an editor with good manners, names put in by a click, a query that is left."""

from __future__ import annotations

import pytest

from desk.context import Desk
from tests.desk.test_sql_page import queries, wait_for
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.desks import make_small_desk, sign_in
from tests.support.hostile_pages import SCRIPT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]

VALUE = "document.getElementById('sql').value"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 4)[0]


@pytest.fixture(scope="module", autouse=True)
def _signed_in(page: tuple[Browser, str], desk: Desk) -> None:
    sign_in(*page, desk, "administrator", "boss")


def test_a_query_is_written_and_asked_by_keyboard_and_shuts_nobody_out(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    there.viewport(1280, 900)
    there.open(f"{address}/sql")
    there.click("#sql")
    there.type(f"SELECT '{SCRIPT}' || agent_name AS agent, count(*) AS calls\nFROM")
    there.click("#find")
    there.type("agent_day")
    there.wait_for("document.querySelectorAll('.schema .table:not([hidden])').length === 1")
    there.run("document.querySelector('.schema .table:not([hidden])').open = true")
    there.click("[data-insert=agent_day]")
    assert there.run(VALUE).endswith("\nFROM agent_day")
    there.press("Home")
    there.press("Tab")
    assert there.run(VALUE).endswith("\n  FROM agent_day")
    there.press("Shift+Tab")
    assert there.run(VALUE).endswith("\nFROM agent_day")
    there.press("End")
    there.type(" GROUP BY 1")
    there.press("Control+Enter")
    there.wait_for("document.querySelector('#answers svg')")
    assert there.run("document.activeElement.id") == "sql"
    there.wait_for("document.getElementById('told').textContent.includes(' rows')")
    for dark in (False, True):
        there.emulate(dark=dark)
        assert barriers(there) == [], dark
    there.emulate()
    there.press("Escape")
    there.press("Tab")
    assert there.run("document.activeElement.id") == "run"
    there.viewport(390, 800, mobile=True)
    assert there.run("document.documentElement.scrollWidth") == 390
    sign_in(there, address, desk, "administrator", "boss", language="zh")
    there.open(f"{address}/sql")
    there.click(".begin summary")
    assert there.run("document.documentElement.scrollWidth") == 390
    assert barriers(there) == []
    there.viewport(1280, 900)
    assert there.run("window.hit === undefined")
    assert there.complaints == []


def test_a_query_that_is_left_ends(page: tuple[Browser, str]) -> None:
    there, address = page
    there.open(f"{address}/sql")
    there.click("#sql")
    there.type("SELECT pg_sleep(50)")
    there.press("Control+Enter")
    there.wait_for("!document.getElementById('stop').hidden")
    wait_for(lambda: len(queries()) == 1)
    there.open(f"{address}/account")
    wait_for(lambda: queries() == [])
