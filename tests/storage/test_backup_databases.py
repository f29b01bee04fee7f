"""What people write is in a backup as it was at one moment, and in the home that is made from it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from desk.access.sessions import Sessions
from desk.accounts import Accounts
from pipeline.errors import CallQAError
from pipeline.settings.desk import DeskSettings
from pipeline.storage.backup import DATABASES, content_file, read_manifest, take_backup, verify_backup
from pipeline.storage.home import Home
from pipeline.storage.restore import end_restore, restore_files


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    Accounts(home).make("root", "administrator", "long enough")
    return home


def restored(target: Path, root: Path) -> Home:
    home = Home(root)
    root.mkdir()
    assert restore_files(home, target) == []
    end_restore(home)
    return home


def test_accounts_are_in_a_backup_while_somebody_writes(home: Home, tmp_path: Path) -> None:
    accounts, target = Accounts(home), tmp_path / "target"
    with accounts.file.writing() as rows:
        rows.execute("UPDATE accounts SET shown_name = 'not yet' WHERE name = 'root'")
        take_backup(home, target)
    assert (home.root / "accounts.sqlite-wal").stat().st_size > 0
    assert verify_backup(target) == []
    there = Accounts(restored(target, tmp_path / "first"))
    account = there.signs_in("root", "long enough")
    assert account is not None
    assert account.user.shown_name == "root"
    take_backup(home, target)
    later = Accounts(restored(target, tmp_path / "second")).get("root")
    assert later is not None
    assert later.user.shown_name == "not yet"
    named = {file.path for file in read_manifest(target).files}
    assert named & {f"{name}{more}" for name in DATABASES for more in ("", "-wal", "-shm")} == {"accounts.sqlite"}


def test_nobody_is_signed_in_by_a_backup(home: Home, tmp_path: Path) -> None:
    accounts = Accounts(home)
    session = Sessions(accounts.file, DeskSettings()).begin("root", "password")
    link = accounts.make_link("root")
    assert Sessions(accounts.file, DeskSettings()).user_of(session)
    take_backup(home, tmp_path / "target")
    there = Accounts(restored(tmp_path / "target", tmp_path / "first"))
    assert there.get("root") is not None
    assert Sessions(there.file, DeskSettings()).user_of(session) is None
    assert there.link(link) is None


def test_a_copy_is_whole_though_it_was_in_the_log_alone(home: Home, tmp_path: Path) -> None:
    take_backup(home, tmp_path / "target")
    (file,) = (file for file in read_manifest(tmp_path / "target").files if file.path == "accounts.sqlite")
    with sqlite3.connect(content_file(tmp_path / "target", file.sha256)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT name FROM accounts").fetchall() == [("root",)]


def test_what_is_damaged_stops_a_backup_and_the_last_one_stays(home: Home, tmp_path: Path) -> None:
    take_backup(home, tmp_path / "target")
    before = read_manifest(tmp_path / "target")
    for path in home.root.glob("accounts.sqlite*"):
        path.unlink()
    (home.root / "accounts.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(CallQAError, match="cannot be used"):
        take_backup(home, tmp_path / "target")
    assert read_manifest(tmp_path / "target") == before
