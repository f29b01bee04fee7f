"""What call centres really sent: rewritten numbers, titles, stray commas, daily exporters, outbound calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.inboxes import MOBILE, put

TEXTS = "field-cases/11-cdr-texts"


def scan(here: Settings, home: Home, file: Path) -> tuple[Scan, list[CDR]]:
    for seed, name in enumerate("ab"):
        put(here.paths.inbox / f"{name}.wav", seed)
    shutil.copyfile(file, here.paths.inbox / "cdr.csv")
    found = scan_inbox(here, home)
    assert found.failures == ()
    return found, [recording.cdr for recording in found.recordings]


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("trailing-comma.csv", ()), ("two-trailing-commas.csv", ()), ("pandas-index.csv", ()), ("sep-line.csv", ()),
        ("excel-text-formula.csv", ()),
        ("title-line.csv", ("cdr.csv line 1: a title above the columns' names; passed over",)),
    ],
)  # fmt: skip
def test_a_row_is_read_whatever_stands_around_it(
    here: Settings, inbox: Path, tmp_home: Home, shared: Path, name: str, warnings: tuple[str, ...]
) -> None:
    found, (first, second) = scan(here, tmp_home, shared / TEXTS / name)
    assert (first.call_id, first.agent_id, first.agent_name) == ("1", "1001", "Li")
    assert first.caller_hash
    assert first.started_at
    assert second == CDR()
    assert found.warnings == warnings


def test_one_bad_quote_costs_its_line(here: Settings, inbox: Path, tmp_home: Home, shared: Path) -> None:
    found, (first, second) = scan(here, tmp_home, shared / TEXTS / "one-bad-quote.csv")
    assert (first.agent_id, second) == ("1001", CDR())
    (warning,) = found.warnings
    assert warning.startswith("cdr.csv line 3: a quotation mark")


def test_numbers_that_pandas_made_fractions_are_the_same(
    here: Settings, inbox: Path, tmp_home: Home, shared: Path
) -> None:
    found, (first, second) = scan(here, tmp_home, shared / TEXTS / "pandas-floats.csv")
    assert (first.agent_id, first.call_id, second.call_id) == ("1001", "1", "2")
    assert first.agent_id == second.agent_id
    assert first.caller_hash == second.caller_hash
    assert found.warnings == ()


def test_numbers_that_a_spreadsheet_shortened_are_left_out_and_told(
    here: Settings, inbox: Path, tmp_home: Home, shared: Path
) -> None:
    found, (first, second) = scan(here, tmp_home, shared / TEXTS / "excel-scientific.csv")
    assert (first.agent_id, second.agent_id) == ("1001", "1002")
    assert first.caller_hash is second.caller_hash is None
    assert len(found.warnings) == 2
    assert all("a spreadsheet has shortened the number" in warning for warning in found.warnings)


def test_a_file_without_a_header_is_told_without_a_cell_or_read(
    here: Settings, inbox: Path, tmp_home: Home, shared: Path
) -> None:
    put(inbox / "ok-name.wav", 7)
    found, _ = scan(here, tmp_home, shared / TEXTS / "headerless-master.csv")
    cdrs = {recording.path.name: recording.cdr for recording in found.recordings}
    assert (cdrs["ok-name.wav"].agent_id, cdrs["ok-name.wav"].direction) == ("2001", "inbound")


def test_a_daily_export_takes_nothing_away(here: Settings, inbox: Path, tmp_home: Home, shared: Path) -> None:
    nights = shared / "field-cases" / "01-rolling-cdr"
    shutil.copytree(nights / "night1", inbox, dirs_exist_ok=True)
    first = scan_inbox(here, tmp_home).recordings[0].cdr
    shutil.copytree(nights / "night2", inbox, dirs_exist_ok=True)
    a, b = (recording.cdr for recording in scan_inbox(here, tmp_home).recordings)
    assert a == first
    assert (b.call_id, b.agent_id) == ("B", "1001")


@pytest.mark.parametrize(
    "later",
    [
        "file,agent_id,team,release_party\na.wav,,,\n",
        "file,x\na.wav,1\n",
        "call_id,agent_id,queue\nZ,1,2\n",
        "file;agent_id\n",
    ],
)
def test_an_emptied_cell_or_a_lost_column_takes_nothing_away(
    here: Settings, inbox: Path, tmp_home: Home, later: str
) -> None:
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text(
        f"file,call_id,agent_id,team,release_party,客户号码\na.wav,C,1001,T,agent,{MOBILE}\n"
    )
    before = scan_inbox(here, tmp_home).recordings[0].cdr
    (inbox / "cdr.csv").write_text(later)
    after = scan_inbox(here, tmp_home).recordings[0].cdr
    assert {"x": "1"} | after.extra == {"x": "1"}
    for field in ("call_id", "agent_id", "team", "release_party", "caller_hash"):
        assert getattr(after, field) == getattr(before, field) is not None


def test_sides_of_outbound_calls(here: Settings, inbox: Path, tmp_home: Home, shared: Path) -> None:
    _, (a, b) = scan(here, tmp_home, shared / "pbx-samples" / "cn-outbound" / "cdr.csv")
    assert (a.direction, a.release_party, b.release_party) == ("outbound", "customer", "agent")
    assert a.caller_hash != b.caller_hash


def test_without_a_direction_no_side_is_known_and_that_is_said_once(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    for seed, name in enumerate("ab"):
        put(inbox / f"{name}.wav", seed)
    rows = f"a.wav,{MOBILE},4001234567,主叫\nb.wav,{MOBILE},4001234567,被叫\n"
    (inbox / "cdr.csv").write_text("录音文件,主叫号码,被叫号码,挂断方\n" + rows)
    found = scan_inbox(here, tmp_home)
    assert [(r.cdr.caller_hash, r.cdr.release_party) for r in found.recordings] == [(None, None)] * 2
    (warning,) = found.warnings
    assert warning.startswith("2 calls: who of caller and callee is the customer is not known")
    said = here.ingest.model_copy(update={"direction": "inbound"})
    found = scan_inbox(here.model_copy(update={"ingest": said}), tmp_home)
    assert [r.cdr.release_party for r in found.recordings] == ["customer", "agent"]
    assert found.warnings == ()


@pytest.mark.parametrize("said", ["正常挂断", "ABANDON", "AFTERHOURS", "无人接听", "--"])
def test_a_release_that_was_nobody_s_is_no_fault(here: Settings, inbox: Path, tmp_home: Home, said: str) -> None:
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text(f"录音文件,挂断方\na.wav,{said}\n")
    found = scan_inbox(here, tmp_home)
    assert (found.recordings[0].cdr.release_party, found.warnings) == (None, ())
