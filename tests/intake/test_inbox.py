"""The inbox as it really comes: renamed, copied, half-written, hostile; and whose call each row tells of."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.errors import BadRecording, BadSetting, shown
from pipeline.hearing.decode import decode
from pipeline.intake import contents
from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.messages import in_language
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from tests.support.inboxes import cdr_of, put, with_ingest
from tests.support.malformed import make_malformed


def test_recordings_are_found_at_every_depth_in_order(here: Settings, inbox: Path, tmp_home: Home) -> None:
    names = ["b.wav", "2026/11/a.WAV", "2026/12/c.wav", "第一组/录音 1.wav"]
    hashes = {name: put(inbox / name, seed) for seed, name in enumerate(names)}
    for odd in (".hidden.wav", "d.wav.part", "e.tmp", "notes.txt", "f.wav~", ".git/g.wav"):
        put(inbox / odd, 99)
    found = scan_inbox(here, tmp_home)
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
    assert scan_inbox(here, tmp_home) == Scan((), ())
    assert not tmp_home.root.exists(), "looking leaves no trace"
    inbox.rmdir()
    with pytest.raises(BadSetting, match=r"paths\.inbox"):
        scan_inbox(here, tmp_home)


def test_copies_and_renames_are_one_recording(here: Settings, inbox: Path, tmp_home: Home) -> None:
    sha256 = put(inbox / "m.wav")
    first = scan_inbox(here, tmp_home)
    seen = artefacts.read(tmp_home.recording(sha256), RecordingRecord)
    put(inbox / "a" / "copy.wav")
    second = scan_inbox(here, tmp_home)
    assert (len(second.recordings), second.copies, second.files, second.renamed) == (1, 1, 2, 0)
    assert second.recordings[0].path == inbox / "a" / "copy.wav", "the first path in order wins"
    shutil.rmtree(inbox / "a")
    (inbox / "m.wav").rename(inbox / "z.wav")
    third = scan_inbox(here, tmp_home)
    assert (len(third.recordings), third.copies, third.renamed) == (1, 0, 1)
    assert third.recordings[0].sha256 == first.recordings[0].sha256
    record = artefacts.read(tmp_home.recording(sha256), RecordingRecord)
    assert record.paths[0] == str(inbox / "z.wav")
    assert set(record.paths[1:]) == {str(inbox / "m.wav"), str(inbox / "a" / "copy.wav")}
    assert record.first_seen == seen.first_seen
    assert scan_inbox(here, tmp_home).renamed == 0


def test_a_second_scan_reads_and_writes_nothing(
    here: Settings, inbox: Path, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(300):
        put(inbox / f"{seed % 7}" / f"{seed}.wav", seed)
        os.utime(inbox / f"{seed % 7}" / f"{seed}.wav", (1_700_000_000, 1_700_000_000))
    first = scan_inbox(here, tmp_home)
    before = {p: p.stat().st_mtime_ns for p in tmp_home.root.rglob("*") if p.is_file()}
    digest = contents._read_whole
    read: list[Path] = []
    monkeypatch.setattr(contents, "_read_whole", lambda path: read.append(path) or digest(path))
    start = time.monotonic()
    assert scan_inbox(here, tmp_home) == first
    assert time.monotonic() - start < 5
    assert read == []
    assert {p: p.stat().st_mtime_ns for p in tmp_home.root.rglob("*") if p.is_file()} == before
    # same size, same name, other bytes
    put(inbox / "0" / "0.wav", 1000)
    changed = scan_inbox(here, tmp_home)
    assert read == [inbox / "0" / "0.wav"]
    assert len({r.sha256 for r in changed.recordings} - {r.sha256 for r in first.recordings}) == 1


def test_damaged_records_are_made_again(here: Settings, inbox: Path, tmp_home: Home) -> None:
    sha256 = put(inbox / "a.wav")
    os.utime(inbox / "a.wav", (1_700_000_000, 1_700_000_000))
    first = scan_inbox(here, tmp_home)
    tmp_home.hashes.write_bytes(b"half a fi")
    tmp_home.recording(sha256).write_bytes(b"")
    assert scan_inbox(here, tmp_home).recordings == first.recordings
    assert artefacts.read(tmp_home.recording(sha256), RecordingRecord).sha256 == sha256


def test_files_still_being_written_wait(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "new.wav")
    put(inbox / "old.wav", 2)
    os.utime(inbox / "old.wav", (1_700_000_000, 1_700_000_000))
    found = scan_inbox(with_ingest(here, settle_s=600), tmp_home)
    assert [r.path.name for r in found.recordings] == ["old.wav"]
    assert found.unsettled == 1


def test_a_file_that_is_left_alone_is_waited_for_and_one_that_grows_is_left(
    here: Settings, inbox: Path, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a checkout of seconds ago, beside a recorder at work, with the default settings but for the length."""
    for seed, name in enumerate(("grows", "mp3", "done", "tomorrow")):
        put(inbox / f"{name}.wav", seed)
    os.utime(inbox / "done.wav", (1_700_000_000, 1_700_000_000))
    os.utime(inbox / "tomorrow.wav", (time.time() + 86_400,) * 2)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        with (inbox / "grows.wav").open("ab") as stream:
            stream.write(b"more")

    monkeypatch.setattr(time, "sleep", sleep)
    found = scan_inbox(with_ingest(here, settle_s=Ingest().settle_s), tmp_home)
    assert [r.path.name for r in found.recordings] == ["done.wav", "mp3.wav", "tomorrow.wav"]
    assert (found.unsettled, found.files) == (1, 4)
    assert len(waits) == 1
    assert 0 < waits[0] <= 10
    assert scan_inbox(with_ingest(here, settle_s=600), tmp_home).unsettled == 2, "ten minutes are not waited for"
    assert len(waits) == 2


