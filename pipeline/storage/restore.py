"""A home made from a backup: its files as they were, the database built from them afterwards.

home/restoring    while it is being made; no run works over a home of which only a part is there
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import CallQAError, shown
from pipeline.messages import Message
from pipeline.storage.backup import BackedFile, BackupFault, belongs_in_backup, content_file, read_manifest
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home

_UNHINDERED = ("run.lock", "publish.lock", "rulebooks.lock", "restoring", "caller.salt", "logs")
"""What may lie in a home into which a backup is restored: locks, a key that was put there before, logs."""


def restore_files(home: Home, target: Path, on_file: Callable[[int], None] = lambda files: None) -> list[BackupFault]:
    """Put the files of a backup into a home that has none, or go on with it; the files that could not be.

    Only for who holds the run lock. Raises CallQAError, OSError; run it again then. `end_restore` ends it.
    """
    manifest = read_manifest(target)
    _begin(home, str(manifest.taken_at))
    faults = []
    for number, file in enumerate(manifest.files, 1):
        if fault := _restore(home, target, file):
            faults.append(fault)
        on_file(number)
    os.sync()
    return faults


def end_restore(home: Home) -> None:
    """All is there."""
    home.restoring.unlink(missing_ok=True)


def _begin(home: Home, taken_at: str) -> None:
    """Mark a home as being restored. Raises CallQAError for one that is not empty, or of which another is restored."""
    if home.restoring.exists():
        if home.restoring.read_text() == taken_at:
            return
        other = Message(
            "{home}: another backup was being restored into it; empty it, or go on with that one", home=shown(home.root)
        )
        raise CallQAError(other)
    if any(path.name not in _UNHINDERED for path in home.root.iterdir()):
        raise CallQAError(Message("{home}: is not empty; restore into a new folder (--home)", home=shown(home.root)))
    write_whole(home.restoring, taken_at.encode())


def _restore(home: Home, target: Path, file: BackedFile) -> BackupFault | None:
    path = home.root / file.path
    if not belongs_in_backup(home, file.path):
        return BackupFault(file.path, "damaged")
    if path.exists() and (path.stat().st_size, path.stat().st_mtime_ns) == (file.size_bytes, file.modified_ns):
        return None  # by a run that was killed
    try:
        data = content_file(target, file.sha256).read_bytes()
    except FileNotFoundError:
        return BackupFault(file.path, "missing")
    if hashlib.sha256(data).hexdigest() != file.sha256:
        return BackupFault(file.path, "damaged")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    # what the database was built from is told by size and time
    os.utime(temporary, ns=(file.modified_ns, file.modified_ns))
    os.replace(temporary, path)
    return None
