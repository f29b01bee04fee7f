"""The files of a rulebook's folder: regular files of a sensible number and size. Links are not followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.judging.faults import Faults
from pipeline.messages import Message
from pipeline.storage.files import read_regular

LARGEST_FILE = 2 << 20
LARGEST_FOLDER = 8 << 20
MOST_FILES = 2000
DEEPEST_FOLDER = 8
"""Ten times what the rulebooks at hand have, and more; sizes in bytes."""


def yaml_files(folder: Path, faults: Faults) -> list[Path]:
    """Every .yaml file in a folder and those in it, sorted; those named .yml are faults."""
    files: list[Path] = []
    size = 0
    for file, bytes_in_it in _found(folder, DEEPEST_FOLDER, faults):
        if file.suffix == ".yml":
            faults.add(file, None, Message("rules are named .yaml; rename it"))
            continue
        files.append(file)
        size += bytes_in_it
        if len(files) > MOST_FILES or size > LARGEST_FOLDER:
            faults.add(
                folder,
                None,
                Message(
                    "more than {files} files or {size} MB; a rulebook is smaller, leave out what does not belong to it",
                    files=MOST_FILES, size=LARGEST_FOLDER >> 20,
                ),
            )  # fmt: skip
            return []
    return sorted(files)


def _found(folder: Path, deeper: int, faults: Faults) -> Iterator[tuple[Path, int]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        faults.add(folder, None, Message("cannot be read ({why})", why=error.strerror))
        return
    for entry in entries:
        path = Path(entry.path)
        named_as_rule = entry.name.endswith((".yaml", ".yml"))
        if entry.is_symlink():
            if named_as_rule or _is_folder(entry):
                faults.add(path, None, _LINK)
        elif entry.is_dir():
            if deeper:
                yield from _found(path, deeper - 1, faults)
            else:
                faults.add(path, None, Message("folders lie too deep in one another; put its rules further up"))
        elif named_as_rule:
            info = path.lstat()
            if stat.S_ISREG(info.st_mode):
                yield path, info.st_size
            else:
                faults.add(path, None, _SPECIAL)


def _is_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # a link to itself, or to where nobody may look
        return True


def read_text(file: Path, faults: Faults) -> str | None:
    """A file's text; None where it is at fault."""
    try:
        return read_regular(file, LARGEST_FILE).decode("utf-8-sig")
    except FileNotFoundError:
        faults.add(
            file,
            None,
            Message("no such file; a rulebook needs rulebook.yaml, phrases.yaml and one file a rule"),
        )
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n") + 1
        faults.add(file, before, Message("not UTF-8; save the file as UTF-8"))
    except OSError as error:
        faults.add(file, None, _told(error))
    return None


def _told(error: OSError) -> Message:
    match error.errno:
        case errno.ELOOP:
            return _LINK
        case errno.EINVAL:
            return _SPECIAL
        case errno.EFBIG:
            return Message("more than {size} MB; split it into several files", size=LARGEST_FILE >> 20)
        case _:
            return Message("cannot be read ({why})", why=error.strerror)


_LINK = Message("a link, which is not followed; put a copy here")
_SPECIAL = Message("not a regular file; remove it")
