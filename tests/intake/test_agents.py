"""The house's list of agents: which row counts on which day, and what reaches the call."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.errors import BadMetadata
from pipeline.intake.agents import Agents, agent_rows
from pipeline.intake.inbox import scan_inbox
from pipeline.intake.reader import MetadataFile
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.contact_records import closer_row, csv_table, mysql_batch, mysql_outfile, recording_row
from tests.support.inboxes import put, with_ingest

DAY = date(2026, 11, 20)
LIST = """id,name,team,extension,from,to
1001,李娜,一组,8001,2026-01-01,2026-06-30
1001,李娜,二组,8001,2026-07-01,
1002,王芳,一组,8002;8003,,
1003,张伟,三组,8001,2025-01-01,2025-12-31
"""


def listed(text: str, warnings: list[Message] | None = None) -> Agents:
    told: list[Message] = [] if warnings is None else warnings
    agents = Agents(agent_rows(MetadataFile(Path("agents.csv"), text), told), told)
    if warnings is None:
        assert not told
    return agents


@pytest.mark.parametrize(
    ("cells", "extension", "expected"),
    [
        ({"agent_id": "1001"}, "", ("1001", "李娜", "二组")),
        ({"agent_id": "王芳"}, "", ("1002", "王芳", "一组")),
        ({"agent_name": "王芳"}, "", ("1002", "王芳", "一组")),
        ({"agent_id": "8001"}, "8001", ("1001", "李娜", "二组")),
        ({}, "8003", ("1002", "王芳", "一组")),
        ({"agent_id": "Wang Fang"}, "8002", ("1002", "王芳", "一组")),
    ],
)
def test_an_agent_is_found_by_id_name_or_extension(
    cells: dict[str, str], extension: str, expected: tuple[str, str, str]
) -> None:
    filled = listed(LIST).fill(cells, extension, DAY)
    assert (filled["agent_id"], filled["agent_name"], filled["team"]) == expected


@pytest.mark.parametrize(
    ("day", "team"), [(date(2026, 6, 30), "一组"), (date(2026, 7, 1), "二组"), (date(2025, 12, 31), None), (None, None)]
)
def test_the_row_that_is_true_of_the_day_counts(day: date | None, team: str | None) -> None:
    assert listed(LIST).fill({"agent_id": "1001"}, "", day).get("team") == team


def test_an_extension_was_somebody_elses_before() -> None:
    assert listed(LIST).fill({}, "8001", date(2025, 5, 1))["agent_name"] == "张伟"


def test_a_number_that_is_not_listed_is_not_that_of_whoever_has_the_extension() -> None:
    assert listed(LIST).fill({"agent_id": "1009"}, "8002", DAY) == {}


def test_two_of_one_name_are_nobody() -> None:
    agents = listed("工号,姓名\n1,张伟\n2,张伟\n")
    assert agents.fill({"agent_name": "张伟"}, "", DAY) == {}
    assert agents.fill({"agent_id": "2", "agent_name": "张伟"}, "", DAY)["agent_id"] == "2"


def test_a_row_without_an_end_ends_where_the_next_begins() -> None:
    agents = listed("id,team,from\n1001,A,2026-01-01\n1001,B,2026-03-01\n")
    assert agents.fill({"agent_id": "1001"}, "", date(2026, 2, 1))["team"] == "A"
    assert agents.fill({"agent_id": "1001"}, "", date(2026, 4, 1))["team"] == "B"


@pytest.mark.parametrize(
    ("rows", "team"),
    [("1001,A,2026-01-01,2026-12-31\n1001,B,2026-11-01,\n", "B"), ("1001,A,2026-01-01,\n1001,B,2026-01-01,\n", None)],
)
def test_rows_of_one_agent_on_the_same_days_are_told(rows: str, team: str | None) -> None:
    warnings: list[Message] = []
    agents = listed("id,team,from,to\n" + rows, warnings)
    assert warnings == [
        "agents.csv line 3: the same agent or extension as in agents.csv line 2, on the same days; give from and to"
    ]
    assert agents.fill({"agent_id": "1001"}, "", DAY).get("team") == team


@pytest.mark.parametrize(
    "header",
    [
        "工号,姓名,班组,分机,开始日期,结束日期", "Agent ID,Full Name,Group,Ext,Valid From,Valid To",
        "坐席工号,坐席姓名,小组,分机号,生效日期,失效日期",
    ],
)  # fmt: skip
def test_headers_in_both_languages(header: str) -> None:
    filled = listed(f"{header}\n1001,李娜,一组,8001,2026/1/1,至今\n").fill({}, "8001", DAY)
    assert filled == {"agent_id": "1001", "agent_name": "李娜", "team": "一组"}


def test_numbers_that_a_spreadsheet_has_rewritten() -> None:
    agents = listed('id,name,extension,from\n1001.0,A,8001.0,2026年1月1日\n"=""0012""",B,,20260101\n1.38E+10,C,8003,\n')
    assert agents.fill({}, "8001", DAY)["agent_id"] == "1001"
    assert agents.fill({"agent_id": "0012"}, "", DAY)["agent_name"] == "B"
    assert agents.fill({}, "8003", DAY) == {"agent_name": "C"}, "an id that lost digits is none"


