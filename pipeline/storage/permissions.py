"""Who may read what callqa writes: its owner alone, or a group besides, if the settings name one.

One rule for every file, whoever makes it (we, DuckDB, SQLite, XlsxWriter): every process of callqa has the mask that
`only_ours` sets as it starts, and `tighten` closes the home's folder, with all that an earlier version left in it, at
the start of a run. Files of a shared home belong to the group because its folders have the setgid bit. Keys are for
their owner alone (`Home.secrets`).
"""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.storage.home import Home

OTHERS = 0o007
OTHERS_AND_GROUP = 0o077


def only_ours(group: str | None) -> None:
    """Files and folders that this process and its children make are for their owner, and for the group to read."""
    os.umask(0o027 if group else 0o077)


def tighten(home: Home, group: str | None) -> bool:
    """Close a home to all but its owner and the group: its folder, and what is in it unless that is closed already.
    True where others could read something that was there.

    The folder itself comes last, so that what was cut short is done by the next run. Raises BadSetting for a group
    that there is not, or that we are not of.
    """
    was_used = home.root.is_dir() and any(home.root.iterdir())
    home.root.mkdir(parents=True, exist_ok=True)
    group_id = _group_id(group) if group else -1
    folder_mode = 0o2750 if group else 0o700
    now = home.root.stat()
    if stat.S_IMODE(now.st_mode) == folder_mode and group_id in (-1, now.st_gid):
        return False
    secrets = home.secrets
    for folder, _, files in os.walk(home.root, topdown=False):
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                _close(path, 0o640 if group and path not in secrets else 0o600, group_id, group)
        _close(Path(folder), folder_mode, group_id, group)
    return was_used and bool(now.st_mode & (OTHERS if group else OTHERS_AND_GROUP))


def _close(path: Path, mode: int, group_id: int, group: str | None) -> None:
    try:
        if path.stat().st_uid != os.geteuid():
            return  # another account's, who shares this home with us by intent; `callqa doctor` tells
        if group_id >= 0:
            os.chown(path, -1, group_id)
        path.chmod(mode)
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise BadSetting(
            Message("paths.group = {group}: the account that runs callqa is not a member of it", group=group)
        ) from error


def _group_id(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise BadSetting(Message("paths.group = {group}: there is no such group", group=group)) from error


def open_to_all(folder: Path) -> bool:
    """Whether a folder may be entered or read by every account of the machine, as far as it decides that itself."""
    try:
        return bool(folder.stat().st_mode & OTHERS)
    except OSError:
        return False
