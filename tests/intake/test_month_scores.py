"""Monthly scores that a centre supplies: what is wrong with a file is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BadSetting
from pipeline.intake.month_scores import read_month_scores


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agent_id,peers\n1,80", "no column month"),
        ("month,agent_id,peers\nNovember,1,80", ":2: 'November' is not a month"),
        ("month,agent_id,peers\n2026-11,1,180", ":2: peers: 180 is not between 0 and 100"),
        ("month,agent_id,peers\n2026-11,1,gut", ":2: peers: 'gut' is not a number"),
        ("month,agent_id\n2026-11,", ":2: agent_id is empty"),
        ("month,agent_id\n2026-11,1\n2026-11-30,1", ":3: 1 has a row for 2026-11-01 already"),
    ],
)
def test_a_bad_file_of_scores(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting, match=r"scores\.csv") as error:
        read_month_scores(file)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_scores_saved_by_excel_in_china(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_bytes("month,agent_id,supervisor\n2026-11,张三,90\n".encode("gb18030"))
    assert read_month_scores(file)[0]["agent_id"] == "张三"


def test_a_fault_is_told_in_chinese_too(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("month,agent_id,peers\n2026-11,1,180", encoding="utf-8")
    with pytest.raises(BadSetting) as error:
        read_month_scores(file)
    assert error.value.in_language("zh") == f"{file}:2：peers：180 不在 0 到 100 之间"