def test_odd_rows_are_told_with_their_line_and_not_quoted() -> None:
    warnings: list[Message] = []
    listed("id,name,from\n1001,A,yesterday\n,李娜,\n,,\n1002,B,2026-01-01\n", warnings)
    assert warnings == [
        "agents.csv line 2: from or to is no date, left out; write 2026-11-20",
        "agents.csv line 3: says of no agent who it is, left out; give an id",
    ]


def test_what_is_no_list_says_what_it_should_be() -> None:
    with pytest.raises(BadMetadata, match="id, name, team, extension, from, to"):
        listed("1001,李娜,一组\n")


# --- in the inbox


def first_cdr(here: Settings, home: Home) -> CDR:
    scan = scan_inbox(here, home)
    assert not scan.warnings
    assert not scan.failures
    return scan.recordings[0].cdr


def test_the_list_of_the_inbox_fills_the_call(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text("file,start,extension\na.wav,2026-06-30 23:59:00,8001\n", encoding="utf-8")
    (inbox / "agents.csv").write_text(LIST, encoding="gb18030")
    cdr = first_cdr(here, tmp_home)
    assert (cdr.agent_id, cdr.agent_name, cdr.team) == ("1001", "李娜", "一组")


def test_the_settings_may_name_another_list(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,1002\n", encoding="utf-8")
    (inbox / "坐席.csv").write_text(LIST, encoding="utf-8")
    assert first_cdr(with_ingest(here, agents="坐席.csv"), tmp_home).agent_name == "王芳"
    scan = scan_inbox(with_ingest(here, agents="none.csv"), tmp_home)
    assert [failure.reason for failure in scan.failures] == ["metadata"]
    assert "ingest.agents" in scan.failures[0].message


@pytest.mark.parametrize("export", [csv_table, mysql_batch, mysql_outfile])
def test_vicidials_users_are_a_list_of_agents(here: Settings, inbox: Path, tmp_home: Home, export: type[str]) -> None:
    users = [
        {"user_id": str(n), "user": user, "pass": "x", "full_name": name, "user_level": "1", "user_group": "TEAM_A",
         **{f"switch_{k}": "0" for k in range(30)}}
        for n, user, name in ((1, "1001", "李娜"), (2, "VDAD", "outbound auto dial"))
    ]  # fmt: skip
    put(inbox / "20261120-093100_13900001234-all.wav")
    (inbox / "users.txt").write_text(export(*users), encoding="utf-8")
    (inbox / "recordings.csv").write_text(csv_table(recording_row()), encoding="utf-8")
    (inbox / "closer.csv").write_text(csv_table(closer_row()), encoding="utf-8")
    cdr = first_cdr(here, tmp_home)
    assert (cdr.agent_id, cdr.agent_name, cdr.team) == ("1001", "李娜", "TEAM_A")
