"""The SQL page: who may ask, what an answer looks like, what is kept of it, whose queries run, what a file has."""

from __future__ import annotations

import csv
import html
import io
import os
import re
import socket
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

import httpx
import pytest
from starlette.testclient import TestClient

from desk.context import Desk
from desk.rights import RIGHTS, AccountRole, User
from desk.routing import session_cookie
from desk.sql import download
from desk.sql.questions import common_questions
from pipeline.settings import CHECKOUT, Sql
from pipeline.storage.audit import audit_entries
from tests.desk.who_may import WHO_MAY
from tests.support.desks import ORIGIN, make_small_desk, served, session_of, signed_in
from tests.support.hostile_pages import SCRIPT, got_through
from tests.support.nights import alive, children

pytestmark = pytest.mark.xdist_group("desk")

PART = ORIGIN | {"hx-request": "true"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = make_small_desk(tmp_path_factory.mktemp("desk"), 6)[0]
    return replace(made, settings=made.settings.model_copy(update={"sql": Sql(timeout_s=20)}))


@pytest.fixture(scope="module")
def boss(desk: Desk) -> TestClient:
    return signed_in(desk, "administrator", "boss")


def asked(client: TestClient, sql: str, language: str = "en") -> str:
    """The answers of a query, without the page around them."""
    client.cookies.set("callqa-language", language)
    answer = client.post("/sql", data={"sql": sql}, headers=PART)
    client.cookies.delete("callqa-language")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_only_accounts_that_see_all_calls_may_ask() -> None:
    may: list[AccountRole] = [role for role in get_args(AccountRole) if "sql" in RIGHTS[role]]
    assert may == ["reviewer", "administrator"]
    assert {User("x", role, teams=("A",), agent_id="1").scope for role in may} == {"all"}
    assert {who for line, whom in WHO_MAY.items() if " /sql" in line for who in whom} == set(may)


def test_the_questions_are_those_of_the_documentation() -> None:
    for page, language in (("sql.md", "en"), ("sql.zh-CN.md", "zh")):
        text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
        found = re.findall(r"^\d+\. (.+?)\n.*?```sql\n(.*?)```$", text, re.DOTALL | re.MULTILINE)
        written = [(title, " ".join(sql.replace(";", "").split())) for title, sql in found]
        assert written == [(getattr(q, language), " ".join(q.sql.split())) for q in common_questions()]


def test_an_answer_is_a_table_and_nothing_in_it_is_a_part_of_the_page(desk: Desk, boss: TestClient) -> None:
    text = asked(
        boss,
        "SELECT sha256, call_id, started_at, 'javascript:alert(1)' AS url FROM calls ORDER BY call_id LIMIT 1;"
        f"SELECT '{SCRIPT}' AS \"<img src=x>\", {{'<b>': '{SCRIPT}'}} AS s, ['{SCRIPT}', NULL] AS l, NULL AS n, "
        "1234.50::DOUBLE AS x, 0.00001 AS tiny, true AS b, repeat('y', 300) AS long, chr(8238) AS turned, "
        "[]::INTEGER[] AS e;"
        "SELECT range AS n, 'javascript:1' AS sha256 FROM range(1001);"
        f"SELECT agent_name || '{SCRIPT}' AS agent, count(*) AS calls, NULL::INTEGER AS gap FROM calls GROUP BY 1;"
        f"SELECT agent_name || '{SCRIPT}' AS agent, count(*) AS calls FROM calls GROUP BY 1 ORDER BY 1;"
        "SELECT DATE '2025-03-03' + range::INTEGER AS day, range AS calls FROM range(5)",
    )
    with desk.snapshot.reading() as reader:
        agents = int(reader.value("SELECT count(DISTINCT agent_name) FROM calls"))
        sha256 = str(reader.value("SELECT sha256 FROM calls ORDER BY call_id LIMIT 1"))
    assert text.count(f'href="/calls/{desk.call_ids.of(sha256)}"') == 2
    assert re.findall(r'href="(?!/calls/)', text) == []
    assert got_through(text) == []
    assert "<b>" not in text
    assert f"<dt>&lt;b&gt;</dt><dd>{html.escape(SCRIPT)}</dd>" in text
    for cell in ('"num">1234.5<', '"num">1e-05<', '"null">NULL<', '"short">[]<', '"short">true<'):
        assert cell in text, cell
    assert "+08:00" not in text
    assert text.count("the first 1000 rows; there were more") == 1
    assert text.count("<svg") == 2  # a column of nothing but gaps is no chart
    assert text.count("<rect") == agents
    assert text.count("<polyline") == 1


def test_ids_that_begin_like_days_are_names_in_a_chart(boss: TestClient) -> None:
    text = asked(boss, "SELECT '2026-11-16-0000100' || range AS call_id, range AS calls FROM range(4)")
    assert (text.count("<rect"), text.count("<polyline")) == (4, 0)


def test_what_is_wrong_is_told_in_a_line_with_its_place(boss: TestClient) -> None:
    text = asked(boss, "SELECT agent_nam\nFROM calls\nWHERE nothing = 1", "zh")
    (problem,) = re.findall(r'<p class="problem"[^>]*data-line="3">(.+?)</p>', text)
    assert problem.startswith("FROM 里的表没有字段 nothing。可用的字段：")
    assert problem.endswith("（查询第 3 行）")
    assert 'action="/sql/answer.csv"' not in text


def test_too_much_is_refused_before_it_is_asked(boss: TestClient) -> None:
    for sql, says in (("", "write a query"), ("x" * 100_001, "1 to 100000 characters")):
        assert says in asked(boss, sql)
    assert "21 statements; ask at most 20 at once" in asked(boss, "SELECT 1;" * 21)
    assert boss.post("/sql", data={"sql": "x" * (10 << 20)}, headers=ORIGIN).status_code == 413
    assert boss.post("/sql", data={"sql": "SELECT 1"}).status_code == 403  # no page of ours sent it


def test_a_page_without_scripts_has_the_query_its_answer_and_what_was_asked_last(desk: Desk) -> None:
    mei, li = signed_in(desk, "reviewer", "mei"), signed_in(desk, "reviewer", "li")
    page = mei.post("/sql", data={"sql": "SELECT 40 + 2 AS secret_words"}, headers=ORIGIN).text
    assert "SELECT 40 + 2 AS secret_words</textarea>" in page
    assert '<td class="num">42</td>' in page
    assert "<b>agent_scorecard</b>" in page
    assert "secret_words" in mei.get("/sql").text
    assert "secret_words" not in li.get("/sql").text
    (number,) = re.findall(r'href="/sql\?asked=(\d+)"', mei.get("/sql").text)
    assert "secret_words</textarea>" in mei.get(f"/sql?asked={number}").text
    assert "secret_words" not in li.get(f"/sql?asked={number}").text
    mei.post("/sql/asked/forget", headers=ORIGIN)
    assert "secret_words" not in mei.get("/sql").text
    log = (desk.home.root / "audit.log").read_text()
    assert '"mei"' in log
    assert "secret_words" not in log


def test_a_common_question_is_put_into_the_editor(boss: TestClient) -> None:
    assert common_questions()[4].sql.strip() + "</textarea>" in boss.get("/sql?question=5").text
    for nowhere in ("question=99", "question=x", "saved=99", "asked=-1"):
        assert boss.get(f"/sql?{nowhere}").status_code == 404, nowhere


def test_queries_are_kept_by_who_made_them_and_nobody_else(desk: Desk, boss: TestClient) -> None:
    li = signed_in(desk, "reviewer", "li")
    for name, shared in ((SCRIPT, "yes"), ("mine", "")):
        sent = boss.post("/sql/saved", data={"name": name, "sql": f"SELECT '{name}'", "shared": shared}, headers=ORIGIN)
        assert sent.status_code == 303
    address = sent.headers["location"]
    number = address.partition("=")[2]
    page = li.get("/sql").text
    assert html.escape(SCRIPT) in page
    assert SCRIPT not in page
    assert "mine" not in page
    assert "SELECT &#39;mine&#39;" in boss.get(address).text
    assert li.get(address).status_code == 404
    shared = int(number) - 1
    assert li.get(f"/sql?saved={shared}").status_code == 200
    assert li.post(f"/sql/saved/{shared}/remove", headers=ORIGIN).status_code == 404
    assert boss.post(f"/sql/saved/{number}/remove", headers=ORIGIN).status_code == 303
    assert boss.post("/sql/saved", data={"name": "x" * 61, "sql": "SELECT 1"}, headers=ORIGIN).status_code == 409


def test_a_file_has_the_whole_answer_and_no_formula(
    desk: Desk, boss: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT range AS n, '=1+' || range AS \"=HYPERLINK(1)\", chr(1) AS c, [1] AS l FROM range(1500)"
    sent = boss.post("/sql/answer.csv", data={"sql": sql}, headers=ORIGIN)
    assert sent.headers["content-disposition"].endswith('.csv"')
    rows = list(csv.reader(io.StringIO(sent.content.decode("utf-8-sig"))))
    assert rows[0] == ["n", "'=HYPERLINK(1)", "c", "l"]
    assert rows[1500] == ["1499", "'=1+1499", "\x01", "[1]"]
    assert len(rows) == 1501
    book = zipfile.ZipFile(io.BytesIO(boss.post("/sql/answer.xlsx", data={"sql": sql}, headers=ORIGIN).content))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 1501
    assert "<f>" not in sheet
    monkeypatch.setattr(download, "MOST_CSV_ROWS", 3)
    cut = boss.post("/sql/answer.csv", data={"sql": sql}, headers=ORIGIN).text.splitlines()
    assert cut[-1] == '"this is not all: a file holds no more than 3 rows of it; narrow the query, or use callqa sql"'
    exports = [entry for entry in audit_entries(desk.home) if entry.action == "export" and entry.user == "boss"]
    assert [entry.details["what"] for entry in exports][:2] == [
        "answer of a query as csv", "answer of a query as xlsx"
    ]  # fmt: skip


SLEEP = "SELECT pg_sleep(15)"


def queries() -> list[int]:
    return [pid for pid in children(os.getpid()) if alive(pid) and b"sql_child" in command_line(pid)]


def command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 12
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_query_ends_when_nobody_waits_for_it_and_others_are_answered_meanwhile(desk: Desk) -> None:
    names = [f"asker-{number}" for number in range(4)]
    told: dict[str, str] = {}

    def ask(name: str, sql: str) -> None:
        cookies = {session_cookie(desk): session_of(desk, "reviewer", name), "callqa-language": "en"}
        sent = httpx.post(f"{address}/sql", data={"sql": sql}, headers=PART, cookies=cookies, timeout=30)
        told[f"{name} {sql}"] = sent.text

    with served(desk) as address:
        threads = [threading.Thread(target=ask, args=(name, SLEEP)) for name in names[:2]]
        for thread in threads:
            thread.start()
        leaves = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
        body = urlencode({"sql": SLEEP}).encode()
        cookie = f"{session_cookie(desk)}={session_of(desk, 'reviewer', names[2])}"
        leaves.sendall(
            f"POST /sql HTTP/1.1\r\nHost: {address[7:]}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        wait_for(lambda: len(queries()) == 3)
        ask(names[3], SLEEP)
        assert "others are asking the database just now" in told[f"{names[3]} {SLEEP}"]
        assert signed_in(desk, "reviewer", names[3]).get("/calls").status_code == 200
        leaves.close()
        wait_for(lambda: len(queries()) == 2)
        ask(names[0], "SELECT 40 + 2")
        assert ">42<" in told[f"{names[0]} SELECT 40 + 2"]
        threads[0].join(5)
        assert "stopped" in told[f"{names[0]} {SLEEP}"]
        signed_in(desk, "reviewer", names[1]).post("/sql/stop", headers=ORIGIN)
        threads[1].join(5)
        assert "stopped" in told[f"{names[1]} {SLEEP}"]
        assert queries() == []
