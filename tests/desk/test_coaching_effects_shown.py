"""What came of sessions, as coaches see it: beside each session, on its page, and over all of them."""

from __future__ import annotations

from datetime import date

import pytest

from desk.context import Desk
from tests.support.desks import signed_in
from tests.support.improved_teams import hold_session, make_improved_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_improved_desk(tmp_path_factory.mktemp("desk"))


def test_sessions_tell_what_came_of_them(desk: Desk) -> None:
    refs = [hold_session(desk, f"A{number}", ("closing",)) for number in (1, 2, 3)]
    mixed = hold_session(desk, "A4", ("closing", "greeting"))
    late = hold_session(desk, "A5", ("greeting",), date.today())
    other = hold_session(desk, "B1", ("closing",))
    coach = signed_in(desk, "coach", "all", ("A", "B"))
    rows = {row.split('"')[0]: row for row in coach.get("/coaching").text.split('href="/coaching/')}
    for ref in refs:
        # those who were coached in it too are no colleagues to compare with
        assert "improved by 40 points" in rows[ref]
    assert "no effect shown" in rows[mixed]
    assert "cannot be told" in rows[late]
    assert "too few checks before it" in rows[late]
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
    for agent in ("A6", "B2"):
        hold_session(desk, agent, ("closing",))
    assert "closing" not in signed_in(desk, "coach", "none", ()).get("/coaching/helped").text
    helped = signed_in(desk, "coach", "only-b", ("B",)).get("/coaching/helped").text
    assert "too few" in helped
    assert "improved by" not in helped
