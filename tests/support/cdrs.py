"""CDR files as an attacker, or a careless export, would leave them in an inbox."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, datetime
from pathlib import Path

from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.messages import STEERING, in_language
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from tests.support.inboxes import MOBILE, put

HEADER = "file,call_id,started_at,agent_id,agent_name,caller_number,wait_s,channel_map,note"
GOOD = f"a.wav,1,2026-11-20 09:31:00,1001,Li,{MOBILE},2.5,agent-left,fine"


def _csv(row: str) -> bytes:
    return f"{HEADER}\n{GOOD}\n{row}\n".encode("utf-8", "surrogateescape")


def _json(cell: object) -> bytes:
    return json.dumps([{"file": "a.wav", "agent_id": 1001}, {"file": "b.wav", "note": cell}]).encode()


_DEEP = b"[" * 990 + b"]" * 990

SHAPES: dict[str, tuple[str, bytes]] = {
    "empty": ("cdr.csv", b""),
    "blank lines": ("cdr.csv", b"\n\n\r\n"),
    "header alone": ("cdr.csv", HEADER.encode()),
    "NUL bytes": ("cdr.csv", _csv("b.wav,\0,\0,\0,\0,\0,\0,\0,\0")),
    "NUL in the header": ("cdr.csv", b"file,\0agent\na.wav,1\n"),
    "UTF-16 without a mark": ("cdr.csv", (HEADER + "\n" + GOOD).encode("utf-16-le")),
    "UTF-16 cut short": ("cdr.csv", (HEADER + "\n" + GOOD).encode("utf-16")[:-1]),
    "binary": ("cdr.csv", bytes(range(256)) * 40),
    "one quotation mark": ("cdr.csv", _csv('b.wav,"2,x')),
    "a quotation mark in the header": ("cdr.csv", b'file,"agent\na.wav,1\n'),
    "quotation marks amid a cell": ("cdr.csv", _csv('b.wav,2,x,1,"Li" Ming,1,1,x,x')),
    "a cell of 200 KB": ("cdr.csv", _csv("b.wav,2,x,1," + "x" * 200_000)),
    "a cell of 1 MB": ("cdr.csv", _csv('b.wav,2,x,1,"' + "李" * 350_000 + '"')),
    "a name of 120 KB": ("cdr.csv", _csv("b.wav,2,,1," + "x" * 120_000)),
    "5,000 columns": ("cdr.csv", (HEADER + "," + ",".join(f"c{n}" for n in range(5000)) + "\n" + GOOD).encode()),
    "more cells than columns": ("cdr.csv", _csv("b.wav" + ",x" * 50)),
    "fewer cells than columns": ("cdr.csv", _csv("b.wav")),
    "two columns of one name": ("cdr.csv", b"file,file\na,b\n"),
    "columns without names": ("cdr.csv", b",,file,,agent_id,\n,,a.wav,,1001,\n"),
    "terminal escapes": ("cdr.csv", _csv("b.wav,\x1b[2J,,\x9b1m,\x1b]0;title\x07,,,,\x1b[31m")),
    "directions of writing": ("cdr.csv", _csv("b.wav,2,,\u202e1001,\u2066Li\u2069,,,,\u200f")),
    "blanks that take long": (
        "cdr.csv",
        _csv("b.wav,2,2026-11-20" + " " * 100_000 + "x,1,Li,,1" + " " * 20_000 + "x,,x"),
    ),
    "formulas": ("cdr.csv", _csv('b.wav,=1+1,,+1,@SUM(A1),=cmd|\' /C calc\'!A0,,,=HYPERLINK(""x"")')),
    "markup": ("cdr.csv", _csv("b.wav,<script>,,[bold],<img src=x onerror=y>,,,,</title>")),
    "paths that lead out": ("cdr.csv", _csv("../../../etc/passwd,2,,1,Li,,,,x")),
    "numbers that are none": ("cdr.csv", _csv("b.wav,2,1e400,inf,nan,-0,1e400,9=agent,x")),
    "a lone surrogate": ("cdr.json", _json("\ud800")),
    "nesting of 990": ("cdr.json", b'[{"file": "a.wav", "agent_id": 1001}, {"file": "b.wav", "note": ' + _DEEP + b"}]"),
    "nesting of 100,000": ("cdr.json", b"[" * 100_000),
    "a number of 10,000 digits": ("cdr.json", b'[{"file": "a.wav", "agent_id": ' + b"9" * 10_000 + b"}]"),
    "no objects": ("cdr.json", b"[1, null, true]"),
    "JSON cut short": ("cdr.json", b'[{"file": "a.wav", "agent_id": 1001}, {"file": "b.wa'),
    "quotation marks that escape": ("cdr.json", b'[{"file": "a.wav", "agent_id": 1001}, ' + b'\\"' * 50_000),
    "no Parquet": ("cdr.parquet", b"PAR1" + bytes(400) + b"PAR1"),
}
"""34 files by what is odd about them: name and bytes. The row of a.wav is good where it can be."""

DATES = (
    "0001-01-01",
    "0001-01-01 00:00:00",
    "9999-12-31T23:59:59Z",
    "1899-12-30",
    "1900-01-01",
    "0000000000",
    "9" * 13,
)
"""What systems write where they know no time, and the ends of what a calendar holds."""

HEADERLESS = f'"","{MOBILE}","8001","""Zhang San"" <{MOBILE}>","2026-11-03 09:05:00","a.wav"\n'

