"""The list of calls in a real browser: by keys alone, on a wide and a narrow screen, back and forth."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.context import Desk
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.desks import sign_in
from tests.support.varied_calls import make_varied_desk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_varied_desk(tmp_path_factory.mktemp("seen"), 60)[0]


@pytest.fixture(scope="module", autouse=True)
def _signed_in(page: tuple[Browser, str], desk: Desk) -> None:
    sign_in(*page, desk, "administrator")


def test_the_list_is_searched_walked_and_gone_back_to_by_keys_alone(page: tuple[Browser, str], tmp_path: Path) -> None:
    there, address = page
    there.viewport(1280, 800)
    there.open(f"{address}/calls")
    assert barriers(there) == []
    there.press("/")
    there.wait_for("document.activeElement.id === 'q'")
    there.compose("tui")  # its letters, a J among them, are the input method's
    there.type("退款")
    there.press("Enter")
    there.wait_for("document.querySelectorAll('tr.quotes mark').length > 0")
    assert there.run("decodeURIComponent(location.search)") == "?q=退款"
    assert there.run("document.querySelector('tr.quotes mark').textContent") == "退款"
    assert barriers(there) == []
    there.press("Escape")
    there.press("j")
    there.press("j")
    there.press("k")
    first = "document.querySelector('tr.call th a')"
    there.wait_for(f"document.activeElement === {first}")
    opened = there.run(f"{first}.pathname")
    there.press("Enter")
    there.wait_for(f"location.pathname === '{opened}' && document.readyState === 'complete'")
    there.run("history.back()")
    there.wait_for("location.pathname === '/calls' && document.querySelectorAll('tr.quotes mark').length > 0")
    assert there.run("document.querySelector('#q').value") == "退款"
    there.screenshot(tmp_path / "list.png")
    assert there.complaints == []


def test_filters_add_up_in_the_address_and_back_takes_one_away(page: tuple[Browser, str]) -> None:
    there, address = page
    there.open(f"{address}/calls")
    there.click(".filters summary")
    there.run("document.querySelector('[name=team]').value = '一组'")
    there.run("document.querySelector('[name=team]').dispatchEvent(new Event('change', {bubbles: true}))")
    there.wait_for("location.search.includes('team=')")
    there.run("document.querySelector('[name=add_rule]').value = 'closing'")
    there.run("document.querySelector('[name=add_rule]').dispatchEvent(new Event('change', {bubbles: true}))")
    there.wait_for(
        "location.search.includes('rule=closing%3Afail') && document.querySelectorAll('a.filter').length === 2"
    )
    there.click("thead th:last-child a")
    there.wait_for("location.search.includes('sort=score') && location.search.includes('rule=')")
    there.run("history.back()")
    there.wait_for("!location.search.includes('sort=') && document.querySelectorAll('a.filter').length === 2")
    there.click("a.filter")
    there.wait_for("!location.search.includes('team=') && location.search.includes('rule=')")
    assert there.complaints == []


def test_the_list_fits_a_narrow_dark_screen(page: tuple[Browser, str]) -> None:
    there, address = page
    there.viewport(390, 800, mobile=True)
    there.emulate(dark=True)
    there.open(f"{address}/calls?q=refund&team=EN&score_from=0")
    there.wait_for("document.readyState === 'complete'")
    assert there.run("document.documentElement.scrollWidth") == 390
    assert barriers(there) == []
    there.viewport(1280, 800)
    there.emulate()
