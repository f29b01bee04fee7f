"""Queues in a real browser: a reviewer goes through tasks by keys alone; the pages shut nobody out."""

from __future__ import annotations

import pytest

from desk.context import Desk
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.queues import Queues
from pipeline.reviews.sampling import Amount, SamplingPlan, draw
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.desks import make_small_desk, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_small_desk(tmp_path_factory.mktemp("desk"), 4)[0]
    plan = SamplingPlan({"fail": Amount(1), "pass": Amount(1)}, "s")
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    Plans(desk.reviews.file).keep(plan, sample, "week", "boss", QueueOptions(blind_share=0.5))
    return desk


def test_tasks_are_answered_by_keys_alone(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    sign_in(there, address, desk, "reviewer", "li")
    there.open(f"{address}/queue")
    there.wait_for("document.activeElement.closest('form')?.action.endsWith('/queue/next')")
    there.press("Enter")
    for number, key in enumerate("21"):
        done = f"document.querySelector('.task-standing')?.textContent.includes('{number} done today')"
        there.wait_for(f"document.readyState === 'complete' && {done}")
        token = there.run("document.querySelector('.task-answers').action")
        there.click(".task-answers [name=comment]")
        there.type("2 heard")
        there.press("Enter")  # in a field neither a digit nor Enter answers
        assert there.run("document.querySelector('.task-answers').action") == token
        there.run("document.activeElement.blur()")
        there.press(key)
        there.wait_for(f"document.querySelector('.task-answers')?.action !== '{token}'")
    with desk.reviews.file.reading() as rows:
        kept = rows.execute("SELECT * FROM verdict_reviews ORDER BY id").fetchall()
    said = [row["outcome"] if row["answer"] == "right" else row["right_outcome"] for row in kept]
    assert said == ["fail", "pass"]
    assert {row["comment"] for row in kept} == {"2 heard"}
    assert Queues(desk.reviews.file).standing("li", 0.0).today == 2


@pytest.mark.parametrize("dark", [False, True])
def test_the_pages_shut_nobody_out(page: tuple[Browser, str], desk: Desk, dark: bool) -> None:
    there, address = page
    sign_in(there, address, desk, "administrator", "boss", language="zh" if dark else "en")
    there.emulate(dark=dark)
    plan = Plans(desk.reviews.file).all()[0].plan_id
    preview = "/plans/new?seed=x&amount_fail=1&amount_pass=2"
    for path in (
        "/queue",
        "/plans",
        f"/plans/{plan}",
        preview,
        "/agreement",
        "/agreement/rules/closing",
        "/calibration",
    ):
        there.open(f"{address}{path}")
        assert barriers(there) == [], path
    there.viewport(390, 800, mobile=True)
    for path in ("/queue", preview, "/agreement"):
        there.open(f"{address}{path}")
        assert there.run("document.documentElement.scrollWidth") == 390, path
    there.viewport(1280, 900)
    assert there.complaints == []
