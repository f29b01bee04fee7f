"""Whom to coach in what: from published weeks, in the own teams, but not in rules that are often wrong."""

from __future__ import annotations

import re
from datetime import date, timedelta

import duckdb
import pytest

from desk.context import Desk
from pipeline.reviews.coaching import CoachingPlan, call_coaching_off, plan_coaching
from tests.support.desks import make_small_desk, signed_in
from tests.support.filled_weeks import FilledWeeks, fill_weeks

FIRST = date(2025, 1, 6)
WEEKS = 16
RULES = {"closing": "normal", "greeting": "normal", "privacy": "fatal", "apology": "normal"}


def team_of(team: str, weak: dict[str, str], agents: int = 8) -> list[FilledWeeks]:
    """Weeks of a team whose agents pass eight or nine of ten, but each of `weak` in a rule only six of late."""
    found = []
    for number in range(agents):
        agent = f"{team}-{number}"
        for rule in RULES:
            usual = (9, 1) if number % 2 else (17, 3)
            late = (6, 4) if weak.get(agent) == rule else usual
            found.append(FilledWeeks(agent, team, rule, FIRST, [usual] * 12 + [late] * 4, name=f"某{number}"))
    return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk, _ = make_small_desk(tmp_path_factory.mktemp("desk"), 4)
    weak = {"A-1": "closing", "A-2": "privacy", "A-3": "apology", "B-4": "greeting"}
    fill_weeks(desk.home.database, [*team_of("A", weak), *team_of("B", weak), *team_of("C", {"C-1": "closing"}, 3)])
    with duckdb.connect(str(desk.home.database)) as connection:
        connection.execute("DELETE FROM rules")
        for rule, severity in RULES.items():
            low = 0.4 if rule == "apology" else 0.7 if rule == "privacy" else None
            connection.execute(
                "INSERT INTO rules (rulebook, language, rule_id, title_zh, title_en, severity, weight, status, why, "
                "precision, precision_low) VALUES ('h', 'zh', ?, ?, ?, ?, 1, 'stable', '', ?, ?)",
                [rule, rule, rule, severity, low and low + 0.1, low],
            )
    return desk


def proposed(desk: Desk, teams: tuple[str, ...], name: str, asked: str = "") -> list[tuple[str, str]]:
    """The agents and rules on the page, in its order."""
    page = signed_in(desk, "coach", name, teams).get(f"/coaching/proposals{asked}").text
    return re.findall(r"/coaching/new\?agent=([\w-]+)&amp;rule=([\w-]+)", page)


def test_the_weak_of_ones_own_teams_are_proposed_the_severe_first(desk: Desk) -> None:
    assert proposed(desk, ("A", "B", "C"), "all") == [("A-2", "privacy"), ("A-1", "closing"), ("B-4", "greeting")]
    assert proposed(desk, ("B",), "b") == [("B-4", "greeting")]
    assert proposed(desk, ("A", "B"), "ab", "?team=B") == [("B-4", "greeting")]
    assert proposed(desk, ("B",), "b", "?team=A") == [("B-4", "greeting")]


def test_it_is_said_why_and_the_calls_are_a_click_away(desk: Desk) -> None:
    page = signed_in(desk, "coach", "why", ("A",)).get("/coaching/proposals").text
    assert "60% of 40 checks were met. Before that it was 90%. The middle half of the team: 85% to 90%." in page
    last = FIRST + timedelta(weeks=WEEKS - 1)
    days = f"from={last - timedelta(weeks=3)}&amp;to={last + timedelta(days=6)}"
    assert f'href="/calls?{days}&amp;agent=A-1&amp;rule=closing%3Afail"' in page
    assert "listen first: of its fails about 80% are right" in page
    assert "apology" not in page


def test_who_was_coached_in_it_lately_is_not_proposed_again(desk: Desk) -> None:
    plan = CoachingPlan("boss", ("greeting",), practise="say it")
    with desk.reviews.file.writing() as rows:
        ref = plan_coaching(rows, "boss", "t", "B-4", plan)
    assert proposed(desk, ("B",), "b") == []
    with desk.reviews.file.writing() as rows:
        call_coaching_off(rows, "boss", "t", ref)
    assert proposed(desk, ("B",), "b") == [("B-4", "greeting")]
