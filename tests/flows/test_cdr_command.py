"""`callqa cdr`: what was recognised, five calls without a number, and what is missing where nothing was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.inboxes import MOBILE, put
from tests.support.nights import callqa, environment

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
    for text in ("table, 2 rows", "outbound", "*********78", "customer", "With a recording in the inbox 1, without 1"):
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
