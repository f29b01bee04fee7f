"""The SQL page in a real browser: an editor with good manners, names put in by a click, a query that is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from desk.context import Desk
from tests.desk.test_sql_page import queries, wait_for
from tests.support.axe import barriers
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.desks import make_small_desk, served, sign_in
from tests.support.hostile_pages import SCRIPT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]

VALUE = "document.getElementById('sql').value"
SHOWN = f"SELECT '{SCRIPT}' || agent_name AS agent, count(*) AS calls FROM calls GROUP BY 1; FROM agent_day LIMIT 3"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 4)[0]


@pytest.fixture(scope="module")
def page(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    chromium_or_skip()
    with served(desk) as address, browser(tmp_path_factory.mktemp("profile")) as there:
        sign_in(there, address, desk, "administrator", "boss")
        yield there, address


def test_a_query_is_written_and_asked_by_keyboard(page: tuple[Browser, str]) -> None:
    there, address = page
    there.open(f"{address}/sql")
    there.click("#sql")
    there.type("SELECT count(*) AS n\nFROM")
    there.click("#find")
    there.type("complaint")
    there.wait_for("document.querySelectorAll('.schema .table:not([hidden])').length < 12")
    there.run("document.querySelector('.schema .table[data-name^=\"complaints\"]').open = true")
    there.click("[data-insert=complaints]")
    assert there.run(VALUE) == "SELECT count(*) AS n\nFROM complaints"
    there.press("Home")
    there.press("Tab")
    assert there.run(VALUE).endswith("\n  FROM complaints")
    there.press("Shift+Tab")
    assert there.run(VALUE).endswith("\nFROM complaints")
    there.press("Control+Enter")
    there.wait_for("document.querySelector('#answers td.num')?.textContent")
    assert there.run("document.activeElement.id") == "sql"
    assert there.run("document.getElementById('told').textContent").startswith("Answer 1 row")
    there.press("Escape")
    there.press("Tab")
    assert there.run("document.activeElement.id") == "run"


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


def test_the_page_shuts_nobody_out_and_runs_nothing_that_was_said(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    there.open(f"{address}/sql")
    there.click("#sql")
    there.type(SHOWN)
    there.press("Control+Enter")
    there.wait_for("document.querySelectorAll('#answers table').length === 2")
    there.run("document.querySelector('.schema .table').open = true")
    for dark in (False, True):
        there.emulate(dark=dark)
        assert barriers(there) == [], dark
    there.emulate()
    there.viewport(390, 800, mobile=True)
    assert there.run("document.documentElement.scrollWidth") == 390
    there.click(".begin summary")
    assert there.run("document.documentElement.scrollWidth") == 390
    sign_in(there, address, desk, "administrator", "boss", language="zh")
    there.open(f"{address}/sql")
    there.run("document.querySelector('.schema .table').open = true")
    assert there.run("document.documentElement.scrollWidth") == 390
    assert barriers(there) == []
    there.viewport(1280, 900)
    assert there.run("window.hit === undefined")
    assert there.complaints == []
