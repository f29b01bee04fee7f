"""Coaching sessions on the desk: what is offered, who sees what of whom, what the agent sees."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import httpx
import pytest
from starlette.testclient import TestClient

from pipeline.datatypes import Outcome
from pipeline.reviews.coaching import coaching_of
from pipeline.reviews.coaching_excerpts import CoachingExcerpt, choose_excerpt, excerpts_of
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.sampling import Amount, PlanFilters, SamplingPlan, draw
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.voice_leave import give_voice_leave
from pipeline.storage import artefacts
from pipeline.storage.home import JudgedFile
from pipeline.timeline import Span
from tests.support.coached_desks import PHONE, CoachedDesk, make_coached_desk, sent
from tests.support.desks import signed_in
from tests.support.people import say

pytestmark = pytest.mark.xdist_group("desk")

PLAN = {
    "agent": "1001", "rule": ["closing", "greeting"], "practise": "say goodbye\nwait for the answer",
    "for_agent": "you are friendly", "private": "canary for staff", "planned_on": "2026-07-01",
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> CoachedDesk:
    return make_coached_desk(tmp_path_factory.mktemp("coached"))


def coach(house: CoachedDesk, team: str = "一组") -> TestClient:
    return signed_in(house.desk, "coach", f"coach-{team}", (team,))


def agent(house: CoachedDesk, agent_id: str = "1001") -> TestClient:
    return signed_in(house.desk, "agent", f"agent-{agent_id}", agent_id=agent_id)


_TOKENS = iter(range(1000))


def planned(house: CoachedDesk, **changed: str) -> str:
    """The address of a new session."""
    answer = sent(coach(house), "/coaching", {**PLAN, "token": f"plan-{next(_TOKENS)}", **changed})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def excerpted(house: CoachedDesk, where: str, name: str) -> None:
    """Put the first excerpt that is offered of a call into a session."""
    text = coach(house).get(where).text
    offered = re.search(
        rf'name="call" value="{house.id_of(name)}">.*?name="rule" value="(.*?)">.*?name="start_s" value="(.*?)">'
        r'.*?name="end_s" value="(.*?)"', text,
    )  # fmt: skip
    assert offered, f"{name} is not offered"
    fields = dict(zip(("rule", "start_s", "end_s"), offered.groups(), strict=True))
    token = f"excerpt-{next(_TOKENS)}"
    assert sent(coach(house), f"{where}/excerpts", {**fields, "call": house.id_of(name), "token": token}).is_redirect


def refs(house: CoachedDesk, where: str) -> list[str]:
    with house.desk.reviews.file.reading() as rows:
        session = coaching_of(rows, where.rpartition("/")[2])
        assert session is not None
        return [each.ref for each in excerpts_of(rows, session.id)]


def held(house: CoachedDesk, where: str, **changed: str) -> httpx.Response:
    fields = {**PLAN, "step": "held", "held_on": "2026-07-02", "token": f"hold-{next(_TOKENS)}", **changed}
    return sent(coach(house), f"{where}/plan", fields)


def test_a_coach_is_offered_flagged_calls_and_good_ones_of_the_same_rule_and_scenario(house: CoachedDesk) -> None:
    text = coach(house).get(planned(house)).text
    offered = set(re.findall(r'name="call" value="(\w+)"', text))
    assert offered == {house.id_of(name) for name in ("flagged", "flagged-too", "own-good", "good", "better")}
    assert "王强" not in text, "nobody is named"
    assert PHONE not in text


def test_what_reviewers_confirmed_comes_first_and_what_they_found_wrong_is_not_offered(house: CoachedDesk) -> None:
    rights: tuple[tuple[str, Outcome | None], ...] = (("good", None), ("better", "fail"), ("flagged", "pass"))
    for name, right in rights:
        stored = artefacts.read(house.desk.home.judged(house.sha256(name)), JudgedFile)
        say(house.desk.reviews, "li", verdict_keys(stored)["booking"], right)
    text = coach(house).get(planned(house, rule="booking")).text
    offered = re.findall(r'name="call" value="(\w+)"', text)
    assert offered == [house.id_of(name) for name in ("flagged-too", "good", "own-good")]
    assert text.count("confirmed by a reviewer") == 1


def test_good_examples_are_no_older_than_the_setting(house: CoachedDesk) -> None:
    settings = house.desk.settings
    reviews = settings.reviews.model_copy(update={"good_examples_days": 1})
    desk = replace(house.desk, settings=settings.model_copy(update={"reviews": reviews}))
    text = coach(replace(house, desk=desk)).get(planned(house)).text
    assert house.id_of("flagged") in text
    assert house.id_of("good") not in text


def test_a_session_is_planned_held_and_acknowledged_once_however_often_a_form_is_sent(house: CoachedDesk) -> None:
    fields = {**PLAN, "token": "twice"}
    where = {sent(coach(house), "/coaching", fields).headers["location"] for _ in range(2)}
    assert len(where) == 1
    (there,) = where
    excerpted(house, there, "flagged")
    excerpted(house, there, "good")
    assert len(refs(house, there)) == 2
    assert agent(house).get(f"/my{there}").status_code == 404, "an agent sees nothing before it was held"
    for _ in range(2):
        assert held(house, there, token="h").is_redirect
    seen = agent(house).get(f"/my{there}").text
    assert "say goodbye" in seen
    assert "you are friendly" in seen
    assert "canary for staff" not in seen
    assert "王强" not in seen
    assert PHONE not in seen
    assert "再见" in seen
    for _ in range(2):
        given = {"token": "a", "comment": "thank you"}
        assert sent(agent(house), f"/my{there}/acknowledge", given).is_redirect
    text = coach(house).get(there).text
    assert text.count("<q>thank you</q>") == 1
    late = sent(coach(house), f"{there}/excerpts", {"call": house.id_of("better"), "rule": "closing", "start_s": "0",
                                                    "end_s": "3", "token": "late"})  # fmt: skip
    assert late.status_code == 409
    assert "its excerpts stay as they are" in late.text


def test_an_agent_sees_spans_of_calls_that_nobody_released_and_nothing_else_of_them(house: CoachedDesk) -> None:
    there = planned(house)
    excerpted(house, there, "flagged")
    assert held(house, there).is_redirect
    (ref,) = refs(house, there)
    mei = agent(house)
    assert mei.get(f"/calls/{house.id_of('flagged')}").status_code == 404
    sound = mei.get(f"/my{there}/excerpts/{ref}/sound")
    assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/mpeg")
    assert agent(house, "1002").get(f"/my{there}").status_code == 404
    assert agent(house, "1002").get(f"/my{there}/excerpts/{ref}/sound").status_code == 404
    assert sent(agent(house, "1002"), f"/my{there}/acknowledge", {"token": "x"}).status_code == 404


def test_a_colleague_is_heard_only_while_they_give_leave_in_sessions_that_were_held_too(house: CoachedDesk) -> None:
    there = planned(house)
    excerpted(house, there, "good")
    assert held(house, there).is_redirect
    (ref,) = refs(house, there)
    own, presented = f"/my{there}/excerpts/{ref}/sound", f"{there}/excerpts/{ref}/sound"
    heard = []
    for leave in ("", "given", "taken"):
        if leave:
            sent(agent(house, "1002"), "/my/voice", {"leave": leave, "token": f"v{leave}"})
        heard.append((agent(house).get(own).status_code, coach(house).get(presented).status_code))
        page = coach(house).get(f"{there}/present").text
        assert (presented in page) == (leave == "given")
    assert heard == [(404, 404), (200, 200), (404, 404)]


def test_sessions_are_for_the_team_of_their_agent_and_nobody_else(house: CoachedDesk) -> None:
    there = planned(house)
    excerpted(house, there, "flagged")
    (ref,) = refs(house, there)
    reached = ("", "/present", "/export.html", "/export.zip", f"/excerpts/{ref}/sound")
    outsiders = (coach(house, "二组"), signed_in(house.desk, "supervisor", "other", ("二组",)),
                 signed_in(house.desk, "coach", "teamless"))  # fmt: skip
    fields = {**PLAN, "token": "x", "step": "held"}
    for outsider in outsiders:
        assert {outsider.get(f"{there}{path}").status_code for path in reached} == {404}
        for path in ("/plan", "/step", "/excerpts", f"/excerpts/{ref}"):
            assert sent(outsider, f"{there}{path}", fields).status_code == 404
        assert there not in outsider.get("/coaching").text
        assert outsider.get("/coaching/new?agent=1001").status_code == 404
        assert sent(outsider, "/coaching", {**PLAN, "token": "other"}).status_code == 404
    boss = signed_in(house.desk, "administrator", "boss")
    supervisor = signed_in(house.desk, "supervisor", "own", ("一组",))
    for insider in (boss, supervisor):
        assert {insider.get(f"{there}{path}").status_code for path in reached} == {200}
        assert there in insider.get("/coaching").text


def test_a_call_outside_the_scope_is_neither_put_in_nor_shown_where_somebody_else_did(house: CoachedDesk) -> None:
    there = planned(house)
    refused = sent(coach(house), f"{there}/excerpts", {"call": house.id_of("other-team"), "rule": "closing",
                                                       "start_s": "0", "end_s": "3", "token": "o"})  # fmt: skip
    assert refused.status_code == 404
    with house.desk.reviews.file.writing() as rows:
        excerpt = CoachingExcerpt(house.sha256("other-team"), "closing", "good", "1003", Span(0.0, 3.0))
        choose_excerpt(rows, "boss", "b", there.rpartition("/")[2], excerpt)
        give_voice_leave(rows, "jing", "j", "1003", True)
    (ref,) = refs(house, there)
    assert ref not in coach(house).get(there).text
    assert coach(house).get(f"{there}/excerpts/{ref}/sound").status_code == 404
    assert ref in signed_in(house.desk, "administrator", "boss").get(there).text


def test_who_is_to_judge_a_verdict_blind_does_not_find_it_in_a_session(house: CoachedDesk) -> None:
    there = planned(house)
    excerpted(house, there, "flagged-too")
    (ref,) = refs(house, there)
    plan = SamplingPlan({"fail": Amount(share=1.0)}, "s", PlanFilters(rules=("closing",)), by_layout=False)
    with house.desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    options = QueueOptions(blind_share=1.0, shares={"blind": 1.0})
    Plans(house.desk.reviews.file).keep(plan, sample, "blind", "boss", options)
    for name, sees in (("blind", False), ("sighted", True)):
        lead = signed_in(house.desk, "supervisor", name, ("一组",))
        pages = [lead.get(f"{there}{path}").text for path in ("", "/present")]
        assert [f"/excerpts/{ref}" in page for page in pages] == [sees, sees]


def test_excerpts_are_changed_and_moved_within_their_call(house: CoachedDesk) -> None:
    there = planned(house)
    for name in ("flagged", "good"):
        excerpted(house, there, name)
    first, second = refs(house, there)
    change = {"do": "change", "start_s": "-5", "end_s": "9999", "comment": "listen to the end", "token": "c"}
    assert sent(coach(house), f"{there}/excerpts/{first}", change).is_redirect
    with house.desk.reviews.file.reading() as rows:
        session = coaching_of(rows, there.rpartition("/")[2])
        assert session is not None
        changed = excerpts_of(rows, session.id)[0]
    assert changed.span == Span(0.0, house.calls["flagged"].call.facts.duration_s)
    assert (changed.comment, changed.sound) == ("listen to the end", False)
    assert sent(coach(house), f"{there}/excerpts/{second}", {"do": "earlier", "token": "m"}).is_redirect
    assert refs(house, there) == [second, first]
    assert sent(coach(house), f"{there}/excerpts/{second}", {"do": "out", "token": "m"}).is_redirect
    assert refs(house, there) == [first]
    for wrong in ({"do": "change", "start_s": "nan", "end_s": "3"}, {"do": "nothing"}):
        assert sent(coach(house), f"{there}/excerpts/{first}", {**wrong, "token": "w"}).status_code == 404


def test_a_verdict_on_a_call_leads_into_a_session(house: CoachedDesk) -> None:
    zhou = coach(house)
    call = zhou.get(f"/calls/{house.id_of('flagged')}").text
    address = f"/coaching/add?call={house.id_of('flagged')}&amp;rule=closing"
    assert address in call
    assert "/coaching/add" not in signed_in(house.desk, "reviewer", "li").get(f"/calls/{house.id_of('flagged')}").text
    offered = zhou.get(address.replace("&amp;", "&")).text
    assert f"call={house.id_of('flagged')}&amp;call_rule=closing" in offered
    fields = {**PLAN, "call": house.id_of("flagged"), "call_rule": "closing", "token": "from a call"}
    there = sent(zhou, "/coaching", fields).headers["location"]
    assert len(refs(house, there)) == 1
    as_good = zhou.get(f"/coaching/add?call={house.id_of('good')}&rule=closing").text
    assert f'action="{there}/excerpts"' in as_good, "as a good example, for a colleague"
    assert zhou.get(f"/coaching/add?call={house.id_of('other-team')}&rule=closing").status_code == 404


def test_nothing_is_held_without_something_to_practise_or_in_the_future(house: CoachedDesk) -> None:
    there = planned(house)
    assert held(house, there, practise="").status_code == 409
    assert held(house, there, held_on="2999-01-01", practise="written meanwhile").status_code == 409
    text = coach(house).get(there).text
    assert "written meanwhile" in text, "what was written is kept"
    assert "So far" in text
    assert 'value="held"' in text
    assert held(house, there, held_on="0002-07-01").status_code == 409, "as browsers send a year half typed"
    assert coach(house).get("/coaching").status_code == 200


def test_of_two_who_change_a_plan_at_once_the_second_is_told(house: CoachedDesk) -> None:
    there = planned(house)

    def seen() -> str:
        (mark,) = re.findall(r'name="seen" value="(\w+)"', coach(house).get(there).text)
        return str(mark)

    before = seen()
    first = {**PLAN, "practise": "what the first wrote", "seen": before, "token": "one"}
    for _ in range(2):
        assert sent(coach(house), f"{there}/plan", first).is_redirect, "a double click is no second person"
    second = sent(coach(house), f"{there}/plan", {**PLAN, "practise": "second", "seen": before, "token": "two"})
    assert (second.status_code, "somebody changed this session" in second.text) == (409, True)
    assert "what the first wrote" in coach(house).get(there).text
    late = {**PLAN, "practise": "third", "seen": seen(), "token": "three"}
    assert held(house, there, practise="what the first wrote").is_redirect
    assert sent(agent(house), f"/my{there}/acknowledge", {"token": "ack"}).is_redirect
    assert sent(coach(house), f"{there}/plan", late).status_code == 409, "nothing that was written is left out silently"


def test_what_coaches_write_is_no_part_of_a_page(house: CoachedDesk) -> None:
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    there = planned(house)
    assert held(house, there, practise=hostile, for_agent=hostile, private=hostile).is_redirect
    for text in (coach(house).get(there).text, agent(house).get(f"/my{there}").text):
        assert "<script>alert" not in text
        assert "<img" not in text


def test_what_is_offered_and_chosen_is_heard(house: CoachedDesk) -> None:
    page = coach(house).get(planned(house)).text
    sounds = re.findall(r'(?:src|data-src|data-sound)="(/coaching/[^"]*sound[^"]*)"', page)
    assert sounds
    assert {coach(house).get(html.unescape(sound)).status_code for sound in sounds} == {200}
