"""平均实现率: every number is a plain count of the same calls, leads to as many calls, and keeps to who may see it."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from html import unescape

import openpyxl
import pytest
from starlette.testclient import TestClient

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR, Judged, Outcome
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.desks import settings_of, signed_in
from tests.support.factories import NIGHT, make_judged, make_verdict, save

AGENTS = (
    ("1001", "=SUM(A1)", "一组", "甲"), ("1002", "王强", "一组", "甲"), ("1003", "陈静", "二组", "乙"),
    (None, "无号", None, "乙"),
)  # fmt: skip
RULES = ("greeting", "closing", "dead-air")


def outcome_of(number: int, rule: str) -> Outcome:
    """Worse in the second half of the weeks, differently for each rule."""
    turn = (number * 7 + len(rule) * 3) % 20
    if turn == 0:
        return "unsure"
    if turn == 1:
        return "not_applicable"
    return "fail" if turn < (6 if number < 120 else 12) - len(rule) // 4 else "pass"


def night() -> list[Judged]:
    """240 calls over eight weeks, the last of them without a date."""
    made = []
    for number in range(240):
        agent_id, name, team, company = AGENTS[number % 4]
        started = NIGHT + timedelta(hours=5.4 * number)
        cdr = CDR(f"C{number}", started, agent_id, name, team, company=company)
        verdicts = [make_verdict(rule, outcome_of(number, rule)) for rule in RULES]
        call = make_judged(f"call-{number}", cdr=cdr, verdicts=verdicts, score=float(40 + number % 61))
        made.append(call)
    last = made[-1].call
    made[-1] = replace(made[-1], call=replace(last, cdr=replace(last.cdr, started_at=None)))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    home = Home(tmp_path_factory.mktemp("desk") / "home")
    settings = settings_of(home.root)
    settings = settings.model_copy(update={"desk": settings.desk.model_copy(update={"address": "http://desk.example"})})
    calls = night()
    save(home, calls)
    build_database(home, settings)
    return make_desk(settings, dict), calls


def counted(calls: Sequence[Judged], **cdr: object) -> Counter[tuple[str, str, str]]:
    """Verdicts by rule, Monday and outcome."""
    found: Counter[tuple[str, str, str]] = Counter()
    for judged in calls:
        given = judged.call.cdr
        if given.started_at and all(getattr(given, name) == value for name, value in cdr.items()):
            monday = given.started_at.date() - timedelta(days=given.started_at.weekday())
            for verdict in judged.scorecard.verdicts if judged.scorecard else ():
                found[verdict.rule_id, str(monday), verdict.outcome] += 1
    return found


def cells(page: str) -> dict[str, list[tuple[str, str, str]]]:
    """Rows of the table: of each cell its text, what it says and its address."""
    rows = {}
    for name, rest in re.findall(r'<tr[^>]*><th scope="row">(?:<a [^>]*>)?([^<]*)(?:</a>)?</th>(.*?)</tr>', page, re.S):
        found = re.findall(r"<td class=\"(?:s\d|few|none)[^\"]*\"(?: title=\"([^\"]*)\")?>(.*?)</td>", rest, re.S)
        rows[unescape(name)] = [
            (re.sub("<[^>]*>", "", cell), says, unescape("".join(re.findall('href="([^"]*)"', cell))))
            for says, cell in found
        ]
    return rows


def calls_behind(client: TestClient, href: str) -> int:
    page = client.get(href)
    assert page.status_code == 200, href
    (count,) = re.findall(r"([\d,]+) calls?\b", page.text)[:1]
    return int(count.replace(",", ""))


@pytest.mark.parametrize(
    ("address", "about"),
    [("?weeks=8", {}), ("?weeks=8&team=一组", {"team": "一组"}), ("?weeks=8&team=–", {"team": None}),
     ("?weeks=8&company=乙", {"company": "乙"}), ("?weeks=8&agent=1002", {"agent_id": "1002"})],
)  # fmt: skip
def test_indicators_by_week_are_plain_counts(
    made: tuple[Desk, Sequence[Judged]], address: str, about: dict[str, object]
) -> None:
    desk, calls = made
    page = signed_in(desk, "administrator").get(f"/dashboard/achievement{address}").text
    plain, rows = counted(calls, **about), cells(page)
    mondays = sorted({monday for _, monday, _ in counted(calls)})[-8:]
    for rule in RULES:
        for (_, says, _), monday in zip(rows[rule][1:], mondays, strict=True):
            passes, fails = plain[rule, monday, "pass"], plain[rule, monday, "fail"]
            assert says == (f"{passes} of {passes + fails} passed, {fails} failed" if passes + fails else "")
    passes, fails = (sum(n for (*_, outcome), n in plain.items() if outcome == kind) for kind in ("pass", "fail"))
    assert rows["All together"][0][1] == f"{passes} of {passes + fails} passed, {fails} failed"


@pytest.mark.parametrize(
    "address",
    ["?weeks=8&team=二组", "?weeks=4&rule=closing", "?rows=agent&columns=rule", "?rows=rule&columns=team",
     "?rows=agent&agent=无号&columns=rule&weeks=13"],
)  # fmt: skip
def test_a_cell_leads_to_as_many_calls_as_it_says_failed(made: tuple[Desk, Sequence[Judged]], address: str) -> None:
    client = signed_in(made[0], "administrator")
    rows = cells(client.get(f"/dashboard/achievement{address}").text)
    linked = [(says, href) for row in rows.values() for _, says, href in row if "rule=" in href]
    assert len(linked) >= 3
    for says, href in linked[:3] + linked[3::7] + linked[-2:]:
        assert calls_behind(client, href) == int(says.split(", ")[1].split()[0]), href


def test_a_coach_of_another_team_sees_nothing_of_it(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, calls = made
    client = signed_in(desk, "coach", "coach-of-two", ("二组",))
    for address in ("?rows=agent&weeks=13", "?rows=agent&weeks=13&team=一组", "?agent=1002&weeks=13&rows=agent"):
        page = client.get(f"/dashboard/achievement{address}").text
        assert "陈静" in page
        assert "王强" not in page
        assert "一组" not in page
    rows = cells(client.get("/dashboard/achievement?weeks=13").text)
    plain = counted(calls, team="二组")
    passes, fails = (
        sum(n for (r, _, o), n in plain.items() if r == "closing" and o == kind) for kind in ("pass", "fail")
    )
    assert rows["closing"][0][1] == f"{passes} of {passes + fails} passed, {fails} failed"
    assert client.get("/dashboard/achievement.xlsx").status_code == 403


def test_the_workbook_has_the_same_numbers_and_no_formulas(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, calls = made
    client = signed_in(desk, "supervisor", "lead-of-one", ("一组",))
    answer = client.get("/dashboard/achievement.xlsx?rows=agent&columns=rule&weeks=13")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    wide, long = book.worksheets
    assert [cell.value for cell in wide[4]][:4] == ["Agents", "Rate", "Decided", "Against before, points"]
    found = {(row[0].value, row[1].value): (row[3].value, row[4].value) for row in long.iter_rows(min_row=5)}
    plain = counted(calls, agent_id="1001")
    for rule in RULES:
        assert found["=SUM(A1)", rule] == tuple(
            sum(n for (r, _, o), n in plain.items() if (r, o) == (rule, kind)) for kind in ("pass", "fail")
        )
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d"}
    links = [row[4].hyperlink.target for row in long.iter_rows(min_row=5) if row[4].hyperlink]
    assert len(links) == 6
    assert all(link.startswith("http://desk.example/calls?") for link in links)
    log = (desk.home.root / "audit.log").read_text()
    assert '"what":"dashboard achievement"' in log.replace(" ", "").replace(
        "dashboardachievement", "dashboard achievement"
    )