CDRS: dict[str, tuple[str, bytes]] = {
    **SHAPES,
    **{f"began {text}": ("cdr.csv", _csv(f"b.wav,2,{text},1002,Wu,,,,x")) for text in DATES},
    "no header": ("cdr.csv", HEADERLESS.encode()),
}


_UUID = "7b1c5c2e-0f6e-4b7c-9a51-000000000001"

SYSTEMS: dict[str, tuple[str, bytes]] = {
    "Asterisk": (
        "Master.csv",
        f'"","{MOBILE}","600","from-trunk","""Li"" <{MOBILE}>","PJSIP/trunk-1","PJSIP/1001-2","Queue","support,t",'
        '"2026-11-20 01:31:00","2026-11-20 01:31:02","2026-11-20 01:35:40",280,278,"ANSWERED","DOCUMENTATION",'
        '"1795138260.18","a.wav"\n'.encode() * 3,
    ),
    "queue_log": (
        "queue_log",
        f"1795138262|1795138260.18|support|NONE|ENTERQUEUE||{MOBILE}|1\n"
        "1795138277|1795138260.18|support|Li Na|CONNECT|15|1795138265.19|4\n"
        "1795138540|1795138260.18|support|Li Na|COMPLETEAGENT|15|263|1\n".encode(),
    ),
    "FreePBX": (
        "cdr.csv",
        "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
        "accountcode,uniqueid,userfield,did,recordingfile,cnum,cnam,linkedid\n"
        f'2026-11-20 09:31:00,"""Li"" <{MOBILE}>",{MOBILE},600,ext-queues,PJSIP/trunk-1,Local/1001@from-queue-3;1,'
        f'Queue,"600,t",280,278,ANSWERED,3,,1795138260.18,,{MOBILE},a.wav,{MOBILE},Li,1795138260.18\n'.encode(),
    ),
    "FreeSWITCH JSON": (
        f"{_UUID}.cdr.json",
        json.dumps(
            {"core-uuid": "c", "channel_data": {"direction": "inbound"}, "variables": {
                "uuid": _UUID, "direction": "inbound", "start_stamp": "2026-11-20 09:31:00", "waitsec": "15",
                "sip_hangup_disposition": "recv_bye", "cc_agent": "1001@default", "cc_queue": "support@default",
                "cc_record_filename": f"/rec/{MOBILE}.a.wav"},
             "callflow": [{"caller_profile": {"caller_id_number": MOBILE, "destination_number": "600"}}]}
        ).encode(),
    ),
    "FreeSWITCH XML": (
        f"a_{_UUID}.cdr.xml",
        '<?xml version="1.0"?><cdr core-uuid="c"><channel_data><direction>inbound</direction></channel_data>'
        f"<variables><uuid>{_UUID}</uuid><start_stamp>2026-11-20%2009%3A31%3A00</start_stamp><sip_hangup_disposition>recv_bye"
        f"</sip_hangup_disposition></variables><callflow><caller_profile><caller_id_number>{MOBILE}</caller_id_number>"
        "</caller_profile></callflow></cdr>".encode(),
    ),
    "VICIdial": (
        "recording_log.csv",
        "recording_id,channel,server_ip,extension,start_time,start_epoch,end_time,end_epoch,length_in_sec,length_in_min,"
        "filename,location,lead_id,user,vicidial_id\n5001,Local/58600051@default,10.0.0.5,8600051,2026-11-20 09:31:00,"
        f"1795138260,2026-11-20 09:35:40,1795138540,280,4.67,20261120-093100_{MOBILE},http://10.0.0.5/a.wav,1200345,"
        "1001,901\n".encode(),
    ),
    "3CX": (
        "cdr.log",
        "Call 5001,00000163F5AD7E1E_31,00:04:38,2026/11/20 09:31:00,2026/11/20 09:31:02,2026/11/20 09:35:40,"
        f"TerminatedByDst,{MOBILE},Ext.1001,Ext.10001,Ext.1001,{MOBILE},,1001,Ext.1001,,,,,Chain: {MOBILE};Ext.1001;\n"
        "".encode(),
    ),
    "Amazon Connect": (
        "ctr.jsonl",
        json.dumps(
            {"AWSContactTraceRecordFormatVersion": "2017-03-10", "Agent": {"Username": "li"}, "Channel": "VOICE",
             "ContactId": _UUID, "CustomerEndpoint": {"Address": f"+86{MOBILE}", "Type": "TELEPHONE_NUMBER"},
             "DisconnectReason": "CUSTOMER_DISCONNECT", "InitiationMethod": "INBOUND",
             "InitiationTimestamp": "2026-11-20T01:31:00Z", "Recording": {"Location": "bucket/a.wav"}}
        ).encode(),
    ),
}  # fmt: skip
"""A file of each telephone system, as it comes."""


