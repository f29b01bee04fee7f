"""The files of the inbox that are named like recordings, and which of them were left alone long enough to be whole.

Links are never followed, neither to files nor to folders: whoever may write into the inbox could otherwise have any
file of the machine heard. What cannot be a recording becomes a `Failure`, never an exception that stops the night.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import shown
from pipeline.messages import Message
from pipeline.storage.home import Failure, path_key

LONGEST_WAIT_S = 10.0
"""A scan waits so long, once, for files that would be settled by then."""

_PARTIAL = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file named like a recording, as it looked when it was found."""

    path: Path
    info: os.stat_result


def ingest_failure(path: Path, reason: str, fault: str) -> Failure:
    """A failure of a file whose bytes are not known; `fault` is told after its path."""
    message = Message("{place}: {fault}", place=shown(path), fault=fault)
    return Failure(path_key(path), shown(path), "ingest", reason, message, datetime.now(UTC))


def why(error: OSError) -> str:
    """What the system says of an error, without the file's name."""
    return error.strerror or type(error).__name__


def named_like_recordings(
    inbox: Path, skipped: Path, extensions: tuple[str, ...], failures: list[Failure], others: list[Path]
) -> Iterator[FoundFile]:
    """Regular files named like recordings, depth first in order of names, however deep; `skipped` is not entered.

    Files that are not named so are added to `others`, without hidden ones.
    """
    try:
        own = os.stat(skipped)
    except OSError:
        own = None
    real_inbox = os.path.realpath(inbox)
    open_folders = [_entries(inbox, failures)]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
            continue
        path = Path(entry.path)
        if is_passed_over(entry.name):
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                others.append(path)
            continue
        is_named_so = path.suffix.lower() in extensions
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            # gone since the folder was listed
            continue
        except OSError as error:
            message = Message("cannot be read ({error}); check its permissions and the disk", error=why(error))
            failures.append(ingest_failure(path, "unreadable", message))
            continue
        if stat.S_ISDIR(info.st_mode):
            if is_named_so:
                message = Message("is a folder; recordings in it are found, rename it to lose this message")
                failures.append(ingest_failure(path, "not-a-file", message))
            if own is None or not os.path.samestat(info, own):
                open_folders.append(_entries(path, failures))
        elif stat.S_ISLNK(info.st_mode):
            if fault := _link_fault(path, real_inbox, is_named_so):
                failures.append(ingest_failure(path, *fault))
        elif is_named_so and stat.S_ISREG(info.st_mode):
            yield FoundFile(path, info)
        elif stat.S_ISREG(info.st_mode):
            others.append(path)
        elif is_named_so:
            message = Message("is not a regular file; put recordings themselves into the inbox")
            failures.append(ingest_failure(path, "not-a-file", message))


def is_passed_over(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or somebody's half-written or temporary one."""
    # ~$ is what Excel puts beside a workbook that is open
    return name.startswith((".", "~$")) or name.lower().endswith(_PARTIAL)


def _entries(folder: Path, failures: list[Failure]) -> Iterator[os.DirEntry[str]]:
    """What a folder holds, in order of names; nothing, and a failure, when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: os.fsencode(entry.name)))
    except OSError as error:
        message = Message("the folder cannot be read ({error}); check its permissions and its depth", error=why(error))
        failures.append(ingest_failure(folder, "unreadable", message))
        return iter(())


def _link_fault(path: Path, real_inbox: str, is_named_so: bool) -> tuple[str, Message] | None:
    """What to say of a link, which is left out whatever it leads to; nothing of one whose target is found by itself."""
    try:
        target = os.stat(path)
    except OSError as error:
        if not is_named_so and isinstance(error, FileNotFoundError):
            return None
        return "missing", Message("is a link to nothing that can be read; put the recording itself there")
    if os.path.commonpath([real_inbox, os.path.realpath(path)]) == real_inbox:
        return None
    if is_named_so or stat.S_ISDIR(target.st_mode):
        return "outside-inbox", Message("is a link that leads out of the inbox; put the recording itself there")
    return None


def settled(files: list[FoundFile], settle_s: float) -> tuple[list[FoundFile], int]:
    """The files that nobody has changed for `settle_s`, and how many others there are: they are being written.

    Where that would take at most `LONGEST_WAIT_S` more, it is waited for: a file that is left alone is whole then. So
    is one that says it was changed in the future (a clock was wrong): it is settled when it stays as it is.
    """
    now = time.time()
    rests_s = [_rest_s(file.info, settle_s, now) for file in files]
    wait_s = max((rest_s for rest_s in rests_s if rest_s <= LONGEST_WAIT_S), default=0.0)
    if wait_s > 0:
        time.sleep(wait_s)
    alone = [
        file
        for file, rest_s in zip(files, rests_s, strict=True)
        if rest_s <= 0 or (rest_s <= LONGEST_WAIT_S and _stayed(file))
    ]
    return alone, len(files) - len(alone)


def _rest_s(info: os.stat_result, settle_s: float, now: float) -> float:
    """How long a file has still to be left alone."""
    if info.st_mtime > now:
        return min(settle_s, LONGEST_WAIT_S)
    return settle_s - (now - info.st_mtime)


def look(info: os.stat_result) -> tuple[int, int, int]:
    """What changes when a file does: its size, its time, and which file it is."""
    return info.st_size, info.st_mtime_ns, info.st_ino


def _stayed(file: FoundFile) -> bool:
    try:
        return look(os.lstat(file.path)) == look(file.info)
    except OSError:
        return False
