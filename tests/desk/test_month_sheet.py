"""The month's sheet: scores by the weights of what was supplied, complaints, who is watched, and the same as Excel."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import openpyxl
import pytest

from desk.calls.call_filters import NOT_GIVEN
from desk.context import Desk
from desk.dashboards.complaints import sustained_complaints
from desk.dashboards.frame import read_frame
from desk.rights import User
from desk.routing import Visit
from pipeline.datatypes import Judged
from tests.support.complaining import make_complaining_desk
from tests.support.desks import settings_of, signed_in

GIVEN = """month,agent_id,supervisor,departments,peers,sustained_complaints
2025-05,1001,90,80,70,0
2025-05,1002,50,,,2
2025-04,1002,50,,,1
2025-03,1002,50,,,0
2025-05,1004,,100,,
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    folder = tmp_path_factory.mktemp("desk")
    file = folder / "scores.csv"
    file.write_text(GIVEN, encoding="utf-8")
    settings = settings_of(folder / "home")
    settings = settings.model_copy(update={"report": settings.report.model_copy(update={"month_scores": file})})
    return make_complaining_desk(folder, 29, settings, days=3)


def quality(night: Sequence[Judged], month: int) -> dict[str, float]:
    """The mean score of each agent's calls in a month of 2025."""
    scores = defaultdict(list)
    for judged in night:
        cdr = judged.call.cdr
        if cdr.started_at and cdr.started_at.month == month and judged.scorecard and judged.scorecard.score is not None:
            scores[cdr.agent_id or ""].append(judged.scorecard.score)
    return {agent: sum(found) / len(found) for agent, found in scores.items()}


def rows_of(page: str) -> dict[str, str]:
    """The rows of the sheet by the agents' numbers."""
    body = page.split('class="sheet"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return {row.split("<small>")[1].split("<")[0]: row for row in body.split("</tr>")[:-1]}


def score_of(row: str) -> float:
    return float(re.findall(r'class="score \w+">([\d.]+)<', row)[-1])


def test_scores_are_weighed_by_what_was_supplied(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    page = signed_in(desk, "administrator", "root").get("/dashboard/month?month=2025-05").text
    rows, own = rows_of(page), quality(night, 5)
    assert set(rows) == {"1001", "1002", "1003", "1004"}
    assert score_of(rows["1001"]) == pytest.approx((50 * own["1001"] + 20 * 90 + 20 * 80 + 10 * 70) / 100, abs=0.06)
    assert score_of(rows["1002"]) == pytest.approx((50 * own["1002"] + 20 * 50) / 70 - 10, abs=0.06)
    assert score_of(rows["1003"]) == pytest.approx(own["1003"], abs=0.06)
    assert rows["1001"].count("not supplied") == 0
    assert "not supplied: its 10 % are left out" in rows["1002"]
    assert "on 70 % of the weight" in rows["1002"]
    assert "−10" in rows["1002"]
    assert "from=2025-05-01&amp;to=2025-05-31&amp;agent=1002" in rows["1002"]
    watched = page.split('aria-label="Watch list"')[1].split("</table>")[0]
    assert "1002" in watched
    assert watched.count("→") == 2 * watched.count("</tr>") - 2


def test_months_are_chosen_and_teams_see_their_own(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    browser = signed_in(desk, "supervisor", "chen", ("一组",))
    page = browser.get("/dashboard/month").text
    assert re.findall(r'<option value="(2025-\d\d)"', page) == ["2025-05", "2025-04", "2025-03"]
    april = rows_of(browser.get("/dashboard/month?month=2025-04").text)
    assert set(april) == {"1001", "1002"}
    assert score_of(april["1002"]) == pytest.approx((50 * quality(night, 4)["1002"] + 20 * 50) / 70 - 5, abs=0.06)
    assert "1003" not in page


def test_excel_has_the_same_sheet(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, _ = made
    browser = signed_in(desk, "supervisor", "chen", ("一组",))
    answer = browser.get("/dashboard/month.xlsx?month=2025-05")
    assert answer.status_code == 200
    sheet, watched = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets
    cells = {str(row[1].value): row for row in sheet.iter_rows() if str(row[1].value) in ("1001", "1002", "1003")}
    page = rows_of(browser.get("/dashboard/month?month=2025-05").text)
    assert {agent: row[10].value for agent, row in cells.items()} == {
        agent: pytest.approx(score_of(page[agent]), abs=0.06) for agent in ("1001", "1002")
    }
    assert cells["1002"][6].value is None
    assert cells["1002"][8].value == 70
    assert "1002" in [str(row[1].value) for row in watched.iter_rows()]


def test_sustained_complaints_are_those_of_the_team_and_company_that_were_chosen(
    made: tuple[Desk, Sequence[Judged]],
) -> None:
    desk, night = made
    team = next(each.call.cdr.team for each in night if each.call.cdr.agent_id == "1002") or ""
    visit = Visit(_Asked(), desk, User("boss", "administrator"))  # type: ignore[arg-type]
    with desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        found = [
            len(sustained_complaints(reader, replace(frame, **chosen)))
            for chosen in ({}, {"team": team}, {"team": NOT_GIVEN}, {"company": "安心家政"}, {"company": NOT_GIVEN})
        ]
    assert found == [2, 2, 0, 2, 0]


class _Asked:
    query_params: ClassVar = {"weeks": "13"}
