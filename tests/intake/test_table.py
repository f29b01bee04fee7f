"""Tables of calls as telephone systems export them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipeline.datatypes import CDR, LONGEST_CELL
from pipeline.errors import BadSetting
from pipeline.intake.inbox import scan_inbox
from pipeline.intake.rows import read_rows
from pipeline.settings import Settings
from pipeline.storage import artefacts
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


CHINESE = "录音文件,通话编号,开始时间,工号,坐席,班组,公司,方向,客户号码,振铃次数,等待时长,挂断方,声道\n" \
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
        here, columns={"file": "Datei", "agent_id": "Bediener", "release_party": "Ende"}, timezone="Europe/Berlin",
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
        "a.wav,yesterday,-3,soon,sideways,ghost,both,42\n"
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
        ("cdr.csv", b'"file,agent_id\na.wav,1\n'),
        ("cdr.csv", b"file,file\na,b\n"),
        ("cdr.json", b"{"),
        ("cdr.json", b"[1, 2]"),
        ("cdr.jsonl", b"not json 13812345678\n"),
        ("cdr.json", b"[" * 5000 + b"]" * 5000),
        ("cdr.parquet", b"PAR1 no more"),
    ],
)
def test_unreadable_metadata(here: Settings, inbox: Path, tmp_home: Home, name: str, data: bytes) -> None:
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,42\n")
    scan_inbox(here, tmp_home)
    (inbox / "cdr.csv").unlink()
    (inbox / name).write_bytes(data)
    found = scan_inbox(here, tmp_home)
    assert [r.cdr.agent_id for r in found.recordings] == ["42"], "what was known stays"
    (failure,) = found.failures
    assert (failure.stage, failure.reason, Path(failure.path).name) == ("ingest", "metadata", name)
    assert name in failure.message
    assert failure.message.isprintable()
    assert MOBILE not in failure.message


def test_metadata_that_is_read_again_is_no_failure_any_more(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "b.wav").write_bytes(b"")
    (inbox / "cdr.csv").write_text("")
    failures = scan_inbox(here, tmp_home).failures
    assert len(failures) == 2
    for failure in failures:
        artefacts.write(tmp_home.failure(failure.key), failure)
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,42\n")
    put(inbox / "b.wav", 2)
    assert scan_inbox(here, tmp_home).failures == ()
    assert list(tmp_home.files("failures")) == []


@pytest.mark.parametrize("shape", ["csv", "lines", "list"])
def test_one_bad_row_costs_no_other(here: Settings, inbox: Path, tmp_home: Home, shape: str) -> None:
    for seed, name in enumerate("abc"):
        put(inbox / f"{name}.wav", seed)
    bad = {
        "csv": f'b.wav,"{MOBILE}',
        "lines": f"{{'file': {MOBILE}",
        "list": '{"file": ' + "[" * 2000 + "]" * 2000 + "}",
    }
    rows = {
        "csv": f"file,agent_id\na.wav,1\n{bad['csv']}\nc.wav,3\n",
        "lines": f'{{"file": "a.wav", "agent_id": 1}}\n{bad["lines"]}\n{{"file": "c.wav", "agent_id": 3}}\n',
        "list": f'[{{"file": "a.wav", "agent_id": 1}},\n{bad["list"]},\n{{"file": "c.wav", "agent_id": 3}}]',
    }
    (inbox / {"csv": "cdr.csv", "lines": "cdr.jsonl", "list": "cdr.json"}[shape]).write_text(rows[shape])
    found = scan_inbox(here, tmp_home)
    assert [r.cdr.agent_id for r in found.recordings] == ["1", None, "3"]
    (warning,) = found.warnings
    assert "line 3" in warning if shape == "csv" else "line 2" in warning
    assert MOBILE not in warning


@pytest.mark.parametrize("name", ["cdr.csv", "calls.csv"])
def test_metadata_in_the_inbox_is_no_link_to_somewhere(
    here: Settings, inbox: Path, tmp_home: Home, tmp_path: Path, name: str
) -> None:
    put(inbox / "a.wav")
    (tmp_path / "elsewhere.csv").write_text("file,agent_id\na.wav,42\n")
    (inbox / name).symlink_to(tmp_path / "elsewhere.csv")
    found = scan_inbox(here if name == "cdr.csv" else with_ingest(here, metadata=name), tmp_home)
    assert [r.cdr for r in found.recordings] == [CDR()]
    assert "links are not followed" in found.failures[0].message
    # the settings may name a link, as they may name any file
    chosen = with_ingest(here, metadata=str(inbox / name))
    assert scan_inbox(chosen, tmp_home).recordings[0].cdr.agent_id == "42"


def test_metadata_that_is_a_pipe_keeps_nobody_waiting(here: Settings, inbox: Path, tmp_home: Home) -> None:
    os.mkfifo(inbox / "cdr.csv")
    (failure,) = scan_inbox(here, tmp_home).failures
    assert "is not a regular file" in failure.message


def test_without_a_header_line_nothing_of_a_call_is_told(here: Settings, inbox: Path, tmp_home: Home) -> None:
    """A CDR of Asterisk, as it comes: no header, and a caller's number and name in its first line."""
    put(inbox / "ok-name.wav")
    row = f'"","{MOBILE}","8001","""Zhang San"" <{MOBILE}>","2026-11-03 09:05:00","ok-name.wav"\n'
    (inbox / "cdr.csv").write_text(row)
    for settings in (here, with_ingest(here, columns={"file": "userfield", "started_at": "start"})):
        found = scan_inbox(settings, tmp_home)
        assert [r.cdr for r in found.recordings] == [CDR()]
        (failure,) = found.failures
        assert "columns" in failure.message
        assert "first line must name the columns" in failure.message
        for cell in (MOBILE, "Zhang", "8001", "ok-name"):
            assert cell not in failure.message
    assert "none of its 5 columns is called start, userfield, as ingest.columns says" in failure.message


