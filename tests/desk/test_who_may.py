"""Every endpoint, asked by every role, by nobody, by a disabled account and with a session that has ended.

An agent's, coach's or supervisor's scope is part of it: an endpoint on a call answers for a call outside it as for one
that is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import httpx
import pytest
from starlette.routing import Match
from starlette.testclient import TestClient

from desk.context import Desk
from desk.rights import AccountRole
from desk.routing import ENDPOINTS, DeskEndpoint, routes, session_cookie
from pipeline.datatypes import Judged
from pipeline.reviews.releases import CallResult, release, released, withdraw
from tests.desk.who_may import ANYBODY, SIGNED_IN, WHO_MAY
from tests.support.desks import ORIGIN, make_small_desk, session_of, stranger

pytestmark = pytest.mark.xdist_group("desk")

TEAMS = ("一组",)
FORBIDDEN, NOT_THERE = "your account may not do this", "there is no such page, or not for you"


@dataclass(frozen=True)
class House:
    """A desk, a client of it, the id of a call that each role may see, and ids of calls that it may not."""

    desk: Desk
    client: TestClient
    inside: str
    outside: dict[str, tuple[str, ...]]
    unreleased: str

    def ask(self, who: str, endpoint: DeskEndpoint, call_id: str) -> httpx.Response:
        path = endpoint.path.replace("{call_id}", call_id)
        path = re.sub(r"\{(\w+)\}", "1", path)
        self.client.cookies.clear()
        if who in SIGNED_IN:
            self.client.cookies.set(session_cookie(self.desk), self.session(who))
        elif who != "nobody":
            self.client.cookies.set(session_cookie(self.desk), self.gone(who))
        if endpoint.method == "GET":
            return self.client.get(path)
        return self.client.post(path, headers=ORIGIN)

    def session(self, role: str) -> str:
        given: AccountRole = role  # type: ignore[assignment]
        agent_id = "1001" if role == "agent" else None
        return session_of(self.desk, given, role, TEAMS if role in ("coach", "supervisor") else (), agent_id)

    def take_back(self) -> None:
        """The agent's second call is a draft, whatever others released meanwhile."""
        with self.desk.reviews.file.writing() as rows:
            if (last := released(rows, self.unreleased)) is not None:
                withdraw(rows, "chen", 2, f"w{last.id}", self.unreleased, "not yet")

    def gone(self, who: str) -> str:
        """A session that was an administrator's."""
        session = session_of(self.desk, "administrator", "gone")
        if who == "disabled":
            with self.desk.accounts.file.writing() as rows:  # and its sessions not ended, as `disable` does
                rows.execute("UPDATE accounts SET disabled_at = 1 WHERE name = 'gone'")
        else:
            self.desk.accounts.enable("gone")
            self.desk.sessions.end(session)
        return session


def result(judged: Judged) -> CallResult:
    agent_id = judged.call.cdr.agent_id
    return CallResult(judged.call.sha256, agent_id, 80.0, None, 0.0, "hotline-zh", "b" * 64, "v1", "f" * 64, ())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    desk, night = make_small_desk(tmp_path_factory.mktemp("desk"), 6)
    with desk.reviews.file.writing() as rows:
        release(rows, "chen", 2, "r0", result(night[0]))
        release(rows, "chen", 2, "r1", result(night[1]))
    one, teammates, other_team, _, unreleased, _ = (desk.call_ids.of(judged.call.sha256) for judged in night)
    nowhere = "0" * 32
    outside = {
        "agent": (teammates, other_team, unreleased, nowhere),
        "coach": (other_team, nowhere),
        "supervisor": (other_team, nowhere),
    }
    desk.accounts.make("root", "administrator")  # so that no other is the last
    return House(desk, stranger(desk), one, outside, night[4].call.sha256)


def key(endpoint: DeskEndpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def test_every_endpoint_has_its_line_and_every_line_its_endpoint() -> None:
    assert sorted(WHO_MAY) == sorted(map(key, ENDPOINTS))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=key)
def test_an_endpoint_answers_those_who_may_ask_it_and_nobody_else(house: House, endpoint: DeskEndpoint) -> None:
    may = WHO_MAY[key(endpoint)]
    assert set(may) <= set(ANYBODY)
    for who in (*ANYBODY, "disabled", "ended"):
        answer = house.ask(who, endpoint, house.inside)
        if who in may or (who in ("disabled", "ended") and "nobody" in may):
            let_in(answer, endpoint, who)
        elif who in SIGNED_IN:
            assert answer.status_code == 403, who
            assert FORBIDDEN in answer.text, who
        elif endpoint.method == "GET":
            assert answer.status_code == 303, who
            assert answer.headers["location"].startswith("/sign-in?to="), who
        else:
            assert answer.status_code == 401, who


def let_in(answer: httpx.Response, endpoint: DeskEndpoint, who: str) -> None:
    assert answer.status_code < 500, (who, answer.text)
    assert answer.status_code != 401, who
    assert FORBIDDEN not in answer.text, who
    assert not answer.headers.get("location", "").startswith("/sign-in?to="), who
    # what was made up for it (a token, the id of a task) need not be there; a call of one's own must
    if endpoint.method == "GET" and re.findall(r"\{(\w+)\}", endpoint.path) == ["call_id"]:
        assert answer.status_code in (200, 303), (who, answer.text)


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if "{call_id}" in e.path], ids=key)
def test_a_call_outside_the_scope_is_answered_as_one_that_is_not_there(house: House, endpoint: DeskEndpoint) -> None:
    house.take_back()
    for who in set(WHO_MAY[key(endpoint)]) & house.outside.keys():
        answers = [house.ask(who, endpoint, call_id) for call_id in house.outside[who]]
        assert {answer.status_code for answer in answers} == {404}, who
        assert {same_page(answer.text) for answer in answers} == {same_page(answers[-1].text)}, who
        assert NOT_THERE in answers[0].text


def same_page(text: str) -> str:
    """A page without what differs from request to request: its nonce, and its own address."""
    return re.sub(r'nonce="[^"]*"|[0-9a-f]{32}', "", text)


def test_no_address_stands_in_the_way_of_another() -> None:
    for endpoint in ENDPOINTS:
        scope = {"type": "http", "method": endpoint.method, "path": re.sub(r"\{(\w+)\}", "1", endpoint.path)}
        answering = next(route for route in routes() if route.matches(scope)[0] is Match.FULL)
        assert answering.name == f"{endpoint.method} {endpoint.path}"


def test_a_new_endpoint_without_a_line_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    new = replace(ENDPOINTS[0], path="/new")
    monkeypatch.setattr("tests.desk.test_who_may.ENDPOINTS", [*ENDPOINTS, new])
    with pytest.raises(AssertionError):
        test_every_endpoint_has_its_line_and_every_line_its_endpoint()
