"""Recordings are found again by their bytes and their place on the disk, whatever they are called."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from pipeline.hearing.decode import decode_spans
from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from pipeline.timeline import Span
from tests.support.inboxes import put

ODD = [
    "张三\u3000李四.wav",
    "Li\u00a0Na.wav",
    "\U0001f468\u200d\U0001f469.wav",
    "two\nlines.wav",
    os.fsdecode("张三.wav".encode("gb18030")),
    "\u202eetad.wav",
    "\u200e\u05d0\u05d1.wav",
    "\x1b[2J.wav",
    "call *.wav",
    "call [1]?.wav",
    "13900001234.wav",
    "138*******1.wav",
    unicodedata.normalize("NFD", "café.wav"),
    " lead and trail .wav",
]


@pytest.mark.parametrize("folder", ["", "13900001234", "夜\u3000班"])
@pytest.mark.parametrize("name", ODD)
def test_clips_can_be_cut_of_a_recording_of_any_name(
    here: Settings, inbox: Path, tmp_home: Home, folder: str, name: str
) -> None:
    put(inbox / folder / name)
    put(inbox / folder / "13900005634.wav", 2)
    for night in range(2):
        found = {recording.path: recording for recording in scan_inbox(here, tmp_home).recordings}
        recording = found[inbox / folder / name]
        record = artefacts.read(tmp_home.recording(recording.sha256), RecordingRecord)
        assert recording.path in record.files, f"night {night + 1}"
        cut = [
            decode_spans(file, [Span(0, 0.02)], here.decode, here.ingest, recording.sha256)
            for file in record.files
            if file == recording.path
        ]
        assert cut[0][0].shape[1] == 320


def test_a_row_names_a_file_in_either_way_to_write_its_letters(here: Settings, inbox: Path, tmp_home: Home) -> None:
    composed, parted = (unicodedata.normalize(form, "Zoë café") for form in ("NFC", "NFD"))
    assert composed != parted
    put(inbox / f"{parted}.wav")
    put(inbox / f"2{composed}.wav", 2)
    (inbox / "cdr.csv").write_text(f"file,agent_id\n{composed}.wav,1\n2{parted}.wav,2\n")
    scanned = scan_inbox(here, tmp_home)
    assert sorted(str(recording.cdr.agent_id) for recording in scanned.recordings) == ["1", "2"]
    assert scanned.rows_unused == 0


def test_what_is_no_recording_is_counted_by_its_ending(here: Settings, inbox: Path, tmp_home: Home) -> None:
    put(inbox / "a.wav")
    (inbox / "CDR.CSV").write_text("file,agent_id\na.wav,1\n")
    for name in ("b.docx", "sub/c.docx", "d.PPTX", "README", "half.part", ".hidden", ".DS_Store", "e.13900001234"):
        (inbox / name).parent.mkdir(exist_ok=True)
        (inbox / name).write_bytes(b"\0\1\2")
    scanned = scan_inbox(here, tmp_home)
    assert scanned.recordings[0].cdr.agent_id == "1"
    assert scanned.passed_over == {".docx": 2, ".pptx": 1, "": 1, ".part": 1, "*": 1}, (
        "what follows a dot may be a number to call"
    )
