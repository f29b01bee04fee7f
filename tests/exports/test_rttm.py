"""Who speaks when, read back by pyannote's reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from pyannote.database.util import load_rttm

from pipeline.datatypes import CDR
from pipeline.exports.exported import ExportedCall
from pipeline.exports.rttm import rttm
from tests.support.leaving import HOSTILE, Line, leaving, lines_said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rttm")


def stretches(call: ExportedCall, folder: Path) -> list[tuple[float, float, str]]:
    """Start, end and who, as pyannote reads them."""
    file = folder / "call.rttm"
    file.write_text(rttm(call), encoding="utf-8")
    found = load_rttm(str(file))
    assert set(found) <= {call.name}
    spoken = [track for each in found.values() for track in each.itertracks(yield_label=True)]
    return sorted((segment.start, segment.end, who) for segment, _, who in spoken)


@given(lines_said())
def test_stretches_read_back_are_the_turns(folder: Path, lines: list[Line]) -> None:
    names = {"ch0": "agent", "ch1": "customer"}
    found = stretches(leaving(lines), folder)
    expected = sorted((start_s, max(end_s, start_s), names.get(who, who)) for who, start_s, end_s, _ in lines)
    assert sorted(who for *_, who in found) == sorted(who for *_, who in expected)
    by_start = sorted(start_s for start_s, *_ in expected)
    assert all(abs(a - b) <= 0.0011 for a, b in zip((start for start, *_ in found), by_start, strict=True))
    ends = sorted(end_s for _, end_s, _ in expected)
    assert all(abs(a - b) <= 0.0021 for a, b in zip(sorted(end for _, end, _ in found), ends, strict=True))


def test_lines_say_file_channel_times_and_who() -> None:
    call = leaving([("ch1", 2.5, 4.0, "你好"), ("ch0", 0.5, 2.0, "您好"), ("S 3", 4.0, 4.0, "嗯")])
    assert rttm(call).splitlines() == [
        f"SPEAKER {call.name} 1 0.500 1.500 <NA> <NA> agent <NA> <NA>",
        f"SPEAKER {call.name} 2 2.500 1.500 <NA> <NA> customer <NA> <NA>",
        f"SPEAKER {call.name} 1 4.000 0.001 <NA> <NA> S_3 <NA> <NA>",
    ]


def test_a_call_in_which_nobody_speaks_has_no_line(folder: Path) -> None:
    assert rttm(leaving([])) == ""
    assert stretches(leaving([]), folder) == []


def test_names_of_calls_have_no_blanks_and_are_fit_for_any_disk() -> None:
    names = {
        leaving(cdr=CDR(call_id=text)).name
        for text in (*HOSTILE, "../../etc/passwd", "a" * 500, "C:\\x", "13900001234")
    }
    for name in names:
        assert name.split() == [name]
        assert "/" not in name
        assert "\\" not in name
        assert not name.startswith(".")
        assert "139000012" not in name
        assert len(name.encode()) < 250
