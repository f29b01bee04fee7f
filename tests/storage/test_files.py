"""Files are written whole or not at all, and one content has one hash."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from pipeline.storage.files import file_sha256, put_in_place, write_whole


def test_a_file_is_written_with_its_folders_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "c.bin"
    write_whole(file, b"one")
    write_whole(file, b"two")
    assert file.read_bytes() == b"two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.iterdir()] == ["c.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file, made = tmp_path / "kept", tmp_path / "made"
    file.write_bytes(b"old")
    made.write_bytes(b"new")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, b"new")
    with pytest.raises(OSError, match="No space"):
        put_in_place(made, file)
    assert file.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept", "made"]


def test_a_finished_file_or_folder_is_put_in_place(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"new")
    (tmp_path / "target").write_bytes(b"old")
    put_in_place(tmp_path / "made", tmp_path / "target")
    (tmp_path / "folder").mkdir()
    put_in_place(tmp_path / "folder", tmp_path / "book")
    assert (tmp_path / "target").read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["book", "target"]


def test_a_path_and_a_stream_have_the_hash_of_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"sound" * 100_000)
    expected = hashlib.sha256(b"sound" * 100_000).hexdigest()
    assert file_sha256(file) == expected
    with file.open("rb") as stream:
        assert file_sha256(stream) == expected
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "none")
