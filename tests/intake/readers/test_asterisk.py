"""Asterisk's call detail records: Master.csv, cdr_custom, and the table of FreePBX and Issabel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.intake.reader import MetadataFile
from pipeline.intake.readers.asterisk import AsteriskReader, FreePbxReader
from pipeline.messages import Message
from tests.support.asterisk import (
    CUSTOM,
    CUSTOMER,
    FREEPBX,
    INBOUND,
    MASTER,
    OUTBOUND,
    as_csv,
    as_mysql,
    custom_row,
    freepbx_row,
    master_row,
)
from tests.support.legs import legs_and_warnings, legs_of

NEW = ("peeraccount", "linkedid", "sequence")


# --- Master.csv


@pytest.mark.parametrize(
    ("optional", "has_id"),
    [
        ((), False),
        (("uniqueid",), True),
        (("userfield",), False),
        (("uniqueid", "userfield"), True),
        (NEW, True),
        (("uniqueid", *NEW), True),
        (("userfield", *NEW), True),
        (("uniqueid", "userfield", *NEW), True),
    ],
)
def test_master_csv_with_each_set_of_columns(optional: tuple[str, ...], has_id: bool) -> None:
    text = (
        master_row(INBOUND, *optional, userfield="a note") + "\n" + master_row(OUTBOUND, *optional, userfield="a note")
    )
    inbound, outbound = legs_of(AsteriskReader(), text)
    assert (inbound.direction, inbound.extension, inbound.caller) == ("inbound", "1001", CUSTOMER)
    assert inbound.cells == {"started_at": "2026-11-20 01:31:00", "queue": "support"}
    assert (outbound.direction, outbound.extension, outbound.callee) == ("outbound", "1001", "013900005678")
    assert inbound.call_id == ("1795138260.18" if has_id else "")
    assert inbound.epoch_s == (1795138260 if "uniqueid" in optional else None)


def test_the_order_of_cdr_customs_sample() -> None:
    for columns in (CUSTOM, CUSTOM[:-1], CUSTOM[:-2], CUSTOM[:-3]):
        inbound, outbound = legs_of(
            AsteriskReader(), custom_row(INBOUND, columns) + "\n" + custom_row(OUTBOUND, columns)
        )
        assert (inbound.direction, inbound.extension, inbound.caller) == ("inbound", "1001", CUSTOMER)
        assert (outbound.direction, outbound.extension, outbound.callee) == ("outbound", "1001", "013900005678")


def test_a_backslash_before_quotation_marks() -> None:
    text = custom_row(INBOUND).replace('""Zhang""', '\\"Zhang\\"')
    (leg,) = legs_of(AsteriskReader(), text)
    assert (leg.direction, leg.extension, leg.caller) == ("inbound", "1001", CUSTOMER)


def test_an_order_of_ones_own() -> None:
    columns = ("uniqueid", "start", "src", "dst", "channel", "dstchannel", "disposition")
    text = custom_row(INBOUND, columns)
    assert not AsteriskReader().recognises(MetadataFile(Path("cdr.csv"), text))
    (leg,) = legs_of(AsteriskReader(columns), text)
    assert legs_of(AsteriskReader(tuple(f"${{CSV_QUOTE(${{CDR({name})}})}}" for name in columns)), text) == [leg]
    # an order of another system's names is none of Asterisk's
    assert not AsteriskReader(("uuid", "a", "b", "c", "d", "e", "f")).recognises(MetadataFile(Path("cdr.csv"), text))
    assert (leg.direction, leg.extension, leg.caller, leg.call_id) == ("inbound", "1001", CUSTOMER, "1795138260.18")


def test_master_csv_with_a_header_by_hand() -> None:
    header = "accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,billsec"
    header += ",disposition,amaflags,uniqueid,userfield"
    (leg,) = legs_of(AsteriskReader(), "\ufeff" + header + "\r\n" + master_row(INBOUND, "uniqueid", "userfield"))
    assert (leg.direction, leg.extension, leg.place) == ("inbound", "1001", "cdr.csv line 2")


def test_a_title_and_a_line_cut_short_before_the_rows() -> None:
    row = master_row(INBOUND, "uniqueid")
    header = ",".join([*MASTER[:16], "uniqueid"])
    for text, faults in (
        (f"sep=,\n{header}\n{row}", 1),
        (f'0,"ANSWERED"\n{row}', 1),
        (f"{header}\n{row}\n{header}", 0),
    ):
        legs, warnings = legs_and_warnings(AsteriskReader(), text)
        assert [leg.extension for leg in legs] == ["1001"]
        assert len(warnings) == faults


def test_json_of_cdr_custom() -> None:
    lines = [json.dumps({name: row[name] for name in CUSTOM}) for row in (INBOUND, OUTBOUND)]
    inbound, outbound = legs_of(AsteriskReader(), "\n".join(lines), "cdr.json")
    assert (inbound.direction, inbound.epoch_s) == ("inbound", 1795138260)
    assert outbound.extension == "1001"
    whole = legs_of(AsteriskReader(), "[" + ",\n".join(lines) + "]", "cdr.json")
    assert [leg.direction for leg in whole] == ["inbound", "outbound"]


def test_the_managers_names_of_fields() -> None:
    event = {"Event": "Cdr", "AccountCode": "", "Source": CUSTOMER, "Destination": "1001",
             "DestinationContext": "from-pstn", "CallerID": f'"" <{CUSTOMER}>', "Channel": "SIP/provider-00000001",
             "DestinationChannel": "SIP/1001-00000002", "LastApplication": "Dial", "LastData": "SIP/1001,20",
             "StartTime": "2026-11-20 09:31:00", "AnswerTime": "2026-11-20 09:31:05",
             "EndTime": "2026-11-20 09:33:00", "Duration": "120", "BillableSeconds": "115",
             "Disposition": "ANSWERED", "AMAFlags": "DOCUMENTATION", "UniqueID": "1795138260.1"}  # fmt: skip
    events = {"Response": "Success"}, {"Event": "Newchannel", "Channel": "SIP/1001-1", "Uniqueid": "1.1"}, event
    lines = ["".join(f"{key}: {cell}\r\n" for key, cell in each.items()) + "\r\n" for each in events]
    log = "Asterisk Call Manager/9.0.0\r\n" + "".join(lines)
    for text in (json.dumps(event), log):
        (leg,) = legs_of(AsteriskReader(), text)
        assert (leg.direction, leg.extension, leg.caller, leg.callee) == ("inbound", "1001", CUSTOMER, "1001")


def test_a_system_name_before_the_uniqueid() -> None:
    (leg,) = legs_of(AsteriskReader(), master_row(INBOUND, "uniqueid", uniqueid="pbx-1-1795138260.18"))
    assert (leg.call_id, leg.epoch_s) == ("pbx-1-1795138260.18", 1795138260)


def test_an_odd_line_costs_a_line_and_is_not_quoted() -> None:
    text = "\n".join([master_row(INBOUND, "uniqueid"), f"{CUSTOMER},oops", master_row(OUTBOUND, "uniqueid")])
    warnings: list[Message] = []
    legs = list(AsteriskReader().read(MetadataFile(Path("Master.csv"), text), warnings))
    assert len(legs) == 2
    assert len(warnings) == 1
    assert "Master.csv line 2" in warnings[0]
    assert CUSTOMER not in warnings[0]


# --- direction, agent and side


@pytest.mark.parametrize(
    ("cells", "direction", "extension"),
    [
        ({"dcontext": "default"}, "inbound", "1001"),
        ({"dcontext": "default", "channel": "SIP/02288880001-0000001a"}, "inbound", "1001"),
        ({"channel": "DAHDI/i1/13900001234-5", "dcontext": "from-digital"}, "inbound", "1001"),
        ({"channel": "IAX2/provider-3041", "dstchannel": "IAX2/1001-412"}, "inbound", "1001"),
        ({"dstchannel": "SCCP/1001-00000002"}, "inbound", "1001"),
        ({"dstchannel": "Agent/1001"}, "inbound", "1001"),
        ({"dstchannel": "SIP/1001-0a1b2c3d<ZOMBIE>"}, "inbound", "1001"),
        ({"channel": "AsyncGoto/SIP/provider-0a1b2c3d", "dcontext": "default"}, "inbound", "1001"),
        ({"dstchannel": "Local/1001@from-queue-9f3e,1"}, "inbound", "1001"),
        ({"dstchannel": "Local/FMPR-1001@from-internal-00000001;1"}, "inbound", "1001"),
        # the agent's own mobile telephone
        ({"dstchannel": "Local/13800138000@from-queue-00000001;1"}, "inbound", ""),
        ({"dstchannel": "PJSIP/lina-0000000a"}, "inbound", "lina"),
        ({"dstchannel": "", "disposition": "NO ANSWER", "lastapp": "Hangup"}, "inbound", ""),
        ({"dstchannel": "PJSIP/1001-00000013", "disposition": "NO ANSWER"}, "inbound", ""),
        # after hours: nobody was called
        ({"dcontext": "ivr-5", "dstchannel": "", "lastapp": "Playback", "lastdata": "closed"}, "inbound", ""),
        # forwarded to a mobile telephone
        ({"lastapp": "Dial", "lastdata": "PJSIP/013800138000@trunk,60", "dstchannel": "PJSIP/trunk-00000020"},
         "inbound", ""),
        # a call from desk to desk
        ({"dcontext": "from-internal", "channel": "PJSIP/1002-0000001f", "lastapp": "Dial"}, None, ""),
        ({"dcontext": "somewhere", "channel": "PJSIP/a-0000001f", "dstchannel": "PJSIP/b-00000020"}, None, ""),
    ],
)  # fmt: skip
def test_calls_that_come_in(cells: Mapping[str, object], direction: str | None, extension: str) -> None:
    (leg,) = legs_of(AsteriskReader(), master_row(INBOUND, "uniqueid", **cells))
    assert (leg.direction, leg.extension) == (direction, extension)


@pytest.mark.parametrize(
    ("cells", "extension"),
    [
        ({"dcontext": "default"}, "1001"),
        ({"dcontext": "outbound-allroutes", "channel": "PJSIP/lina-00000014"}, "lina"),
        ({"dcontext": "from-internal", "channel": "PJSIP/lina-00000014"}, "lina"),
        ({"disposition": "BUSY", "answer": None, "billsec": 0}, "1001"),
        ({"disposition": "FAILED", "dstchannel": "", "answer": None}, "1001"),
        ({"dstchannel": "DAHDI/i1/013900005678-2"}, "1001"),
        ({"channel": "Local/1001@from-internal-00000003;1"}, "1001"),
        # a dialler calls the customer first, then the agent
        ({"dcontext": "dialer", "channel": "PJSIP/trunk-00000015", "dstchannel": "PJSIP/1001-00000014"}, "1001"),
    ],
)
def test_calls_that_go_out(cells: Mapping[str, object], extension: str) -> None:
    (leg,) = legs_of(AsteriskReader(), master_row(OUTBOUND, "uniqueid", **cells))
    assert (leg.direction, leg.extension, leg.callee) == ("outbound", extension, "013900005678")


def test_a_context_of_the_house_is_given_for_the_settings() -> None:
    cells = {"dcontext": "ruzhan", "channel": "PJSIP/a-0000001f", "dstchannel": "PJSIP/b-00000020"}
    (leg,) = legs_of(AsteriskReader(), master_row(INBOUND, "uniqueid", **cells))
    assert leg.direction is None
    assert leg.cells["direction"] == "ruzhan"


@pytest.mark.parametrize(
    ("call", "source", "side", "is_sure"),
    [
        (INBOUND, "PJSIP/trunk-00000012", "caller", True),
        (INBOUND, "PJSIP/1001-00000013", "callee", True),
        (INBOUND, "PJSIP/1002-00000019", "agent", True),
        (OUTBOUND, "PJSIP/1001-00000014", "caller", True),
        (OUTBOUND, "PJSIP/trunk-00000015", "callee", True),
        (INBOUND, "dialplan/builtin", "system", False),
    ],
)
def test_who_hung_up_by_the_userfield(call: Mapping[str, object], source: str, side: str, is_sure: bool) -> None:
    (leg,) = legs_of(AsteriskReader(), master_row(call, "uniqueid", "userfield", userfield=source))
    assert leg.released
    assert (leg.released.side, leg.released.is_sure) == (side, is_sure)


def test_who_hung_up_by_a_variable_of_the_dialplan() -> None:
    rows = [{**{name: INBOUND[name] for name in CUSTOM}, "hangupsource": INBOUND["dstchannel"], "userfield": "VIP"}]
    (leg,) = legs_of(AsteriskReader(), json.dumps(rows))
    assert leg.released
    assert leg.released.side == "callee"


@pytest.mark.parametrize("userfield", ["", "VIP", "PJSIP/trunk-000000ff", "call.wav"])
def test_a_userfield_that_names_no_channel_of_the_call(userfield: str) -> None:
    (leg,) = legs_of(AsteriskReader(), master_row(INBOUND, "uniqueid", "userfield", userfield=userfield))
    assert leg.released is None
    assert leg.recordings == (("call.wav",) if userfield == "call.wav" else ())


def test_the_name_of_the_line_that_calls_is_the_agents() -> None:
    inbound, outbound = legs_of(
        AsteriskReader(), master_row(INBOUND, "uniqueid") + "\n" + master_row(OUTBOUND, "uniqueid")
    )
    assert "agent_name" not in inbound.cells
    assert outbound.cells["agent_name"] == "Li Na"
    (leg,) = legs_of(AsteriskReader(), master_row(OUTBOUND, "uniqueid", clid='"02288880001" <1001>'))
    assert "agent_name" not in leg.cells


# --- FreePBX and Issabel

QUEUE_ROW = freepbx_row(
    INBOUND, calldate="2026-11-20 09:31:00", dcontext="ext-queues", dstchannel="Local/1001@from-queue-00000003;1",
    lastdata="600,t,,", did="4001234567", cnum=CUSTOMER, cnam="Zhang", amaflags="3",
    recordingfile=f"q-600-{CUSTOMER}-20261120-093100-1795138260.18.wav",
)  # fmt: skip
AGENT_ROW = freepbx_row(
    INBOUND, calldate="2026-11-20 09:31:15", dst="1001", dcontext="from-internal", lastapp="Dial",
    channel="Local/1001@from-queue-00000003;2", lastdata="PJSIP/1001,,HhTtr", duration=265, billsec=263,
    uniqueid="1795138275.19", recordingfile=QUEUE_ROW["recordingfile"], cnum=CUSTOMER, amaflags="3", sequence=46,
)  # fmt: skip


@pytest.mark.parametrize("write", [as_csv, as_mysql])
def test_a_queue_call_of_freepbx(write: object) -> None:
    assert callable(write)
    queue, agent, wait = legs_of(FreePbxReader(), write(QUEUE_ROW, AGENT_ROW))
    assert (queue.direction, queue.extension, queue.caller) == ("inbound", "1001", CUSTOMER)
    assert queue.cells == {"started_at": "2026-11-20 09:31:00", "queue": "600"}
    assert queue.recordings == (QUEUE_ROW["recordingfile"],)
    assert (agent.direction, agent.extension, agent.cells.get("queue")) == (None, "1001", None)
    assert wait.cells == {"wait_s": "15"}
    assert {queue.call_id, agent.call_id} == {"1795138260.18"}
    assert "1795138260.18" in set(agent.ids) & set(wait.ids)


def _without_header(*rows: Mapping[str, str]) -> str:
    return as_mysql(*rows).split("\n", 1)[1].replace("NULL", "\\N")


def _of_issabel(*rows: Mapping[str, str]) -> str:
    order = [name for name in FREEPBX[:-3] if name != "did"]
    return _without_header(*({name: row[name] for name in (*order, "did")} for row in rows))


@pytest.mark.parametrize("write", [_without_header, _of_issabel])
def test_the_table_without_a_header_line(write: object) -> None:
    assert callable(write)
    queue, agent, wait = legs_of(FreePbxReader(), write(QUEUE_ROW, AGENT_ROW))
    assert (queue.direction, queue.extension, queue.caller) == ("inbound", "1001", CUSTOMER)
    assert queue.recordings == agent.recordings == (QUEUE_ROW["recordingfile"],)
    assert (queue.call_id, wait.cells) == ("1795138260.18", {"wait_s": "15"})


def test_issabel_has_no_linkedid_but_the_recordings_name_has_it() -> None:
    rows = [{name: cell for name, cell in row.items() if name in FREEPBX[:-3]} for row in (QUEUE_ROW, AGENT_ROW)]
    queue, agent, wait = legs_of(FreePbxReader(), as_csv(*rows))
    assert {queue.call_id, agent.call_id, *wait.ids} == {"1795138260.18"}
    assert wait.cells == {"wait_s": "15"}


def test_members_who_did_not_answer() -> None:
    missed = {**QUEUE_ROW, "dstchannel": "Local/1002@from-queue-00000002;1", "disposition": "NO ANSWER", "billsec": "0"}
    second = {**AGENT_ROW, "dst": "1002", "channel": "Local/1002@from-queue-00000002;2",
              "dstchannel": "PJSIP/1002-00000011", "disposition": "NO ANSWER", "billsec": "0",
              "uniqueid": "1795138262.17"}  # fmt: skip
    legs = legs_of(FreePbxReader(), as_csv(missed, second, QUEUE_ROW, AGENT_ROW))
    assert [leg.extension for leg in legs] == ["", "", "1001", "1001", ""]
    assert [leg.extra.get("disposition") for leg in legs] == [None, None, "ANSWERED", "ANSWERED", None]


def test_a_ring_group() -> None:
    cells = {"dcontext": "ext-group", "dst": "700", "lastapp": "Dial", "lastdata": "PJSIP/1001&PJSIP/1002,20,tr",
             "recordingfile": f"rg-700-{CUSTOMER}-20261120-102000-1795138260.18.WAV"}  # fmt: skip
    missed = freepbx_row(INBOUND, **cells, dstchannel="PJSIP/1002-0000002f", disposition="NO ANSWER")
    answered = freepbx_row(INBOUND, **cells, dstchannel="PJSIP/1001-0000002e")
    legs = legs_of(FreePbxReader(), as_csv(missed, answered))
    assert [(leg.direction, leg.extension, leg.cells.get("queue")) for leg in legs] == [
        ("inbound", "", None),
        ("inbound", "1001", None),
    ]


def test_an_outbound_call_of_freepbx_shows_the_companys_number() -> None:
    row = freepbx_row(OUTBOUND, clid='"Company" <4001234567>', src="4001234567", cnum="1001", cnam="李娜",
                      outbound_cnum="4001234567")  # fmt: skip
    (leg,) = legs_of(FreePbxReader(), as_csv(row))
    assert (leg.direction, leg.extension, leg.callee) == ("outbound", "1001", "013900005678")
    assert leg.cells["agent_name"] == "李娜"


def test_an_abandoned_call_of_freepbx() -> None:
    row = {**QUEUE_ROW, "dstchannel": "", "disposition": "NO ANSWER"}
    (leg,) = legs_of(FreePbxReader(), as_csv(row))
    assert (leg.direction, leg.extension, leg.cells["queue"]) == ("inbound", "", "600")


def test_a_call_that_is_transferred_keeps_the_first_agent_first() -> None:
    second = {**QUEUE_ROW, "dstchannel": "PJSIP/1002-00000055", "dcontext": "from-internal-xfer", "dst": "1002",
              "lastapp": "Dial", "lastdata": "PJSIP/1002,,Tt"}  # fmt: skip
    legs = legs_of(FreePbxReader(), as_csv(QUEUE_ROW, AGENT_ROW, second))
    assert [leg.extension for leg in legs] == ["1001", "1001", "1002", ""]
    assert {leg.direction for leg in legs} == {"inbound", None}


def test_each_reader_knows_its_own() -> None:
    plain = MetadataFile(Path("cdr.csv"), "file,call_id,started_at,agent_id\na.wav,1,2026-11-20 09:31:00,1001\n")
    vicidial = MetadataFile(Path("log.csv"), "uniqueid,lead_id,call_date,status,user,term_reason\n1.2,3,x,y,z,CALLER\n")
    master = MetadataFile(Path("cdr.csv"), master_row(INBOUND, "uniqueid"))
    for reader in (AsteriskReader(), FreePbxReader()):
        assert not reader.recognises(plain)
        assert not reader.recognises(vicidial)
    assert not FreePbxReader().recognises(master)
