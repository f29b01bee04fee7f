"""The dashboard of complaints: plain counts of the calls in scope, and the newest as a list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from desk.context import Desk
from desk.dashboards.complaints import COMPLAINTS_PAGE
from pipeline.datatypes import Judged
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.sampling import Amount, PlanFilters, SamplingPlan, draw
from tests.support.complaining import COMMITMENT, COMPLAINT, SAID, make_complaining_desk
from tests.support.desks import signed_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    return make_complaining_desk(tmp_path_factory.mktemp("desk"), 80, days=0.2)


def outcomes(judged: Judged) -> dict[str, str]:
    return {verdict.rule_id: verdict.outcome for verdict in (judged.scorecard.verdicts if judged.scorecard else ())}


def complaints(night: Sequence[Judged], teams: Sequence[str] = ()) -> list[Judged]:
    return [
        judged
        for judged in night
        if outcomes(judged)[COMPLAINT] != "not_applicable" and (not teams or judged.call.cdr.team in teams)
    ]


@pytest.mark.parametrize("teams", [(), ("一组",)])
def test_weeks_and_groups_are_plain_counts_of_the_calls_in_scope(
    made: tuple[Desk, Sequence[Judged]], teams: tuple[str, ...]
) -> None:
    desk, night = made
    role = "supervisor" if teams else "administrator"
    page = signed_in(desk, role, f"{role}-of-complaints", teams).get("/dashboard/complaints?weeks=26").text
    weeks, agents = Counter[str](), Counter[str]()
    for judged in complaints(night, teams):
        started = judged.call.cdr.started_at
        assert started
        weeks[str(started.date() - timedelta(days=started.weekday()))] += 1
        agents[judged.call.cdr.agent_id or ""] += 1
    by_week = re.findall(r'<th scope="row">(\d{4}-\d\d-\d\d)</th>.*?complaint=yes">(\d+)</a>', page)
    assert {week: int(n) for week, n in by_week} == weeks
    by_agent = re.findall(r"<small>(\d{4})</small></th>.*?agent=\1&amp;complaint=yes\">(\d+)</a>", page)
    assert {agent: int(n) for agent, n in by_agent} == agents
    assert ("陈静" in page) == (not teams)
    handled = Counter(outcomes(judged)[COMPLAINT] for judged in complaints(night, teams))
    assert f"<small>{handled['pass']} / {handled['pass'] + handled['fail']}</small>" in page


def test_the_list_has_the_newest_first_and_goes_on(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    browser = signed_in(desk, "administrator", "administrator-of-complaints")
    newest = [desk.call_ids.of(judged.call.sha256) for judged in reversed(complaints(night))]
    first = browser.get("/dashboard/complaints?weeks=26").text
    assert re.findall(rf'/calls/(\w+)#{COMPLAINT}"', first) == newest[:COMPLAINTS_PAGE]
    assert SAID.replace("投诉", "【投诉】") in first
    rest = browser.get("/dashboard/complaints?weeks=26&page=2").text
    assert re.findall(rf'/calls/(\w+)#{COMPLAINT}"', rest) == newest[COMPLAINTS_PAGE:]
    uncommitted = browser.get("/dashboard/complaints?weeks=26&show=uncommitted").text
    wanted = [judged for judged in complaints(night) if outcomes(judged)[COMMITMENT] == "fail"]
    assert len(re.findall(rf'/calls/\w+#{COMPLAINT}"', uncommitted)) == len(wanted)


def test_who_is_to_judge_a_complaint_blind_does_not_find_it(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    plan = SamplingPlan({"fail": Amount(share=1.0)}, "s", PlanFilters(rules=(COMPLAINT,)), by_layout=False)
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    options = QueueOptions(blind_share=1.0, shares={"li": 1.0})
    Plans(desk.reviews.file).keep(plan, sample, "blind", "boss", options)
    failed = {
        desk.call_ids.of(judged.call.sha256) for judged in complaints(night) if outcomes(judged)[COMPLAINT] == "fail"
    }
    for name, sees in (("li", 0), ("wang", len(failed))):
        browser, found = signed_in(desk, "reviewer", name), set()
        for show in ("all", "unhandled", "uncommitted"):
            for number in (1, 2):
                page = browser.get(f"/dashboard/complaints?weeks=26&show={show}&page={number}").text
                found |= set(re.findall(rf'/calls/(\w+)#{COMPLAINT}"', page))
        assert len(found & failed) == sees
