"""Asterisk's files beside recordings in an inbox: several files and rows become one call.

`tests/data/exchange` holds what a real Asterisk 22 wrote of 13 calls (`bench/real_exchange`) and what happened in them.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.intake.callers import CallerHash
from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from tests.support.asterisk import CUSTOMER, INBOUND, OUTBOUND, cel_lines, hangup, master_row, queue_lines
from tests.support.inboxes import CHINA, put

EXCHANGE = Path(__file__).parents[1] / "data/exchange"
NAMES = {"1001": "Li Na", "1004": "陈洁"}
TRUTH = {call["id"]: call for call in json.loads((EXCHANGE / "truth.json").read_text())}

ENTER = f"1795138262|1795138260.18|support|NONE|ENTERQUEUE||{CUSTOMER}|1"
CONNECT = "1795138277|1795138260.18|support|Li Na|CONNECT|15|1795138265.19|4"
COMPLETE = "1795138540|1795138260.18|support|Li Na|COMPLETEAGENT|15|263|1"


def scan(here: Settings, home: Home, files: dict[str, str], *recordings: str) -> tuple[Scan, dict[str, CDR]]:
    """What is known of each recording by its name, with these files in the inbox."""
    for seed, name in enumerate(recordings):
        put(here.paths.inbox / name, seed)
    for name, text in files.items():
        (here.paths.inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (here.paths.inbox / name).write_text(text)
    found = scan_inbox(here, home)
    assert [warning for warning in found.warnings if "its clock is" not in warning] == [], "usegmtime"
    assert not found.failures
    return found, {recording.path.name: recording.cdr for recording in found.recordings}


def test_call_detail_records_queue_log_and_channel_events_become_one_call(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    master = master_row(INBOUND, "uniqueid", "userfield") + "\n" + master_row(OUTBOUND, "uniqueid", "userfield") + "\n"
    agent = "PJSIP/1001-00000013"
    files = {
        "cdr-csv/Master.csv": master,
        "queue_log": queue_lines(ENTER, CONNECT, COMPLETE),
        "cel-custom/Master.csv": cel_lines(hangup(agent, "1795138265.19", "1795138260.18", agent)),
    }
    found, cdrs = scan(here, tmp_home, files, "1795138260.18.wav", "1795140000.20.wav")
    assert found.calls == 2
    inbound, outbound = cdrs["1795138260.18.wav"], cdrs["1795140000.20.wav"]
    hashes = CallerHash(tmp_home)
    assert inbound == CDR(
        call_id="1795138260.18", started_at=datetime(2026, 11, 20, 9, 31, tzinfo=CHINA), agent_id="1001",
        agent_name="Li Na", queue="support", direction="inbound", caller_hash=hashes.hashed(CUSTOMER), wait_s=15,
        release_party="agent", release_method=inbound.release_method,
        extra={"disposition": "ANSWERED", "ring_s": "4"},
    )  # fmt: skip
    assert inbound.release_method
    assert outbound == CDR(
        call_id="1795140000.20", started_at=datetime(2026, 11, 20, 10, 0, tzinfo=CHINA), agent_id="1001",
        agent_name="Li Na", direction="outbound", caller_hash=hashes.hashed("013900005678"),
        extra={"disposition": "ANSWERED"},
    )  # fmt: skip


def test_the_rows_of_a_freepbx_call_are_one_call(here: Settings, inbox: Path, tmp_home: Home) -> None:
    recording = f"q-600-{CUSTOMER}-20261120-093100-1795138260.18.wav"
    rows = (
        "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
        "accountcode,uniqueid,userfield,did,recordingfile,cnum,cnam,outbound_cnum,outbound_cnam,dst_cnam,linkedid,"
        "peeraccount,sequence\n"
        f'2026-11-20 09:31:00,"""Zhang"" <{CUSTOMER}>",{CUSTOMER},600,ext-queues,PJSIP/trunk-00000012,'
        'Local/1001@from-queue-00000003;1,Queue,"600,t,,",280,278,ANSWERED,3,,1795138260.18,,4001234567,'
        f"{recording},{CUSTOMER},Zhang,,,,1795138260.18,,45\n"
        f'2026-11-20 09:31:15,"""Zhang"" <{CUSTOMER}>",{CUSTOMER},1001,from-internal,'
        'Local/1001@from-queue-00000003;2,PJSIP/1001-00000013,Dial,"PJSIP/1001,,HhTtr",265,263,ANSWERED,3,,'
        f"1795138275.19,,,{recording},{CUSTOMER},Zhang,,,,1795138260.18,,46\n"
    )
    found, cdrs = scan(here, tmp_home, {"cdr.csv": rows}, f"2026/11/20/{recording}")
    assert (found.calls, found.rows_unused) == (1, 0)
    assert cdrs[recording] == CDR(
        call_id="1795138260.18", started_at=datetime(2026, 11, 20, 9, 31, tzinfo=CHINA), agent_id="1001", queue="600",
        direction="inbound", caller_hash=CallerHash(tmp_home).hashed(CUSTOMER), wait_s=15,
        extra={"disposition": "ANSWERED"},
    )  # fmt: skip


