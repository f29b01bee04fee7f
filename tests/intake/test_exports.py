"""What exports and web interfaces of telephone systems hold, in forms that no reader is made for."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta

import pytest
import xlsxwriter

from pipeline.datatypes import CDR
from pipeline.errors import BadFile
from pipeline.intake.callers import CallerHash
from pipeline.intake.cells import number_in, parse_duration_s
from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.intake.spreadsheet import workbook_text
from pipeline.intake.vocabulary import field_of_column, is_in_ms
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.inboxes import CHINA, MOBILE, cdr_of, put

BEGUN = datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)


def scanned(here: Settings, home: Home, files: dict[str, str | bytes], recordings: tuple[str, ...]) -> Scan:
    for number, name in enumerate(recordings):
        put(here.paths.inbox / name, number + 1)
    for name, text in files.items():
        path = here.paths.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return scan_inbox(here, home)


def cdrs(scan: Scan) -> dict[str, CDR]:
    return {recording.path.name: recording.cdr for recording in scan.recordings}


@pytest.mark.parametrize(
    ("name", "field"),
    [("callId", "call_id"), ("Call ID", "call_id"), ("CALL_ID", "call_id"), ("Start Time (UTC+8)", "started_at"),
     ("等待时长(秒)", "wait_s"), ("from.phoneNumber", "caller_number"), ("contact.id", None)],
)  # fmt: skip
def test_columns_are_known_however_their_words_are_joined(name: str, field: str | None) -> None:
    assert field_of_column(name) == field


@pytest.mark.parametrize(
    ("text", "number"),
    [(f"{MOBILE}<{MOBILE}>", MOBILE), (f'"Zhang" <{MOBILE}>', MOBILE), ("Li Na (1001)", "1001"), ("1001", "1001"),
     ("sip:1001@10.0.0.5:5060", "1001"), (f"<sip:{MOBILE}@10.0.0.5;user=phone>", MOBILE), ("tel:+8621", "+8621"),
     ("(022) 8888 0001", "(022) 8888 0001"), ("Zhang (home)", "Zhang (home)")],
)  # fmt: skip
def test_a_number_is_taken_out_of_a_name_or_an_address(text: str, number: str) -> None:
    assert number_in(text) == number


def test_a_number_written_twice_is_one_number(here: Settings, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, f"file,direction,Call From,Call To\na.wav,Inbound,{MOBILE}<{MOBILE}>,Li Na<1001>\n")
    assert cdr.caller_hash == CallerHash(tmp_home).hashed(MOBILE)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1500 ms", 1.5), ("250毫秒", 0.25), ("15,5", 15.5), ("12.5 s", 12.5), ("00:01:05", 65.0)]
)
def test_lengths(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


def test_a_length_that_may_be_thousands_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="1,500"):
        parse_duration_s("1,500")


def test_milliseconds_are_told_by_the_column(here: Settings, tmp_home: Home) -> None:
    assert [is_in_ms(name) for name in ("waitTimeMs", "wait (ms)", "等待时长(毫秒)", "wait_ms", "rooms", "wait")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
    assert cdr_of(here, tmp_home, "file,agentId,waitTimeMs\na.wav,1001,15000\n").wait_s == 15.0


# --- when it began


def test_the_day_stands_first_where_another_row_says_so(here: Settings, tmp_home: Home) -> None:
    text = "file,agent_id,start_time\na.wav,1,05/11/2026 09:31:00\nb.wav,2,20/11/2026 10:00\n"
    assert cdr_of(here, tmp_home, text).started_at == datetime(2026, 11, 5, 9, 31, tzinfo=CHINA)


def test_the_month_stands_first_where_another_row_says_so(here: Settings, tmp_home: Home) -> None:
    text = "file,agent_id,start_time\na.wav,1,11/05/2026 9:31:00 PM\nb.wav,2,11/20/2026 10:00:00 AM\n"
    assert cdr_of(here, tmp_home, text).started_at == datetime(2026, 11, 5, 21, 31, tzinfo=CHINA)


@pytest.mark.parametrize("other", ["06/11/2026", "20/11/2026,\nc.wav,3,11/20/2026"])
def test_day_and_month_are_not_guessed(here: Settings, tmp_home: Home, other: str) -> None:
    found = scanned(
        here, tmp_home, {"cdr.csv": f"file,agent_id,start_time\na.wav,1,05/11/2026\nb.wav,2,{other}\n"}, ("a.wav",)
    )
    assert found.recordings[0].cdr.started_at is None
    assert "year first" in str(found.warnings[-1])


def test_between_dots_the_day_stands_first(here: Settings, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, "file;agent_id;start_time\na.wav;1;05.11.2026 09:31:00\n")
    assert cdr.started_at == datetime(2026, 11, 5, 9, 31, tzinfo=CHINA)


def test_a_date_and_a_time_of_day_are_one_moment(here: Settings, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, "file,agent_id,Start Date,Start Time\na.wav,1,2026-11-20,9:31:00 AM\n")
    assert cdr.started_at == BEGUN


def test_a_call_time_that_is_a_length_is_no_begin(here: Settings, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, "file,agent_id,CALL TIME,TIMESTAMP\na.wav,1,00:04:40,2026-11-20 09:31:00\n")
    assert cdr.started_at == BEGUN
    cdr = cdr_of(here, tmp_home, "file,agent_id,Date,CALL TIME\na.wav,1,2026-11-20,00:04:40\n")
    assert cdr.started_at == BEGUN.replace(hour=0, minute=0)


def test_the_time_of_a_record_is_no_begin(here: Settings, tmp_home: Home) -> None:
    text = "file,agent_id,timestamp,answered\na.wav,1,2026-11-20 09:35:40,2026-11-20 09:31:12\n"
    assert cdr_of(here, tmp_home, text).started_at is None
    alone = "file,agent_id,timestamp,ended\na.wav,1,2026-11-20 09:31:00,2026-11-20 09:35:40\n"
    assert cdr_of(here, tmp_home, alone).started_at == BEGUN


# --- objects within objects


CALL = {"id": "7", "direction": "Inbound", "startTime": "2026-11-20T01:31:00.354Z",
        "from": {"phoneNumber": f"+86{MOBILE}"}, "to": {"phoneNumber": "4001234567", "name": "Support"},
        "agent": {"id": "1001", "name": "Li Na"}, "recording": {"id": "a", "type": "Automatic"},
        "legs": [{"direction": "Outbound"}]}  # fmt: skip


@pytest.mark.parametrize("envelope", ["list", "records", "data.list", "one"])
def test_rows_and_fields_are_found_in_a_document(here: Settings, tmp_home: Home, envelope: str) -> None:
    document = {
        "list": [CALL], "records": {"uri": "x", "records": [CALL], "paging": {"page": 1}},
        "data.list": {"code": 0, "data": {"total": 1, "list": [CALL]}}, "one": CALL,
    }[envelope]  # fmt: skip
    cdr = cdr_of(here, tmp_home, json.dumps(document), "calls.json")
    assert (cdr.call_id, cdr.agent_id, cdr.agent_name, cdr.direction) == ("7", "1001", "Li Na", "inbound")
    assert cdr.caller_hash == CallerHash(tmp_home).hashed(MOBILE)
    assert cdr.started_at
    assert cdr.started_at.replace(microsecond=0) == BEGUN


@pytest.mark.parametrize(("agents", "agent"), [(["1001"], "1001"), (["1001", "1003"], None), ([], None)])
def test_of_several_agents_none_is_the_calls(
    here: Settings, tmp_home: Home, agents: list[str], agent: str | None
) -> None:
    row = {
        "file": "a.wav",
        "direction": "inbound",
        "ani": MOBILE,
        "agentIds": agents,
        "channels": ["customer", "agent"],
    }
    cdr = cdr_of(here, tmp_home, json.dumps([row]), "calls.json")
    assert (cdr.agent_id, cdr.channel_map) == (agent, {0: "customer", 1: "agent"})


NOTE = {"agentId": "1001", "direction": "IN", "ani": MOBILE, "startTime": "2026-11-20T09:31:00.000+0800"}
XML_NOTE = f"""<?xml version="1.0"?>
<x:recording xmlns:x="urn:archive"><x:contact id="9"><x:session><x:agent>1001</x:agent>
<x:direction>inbound</x:direction><x:ani>{MOBILE}</x:ani>
<x:starttime>2026-11-20T09:31:00+08:00</x:starttime></x:session>
</x:contact></x:recording>"""  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [("in/rec_1.json", json.dumps(NOTE)), ("in/rec_1.wav.json", json.dumps(NOTE)), ("in/rec_1.xml", XML_NOTE)],
)
def test_a_note_beside_a_recording_is_about_it(here: Settings, tmp_home: Home, name: str, text: str) -> None:
    found = cdrs(scanned(here, tmp_home, {name: text}, ("in/rec_1.wav", "in/rec_2.wav")))
    assert (found["rec_1.wav"].agent_id, found["rec_1.wav"].direction) == ("1001", "inbound")
    assert found["rec_1.wav"].caller_hash == CallerHash(tmp_home).hashed(MOBILE)
    assert found["rec_1.wav"].started_at == BEGUN
    assert found["rec_2.wav"] == CDR()


def test_the_truth_of_a_recording_is_no_metadata(here: Settings, tmp_home: Home) -> None:
    truth = {"id": "a", "language": "en", "channels": {"0": "agent", "1": "customer"}, "scenario": "booking",
             "turns": [{"role": "agent", "start_s": 0, "end_s": 1, "text": "Hello"}],
             "meta": {"agent_id": "1001", "release_party": "agent", "direction": "inbound", "queue": "q"}}  # fmt: skip
    assert cdrs(scanned(here, tmp_home, {"a.json": json.dumps(truth)}, ("a.wav",)))["a.wav"] == CDR()


def test_xml_with_attributes_and_without_entities(here: Settings, tmp_home: Home) -> None:
    text = f"""<response><calls total="2">
    <call id="1" origination="incoming" start_time="2026-11-20 09:31:00" from="Zhang" from_number="{MOBILE}"
    to_number="1001" uniqueid="1795138260.18"/>
    <call id="2" origination="outgoing" start_time="2026-11-20 10:00:00" from_number="1002" to_number="13900005678"
    uniqueid="1795140000.20"/></calls></response>"""
    files: dict[str, str | bytes] = {"calls.xml": text, "evil.xml": '<!DOCTYPE x [<!ENTITY a "b">]>' + text}
    found = scanned(here, tmp_home, files, ("1795138260.18.wav", "1795140000.20.wav"))
    assert [file.path.name for file in found.metadata] == ["calls.xml"]
    first, second = cdrs(found).values()
    assert (first.direction, first.caller_hash, first.agent_id) == (
        "inbound",
        CallerHash(tmp_home).hashed(MOBILE),
        None,
    )
    # whoever calls out of the house from a short number is its agent; who is called on one may be a queue
    assert (second.direction, second.agent_id) == ("outbound", "1002")


def test_a_short_number_that_is_called_is_an_agents_if_the_list_has_it(here: Settings, tmp_home: Home) -> None:
    (here.paths.inbox / "agents.csv").write_text("id,name,extension\n1001,Li Na,8001\n")
    text = "file,direction,caller,callee,start_time\na.wav,in,{0},{1},2026-11-20 09:31\n"
    assert cdr_of(here, tmp_home, text.format(MOBILE, 8001)).agent_id == "1001"
    put(here.paths.inbox / "b.wav", 2)
    (here.paths.inbox / "cdr.csv").write_text(text.format(MOBILE, 6500).replace("a.wav", "b.wav"))
    assert cdrs(scan_inbox(here, tmp_home))["b.wav"].agent_id is None


# --- titles, sums, workbooks

DEEP = 100_000


TITLED = (
    ("呼叫中心通话记录", "", "", "", ""), ("通话信息", "", "座席信息", "", "时间"),
    ("录音文件", "通话类型", "座席工号", "排队时长", "开始时间"),
    ("a.wav", "呼入", "1001", "00:00:15", "2026/11/20 09:31:00"), ("合计", "", "", "00:00:15", ""),
)  # fmt: skip


def test_titles_over_groups_of_columns_and_sums_are_no_calls(here: Settings, tmp_home: Home) -> None:
    text = "\r\n".join(map(",".join, TITLED)).encode("gbk")
    found = scanned(here, tmp_home, {"通话记录.csv": text}, ("a.wav",))
    assert found.calls == 1
    cdr = found.recordings[0].cdr
    assert (cdr.direction, cdr.agent_id, cdr.wait_s, cdr.started_at) == ("inbound", "1001", 15.0, BEGUN)


def workbook() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet("说明").write(0, 0, "通话记录")
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 0, 4, TITLED[0][0])
        for number, row in enumerate(TITLED[1:3], 1):
            sheet.write_row(number, 0, row)
        sheet.write_row(3, 0, TITLED[3][:2])
        sheet.write_number(3, 2, 1001)
        sheet.write_datetime(3, 3, timedelta(seconds=15), book.add_format({"num_format": "[h]:mm:ss"}))
        sheet.write_datetime(
            3, 4, BEGUN.replace(tzinfo=None), book.add_format({"num_format": 'yyyy"年"m"月"d"日" hh:mm'})
        )
    return out.getvalue()


def test_a_workbook_is_a_table(here: Settings, tmp_home: Home) -> None:
    cdr = scanned(here, tmp_home, {"通话记录.xlsx": workbook()}, ("a.wav",)).recordings[0].cdr
    assert (cdr.direction, cdr.agent_id, cdr.wait_s, cdr.started_at) == ("inbound", "1001", 15.0, BEGUN)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + bytes(600), workbook()[:-200]])
def test_a_broken_workbook_is_told(here: Settings, tmp_home: Home, data: bytes) -> None:
    found = scanned(here, tmp_home, {"cdr.xlsx": data}, ("a.wav",))
    assert [failure.reason for failure in found.failures] == ["metadata"]


def test_a_workbook_damaged_anywhere_is_told_or_read() -> None:
    whole, told = workbook(), 0
    for place in range(30, len(whole), 7):
        try:
            workbook_text(io.BytesIO(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]))
        except BadFile:
            told += 1
    assert told > 100


def test_a_day_that_no_calendar_has_stays_a_number() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        book.add_worksheet().write_row(0, 0, (46346, 1e300, 99999999999), day)
    assert workbook_text(out) == "2026-11-20 00:00:00,1E+300,99999999999\n"


@pytest.mark.parametrize("text", ["[" * DEEP, '{"a":' * DEEP, "<a>" * DEEP, "<a>" * DEEP + "</a>" * DEEP])
def test_what_is_nested_without_end_is_no_table(here: Settings, tmp_home: Home, text: str) -> None:
    name = "calls.xml" if text[0] == "<" else "calls.json"
    assert scanned(here, tmp_home, {name: text.encode()}, ("a.wav",)).calls == 0


def test_what_excel_puts_beside_an_open_workbook_is_passed_over(here: Settings, tmp_home: Home) -> None:
    assert scanned(here, tmp_home, {"~$通话记录.xlsx": b"\x05admin"}, ("a.wav",)).failures == ()


def test_a_text_file_is_a_table_if_its_columns_say_so(here: Settings, tmp_home: Home) -> None:
    text = f"录音编号\t主叫\t坐席工号\t呼叫方向\t起始时间\na\t{MOBILE}\t1001\t呼入\t2026/11/20 9:31\n"
    files: dict[str, str | bytes] = {
        "录音清单.txt": text.encode("utf-16"),
        "readme.txt": "file, agent_id: see the manual\n",
    }
    found = scanned(here, tmp_home, files, ("a.wav",))
    assert [file.path.name for file in found.metadata] == ["录音清单.txt"]
    assert found.recordings[0].cdr.agent_id == "1001"


def test_a_letter_does_not_say_who_hung_up(here: Settings, tmp_home: Home) -> None:
    text = "file,agent_id,direction,hangup_side\na.wav,1001,in,A\n"
    found = scanned(here, tmp_home, {"cdr.csv": text}, ("a.wav",))
    assert found.recordings[0].cdr.release_party is None
    assert "release_party" in str(found.warnings[0])


def test_a_call_is_found_by_its_id_where_its_recording_has_another_name(here: Settings, tmp_home: Home) -> None:
    text = json.dumps([{"recording_id": "5001", "call_id": "a", "agent_id": "1001"}])
    assert cdr_of(here, tmp_home, text, "calls.json").agent_id == "1001"


def test_words_beside_the_columns_of_asterisk(here: Settings, tmp_home: Home) -> None:
    row = {"starttime": "2026-11-20 09:31:00", "source": MOBILE, "destination": "1001", "recordfile": "a.wav",
           "disposition": "ANSWERED", "lastapp": "Dial", "uniqueid": "1795138260.18", "calltype": "in",
           "hangup": "Caller", "billableseconds": "268"}  # fmt: skip
    cdr = cdr_of(here, tmp_home, json.dumps(row), "1.json")
    assert (cdr.direction, cdr.release_party, cdr.started_at) == ("inbound", "customer", BEGUN)


# --- names that have it all


@pytest.mark.parametrize(
    ("name", "direction", "agent"),
    [(f"20261120093100-1795138260.18-{MOBILE}-1001-Inbound", "inbound", None),
     (f"20261120093100-1795138260.18-1001-{MOBILE}-Outbound", "outbound", "1001"),
     (f"{MOBILE}_20261120_093100_呼入", "inbound", None), (f"+86{MOBILE} 20261120093100 incoming 7", "inbound", None)],
)  # fmt: skip
def test_a_name_says_direction_number_and_moment_in_any_order(
    here: Settings, tmp_home: Home, name: str, direction: str, agent: str | None
) -> None:
    found = scanned(here, tmp_home, {}, (f"{name}.wav",))
    cdr = found.recordings[0].cdr
    assert (cdr.direction, cdr.started_at, cdr.agent_id) == (direction, BEGUN, agent)
    assert cdr.caller_hash == CallerHash(tmp_home).hashed(MOBILE)
    assert found.names == {"words": 1}


@pytest.mark.parametrize(
    "name",
    [f"20261120093100_4001234567_{MOBILE}_Inbound", f"20261120093100_{MOBILE}_1001_in", f"20261120093100_{MOBILE}_1001",
     f"20261120093100_{MOBILE}_Inbound_Outbound", f"20261399093100_{MOBILE}_Inbound", "20261120093100_1001_Inbound"],
)  # fmt: skip
def test_a_name_that_may_mean_something_else_says_nothing(here: Settings, tmp_home: Home, name: str) -> None:
    found = scanned(here, tmp_home, {}, (f"{name}.wav",))
    assert (found.recordings[0].cdr.direction, found.names) == (None, {})
