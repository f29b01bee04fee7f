"""What names of recordings say, system by system."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import BadSetting
from pipeline.intake.callers import CallerHash
from pipeline.intake.inbox import scan_inbox
from pipeline.intake.names import FileNames
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from tests.support.inboxes import CHINA, put, with_ingest

PRESETS = Ingest().file_names  # type: ignore[call-arg]
UUID = "7b1c5c2e-0f6e-4b7c-9a51-000000000001"
UNIQUEID = "1795138260.18"
MOMENT = datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)
CUSTOMER = "13900001234"


@pytest.mark.parametrize(
    ("name", "preset", "says"),
    [
        (f"q-600-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav", "freepbx",
         {"direction": "inbound", "queue": "600", "customer": CUSTOMER, "call_id": UNIQUEID}),
        (f"in-4001234567-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav", "freepbx",
         {"direction": "inbound", "customer": CUSTOMER}),
        (f"rg-700-{CUSTOMER}-20261120-093100-{UNIQUEID}.WAV", "freepbx",
         {"direction": "inbound", "customer": CUSTOMER}),
        (f"external-1001-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav", "freepbx",
         {"direction": "inbound", "customer": CUSTOMER, "agent_id": "1001"}),
        (f"out-0{CUSTOMER}-1001-20261120-093100-{UNIQUEID}.wav", "freepbx",
         {"direction": "outbound", "customer": CUSTOMER, "agent_id": "1001"}),
        (f"out-+86{CUSTOMER}-1001-20261120-093100-pbx01-{UNIQUEID}.mp3", "freepbx",
         {"direction": "outbound", "customer": CUSTOMER, "agent_id": "1001", "call_id": f"pbx01-{UNIQUEID}"}),
        (f"internal-1002-1001-20261120-093100-{UNIQUEID}.wav", "freepbx", {}),
        (f"exten-1002-1001-20261120-093100-{UNIQUEID}.wav", "freepbx", {}),
        (f"exten-1001-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav", "freepbx",
         {"customer": CUSTOMER, "agent_id": "1001"}),
        (f"force-{CUSTOMER}-3201-20261120-093100-{UNIQUEID}.wav", "freepbx",
         {"customer": CUSTOMER, "agent_id": "3201"}),
        (f"conf-8000-1001-20261120-093100-{UNIQUEID}.wav", "freepbx", {}),
        (f"parked-71-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav", "freepbx", {"customer": CUSTOMER}),
        (f"q-600-1001-20261120-093100-{UNIQUEID}.wav", "freepbx", {"queue": "600"}),
        (f"q-600-unknown-20261120-093100-{UNIQUEID}.wav", "freepbx", {"direction": "inbound", "queue": "600"}),
        (f"{UNIQUEID}.wav", "asterisk", {"call_id": UNIQUEID}),
        (f"{CUSTOMER}.2026-11-20-09-31-00.wav", "freeswitch", {"customer": CUSTOMER, "call_id": None}),
        ("1001.2026-11-20-09-31-00.wav", "freeswitch", {"agent_id": "1001", "call_id": None}),
        (f"2026-11-20-09-31-00.4001234567.{CUSTOMER}.{UUID}.wav", "freeswitch-callcenter",
         {"direction": "inbound", "customer": CUSTOMER, "call_id": UUID}),
        (f"[Li Na]_1001-{CUSTOMER}_20261120093100(1234).wav", "3cx",
         {"direction": "outbound", "customer": CUSTOMER, "agent_id": "1001", "call_id": None}),
        (f"[张三]_{CUSTOMER}-1001_20261120093100(7).wav", "3cx",
         {"direction": "inbound", "customer": CUSTOMER, "agent_id": "1001", "call_id": None}),
        ("[Li Na]_1001-1002_20261120093100(1235).wav", "3cx", {"call_id": None}),
        (f"20261120-093100_{CUSTOMER}-all.mp3", "vicidial", {"customer": CUSTOMER, "call_id": None}),
        (f"20261120-093100_{CUSTOMER}.gsm", "vicidial", {"customer": CUSTOMER, "call_id": None}),
    ],
)  # fmt: skip
def test_what_a_name_says(
    here: Settings, inbox: Path, tmp_home: Home, name: str, preset: str, says: dict[str, Any]
) -> None:
    put(inbox / name)
    scanned = scan_inbox(here, tmp_home)
    (recording,) = scanned.recordings
    assert scanned.names == {preset: 1}
    cdr = recording.cdr
    expected: dict[str, Any] = {"direction": None, "queue": None, "agent_id": None, "call_id": UNIQUEID, "customer": ""}
    expected |= says
    expected["caller_hash"] = CallerHash(tmp_home).hashed(expected.pop("customer"))
    assert {field: getattr(cdr, field) for field in expected} == expected
    at = datetime.fromtimestamp(1795138260, UTC) if preset in ("freepbx", "asterisk") else MOMENT
    assert cdr.started_at == at
    assert CUSTOMER not in str(cdr)


@pytest.mark.parametrize(
    "name",
    [
        "a.wav",
        "q-600.wav",
        f"queue-600-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav",
        f"q-600-{CUSTOMER}-20261350-093100-{UNIQUEID}.wav",
        f"old q-600-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav",
        f"q-600-{CUSTOMER}-20261120-093100-{UNIQUEID} (1).wav",
        "20261120-093100_12.wav",
        "20261120-253100_13900001234.wav",
        "13900001234.wav",
        "20261120093100.wav",
        "1.18.wav",
        "2026-11-20.wav",
        f"{UUID}.wav",
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    assert FileNames(PRESETS).leg([Path(name)]) is None


@pytest.mark.parametrize(
    ("setting", "name", "says"),
    [
        ("vicidial:FULLDATE_AGENT_CUSTPHONE", f"20261120-093100_1001_{CUSTOMER}-all.mp3",
         {"agent_id": "1001", "started_at": "2026-11-20 09:31:00"}),
        ("vicidial:CAMPAIGN_INGROUP_FULLDATE_CUSTPHONE_AGENT", f"SALES_SUPPORT_20261120-093100_{CUSTOMER}_6666-in.wav",
         {"agent_id": "6666", "queue": "SUPPORT", "started_at": "2026-11-20 09:31:00"}),
        ("vicidial:EPOCH.CALLID", "1795138260.Y1120093100001200345.wav", {}),
    ],
)  # fmt: skip
def test_vicidials_own_tokens(setting: str, name: str, says: dict[str, str]) -> None:
    leg = FileNames([setting]).leg([Path(name)])
    assert leg is not None
    assert leg.cells == says
    assert leg.customer == (CUSTOMER if "CUSTPHONE" in setting else "")
    if "CALLID" in setting:
        assert (leg.ids, leg.epoch_s) == (("Y1120093100001200345",), 1795138260)


def test_a_house_of_its_own_names_goes_first(here: Settings, inbox: Path, tmp_home: Home) -> None:
    named = with_ingest(here, file_names=(r"(?P<agent_id>\d+)_(?P<queue>[a-z]+)", *PRESETS))
    put(inbox / "1001_support.wav")
    put(inbox / f"{UNIQUEID}.wav", 2)
    by_name = {recording.path.name: recording.cdr for recording in scan_inbox(named, tmp_home).recordings}
    assert (by_name["1001_support.wav"].agent_id, by_name["1001_support.wav"].queue) == ("1001", "support")
    assert by_name[f"{UNIQUEID}.wav"].call_id == UNIQUEID


def test_the_pattern_of_older_settings_files_goes_before_the_presets() -> None:
    assert Ingest(file_name_pattern=r"(?P<agent_id>\d+)").file_names == (r"(?P<agent_id>\d+)", *PRESETS)  # type: ignore[call-arg]
    assert Ingest(file_name_pattern=None).file_names == PRESETS  # type: ignore[call-arg]


def test_the_file_column_of_older_settings_files_is_one_of_the_columns() -> None:
    older = Ingest(file_column="Datei", columns={"queue": "Q"})  # type: ignore[call-arg]
    assert older.columns == {"file": "Datei", "queue": "Q"}
    assert Ingest(file_column="file").columns == {}  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Ingest(file_column="Datei", columns=5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "wrong", ["avaya", "(?P<agent_id", "(?P<colour>x)", "vicidial:", "vicidial:AGENT_AGENT", r"\d+"]
)
def test_a_pattern_that_cannot_be_is_told(wrong: str) -> None:
    with pytest.raises(BadSetting, match=r"ingest\.file_names"):
        FileNames([wrong])


def test_a_row_goes_before_the_name_and_the_name_fills_what_it_leaves_open(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    name = f"out-0{CUSTOMER}-1001-20261120-093100-{UNIQUEID}.wav"
    put(inbox / name)
    (inbox / "cdr.csv").write_text(f"file,agent_id,release_party\n{name},lina,callee\n")
    (recording,) = scan_inbox(here, tmp_home).recordings
    cdr = recording.cdr
    assert (cdr.agent_id, cdr.direction, cdr.release_party) == ("lina", "outbound", "customer"), "callee by direction"
    (inbox / "cdr.csv").unlink()
    (again,) = scan_inbox(here, tmp_home).recordings
    assert again.cdr == cdr, "what a row said stays, whatever the name says"
    assert artefacts.read(tmp_home.recording(again.sha256), RecordingRecord).has_row


def test_an_uniqueid_in_a_name_finds_its_row(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / f"q-600-{CUSTOMER}-20261120-093100-{UNIQUEID}.wav")
    (inbox / "cdr.csv").write_text(f"uniqueid,agent_name\n{UNIQUEID},李娜\n")
    scanned = scan_inbox(here, tmp_home)
    assert (scanned.recordings[0].cdr.agent_name, scanned.rows_unused) == ("李娜", 0)
