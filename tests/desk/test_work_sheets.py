"""Dashboards of what people do as Excel: the numbers of the pages, and no word of a caller."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.appeals import AppealRules, appeal
from pipeline.reviews.releases import release
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.working_days import WorkingDays
from tests.support.complaining import COMPLAINT, OUTCOMES, make_complaining_desk
from tests.support.desks import signed_in
from tests.support.people import result_of, say, stored

CALLS = 10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    desk, night = make_complaining_desk(tmp_path_factory.mktemp("desk"), CALLS, days=0.5)
    judged = night[1]
    agent = judged.call.cdr.agent_id or ""
    rules = AppealRules(WorkingDays(ZoneInfo("Asia/Shanghai")))
    with desk.reviews.file.writing() as rows:
        release(rows, "chen", 2, "r", result_of(judged))
        appeal(rows, agent, agent, "a", judged.call.sha256, COMPLAINT, "please", rules, time.time())
    say(desk.reviews, "li", verdict_keys(stored(judged))[COMPLAINT], "pass")
    return desk, night


def sheets(desk: Desk, board: str, language: str = "en") -> list[Worksheet]:
    browser = signed_in(desk, "administrator", "boss")
    browser.cookies.set("callqa-language", language)
    answer = browser.get(f"/dashboard/{board}.xlsx?weeks=52")
    assert answer.status_code == 200
    return list(openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets)


def body(sheet: Worksheet) -> list[tuple[object, ...]]:
    """The rows below the headings."""
    return [row for row in sheet.iter_rows(min_row=5, values_only=True) if any(cell is not None for cell in row)]


def test_rules_and_complaints_have_the_numbers_of_the_pages(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, _ = made
    failed = sum(OUTCOMES[number % len(OUTCOMES)][0] == "fail" for number in range(CALLS))
    (rules,) = sheets(desk, "rules")
    row = next(row for row in body(rules) if row[0] == COMPLAINT.title())
    assert row[1] == failed
    assert (row[8], row[9]) == (0, 1)
    listed, weeks, *groups = sheets(desk, "complaints")
    complaints = sum(OUTCOMES[number % len(OUTCOMES)][0] != "not_applicable" for number in range(CALLS))
    assert len(body(listed)) == complaints
    assert sum(int(str(row[2])) for row in body(weeks)) == complaints
    assert [sum(int(str(row[1])) for row in body(group)) for group in groups] == [complaints] * 4
    texts = [str(cell) for sheet in (listed, weeks, *groups) for row in body(sheet) for cell in row]
    assert not any("地板" in text for text in texts)


def test_appeals_effort_and_hearing_have_the_numbers_of_the_pages(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    listed, rules, _, weeks = sheets(desk, "appeals")
    assert len(body(listed)) == 1
    assert body(rules)[0][:5] == (COMPLAINT.title(), 1, 0, 0, 1)
    assert sum(int(str(row[1])) for row in body(weeks)) == 1
    (effort,) = sheets(desk, "effort")
    assert [row[2] for row in body(effort)] == [1]
    weeks, *_, hard = sheets(desk, "hearing")
    assert sum(int(str(row[1])) for row in body(weeks)) == len(night)
    assert body(hard) == []


def test_what_is_taken_out_is_recorded_and_is_in_both_languages(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, _ = made
    assert "投诉" in str(sheets(desk, "complaints", "zh")[0]["A1"].value)
    log = Path(desk.home.root / "audit.log").read_text(encoding="utf-8")
    assert "dashboard complaints" in log
