"""What is left to do, by the files of the home; and what a run keeps there beside its results."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.faults import explained
from flows.plan import cut_shards, expected_s, failure_fingerprint, plan_hearing
from flows.records import Failures, PendingReport
from flows.tally import Tally
from pipeline.datatypes import CDR, Recording
from pipeline.messages import Message
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Failure, Home

FINGERPRINT = "f" * 64


def recordings(folder: Path, *minutes: int) -> list[Recording]:
    return [Recording(str(n), folder / f"{n}.wav", 16_000 * 60 * each, CDR()) for n, each in enumerate(minutes)]


def with_hearing(**hear: float) -> Settings:
    settings = load_settings()
    return settings.model_copy(update={"hear": settings.hear.model_copy(update=hear)})


@pytest.mark.parametrize(
    ("shard_minutes", "workers", "shards"),
    [
        (8, 1, [["0", "1"], ["2"], ["3"], ["4"]]),
        # no worker shall be idle for long at the end
        (60, 1, [["0", "1"], ["2"], ["3"], ["4"]]),
        (60, 4, [["0"], ["1"], ["2"], ["3"], ["4"]]),
    ],
)
def test_shards_hold_as_much_audio_as_the_settings_say(
    tmp_path: Path, shard_minutes: int, workers: int, shards: list[list[str]]
) -> None:
    cut = cut_shards(recordings(tmp_path, 4, 4, 4, 25, 1), with_hearing(shard_minutes=shard_minutes, workers=workers))
    assert [[recording.sha256 for recording in shard] for shard in cut] == shards


def test_a_length_is_guessed_from_the_size() -> None:
    assert expected_s(Path("a.WAV"), 16_000) == 1
    assert expected_s(Path("a.mp3"), 16_000) > 1


def test_what_is_transcribed_failed_or_over_the_limit_is_not_heard(tmp_home: Home, tmp_path: Path) -> None:
    inbox = recordings(tmp_path, 1, 1, 1, 1)
    write_whole(tmp_home.transcript("0", FINGERPRINT), b"")
    settings = with_hearing(workers=1)
    failing = failure_fingerprint(FINGERPRINT, settings)
    artefacts.write(tmp_home.failure("1"), Failure("1", "1.wav", "hear", "stuck", "why", datetime.now(UTC), failing))
    plan = plan_hearing(tmp_home, FINGERPRINT, settings, inbox, limit=1)
    assert [recording.sha256 for recording in plan.recordings] == ["2"]
    assert [recording.sha256 for recording in plan.transcribed] == ["0"]
    assert (plan.known_failures, plan.left) == (1, 1)
    again = plan_hearing(tmp_home, FINGERPRINT, settings, inbox, retry_failed=True)
    assert [recording.sha256 for recording in again.recordings] == ["1", "2", "3"]
    patient = plan_hearing(tmp_home, FINGERPRINT, with_hearing(workers=1, stuck_factor=50), inbox)
    assert len(patient.recordings) == 3
    other_engines = plan_hearing(tmp_home, "e" * 64, settings, inbox)
    assert len(other_engines.recordings) == 4


def test_the_mark_of_a_pending_report_outlives_a_cut_line(tmp_home: Home) -> None:
    mark = PendingReport(tmp_home)
    assert not mark
    mark.set()
    mark.add("a" * 64)
    mark.add("b" * 64)
    with mark.path.open("a") as stream:
        stream.write("c" * 10)
    assert mark.calls() == {"a" * 64, "b" * 64}
    mark.clear()
    assert not mark
    assert mark.calls() == frozenset()


def test_a_failure_is_kept_in_the_users_language_and_known_again_in_the_other(tmp_home: Home) -> None:
    pending, tally = PendingReport(tmp_home), Tally()
    failure = Failure("1", "1.wav", "hear", "memory", Message("not enough memory to transcribe it"), datetime.now(UTC))
    Failures(tmp_home, pending, tally, "zh").keep(failure)
    assert artefacts.read(tmp_home.failure("1"), Failure).message == "内存不足，无法转写"
    assert pending
    pending.clear()
    Failures(tmp_home, pending, tally, "en").keep(failure)
    assert not pending
    assert tally.failed == 2


def test_errors_are_explained_without_their_text() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("张女士")
    assert "张女士" not in str(explained(caught.value))
    assert "test_plan.py" in str(explained(caught.value))
    assert "disk is full" in str(explained(OSError(28, "No space left on device")))
