"""The pages on how far rules and reviewers can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.queues import Queues
from pipeline.reviews.sampling import Amount, SamplingPlan, draw
from pipeline.reviews.verdict_keys import verdict_keys
from tests.support.desks import make_small_desk, signed_in
from tests.support.people import say, stored

ALL = Amount(share=1.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    """Two people answered every verdict: li, who found every fail of closing wrong, and then wang, who did not."""
    desk, night = make_small_desk(tmp_path_factory.mktemp("desk"))
    plan = SamplingPlan({"fail": ALL, "pass": ALL}, "s", by_layout=False)
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    Plans(desk.reviews.file).keep(plan, sample, "all", "boss", QueueOptions(slots=2, blind_share=0.5, claim_limit=999))
    keys = {judged.call.sha256: verdict_keys(stored(judged)) for judged in night}
    queues = Queues(desk.reviews.file)
    for person in ("li", "wang"):  # of the same authority the last word counts
        while (task := queues.next(person)) is not None:
            wrong = person == "li" and task.rule_id == "closing" and task.outcome == "fail"
            say(desk.reviews, person, keys[task.sha256][task.rule_id], "pass" if wrong else None)
            queues.finish(task.token, person)
    return desk, night


def test_rules_with_few_answers_are_said_to_have_too_few(made: tuple[Desk, Sequence[Judged]]) -> None:
    page = signed_in(made[0], "administrator", "boss").get("/agreement").text
    assert "/agreement/rules/closing" in page
    assert "too few" in page
    assert "li · wang" in page


def test_a_rule_shows_its_strata_and_links_its_overturned_verdicts(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    answer = signed_in(desk, "administrator", "root").get("/agreement/rules/closing")
    assert answer.status_code == 200
    failed = [judged for judged in night if judged.scorecard
              for v in judged.scorecard.verdicts if v.rule_id == "closing" and v.outcome == "fail"]  # fmt: skip
    assert failed
    assert "No verdict of this rule was held for wrong" in answer.text
    key = verdict_keys(stored(failed[0]))["closing"]
    say(desk.reviews, "boss", key, "pass", authority=2, comment="再见<b>说了</b>")
    page = signed_in(desk, "administrator", "root").get("/agreement/rules/closing").text
    assert f"/calls/{desk.call_ids.of(failed[0].call.sha256)}#closing" in page
    assert "再见&lt;b&gt;说了" in page


def test_a_reviewer_sees_own_figures_and_nobody_elses(made: tuple[Desk, Sequence[Judged]]) -> None:
    li = signed_in(made[0], "reviewer", "li")
    assert li.get("/agreement/reviewers/li").status_code == 200
    assert li.get("/agreement/reviewers/wang").status_code == 404
    signed_in(made[0], "reviewer", "zhao")
    page = signed_in(made[0], "reviewer", "zhao").get("/agreement").text
    assert "/agreement/reviewers/" not in page
    assert "li · wang" not in page
