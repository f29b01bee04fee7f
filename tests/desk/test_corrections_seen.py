"""A turn is corrected and the correction undone in a real browser, by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from desk.context import Desk
from pipeline.reviews.corrections import corrections_of
from pipeline.storage.home import Home
from tests.support.axe import barriers
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.corrected_homes import desk_on, judge_all, judged, put_in, sample
from tests.support.desks import served, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    home = Home(tmp_path_factory.mktemp("corrected") / "home")
    put_in(home, sample())
    judge_all(home)
    return desk_on(home)


@pytest.fixture(scope="module")
def page(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    chromium_or_skip()
    with served(desk) as address, browser(tmp_path_factory.mktemp("profile")) as there:
        sign_in(there, address, desk, "reviewer")
        yield there, address


def test_a_turn_is_given_to_the_other_side_and_taken_back_by_keyboard(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    sha256 = sample().sha256
    before = judged(desk.home, sha256).judged
    there.open(f"{address}/calls/{desk.call_ids.of(sha256)}")
    there.wait_for("document.querySelector('#turn-0.agent .turn-menu summary')")
    there.run("document.querySelector('#turn-0 .turn-menu summary').focus()")
    there.press("Enter")
    there.wait_for("document.querySelector('#turn-0 .turn-menu').open")
    assert barriers(there, "'#transcript'") == []
    there.press("Escape")
    there.wait_for("!document.querySelector('#turn-0 .turn-menu').open")
    assert there.run("document.activeElement.matches('#turn-0 .turn-menu summary')")
    there.press("Space")
    there.wait_for("document.querySelector('#turn-0 .turn-menu').open")
    there.press("Tab")
    assert there.run("document.activeElement.value") == "customer"
    there.press("Enter")
    there.wait_for("location.search === '?corrected=1' && document.querySelector('#turn-0.customer')")
    assert barriers(there, "'.callhead'") == []
    assert there.run("document.querySelector('.results').open")
    assert judged(desk.home, sha256).corrected is not None
    # on to what undoes it: the panel's own button, and then out of the panel
    there.run("document.querySelector('.acts button').focus()")
    there.press("Escape")
    there.wait_for("!document.querySelector('.results').open")
    assert there.run("document.activeElement.matches('.results > summary')")
    there.press("Shift+Tab")
    assert there.run("document.activeElement.textContent.trim()") == "Undo the last correction"
    there.press("Enter")
    there.wait_for("document.querySelector('#turn-0.agent') && document.querySelector('.acts .undone')")
    assert judged(desk.home, sha256).judged == before
    assert corrections_of(desk.reviews, sha256).acts[0].undone_by == "browser-reviewer"
    there.viewport(390, 800, mobile=True)
    there.emulate(dark=True)
    there.open(f"{address}/corrections")
    assert barriers(there) == []
    assert [url for url in there.requests if not url.startswith((address, "data:", "blob:"))] == []
