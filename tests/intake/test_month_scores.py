"""Monthly scores that a centre supplies: what is wrong with a file is told with its line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pipeline.errors import BadSetting
from pipeline.intake.month_scores import read_month_scores


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agent_id,peers\n1,80", "no column month"),
        ("month,agent_id,peers\nNovember,1,80", " line 2: the month is not written like 2026-11"),
        ("month,agent_id,peers\n2026-11,1,180", " line 2: peers is not between 0 and 100"),
        ("month,agent_id,peers\n2026-11,1,gut", " line 2: peers is not a number"),
        ("month,agent_id\n2026-11,", " line 2: agent_id is empty"),
        ("month,agent_id\n2026-11,1\n2026-11-30,1", " line 3: this agent has a row for this month already"),
    ],
)
def test_a_bad_file_of_scores(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting, match=r"scores\.csv") as error:
        read_month_scores(file)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        b"month,agent_id,peers\n2026-11,1," + b"9" * 200_000,
        b'month,agent_id,peers\n2026-11,"1,80\n',
        b"month,agent_id,peers\n" + b"9" * 1000 + b",1,80\n",
        b"\xff\xfe\x00",
        b"\x00\x01\x02",
        b"month,agent_id,peers\n\x1b[2J,1,80\n",
    ],
)
def test_a_hostile_file_of_scores_is_one_line_without_what_its_cells_say(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "scores.csv"
    file.write_bytes(data)
    with pytest.raises(BadSetting, match=r"scores\.csv") as error:
        read_month_scores(file)
    assert str(error.value).isprintable()
    assert "999" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "nothing"])
def test_scores_that_are_no_file_keep_nobody_waiting(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "scores.csv"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "device":
        file = Path("/dev/zero")
    with pytest.raises(BadSetting, match=re.escape(str(file))):
        read_month_scores(file)


def test_a_mark_of_the_byte_order_is_no_part_of_a_column(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    for encoding in ("utf-8-sig", "utf-16"):
        file.write_text("month,agent_id,peers\n2026-11,1,80\n", encoding=encoding)
        assert read_month_scores(file)[0]["peers"] == 80


def test_scores_saved_by_excel_in_china(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_bytes("month,agent_id,supervisor\n2026-11,张三,90\n".encode("gb18030"))
    assert read_month_scores(file)[0]["agent_id"] == "张三"


def test_a_fault_is_told_in_chinese_too(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("month,agent_id,peers\n2026-11,1,180", encoding="utf-8")
    with pytest.raises(BadSetting) as error:
        read_month_scores(file)
    assert error.value.in_language("zh") == f"{file} 第 2 行：peers 不在 0 到 100 之间"
