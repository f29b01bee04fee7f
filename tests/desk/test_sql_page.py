"""The SQL page: who may ask, what an answer looks like, what is kept, what is sent as a file."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from starlette.testclient import TestClient

from desk.context import Desk
from desk.rights import RIGHTS, AccountRole, User
from desk.sql.questions import common_questions
from pipeline.settings import CHECKOUT
from tests.desk.who_may import WHO_MAY
from tests.support.desks import ORIGIN, make_small_desk, signed_in

pytestmark = pytest.mark.xdist_group("desk")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 6)[0]


@pytest.fixture(scope="module")
def boss(desk: Desk) -> TestClient:
    return signed_in(desk, "administrator", "boss")


def asked(client: TestClient, sql: str) -> str:
    answer = client.post("/sql", data={"sql": sql}, headers=ORIGIN | {"hx-request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_only_accounts_that_see_all_calls_may_ask() -> None:
    may: list[AccountRole] = [role for role in get_args(AccountRole) if "sql" in RIGHTS[role]]
    assert may == ["reviewer", "administrator"]
    assert {User("x", role, teams=("A",), agent_id="1").scope for role in may} == {"all"}
    assert {who for line, who in WHO_MAY.items() if " /sql" in line} <= {
        ("reviewer", "administrator"),
        ("administrator",),
    }


def test_the_questions_are_those_of_the_documentation() -> None:
    for page, language in (("sql.md", "en"), ("sql.zh-CN.md", "zh")):
        text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
        found = re.findall(r"^\d+\. (.+?)\n.*?```sql\n(.*?)```$", text, re.DOTALL | re.MULTILINE)
        written = [(title, " ".join(sql.replace(";", "").split())) for title, sql in found]
        assert written == [(getattr(q, language), " ".join(q.sql.split())) for q in common_questions()]
