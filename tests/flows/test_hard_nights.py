"""Nights in which a file is swapped, ffmpeg breaks or the home cannot be written: real processes, real models."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home
from tests.support.nights import SAMPLES, callqa, cut, environment, one_rule, rows, summary

# one process has the Prefect server that nights share
pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.xdist_group("nightly")]


@dataclass(frozen=True)
class Desk:
    """A home and an inbox with two short recordings, and a script that is run in ffmpeg's place."""

    folder: Path
    inbox: Path
    home: Home
    env: dict[str, str]

    def night(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.callqa("nightly", "--inbox", self.inbox, *arguments)

    def callqa(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        settings = self.folder / "callqa.toml"
        return callqa("--settings", settings, "--home", self.home.root, *arguments, env=self.env)

    def ffmpeg(self, before: str) -> None:
        """ffmpeg does this first."""
        (self.folder / "ffmpeg").write_text(f'#!/bin/sh\n{before}\nexec "{ffmpeg_executable("auto")}" "$@"\n')

    def heard(self) -> set[str]:
        return {path.name.split(".")[0] for path in self.home.files("heard")}


@pytest.fixture
def desk(tmp_path: Path, weights: Path, prefect: dict[str, str]) -> Desk:
    settings = one_rule(tmp_path)
    script = tmp_path / "ffmpeg"
    with settings.open("a", encoding="utf-8") as stream:
        stream.write(f"[decode]\nffmpeg = {json.dumps(str(script))}\n")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    lost, baggage = SAMPLES / "20261119-104156-412-lost-parcel.wav", SAMPLES / "20261117-163719-2336-baggage.wav"
    cut(lost, inbox / "a.wav", 0, 6)
    cut(baggage, inbox / "b.wav", 0, 6)
    desk = Desk(tmp_path, inbox, Home(tmp_path / "home"), environment(tmp_path / "prefect", **prefect))
    desk.ffmpeg("")
    script.chmod(0o755)
    return desk


def one_line(night: subprocess.CompletedProcess[str]) -> str:
    assert night.returncode == 1, night.stderr
    assert "Traceback" not in night.stderr
    return night.stderr.splitlines()[-1]


def test_a_recording_swapped_under_a_night_is_heard_as_what_it_is(desk: Desk) -> None:
    """The recorder uses a name again between the scan and the hearing."""
    first, other = desk.inbox / "b.wav", desk.folder / "other.wav"
    cut(SAMPLES / "20261117-163719-2336-baggage.wav", other, 6, 12)
    old, new, kept = file_sha256(first), file_sha256(other), file_sha256(desk.inbox / "a.wav")
    desk.ffmpeg(f"[ -e {other} ] && mv {other} {first}")
    night = desk.night("--json")
    assert night.returncode == 3, night.stderr
    assert (summary(night)["heard"], summary(night)["lost"], summary(night)["failed"]) == (1, 1, 0)
    assert desk.heard() == {kept}, "nothing is stored under the hash of what is gone"
    night = desk.night("--json")
    assert night.returncode == 0, night.stderr
    assert desk.heard() == {kept, new}
    assert {sha for (sha,) in rows(desk.home.database, "SELECT sha256 FROM calls")} == {kept, new}
    assert old not in desk.heard()


def test_a_broken_ffmpeg_ends_the_night_before_anything_is_booked(desk: Desk) -> None:
    desk.ffmpeg("exit 0")
    assert "decode.ffmpeg" in one_line(desk.night())
    assert not list(desk.home.files("failures"))
    # it breaks when the worker is at work: after the known sound was decoded twice
    desk.ffmpeg(f'echo >> {desk.folder}/runs; [ "$(wc -l < {desk.folder}/runs)" -gt 3 ] && exit 0')
    desk.home.root.mkdir(exist_ok=True)
    assert "decode.ffmpeg" in one_line(desk.night())
    assert not list(desk.home.files("failures"))
    desk.ffmpeg("")
    night = desk.night("--json")
    assert night.returncode == 0, night.stderr
    assert summary(night)["heard"] == 2


def test_a_home_that_takes_no_transcript_ends_the_night_and_the_next_one_goes_on(desk: Desk) -> None:
    desk.home.root.mkdir()
    (desk.home.root / "heard").write_bytes(b"a file where a folder should be")
    assert "cannot be written" in one_line(desk.night())
    assert not list(desk.home.files("failures"))
    (desk.home.root / "heard").unlink()
    night = desk.night("--json")
    assert night.returncode == 0, night.stderr
    assert (summary(night)["heard"], summary(night)["failed"]) == (2, 0)


def test_clips_that_cannot_be_cut_show_in_summary_and_exit_status(desk: Desk) -> None:
    night = desk.night("--json")
    assert night.returncode == 0, night.stderr
    assert rows(desk.home.database, "SELECT count(*) > 0 FROM clips") == [(True,)], "or nothing is tried here"
    shutil.rmtree(desk.home.excerpts)
    a, b = desk.inbox / "a.wav", desk.inbox / "b.wav"
    sound = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(sound)
    rebuilt = desk.callqa("rebuild")
    assert rebuilt.returncode == 3, rebuilt.stderr
    assert "Clips could not be cut" in rebuilt.stdout
    assert rows(desk.home.database, "SELECT count(*) FROM clips") == [(0,)]
    assert {r for (r,) in rows(desk.home.database, "SELECT reason FROM failures")} == {"replaced"}
