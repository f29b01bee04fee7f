"""What came of sessions, as coaches see it: beside each session, on its page, and over all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from desk.context import Desk
from pipeline.reviews.coaching import CoachingPlan, hold_coaching, plan_coaching
from tests.support.desks import make_small_desk, signed_in
from tests.support.filled_weeks import FilledWeeks, fill_weeks

FIRST = date(2025, 1, 6)
HELD = FIRST + timedelta(weeks=16, days=2)


def plan_held(desk: Desk, agent: str, rules: tuple[str, ...], held: date = HELD) -> str:
    """A session that was planned and held on a day; its ref."""
    with desk.reviews.file.writing() as rows:
        token = f"{agent} {held} {rules}"
        ref = plan_coaching(rows, "boss", token, agent, CoachingPlan("boss", rules, practise="say goodbye"))
        at = datetime.combine(held, datetime.min.time(), UTC).timestamp()
        rows.execute("DROP TRIGGER coaching_sessions_stay")  # as if it had been planned that day
        rows.execute("UPDATE coaching_sessions SET at = ? WHERE ref = ?", (at, ref))
        rows.execute("CREATE TRIGGER coaching_sessions_stay BEFORE UPDATE ON coaching_sessions BEGIN SELECT 1; END")
        hold_coaching(rows, "boss", token, ref, held)
    return ref


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Of team A four agents were coached: three got better, of the fourth nothing is known yet; team B has three."""
    desk, _ = make_small_desk(tmp_path_factory.mktemp("desk"), 4)
    weeks = []
    for number in range(10):
        coached = number in (1, 2, 3)
        before, after = ((5, 5), (9, 1)) if coached else ((8, 2), (8, 2))
        weeks.append(FilledWeeks(f"A{number}", "A", "closing", FIRST, [before] * 17 + [after] * 8))
        weeks.append(FilledWeeks(f"A{number}", "A", "greeting", FIRST, [(7, 3)] * 25))
    weeks += [FilledWeeks(f"B{number}", "B", "closing", FIRST, [(8, 2)] * 25) for number in range(3)]
    fill_weeks(desk.home.database, weeks)
    return desk


def test_sessions_tell_what_came_of_them(desk: Desk) -> None:
    refs = [plan_held(desk, f"A{number}", ("closing",)) for number in (1, 2, 3)]
    mixed = plan_held(desk, "A4", ("closing", "greeting"))
    late = plan_held(desk, "A5", ("greeting",), date.today())
    other = plan_held(desk, "B1", ("closing",))
    coach = signed_in(desk, "coach", "all", ("A", "B"))
    rows = {row.split('"')[0]: row for row in coach.get("/coaching").text.split('href="/coaching/')}
    for ref in refs:
        # those who were coached in it too are no colleagues to compare with
        assert "improved by 40 points" in rows[ref]
    assert "no effect shown" in rows[mixed]
    assert "too early to tell" in rows[late]
    assert "fewer than 3 colleagues" in rows[other]
    page = coach.get(f"/coaching/{refs[0]}").text
    assert "from 50% to 90% (120 and 80 checks), the team without them from 80% to 80%" in page
    assert page.count('class="dot"') == 25 + 1  # weeks, and the legend
    assert 'class="session"' in page
    assert "weeks after it are in" not in page
    assert ">closing<" in coach.get(f"/coaching/{mixed}").text.split("In numbers")[1]

    helped = coach.get("/coaching/helped").text
    closing = next(row for row in helped.split("<tr>") if ">closing<" in row)
    assert "helped" in closing or "no effect shown" in closing
    assert "too few" in next(row for row in helped.split("<tr>") if ">greeting<" in row)


def test_what_is_told_keeps_to_ones_teams(desk: Desk) -> None:
    assert "closing" not in signed_in(desk, "coach", "none", ()).get("/coaching/helped").text
    helped = signed_in(desk, "coach", "only-b", ("B",)).get("/coaching/helped").text
    assert "too few" in helped
    assert "improved by" not in helped
