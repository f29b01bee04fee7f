"""vCons, checked by jsonschema against what the draft asks, and what is in them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from pipeline.datatypes import CDR, Layout, Role, Roles
from pipeline.exports.exported import ExportedCall
from pipeline.exports.recordings import ToldRecording, told_recordings
from pipeline.exports.vcon import vcon
from pipeline.intake.readers.vcon import VconReader
from pipeline.results.row_source import SaidCall
from pipeline.storage.home import HalfRecord, RecordingRecord
from tests.support.factories import NIGHT
from tests.support.leaving import HOSTILE, Line, judged_call, leaving, lines_said
from tests.support.legs import legs_of
from tests.support.vcon_schema import VCON_SCHEMA

CHECK = Draft202012Validator(VCON_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
WAV = ToldRecording("a.wav", "audio/x-wav")


def read(call: ExportedCall, *recordings: ToldRecording) -> dict[str, Any]:
    """A vCon as it was read back, after the check."""
    made: dict[str, Any] = json.loads(vcon(call, recordings))
    CHECK.validate(made)
    assert "date-time" in CHECK.format_checker.checkers
    return made


def transcript(made: dict[str, Any]) -> list[dict[str, Any]]:
    (found,) = (each for each in made["analysis"] if each["type"] == "transcript")
    turns: list[dict[str, Any]] = found["body"]["turns"]
    return turns


def with_call(exported: ExportedCall, call: SaidCall) -> ExportedCall:
    return replace(exported, said=replace(exported.said, judged=replace(exported.said.judged, call=call)))


@settings(max_examples=60)
@given(lines_said())
def test_the_transcript_read_back_is_the_turns(lines: list[Line]) -> None:
    made = read(leaving(lines), WAV)
    parties = {"ch0": ("agent", None), "ch1": ("customer", None), "prompt": (None, None)}
    roles = [party.get("role") for party in made["parties"]]
    assert roles[:2] == ["agent", "customer"]
    found = {turn["turn"]: turn for turn in transcript(made)}
    assert len(found) == len(lines)
    for number, (who, start_s, end_s, said) in enumerate(lines):
        turn, party = found[number], made["parties"][found[number]["party"]]
        assert turn["text"] == said
        assert abs(turn["start"] - start_s) + abs(turn["end"] - end_s) <= 0.0011
        assert (party.get("role"), party.get("name")) == parties.get(who, ("unknown", who))


def test_a_call_with_its_verdicts() -> None:
    made = read(judged_call(), WAV)
    assert [each["type"] for each in made["analysis"]] == ["transcript", "report"]
    report = made["analysis"][1]
    assert (report["vendor"], report["schema"], report["dialog"]) == ("callqa", "callqa-scorecard-1", 0)
    assert (report["body"]["score"], report["body"]["version"]) == (87.5, "2026.1")
    verdicts = report["body"]["verdicts"]
    assert [verdict["outcome"] for verdict in verdicts] == ["fail", "pass", "unsure"]
    assert verdicts[0]["evidence"][0]["sentence"] == HOSTILE[3]
    assert "sha256" not in verdicts[0]


def test_who_called_and_who_hung_up() -> None:
    cdr = CDR(
        call_id="c",
        started_at=NIGHT,
        direction="inbound",
        queue="维修",
        agent_name="李梅",
        agent_id="1001",
        team="一组",
    )
    made = read(leaving(cdr=cdr), WAV)
    (dialog,) = made["dialog"]
    assert (dialog["start"], dialog["parties"], dialog["originator"]) == ("2025-03-03T09:00:00+08:00", [0, 1], 1)
    assert (dialog["skill"], dialog["interaction_id"], dialog["filename"]) == ("维修", "c", "a.wav")
    assert dialog["party_history"] == [{"party": 1, "time": "2025-03-03T09:00:04.500000+08:00", "event": "drop"}]
    assert made["parties"][0] == {
        "role": "agent", "type": "person", "name": "李梅", "uuid": "1001", "dept": "一组",
        "validation": "call metadata",
    }  # fmt: skip
    assert made["parties"][1] == {"role": "customer", "type": "person"}
    outbound = read(leaving(cdr=replace(cdr, direction="outbound")), WAV)["dialog"][0]
    assert "originator" not in outbound
    nobody = read(leaving(cdr=replace(cdr, direction=None)), WAV)
    assert (nobody["parties"][2], nobody["dialog"][0]["originator"]) == ({}, 2)


def test_a_hang_up_that_was_inferred_is_no_event() -> None:
    call = leaving()
    inferred = with_call(call, replace(call.call, hang_up=replace(call.call.hang_up, method="inferred")))
    assert "party_history" in read(call)["dialog"][0]
    assert "party_history" not in read(inferred)["dialog"][0]


@pytest.mark.parametrize("direction", ["inbound", "outbound", None])
def test_callqa_reads_what_it_writes(direction: Any) -> None:
    cdr = CDR("c", NIGHT, agent_id="1001", agent_name="李梅", queue="维修", direction=direction)
    (leg,) = legs_of(VconReader(), vcon(leaving(cdr=cdr), [WAV]), "c.vcon.json")
    assert (leg.recordings, leg.direction, leg.extra["interaction_id"]) == (("a.wav",), direction, "c")
    assert leg.cells == {
        "started_at": "2025-03-03T09:00:00+08:00", "agent_id": "1001", "agent_name": "李梅", "queue": "维修",
        "channel_map": "0=agent,1=customer",
    }  # fmt: skip
    assert leg.released is not None
    assert leg.released.side == "customer"


def test_a_call_of_which_nothing_is_known() -> None:
    made = read(leaving([], {}, CDR(), layout="mono"))
    (dialog,) = made["dialog"]
    assert (dialog["parties"], transcript(made)) == ([0, 1], [])
    assert "start" not in dialog
    assert "filename" not in dialog
    assert made["created_at"] == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("layout", "roles", "parties"),
    [
        ("stereo", {"ch0": "customer", "ch1": "agent"}, [1, 0]),
        ("stereo", {"ch0": "agent"}, [0, 2]),
        ("mono", {}, [0, 1]),
        ("fake-stereo", {}, [[0, 1], [0, 1]]),
        ("dead-channel", {}, [[0, 1], [0, 1]]),
    ],
)
def test_parties_by_channel(layout: Layout, roles: dict[str, Role], parties: list[Any]) -> None:
    call = leaving([("ch0", 0.0, 1.0, "a"), ("ch1", 1.0, 2.0, "b")], roles, layout=layout)
    assert read(call, WAV)["dialog"][0]["parties"] == parties


def test_uuids_stay_and_tell_what_is_hidden() -> None:
    call = leaving()
    masked, again, unmasked = read(call), read(call), read(replace(call, hidden=frozenset(("code",))))
    assert masked == again
    assert masked["uuid"] != unmasked["uuid"]
    assert masked["redacted"] == {"type": "hidden: code, phone", "uuid": unmasked["uuid"]}
    assert unmasked["redacted"] == {"type": "hidden: code"}
    other = replace(
        call, said=replace(call.said, judged=replace(call.said.judged, call=replace(call.call, sha256="0" * 64)))
    )
    assert read(other)["uuid"] != masked["uuid"]


def test_a_call_whose_words_are_gone_says_so() -> None:
    call = judged_call()
    bare = with_call(call, replace(call.call, turns=(), roles=Roles({}, "cdr", 1.0)))
    gone = replace(bare, has_words=False)
    made = read(gone, WAV)
    assert [each["type"] for each in made["analysis"]] == ["report"]
    assert made["redacted"] == {"type": "hidden: code, phone; what was said is no longer kept"}


def record_of(path: Path, **more: Any) -> RecordingRecord:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return RecordingRecord(sha256, 3, (str(path),), NIGHT, CDR(), **more)


def test_the_recording_is_told_by_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "2025" / "a call.wav"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    record = record_of(path)
    told = told_recordings(record, hashed=True, root=tmp_path, address="https://example.org/calls/")
    dialog = read(leaving(record=record), *told)["dialog"][0]
    digest = base64.urlsafe_b64decode(dialog["content_hash"].removeprefix("sha512-") + "==")
    assert digest == hashlib.sha512(b"abc").digest()
    assert (dialog["url"], dialog["mediatype"]) == ("https://example.org/calls/2025/a%20call.wav", "audio/x-wav")
    path.write_bytes(b"another recording under its name")
    (told_again,) = told_recordings(record, hashed=True, root=tmp_path, address="https://example.org/calls/")
    assert told_again == ToldRecording("a call.wav", "audio/x-wav")
    assert told_recordings(record, hashed=False) == (told_again,)
    assert told_recordings(None, hashed=True) == ()


def test_a_name_with_a_masked_number_is_no_address(tmp_path: Path) -> None:
    path = tmp_path / "20250303-13900001234.wav"
    path.write_bytes(b"abc")
    record = replace(record_of(path), paths=(str(tmp_path / "20250303-*********34.wav"),))
    (told,) = told_recordings(record, hashed=True, address="https://example.org/")
    assert (told.name, told.url, told.content_hash is None) == ("20250303-*********34.wav", None, False)


def test_a_recording_in_two_files_is_a_set_of_two(tmp_path: Path) -> None:
    halves = []
    for side in ("in", "out"):
        (tmp_path / f"c-{side}.wav").write_bytes(side.encode())
        halves.append(HalfRecord(hashlib.sha256(side.encode()).hexdigest(), str(tmp_path / f"c-{side}.wav")))
    record = RecordingRecord("0" * 64, 5, (halves[0].path,), NIGHT, CDR(), halves=tuple(halves))
    made = read(leaving(roles={"ch0": "customer", "ch1": "agent"}), *told_recordings(record, hashed=True))
    whole, first, second = made["dialog"]
    assert (whole["type"], whole["parties"], whole["recordings"]) == ("recording-set", [1, 0], [1, 2])
    assert (first["filename"], first["parties"], first["recording_set"]) == ("c-in.wav", 1, 0)
    assert (second["filename"], second["parties"]) == ("c-out.wav", 0)
    assert first["content_hash"] != second["content_hash"]


def test_the_sound_itself_is_in_it_where_that_is_wanted() -> None:
    told = ToldRecording("c.mp3", "audio/x-mp3", body=b"\xff\xfb\x00sound", body_channels=1)
    dialog = read(leaving(), told)["dialog"][0]
    assert (dialog["encoding"], dialog["mediatype"], dialog["parties"]) == ("base64url", "audio/x-mp3", [0, 1])
    assert base64.urlsafe_b64decode(dialog["body"] + "=" * (-len(dialog["body"]) % 4)) == b"\xff\xfb\x00sound"


def test_hostile_cells_stay_texts() -> None:
    for text in HOSTILE:
        cdr = CDR(call_id=text, agent_id=text, agent_name=text, team=text, queue=text, scenario=text, company=text)
        made = read(leaving([("ch0", 0.0, 1.0, text)], cdr=cdr), WAV)
        assert transcript(made)[0]["text"] == text
        assert made["parties"][0].get("name") == cdr.agent_name


def test_the_check_can_fail() -> None:
    made = read(leaving(), WAV)
    for wrong in ({"group": []}, {"uuid": "0"}, {"created_at": "yesterday"}, {"vcon": "0.0.1"}):
        assert not CHECK.is_valid(made | wrong), wrong
    assert not CHECK.is_valid(made | {"dialog": [made["dialog"][0] | {"mimetype": "audio/x-wav"}]})