def test_what_is_settled_keeps_nobody_waiting(
    here: Settings, inbox: Path, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waits"))
    put(inbox / "a.wav")
    os.utime(inbox / "a.wav", (1_700_000_000, 1_700_000_000))
    assert len(scan_inbox(with_ingest(here, settle_s=Ingest().settle_s), tmp_home).recordings) == 1


def test_the_lack_of_a_row_takes_nothing_away(here: Settings, inbox: Path, tmp_home: Home) -> None:
    """Exporters write a day's calls and replace the file on the next."""
    put(inbox / "a.wav", 1)
    (inbox / "cdr.csv").write_text("file,agent_id,team\na.wav,42,one\n")
    scan_inbox(here, tmp_home)
    put(inbox / "b.wav", 2)
    for agent, row in (("42", "b.wav,43,"), ("44", "a.wav,44,")):
        (inbox / "cdr.csv").write_text(f"file,agent_id,team\n{row}\n")
        assert scan_inbox(here, tmp_home).recordings[0].cdr.agent_id == agent


@pytest.mark.parametrize("trap", ["long name", "forbidden folder", "loop", "deep", "deep and long", "folder of links"])
def test_no_link_and_no_depth_stops_a_scan(
    here: Settings, inbox: Path, tmp_home: Home, tmp_path: Path, trap: str
) -> None:
    put(inbox / "a.wav", 1)
    put(inbox / "z.wav", 2)
    told = 1
    if trap == "long name":
        (inbox / "evil.wav").symlink_to("a" * 300)
        (inbox / "evil").symlink_to("a" * 300)
        told = 2
    elif trap == "forbidden folder":
        (tmp_path / "closed").mkdir()
        put(tmp_path / "closed" / "in" / "b.wav", 3)
        (inbox / "b").symlink_to(tmp_path / "closed" / "in")
        (tmp_path / "closed").chmod(0)
    elif trap == "loop":
        (inbox / "b.wav").symlink_to("c.wav")
        (inbox / "c.wav").symlink_to("b.wav")
        told = 2
    elif trap == "folder of links":
        (inbox / "b").mkdir()
        (inbox / "b" / "etc.wav").symlink_to("/etc")
    else:
        name, depth = ("d", 1500) if trap == "deep" else ("d" * 200, 60)
        handle = os.open(inbox, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=handle)
            inner = os.open(name, os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = inner
        os.close(handle)
        told = 0 if trap == "deep" else 1
    try:
        found = scan_inbox(here, tmp_home)
    finally:
        if trap == "forbidden folder":
            (tmp_path / "closed").chmod(0o700)
        if trap.startswith("deep"):
            # nothing of Python, pytest neither, removes what is so deep
            subprocess.run(["rm", "-rf", *inbox.glob("d*")], check=True)
    assert [r.path.name for r in found.recordings] == ["a.wav", "z.wav"]
    assert len(found.failures) == told
    for failure in found.failures:
        assert failure.message.isprintable()
        artefacts.write(tmp_home.failure(failure.key), failure)


def test_links_do_not_lead_out_or_round_in_circles(here: Settings, inbox: Path, tmp_home: Home, tmp_path: Path) -> None:
    put(tmp_path / "outside" / "secret.wav", 5)
    put(inbox / "sub" / "a.wav")
    (inbox / "sub" / "again").symlink_to(inbox)
    (inbox / "b.wav").symlink_to(inbox / "sub" / "a.wav")
    (inbox / "c.wav").symlink_to(tmp_path / "outside" / "secret.wav")
    (inbox / "d").symlink_to(tmp_path / "outside")
    found = scan_inbox(here, tmp_home)
    assert [r.path for r in found.recordings] == [inbox / "sub" / "a.wav"]
    assert {(Path(f.path).name, f.reason) for f in found.failures} == {
        ("c.wav", "outside-inbox"),
        ("d", "outside-inbox"),
    }


def test_a_home_inside_the_inbox_is_not_searched(here: Settings, inbox: Path) -> None:
    put(inbox / "a.wav")
    put(inbox / "home" / "excerpts" / "clip.wav", 2)
    assert [r.path.name for r in scan_inbox(here, Home(inbox / "home")).recordings] == ["a.wav"]


def test_malformed_files_are_failures_and_the_rest_is_heard(here: Settings, inbox: Path, tmp_home: Home) -> None:
    expected = make_malformed(inbox)
    put(inbox / "good.wav")
    found = scan_inbox(here, tmp_home)
    reasons = {failure.path: failure.reason for failure in found.failures}
    heard = []
    for recording in found.recordings:
        try:
            decode(recording.path, here.decode, here.ingest)
            heard.append(recording.path.name)
        except BadRecording as error:
            reasons[shown(recording.path)] = error.reason
    assert heard == ["good.wav"]
    assert reasons == {shown(inbox / name): reason for name, reason in expected.items()}
    assert len(reasons) >= 25
    for failure in found.failures:
        assert failure.message.isprintable()
        artefacts.write(tmp_home.failure(failure.key), failure)
    assert len(list(tmp_home.files("failures"))) == len(found.failures), "keys are unique"


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
    found = scan_inbox(here, tmp_home)
    cdrs = {r.path.relative_to(inbox).as_posix(): r.cdr.agent_id for r in found.recordings}
    assert cdrs == {name: "42", "other.wav": None}
    assert (found.rows_unused, found.without_row) == (1, 1)


def test_without_a_file_column_the_call_id_names_it(here: Settings, tmp_home: Home) -> None:
    assert cdr_of(here, tmp_home, "call_id,agent_id\na,42\n").agent_id == "42"


def test_a_name_that_two_recordings_share_is_given_to_neither(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "x" / "a.wav", 1)
    put(inbox / "y" / "a.wav", 2)
    (inbox / "cdr.csv").write_text("file,agent_id\na.wav,1\ny/a.wav,2\n")
    found = scan_inbox(here, tmp_home)
    assert [r.cdr.agent_id for r in found.recordings] == [None, "2"]
    assert len(found.warnings) == 1
    assert "several recordings" in found.warnings[0]


def test_a_row_of_a_copy_counts(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    put(inbox / "b.wav")
    (inbox / "cdr.csv").write_text("file,agent_id\nb.wav,42\n")
    (recording,) = scan_inbox(here, tmp_home).recordings
    assert (recording.path.name, recording.cdr.agent_id) == ("a.wav", "42")


def test_metadata_that_comes_or_changes_later(here: Settings, inbox: Path, tmp_home: Home) -> None:
    sha256 = put(inbox / "a.wav")
    assert scan_inbox(here, tmp_home).recordings[0].cdr == CDR()
    for agent in ("1", "2"):
        (inbox / "cdr.csv").write_text(f"file,agent_id\na.wav,{agent}\n")
        assert scan_inbox(here, tmp_home).recordings[0].cdr.agent_id == agent
        assert artefacts.read(tmp_home.recording(sha256), RecordingRecord).cdr.agent_id == agent


def test_what_is_wrong_is_told_in_chinese_too(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / "empty.wav").touch()
    put(inbox / "a.wav")
    (inbox / "cdr.csv").write_text("file,ring_count\na.wav,many\n")
    found = scan_inbox(here, tmp_home)
    (failure,), (warning,) = found.failures, found.warnings
    assert in_language(failure.message, "zh") == f"{inbox / 'empty.wav'}：是空文件，请重新复制"
    assert in_language(warning, "zh") == "cdr.csv 第 2 行：ring_count 看不懂，已略过，见设置 ingest.values"
    assert warning == "cdr.csv line 2: ring_count: not understood and left out; see ingest.values in the settings"
    (inbox / "cdr.csv").write_text("file,file\n")
    refused, _ = scan_inbox(here, tmp_home).failures
    assert in_language(refused.message, "zh") == f"{inbox / 'cdr.csv'}：有两列同名，请改名"
