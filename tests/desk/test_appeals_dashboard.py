"""The dashboard of appeals: counts of those in scope, shares with intervals, and what waits too long."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.agreement import wilson
from pipeline.reviews.appeals import AppealRules, appeal, appeals_on, decide
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.releases import release
from pipeline.reviews.sampling import Amount, PlanFilters, SamplingPlan, draw
from pipeline.reviews.working_days import WorkingDays
from tests.support.complaining import make_plain_desk
from tests.support.desks import signed_in
from tests.support.factories import make_night
from tests.support.people import result_of

DAY = 86_400.0


def failed(night: Sequence[Judged]) -> list[tuple[Judged, str]]:
    return [
        (judged, verdict.rule_id)
        for judged in night
        for verdict in (judged.scorecard.verdicts if judged.scorecard else ())
        if verdict.outcome == "fail"
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, list[tuple[Judged, str, str]]]:
    """Appeals against the first 24 fails: every third upheld, every third rejected, the others waiting; the first of
    these for 30 days."""
    night = make_night(40)
    desk = make_plain_desk(tmp_path_factory.mktemp("desk"), night)
    rules = AppealRules(WorkingDays(ZoneInfo(desk.settings.ingest.timezone)), 5, 999)
    appeals, now = [], time.time()
    with desk.reviews.file.writing() as rows:
        for number, (judged, rule_id) in enumerate(failed(night)[:24]):
            sha256, agent = judged.call.sha256, judged.call.cdr.agent_id
            at = now - (30 if number == 2 else 1) * DAY
            release(rows, "chen", 2, f"r{sha256}", result_of(judged), now=at)
            appeal(rows, agent or "", agent, f"a{number}", sha256, rule_id, "please", rules, at)
            ref, state = appeals_on(rows, sha256)[-1].ref, ("upheld", "rejected", "open")[number % 3]
            if state != "open":
                right = "pass" if state == "upheld" else None
                decide(rows, "zhao", f"d{number}", ref, state, right, "heard", rules, at)  # type: ignore[arg-type]
            appeals.append((judged, rule_id, state))
    return desk, appeals


@pytest.mark.parametrize("teams", [(), ("一组",)])
def test_appeals_are_counted_as_far_as_the_scope_goes(
    made: tuple[Desk, list[tuple[Judged, str, str]]], teams: tuple[str, ...]
) -> None:
    desk, appeals = made
    role = "coach" if teams else "administrator"
    page = signed_in(desk, role, f"{role}-of-appeals", teams).get("/dashboard/appeals?weeks=52&show=all").text
    seen = [each for each in appeals if not teams or each[0].call.cdr.team in teams]
    by_state = {state: [each for each in seen if each[2] == state] for state in ("upheld", "rejected", "open")}
    share, low, high = wilson(len(by_state["upheld"]), len(by_state["upheld"]) + len(by_state["rejected"]))
    said = f"{100 * share:.0f} % <small>{100 * low:.0f}–{100 * high:.0f} · n = "
    assert said in page
    assert len(re.findall(r"/calls/\w+#[\w-]+\">", page)) == len(seen)
    rows = re.findall(r'rule=([\w-]+)#list">.*?<td class="num">(\d+)</td><td class="num">(\d+)</td>', page, re.DOTALL)
    rules = {rule for _, rule, _ in seen}
    assert {row[0]: (int(row[1]), int(row[2])) for row in rows if row[0] in rules} == {
        rule: (
            sum(each[1] == rule for each in seen),
            sum(each[1] == rule and each[2] == "upheld" for each in seen),
        )
        for rule in rules
    }


def test_what_waits_too_long_is_told(made: tuple[Desk, list[tuple[Judged, str, str]]]) -> None:
    desk, appeals = made
    page = signed_in(desk, "administrator", "administrator-of-appeals").get("/dashboard/appeals?show=overdue").text
    assert "1 overdue" in page
    assert re.findall(r"/calls/(\w+)#[\w-]+\">", page) == [desk.call_ids.of(appeals[2][0].call.sha256)]
    assert "was due" in page
    assert "/appeals" in page


def test_working_days_between_moments_leave_weekends_and_holidays_out() -> None:
    days = WorkingDays(ZoneInfo("Asia/Shanghai"), frozenset((date(2026, 10, 1),)))
    friday = 1_790_300_000.0  # 2026-09-25, a Friday
    assert days.day_of(friday) == date(2026, 9, 25)
    assert days.between(friday, friday) == 0
    assert days.between(friday, friday + 3 * DAY) == 1
    assert days.between(friday, friday + 7 * DAY) == 4


def test_who_is_to_judge_a_verdict_blind_does_not_find_its_appeal(
    made: tuple[Desk, list[tuple[Judged, str, str]]],
) -> None:
    desk, appeals = made
    rule = appeals[0][1]
    plan = SamplingPlan({"fail": Amount(share=1.0)}, "s", PlanFilters(rules=(rule,)), by_layout=False)
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    Plans(desk.reviews.file).keep(plan, sample, "x", "boss", QueueOptions(blind_share=1.0, shares={"li": 1.0}))
    counts = [
        signed_in(desk, "reviewer", name).get(f"/dashboard/appeals?show=all&rule={rule}").text.count(f"#{rule}\">")
        for name in ("li", "wang")
    ]  # fmt: skip
    assert counts == [0, sum(each[1] == rule for each in appeals)]
