"""What is heard is what was hashed, whatever is done to the file under its name."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import BadRecording, CallQAError, TransientFault
from pipeline.hearing.decode import decode, decode_spans
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.hearing.recording import open_recording, refused
from pipeline.messages import Message
from pipeline.settings import Decode
from pipeline.storage.files import file_sha256
from pipeline.timeline import Span
from tests.support.malformed import MP3, encoded, voice, wav

DECODE = Decode()  # type: ignore[call-arg]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording of three seconds."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav(voice(3, 1).tobytes()))
    return path


def not_now(path: Path, sha256: str | None, settings: Decode = DECODE) -> str:
    with pytest.raises(TransientFault) as caught:
        decode(path, settings, sha256=sha256)
    assert str(caught.value).isprintable()
    return caught.value.reason


def settings_of(tmp_path: Path, meanwhile: str) -> Decode:
    """ffmpeg itself, which does something to the file in the moment before it opens it."""
    script = tmp_path / "ffmpeg"
    script.write_text(f'#!/bin/sh\n{meanwhile}\nexec "{ffmpeg_executable("auto")}" "$@"\n')
    script.chmod(0o755)
    return Decode(ffmpeg=str(script))  # type: ignore[call-arg]


def test_another_recording_under_the_name_is_not_heard(path: Path) -> None:
    sha256 = file_sha256(path)
    path.write_bytes(wav(voice(3, 2).tobytes()))
    assert not_now(path, sha256) == "replaced"
    path.write_bytes(b"no sound at all")
    assert not_now(path, sha256) == "replaced", "its fault is not the recording's"
    path.write_bytes(b"")
    assert not_now(path, sha256) == "replaced"
    path.unlink()
    assert not_now(path, sha256) == "missing"


@pytest.mark.parametrize("coding", ["wav", "mp3", "ul"])
def test_a_file_put_in_its_place_while_it_is_decoded_is_not_heard(tmp_path: Path, coding: str) -> None:
    sounds = [voice(3, 1), voice(9, 2)]
    makers = {
        "wav": lambda s: wav(s.tobytes()),
        "mp3": lambda s: encoded(MP3, s),
        "ul": lambda s: b"\xff\x01" + s.tobytes(),
    }
    path, other = tmp_path / f"a.{coding}", tmp_path / f"b.{coding}"
    path.write_bytes(makers[coding](sounds[0]))
    other.write_bytes(makers[coding](sounds[1]))
    sha256, whole = file_sha256(path), decode(path, DECODE)
    swapping = settings_of(tmp_path, f"mv {other} {path}")
    swapped = decode(path, swapping, sha256=sha256)
    assert not other.exists(), "the swap took place"
    assert np.array_equal(swapped.samples, whole.samples)
    assert not_now(path, sha256) == "replaced", "the next one sees the other"


def test_a_deleted_file_is_heard_to_its_end(path: Path, tmp_path: Path) -> None:
    sha256, whole = file_sha256(path), decode(path, DECODE)
    gone = decode(path, settings_of(tmp_path, f"rm {path}"), sha256=sha256)
    assert np.array_equal(gone.samples, whole.samples)


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_grows_meanwhile_is_not_kept(path: Path, known: bool) -> None:
    sha256 = file_sha256(path) if known else None
    with pytest.raises(TransientFault) as caught, open_recording(path, sha256), path.open("ab") as stream:
        stream.write(b"more")
    assert caught.value.reason == "replaced"


def test_bytes_changed_behind_the_files_dates_are_noticed(path: Path) -> None:
    sha256, before = file_sha256(path), path.stat()

    def forge() -> None:
        with path.open("r+b") as stream:
            stream.seek(1000)
            stream.write(b"\x55\x55")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(TransientFault) as caught, open_recording(path, sha256):
        forge()
    assert caught.value.reason == "replaced"


def test_bytes_that_were_others_for_a_while_are_noticed(path: Path) -> None:
    sha256, before, own = file_sha256(path), path.stat(), path.read_bytes()

    def there_and_back() -> None:
        for data in (own[:1000] + bytes(len(own) - 1000), own):
            with path.open("r+b") as stream:
                stream.write(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(TransientFault) as caught, open_recording(path, sha256):
        there_and_back()
    assert caught.value.reason == "replaced"
    assert file_sha256(path) == sha256, "everything is as it was"


def test_a_fault_found_in_changed_bytes_is_not_the_recordings(path: Path) -> None:
    def fault(change: bool) -> BadRecording:
        if change:
            path.write_bytes(b"half")
        return refused("damaged", path, Message("no such file"))

    with pytest.raises(BadRecording), open_recording(path, file_sha256(path)):
        raise fault(change=False)
    with pytest.raises(TransientFault), open_recording(path, file_sha256(path)):
        raise fault(change=True)


def test_what_is_no_file_is_never_waited_for(path: Path, tmp_path: Path) -> None:
    sha256, other = file_sha256(path), path.rename(tmp_path / "b.wav")
    makers = (lambda: path.symlink_to(other), lambda: os.mkfifo(path), path.mkdir)
    for make in makers:
        make()
        assert not_now(path, sha256) == "replaced", "not even a link to the same bytes is followed"
        path.rmdir() if path.is_dir() else path.unlink()
    path.symlink_to(other)
    assert decode(path, DECODE).duration_s == pytest.approx(3, abs=0.01), "a path that somebody typed is"


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTCONN, errno.EMFILE])
def test_what_cannot_be_opened_or_read_is_the_machines_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def failing(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), str(path))

    sha256 = file_sha256(path)
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.hearing.recording.os.open", failing)
        assert not_now(path, sha256) == "machine"
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.hearing.recording.file_sha256", failing)
        assert not_now(path, sha256) == "machine"
    assert decode(path, DECODE, sha256=sha256).duration_s == pytest.approx(3, abs=0.01)


def test_no_process_list_shows_the_files_name(path: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 'case "$*" in *a.wav*) exit 1;; esac')
    decode(path, settings, sha256=file_sha256(path))


def test_clips_are_cut_from_these_bytes_alone(path: Path) -> None:
    sha256 = file_sha256(path)
    assert decode_spans(path, [Span(0, 1)], DECODE, sha256=sha256)[0].shape == (1, 16000)
    path.write_bytes(wav(voice(3, 2).tobytes()))
    with pytest.raises(CallQAError) as caught:
        decode_spans(path, [Span(0, 1)], DECODE, sha256=sha256)
    assert isinstance(caught.value, TransientFault)
