"""What ends a run, and errors as one line that may be shown: their own text may quote a call and never is."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import traceback
from pathlib import Path

from pipeline.errors import CallQAError, shown
from pipeline.messages import Message
from pipeline.settings import CHECKOUT

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_IS_FULL = Message("the disk is full: make room and run again; nothing that was done is lost")


class RunStopped(CallQAError):
    """The run cannot go on (disk full, models missing, interrupted); what is done stays done."""

    def __init__(self, message: str, interrupted: bool = False) -> None:
        super().__init__(message)
        self.interrupted = interrupted


def disk_full(path: Path) -> RunStopped:
    """The disk that `path` is on is full."""
    place = next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))
    return RunStopped(
        Message(
            "{path}: the disk is full ({free_mb:.0f} MB free): make room and run again; nothing that was done is lost",
            path=shown(place),
            free_mb=shutil.disk_usage(place).free / 1e6,
        )
    )


def need_room(folder: Path, size_bytes: int) -> None:
    """Raises CallQAError, saying why, unless a file of this size can be written into a folder now."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            os.posix_fallocate(probe.fileno(), 0, size_bytes)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise disk_full(folder) from None
        if error.errno == errno.EFBIG:
            message = Message(
                "{folder}: no file of {size_mb:.0f} MB may be written; raise the limit (ulimit -f) and run again",
                folder=shown(folder),
                size_mb=size_bytes / (1 << 20),
            )
            raise RunStopped(message) from None
        message = Message(
            "{folder}: cannot be written ({why}); change its permissions, or paths.home",
            folder=shown(folder),
            why=error.strerror or type(error).__name__,
        )
        raise RunStopped(message) from None


def interruption() -> RunStopped:
    """The user asked for the end."""
    return RunStopped(Message("interrupted"), interrupted=True)


def explained(error: BaseException) -> CallQAError:
    """An error as one that may be shown: our own as they are, a full disk in words, others by kind and place."""
    if isinstance(error, CallQAError):
        return error
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return disk_full(Path(error.filename)) if isinstance(error.filename, str) else RunStopped(DISK_IS_FULL)
    if isinstance(error, OSError):
        where = error.filename or Message("file system")
        return CallQAError(
            Message(
                "{where}: {why}; see to its permissions, its disk or its share, and run it again",
                where=where,
                why=error.strerror or type(error).__name__,
            )
        )
    return CallQAError(unforeseen(error))


def not_written(error: OSError) -> Message:
    """A home that takes no file: nothing more can be done in it."""
    why = error.strerror or type(error).__name__
    where = error.filename or Message("file system")
    return Message(
        "{where}: cannot be written ({why}); run again when it can, nothing that was done is lost", where=where, why=why
    )


def unforeseen(error: BaseException) -> Message:
    """An error that nobody thought of, by its kind and where in our own code it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(CHECKOUT) and "site-packages" not in f.filename]
    last = (ours or frames)[-1:]
    place = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"
    return Message("unforeseen {kind} at {place}; please report it", kind=type(error).__name__, place=place)
