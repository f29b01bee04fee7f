"""Two files with a side each are one recording."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import CDR, Half
from pipeline.hearing.decode import decode_halves
from pipeline.intake.halves import pair_sha256
from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.settings import Decode, Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home, RecordingRecord
from tests.hearing.test_decode import conversation, sounds_like
from tests.support.inboxes import put, with_ingest
from tests.support.malformed import wav

UNIQUEID = "1795138260.18"
FREEPBX = "q-600-13900001234-20261120-093100-1795138260.18"
OUTBOUND = "out-013900001234-1001-20261120-093100-1795138260.18"
VICIDIAL = "20261120-093100_13900001234"


def scan(here: Settings, home: Home, *names: str) -> Scan:
    for number, name in enumerate(names, start=1):
        put(here.paths.inbox / name, number)
    return scan_inbox(here, home)


@pytest.mark.parametrize(
    ("stem", "first", "second", "channel_map"),
    [
        (FREEPBX, "r", "t", {0: "customer", 1: "agent"}),
        (OUTBOUND, "r", "t", {0: "agent", 1: "customer"}),
        (FREEPBX, "in", "out", {0: "customer", 1: "agent"}),
        (VICIDIAL, "in", "out", {0: "customer", 1: "agent"}),
        (UNIQUEID, "in", "out", None),
        ("call 7", "in", "out", None),
    ],
)
def test_two_sides_are_one_recording(
    here: Settings, inbox: Path, tmp_home: Home, stem: str, first: str, second: str, channel_map: dict[int, str] | None
) -> None:
    found = scan(here, tmp_home, f"{stem}-{second}.wav", f"{stem}-{first}.wav", "other.wav")
    assert (found.pairs, found.copies, found.files, found.one_sided, found.mixes) == (1, 0, 3, 0, 0)
    (pair,) = [recording for recording in found.recordings if recording.halves]
    hashes = [file_sha256(inbox / f"{stem}-{side}.wav") for side in (first, second)]
    assert pair.sha256 == pair_sha256(*hashes)
    assert [half.sha256 for half in pair.halves] == hashes
    assert pair.path == inbox / f"{stem}-{first}.wav"
    assert pair.cdr.channel_map == channel_map
    record = artefacts.read(tmp_home.recording(pair.sha256), RecordingRecord)
    assert [half.files for half in record.halves] == [(half.path,) for half in pair.halves]
    assert scan_inbox(here, tmp_home).recordings == found.recordings, "the second scan sees the same"


@pytest.mark.parametrize("mix", [f"{VICIDIAL}-all.wav", f"MP3/{VICIDIAL}-all.mp3", f"{VICIDIAL}.wav"])
def test_the_mix_of_a_pair_is_not_heard_a_second_time(here: Settings, tmp_home: Home, mix: str) -> None:
    found = scan(here, tmp_home, f"ORIG/{VICIDIAL}-in.wav", f"ORIG/{VICIDIAL}-out.wav", mix)
    assert len(found.recordings) == 1
    assert (found.pairs, found.mixes) == (1, 1)


def test_a_side_alone_is_heard_and_told(here: Settings, tmp_home: Home) -> None:
    found = scan(here, tmp_home, f"{VICIDIAL}-in.wav", "monday-in.wav")
    assert len(found.recordings) == 2
    assert (found.pairs, found.one_sided) == (0, 1), "any name may end so"


def test_a_side_beside_the_mix_is_left_out(here: Settings, tmp_home: Home) -> None:
    found = scan(here, tmp_home, f"{VICIDIAL}-in.wav", f"{VICIDIAL}-all.wav")
    assert [recording.path.name for recording in found.recordings] == [f"{VICIDIAL}-all.wav"]
    assert (found.one_sided, found.mixes) == (0, 1)


def test_two_calls_that_are_called_in_and_out_stay_two(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / "monday-in.wav").write_bytes(wav(bytes(range(256)) * 100))
    (inbox / "monday-out.wav").write_bytes(wav(bytes(range(256)) * 300))
    assert len(scan_inbox(here, tmp_home).recordings) == 2


def test_a_side_waits_for_the_other_that_is_still_being_written(here: Settings, inbox: Path, tmp_home: Home) -> None:
    settling = with_ingest(here, settle_s=600.0)
    put(inbox / f"{VICIDIAL}-in.wav", 1)
    put(inbox / f"{VICIDIAL}-out.wav", 2)
    old = time.time() - 3600
    os.utime(inbox / f"{VICIDIAL}-in.wav", (old, old))
    found = scan_inbox(settling, tmp_home)
    assert (found.recordings, found.unsettled) == ((), 2)
    os.utime(inbox / f"{VICIDIAL}-out.wav", (old, old))
    assert scan_inbox(settling, tmp_home).pairs == 1


def test_a_pair_takes_the_place_of_what_was_heard_of_it_before(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (half,) = scan(here, tmp_home, f"{VICIDIAL}-in.wav").recordings
    (inbox / "cdr.csv").write_text(f"file,agent_id\n{VICIDIAL}-in.wav,1001\n")
    scan_inbox(here, tmp_home)
    (inbox / "cdr.csv").unlink()
    put(inbox / f"{VICIDIAL}-out.wav", 2)
    found = scan_inbox(here, tmp_home)
    assert found.superseded == (half.sha256,)
    assert found.recordings[0].cdr.agent_id == "1001", "what was known of the half is known of the call"
    assert artefacts.read(tmp_home.recording(half.sha256), RecordingRecord).superseded_by == found.recordings[0].sha256
    assert scan_inbox(here, tmp_home).superseded == ()


def test_a_row_that_names_the_mix_tells_of_the_pair(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / "cdr.csv").write_text(f"file,agent_id,direction\n{VICIDIAL}-all.mp3,1001,outbound\n")
    (pair,) = scan(here, tmp_home, f"{VICIDIAL}-in.wav", f"{VICIDIAL}-out.wav").recordings
    assert (pair.cdr.agent_id, pair.cdr.direction) == ("1001", "outbound")
    assert pair.cdr != CDR()


def test_each_side_is_a_channel_and_the_shorter_one_is_silent_at_its_end(tmp_path: Path) -> None:
    a, b = (side.astype(np.int16) for side in conversation(8))
    (tmp_path / "x-in.wav").write_bytes(wav(a.tobytes()))
    (tmp_path / "x-out.wav").write_bytes(wav(np.stack([b[:48000], b[:48000]], axis=1).tobytes(), channels=2))
    halves = [Half(path, file_sha256(path)) for path in (tmp_path / "x-in.wav", tmp_path / "x-out.wav")]
    audio = decode_halves(halves, Decode())  # type: ignore[call-arg]
    assert (audio.layout, audio.duration_s) == ("stereo", pytest.approx(8, abs=0.01))
    assert sounds_like(audio.samples[0], a) > 0.95
    assert sounds_like(audio.samples[1, :96000], b[:48000]) > 0.95
    assert not audio.samples[1, 97000:].any()
