"""The tour of docs/desk.md, step by step in a browser, on the sample calls. Its pictures are made here:

CALLQA_PICTURES=docs/desk .venv/bin/pytest tests/desk/test_tour.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from desk.context import Desk
from pipeline.settings import CHECKOUT
from tests.support.browser import Browser, browser
from tests.support.desks import served, sign_in
from tests.support.sample_desks import make_sample_desk

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("desk")]

CALL = "20261118-152633-412-repair"
AGENT = "412"


@dataclass(frozen=True)
class Tour:
    """A desk that is served, a browser, and a folder for its pictures."""

    desk: Desk
    address: str
    page: Browser
    folder: Path

    def as_(self, role: str, **account: str) -> None:
        sign_in(self.page, self.address, self.desk, role, language="en", **account)  # type: ignore[arg-type]

    def open(self, path: str) -> None:
        self.page.open(self.address + path)

    def picture(self, name: str) -> None:
        self.page.screenshot(self.folder / f"{name}.png", whole=False)
        assert (self.folder / f"{name}.png").stat().st_size > 10_000

    @property
    def call(self) -> str:
        """The address of the call that is looked at."""
        with self.desk.snapshot.reading() as reader:
            sha256 = reader.value("SELECT sha256 FROM calls WHERE call_id = $call", {"call": CALL})
        return f"/calls/{self.desk.call_ids.of(sha256)}"


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    folder = tmp_path_factory.mktemp("tour")
    pictures = Path(os.environ.get("CALLQA_PICTURES", folder / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    desk = make_sample_desk(folder)
    with served(desk) as address, browser(folder / "profile") as page:
        page.viewport(1280, 860)
        yield Tour(desk, address, page, pictures)
        assert page.complaints == []
        assert all(url.startswith((address, "data:")) for url in page.requests)


def test_the_list_finds_what_was_said(tour: Tour) -> None:
    tour.as_("administrator", name="chen")
    tour.open("/calls")
    tour.page.wait_for("document.querySelectorAll('tbody tr').length >= 12")
    tour.picture("list")


def test_a_call_shows_what_its_verdicts_rest_on(tour: Tour) -> None:
    tour.as_("administrator", name="chen")
    tour.open(tour.call)
    tour.page.wait_for("document.querySelectorAll('.verdict.fail').length > 3", 30)
    tour.page.wait_for("document.querySelector('#player audio').src", 60)
    tour.picture("call")


def test_a_verdict_is_answered_by_keys(tour: Tour) -> None:
    tour.as_("reviewer", name="li.mei")
    tour.open(tour.call)
    tour.page.wait_for("document.querySelectorAll('.verdict.fail').length > 3", 30)
    tour.page.press("n")
    tour.page.press("a")
    tour.page.wait_for("document.body.innerText.includes('li.mei')", 15)
    tour.page.press("n")
    tour.page.press("o")
    opened = (".verdict details[open] textarea", ".verdict form:not([hidden]) textarea")
    tour.page.wait_for(f"document.querySelector('{', '.join(opened)}')", 15)
    tour.picture("review")


def test_a_released_result_is_seen_and_answered_by_its_agent(tour: Tour) -> None:
    tour.as_("administrator", name="chen")
    tour.open(tour.call)
    tour.page.click("form[action$='/release'] button")
    tour.page.wait_for("document.body.innerText.includes('released')", 15)
    tour.as_("agent", name="megan", agent_id=AGENT)
    tour.open(tour.call)
    tour.page.wait_for("document.querySelector('form[action$=\"/acknowledge\"]')", 15)
    tour.picture("agent")


def test_a_coaching_session_is_prepared(tour: Tour) -> None:
    tour.as_("administrator", name="chen")
    tour.open(f"/coaching/new?agent={AGENT}&rule=anything-else&rule=closing")
    tour.page.click("textarea[name=practise]")
    tour.page.type("Ask whether there is anything else, and wait for the answer")
    tour.page.click("form.plan button.main")
    tour.page.wait_for("document.querySelectorAll('.offered').length === 3", 30)
    for chosen in (1, 2):
        tour.page.run(f"document.querySelectorAll('.offered')[{chosen - 1}].querySelector('button.add').click()")
        tour.page.wait_for(f"document.querySelectorAll('.excerpts .excerpt').length === {chosen}", 15)
    tour.picture("coaching")


def test_the_pages_say_nothing_of_pictures_that_are_not_there() -> None:
    for page in ("desk.md", "desk.zh-CN.md", "coaching.md", "coaching.zh-CN.md"):
        named = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (CHECKOUT / "docs" / page).read_text("utf-8"))
        assert named
        assert [name for name in named if not (CHECKOUT / "docs" / name).is_file()] == []