def test_a_call_whose_lines_are_in_two_rotated_files(here: Settings, inbox: Path, tmp_home: Home) -> None:
    files = {"queue_log-20261120": queue_lines(ENTER), "queue_log": queue_lines(CONNECT, COMPLETE)}
    _, cdrs = scan(here, tmp_home, files, "1795138260.18.wav")
    cdr = cdrs["1795138260.18.wav"]
    assert (cdr.queue, cdr.wait_s, cdr.agent_name, cdr.release_party) == ("support", 15, "Li Na", "agent")
    assert cdr.caller_hash == CallerHash(tmp_home).hashed(CUSTOMER)


@pytest.mark.parametrize(
    ("logs", "undecided"),
    [
        # a member behind a Local channel hung up, and the caller's channel did not hear of it
        (("Master.csv",), {"in-2"}),
        (("custom.json",), {"in-2"}),
        (("cel-Master.csv",), set()),
        (("cel.json",), set()),
        # what comes after a transfer is not in the queue's log
        (("queue_log",), {"passed-on-80", "passed-on-81"}),
        (("Master.csv", "cel.json", "queue_log"), set()),
    ],
)
def test_what_a_real_exchange_wrote(
    here: Settings, inbox: Path, tmp_home: Home, logs: tuple[str, ...], undecided: set[str]
) -> None:
    files = {name: (EXCHANGE / name).read_text() for name in logs}
    _, cdrs = scan(here, tmp_home, files, *(f"{call}.wav" for call in TRUTH))
    hashes = CallerHash(tmp_home)
    for name, cdr in cdrs.items():
        call = TRUTH[name.removesuffix(".wav")]
        if logs == ("queue_log",) and not call["queue"]:
            continue
        assert (cdr.direction, cdr.queue) == (call["direction"], call["queue"])
        assert cdr.caller_hash == hashes.hashed(call["customer"])
        assert cdr.agent_id in (call["agent"], None)
        assert cdr.agent_id or cdr.agent_name == NAMES.get(call["agent"])
        assert cdr.release_party == (None if call["name"] in undecided else call["hung_up"])
        assert cdr.started_at
        assert cdr.started_at.timestamp() == int(call["id"].split(".")[0])


def test_no_number_reaches_the_home_or_a_message(here: Settings, inbox: Path, tmp_home: Home) -> None:
    mobile, company = "13800138000", "4001234567"
    rows = [
        master_row(INBOUND, "uniqueid", "userfield", lastdata=f"{company},t", dst=company),
        master_row(OUTBOUND, "uniqueid", clid=f'"{company}" <1001>', dcontext=mobile),
        # the agent is reached on a mobile telephone
        master_row(INBOUND, "uniqueid", uniqueid="1795138300.22", dstchannel=f"Local/{mobile}@from-queue-00000001;1"),
        f"{mobile},{company}",
    ]
    events = [
        ENTER,
        f"1795138262|1795138260.18|support|NONE|DID|{company}",
        CONNECT.replace("Li Na", f"Local/{mobile}@from-queue/n"),
        f"1795138377|1795138260.18|support|Li Na|BLINDTRANSFER|{mobile}|from-internal|15|100|1",
        f"{mobile} is no event",
    ]
    for name, text in (("Master.csv", "\n".join(rows)), ("queue_log", queue_lines(*events))):
        (inbox / name).write_text(text)
    for name in ("Master.csv", "cel.json", "queue_log"):
        (inbox / name.replace(".", "-real.")).write_text((EXCHANGE / name).read_text())
    ids = ["1795138260.18", "1795140000.20", "1795138300.22", *TRUTH]
    for seed, name in enumerate(ids):
        put(inbox / f"{name}.wav", seed)
    found = scan_inbox(here, tmp_home)
    assert len(found.recordings) == len(ids)
    assert all(recording.cdr.caller_hash for recording in found.recordings)
    written = [artefacts.unpacked(path).decode() for path in tmp_home.root.rglob("*.json.zst")]
    assert written
    numbers = {CUSTOMER, "13900005678", mobile, company, *(call["customer"].lstrip("0") for call in TRUTH.values())}
    for number in numbers:
        assert not any(number in text for text in (*written, *found.warnings, repr(found)))
