"""Reviewing, releasing, acknowledging and appealing, as browsers ask for it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.appeals import appeals_on
from pipeline.reviews.releases import released, steps_of
from pipeline.reviews.verdict_reviews import reviews_of
from pipeline.settings import ReviewSettings
from tests.support.desks import ORIGIN, signed_in
from tests.support.judged_desks import make_judged_desk

House = tuple[Desk, list[Judged]]
RULE = "forbidden-phrases"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_judged_desk(tmp_path_factory.mktemp("desk"), 9)


def address(desk: Desk, judged: Judged) -> str:
    return f"/calls/{desk.call_ids.of(judged.call.sha256)}"


def fields(page: str, form: str) -> dict[str, str]:
    """The hidden fields of the first form that posts to an address."""
    whole = re.search(rf'<form[^>]*action="{re.escape(form)}"[^>]*>.*?</form>', page, re.DOTALL)
    assert whole, form
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', whole[0]))


def answer(who: TestClient, at: str, rule: str, **given: str) -> httpx.Response:
    page = who.get(at).text
    part = page[page.index(f'id="answer-{rule}"') :]
    return who.post(f"{at}/answers", data=fields(part, f"{at}/answers") | given, headers=ORIGIN)


def post(who: TestClient, page: str, form: str, /, **given: str) -> httpx.Response:
    return who.post(form, data=fields(who.get(page).text, form) | given, headers=ORIGIN)


def test_a_verdict_is_overruled_and_the_reviewed_score_moves_beside_the_systems(house: House) -> None:
    desk, night = house
    at = address(desk, night[0])
    li = signed_in(desk, "reviewer", "li")
    page = li.get(at).text
    assert "Reviewed score" not in page
    assert 'class="score poor"' in page or 'class="score fair"' in page or "75" in page
    assert answer(li, at, RULE, answer="pass", comment="他只是说有办法").headers["location"] == f"{at}#{RULE}"
    page = li.get(at).text
    assert "Reviewed score" in page
    assert re.search(r'<b class="score good">100</b>', page)
    assert re.search(r'class="score poor"[^>]*>75<', page)
    assert "他只是说有办法" in page
    assert answer(li, at, RULE, answer="right").status_code == 303
    assert re.search(r'<b class="score poor">75</b>', li.get(at).text)
    with desk.reviews.file.reading() as rows:
        said = reviews_of(rows, night[0].call.sha256)
    assert [(each.review.answer, each.review.right_outcome) for each in said] == [("wrong", "pass"), ("right", None)]


def test_a_part_of_the_page_comes_back_where_it_was_asked_for(house: House) -> None:
    desk, night = house
    at = address(desk, night[1])
    li = signed_in(desk, "reviewer", "li")
    page = li.get(at).text
    given = fields(page[page.index(f'id="answer-{RULE}"') :], f"{at}/answers")
    part = li.post(f"{at}/answers", data=given | {"answer": "pass"}, headers=ORIGIN | {"hx-request": "true"})
    assert "<html" not in part.text
    assert 'hx-swap-oob="true"' in part.text
    assert f'id="answer-{RULE}"' in part.text


def test_a_retried_answer_is_one_answer_and_one_to_what_the_page_no_longer_shows_is_none(house: House) -> None:
    desk, night = house
    at = address(desk, night[2])
    li = signed_in(desk, "reviewer", "li")
    page = li.get(at).text
    given = fields(page[page.index(f'id="answer-{RULE}"') :], f"{at}/answers") | {"answer": "pass"}
    for open_s in ("3.1", "3.2"):
        assert li.post(f"{at}/answers", data=given | {"open_s": open_s}, headers=ORIGIN).status_code == 303
    stale = given | {"verdict": given["verdict"].replace("fail", "pass"), "token": "other"}
    assert "judged again" in li.post(f"{at}/answers", data=stale, headers=ORIGIN).text
    with desk.reviews.file.reading() as rows:
        (said,) = reviews_of(rows, night[2].call.sha256)
    assert said.review.open_s == 3.1


def test_what_a_rule_missed_is_a_verdict_that_should_have_failed_there(house: House) -> None:
    desk, night = house
    at = address(desk, night[3])
    li = signed_in(desk, "reviewer", "li")
    given = {"rule": "closing", "should": "fail", "comment": "没有道别"}
    assert "say when" in post(li, at, f"{at}/missed", **given, at="later").text
    assert post(li, at, f"{at}/missed", **given, at="0:12.5").status_code == 303
    assert post(
        li, at, f"{at}/points", label="客户表扬 / praised by the customer", points="5", comment="热心"
    ).is_redirect
    assert "choose what" in post(li, at, f"{at}/points", label="anything", points="5", comment="热心").text
    page = li.get(at).text
    assert "+5" in page
    assert "praised by the customer" in page
    assert 'data-from="12.5"' in page
    with desk.reviews.file.reading() as rows:
        (said,) = reviews_of(rows, night[3].call.sha256)
    assert (said.outcome, said.review.at_s, said.review.key.outcome) == ("fail", 12.5, "pass")


def test_two_pieces_of_evidence_are_answered_by_themselves(house: House) -> None:
    desk, night = house
    at = address(desk, night[4])
    li = signed_in(desk, "reviewer", "li")
    assert answer(li, at, RULE, answer="right", **{"piece-0": "right", "piece-1": "wrong"}).is_redirect
    assert "piece 2 of the evidence is none" in li.get(at).text


def test_a_result_goes_to_its_agent_who_appeals_and_another_supervisor_decides(house: House) -> None:
    desk, night = house
    judged = night[6]
    at, teams = address(desk, judged), (judged.call.cdr.team or "",)
    chen = signed_in(desk, "supervisor", "chen", teams)
    zhao = signed_in(desk, "supervisor", "zhao", teams)
    agent = signed_in(desk, "agent", "mei", agent_id=judged.call.cdr.agent_id)
    assert agent.get(at).status_code == 404
    assert answer(chen, at, RULE, answer="right").is_redirect
    assert post(chen, at, f"{at}/release", step="released").is_redirect
    page = agent.get(at).text
    assert "not acknowledged yet" in page
    assert post(agent, at, f"{at}/acknowledge").is_redirect
    # what is said after the release is not for the agent
    assert answer(chen, at, "greeting", answer="fail", comment="unheard").is_redirect
    assert "unheard" not in agent.get(at).text
    page = agent.get(at).text
    part = page[page.index(f'id="answer-{RULE}"') :]
    appeal = fields(part, f"{at}/appeals")
    assert "needs a reason" in agent.post(f"{at}/appeals", data=appeal | {"comment": " "}, headers=ORIGIN).text
    for _ in range(2):
        sent = agent.post(f"{at}/appeals", data=appeal | {"comment": "<b>客户先问的</b>"}, headers=ORIGIN)
        assert sent.is_redirect
    with desk.reviews.file.reading() as rows:
        (made,) = appeals_on(rows, judged.call.sha256)
    listed = zhao.get("/appeals").text
    assert "&lt;b&gt;客户先问的" in listed
    assert agent.get("/appeals").status_code == 403
    form = f"/appeals/{made.ref}/decision"
    assert form not in chen.get("/appeals").text
    decision = {"decision": "upheld", "outcome": "pass", "comment": "情有可原", "token": "x"}
    assert "somebody else" in chen.post(form, data=decision, headers=ORIGIN).text
    assert zhao.post(form, data=fields(listed, form) | decision, headers=ORIGIN).is_redirect
    with desk.reviews.file.reading() as rows:
        steps = [(each.step, each.version, each.appeal) for each in steps_of(rows, judged.call.sha256)]
        last = released(rows, judged.call.sha256)
    assert steps == [
        ("released", 1, None), ("acknowledged", 1, None), ("withdrawn", 1, made.id), ("released", 2, made.id),
    ]  # fmt: skip
    assert last
    assert (last.result.score, last.result.reviewed_score) == (75.0, 75.0)  # greeting was overruled meanwhile
    page = agent.get(at).text
    assert "情有可原" in page
    assert "version 2" in page
    assert "not acknowledged yet" in page


def test_a_review_that_is_sent_goes_to_the_next_call_and_releases_where_that_is_set(tmp_path: Path) -> None:
    desk, night = make_judged_desk(tmp_path, 2, ReviewSettings(release="reviewed"))  # type: ignore[call-arg]
    at, then = address(desk, night[0]), address(desk, night[1])
    li = signed_in(desk, "reviewer", "li")
    sent = post(li, at, f"{at}/finish", next=then, comment="好", open_s="61.5", listened_s="40")
    assert sent.headers["location"] == then
    assert post(li, at, f"{at}/finish", next="//elsewhere").headers["location"] == "/"
    assert signed_in(desk, "agent", "mei", agent_id=night[0].call.cdr.agent_id).get(at).status_code == 200


def test_a_list_is_released_at_once_and_agents_find_their_calls_waiting(tmp_path: Path) -> None:
    desk, night = make_judged_desk(tmp_path, 6)
    root = signed_in(desk, "administrator", "root")
    at = address(desk, night[0])
    following = post(root, f"{at}?list=agent%3D1001", f"{at}/finish").headers["location"]
    assert re.fullmatch(r"/calls(/[0-9a-f]{32}\?list=agent%3D1001|\?agent=1001)", following)
    asked = root.get("/releases?list=agent%3D1001").text
    assert "2 calls" in asked
    released_now = post(root, "/releases?list=agent%3D1001", "/releases").text
    assert "2 results released" in released_now
    assert "2 were released before" in post(root, "/releases?list=agent%3D1001", "/releases").text
    agent = signed_in(desk, "agent", "mei", agent_id="1001")
    assert agent.get("/").headers["location"] == "/my"
    home = agent.get("/my").text
    assert "2 to acknowledge" in home
    assert "2025-03-03 09:00" in home
    assert home.count('<th scope="row"><a href="/calls/') == 2
    assert "10 left this month" in home
    assert post(agent, at, f"{at}/acknowledge").is_redirect
    assert "1 to acknowledge" in agent.get("/my").text
    assert signed_in(desk, "agent", "qiang", agent_id="1002").get("/my").text.count("/calls/") == 0


def test_templates_are_ones_own_or_for_all(house: House) -> None:
    desk, night = house
    li, wang = signed_in(desk, "reviewer", "li"), signed_in(desk, "reviewer", "wang")
    chen = signed_in(desk, "supervisor", "chen", ("一组",))
    for _ in range(2):
        assert li.post("/templates", data={"text": "语气很好", "token": "a"}, headers=ORIGIN).is_redirect
    given = {"text": "请再听一遍", "shared": "yes", "token": "b"}
    assert li.post("/templates", data=given | {"text": "只给我", "token": "c"}, headers=ORIGIN).is_redirect
    assert chen.post("/templates", data=given, headers=ORIGIN).is_redirect
    assert li.get("/templates").text.count("语气很好") == 1
    page = wang.get("/templates").text
    assert "语气很好" not in page
    assert "只给我" not in page
    assert "请再听一遍" in page
    assert '<option value="请再听一遍">' in wang.get(address(desk, night[8])).text
    assert "not yours" in wang.post("/templates/1/drop", headers=ORIGIN).text
    assert li.post("/templates/1/drop", headers=ORIGIN).is_redirect
    assert "语气很好" not in li.get("/templates").text
