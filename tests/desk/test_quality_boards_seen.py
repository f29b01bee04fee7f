"""The dashboards of rules, complaints, appeals, effort, hearing and the month, in a browser: they shut nobody out."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import pytest

from desk.context import Desk
from pipeline.reviews.appeals import AppealRules, appeal
from pipeline.reviews.releases import release
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.working_days import WorkingDays
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.complaining import COMPLAINT, make_complaining_desk
from tests.support.desks import sign_in
from tests.support.people import result_of, say, stored

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]

BOARDS = ("rules", "complaints", "appeals", "effort", "hearing", "month")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with complaints; one of them was reviewed, and appealed against."""
    desk, night = make_complaining_desk(tmp_path_factory.mktemp("desk"), 12)
    judged = night[1]
    rules = AppealRules(WorkingDays(ZoneInfo("Asia/Shanghai")))
    agent = judged.call.cdr.agent_id or ""
    with desk.reviews.file.writing() as rows:
        release(rows, "chen", 2, "r", result_of(judged))
        appeal(rows, agent, agent, "a", judged.call.sha256, COMPLAINT, "please", rules, time.time())
    say(desk.reviews, "li", verdict_keys(stored(judged))[COMPLAINT], "pass")
    return desk


def test_the_pages_shut_nobody_out(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    for dark, language in ((False, "en"), (True, "zh")):
        sign_in(there, address, desk, "administrator", "boss", language=language)
        there.emulate(dark=dark)
        there.viewport(*((390, 800) if dark else (1280, 900)), mobile=dark)
        for board in BOARDS:
            there.open(f"{address}/dashboard/{board}?show=all")
            assert barriers(there) == [], board
            assert there.run("document.querySelector('main table') !== null"), board
            if dark:
                assert there.run("document.documentElement.scrollWidth") == 390, board
    assert there.complaints == []


def test_the_month_is_printed_with_room_to_sign(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    sign_in(there, address, desk, "administrator", "boss")
    there.viewport(1280, 900)
    for printed, expected in ((False, {"form": True, "signed": False}), (True, {"form": False, "signed": True})):
        there.emulate(printed=printed)
        there.open(f"{address}/dashboard/month")
        shown = {
            "form": there.run("document.querySelector('form.frame').offsetHeight > 0"),
            "signed": there.run("document.querySelector('.signatures').offsetHeight > 0"),
        }
        assert shown == expected
    there.emulate()
