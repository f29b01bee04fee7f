"""What becomes of a recording that was not heard: its own faults are final, the machine's are not."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows.faults import DISK_IS_FULL, RunStopped
from flows.night import AGAIN_AFTER_S, RUNS_TRIED, Night
from flows.plan import HearingPlan
from flows.worker import outcome_message
from flows.worker_pool import MACHINE_FAULTS_IN_A_ROW, WorkerOutcome
from pipeline.datatypes import CDR, Recording
from pipeline.errors import BadModel, BadRecording, BadSetting, TransientFault
from pipeline.hearing.ffmpeg import mp3_bytes
from pipeline.hearing.formats import DECODE_REASONS
from pipeline.hearing.known_sound import check_ffmpeg
from pipeline.hearing.recording import TRANSIENT_REASONS
from pipeline.intake.inbox import scan_inbox
from pipeline.messages import Message
from pipeline.settings import Decode, Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Failure, Home

FINGERPRINT = "f" * 64
SHA256 = "a" * 64


@pytest.fixture
def make_night(settings: Settings, tmp_home: Home, tmp_path: Path) -> Callable[..., Night]:
    """Nights over one home and inbox, whose workers answer what the test says."""
    (tmp_path / "inbox").mkdir()
    paths = settings.paths.model_copy(update={"home": tmp_home.root, "inbox": tmp_path / "inbox", "rulebooks": {}})

    def make(*reasons: str | None, count: int = 1, **decode: float) -> Night:
        limits = settings.decode.model_copy(update=decode)
        night = Night(settings.model_copy(update={"paths": paths, "decode": limits}), FINGERPRINT)
        answers = iter(reasons)

        def answer(sha256: str, path: Path, decoded: object = None, halves: object = ()) -> WorkerOutcome:
            return WorkerOutcome(sha256, reason=next(answers), message="why")

        night.pool.hear = answer  # type: ignore[method-assign]
        night.stop.wait = lambda timeout=None: False  # type: ignore[method-assign]
        names = [SHA256, *(f"{number:064x}" for number in range(1, count))]
        recordings = tuple(Recording(name, tmp_path / "inbox" / f"{name}.wav", 1000, CDR()) for name in names)
        night.plan = HearingPlan(shards=(recordings,))
        return night

    return make


def known_failures(night: Night) -> int:
    """How many of the planned recordings the next run would not try again."""
    from flows.plan import plan_hearing

    assert night.plan
    return plan_hearing(night.home, FINGERPRINT, night.settings, night.plan.recordings).known_failures


def failure(night: Night) -> Failure:
    return artefacts.read(night.home.failure(SHA256), Failure)


@pytest.mark.parametrize("reason", sorted(DECODE_REASONS))
def test_a_bad_recording_is_not_tried_again_until_a_limit_is_raised(
    make_night: Callable[..., Night], reason: str
) -> None:
    night = make_night(reason)
    night.hear(0)
    assert failure(night).reason == reason
    assert known_failures(night) == 1
    assert known_failures(make_night(longest_s=20_000.0)) == 0, "as its message says: raise decode.longest_s"


def test_what_the_machine_failed_is_tried_again_at_once_and_by_the_next_run(
    make_night: Callable[..., Night],
) -> None:
    night = make_night("machine", None)
    night.hear(0)
    assert (night.tally.heard, night.tally.failed) == (1, 0)
    for _ in range(2 * RUNS_TRIED):
        night = make_night(*["machine"] * (1 + len(AGAIN_AFTER_S)))
        night.hear(0)
        assert (failure(night).reason, night.tally.failed) == ("machine", 1)
        assert known_failures(night) == 0
    night = make_night(None)
    night.hear(0)
    assert not night.home.failure(SHA256).exists()


@pytest.mark.parametrize("reason", ["crashed", "memory", "error"])
def test_what_ends_workers_is_tried_in_a_few_runs(make_night: Callable[..., Night], reason: str) -> None:
    for tries in range(1, RUNS_TRIED + 1):
        night = make_night(reason)
        night.hear(0)
        assert failure(night).tries == tries
        assert known_failures(night) == (tries == RUNS_TRIED)


@pytest.mark.parametrize("reason", ["missing", "replaced"])
def test_a_file_that_is_another_now_is_left_to_the_next_scan(make_night: Callable[..., Night], reason: str) -> None:
    night = make_night(reason)
    night.hear(0)
    assert (night.tally.lost, night.tally.failed, night.tally.heard) == (1, 0, 0)
    assert not night.home.failure(SHA256).exists()


def test_a_file_with_other_bytes_than_its_dates_tell_is_read_again_by_the_next_scan(
    make_night: Callable[..., Night], settings: Settings
) -> None:
    night = make_night("replaced")
    file = night.settings.paths.inbox / "a.wav"
    file.write_bytes(b"first" * 1000)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    (before,) = scan_inbox(night.settings, night.home).recordings
    file.write_bytes(b"other" * 1000)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert scan_inbox(night.settings, night.home).recordings == (before,), "it looks as it did"
    night.plan = HearingPlan(shards=((before,),))
    night.hear(0)
    (after,) = scan_inbox(night.settings, night.home).recordings
    assert after.sha256 == file_sha256(file) != before.sha256


@pytest.mark.parametrize("reason", ["missing", "machine"])
def test_an_inbox_that_went_away_ends_the_night(make_night: Callable[..., Night], reason: str) -> None:
    night = make_night(*[reason] * 100, count=9)
    night.settings.paths.inbox.rmdir()
    with pytest.raises(RunStopped, match="the inbox is gone"):
        night.hear(0)
    assert not list(night.home.files("failures"))


def test_faults_of_the_machine_without_end_end_the_night(make_night: Callable[..., Night]) -> None:
    night = make_night(*["machine"] * 100, count=9)
    with pytest.raises(RunStopped, match=f"{MACHINE_FAULTS_IN_A_ROW} recordings in a row"):
        night.hear(0)
    assert len(list(night.home.files("failures"))) == MACHINE_FAULTS_IN_A_ROW - 1
    between = make_night(*(["machine"] * 3 + [None]) * 9, count=9)
    between.hear(0)
    assert between.tally.heard == 4, "in between others were heard"


def test_every_reason_is_of_one_kind() -> None:
    assert not DECODE_REASONS.keys() & TRANSIENT_REASONS.keys()


# --- what a worker says


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EFBIG, errno.EACCES, errno.ENOTDIR, errno.ENOSPC])
def test_a_home_that_takes_no_file_ends_the_night(number: int) -> None:
    answer = outcome_message(OSError(number, os.strerror(number), "/home/heard"), "store")
    assert answer["event"] == "stop"
    wanted = str(DISK_IS_FULL) if number == errno.ENOSPC else f"/home/heard: cannot be written ({os.strerror(number)})"
    assert wanted in answer["message"]


@pytest.mark.parametrize(
    ("error", "event", "reason"),
    [
        (BadRecording("damaged", Message("no such file")), "failed", "damaged"),
        (TransientFault("replaced", Message("no such file")), "failed", "replaced"),
        (OSError(errno.EIO, "Input/output error", "/weights/model.bin"), "failed", "machine"),
        (OSError(errno.ENOSPC, "No space left on device"), "stop", None),
        (BadSetting(Message("no such file")), "stop", None),
        (BadModel(Message("no such file")), "stop", None),
        (MemoryError(), "failed", "memory"),
        (RuntimeError("张女士"), "failed", "error"),
    ],
)
def test_what_a_worker_tells_of_an_error(error: Exception, event: str, reason: str | None) -> None:
    answer = outcome_message(error, "hear")
    assert (answer["event"], answer.get("reason")) == (event, reason)
    assert "张女士" not in str(answer)


# --- ffmpeg itself


def program(tmp_path: Path, script: str) -> Decode:
    file = tmp_path / "ffmpeg"
    file.write_text("#!/bin/sh\n" + script)
    file.chmod(0o755)
    return Decode(ffmpeg=str(file))  # type: ignore[call-arg]


def test_a_whole_ffmpeg_decodes_the_known_sound() -> None:
    check_ffmpeg(Decode())  # type: ignore[call-arg]
    check_ffmpeg(Decode(longest_s=0.1, largest_mb=0.001))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "script",
    [
        "exit 0\n",
        "exit 1\n",
        "cat >/dev/null; echo something else\n",
        'case "$*" in *libmp3lame*) exit 1;; esac; head -c 90000 /dev/zero\n',
    ],
)
def test_a_broken_ffmpeg_is_noticed(tmp_path: Path, script: str) -> None:
    with pytest.raises(BadSetting, match=r"decode\.ffmpeg"):
        check_ffmpeg(program(tmp_path, script))


def test_an_ffmpeg_that_is_no_program_is_named(tmp_path: Path) -> None:
    settings = program(tmp_path, "")
    Path(settings.ffmpeg).write_bytes(b"")
    with pytest.raises(BadSetting, match=r"decode\.ffmpeg: .*: cannot be run \(Exec format error\)"):
        check_ffmpeg(settings)


def test_an_ffmpeg_that_never_stops_writing_takes_no_memory(tmp_path: Path) -> None:
    endless = program(tmp_path, "exec cat /dev/zero\n")
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30), before[1]))
    try:
        with pytest.raises(BadSetting, match="cannot write MP3"):
            mp3_bytes(np.zeros(16000, np.float32), 16000, ffmpeg=endless.ffmpeg)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_an_ffmpeg_that_decodes_to_silence_is_noticed(tmp_path: Path) -> None:
    from pipeline.hearing.ffmpeg import ffmpeg_executable
    from tests.support.malformed import wav

    silence = tmp_path / "silence.wav"
    silence.write_bytes(wav(np.zeros(8000, "<i2").tobytes(), rate_hz=16000))
    script = f'case "$*" in *libmp3lame*) exec {ffmpeg_executable("auto")} "$@";; esac\nexec cat {silence}\n'
    with pytest.raises(BadSetting, match="does not decode a known sound"):
        check_ffmpeg(program(tmp_path, script))
