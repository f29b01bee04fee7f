"""What people said is in backups as of one moment, and leaves home and backup with its call."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flows.erasing import erase
from pipeline.errors import CallQAError
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import VerdictKey
from pipeline.reviews.verdict_reviews import reviews_of
from pipeline.storage.backup import manifest_file, take_backup, verify_backup
from pipeline.storage.erasure import Erasure
from pipeline.storage.home import Home
from pipeline.storage.restore import end_restore, restore_files
from tests.support.desks import settings_of
from tests.support.factories import sha_of
from tests.support.people import say

GONE, KEPT = sha_of("gone"), sha_of("kept")


def key_of(sha256: str) -> VerdictKey:
    return VerdictKey(sha256, "closing", "0" * 16, "f" * 64, "fail", "")


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_backup_holds_what_was_said_when_it_was_taken_while_people_go_on(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    reviews = Reviews(home)
    done, stop = [0], threading.Event()

    def work() -> None:
        while not stop.is_set():
            say(reviews, "li", key_of(KEPT), token=str(done[0]))
            done[0] += 1

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for _ in range(3):
            while done[0] < 20:
                pass
            before = done[0]
            take_backup(home, tmp_path / "backup")
    finally:
        stop.set()
        writer.join()
    assert verify_backup(tmp_path / "backup") == []
    again = Home(tmp_path / "again")
    again.root.mkdir()
    assert restore_files(again, tmp_path / "backup") == []
    end_restore(again)
    with Reviews(again).file.reading() as rows:
        said = reviews_of(rows, KEPT)
    assert before <= len(said) <= done[0]
    assert [each.id for each in said] == list(range(1, len(said) + 1))


def test_a_forgotten_call_takes_what_was_said_of_it_out_of_home_and_backup(tmp_path: Path) -> None:
    home, backup = Home(tmp_path / "home"), tmp_path / "backup"
    reviews = Reviews(home)
    for sha256 in (GONE, KEPT):
        say(reviews, "li", key_of(sha256), "pass", comment=f"canary of {sha256}")
    take_backup(home, backup)
    assert GONE.encode() in bytes_below(backup)
    assert erase(settings_of(home.root), Erasure(calls=(GONE,))) == []
    take_backup(home, backup)
    for place in (home.root, backup):
        held = bytes_below(place)
        assert GONE.encode() not in held
        assert f"canary of {KEPT}".encode() in held
    assert erase(settings_of(home.root), Erasure(words=(KEPT,))) == []
    take_backup(home, backup)
    assert b"canary" not in bytes_below(home.root) + bytes_below(backup)
    assert reviews.said_of((KEPT,)) == {KEPT}


def test_a_damaged_file_is_no_backup_and_the_last_one_stays(tmp_path: Path) -> None:
    home, backup = Home(tmp_path / "home"), tmp_path / "backup"
    for number in range(200):
        say(Reviews(home), "li", key_of(KEPT), token=str(number), comment="words " * 50)
    take_backup(home, backup)
    manifest = manifest_file(backup).read_bytes()
    file = Reviews(home).file
    file.empty_log()
    whole = bytearray(file.path.read_bytes())
    whole[8192:40_000] = b"\x00" * (40_000 - 8192)
    file.path.write_bytes(whole)
    with pytest.raises(CallQAError, match=r"reviews\.sqlite: cannot be used"):
        take_backup(home, backup)
    assert manifest_file(backup).read_bytes() == manifest
    assert verify_backup(backup) == []
