"""Day, month, watch list, complaints, clips to share, and the workbook of them, from made-up nights."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from pipeline.datatypes import CDR, Judged, Outcome, Suspect
from pipeline.results.excerpts import best_calls, cut_excerpts
from pipeline.results.rows import RuleInfo
from pipeline.results.store import build_database, open_database
from pipeline.results.workbook import write_workbook
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.results.test_store import BOOKS as PLAIN_BOOKS
from tests.support.factories import CHINA, hit_on, make_judged, make_night, make_turns, make_verdict, recorded, save

TAGGED = {"order-taken": "booking", "grievance": "complaint", "who-and-when": "complaint-commitment"}
"""Rules that reports know by their tags; no rulebook has these ids."""

BOOKS = tuple(
    replace(book, rules=(*book.rules, *(
        RuleInfo(rule, {"zh": rule, "en": rule}, "courtesy", "normal", 2.0, tags=(tag,)) for rule, tag in TAGGED.items()
    )))
    for book in PLAIN_BOOKS
)  # fmt: skip


def call_of(agent: str, started: datetime, score: float, name: str, **outcomes: Outcome) -> Judged:
    turns = make_turns(
        (("agent", "您好，请讲。"), ("customer", "你们把我家地板刮花了，我要投诉。"), ("agent", "非常抱歉。"))
    )
    complaint = replace(hit_on(turns[1]), matched="投诉", sentence=turns[1].text)
    verdicts = [
        replace(make_verdict(rule.replace("_", "-"), outcome, (hit_on(turns[2]),)), grounds=(complaint,))
        for rule, outcome in outcomes.items()
    ]
    cdr = CDR(call_id=name, agent_id=agent, agent_name=f"坐席{agent}", team="一组", company="=1+1", started_at=started)
    return make_judged(name, turns=turns, verdicts=verdicts, cdr=cdr, score=score)


def rows(home: Home, settings: Settings, sql: str) -> list[tuple[object, ...]]:
    with open_database(home.database, settings.ingest.timezone) as connection:
        return connection.execute(sql).fetchall()


def with_scores(settings: Settings, file: Path) -> Settings:
    return settings.model_copy(update={"report": settings.report.model_copy(update={"month_scores": file})})


def test_the_day(tmp_home: Home, settings: Settings) -> None:
    day = datetime(2026, 11, 2, 9, tzinfo=CHINA)
    save(tmp_home, [
        call_of("1", day, 90, "a", order_taken="pass"),
        call_of("1", day, 70, "b", order_taken="fail", greeting="fail"),
        call_of("1", day, 80, "c", grievance="pass", order_taken="not_applicable"),
        call_of("2", day.replace(day=3), 80, "d", greeting="pass"),
    ])  # fmt: skip
    build_database(tmp_home, settings, BOOKS)
    sql = "SELECT day::VARCHAR, agent_id, calls, bookings, complaints, mean_score, fails FROM agent_day ORDER BY ALL"
    assert rows(tmp_home, settings, sql) == [
        ("2026-11-02", "1", 3, 2, 1, 80.0, 2), ("2026-11-03", "2", 1, 0, 0, 80.0, 0),
    ]  # fmt: skip


def test_the_month_and_the_watch_list(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    calls = []
    for month in (8, 9, 10, 11):
        started = datetime(2026, month, 5, 9, tzinfo=CHINA)
        calls.append(call_of("low", started, 70, f"low{month}"))
        calls.append(call_of("full", started, 100 if month == 11 else 90, f"full{month}"))
        if month != 10:
            calls.append(call_of("gap", started, 60, f"gap{month}"))
    save(tmp_home, calls)
    file = tmp_path / "scores.csv"
    file.write_text(
        "month,agent_id,supervisor,departments,peers,sustained_complaints\n"
        "2026-11,low,100,90,,2\n2026/9/1,low,,,,\n2026-11,elsewhere,80,,,\n",
        encoding="utf-8-sig",
    )
    settings = with_scores(settings, file)
    build_database(tmp_home, settings, BOOKS)
    sql = "SELECT score FROM agent_month WHERE agent_id = '{}' AND month = '2026-{}-01'"
    # 50 of 70, 20 of 100, 20 of 90, no peers; two sustained complaints
    assert rows(tmp_home, settings, sql.format("low", 11)) == [(round((3500 + 2000 + 1800) / 90 - 10, 2),)]
    assert rows(tmp_home, settings, sql.format("low", "09")) == [(70.0,)]
    assert rows(tmp_home, settings, sql.format("elsewhere", 11)) == [(80.0,)]
    listed = rows(
        tmp_home, settings,
        "SELECT strftime(month, '%m'), agent_id, reason FROM watch_list ORDER BY ALL",
    )  # fmt: skip
    assert listed == [("10", "low", "below"), ("11", "full", "full-marks"), ("11", "low", "below")]


def night_with_clips(home: Home, settings: Settings, tmp_path: Path) -> list[Judged]:
    day = datetime(2026, 11, 2, 9, tzinfo=CHINA)
    calls = [
        call_of("1", day, 95, "good", greeting="pass", grievance="pass"),
        call_of("2", day, 60, "poor", greeting="fail", grievance="fail", who_and_when="unsure"),
        call_of("3", day, 80, "fair", greeting="pass"),
    ]
    sources = [tmp_path / f"{judged.call.cdr.call_id}.wav" for judged in calls]
    calls = [recorded(judged, source, 20) for judged, source in zip(calls, sources, strict=True)]
    save(home, calls)
    best = best_calls(calls)
    for judged, source in zip(calls, sources, strict=True):
        share = best.get(judged.call.sha256, frozenset())
        cut_excerpts(judged, [source], home, settings, share=share, complaints={"grievance"})
    build_database(home, settings, BOOKS)
    return calls


def test_complaints_are_queued_whatever_became_of_them(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    night_with_clips(tmp_home, settings, tmp_path)
    queue = rows(
        tmp_home, settings, "SELECT call_id, words, matched, handled, commitment, clip FROM complaints ORDER BY 1"
    )
    words = "你们把我家地板刮花了，我要【投诉】。"
    assert [row[:5] for row in queue] == [
        ("good", words, "投诉", "pass", None), ("poor", words, "投诉", "fail", "unsure"),
    ]  # fmt: skip
    assert all((tmp_home.root / str(clip)).is_file() for *_, clip in queue)


def test_the_best_and_the_worst_are_shared(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    night_with_clips(tmp_home, settings, tmp_path)
    shared = rows(
        tmp_home, settings,
        "SELECT week::VARCHAR, rule_id, kind, call_id FROM clips_to_share WHERE rule_id = 'greeting' ORDER BY kind",
    )  # fmt: skip
    assert shared == [("2026-11-02", "greeting", "best", "good"), ("2026-11-02", "greeting", "worst", "poor")]
    assert rows(tmp_home, settings, "SELECT DISTINCT call_id FROM excerpts") == [("poor",)]


def test_the_workbook(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    night_with_clips(tmp_home, settings, tmp_path)
    path = write_workbook(tmp_home, settings, tmp_home.reports / "night")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames[:5] == ["平均实现率", "实现率·公司", "实现率·班组", "实现率·坐席", "实现率·周"]
    for sheet in book:
        assert sheet.freeze_panes, sheet.title
        assert all(cell.font.bold for cell in sheet[1] if cell.value), sheet.title
        widths = [dimension.width for dimension in sheet.column_dimensions.values()]
        assert all(8 <= width <= 62 for width in widths), sheet.title
    company = book["实现率·公司"]
    assert company["B1"].value == "=1+1"
    assert company["B1"].data_type == "s", "what a stranger wrote is text, not a formula"
    complaints = book["投诉"]
    heading = {cell.value: cell.column for cell in complaints[1]}
    assert complaints.cell(2, heading["客户原话"]).value == "你们把我家地板刮花了，我要投诉。"
    link = complaints.cell(2, heading["片段"]).hyperlink
    assert (path.parent / link.target.replace("\\", "/")).resolve().is_file(), "as Excel on Windows writes it"
    assert complaints.cell(2, heading["通话时间"]).value == datetime(2026, 11, 2, 9)
    assert book["平均实现率"]._charts
    with zipfile.ZipFile(path) as parts:
        assert ">投诉</t></r>" in parts.read("xl/sharedStrings.xml").decode(), "the matched words in a run of their own"


@pytest.mark.slow
def test_a_workbook_of_a_large_night_in_english(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(300))
    build_database(tmp_home, settings, BOOKS)
    english = settings.model_copy(update={"report": settings.report.model_copy(update={"language": "en"})})
    book = openpyxl.load_workbook(write_workbook(tmp_home, english, tmp_home.reports / "night"))
    assert book["Agents"].max_row == 5
    assert book["Achievement by agent"].max_column == 5
    with open_database(tmp_home.database, "Asia/Shanghai") as connection:
        (failed,) = connection.execute("SELECT count(*) FROM failed_checks").fetchall()[0]
    assert book["Failed checks"].max_row == failed + 1


def test_pace_and_level_have_percentiles_and_no_score(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(40))
    build_database(tmp_home, settings, BOOKS)
    found = rows(tmp_home, settings, "SELECT agent_id, rate_percentile, level_percentile FROM agent_tone ORDER BY 1")
    assert [row[0] for row in found] == ["1001", "1002", "1003", "1004"]
    assert all(0 <= float(str(row[1])) <= 1 for row in found)
    assert json.dumps([row[2] for row in found]) == "[null, null, null, null]"


def test_suspects_are_ranked_within_their_rule(tmp_home: Home, settings: Settings) -> None:
    calls = []
    for name, suspicion in (("a", -1.5), ("b", 0.7), ("c", -0.2)):
        turns = make_turns((("agent", "您好，请讲。"), ("customer", "我要退货。")))
        verdict = replace(make_verdict("grievance", "pass"), suspect=Suspect(suspicion, hit_on(turns[0])))
        calls.append(make_judged(name, turns=turns, verdicts=[verdict, make_verdict("booked", "pass")]))
    save(tmp_home, calls)
    build_database(tmp_home, settings, BOOKS)
    sql = "SELECT rule_id, place, suspicion, quote <> '' FROM suspects ORDER BY ALL"
    assert rows(tmp_home, settings, sql) == [
        ("grievance", 1, 0.7, True), ("grievance", 2, -0.2, True), ("grievance", 3, -1.5, True),
    ]  # fmt: skip
