"""Files of VICIdial, Amazon Connect, Twilio and vCon beside recordings: the calls' CDR, and no number in clear."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.datatypes import CDR
from pipeline.intake.callers import CallerHash
from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.contact_records import (
    closer_row,
    contact_id,
    contact_record,
    csv_table,
    dialled_leg,
    dialog,
    log_row,
    mysql_batch,
    mysql_outfile,
    recording_row,
    sid,
    twilio_call,
    twilio_page,
    twilio_recording,
    vcon,
)

STARTED = datetime(2026, 11, 20, 1, 31, tzinfo=UTC)
DIALLED = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
NUMBERS = ("13900001234", "13900005678", "4001234567")

CASES: dict[str, tuple[dict[str, str | bytes], str, dict[str, Any]]] = {
    "VICIdial, called": (
        {"recordings.csv": csv_table(recording_row()), "closer.tsv": mysql_batch(closer_row(), closer_row(
            closecallid="902", uniqueid="1795138999.55", user="1009", term_reason="CALLER"))},
        "MP3/20261120-093100_13900001234-all.mp3",
        {"call_id": "901", "agent_id": "1001", "team": "TEAM_A", "queue": "SUPPORT", "direction": "inbound",
         "wait_s": 15.0, "release_party": "agent", "release_method": "VICIdial term_reason AGENT"},
    ),
    "VICIdial, dialled": (
        {"recording_log.txt": mysql_outfile(recording_row(
            vicidial_id="1795140000.20", filename="20261120-100000_13900005678", location=None,
            start_epoch="1795140000", start_time="2026-11-20 10:00:00")), "log": mysql_outfile(log_row())},
        "20261120-100000_13900005678-all.wav",
        {"call_id": "1795140000.20", "agent_id": "1001", "team": "TEAM_A", "direction": "outbound",
         "release_party": "customer", "release_method": "VICIdial term_reason CALLER"},
    ),
    "Amazon Connect": (
        {"connect-1-2026-11-20-01-36-12.gz": gzip.compress("".join(map(json.dumps, (
            contact_record(1), contact_record(2, DisconnectReason="AGENT_DISCONNECT")))).encode())},
        f"2026/11/20/{contact_id(1)}_20261120T01:31_UTC.wav",
        {"call_id": contact_id(1), "agent_id": "lina", "team": "TEAM_A", "queue": "support", "direction": "inbound",
         "wait_s": 15.0, "release_party": "customer", "release_method": "Amazon Connect CUSTOMER_DISCONNECT",
         "channel_map": {0: "customer", 1: "agent"}},
    ),
    "Twilio": (
        {"calls.json": twilio_page("calls", twilio_call(1), dialled_leg(2, 1, "client:lina")),
         "recordings.json": twilio_page("recordings", twilio_recording(5, 1))},
        f"{sid('RE', 5)}.wav",
        {"call_id": sid("CA", 1), "agent_id": "lina", "direction": "inbound",
         "channel_map": {0: "customer", 1: "agent"}},
    ),
    "vCon": (
        {"call-1.vcon": json.dumps(vcon(dialog=[dialog(party_history=[
            {"party": 1, "time": "2026-11-20T01:35:40Z", "event": "drop"}])]))},
        "call-1.wav",
        {"call_id": vcon()["uuid"], "agent_id": "agent-1001", "agent_name": "Li Na", "queue": "support",
         "direction": "inbound", "release_party": "agent", "release_method": "vCon party_history drop",
         "channel_map": {0: "customer", 1: "agent"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_field_reaches_the_call(case: str, here: Settings, inbox: Path, tmp_home: Home) -> None:
    files, recording, expected = CASES[case]
    cdr = scanned(files, recording, here, inbox, tmp_home)
    told = {name: getattr(cdr, name) for name in CDR.__slots__ if name not in ("extra", "caller_hash", "started_at")}
    assert {name: value for name, value in told.items() if value is not None} == expected
    customer = "13900005678" if "dialled" in case else "13900001234"
    assert cdr.caller_hash == CallerHash(tmp_home).hashed(customer)
    assert cdr.started_at == (DIALLED if "dialled" in case else STARTED)


@pytest.mark.parametrize("case", CASES)
def test_the_call_holds_no_number(case: str, here: Settings, inbox: Path, tmp_home: Home) -> None:
    cdr = scanned(*CASES[case][:2], here, inbox, tmp_home)
    assert not any(number in repr(cdr) for number in NUMBERS)


def scanned(files: Mapping[str, str | bytes], recording: str, here: Settings, inbox: Path, home: Home) -> CDR:
    """The CDR of the only recording of an inbox with these files beside it; nothing of them may be told as wrong."""
    for name, content in files.items():
        (inbox / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = inbox / recording
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF")
    scan = scan_inbox(here, home)
    assert not scan.warnings
    assert not scan.failures
    assert len(scan.metadata) == len(files)
    (found,) = scan.recordings
    return found.cdr
