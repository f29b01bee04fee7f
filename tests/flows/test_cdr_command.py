"""`callqa cdr`: what was recognised, five calls without a number, and what is missing where nothing was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.inboxes import MOBILE, put
from tests.support.nights import callqa, environment
from tests.support.threecx import threecx_line

TABLE = (
    "录音文件名,开始时间,工号,呼叫类型,主叫号码,被叫号码,挂断方\n"
    f"a.wav,2026-11-20 10:00:00,1001,外呼,02288880001,{MOBILE},被叫\n"
    "b-8880001.wav,2026-11-20 10:05:00,1001,外呼,02288880001,8880001,主叫\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    put(tmp_path / "inbox" / "a.wav")
    put(tmp_path / "inbox" / "c.wav", 2)
    file = tmp_path / "inbox" / "export.csv"
    file.write_text(TABLE, encoding="utf-8")
    return file


def test_it_shows_calls_counts_and_settings_without_a_number(tmp_path: Path, table: Path) -> None:
    done = callqa("cdr", "--inbox", str(table.parent), str(table), env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    for text in (
        "table, 2 entries",
        "outbound",
        "*********78",
        "customer",
        "With a recording in the inbox 1, without 1",
    ):
        assert text in done.stdout
    assert done.stdout.endswith('[ingest]\nmetadata = ["export.csv"]\nsource = "table"\ntimezone = "Asia/Shanghai"\n')
    for number in (MOBILE, "8880001"):
        assert number not in done.stdout + done.stderr
    assert not (tmp_path / "home").exists(), "nothing is stored"


def test_it_speaks_json(tmp_path: Path, table: Path) -> None:
    done = callqa("cdr", "--json", "--inbox", str(table.parent), env=environment(tmp_path))
    told = json.loads(done.stdout)
    assert (told["calls"], told["matched"], told["unmatched"], told["recordings_without_call"]) == (2, 1, 1, 1)
    assert [call["release_party"] for call in told["examples"]] == ["customer", "agent"]
    assert MOBILE not in done.stdout


def test_it_tells_what_no_column_says_and_which_columns_may(tmp_path: Path, table: Path) -> None:
    table.write_text(
        f"录音文件名,呼叫类型,客户号码,处理人\na.wav,外呼,{MOBILE},1001\nc.wav,呼入,,1002\n", encoding="utf-8"
    )
    done = callqa("cdr", "--inbox", str(table.parent), env=environment(tmp_path))
    assert "Not said, by field and number of calls: started_at 2, agent_id 2, customer_number 1." in done.stdout
    assert "Columns that are not understood: 处理人; see ingest.columns." in done.stdout
    table.write_text(f"file,direction,ani,agent_id,start\na.wav,in,{MOBILE},1001,2026-11-20 10:00:00\n")
    told = json.loads(callqa("cdr", "--json", "--inbox", str(table.parent), env=environment(tmp_path)).stdout)
    assert (told["unsaid"], told["columns_not_understood"]) == ({}, [])


def test_a_table_that_is_not_understood_is_told_with_what_to_do(tmp_path: Path, table: Path) -> None:
    row = f"{MOBILE},8001,2026-11-03 09:05:00,Zhang San\n"
    table.write_text(row * 2)
    done = callqa("cdr", "--inbox", str(table.parent), str(table), env=environment(tmp_path))
    assert done.returncode == 1
    assert "Found: 4 columns; the first line does not look like their names" in done.stderr
    assert "ingest.column_order" in done.stderr
    assert "Zhang" not in done.stderr + done.stdout
    assert MOBILE not in done.stderr + done.stdout
    table.write_text("开始时间,工号,主叫号码\n2026-11-03 09:05:00,1001,1\n")
    done = callqa("cdr", "--inbox", str(table.parent), str(table), env=environment(tmp_path))
    assert "Found: columns 开始时间, 工号, 主叫号码" in done.stderr


def test_many_files_of_a_system_are_one_line_and_agents_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    put(folder / "a.wav")
    for number in range(7):
        text = f"call_id,start,agent,客户号码\nc{number},2026-11-20 10:00:00,1001,{MOBILE}\n"
        (folder / f"{number}.csv").write_text(text, encoding="utf-8")
    (folder / "agents.csv").write_text("id,name\n1001,Li Na\n1002,Wang Wei\n")
    done = callqa("cdr", "--inbox", str(folder), env=environment(tmp_path))
    assert "7 files, 0.csv … 6.csv: table, 7 entries" in done.stdout
    assert "agents.csv: agents, 2 entries" in done.stdout
    assert 'source = "table"' in done.stdout


def test_what_is_expected_is_told_once_and_of_tables_alone(tmp_path: Path, table: Path) -> None:
    for name in ("friends.csv", "streets.csv"):
        (tmp_path / name).write_text("Name,Street\nAnn,Main Street\n")
    asked = [str(tmp_path / name) for name in ("friends.csv", "streets.csv")]
    done = callqa("cdr", "--inbox", str(table.parent), *asked, env=environment(tmp_path))
    assert done.returncode == 1
    assert (done.stderr.count("Found:"), done.stderr.count("Expected:")) == (2, 1)
    done = callqa("cdr", "--inbox", str(table.parent), str(tmp_path / "nowhere.csv"), env=environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("no such file")
    assert "Expected:" not in done.stderr


def test_a_recording_found_by_its_names_number_and_time_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    put(folder / f"[Li Na]_{MOBILE}-1001_20261120173102(7).wav")
    (folder / "cdr.log").write_text(threecx_line(MOBILE, "Ext.1001", time_start="2026/11/20 09:31:00"))
    done = callqa("cdr", "--json", "--inbox", str(folder), env=environment(tmp_path))
    told = json.loads(done.stdout)
    assert (told["matched"], told["recordings_without_call"]) == (1, 0)
    (call,) = told["examples"]
    assert call["started_at"] == "2026-11-20T17:31:00+08:00"
    assert call["recordings"]
    assert MOBILE not in done.stdout
    assert "UTC" in told["warnings"][0]
