"""Files written whole or not at all, and the hash that tells one content from another.

Everything that callqa writes goes to a temporary file in the same folder, is flushed to the disk and renamed over
the target, so that a killed process or a full disk leaves either the old file or the new one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import BadFile
from pipeline.messages import Message

_TEMPORARY = ".part"


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that `write_whole` has not finished, or never will."""
    return name.startswith(".") and name.endswith(_TEMPORARY)


def write_whole(path: Path, data: bytes, *, secret: bool = False, public: bool = False) -> None:
    """Write a file atomically and durably; folders are made. Raises OSError.

    It is for its owner alone, and, unless `secret`, for the group to read in a folder that is shared with one; for
    everybody to read if `public`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as stream:
            if public:
                os.fchmod(handle, 0o644)
            elif not secret and _shared(path.parent):
                os.fchmod(handle, 0o640)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _shared(folder: Path) -> bool:
    """Whether a folder is shared with a group (`pipeline.storage.permissions`)."""
    shared = stat.S_ISGID | stat.S_IRGRP
    return folder.stat().st_mode & shared == shared


def put_in_place(made: Path, target: Path) -> None:
    """Rename a finished file over its target in the same file system, both on the disk when this returns.

    For what other libraries write by themselves, a database or a workbook. Raises OSError; the target then stays.
    """
    _flush(made)
    os.replace(made, target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_regular(path: Path, largest_bytes: int, *, follow_links: bool = False) -> BinaryIO:
    """A file to read that is one: no pipe that never ends, no device, no folder, and no link unless told so.

    Raises BadFile with a remedy, or OSError.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadFile(Message("is a link, and links are not followed; put the file itself there")) from error
        raise
    info = os.fstat(handle)
    if stat.S_ISREG(info.st_mode) and info.st_size <= largest_bytes:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if not stat.S_ISREG(info.st_mode):
        raise BadFile(Message("is not a regular file; put the file itself there"))
    raise BadFile(Message("is larger than {size:g} MB; that cannot be right", size=largest_bytes / 1e6))


def file_sha256(source: Path | BufferedIOBase) -> str:
    """SHA-256 of a file's bytes, or of a stream's from its start on, in hexadecimal. Raises OSError."""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return file_sha256(stream)
    return hashlib.file_digest(source, "sha256").hexdigest()


def read_at(descriptor: int, at: int, count: int) -> bytes:
    """`count` bytes of an open file from `at` on, fewer at its end, whoever else reads it. Raises OSError."""
    parts: list[bytes] = []
    while count > 0 and (part := os.pread(descriptor, count, at)):
        parts.append(part)
        at, count = at + len(part), count - len(part)
    return b"".join(parts)


def read_regular(path: Path, largest: int) -> bytes:
    """A regular file's bytes. Links, pipes and devices are neither opened nor waited for.

    Raises OSError: ELOOP for a link, EINVAL for what is no regular file, EFBIG for more than `largest` bytes.
    """
    _check_regular(path, path.lstat(), largest)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        # what was put in its place meanwhile
        _check_regular(path, os.fstat(handle), largest)
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def _check_regular(path: Path, info: os.stat_result, largest: int) -> None:
    code = 0
    if stat.S_ISLNK(info.st_mode):
        code = errno.ELOOP
    elif not stat.S_ISREG(info.st_mode):
        code = errno.EINVAL
    elif info.st_size > largest:
        code = errno.EFBIG
    if code:
        raise OSError(code, os.strerror(code), str(path))
