"""The agent's page: own numbers of released calls, the team as a band and never as people, what went well."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from desk.context import Desk
from desk.reviews.own_numbers import first_week, own_rules, own_weeks
from pipeline.reviews.releases import CallResult, ReleasedVerdict
from pipeline.settings import ReviewSettings
from tests.support.desks import ORIGIN, signed_in
from tests.support.filled_weeks import FilledWeeks, fill_weeks
from tests.support.judged_desks import make_judged_desk

WEEK = date(2025, 3, 3)
"""The week of the calls of `make_judged_desk`."""


def colleagues(count: int) -> list[FilledWeeks]:
    """Agents of the first team, who pass six, seven, eight … of ten, each with as many points a call times ten."""
    first = WEEK - timedelta(weeks=3)
    return [
        FilledWeeks(f"20{n}", "一组", "greeting", first, [(6 + n, 4 - n)] * 4, 60 + 10 * n, f"同事{n}")
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk, _ = make_judged_desk(tmp_path_factory.mktemp("desk"), 9)
    root = signed_in(desk, "administrator", "root")
    token = re.findall(r'name="token" value="([^"]+)"', root.get("/releases?list=agent%3D1001").text)[0]
    released = root.post("/releases", data={"list": "agent=1001", "token": token}, headers=ORIGIN)
    assert released.status_code == 200
    return desk


def with_weeks(desk: Desk, team: int) -> None:
    own = FilledWeeks("1001", "一组", "greeting", WEEK, [(5, 5)], 75, "李梅")
    fill_weeks(desk.home.database, [*colleagues(team - 1), own])


def test_own_numbers_stand_beside_the_middle_half_of_the_team(desk: Desk) -> None:
    with_weeks(desk, 5)
    page = signed_in(desk, "agent", "mei", agent_id="1001").get("/my").text
    numbers = page.split("<h2>My numbers</h2>")[1]
    # five agents pass 50, 60, 70, 80 and 90 %
    row = next(row for row in numbers.split("<tr>") if ">greeting<" in row)
    assert "100%" in row
    assert "3/3" in row
    assert "60%–80%" in row
    assert "0%" in next(row for row in numbers.split("<tr>") if ">forbidden-phrases<" in row)
    assert "70.0–80.0" in page.split("<h2>My weeks</h2>")[1]
    assert "place" not in page
    assert "同事" not in page
    assert not re.search(r"\b20\d\b", re.sub(r"<[^>]*>", " ", page))


def test_of_a_small_team_nothing_is_told(desk: Desk) -> None:
    with_weeks(desk, 3)
    page = signed_in(desk, "agent", "mei", agent_id="1001").get("/my").text
    assert not re.search(r"\d–\d", page)
    assert "3/3" in page


def test_an_agent_without_released_calls_sees_no_number(desk: Desk) -> None:
    with_weeks(desk, 5)
    page = signed_in(desk, "agent", "qiang", agent_id="1002").get("/my").text
    assert "My numbers" not in page
    assert "No result has been released" in page


def test_the_own_place_is_told_only_where_that_is_switched_on(desk: Desk) -> None:
    with_weeks(desk, 5)
    shown = replace(desk, settings=desk.settings.model_copy(update={"reviews": ReviewSettings(show_place=True)}))
    agent = signed_in(shown, "agent", "mei", agent_id="1001")
    assert "place 3 of 5" in agent.get("/my").text
    with_weeks(desk, 3)
    assert "place" not in agent.get("/my").text


def test_what_went_well_is_heard_by_its_agent_alone(desk: Desk) -> None:
    agent = signed_in(desk, "agent", "mei", agent_id="1001")
    well = agent.get("/my").text.split("What went well")[1]
    address = re.findall(r'src="(/my/good/[^"]+)"', well)[0]
    assert "/forbidden-phrases/" not in well
    assert agent.get(address).headers["content-type"] == "audio/mpeg"
    assert signed_in(desk, "agent", "qiang", agent_id="1002").get(address).status_code == 404
    failed = re.sub(r"/[a-z-]+/sound$", "/forbidden-phrases/sound", address)
    assert agent.get(failed).status_code == 404


def result(name: str, outcome: str, score: float = 80.0, reviewed: str | None = None) -> CallResult:
    verdict = ReleasedVerdict("closing", "h", outcome, "e", 0.0, reviewed)  # type: ignore[arg-type]
    return CallResult(name, "1001", score, None, 0.0, "book", "h", "1", "f", (verdict,))


def test_numbers_are_of_what_stands_and_of_the_last_weeks() -> None:
    results = [
        (WEEK, result("a", "fail", reviewed="pass")),
        (WEEK, result("b", "unsure")),
        (WEEK - timedelta(weeks=3), result("c", "fail", 60.0)),
        (WEEK - timedelta(weeks=4), result("d", "pass")),
        (first_week(WEEK), result("e", "fail")),
        (first_week(WEEK) - timedelta(weeks=1), result("f", "pass")),
    ]
    (rule,) = own_rules(results, WEEK, {"closing": (0.6, 0.8)})
    assert (rule.passes, rule.checks, rule.passes_before, rule.checks_before) == (1, 2, 1, 2)
    assert rule.is_few
    assert not rule.is_below
    (rule,) = own_rules(results * 3, WEEK, {"closing": (0.6, 0.8)})
    assert rule.is_below
    weeks = own_weeks(results, {WEEK: (70.0, 90.0)}, 2)
    assert [(week.week, week.calls, week.score, week.low) for week in weeks] == [
        (WEEK, 2, 80.0, 70.0), (WEEK - timedelta(weeks=3), 1, 60.0, None),
    ]  # fmt: skip
