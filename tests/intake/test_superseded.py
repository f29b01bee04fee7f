"""A half copy gives way to the whole recording; other content under a used name does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.datatypes import Transcript
from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home, RecordingRecord
from tests.support.inboxes import put
from tests.support.malformed import voice, wav
from tests.support.talk import heard_call

WHOLE = wav(voice(2, 1).tobytes())
OTHER = wav(voice(2, 2).tobytes())


def heard(home: Home, sha256: str, **changes: Any) -> None:
    """Leave what a night leaves of a call: a transcript and a judged file."""
    transcript = replace(heard_call([]), sha256=sha256, **changes)
    artefacts.write(home.transcript(sha256, transcript.fingerprint), transcript)
    home.judged(sha256).parent.mkdir(parents=True, exist_ok=True)
    home.judged(sha256).write_bytes(b"verdicts")


def first_night(here: Settings, home: Home, data: bytes, name: str = "call.wav") -> str:
    (here.paths.inbox / name).write_bytes(data)
    (recording,) = scan_inbox(here, home).recordings
    return recording.sha256


def test_a_half_copy_gives_way_to_the_whole(here: Settings, inbox: Path, tmp_home: Home) -> None:
    half = first_night(here, tmp_home, WHOLE[: len(WHOLE) // 2])
    heard(tmp_home, half)
    (inbox / "call.wav").write_bytes(WHOLE)
    found = scan_inbox(here, tmp_home)
    assert found.superseded == (half,)
    assert not tmp_home.judged(half).exists()
    record = artefacts.read(tmp_home.recording(half), RecordingRecord)
    assert record.superseded_by == found.recordings[0].sha256
    (inbox / "copy.wav").write_bytes(WHOLE[: len(WHOLE) // 2])
    scan_inbox(here, tmp_home)
    assert artefacts.read(tmp_home.recording(half), RecordingRecord).superseded_by == "", "it is there again"


def test_another_call_under_a_used_name_leaves_the_earlier_one(here: Settings, inbox: Path, tmp_home: Home) -> None:
    earlier = first_night(here, tmp_home, WHOLE)
    heard(tmp_home, earlier)
    (inbox / "call.wav").write_bytes(OTHER)
    assert scan_inbox(here, tmp_home).superseded == ()
    assert tmp_home.judged(earlier).exists()


def test_a_file_that_is_gone_or_lies_elsewhere_is_not_superseded(here: Settings, inbox: Path, tmp_home: Home) -> None:
    half = first_night(here, tmp_home, WHOLE[:8000])
    heard(tmp_home, half)
    (inbox / "call.wav").rename(inbox / "kept.wav")
    (inbox / "call.wav").write_bytes(WHOLE)
    assert scan_inbox(here, tmp_home).superseded == ()
    (inbox / "kept.wav").unlink()
    (inbox / "call.wav").unlink()
    assert scan_inbox(here, tmp_home).superseded == ()
    assert tmp_home.judged(half).exists()


def test_a_name_that_can_be_only_one_calls_means_the_same_call(here: Settings, inbox: Path, tmp_home: Home) -> None:
    name = "q-600-13900001234-20261120-093100-1795138260.18.wav"
    earlier = first_night(here, tmp_home, OTHER, name)
    heard(tmp_home, earlier)
    (inbox / name).write_bytes(WHOLE)
    assert scan_inbox(here, tmp_home).superseded == (earlier,)


def test_one_call_id_means_the_same_call(here: Settings, inbox: Path, tmp_home: Home) -> None:
    (inbox / "cdr.csv").write_text("file,call_id\ncall.wav,A-1\n")
    earlier = first_night(here, tmp_home, OTHER)
    heard(tmp_home, earlier)
    (inbox / "call.wav").write_bytes(WHOLE)
    assert scan_inbox(here, tmp_home).superseded == (earlier,)


def test_a_failure_goes_with_the_bytes_that_could_not_be_heard(here: Settings, inbox: Path, tmp_home: Home) -> None:
    broken = first_night(here, tmp_home, WHOLE[:44])
    failure = Failure(broken, "call.wav", "decode", "no-samples", "has a header but no sound", datetime.now(UTC))
    artefacts.write(tmp_home.failure(broken), failure)
    (inbox / "empty.wav").write_bytes(b"")
    for told in scan_inbox(here, tmp_home).failures:
        artefacts.write(tmp_home.failure(told.key), told)
    assert len(list(tmp_home.files("failures"))) == 2
    (inbox / "call.wav").write_bytes(WHOLE)
    put(inbox / "empty.wav", 3)
    scan_inbox(here, tmp_home)
    assert list(tmp_home.files("failures")) == []


def test_transcripts_of_before_have_no_faults(tmp_home: Home) -> None:
    transcript = replace(heard_call([]), sha256="a" * 64)
    path = tmp_home.transcript("a" * 64, transcript.fingerprint)
    artefacts.write(path, transcript)
    assert artefacts.read(path, Transcript).faults == ()
