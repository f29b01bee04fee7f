"""Recordings that only their names' numbers and times join to a call."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.freeswitch import csv_line
from tests.support.freeswitch_calls import CUSTOMER, DIALLED, INBOUND, OUTBOUND
from tests.support.inboxes import put
from tests.support.threecx import threecx_line

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{CUSTOMER}.2026-11-20-09-31-02.wav", ("inbound", None)),
        ("1001.2026-11-20-09-31-02.wav", ("outbound", "1001")),
    ],
)
def test_what_freeswitch_calls_a_recording_finds_its_line(
    here: Settings, inbox: Path, tmp_home: Home, name: str, expected: tuple[str, str | None]
) -> None:
    put(inbox / name)
    (inbox / "Master.csv").write_text(csv_line(INBOUND) + csv_line(OUTBOUND))
    found = scan_inbox(here, tmp_home)
    (recording,) = found.recordings
    assert (recording.cdr.direction, recording.cdr.agent_id) == expected
    assert recording.cdr.call_id
    assert (found.rows_unused, found.without_row) == (1, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"[Li Na]_{CUSTOMER}-1001_20261120093115(7).wav", ("inbound", "1001", "customer")),
        (f"[Li Na]_1001-{DIALLED}_20261120100011(8).wav", ("outbound", "1001", "agent")),
    ],
)
def test_what_3cx_calls_a_recording_finds_its_line(
    here: Settings, inbox: Path, tmp_home: Home, name: str, expected: tuple[str, str, str]
) -> None:
    put(inbox / name)
    (inbox / "cdr.log").write_text(
        threecx_line(CUSTOMER, "Ext.800", "Ext.1001")
        + threecx_line("Ext.1001", DIALLED, historyid="Call 5002", callid="00000163F5AD7E1E_32",
                       time_start="2026/11/20 10:00:00")
        + threecx_line(CUSTOMER, "Ext.1002", historyid="Call 5003", callid="00000163F5AD7E1E_33")
    )  # fmt: skip
    (recording,) = scan_inbox(here, tmp_home).recordings
    cdr = recording.cdr
    assert (cdr.direction, cdr.agent_id, cdr.release_party) == expected


@pytest.mark.parametrize(
    ("moments", "matched"),
    [
        (("09:31:00", "09:40:00"), "00000163F5AD7E1E_1"), (("08:00:00", "09:31:02"), "00000163F5AD7E1E_1"),
        (("09:31:00", "09:31:00"), None), (("07:00:00", "12:00:00"), None),
    ],
)  # fmt: skip
def test_of_several_calls_of_a_customer_it_is_the_last_before_or_none(
    here: Settings, inbox: Path, tmp_home: Home, moments: tuple[str, str], matched: str | None
) -> None:
    put(inbox / f"[X]_{CUSTOMER}-1001_20261120093102(7).wav")
    (inbox / "cdr.log").write_text(
        "".join(
            threecx_line(CUSTOMER, "Ext.1001", historyid=f"Call {number}", callid=f"00000163F5AD7E1E_{number}",
                         time_start=f"2026/11/20 {moment}")
            for number, moment in enumerate(moments)
        )
    )  # fmt: skip
    (recording,) = scan_inbox(here, tmp_home).recordings
    assert (recording.cdr.call_id is None) == (matched is None)


def test_names_in_local_time_and_records_in_utc_find_each_other_and_it_is_told(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    lines = []
    for number in range(4):
        put(inbox / f"[X]_1390000123{number}-1001_202611201{7 + number % 2}3102({number}).wav", number)
        lines.append(
            threecx_line(f"1390000123{number}", "Ext.1001", historyid=f"Call {number}", callid=f"00000163F5AD_{number}",
                         time_start=f"2026/11/20 {9 + number % 2:02}:31:00")
        )  # fmt: skip
    (inbox / "cdr.log").write_text("".join(lines))
    found = scan_inbox(here, tmp_home)
    assert sorted(str(recording.cdr.call_id) for recording in found.recordings) == [
        f"00000163F5AD_{number}" for number in range(4)
    ]
    assert [str(each) for each in found.warnings] == [
        "call records are in UTC, recordings' names in the zone of ingest.timezone; put right"
    ]
    begun = {recording.cdr.started_at.hour for recording in found.recordings if recording.cdr.started_at}
    assert begun == {17, 18}, "the clock of the house"


@pytest.mark.parametrize(("count", "matched"), [(1, 0), (3, 3)])
def test_hours_that_are_no_zones_need_several_recordings_and_change_no_time(
    here: Settings, inbox: Path, tmp_home: Home, count: int, matched: int
) -> None:
    for number in range(count):
        put(inbox / f"[X]_1390000123{number}-1001_20261120143102({number}).wav", number)
    lines = [
        threecx_line(f"1390000123{number}", "Ext.1001", historyid=f"Call {number}", callid=f"00000163F5AD_{number}",
                     time_start="2026/11/20 09:31:00")
        for number in range(count)
    ]  # fmt: skip
    (inbox / "cdr.log").write_text("".join(lines))
    found = scan_inbox(here, tmp_home)
    assert len([recording for recording in found.recordings if recording.cdr.call_id]) == matched
    assert [str(each) for each in found.warnings] == [
        "recordings' names and call records are +5 h apart; see ingest.timezone"
    ][:matched]
    assert not matched or found.recordings[0].cdr.started_at == datetime(2026, 11, 20, 9, 31, tzinfo=SHANGHAI)


def test_one_recording_is_enough_where_the_hours_are_the_zones(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / f"[X]_{CUSTOMER}-1001_20261120173102(7).wav")
    (inbox / "cdr.log").write_text(threecx_line(CUSTOMER, "Ext.1001", time_start="2026/11/20 09:31:00"))
    (recording,) = scan_inbox(here, tmp_home).recordings
    assert recording.cdr.started_at == datetime(2026, 11, 20, 17, 31, tzinfo=SHANGHAI)


def test_a_number_alone_joins_nothing(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / f"[X]_{CUSTOMER}-1009_20261120093102(7).wav")
    (inbox / "cdr.log").write_text(threecx_line(CUSTOMER, "Ext.1001"))
    (recording,) = scan_inbox(here, tmp_home).recordings
    assert recording.cdr.call_id is None
    assert recording.cdr.direction == "inbound"


def test_a_name_with_an_id_is_told_by_the_id_alone(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / f"external-1001-{CUSTOMER}-20261120-093102-1795138262.99.wav")
    (inbox / "cdr.log").write_text(threecx_line(CUSTOMER, "Ext.1001"))
    (recording,) = scan_inbox(here, tmp_home).recordings
    assert recording.cdr.call_id == "1795138262.99"
    assert recording.cdr.release_party is None


def test_after_a_transfer_each_recording_has_the_agent_of_its_own_line(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    put(inbox / f"[Li Na]_{CUSTOMER}-1001_20261120093102(7).wav", 1)
    put(inbox / f"[Zhao Min]_{CUSTOMER}-1003_20261120093202(8).wav", 2)
    chain = f"Chain: {CUSTOMER};Ext.1001;Ext.1003;"
    first = threecx_line(CUSTOMER, "Ext.1001", "Ext.1003", reason_terminated="ReplacedByDst", chain=chain)
    then = threecx_line(CUSTOMER, "Ext.1003", time_start="2026/11/20 09:32:00", chain=chain)
    (inbox / "cdr.log").write_text(first + then)
    found = scan_inbox(here, tmp_home)
    assert {(recording.cdr.agent_id, recording.cdr.release_party) for recording in found.recordings} == {
        ("1001", None), ("1003", "customer"),
    }  # fmt: skip