def scan_with(settings: Settings, home: Home, name: str, data: bytes) -> Scan:
    """What a scan makes of two recordings and this CDR. AssertionError when something got through that must not.

    What was scanned can be written, read back, and be told: one line each, without what a cell says.
    """
    inbox = settings.paths.inbox
    for seed, recording in enumerate(("a.wav", "b.wav")):
        if not (inbox / recording).exists():
            put(inbox / recording, seed)
    (inbox / name).write_bytes(data)
    began = datetime.now(UTC)
    try:
        scan = scan_inbox(settings, home)
    finally:
        (inbox / name).unlink()
    assert (datetime.now(UTC) - began).total_seconds() < 20
    assert [recording.path.name for recording in scan.recordings] == ["a.wav", "b.wav"], "hearing goes on"
    for told in (*scan.warnings, *(failure.message for failure in scan.failures)):
        for language in ("en", "zh"):
            text = str(in_language(told, language))
            assert text.isprintable()
            assert len(text) < 1000
            assert MOBILE not in text
    for failure in scan.failures:
        artefacts.write(home.failure(failure.key), failure)
    for record in home.recording_records():
        assert artefacts.read(home.recording(record.sha256), RecordingRecord) == record
        for text in (record.cdr.agent_name, record.cdr.call_id, record.cdr.agent_id, *record.cdr.extra.values()):
            assert text is None or not STEERING.search(text)
        assert not any(MOBILE in column for column in record.cdr.extra)
        if record.cdr.started_at:
            assert 1970 <= record.cdr.started_at.year <= 2200
    return scan


def mutated(random_: random.Random) -> tuple[str, bytes]:
    """A CDR that one of several kinds of accident happened to."""
    name, data = random_.choice(
        [(name, data) for name, data in (*CDRS.values(), *SYSTEMS.values(), *SYSTEMS.values()) if len(data) < 20_000]
    )
    if random_.random() < 0.5:
        rows = [GOOD, "b.wav,2,2026/11/20 9:31,1002,Wu," + MOBILE + ",1:05,0=agent;1=customer,a note"] * 3
        name, data = "cdr.csv", "\n".join([HEADER, *rows]).encode(random_.choice(["utf-8", "gb18030", "utf-16"]))
    out = io.BytesIO(data)
    for _ in range(random_.randint(1, 8)):
        bytes_ = bytearray(out.getvalue())
        at = random_.randrange(len(bytes_) + 1)
        match random_.randrange(6):
            case 0 if bytes_:
                bytes_[at % len(bytes_)] = random_.randrange(256)
            case 1:
                bytes_[at:at] = random_.choice(
                    [b'"', b"\0", b"\r", b"\n", b",", b"\x1b[2J", b"\xff", b"{", b"]", "\u202e".encode()]
                )
            case 2:
                del bytes_[at : at + random_.randint(1, 40)]
            case 3:
                bytes_[at:at] = bytes_[at : at + random_.randint(1, 200)] * random_.randint(1, 30)
            case 4:
                bytes_[at:at] = random_.choice([b" ", b"9", b'"', b"["]) * random_.randint(1, 30_000)
            case _:
                bytes_[at:at] = random_.choice(DATES).encode()
        out = io.BytesIO(bytes(bytes_))
    return name, out.getvalue()


def own_settings(settings: Settings, folder: Path) -> tuple[Settings, Home]:
    """Settings with an inbox and a home of their own in a folder."""
    (folder / "inbox").mkdir()
    paths = settings.paths.model_copy(update={"inbox": folder / "inbox", "home": folder / "home"})
    ingest = settings.ingest.model_copy(update={"settle_s": 0.0})
    return settings.model_copy(update={"paths": paths, "ingest": ingest}), Home(folder / "home")
