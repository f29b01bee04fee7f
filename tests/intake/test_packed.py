"""Call metadata packed with gzip."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.errors import BadFile
from pipeline.intake.inbox import scan_inbox
from pipeline.intake.rows import read_metadata_file
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.contact_records import csv_table, recording_row
from tests.support.inboxes import put

TEXT = csv_table(recording_row())


@pytest.mark.parametrize("name", ["log.csv.gz", "log.gz", "stream-1-2026-11-20", "log.1.gz"])
def test_it_is_unpacked_whatever_it_is_called(name: str, here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "20261120-093100_13900001234-all.wav")
    (inbox / name).write_bytes(gzip.compress(TEXT.encode()))
    scan = scan_inbox(here, tmp_home)
    assert [file.source for file in scan.metadata] == ["vicidial"]
    assert scan.recordings[0].cdr.agent_id == "1001"


def test_one_that_is_cut_short_is_a_failure_and_stops_nothing(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "log.csv.gz").write_bytes(gzip.compress(TEXT.encode())[:-12])
    scan = scan_inbox(here, tmp_home)
    assert len(scan.recordings) == 1
    assert [(failure.reason, failure.message) for failure in scan.failures] == [
        ("metadata", f"{inbox / 'log.csv.gz'}: is damaged or cut short; export it again")
    ]


def test_one_that_grows_beyond_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.intake.rows.LARGEST_BYTES", 10_000)
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 100_000))
    with pytest.raises(BadFile, match="larger than"):
        read_metadata_file(path)


@pytest.mark.parametrize("name", ["backup.tar.gz", "dump.sql.gz"])
def test_what_is_no_log_is_not_unpacked(name: str, here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / name).write_bytes(b"\x1f\x8b no gzip at all")
    assert scan_inbox(here, tmp_home).failures == ()
