"""A backup is the home again: the same rows, nothing heard anew; what was forgotten leaves it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.erased import holding_backups
from flows.erasing import erase
from flows.forgetting import Wanted, calls_wanted
from flows.rulebooks import rulebooks_in_force
from pipeline.errors import CallQAError
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.backup import (
    BACKED_UP,
    BackedFile,
    BackupManifest,
    content_file,
    manifest_file,
    note_target,
    read_manifest,
    take_backup,
    verify_backup,
)
from pipeline.storage.call_files import BY_CALL, BY_NAME
from pipeline.storage.erasure import Erasure, begin
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from pipeline.storage.restore import end_restore, restore_files
from tests.support.canaries import Canary, hits, run_canary_night
from tests.support.nights import content

Used = tuple[Settings, list[Canary]]


@pytest.fixture
def home(used_home: Used) -> Home:
    return Home(used_home[0].paths.home)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def restored(settings: Settings, target: Path, root: Path) -> Settings:
    """A home made from a backup, as `callqa restore` does it."""
    here = settings.model_copy(update={"paths": settings.paths.model_copy(update={"home": root})})
    home = Home(root)
    with run_lock(home, restoring=True):
        assert restore_files(home, target) == []
        build_database(home, here, [rulebook_info(book) for book in rulebooks_in_force(here).values()])
        end_restore(home)
    return here


def test_a_restored_home_has_the_same_rows_and_hears_nothing(
    used_home: Used, home: Home, target: Path, tmp_path: Path
) -> None:
    settings, _ = used_home
    first = take_backup(home, target)
    assert first.copied == first.files > 0
    again = take_backup(home, target)
    assert (again.copied, again.files, again.removed) == (0, first.files, 0)
    assert verify_backup(target) == []
    assert not hits(target, [home.salt.read_bytes().hex()])
    here = restored(settings, target, tmp_path / "new")
    new = Home(tmp_path / "new")
    assert content(new.database) == content(home.database)
    clips = [path.relative_to(home.root) for path in home.excerpts.rglob("*.mp3")]
    assert clips
    assert all((new.root / path).read_bytes() == (home.root / path).read_bytes() for path in clips)
    shutil.copyfile(home.salt, new.salt)  # `callqa keys import`
    night = run_canary_night(here)
    assert (night.tally.found, night.tally.heard, night.tally.judged) == (3, 0, 0)
    assert content(new.database) == content(home.database)


def test_whatever_is_a_calls_own_is_in_a_backup() -> None:
    assert {*BY_CALL, *BY_NAME} <= set(BACKED_UP)


def test_what_was_forgotten_is_named_and_leaves_the_backup_with_the_next_one(
    used_home: Used, home: Home, target: Path
) -> None:
    settings, (first, *_) = used_home
    take_backup(home, target)
    note_target(home, target)
    erasure = replace(calls_wanted(home, settings, Wanted((first.call_id,))), recordings=())
    erase(settings, erasure)
    (line,) = holding_backups(home, erasure)
    assert str(target) in line
    assert hits(target, first.texts)
    outcome = take_backup(home, target)
    assert outcome.removed >= 4
    assert holding_backups(home, erasure) == []
    assert hits(target, first.texts) == []
    shutil.rmtree(target)
    assert "may hold it" in holding_backups(home, erasure)[0]


def test_a_backup_that_is_cut_short_leaves_the_last_one(
    used_home: Used, home: Home, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_backup(home, target)
    before = read_manifest(target)
    rewritten = sorted(home.files("judged"))
    for path in rewritten:
        os.utime(path)
    for fault in (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EROFS):

        def refuse(*given: Any, fault: int = fault) -> None:
            raise OSError(fault, os.strerror(fault))

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", refuse)
            with pytest.raises(OSError, match=os.strerror(fault)):
                take_backup(home, target)
    assert read_manifest(target) == before
    assert verify_backup(target) == []
    assert take_backup(home, target).copied == len(rewritten)
    erasure = begin(home, Erasure(calls=("a" * 64,)))
    assert erasure
    with pytest.raises(CallQAError, match="being forgotten"):
        take_backup(home, target)


def test_what_leaves_the_home_while_it_is_copied_is_in_no_manifest(
    used_home: Used, home: Home, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = sorted(home.files("heard"))[0]
    last = sorted(home.reports.rglob("*"))[-1]

    def leave(number: int) -> None:
        if number == 12:
            gone.unlink()

    assert last.exists()
    take_backup(home, target, leave)
    names = {file.path for file in read_manifest(target).files}
    assert str(gone.relative_to(home.root)) not in names
    assert all((home.root / name).exists() for name in names)


def test_a_damaged_backup_is_told_file_by_file(used_home: Used, home: Home, target: Path, tmp_path: Path) -> None:
    take_backup(home, target)
    one, other = read_manifest(target).files[:2]
    content_file(target, one.sha256).write_bytes(b"rotten")
    content_file(target, other.sha256).unlink()
    assert {(fault.path, fault.fault) for fault in verify_backup(target)} >= {
        (one.path, "damaged"), (other.path, "missing"),
    }  # fmt: skip
    new = Home(tmp_path / "new")
    with run_lock(new, restoring=True):
        assert {fault.path for fault in restore_files(new, target)} >= {one.path, other.path}
    assert not (new.root / one.path).exists()


def test_a_restore_that_was_cut_short_is_gone_on_with_and_nothing_else_works_there(
    used_home: Used, home: Home, target: Path, tmp_path: Path
) -> None:
    settings, _ = used_home
    take_backup(home, target)
    new = Home(tmp_path / "new")

    def stop(number: int) -> None:
        if number == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), run_lock(new, restoring=True):
        restore_files(new, target, stop)
    with pytest.raises(CallQAError, match="restored in part"), run_lock(new):
        pass
    restored(settings, target, new.root)
    assert content(new.database) == content(home.database)
    with pytest.raises(CallQAError, match="not empty"), run_lock(new, restoring=True):
        restore_files(new, target)


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "judged/../../outside", "callqa.duckdb", "caller.salt"])
def test_a_manifest_of_somebody_else_reaches_nothing_but_the_homes_own_files(
    target: Path, tmp_path: Path, path: str
) -> None:
    data = b"planted"
    backed = BackedFile(path, len(data), 1, hashlib.sha256(data).hexdigest())
    content_file(target, backed.sha256).parent.mkdir(parents=True)
    content_file(target, backed.sha256).write_bytes(data)
    artefacts.write(manifest_file(target), BackupManifest(datetime.now(UTC), (backed,)))
    new = Home(tmp_path / "deep" / "new")
    with run_lock(new, restoring=True):
        assert [fault.fault for fault in restore_files(new, target)] == ["damaged"]
    holding = [file for file in tmp_path.rglob("*") if file.is_file() and file.read_bytes() == data]
    assert holding == [content_file(target, backed.sha256)]


@pytest.mark.parametrize("where", ["inside", "around", "full"])
def test_a_backup_goes_into_a_folder_of_its_own(tmp_home: Home, tmp_path: Path, where: str) -> None:
    tmp_home.root.mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "else.txt").touch()
    target = {"inside": tmp_home.root / "backup", "around": tmp_path, "full": tmp_path / "full"}[where]
    with pytest.raises(CallQAError, match=r"outside the home|other files"):
        take_backup(tmp_home, target)
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["full", "home"]'
