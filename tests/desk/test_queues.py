"""Queues through the browser: a plan is made, its tasks are answered, blind ones without the machine's answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.results.store import build_database
from pipeline.reviews.plans import Plans
from pipeline.reviews.queues import Queues
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.storage import artefacts
from pipeline.storage.home import JudgedFile
from tests.support.desks import ORIGIN, make_small_desk, signed_in
from tests.support.people import say, stored
from tests.support.rulebooks import write_book

FORM = {"title": "week 10", "seed": "abc", "amount_fail": "2", "amount_pass": "3", "by_layout": "yes", "limit": "50"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    return make_small_desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def supervisor(made: tuple[Desk, Sequence[Judged]]) -> TestClient:
    return signed_in(made[0], "administrator", "boss")


def a_book(desk: Desk, rule_id: str) -> Rulebook:
    """A rulebook of one rule."""
    rule = (
        f"id: {rule_id}\ntitle: {{zh: 试, en: trial}}\ndimension: one\nwhy: 试\n"
        "require: {said: {by: agent, any: [您好]}}\ncases:\n"
        + "".join(f"  - {{verdict: {v}, call: '坐席 0.0: 您好'}}\n" for v in ("pass", "fail", "not_applicable"))
    )
    return load_rulebook(write_book(desk.home.root / "book", {rule_id: rule}))


def make_plan(browser: TestClient, **changed: str) -> str:
    answer = browser.post("/plans", data={**FORM, **changed}, headers=ORIGIN)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/plans/")


def test_what_a_preview_shows_is_what_is_drawn(made: tuple[Desk, Sequence[Judged]], supervisor: TestClient) -> None:
    preview = supervisor.get("/plans/new", params=FORM).text
    found = re.search(r"This would draw (\d+) verdicts of (\d+) calls", preview)
    assert found is not None
    assert not Plans(made[0].reviews.file).all()
    plan = Plans(made[0].reviews.file).one(make_plan(supervisor))
    assert plan is not None
    assert (plan.items, plan.calls) == (int(found[1]), int(found[2]))
    page = supervisor.get(f"/plans/{plan.plan_id}").text
    assert "Drawn by boss on" in page
    assert "abc" in page
    supervisor.post(f"/plans/{plan.plan_id}/open", data={"open": "no"}, headers=ORIGIN)


def test_a_reviewer_goes_through_his_queue_and_every_answer_is_kept(
    made: tuple[Desk, Sequence[Judged]], supervisor: TestClient
) -> None:
    desk, _ = made
    plan_id = make_plan(supervisor, blind="0", amount_pass="0", **{"people": "share wang", "share wang": "1"})
    wang = signed_in(desk, "reviewer", "wang")
    wanted = Queues(desk.reviews.file).progress()[plan_id].open
    location = wang.post("/queue/next", headers=ORIGIN).headers["location"]
    for number in range(wanted):
        page = wang.get(location).text
        assert "The machine says:" in page
        token = re.search(r'action="/queue/([^/"]+)/answer"', page)
        assert token is not None
        given = {"outcome": "pass" if number % 2 else "fail", "comment": "听到了"}
        location = wang.post(f"/queue/{token[1]}/answer", data=given, headers=ORIGIN).headers["location"]
    assert location == "/queue"
    assert "Nothing waits for you" in wang.get("/queue").text
    with desk.reviews.file.reading() as rows:
        kept = rows.execute("SELECT answer, right_outcome, blind, task FROM verdict_reviews WHERE account = 'wang'")
        answers = [tuple(row)[:3] for row in kept]
    assert answers.count(("right", None, 0)) == -(-wanted // 2)
    assert answers.count(("wrong", "pass", 0)) == wanted // 2
    assert Queues(desk.reviews.file).progress()[plan_id].finished == wanted


def test_a_blind_task_shows_the_question_and_not_the_machines_answer(
    made: tuple[Desk, Sequence[Judged]], supervisor: TestClient
) -> None:
    desk, _ = made
    make_plan(
        supervisor, blind="100", amount_pass="0", rule="closing", **{"people": "share zhao", "share zhao": "1"}
    )  # fmt: skip
    zhao = signed_in(desk, "reviewer", "zhao")
    location = zhao.post("/queue/next", headers=ORIGIN).headers["location"]
    page = zhao.get(location).text
    assert "hidden until you have answered" in page
    assert 'id="closing"' not in page
    assert 'id="closing"' in supervisor.get(location).text
    token = re.search(r'action="/queue/([^/"]+)/answer"', page)
    assert token is not None
    zhao.post(f"/queue/{token[1]}/answer", data={"outcome": "cannot-tell"}, headers=ORIGIN)
    assert 'id="closing"' in zhao.get(location.split("?")[0]).text


def test_a_task_is_only_its_holders_and_is_taken_back_by_who_may(
    made: tuple[Desk, Sequence[Judged]], supervisor: TestClient
) -> None:
    desk, _ = made
    plan_id = make_plan(supervisor, rule="greeting")
    qian, sun = signed_in(desk, "reviewer", "qian"), signed_in(desk, "reviewer", "sun")
    location = qian.post("/queue/next", headers=ORIGIN).headers["location"]
    token = location.split("task=")[1].split("#")[0]
    assert sun.post(f"/queue/{token}/answer", data={"outcome": "pass"}, headers=ORIGIN).status_code == 409
    assert sun.post(f"/queue/{token}/decline", headers=ORIGIN).status_code == 409
    slot = next(s for s in Queues(desk.reviews.file).slots(plan_id) if s["token"] == token)
    given = {"slot": f"{slot['item_id']}.{slot['slot']}"}
    assert qian.post(f"/plans/{plan_id}/take-back", data=given, headers=ORIGIN).status_code == 403
    assert supervisor.post(f"/plans/{plan_id}/take-back", data=given, headers=ORIGIN).status_code == 303
    assert qian.post(f"/queue/{token}/answer", data={"outcome": "pass"}, headers=ORIGIN).status_code == 409


def test_a_supervisor_draws_only_out_of_the_teams_that_are_his(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    hers = signed_in(desk, "supervisor", "team lead", teams=("一组",))
    plan_id = make_plan(hers, amount_fail="100 %", amount_pass="100 %")
    teams = {judged.call.sha256: judged.call.cdr.team for judged in night}
    assert {teams[slot["sha256"]] for slot in Queues(desk.reviews.file).slots(plan_id)} == {"一组"}


def test_a_plan_that_draws_nothing_says_so(supervisor: TestClient) -> None:
    nothing = {"amount_fail": "0", "amount_pass": "0"}
    answer = supervisor.post("/plans", data={**FORM, **nothing}, headers=ORIGIN)
    assert answer.status_code == 409
    assert "draws nothing" in answer.text
    assert supervisor.get("/plans/new", params={**FORM, "amount_fail": "many"}).status_code == 409


def test_a_reviewed_verdict_becomes_a_case_by_one_button(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    judged = next(each for each in night if each.call.language == "zh")
    call_id, card = desk.call_ids.of(judged.call.sha256), judged.scorecard
    assert card is not None
    verdict = next(v for v in card.verdicts if v.outcome == "pass")
    wu = signed_in(replace(desk, rulebooks=lambda: {"zh": a_book(desk, verdict.rule_id)}), "reviewer", "wu")
    sent = {"rule": verdict.rule_id}
    assert wu.post(f"/calls/{call_id}/case", data=sent, headers=ORIGIN).status_code == 409
    say(desk.reviews, "wu", verdict_keys(stored(judged))[verdict.rule_id], "fail")
    assert wu.post(f"/calls/{call_id}/case", data=sent, headers=ORIGIN).status_code == 303
    assert wu.post(f"/calls/{call_id}/case", data=sent, headers=ORIGIN).status_code == 303
    page = wu.get("/cases").text
    assert page.count("- verdict: fail") == 1
    assert "坐席 0.50-" in page
    case = re.search(r'name="case" value="(\d+)"', page)
    assert case is not None
    wu.post("/cases/drop", data={"case": case[1]}, headers=ORIGIN)
    assert "No case waits" in wu.get("/cases").text


def test_an_answer_beside_the_verdict_finishes_its_task(
    made: tuple[Desk, Sequence[Judged]], supervisor: TestClient
) -> None:
    desk, _ = made
    for plan in Plans(desk.reviews.file).all():
        Plans(desk.reviews.file).set_open(plan.plan_id, False, "boss")
    make_plan(supervisor, blind="0", rule="apology")
    zhou = signed_in(desk, "reviewer", "zhou")
    location = zhou.post("/queue/next", headers=ORIGIN).headers["location"]
    token = location.split("task=")[1].split("#")[0]
    page = zhou.get(location).text
    beside = page[page.index('id="answer-apology"') :]
    sent = dict(re.findall(r'name="(rule|verdict|token)" value="([^"]*)"', beside)[:3])
    answer = zhou.post(f"{location.split('?')[0]}/answers", data={**sent, "answer": "right"}, headers=ORIGIN)
    assert answer.status_code == 303, answer.text
    assert Queues(desk.reviews.file).is_finished(token, "zhou")
    # the bar of the page that is still open goes on with the next
    again = zhou.post(f"/queue/{token}/answer", data={"outcome": "fail"}, headers=ORIGIN)
    assert again.headers["location"] != location


def test_a_verdict_that_changed_comes_back_to_who_answered_it_last(tmp_path: Path) -> None:
    desk, night = make_small_desk(tmp_path, 3)
    judged = night[0]
    sha256, key = judged.call.sha256, next(iter(verdict_keys(stored(judged)).values()))
    kept = artefacts.read(desk.home.judged(sha256), JudgedFile)
    key = verdict_keys(kept)[key.rule_id]
    wang, zhou = (signed_in(desk, "reviewer", name) for name in ("wang", "zhou"))
    say(desk.reviews, "zhou", key)
    say(desk.reviews, "wang", key)
    assert "Changed since you answered" not in wang.get("/queue").text
    card = kept.judged.scorecard
    assert card is not None
    now = "fail" if key.outcome == "pass" else "pass"
    verdicts = tuple(
        replace(each, outcome=now) if each.rule_id == key.rule_id else each  # type: ignore[arg-type]
        for each in card.verdicts
    )
    changed = replace(kept, judged=replace(kept.judged, scorecard=replace(card, verdicts=verdicts)))
    artefacts.write(desk.home.judged(sha256), changed)
    build_database(desk.home, desk.settings)
    page = wang.get("/queue").text
    assert page.count(f"/calls/{desk.call_ids.of(sha256)}#{key.rule_id}") == 1
    assert "Nothing waits" not in page
    shown = re.findall(r'class="chip (\w+)"', page.split("Changed since you answered</h2>")[1])
    assert shown == [key.outcome, now]
    assert "Changed since you answered" not in zhou.get("/queue").text
    say(desk.reviews, "zhou", verdict_keys(changed)[key.rule_id])  # whoever answers it
    assert "Changed since you answered" not in wang.get("/queue").text
