"""What a CDR can hold, wherever it comes from: a table, a file's name, or a file of an older version."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from pipeline.datatypes import CDR, LONGEST_CELL


def test_texts_of_a_cdr_steer_no_terminal_and_no_page() -> None:
    cdr = CDR(agent_name="\x1b[2J李\u202e娜\n二\ud800", team="\x00\x9b", extra={"re\nmark": "a\tb\u200b" + "x" * 5000})
    assert (cdr.agent_name, cdr.team) == ("[2J李娜 二", None)
    assert list(cdr.extra) == ["re mark"]
    assert cdr.extra["re mark"].startswith("a bx")
    assert len(cdr.extra["re mark"]) <= LONGEST_CELL


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59Z", "1899-12-30T00:00:00Z"])
def test_a_stored_moment_in_which_no_call_was_recorded_is_none(moment: str) -> None:
    stored = f'{{"started_at": "{moment}", "agent_name": "\\u001b[1m", "extra": {{"a": "\\u0007b"}}}}'
    assert TypeAdapter(CDR).validate_json(stored) == CDR(agent_name="[1m", extra={"a": "b"})


def test_what_is_usual_stays_as_it_is() -> None:
    cdr = CDR(
        call_id="1", started_at=datetime(1970, 1, 1, tzinfo=UTC), agent_name="欧阳　娜 Ann", extra={"备注": "请回电"}
    )
    adapter = TypeAdapter(CDR)
    assert adapter.validate_json(adapter.dump_json(cdr)) == cdr
    assert (cdr.agent_name, cdr.extra) == ("欧阳　娜 Ann", {"备注": "请回电"})
