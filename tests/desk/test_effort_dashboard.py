"""The dashboard of effort: who sees whose, and that a queue's answers tell how they were given."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.queues import Queues
from pipeline.reviews.sampling import Amount, SamplingPlan, draw
from tests.support.desks import ORIGIN, make_small_desk, signed_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    """Li answered two tasks, one of them without listening; Wang one, whose page ran no scripts."""
    desk, night = make_small_desk(tmp_path_factory.mktemp("desk"), 4)
    plan = SamplingPlan({"pass": Amount(share=1.0)}, "s", by_layout=False)
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    Plans(desk.reviews.file).keep(plan, sample, "all", "boss", QueueOptions(blind_share=0.0))
    for name, told in (("li", ("30.5", "12")), ("li", ("20", "0.2")), ("wang", ("", ""))):
        browser = signed_in(desk, "reviewer", name)
        task = Queues(desk.reviews.file).next(name)
        assert task
        given = {"outcome": "pass", "open_s": told[0], "listened_s": told[1], "played": ""}
        assert browser.post(f"/queue/{task.token}/answer", data=given, headers=ORIGIN).status_code == 303
    return desk, night


def test_a_reviewer_sees_own_effort_and_who_gives_out_work_everybodys(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, _ = made
    own = signed_in(desk, "reviewer", "li").get("/dashboard/effort").text
    assert "/agreement/reviewers/li" in own
    assert "/agreement/reviewers/wang" not in own
    assert "50% <small>1 / 2</small>" in own
    all_of_them = signed_in(desk, "supervisor", "chen", ("一组",)).get("/dashboard/effort").text
    assert "/agreement/reviewers/li" in all_of_them
    assert "/agreement/reviewers/wang" in all_of_them
    coach = signed_in(desk, "coach", "zhao", ("一组",)).get("/dashboard/effort").text
    assert "/agreement/reviewers/" not in coach


def test_a_task_asks_how_it_was_answered(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, _ = made
    task = Queues(desk.reviews.file).next("li")
    assert task
    page = signed_in(desk, "reviewer", "li").get(f"/calls/{desk.call_ids.of(task.sha256)}?task={task.token}").text
    form = page.split('class="task-answers"')[1].split("</form>")[0]
    assert all(f'name="{name}"' in form for name in ("rule", "open_s", "listened_s", "played"))
