"""Names of recordings as a record keeps them: whatever the disk calls them, they are found again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord, stored_path

ODD_NAMES = [
    "plain.wav",
    "张三　李四.wav",
    "a\xa0b.wav",
    "👨\u200d👩\u200d👧.wav",
    "two\nlines.wav",
    "\x1b[31mred.wav",
    "\u202egpj.wav",
    "100% bytes:a.wav",
    os.fsdecode("张三.wav".encode("gb18030")),
    os.fsdecode(b"\xff\xfe%41.wav"),
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_record_finds_its_file_whatever_it_is_called(tmp_path: Path, tmp_home: Home, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"sound")
    record = RecordingRecord("a" * 64, 5, (stored_path(file),), datetime.now(UTC), CDR())
    artefacts.write(tmp_home.recording(record.sha256), record)
    (found,) = artefacts.read(tmp_home.recording(record.sha256), RecordingRecord).files
    assert found == file
    assert found.read_bytes() == b"sound"


def test_a_path_of_plain_text_is_kept_as_it_is() -> None:
    assert stored_path(Path("/inbox/张三.wav")) == "/inbox/张三.wav"
    assert stored_path(Path(os.fsdecode(b"/inbox/\xd5\xc5 1.wav"))) == "bytes:/inbox/%D5%C5%201.wav"
