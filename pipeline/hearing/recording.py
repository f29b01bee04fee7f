"""A recording as an open file: what is hashed is what is decoded, whatever becomes of its name meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from pipeline.errors import BadRecording, CallQAError, TransientFault, shown
from pipeline.messages import Message
from pipeline.storage.files import file_sha256

TRANSIENT_REASONS = {
    "missing": "there is no such file now",
    "replaced": "the file is no longer the one that was hashed",
    "machine": "the disk, the share or ffmpeg failed",
}
"""Every reason that a TransientFault from `pipeline.hearing` can have."""

_NO_FILE = (errno.EISDIR, errno.ENXIO, errno.ELOOP)
"""What opening a folder, a socket and a link that is not followed gives."""


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A regular file, open for reading; `path` is only its name. Other processes read it as `descriptor`."""

    path: Path
    stream: BufferedReader
    size_bytes: int

    @property
    def descriptor(self) -> int:
        return self.stream.fileno()


def refused(reason: str, path: Path, problem: Message) -> BadRecording:
    """The error for a recording that cannot be heard; `reason` is one of `formats.DECODE_REASONS`."""
    return BadRecording(reason, Message("{file}: {problem}", file=shown(path), problem=problem))


def not_now(reason: str, path: Path, problem: Message) -> TransientFault:
    """The error for a recording that cannot be heard now; `reason` is one of `TRANSIENT_REASONS`."""
    return TransientFault(reason, Message("{file}: {problem}", file=shown(path), problem=problem))


@contextmanager
def open_recording(path: Path, sha256: str | None = None) -> Iterator[OpenRecording]:
    """Open a recording once for all that is done with it; with `sha256`, only if its bytes have that hash.

    Looked at again when the caller is done: what was made of a file that changed meanwhile is not to be kept. With
    `sha256` the file must still be the regular one that was hashed, so a link in its place is not followed.

    Raises TransientFault when the file is not there, cannot be read now, or is not or no longer the one of `sha256`;
    BadRecording ("not-a-file") for what is not a file.
    """
    with _opened(path, sha256) as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise _no_file(path, sha256)
        _check(path, stream, before, sha256)
        try:
            yield OpenRecording(path, stream, before.st_size)
        except BadRecording:
            # a fault of other bytes is not this recording's
            _check(path, stream, before, sha256)
            raise
        _check(path, stream, before, sha256)


@contextmanager
def _opened(path: Path, sha256: str | None) -> Iterator[BufferedReader]:
    # without blocking: a pipe may lie in the file's place
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if sha256 else 0)
    try:
        stream = os.fdopen(os.open(path, flags), "rb")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise not_now("missing", path, Message("no such file")) from error
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_file(path, sha256) from error
        raise unreadable(path, error) from error
    with stream:
        yield stream


def _no_file(path: Path, sha256: str | None) -> CallQAError:
    if sha256:
        return _replaced(path)
    return refused("not-a-file", path, Message("is not a regular file; put recordings themselves into the inbox"))


def unreadable(path: Path, error: OSError) -> TransientFault:
    """The fault of a file that cannot be read, which may be its permissions, the disk's or the share's."""
    problem = Message(
        "cannot be read ({reason}); check its permissions, the disk and the share",
        reason=error.strerror or type(error).__name__,
    )
    return not_now("machine", path, problem)


def _replaced(path: Path) -> TransientFault:
    return not_now("replaced", path, Message("the file changed since it was hashed; the next run takes it as it is"))


def _untouched(now: os.stat_result, before: os.stat_result) -> bool:
    """Whether nobody can have written to a file since, not even to put its bytes and its date back afterwards.

    A name that it lost, deleted or replaced, is no writing, though the system dates it as it dates that.
    """
    dated_alike = now.st_ctime_ns == before.st_ctime_ns or now.st_nlink < before.st_nlink
    return dated_alike and (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def _check(path: Path, stream: BufferedReader, before: os.stat_result, sha256: str | None) -> None:
    """The open file still looks as it did and, with `sha256`, has that hash; the stream is at its start afterwards."""
    try:
        now = os.fstat(stream.fileno())
        same = _untouched(now, before)
        stream.seek(0)
        if same and sha256 is not None:
            same = file_sha256(stream) == sha256
            stream.seek(0)
    except OSError as error:
        raise unreadable(path, error) from error
    if not same:
        raise _replaced(path)
