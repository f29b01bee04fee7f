"""A coaching session in a browser, from the list to the agent's acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.reviews.coaching import all_coaching
from tests.support.axe import barriers
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.coached_desks import CoachedDesk, make_coached_desk
from tests.support.desks import served, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> CoachedDesk:
    return make_coached_desk(tmp_path_factory.mktemp("coached"))


@pytest.fixture(scope="module")
def page(house: CoachedDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    chromium_or_skip()
    with served(house.desk) as address, browser(tmp_path_factory.mktemp("profile")) as page:
        yield page, address


def test_a_session_is_prepared_held_and_acknowledged(page: tuple[Browser, str], house: CoachedDesk) -> None:
    there, address = page
    sign_in(there, address, house.desk, "coach", "zhou", ("一组",))
    there.open(f"{address}/coaching")
    assert barriers(there) == []
    there.click("a.button.main")
    there.wait_for("document.querySelector('main tbody')")
    assert "1001" in there.run("document.querySelector('main tbody tr').textContent"), "who met the rules least"
    assert barriers(there) == []
    there.click("main tbody a.button")
    there.wait_for("document.querySelector('form.plan')")
    chosen = there.run("[...document.querySelectorAll('input[name=rule]:checked')].map((each) => each.value)")
    assert chosen == ["booking"], "the rule that the agent met least"
    there.click("input[value=closing]")
    there.click("textarea[name=practise]")
    there.type("say goodbye")
    assert barriers(there) == []
    there.click("form.plan button.main")
    there.wait_for("document.readyState === 'complete' && document.querySelector('.offers button.add')")
    for kind, chosen in (("flagged", 1), ("good", 2)):
        there.run(f"document.querySelectorAll('.offered')[{chosen - 1}].querySelector('.offer').focus()")
        there.press("A")
        there.wait_for(f"document.querySelectorAll('.excerpts .excerpt').length === {chosen}")
        assert there.run(f"document.querySelectorAll('.excerpts .excerpt')[{chosen - 1}].classList.contains('{kind}')")
        there.wait_for("document.activeElement.matches('.excerpt, .offer')")
    there.click("#later-" + there.run("document.querySelector('.excerpts .excerpt').id.slice(8)"))
    there.wait_for("document.querySelector('.excerpts .excerpt').matches('.good')")
    there.wait_for("document.activeElement.closest('.excerpt').matches('.flagged')")
    there.press("K")
    assert there.run("document.activeElement.matches('.excerpt.good')")
    for dark, width in ((False, 1280), (True, 390)):
        there.emulate(dark=dark)
        there.viewport(width, 900, mobile=width == 390)
        assert barriers(there) == []
        assert there.run("document.documentElement.scrollWidth") <= width
    there.emulate(dark=False)
    there.viewport(1280, 900)
    there.click(".hold summary")
    there.click(".hold button.main")
    there.wait_for("document.querySelector('.session-head .chip.unsure')")
    with house.desk.reviews.file.reading() as rows:
        (session,) = all_coaching(rows)
    sign_in(there, address, house.desk, "agent", "mei", agent_id="1001")
    there.open(f"{address}/my/coaching")
    assert barriers(there) == []
    there.click("ul.mine a")
    there.wait_for("document.querySelector('.excerpts .excerpt')")
    assert barriers(there) == []
    text = there.run("document.querySelector('main').textContent")
    assert "say goodbye" in text
    assert "王强" not in text
    there.click(".practise button.main")
    there.wait_for("document.querySelector('.practise .chip.pass')")
    with house.desk.reviews.file.reading() as rows:
        assert [each.state for each in all_coaching(rows)] == ["acknowledged"]
    assert there.complaints == []
    assert session.rules