def test_a_cell_that_is_too_long_is_cut_and_told(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text(f"file,agent_name,note\na.wav,{'李' * 20_000},{'x' * 120_000}\n")
    found = scan_inbox(here, tmp_home)
    cdr = found.recordings[0].cdr
    assert (cdr.agent_name, cdr.extra) == ("李" * LONGEST_CELL, {"note": "x" * LONGEST_CELL})
    assert found.warnings == (
        "cdr.csv line 2: agent_name: longer than 1000 characters; the rest is left out",
        "cdr.csv line 2: column 3: longer than 1000 characters; the rest is left out",
    )


def test_one_byte_of_another_encoding_costs_one_cell(here: Settings, inbox: Path, tmp_home: Home) -> None:
    for seed, name in enumerate("ab"):
        put(inbox / f"{name}.wav", seed)
    (inbox / "cdr.csv").write_bytes("file,agent_id,team\na.wav,1,一组\nb.wav,2,".encode() + b"\xff\xfe\n")
    found = scan_inbox(here, tmp_home)
    assert [(r.cdr.agent_id, r.cdr.team) for r in found.recordings] == [("1", "一组"), ("2", None)]
    assert found.warnings == (
        "cdr.csv line 3: team: holds control characters or broken text and is left out; export it as UTF-8",
    )


def test_faults_of_the_settings(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,1\n")
    for changes, match in [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"columns": {"agnet_id": "x"}}, "agnet_id"),
        ({"values": {"colour": {}}}, "colour"),
        ({"file_name_pattern": "(?P<agent_id"}, "file_names"),
        ({"file_name_pattern": "(?P<colour>x)"}, "colour"),
    ]:
        with pytest.raises(BadSetting, match=match):
            scan_inbox(with_ingest(here, **changes), tmp_home)
    for changes, says in [
        ({"columns": {"agent_id": "Nr"}}, "is called Nr"),
        ({"metadata": "calls.csv"}, "no such file"),
    ]:
        (failure,) = scan_inbox(with_ingest(here, **changes), tmp_home).failures
        assert says in failure.message
    (inbox / "cdr.json").write_text("[]")
    (failure,) = scan_inbox(here, tmp_home).failures
    assert "cdr.csv, cdr.json: which one counts?" in failure.message
    assert scan_inbox(with_ingest(here, metadata="cdr.json"), tmp_home).failures == ()


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
    assert [(place, row["file"]) for place, row in read_rows(file, []).rows] == [
        ("line 3", "a.wav"),
        ("line 5", "b.wav"),
    ]
