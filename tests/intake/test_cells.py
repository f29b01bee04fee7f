"""What a cell of call metadata says, and what it does not."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from pipeline.intake.cells import (
    DATE,
    cell_text,
    parse_channel_map,
    parse_count,
    parse_duration_s,
    parse_time,
    plain_number,
)
from pipeline.numbers import subscriber_digits
from tests.support.inboxes import CHINA


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T09:31:05+08:00", datetime(2026, 11, 20, 9, 31, 5, tzinfo=CHINA)),
        ("2026-11-20T01:31:05Z", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("2026-11-20 01:31:05+00", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("2026-11-20 09:31:05.123", datetime(2026, 11, 20, 9, 31, 5)),
        ("2026/11/20 9:31", datetime(2026, 11, 20, 9, 31)),
        ("2026.1.2", datetime(2026, 1, 2)),
        ("2026年11月20日 9时31分", datetime(2026, 11, 20, 9, 31)),
        ("2026年11月20日9:31:05", datetime(2026, 11, 20, 9, 31, 5)),
        ("20261120093105", datetime(2026, 11, 20, 9, 31, 5)),
        ("20261120-093105", datetime(2026, 11, 20, 9, 31, 5)),
        ("2026/11/3 下午 9:05", datetime(2026, 11, 3, 21, 5)),
        ("2026年11月3日 上午12:05", datetime(2026, 11, 3, 0, 5)),
        ("2026-11-03 9:05:07 PM", datetime(2026, 11, 3, 21, 5, 7)),
        ("2026-11-03 12:05 a.m.", datetime(2026, 11, 3, 0, 5)),
        ("２０２６／１１／３　９：０５", datetime(2026, 11, 3, 9, 5)),
        ("46346.396597", datetime(2026, 11, 20, 9, 31, 6)),
        ("46346", datetime(2026, 11, 20)),
        ("Fri, 20 Nov 2026 01:31:05 +0000", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("1795138265000000", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("1795138265", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("1795138265000", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    got = parse_time(text)
    assert got == moment
    assert (got.tzinfo is None) == (moment.tzinfo is None)


@pytest.mark.parametrize(
    "text", ["", "20/11/2026", "11/20/2026 9:31", "2026-02-30", "yesterday", "2026-11-20 25:00", "12"]
)
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    ["0=agent,1=customer", "0:agent;1:customer", "left=agent", "agent-left", "右=客户", "左坐席右客户",
     "agent,customer", "1=agent,2=customer", "ch1:customer",
     '{"0": "agent", "1": "customer"}', "L=Agent R=Customer", "客户:右"],
)  # fmt: skip
def test_channel_maps(text: str) -> None:
    assert parse_channel_map(text) == {0: "agent", 1: "customer"}


@pytest.mark.parametrize(
    "text", ["", "both", "0=agent,1=agent", "0=agent,0=customer", "3=agent", "agent", "0,1", "mono"]
)
def test_no_channel_maps(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_channel_map(text)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="1001"', "1001"), ("'1001", "1001"), ("'13800138000", "13800138000"), ("１００１", "1001"), (1001.0, "1001"),
        ("'s", "'s"), ("=1+1", "=1+1"), ("#N/A", ""), ("NULL", ""),
    ],
)  # fmt: skip
def test_cells_as_spreadsheets_are_made_to_keep_them(cell: object, text: str) -> None:
    assert cell_text(cell) == text


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1001.0", "1001"), ("A.0", "A.0"), ("13800138000.00", "13800138000"), ("1.3800138000E+10", "13800138000"),
        ("1.001E+3", "1001"),
        ("1795138260.0", "1795138260.0"), ("1795138260.18", "1795138260.18"), ("8.6E+3", "8600"), ("1E5", "1E5"),
    ],
)  # fmt: skip
def test_numbers_that_a_spreadsheet_rewrote(written: str, number: str) -> None:
    assert plain_number(written) == number


@pytest.mark.parametrize("written", ["1.38E+10", "1E+10", "1.38001E+10"])
def test_numbers_that_lost_digits(written: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        plain_number(written)


@pytest.mark.parametrize(("text", "seconds"), [("1分5秒", 65), ("2分钟", 120), ("1小时0分5秒", 3605), ("12秒", 12)])
def test_durations_in_chinese(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


LONG = 100_000
BLANKS = " " * LONG


@pytest.mark.parametrize(
    "text",
    ["2026-11-20" + BLANKS + "x", "2026-11-20 9:31" + BLANKS + "x", "2026" + BLANKS + "-1-1", "1" + BLANKS + "s x",
     "2026-11-20T" + "_" * LONG, "0" * LONG + ":", "1 " * LONG, "左" * LONG + "x", "-" * LONG],
)  # fmt: skip
def test_a_cell_of_100_000_blanks_is_no_work(text: str) -> None:
    """A step that was quadratic in such a cell took minutes."""
    began = time.process_time()
    for parse in (parse_time, parse_duration_s, parse_count, parse_channel_map):
        with suppress(ValueError, OverflowError):
            parse(text)
    DATE.fullmatch(text)
    subscriber_digits(text)
    assert time.process_time() - began < 5


def test_a_cell_that_is_nested_too_deeply_is_no_text() -> None:
    cell: object = "x"
    for depth in range(900):
        cell = [cell] if depth % 2 else {"a": cell}
    with pytest.raises(ValueError, match="nested"):
        cell_text(cell)
    assert cell_text({"a": ["b"]}) == "{'a': ['b']}"


@pytest.mark.parametrize(
    ("text", "seconds"), [("12", 12), ("12.5 s", 12.5), ("12秒", 12), ("1:05 sec", 65), ("00:01:05", 65)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds
