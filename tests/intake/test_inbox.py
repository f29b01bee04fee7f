"""The inbox as it really comes: renamed, copied, half-written, hostile; CDR files as telephone systems export them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datatypes import CDR
from pipeline.errors import BadMetadata, BadRecording, BadSetting
from pipeline.hearing.decode import decode
from pipeline.intake import inbox as ingest
from pipeline.intake.inbox import channel_map, parse_time, read_rows, scan
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from tests.support.malformed import make_malformed, voice, wav

CHINA = timezone(timedelta(hours=8))
MOBILE = "13812345678"


@pytest.fixture
def inbox(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def here(settings: Settings, inbox: Path, tmp_home: Home) -> Settings:
    paths = settings.paths.model_copy(update={"inbox": inbox, "home": tmp_home.root})
    return settings.model_copy(update={"paths": paths})


def with_ingest(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"ingest": Ingest(**changes)})


def put(path: Path, seed: int = 1) -> str:
    """Write a short recording; its SHA-256."""
    data = wav(voice(0.05, seed).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def cdr_of(here: Settings, home: Home, text: str | bytes, name: str = "cdr.csv") -> CDR:
    """The CDR of a.wav with this metadata; no warnings."""
    put(here.paths.inbox / "a.wav")
    (here.paths.inbox / name).write_bytes(text.encode() if isinstance(text, str) else text)
    found = scan(here, home)
    assert found.warnings == ()
    return found.recordings[0].cdr


# --- files


def test_recordings_are_found_at_every_depth_in_order(here: Settings, inbox: Path, tmp_home: Home) -> None:
    names = ["b.wav", "2026/11/a.WAV", "2026/12/c.wav", "第一组/录音 1.wav"]
    hashes = {name: put(inbox / name, seed) for seed, name in enumerate(names)}
    for odd in (".hidden.wav", "d.wav.part", "e.tmp", "notes.txt", "f.wav~", ".git/g.wav"):
        put(inbox / odd, 99)
    found = scan(here, tmp_home)
    assert [r.path.relative_to(inbox).as_posix() for r in found.recordings] == [
        "2026/11/a.WAV", "2026/12/c.wav", "b.wav", "第一组/录音 1.wav",
    ]  # fmt: skip
    assert {r.path.relative_to(inbox).as_posix(): r.sha256 for r in found.recordings} == hashes
    assert (found.files, found.copies, found.failures) == (4, 0, ())
    for recording in found.recordings:
        record = artefacts.read(tmp_home.recording(recording.sha256), RecordingRecord)
        assert record.paths == (str(recording.path),)
        assert record.size_bytes == recording.path.stat().st_size


def test_an_empty_inbox_and_a_missing_one(here: Settings, inbox: Path, tmp_home: Home) -> None:
    assert scan(here, tmp_home) == ingest.Scan((), ())
    assert not tmp_home.root.exists(), "looking leaves no trace"
    inbox.rmdir()
    with pytest.raises(BadSetting, match=r"paths\.inbox"):
        scan(here, tmp_home)


def test_copies_and_renames_are_one_recording(here: Settings, inbox: Path, tmp_home: Home) -> None:
    sha256 = put(inbox / "m.wav")
    first = scan(here, tmp_home)
    seen = artefacts.read(tmp_home.recording(sha256), RecordingRecord)
    put(inbox / "a" / "copy.wav")
    second = scan(here, tmp_home)
    assert (len(second.recordings), second.copies, second.files, second.renamed) == (1, 1, 2, 0)
    assert second.recordings[0].path == inbox / "a" / "copy.wav", "the first path in order wins"
    shutil.rmtree(inbox / "a")
    (inbox / "m.wav").rename(inbox / "z.wav")
    third = scan(here, tmp_home)
    assert (len(third.recordings), third.copies, third.renamed) == (1, 0, 1)
    assert third.recordings[0].sha256 == first.recordings[0].sha256
    record = artefacts.read(tmp_home.recording(sha256), RecordingRecord)
    assert record.paths[0] == str(inbox / "z.wav")
    assert set(record.paths[1:]) == {str(inbox / "m.wav"), str(inbox / "a" / "copy.wav")}
    assert record.first_seen == seen.first_seen
    assert scan(here, tmp_home).renamed == 0


def test_a_second_scan_reads_and_writes_nothing(
    here: Settings, inbox: Path, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(300):
        put(inbox / f"{seed % 7}" / f"{seed}.wav", seed)
        os.utime(inbox / f"{seed % 7}" / f"{seed}.wav", (1_700_000_000, 1_700_000_000))
    first = scan(here, tmp_home)
    before = {p: p.stat().st_mtime_ns for p in tmp_home.root.rglob("*") if p.is_file()}
    digest = ingest._digest
    read: list[Path] = []
    monkeypatch.setattr(ingest, "_digest", lambda path: read.append(path) or digest(path))
    start = time.monotonic()
    assert scan(here, tmp_home) == first
    assert time.monotonic() - start < 5
    assert read == []
    assert {p: p.stat().st_mtime_ns for p in tmp_home.root.rglob("*") if p.is_file()} == before
    # same size, same name, other bytes
    put(inbox / "0" / "0.wav", 1000)
    changed = scan(here, tmp_home)
    assert read == [inbox / "0" / "0.wav"]
    assert len({r.sha256 for r in changed.recordings} - {r.sha256 for r in first.recordings}) == 1


def test_damaged_records_are_made_again(here: Settings, inbox: Path, tmp_home: Home) -> None:
    sha256 = put(inbox / "a.wav")
    os.utime(inbox / "a.wav", (1_700_000_000, 1_700_000_000))
    first = scan(here, tmp_home)
    (tmp_home.root / "hashes.json.gz").write_bytes(b"half a fi")
    tmp_home.recording(sha256).write_bytes(b"")
    assert scan(here, tmp_home).recordings == first.recordings
    assert artefacts.read(tmp_home.recording(sha256), RecordingRecord).sha256 == sha256


def test_files_still_being_written_wait(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "new.wav")
    put(inbox / "old.wav", 2)
    os.utime(inbox / "old.wav", (1_700_000_000, 1_700_000_000))
    found = scan(with_ingest(here, settle_s=600), tmp_home)
    assert [r.path.name for r in found.recordings] == ["old.wav"]
    assert found.unsettled == 1


def test_links_do_not_lead_out_or_round_in_circles(here: Settings, inbox: Path, tmp_home: Home, tmp_path: Path) -> None:
    put(tmp_path / "outside" / "secret.wav", 5)
    put(inbox / "sub" / "a.wav")
    (inbox / "sub" / "again").symlink_to(inbox)
    (inbox / "b.wav").symlink_to(inbox / "sub" / "a.wav")
    (inbox / "c.wav").symlink_to(tmp_path / "outside" / "secret.wav")
    (inbox / "d").symlink_to(tmp_path / "outside")
    found = scan(here, tmp_home)
    assert [r.path for r in found.recordings] == [inbox / "sub" / "a.wav"]
    assert {(Path(f.path).name, f.reason) for f in found.failures} == {
        ("c.wav", "outside-inbox"),
        ("d", "outside-inbox"),
    }


def test_a_home_inside_the_inbox_is_not_searched(here: Settings, inbox: Path) -> None:
    put(inbox / "a.wav")
    put(inbox / "home" / "excerpts" / "clip.wav", 2)
    assert [r.path.name for r in scan(here, Home(inbox / "home")).recordings] == ["a.wav"]


def test_malformed_files_are_failures_and_the_rest_is_heard(here: Settings, inbox: Path, tmp_home: Home) -> None:
    expected = make_malformed(inbox)
    put(inbox / "good.wav")
    found = scan(here, tmp_home)
    reasons = {failure.path: failure.reason for failure in found.failures}
    heard = []
    for recording in found.recordings:
        try:
            decode(recording.path, here.decode, here.ingest)
            heard.append(recording.path.name)
        except BadRecording as error:
            reasons[ingest.shown(recording.path)] = error.reason
    assert heard == ["good.wav"]
    assert reasons == {ingest.shown(inbox / name): reason for name, reason in expected.items()}
    assert len(reasons) >= 25
    for failure in found.failures:
        assert failure.message.isprintable()
        artefacts.write(tmp_home.failure(failure.key), failure)
    assert len(list(tmp_home.files("failures"))) == len(found.failures), "keys are unique"


# --- metadata


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
    found = scan(here.model_copy(update={"paths": paths}), tmp_home)
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


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("x/a.wav", "x/a.wav"),
        ("x/a.wav", "X\\A.WAV"),
        ("x/a.wav", "a.wav"),
        ("x/a.wav", "a"),
        ("x/a.wav", "D:\\rec\\2026\\a.wav"),
        ("x/a.b.wav", "a.b"),
        # the archive has MP3 of what the table calls WAV
        ("x/a.mp3", "a.wav"),
    ],
)
def test_ways_to_name_a_recording(here: Settings, inbox: Path, tmp_home: Home, name: str, key: str) -> None:
    put(inbox / name)
    (inbox / "cdr.csv").write_text(f"file,agent_id\n{key},42\nnowhere.wav,43\n")
    put(inbox / "other.wav", 2)
    found = scan(here, tmp_home)
    cdrs = {r.path.relative_to(inbox).as_posix(): r.cdr.agent_id for r in found.recordings}
    assert cdrs == {name: "42", "other.wav": None}
    assert (found.rows_unused, found.without_row) == (1, 1)


def test_without_a_file_column_the_call_id_names_it(here: Settings, tmp_home: Home) -> None:
    assert cdr_of(here, tmp_home, "call_id,agent_id\na,42\n").agent_id == "42"


def test_a_name_that_two_recordings_share_is_given_to_neither(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "x" / "a.wav", 1)
    put(inbox / "y" / "a.wav", 2)
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,1\ny/a.wav,2\n")
    found = scan(here, tmp_home)
    assert [r.cdr.agent_id for r in found.recordings] == [None, "2"]
    assert len(found.warnings) == 1
    assert "several recordings" in found.warnings[0]


def test_a_row_of_a_copy_counts(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    put(inbox / "b.wav")
    (inbox / "cdr.csv").write_text("file,agent_id\nb.wav,42\n")
    (recording,) = scan(here, tmp_home).recordings
    assert (recording.path.name, recording.cdr.agent_id) == ("a.wav", "42")


def test_metadata_that_comes_or_changes_later(here: Settings, inbox: Path, tmp_home: Home) -> None:
    sha256 = put(inbox / "a.wav")
    assert scan(here, tmp_home).recordings[0].cdr == CDR()
    for agent in ("1", "2"):
        (inbox / "cdr.csv").write_text(f"file,agent_id\na.wav,{agent}\n")
        assert scan(here, tmp_home).recordings[0].cdr.agent_id == agent
        assert artefacts.read(tmp_home.recording(sha256), RecordingRecord).cdr.agent_id == agent


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
    found = scan(here, tmp_home)
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
        scan(here, tmp_home)
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
            scan(with_ingest(here, **changes), tmp_home)
    with pytest.raises(BadMetadata, match="no column Nr"):
        scan(with_ingest(here, columns={"agent_id": "Nr"}), tmp_home)
    with pytest.raises(BadMetadata, match="no such file"):
        scan(with_ingest(here, metadata="calls.csv"), tmp_home)
    (inbox / "cdr.json").write_text("[]")
    with pytest.raises(BadMetadata, match="which one"):
        scan(here, tmp_home)
    assert scan(with_ingest(here, metadata="cdr.json"), tmp_home).warnings == ()


def test_file_name_pattern_fills_what_the_row_leaves_open(here: Settings, inbox: Path, tmp_home: Home) -> None:
    pattern = r"(?P<started_at>\d{14})_(?P<agent_id>\d+)_(?P<caller_number>\d+)_(?P<direction>in|out)"
    named = with_ingest(here, file_name_pattern=pattern)
    put(inbox / f"20261120093100_042_{MOBILE}_in.wav")
    put(inbox / "else.wav", 2)
    (inbox / "cdr.csv").write_text(f"file,agent_id,team\n20261120093100_042_{MOBILE}_in,43,一组\n")
    first, second = scan(named, tmp_home).recordings
    assert (first.cdr.agent_id, first.cdr.team, first.cdr.direction) == ("43", "一组", "inbound")
    assert first.cdr.started_at == datetime(2026, 11, 20, 9, 31, tzinfo=CHINA)
    assert first.cdr.caller_hash
    assert second.cdr == CDR()


# --- caller numbers


def everything_in(home: Home) -> bytes:
    import gzip

    files = [p for p in home.root.rglob("*") if p.is_file()]
    return b"\n".join(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in files)


def test_the_caller_s_number_is_kept_nowhere(here: Settings, inbox: Path, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, "file,call_id,caller_number,agent_name,remark,callback,when,order\n"
                 f"a.wav,20261120-{MOBILE},{MOBILE},李娜,请回电 138-1234-5678 谢谢,010-8888 7777,"
                 "2026-11-20 09:31:00,第 12 单\n")  # fmt: skip
    kept = everything_in(tmp_home)
    for number in (MOBILE, "138-1234-5678", "8888 7777", "88887777"):
        assert number.encode() not in kept
    assert cdr.caller_hash in (cdr.call_id or "")
    assert cdr.caller_hash in cdr.extra["remark"]
    assert cdr.extra["remark"].startswith("请回电 ")
    assert cdr.extra["when"] == "2026-11-20 09:31:00", "a date is no number to call"
    assert cdr.extra["order"] == "第 12 单"


def test_one_caller_has_one_hash_however_written(here: Settings, tmp_home: Home) -> None:
    reader = ingest._CdrReader(here.ingest, tmp_home)
    ways = [
        MOBILE,
        f"+86{MOBILE}",
        f"0086 {MOBILE}",
        f"86-{MOBILE}",
        "138 1234 5678",
        f"0{MOBILE}",
        f"sip:{MOBILE}@10.0.0.1",
    ]
    assert len({reader.hashed(way) for way in ways}) == 1
    assert reader.hashed("010-8888 7777") == reader.hashed("+86 10 88887777")
    assert reader.hashed(MOBILE) != reader.hashed("13812345679")
    assert reader.hashed("anonymous") is None
    assert reader.hashed("") is None


def test_the_salt_is_made_once_private_and_decides_the_hash(here: Settings, tmp_home: Home, tmp_path: Path) -> None:
    first = ingest._CdrReader(here.ingest, tmp_home).hashed(MOBILE)
    salt = tmp_home.salt.read_bytes()
    assert len(salt) == 32
    assert stat.S_IMODE(tmp_home.salt.stat().st_mode) == 0o600
    assert ingest._CdrReader(here.ingest, tmp_home).hashed(MOBILE) == first
    assert tmp_home.salt.read_bytes() == salt
    assert ingest._CdrReader(here.ingest, Home(tmp_path / "other")).hashed(MOBILE) != first


@given(
    st.from_regex(r"\A1[3-9][0-9]{9}\Z"),
    st.sampled_from(["", "+86", "0086", "86", "0"]),
    st.sampled_from(["", " ", "-"]),
)
def test_hashing_ignores_writing(number: str, prefix: str, gap: str) -> None:
    written = prefix + gap + number[:3] + gap + number[3:7] + gap + number[7:]
    assert ingest._digits(written) == number


# --- cells


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T09:31:05+08:00", datetime(2026, 11, 20, 9, 31, 5, tzinfo=CHINA)),
        ("2026-11-20T01:31:05Z", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("2026-11-20 01:31:05+00", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("2026-11-20 09:31:05.123", datetime(2026, 11, 20, 9, 31, 5)),
        ("2026/11/20 9:31", datetime(2026, 11, 20, 9, 31)),
        ("2026.1.2", datetime(2026, 1, 2)),
        ("2026年11月20日 9时31分", datetime(2026, 11, 20, 9, 31)),
        ("2026年11月20日9:31:05", datetime(2026, 11, 20, 9, 31, 5)),
        ("20261120093105", datetime(2026, 11, 20, 9, 31, 5)),
        ("20261120-093105", datetime(2026, 11, 20, 9, 31, 5)),
        ("1795138265", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
        ("1795138265000", datetime(2026, 11, 20, 1, 31, 5, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    got = parse_time(text)
    assert got == moment
    assert (got.tzinfo is None) == (moment.tzinfo is None)


@pytest.mark.parametrize(
    "text", ["", "20/11/2026", "11/20/2026 9:31", "2026-02-30", "yesterday", "2026-11-20 25:00", "12"]
)
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    ["0=agent,1=customer", "0:agent;1:customer", "left=agent", "agent-left", "右=客户", "左坐席右客户",
     "agent,customer", "1=agent,2=customer", "ch1:customer",
     '{"0": "agent", "1": "customer"}', "L=Agent R=Customer", "客户:右"],
)  # fmt: skip
def test_channel_maps(text: str) -> None:
    assert channel_map(text) == {0: "agent", 1: "customer"}


@pytest.mark.parametrize(
    "text", ["", "both", "0=agent,1=agent", "0=agent,0=customer", "3=agent", "agent", "0,1", "mono"]
)
def test_no_channel_maps(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        channel_map(text)


def test_rows_know_their_line(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('file,note\na.wav,"two\nlines"\n\nb.wav,one\n')
    assert [(place, row["file"]) for place, row in read_rows(file)] == [("line 3", "a.wav"), ("line 5", "b.wav")]
