"""What a night says of itself when it is over, and its exit status."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
import typer

from flows import console
from flows.cli import summary
from flows.cli.night import _leave
from flows.exit_status import INCOMPLETE
from flows.night import Night
from flows.tally import Tally
from pipeline.settings import Settings
from pipeline.storage.home import Home


@pytest.fixture
def night(settings: Settings, tmp_home: Home, tmp_path: Path) -> Night:
    """A night that has nothing to hear."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    paths = settings.paths.model_copy(update={"home": tmp_home.root, "inbox": inbox, "rulebooks": {}})
    ingest = settings.ingest.model_copy(update={"settle_s": 3600.0})
    return Night(settings.model_copy(update={"paths": paths, "ingest": ingest}), "f" * 64)


def attention(night: Night, monkeypatch: pytest.MonkeyPatch) -> str:
    screen = io.StringIO()
    monkeypatch.setattr(console.out, "_file", screen)
    summary._print_attention(night)
    return screen.getvalue()


def test_files_that_are_still_being_written_are_told(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.wav", "b.wav"):
        (night.settings.paths.inbox / name).write_bytes(b"half")
    night.scan()
    assert "Still being written, left for the next run: 2." in attention(night, monkeypatch)
    assert summary._counts(night, idle=True)["waiting"] == 2
    assert "still being written 2" in night.tally.in_a_line("x")
    _leave(night)  # nothing is wrong with it


def test_a_cdr_that_cannot_be_read_shows_in_summary_and_exit_status(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdr = night.settings.paths.inbox / "cdr.csv"
    cdr.write_bytes(bytes(range(256)) * 100)
    os.utime(cdr, (time.time() - 7200,) * 2)
    night.scan()
    assert "cdr.csv" in attention(night, monkeypatch)
    with pytest.raises(typer.Exit) as ended:
        _leave(night)
    assert ended.value.exit_code == INCOMPLETE


@pytest.mark.parametrize("count", ["failed", "known_failures", "lost", "without_clips", "damaged"])
def test_what_was_left_undone_shows_in_the_line_of_a_scheduled_night_and_in_the_exit_status(
    night: Night, count: str
) -> None:
    nothing = Tally().in_a_line("x")
    setattr(night.tally, count, 1)
    assert night.tally.in_a_line("x") != nothing
    with pytest.raises(typer.Exit):
        _leave(night)
