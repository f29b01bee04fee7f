"""The dashboard of failing rules: its numbers are plain counts, and how far fails can be trusted stands beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from desk.context import Desk
from desk.dashboards.frame import Frame
from desk.dashboards.rules import failing_rules
from desk.dashboards.trust import CasePrecision, FailTrust, fail_trust
from pipeline.datatypes import Judged
from pipeline.reviews.estimates import rule_estimate
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.queues import Queues
from pipeline.reviews.sampling import Amount, SamplingPlan, draw
from pipeline.reviews.verdict_keys import verdict_keys
from tests.support.complaining import make_plain_desk
from tests.support.desks import signed_in
from tests.support.factories import make_night
from tests.support.people import say, stored


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    night = make_night(105)
    return make_plain_desk(tmp_path_factory.mktemp("desk"), night), night


def counted(night: Sequence[Judged], teams: Sequence[str] = ("一组", "二组", "EN")) -> Counter[tuple[str, str]]:
    return Counter(
        (verdict.rule_id, verdict.outcome)
        for judged in night
        for verdict in (judged.scorecard.verdicts if judged.scorecard else ())
        if judged.call.cdr.team in teams
    )


def shown(page: str) -> dict[str, int]:
    found = re.findall(r'rules/([\w-]+)">.*?rule=[\w-]+%3Afail[^>]*">(\d+)</a>', page, re.DOTALL)
    return {rule_id: int(fails) for rule_id, fails in found}


@pytest.mark.parametrize("teams", [(), ("一组",)])
def test_fails_are_those_of_the_calls_that_are_in_scope(
    made: tuple[Desk, Sequence[Judged]], teams: tuple[str, ...]
) -> None:
    desk, night = made
    role = "coach" if teams else "administrator"
    page = signed_in(desk, role, f"{role}-of-rules", teams).get("/dashboard/rules?weeks=52").text
    plain = counted(night, teams) if teams else counted(night)
    assert shown(page) == {rule_id: n for (rule_id, outcome), n in plain.items() if outcome == "fail"}


def test_change_is_against_as_many_weeks_before(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    weeks: Counter[tuple[str, str, object]] = Counter()
    for judged in night:
        started = judged.call.cdr.started_at
        assert started
        monday = started.date() - timedelta(days=started.weekday())
        weeks.update((v.rule_id, v.outcome, monday) for v in (judged.scorecard.verdicts if judged.scorecard else ()))
    mondays = sorted({monday for *_, monday in weeks})
    first, last = mondays[1], mondays[1]
    condition = "week BETWEEN $first AND $last"
    with desk.snapshot.reading() as reader:
        frame = Frame(first, last, 1, "", (), condition, {"first": first, "last": last})
        rules = {rule.rule_id: rule for rule in failing_rules(reader, frame)}
    closing = rules["closing"]
    assert (closing.passes, closing.fails) == tuple(weeks["closing", o, mondays[1]] for o in ("pass", "fail"))
    assert (closing.passes_before, closing.fails_before) == tuple(
        weeks["closing", o, mondays[0]] for o in ("pass", "fail")
    )
    assert closing.deducted == 5.0 * closing.fails
    assert closing.change == pytest.approx(
        closing.rate - closing.fails_before / (closing.passes_before + closing.fails_before)
    )


def test_a_rule_that_is_often_wrong_is_said_to_be(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    plan = SamplingPlan({"fail": Amount(share=1.0)}, "s", by_layout=False)
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    options = QueueOptions(claim_limit=999)
    Plans(desk.reviews.file).keep(plan, sample, "all", "boss", options)
    keys = {judged.call.sha256: verdict_keys(stored(judged)) for judged in night}
    queues, given = Queues(desk.reviews.file), Counter[bool]()
    while (task := queues.next("li")) is not None:
        wrong = task.rule_id == "closing" and given.total() % 2 == 0
        given.update([wrong] if task.rule_id == "closing" else [])
        say(desk.reviews, "li", keys[task.sha256][task.rule_id], "pass" if wrong else None)
        queues.finish(task.token, "li")
    trust = fail_trust(desk.reviews.file, {"closing": (), "greeting": ()})
    assert (trust["closing"].wrong, trust["closing"].right) == (given[True], given[False])
    assert trust["closing"].sampled is not None
    assert trust["closing"].sampled.value == pytest.approx(given[False] / given.total())
    assert not trust["greeting"].often_wrong
    page = signed_in(desk, "administrator", "administrator-of-rules").get("/dashboard/rules?weeks=52").text
    row = page.split('/agreement/rules/closing">')[1].split("</tr>")[0]
    assert "about 5 of 10 fails are wrong" in row
    assert "often wrong" not in page.split('/agreement/rules/greeting">')[1].split("</tr>")[0]


def test_cases_count_where_nothing_was_reviewed() -> None:
    cases = (CasePrecision("zh", 0.99, 0.97, 1.0, 200), CasePrecision("en", 0.7, 0.6, 0.8, 50))
    assert FailTrust(rule_estimate("x", []).precision, 3, 2, cases).share == 0.7
    assert FailTrust(None, 19, 1, cases).share == 0.95
    assert FailTrust().share is None
