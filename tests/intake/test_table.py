"""Tables of calls as telephone systems export them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipeline.datatypes import CDR
from pipeline.errors import BadMetadata, BadSetting
from pipeline.intake.inbox import scan_inbox
from pipeline.intake.rows import read_rows
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.inboxes import CHINA, MOBILE, cdr_of, put, with_ingest

HEADER = "file,call_id,started_at,agent_id,agent_name,team,company,queue,direction,caller_number,ring_count,wait_s"


def test_a_whole_row(here: Settings, inbox: Path, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, HEADER + ",release_party,channel_map,language,scenario,skill level\n"
                 f"a.wav,c-1,2026-11-20 09:31:00,007,李娜,一组,美乐门,预约,呼入,{MOBILE},2,12.5,坐席,"
                 '"0=agent,1=customer",zh-CN,booking,高级\n')  # fmt: skip
    assert cdr == CDR(
        call_id="c-1", started_at=datetime(2026, 11, 20, 9, 31, tzinfo=CHINA), agent_id="007", agent_name="李娜",
        team="一组", company="美乐门", queue="预约", direction="inbound", caller_hash=cdr.caller_hash, ring_count=2,
        wait_s=12.5, release_party="agent", channel_map={0: "agent", 1: "customer"}, language="zh",
        scenario="booking", extra={"skill level": "高级"},
    )  # fmt: skip
    assert cdr.caller_hash
    assert len(cdr.caller_hash) == 32


CHINESE = "录音文件,通话编号,开始时间,工号,坐席,班组,公司,方向,主叫号码,振铃次数,等待时长,挂断方,声道\n" \
          f"a.wav,c-1,2026/11/20 9:31,007,李娜,一组,美乐门,呼出,{MOBILE},3,00:01:05,客户,左坐席 右客户\n"  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_chinese_headers_in_every_encoding(here: Settings, tmp_home: Home, encoding: str, delimiter: str) -> None:
    cdr = cdr_of(here, tmp_home, CHINESE.replace(",", delimiter).encode(encoding))
    assert (cdr.call_id, cdr.agent_id, cdr.agent_name, cdr.team, cdr.company) == (
        "c-1",
        "007",
        "李娜",
        "一组",
        "美乐门",
    )
    assert (cdr.direction, cdr.release_party, cdr.ring_count, cdr.wait_s) == ("outbound", "customer", 3, 65.0)
    assert cdr.started_at == datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)
    assert cdr.channel_map == {0: "agent", 1: "customer"}
    assert cdr.caller_hash
    assert not cdr.extra


@pytest.mark.parametrize("shape", ["list", "lines", "wrapped"])
def test_json(here: Settings, tmp_home: Home, shape: str) -> None:
    rows = [{"file": "a.wav", "agent_id": 7, "ring_count": 2, "wait_s": None, "channel_map": {"0": "customer"}},
            {"file": "b.wav"}]  # fmt: skip
    text = {"list": json.dumps(rows), "lines": "\n".join(map(json.dumps, rows)), "wrapped": json.dumps({"calls": rows})}
    cdr = cdr_of(here, tmp_home, text[shape], "cdr.json")
    assert (cdr.agent_id, cdr.ring_count, cdr.wait_s) == ("7", 2, None)
    assert cdr.channel_map == {0: "customer", 1: "agent"}


def test_parquet(here: Settings, inbox: Path, tmp_home: Home, tmp_path: Path) -> None:
    file = inbox / "cdr.parquet"
    # a name that would match others, were it a pattern
    odd = tmp_path / "in[b]ox"
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT 'a.wav' AS file, 7 AS agent_id, TIMESTAMP '2026-11-20 09:31:00' AS start_time, "
            f"{MOBILE} AS caller, 2::DOUBLE AS rings, 'in' AS direction) TO '{file}' (FORMAT parquet)"
        )
    put(inbox / "a.wav")
    inbox.rename(odd)
    paths = here.paths.model_copy(update={"inbox": odd})
    found = scan_inbox(here.model_copy(update={"paths": paths}), tmp_home)
    cdr = found.recordings[0].cdr
    assert (cdr.agent_id, cdr.ring_count, cdr.direction) == ("7", 2, "inbound")
    assert cdr.started_at == datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)
    assert cdr.caller_hash
    assert found.warnings == ()


def test_columns_and_values_of_the_settings(here: Settings, tmp_home: Home) -> None:
    mapped = with_ingest(
        here, columns={"agent_id": "Bediener", "release_party": "Ende"}, file_column="Datei", timezone="Europe/Berlin",
        values={"release_party": {"1": "agent", "2": "customer"}},
    )  # fmt: skip
    cdr = cdr_of(mapped, tmp_home, "Datei;Bediener;Ende;started_at\na.wav;42;2;2026-11-20T09:31:00\n")
    assert (cdr.agent_id, cdr.release_party) == ("42", "customer")
    assert cdr.started_at == datetime(2026, 11, 20, 8, 31, tzinfo=UTC)


def test_bad_cells_are_left_out_with_a_warning_that_does_not_quote_them(
    here: Settings, inbox: Path, tmp_home: Home
) -> None:
    put(inbox / "a.wav")
    put(inbox / "b.wav", 2)
    (inbox / "cdr.csv").write_text(
        "file,started_at,ring_count,wait_s,direction,release_party,channel_map,agent_id\n"
        "a.wav,20/11/2026,-3,soon,sideways,ghost,both,42\n"
        "b.wav,2026-13-40,1e9,,,,,43,surplus\n"
    )
    found = scan_inbox(here, tmp_home)
    assert [r.cdr for r in found.recordings] == [CDR(agent_id="42"), CDR()]
    assert len(found.warnings) == 7
    assert all(warning.startswith("cdr.csv line ") for warning in found.warnings)
    for secret in ("20/11/2026", "soon", "sideways", "ghost", "both", "surplus"):
        assert not any(secret in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cdr.csv", b""),
        ("cdr.csv", b"\xff\xff\xff\x80\x81"),
        ("cdr.csv", b'file,agent_id\n"a.wav,1\n'),
        ("cdr.csv", b"file,file\na,b\n"),
        ("cdr.json", b"{"),
        ("cdr.json", b"[1, 2]"),
        ("cdr.jsonl", b'{"file": "a.wav"}\nnot json 13812345678\n'),
        ("cdr.parquet", b"PAR1 no more"),
    ],
)
def test_unreadable_metadata(here: Settings, inbox: Path, tmp_home: Home, name: str, data: bytes) -> None:
    (inbox / name).write_bytes(data)
    with pytest.raises(BadMetadata) as caught:
        scan_inbox(here, tmp_home)
    message = str(caught.value)
    assert name in message
    assert message.isprintable()
    assert MOBILE not in message


def test_faults_of_the_settings(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,1\n")
    for changes, match in [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"columns": {"agnet_id": "x"}}, "agnet_id"),
        ({"values": {"colour": {}}}, "colour"),
        ({"file_name_pattern": "(?P<agent_id"}, "file_name_pattern"),
        ({"file_name_pattern": "(?P<colour>x)"}, "colour"),
    ]:
        with pytest.raises(BadSetting, match=match):
            scan_inbox(with_ingest(here, **changes), tmp_home)
    with pytest.raises(BadMetadata, match="no column Nr"):
        scan_inbox(with_ingest(here, columns={"agent_id": "Nr"}), tmp_home)
    with pytest.raises(BadMetadata, match="no such file"):
        scan_inbox(with_ingest(here, metadata="calls.csv"), tmp_home)
    (inbox / "cdr.json").write_text("[]")
    with pytest.raises(BadMetadata, match="which one"):
        scan_inbox(here, tmp_home)
    assert scan_inbox(with_ingest(here, metadata="cdr.json"), tmp_home).warnings == ()


def test_file_name_pattern_fills_what_the_row_leaves_open(here: Settings, inbox: Path, tmp_home: Home) -> None:
    pattern = r"(?P<started_at>\d{14})_(?P<agent_id>\d+)_(?P<caller_number>\d+)_(?P<direction>in|out)"
    named = with_ingest(here, file_name_pattern=pattern)
    put(inbox / f"20261120093100_042_{MOBILE}_in.wav")
    put(inbox / "else.wav", 2)
    (inbox / "cdr.csv").write_text(f"file,agent_id,team\n20261120093100_042_{MOBILE}_in,43,一组\n")
    first, second = scan_inbox(named, tmp_home).recordings
    assert (first.cdr.agent_id, first.cdr.team, first.cdr.direction) == ("43", "一组", "inbound")
    assert first.cdr.started_at == datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)
    assert first.cdr.caller_hash
    assert second.cdr == CDR()


def test_rows_know_their_line(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('file,note\na.wav,"two\nlines"\n\nb.wav,one\n')
    assert [(place, row["file"]) for place, row in read_rows(file)] == [("line 3", "a.wav"), ("line 5", "b.wav")]
