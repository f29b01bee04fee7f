"""Steps of a night over stored files alone: no recording, no model, no Prefect."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
import yaml

from flows.night import Night
from flows.options import stored_call
from pipeline.datatypes import CDR
from pipeline.errors import CallQAError
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home, JudgedFile, RecordingRecord
from tests.support.model_server import reply_of, serving
from tests.support.rulebooks import HEAD, write_book
from tests.support.talk import heard_call

FINGERPRINT = "f" * 64


def heard_before(home: Home, sha256: str, fingerprint: str = FINGERPRINT) -> None:
    """A recording that an earlier night saw and heard."""
    heard = heard_call([("ch0", 0.0, 2.0, "您好，请讲。"), ("ch1", 2.5, 4.0, "我要订机票。")])
    heard = replace(heard, sha256=sha256, fingerprint=fingerprint)
    artefacts.write(home.transcript(sha256, fingerprint), heard)
    artefacts.write(home.recording(sha256), RecordingRecord(sha256, 1000, ("a.wav",), datetime.now(UTC), CDR()))


@pytest.fixture
def night(settings: Settings, tmp_home: Home) -> Night:
    paths = settings.paths.model_copy(update={"home": tmp_home.root, "rulebooks": {}})
    return Night(settings.model_copy(update={"paths": paths}), FINGERPRINT)


def test_a_damaged_record_of_one_recording_costs_no_other_its_verdicts(night: Night) -> None:
    for sha256 in ("a" * 64, "b" * 64):
        heard_before(night.home, sha256)
    night.home.recording("a" * 64).write_bytes(b"damaged")
    night.plan_judging(everything=True)
    assert [record.sha256 for record in night.to_judge] == ["b" * 64]


@pytest.mark.parametrize(("stage", "stays"), [("judge", False), ("hear", True)])
def test_a_call_judged_after_all_is_no_failure_of_judging(
    night: Night, stage: Literal["judge", "hear"], stays: bool
) -> None:
    sha256 = "a" * 64
    heard_before(night.home, sha256)
    failure = Failure(sha256, "a.wav", stage, "error", "unforeseen", datetime.now(UTC))
    artefacts.write(night.home.failure(sha256), failure)
    night.plan_judging(everything=True)
    night.judge(0)
    assert night.home.judged(sha256).exists()
    assert night.home.failure(sha256).exists() is stays


def test_a_stored_call_is_what_its_verdicts_rest_on(night: Night) -> None:
    """Other engines may have heard it since: their words would not explain the verdicts."""
    sha256 = "a" * 64
    heard_before(night.home, sha256)
    night.plan_judging(everything=True)
    night.judge(0)
    heard_before(night.home, sha256, "e" * 64)
    later = night.home.transcript(sha256, "e" * 64).stat().st_mtime + 10
    os.utime(night.home.transcript(sha256, "e" * 64), (later, later))
    assert stored_call(sha256[:8], night.home)[0].fingerprint == FINGERPRINT
    night.home.judged(sha256).unlink()
    assert stored_call(sha256[:8], night.home)[0].fingerprint == "e" * 64


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, -6])
def test_a_damaged_judged_file_is_judged_again(night: Night, at: float) -> None:
    """One flipped byte, wherever it lies; -6 is in the checksum."""
    sha256 = "a" * 64
    heard_before(night.home, sha256)
    night.plan_judging(everything=True)
    night.judge(0)
    path = night.home.judged(sha256)
    whole = path.read_bytes()
    night.plan_judging(everything=True)
    assert night.to_judge == []
    damaged = bytearray(whole)
    damaged[int(at * len(whole)) if at > 0 else int(at)] ^= 0x10
    path.write_bytes(damaged)
    night.plan_judging(everything=True)
    assert [record.sha256 for record in night.to_judge] == [sha256]
    night.judge(0)
    assert path.read_bytes() == whole


def test_a_stored_call_is_found_by_id_file_name_or_hash(night: Night) -> None:
    """People have the file before them, its number in the name; what is stored has it masked."""
    for letter, name in (("a", "20261120-093100_*********34-all.mp3"), ("b", "other.wav")):
        heard_before(night.home, letter * 64)
        record = RecordingRecord(letter * 64, 1000, (f"/in/{name}",), datetime.now(UTC), CDR(call_id=f"C-{letter}"))
        artefacts.write(night.home.recording(letter * 64), record)
    for identity in (
        "C-a", "aaaaaaaa", "20261120-093100_13900001234-all.mp3", "/elsewhere/20261120-093100_13900001234-all.mp3",
        "20261120-093100_*********34-all.mp3", "20261120-093100_13900001234-all",
    ):  # fmt: skip
        assert stored_call(identity, night.home)[0].sha256 == "a" * 64
    with pytest.raises(CallQAError, match="no stored call has this id, file name or SHA-256") as error:
        stored_call("20261120-093100_13900001235-all.mp3", night.home)
    assert "13900001235" not in str(error.value)


HEARD_WORDS = "您好，请讲。"


def asking_night(settings: Settings, home: Home, folder: Path, endpoint: str) -> Night:
    """A night over a rulebook whose one rule asks a local model."""
    rule = {
        "id": "mockery", "title": {"zh": "嘲笑", "en": "mockery"}, "dimension": "one", "why": "试",
        "status": "experimental", "cases": [{"verdict": "unsure", "call": "坐席 0.0: 您好。\n客户 3.0: 你好。"}],
        "forbid": {"asks": {"question": "坐席有没有嘲笑客户？", "again": "坐席是不是取笑了客户？"}},
    }  # fmt: skip
    book = write_book(folder, {"mockery": yaml.safe_dump(rule, allow_unicode=True)}, head=HEAD.format(language="zh"))
    paths = settings.paths.model_copy(update={"home": home.root, "rulebooks": {"zh": book}})
    asks = settings.asks.model_copy(update={"endpoint": endpoint, "timeout_s": 5.0})
    return Night(settings.model_copy(update={"paths": paths, "asks": asks}), FINGERPRINT)


def test_a_call_that_a_dead_model_left_unanswered_is_asked_about_by_the_next_night(
    settings: Settings, tmp_home: Home, tmp_path: Path
) -> None:
    sha256 = "a" * 64
    heard_before(tmp_home, sha256)

    def outcome(night: Night) -> str:
        night.plan_judging(everything=True)
        night.judge(0)
        card = artefacts.read(tmp_home.judged(sha256), JudgedFile).judged.scorecard
        assert card is not None
        return card.verdicts[0].outcome

    with serving(lambda sent: reply_of("yes", (0, HEARD_WORDS))) as model:
        dead = asking_night(settings, tmp_home, tmp_path / "book", "http://127.0.0.1:9/v1")
        assert outcome(dead) == "unsure"
        assert any("next run" in str(warning) for warning in dead.tally.warnings)
        # the address is no part of what was judged: the mark alone brings the call back
        assert outcome(asking_night(settings, tmp_home, tmp_path / "book", model.base)) == "fail"
        again = asking_night(settings, tmp_home, tmp_path / "book", model.base)
        again.plan_judging(everything=True)
        assert again.to_judge == []
    assert len(model.sent) == 2


def test_the_beginning_of_an_id_is_enough_where_it_names_one_call(night: Night) -> None:
    for letter, call_id in (("a", "20261116-0007"), ("b", "20261116-0012"), ("c", "20261117-0001"), ("d", "20261117")):
        heard_before(night.home, letter * 64)
        record = RecordingRecord(letter * 64, 1000, (f"/in/{letter}.wav",), datetime.now(UTC), CDR(call_id=call_id))
        artefacts.write(night.home.recording(letter * 64), record)
    assert stored_call("20261116-0007", night.home)[0].sha256 == "a" * 64
    assert stored_call("20261116-001", night.home)[0].sha256 == "b" * 64
    assert stored_call("20261117", night.home)[0].sha256 == "d" * 64, "an id that is whole is no beginning"
    with pytest.raises(CallQAError, match="2 stored calls match; give more of the id or the SHA-256"):
        stored_call("20261116-00", night.home)
    with pytest.raises(CallQAError, match="no stored call"):
        stored_call("20261", night.home)
