"""Forgotten calls leave nothing: every byte of the home is looked through, packed or not."""

from __future__ import annotations

import errno
import os
import re
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flows import erasing
from flows.erasing import erase, finish_erasing
from flows.forgetting import Wanted, calls_wanted, held_by
from flows.records import PendingReport
from pipeline.errors import CallQAError
from pipeline.results import report
from pipeline.settings import Settings
from pipeline.storage.erasure import unfinished
from pipeline.storage.home import Home
from tests.support.canaries import (
    Canary,
    hits,
    run_canary_night,
    sha_of_canary,
)
from tests.support.nights import rows

Used = tuple[Settings, list[Canary]]


@pytest.fixture
def inbox(used_home: Used) -> Path:
    return used_home[0].inbox_folder


@pytest.fixture
def tmp_home(used_home: Used) -> Home:
    return Home(used_home[0].paths.home)


def test_nothing_of_a_forgotten_call_is_left_and_the_others_are_as_before(
    used_home: Used, tmp_home: Home, inbox: Path
) -> None:
    settings, (first, *others) = used_home
    (tmp_home.root / "logs").mkdir(exist_ok=True)
    (tmp_home.root / "logs" / "worker-0.log").write_text(f"trouble with {first.file_name}\n")
    everywhere = hits(tmp_home.root, first.texts)
    places = "heard/ judged/ recordings/ excerpts/ callqa.parts/ /index.html callqa.xlsx logs/"
    for place in places.split():
        assert any(place in hit for hit in everywhere), f"the search finds it in {place}"
    erasure = calls_wanted(tmp_home, settings, Wanted((first.call_id,)))
    assert {held.kind for held in held_by(tmp_home, erasure)} == {
        "recordings", "heard", "judged", "excerpts", "columns", "reports", "inbox",
    }  # fmt: skip
    assert erase(settings, replace(erasure, recordings=())) == []
    assert hits(tmp_home.root, first.texts) == []
    assert (inbox / first.file_name).exists()
    for canary in others:
        assert hits(tmp_home.root, (canary.word,))
    assert rows(tmp_home.database, "SELECT count(*) FROM calls") == [(2,)]
    (page,) = tmp_home.reports.glob("*/index.html")
    assert others[0].agent in page.read_text(encoding="utf-8")
    night = run_canary_night(settings)
    assert (night.tally.forgotten, night.tally.heard, night.tally.found) == (1, 0, 2)
    assert hits(tmp_home.root, first.texts) == []


def test_a_caller_is_forgotten_by_number_and_another_copy_of_a_call_by_its_id(
    used_home: Used, tmp_home: Home, inbox: Path
) -> None:
    settings, (first, *others) = used_home
    number = f"+86 {first.caller[:3]}-{first.caller[3:7]}-{first.caller[7:]}"
    erasure = calls_wanted(tmp_home, settings, Wanted(caller=number))
    assert erasure.calls == (sha_of_canary(inbox, first),)
    assert erase(settings, erasure) == []
    assert not (inbox / first.file_name).exists()
    # the same call, exported again
    (inbox / first.file_name).write_bytes((inbox / others[0].file_name).read_bytes() + b"\0\0")
    night = run_canary_night(settings)
    assert (night.tally.forgotten, night.tally.heard) == (1, 0)
    assert hits(tmp_home.root, (first.word, first.call_id)) == []
    # without their key nobody can tell which calls were forgotten, and none is heard again unnoticed
    tmp_home.forgotten_key.unlink()
    with pytest.raises(CallQAError, match="key of the forgotten calls"):
        run_canary_night(settings)


def test_calls_before_a_day_are_forgotten(used_home: Used, tmp_home: Home, inbox: Path) -> None:
    settings, canaries = used_home
    erasure = calls_wanted(tmp_home, settings, Wanted(before=date(2025, 3, 5)))
    assert set(erasure.calls) == {sha_of_canary(inbox, canary) for canary in canaries[:2]}


def test_a_beginning_that_means_several_calls_forgets_none(used_home: Used, tmp_home: Home) -> None:
    settings, _ = used_home
    with pytest.raises(CallQAError, match="3 stored calls match"):
        calls_wanted(tmp_home, settings, Wanted(("CALLZQX",)))
    with pytest.raises(CallQAError, match="no stored call"):
        calls_wanted(tmp_home, settings, Wanted(("CALLZQX-009",)))


def test_whatever_cuts_it_short_the_next_night_ends_it(
    used_home: Used, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, (first, *_) = used_home
    erasure = replace(calls_wanted(tmp_home, settings, Wanted((first.call_id,))), recordings=())

    def killed(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "build_database", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(settings, erasure)
    assert unfinished(tmp_home) == erasure
    run_canary_night(settings)
    assert unfinished(tmp_home) is None
    assert hits(tmp_home.root, first.texts) == []
    assert rows(tmp_home.database, "SELECT count(*) FROM calls") == [(2,)]


def test_what_cannot_be_deleted_is_told_and_tried_again(
    used_home: Used, tmp_home: Home, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, (first, *_) = used_home
    erasure = replace(calls_wanted(tmp_home, settings, Wanted((first.call_id,))), recordings=())
    stuck = tmp_home.judged(sha_of_canary(inbox, first))
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        left = erase(settings, erasure)
    assert stuck in {remnant.path for remnant in left}
    assert unfinished(tmp_home) is not None
    assert finish_erasing(settings) == []
    assert hits(tmp_home.root, first.texts) == []


def test_a_home_that_takes_no_file_forgets_nothing(
    used_home: Used, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, (first, *_) = used_home
    erasure = calls_wanted(tmp_home, settings, Wanted((first.call_id,)))
    before = hits(tmp_home.root, first.texts)

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        erase(settings, erasure)
    assert hits(tmp_home.root, first.texts) == before


def test_a_report_of_an_earlier_version_goes_and_one_from_before_the_call_stays(
    used_home: Used, tmp_home: Home
) -> None:
    settings, (first, *_) = used_home
    for name, age_s in (("old", 3600), ("unknown", 0)):
        folder = tmp_home.reports / name
        folder.mkdir()
        (folder / "index.html").write_text("<p>…</p>")
        os.utime(folder / "index.html", (time.time() - age_s,) * 2)
    erase(settings, replace(calls_wanted(tmp_home, settings, Wanted((first.call_id,))), recordings=()))
    names = {folder.name for folder in tmp_home.reports.iterdir()}
    assert "old" in names
    assert "unknown" not in names
    assert any(re.match(r"20\d\d-", name) for name in names), "the night's own was made anew"


def test_a_report_is_made_anew_where_that_was_cut_short_before(
    used_home: Used, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a page was written for the new one, and the page still shows the call."""
    settings, (first, *_) = used_home
    erasure = replace(calls_wanted(tmp_home, settings, Wanted((first.call_id,))), recordings=())

    def killed(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(report, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(settings, erasure)
    assert hits(tmp_home.reports, first.texts)
    assert finish_erasing(settings) == []
    assert hits(tmp_home.root, first.texts) == []


def test_clips_that_show_what_is_hidden_now_are_cut_anew_by_the_next_night(used_home: Used, tmp_home: Home) -> None:
    """Forgetting builds the database by the settings; the last night had been told to show everything."""
    settings, (first, *_) = used_home
    privacy = settings.privacy.model_copy(update={"mask": False})
    erasure = replace(calls_wanted(tmp_home, settings, Wanted((first.call_id,))), recordings=())
    erase(settings.model_copy(update={"privacy": privacy}), erasure)
    assert len(PendingReport(tmp_home).calls()) == 2
