"""Dashboards: every number is a plain count of the same calls, leads to as many calls, and keeps to who may see it."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from desk.context import Desk, make_desk
from desk.dashboards.frame import DASHBOARDS
from desk.dashboards.rates import AchievementRate, rate_change
from pipeline.datatypes import CDR, Judged, Outcome
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.axe import barriers
from tests.support.browser import browser, chromium_or_skip
from tests.support.desks import served, settings_of, sign_in, signed_in
from tests.support.factories import NIGHT, make_judged, make_verdict, save

pytestmark = pytest.mark.xdist_group("desk")

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
    ["?weeks=8&team=二组", "?weeks=4&rule=closing", "?rows=team&team=一组&rule=closing&weeks=8",
     "?rows=agent&columns=rule", "?rows=rule&columns=team", "?rows=agent&agent=无号&columns=rule&weeks=13"],
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


def dated(calls: Sequence[Judged]) -> list[tuple[str, Judged]]:
    """The calls that have a date, with their Mondays."""
    return [
        (str(started.date() - timedelta(days=started.weekday())), judged)
        for judged in calls
        if (started := judged.call.cdr.started_at)
    ]


@pytest.mark.parametrize(("team", "weeks"), [("", 4), ("一组", 4), ("二组", 1)])
def test_the_overview_tells_what_the_calls_add_up_to(
    made: tuple[Desk, Sequence[Judged]], team: str, weeks: int
) -> None:
    desk, calls = made
    client = signed_in(desk, "administrator")
    page = client.get(f"/dashboard?weeks={weeks}&team={team}").text
    found = [(monday, judged) for monday, judged in dated(calls) if team in ("", judged.call.cdr.team)]
    mondays = sorted({monday for monday, _ in found})
    now = [judged for monday, judged in found if monday in mondays[-weeks:]]
    before = [judged for monday, judged in found if monday in mondays[-2 * weeks : -weeks]]
    scores = [judged.scorecard.score for judged in now if judged.scorecard and judged.scorecard.score is not None]
    tiles = [re.sub("<[^>]*>", " ", tile).split() for tile in re.findall(r"<dd>(.*?)</dd>", page)]
    assert tiles[0] == [str(len(now))]
    assert f"before: {len(before)}" in page
    assert float(tiles[1][0]) == pytest.approx(sum(scores) / len(scores), abs=0.051)
    outcomes = Counter(v.outcome for judged in now for v in (judged.scorecard.verdicts if judged.scorecard else ()))
    assert float(tiles[2][0].strip("%")) == pytest.approx(
        100 * outcomes["pass"] / (outcomes["pass"] + outcomes["fail"]), abs=0.006
    )
    bands = Counter(min(100, int(score // 5) * 5) for score in scores)
    listed = re.findall(r'<th scope="row">(\d+)(?:–\d+)?</th><td class="num"><a href="([^"]*)">(\d+)</a>', page)
    assert {int(low): int(count) for low, _, count in listed} == bands
    for _, href, count in listed[::4]:
        assert calls_behind(client, unescape(href)) == int(count)


def test_what_got_worse_is_listed_and_leads_to_its_calls(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, calls = made
    client = signed_in(desk, "supervisor", "lead-of-both", ("一组", "二组"))
    page = client.get("/dashboard?weeks=4").text
    worse = page[page.index("Indicators that got worse") : page.index("Weakest indicators")]
    rates: dict[str, list[float]] = {}
    mondays = sorted({monday for monday, _ in dated(calls)})
    plain = counted(calls, team="一组") + counted(calls, team="二组")
    for rule in RULES:
        for weeks in (mondays[-8:-4], mondays[-4:]):
            passes, fails = (sum(plain[rule, week, kind] for week in weeks) for kind in ("pass", "fail"))
            rates.setdefault(rule, []).append(passes / (passes + fails))
    assert all(before - now > 0.2 for before, now in rates.values())
    rows = re.findall(
        r'<tr><th scope="row"><a href="([^"]*)">([^<]*)</a>.*?([+-][\d.]+)<.*?<a href="([^"]*)">(\d+)', worse, re.S
    )
    assert {name: float(by) for _, name, by, *_ in rows} == {
        rule: pytest.approx(100 * (now - before), abs=0.051) for rule, (before, now) in rates.items()
    }
    for table, name, _, href, fails in rows:
        assert calls_behind(client, unescape(href)) == int(fails)
        assert name in client.get(unescape(table)).text


def test_a_change_of_a_few_calls_is_not_told() -> None:
    assert rate_change(AchievementRate(1, 18), AchievementRate(100, 0)) is None
    slight, clear = (rate_change(AchievementRate(n, 40 - n), AchievementRate(32, 8)) for n in (29, 20))
    assert slight
    assert clear
    assert not slight.is_clear
    assert clear.is_clear
    assert clear.by == pytest.approx(-0.3)


def test_what_an_address_says_wrongly_is_left_out(made: tuple[Desk, Sequence[Judged]]) -> None:
    client = signed_in(made[0], "administrator")
    for board in ("/dashboard", "/dashboard/achievement"):
        for address in (
            "?weeks=0", "?weeks=99999", "?until=0001-01-01", "?until=9999-99-99", "?until=1950-05-05&weeks=52",
            "?rows=week&columns=x", "?rule=none&agent=none", "?sort=%27%3B--&order=up", "?start=-4", "?start=99999",
            "?team=%3Cb%3E&company=none", "?self=1&columns=team&rows=team", "?rule=closing&rows=rule&columns=rule",
        ):  # fmt: skip
            page = client.get(board + address)
            assert page.status_code == 200, board + address
            assert "<b>" not in page.text.replace("call<b>qa</b>", "").replace("<b>below</b>", "")


@pytest.mark.browser
def test_what_got_worse_is_found_by_keys_and_printed(made: tuple[Desk, Sequence[Judged]], tmp_path: Path) -> None:
    chromium_or_skip()
    with served(made[0]) as address, browser(tmp_path / "profile") as page:
        sign_in(page, address, made[0], "supervisor", teams=("一组",))
        page.viewport(1280, 800)
        page.open(f"{address}/dashboard")
        assert barriers(page) == []
        page.click('section a[href*="rule=closing"]')
        page.wait_for("location.pathname === '/dashboard/achievement' && document.readyState === 'complete'")
        assert barriers(page) == []
        page.run("document.querySelector('table[data-grid] tbody a').focus()")
        for key in ("ArrowDown", "ArrowRight", "End"):
            page.press(key)
        last = "document.querySelector('tbody tr:nth-child(2) td:last-child a')"
        assert page.run(f"document.activeElement === {last}")
        assert page.run("document.querySelectorAll('[data-grid] [tabindex=\"0\"]').length") == 1
        says = page.run(f"{last}.parentElement.title")
        page.press("Enter")
        page.wait_for("location.pathname === '/calls' && document.readyState === 'complete'")
        assert f"{says.split(', ')[1].split()[0]} calls" in page.run("document.querySelector('main').innerText")
        for path in ("/dashboard", "/dashboard/achievement", "/dashboard/achievement?rows=agent&columns=rule"):
            page.viewport(390, 844, mobile=True)
            page.open(f"{address}{path}")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), path
            page.viewport(1080, 700)
            page.emulate(printed=True)
            assert (
                page.run("document.querySelector('.tabs').offsetHeight + document.querySelector('.frame').offsetHeight")
                == 0
            )
            assert page.run(
                "[...document.querySelectorAll('table')].every(t => t.getBoundingClientRect().right <= 1080)"
            )
            page.emulate()
        assert page.complaints == []


def test_every_dashboard_goes_to_excel_within_who_may_see_it(made: tuple[Desk, Sequence[Judged]]) -> None:
    client = signed_in(made[0], "supervisor", "lead-of-two", ("二组",))
    for board in DASHBOARDS:
        page = client.get(f"{board}?weeks=13").text
        (address,) = re.findall(r'<a class="button" href="([^"]*)">Excel</a>', page)
        assert address == f"{board}.xlsx?weeks=13"
        book = openpyxl.load_workbook(io.BytesIO(client.get(address).content))
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
        written = " ".join(str(cell.value) for cell in cells)
        assert "王强" not in written + page
        assert "一组" not in written
    assert signed_in(made[0], "reviewer").get("/dashboard/complaints.xlsx").status_code == 403
