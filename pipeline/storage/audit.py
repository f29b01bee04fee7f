"""Who did what with a home, in a log that shows when a line of it was changed, left out or put in.

`audit.log` holds one JSON object a line. Each has in `before` the SHA-256 of the line before it, as it lies in the
file, so that no line can change without breaking the one behind it. A line is appended under a lock and flushed to the
disk before what it tells of is done. What a kill or a power cut leaves of a line stays; the next line says so
(`after_torn`) and goes on from it.

A line holds an action, an account, a machine, a time, counts and codes of our own, and of single calls the beginning of
their recording's SHA-256: nothing that was said, no caller's number, no text of a query, nothing of a call's own id or
file name, which may tell whose it was when the call is long forgotten. A chain does not stop whoever may write the file
from writing all of it anew, or from cutting off its end: for that its head, the hash of its last line, is kept
elsewhere (`callqa audit verify`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import pwd
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.errors import CallQAError, shown, shown_text
from pipeline.messages import Message
from pipeline.numbers import mask_numbers
from pipeline.storage.home import Home

AuditAction = Literal[
    "run.started", "run.ended", "publish", "query", "show", "export", "unmask", "play", "review", "forget", "retention",
    "backup", "restore", "rules.published", "keys.rotated", "keys.exported", "keys.imported", "encrypted",
    "closed", "login", "login.failed", "logout", "view", "decision", "account.made", "account.changed",
    "account.disabled", "account.enabled", "account.reset", "account.link", "password.changed", "sessions.ended",
    "correct",
]  # fmt: skip
"""What is recorded; the names are kept from version to version."""

AUDIT_ACTIONS: tuple[AuditAction, ...] = get_args(AuditAction)

MOST_NAMED = 100
"""Calls that one line names; of more it tells the number."""

CALL_DIGITS = 16
"""Digits of a recording's SHA-256 that stand for a call."""

_LONGEST = 100
"""Characters of a code."""

_START = "0" * 64
"""What stands in the first line for the one before."""

_TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line. `calls` are the beginnings of recordings' SHA-256s; `login` is who logged in to the machine, where that
    is another account than `user`."""

    at: datetime
    user: str
    host: str
    action: str
    calls: tuple[str, ...] = ()
    details: dict[str, str | int | float | bool] = field(default_factory=dict)
    login: str = ""


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What a log came to: its entries, lines that a kill cut short, its head, and its first fault (`line` from 1 on).

    `ends_torn`: the last line is one that was cut short. `knows_head`: whether the head that was asked for is there.
    """

    entries: int
    torn: int
    head: str
    ends_torn: bool = False
    fault: Message | None = None
    line: int = 0
    knows_head: bool = True


def audit_file(home: Home) -> Path:
    return home.root / "audit.log"


def record(
    home: Home,
    action: AuditAction,
    *,
    calls: Sequence[str] = (),
    user: str | None = None,
    **details: str | int | float | bool,
) -> None:
    """Append what is about to be done, by the account of this process unless `user` says who asked.

    `calls` are SHA-256s of single recordings, `details` counts and codes. Raises CallQAError where it cannot be
    written; then what it tells of must not be done.
    """
    entry: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "user": _code(user) if user is not None else _account(os.geteuid()),
        "host": socket.gethostname(),
        "action": action,
    }
    if login := _login():
        entry["login"] = login
    if calls:
        entry["calls"] = [call[:CALL_DIGITS] for call in islice(calls, MOST_NAMED)]
        details = {"count": len(calls), **details}
    if details:
        entry["details"] = {name: _code(value) if isinstance(value, str) else value for name, value in details.items()}
    path = audit_file(home)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, entry)
    except OSError as error:
        raise CallQAError(
            Message(
                "{file}: what was asked cannot be recorded ({error}), so it is not done; check disk and permissions",
                file=shown(path),
                error=error.strerror or type(error).__name__,
            )
        ) from error


def _append(path: Path, entry: dict[str, Any]) -> None:
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _let_group_append(handle, path.parent)
        size = os.fstat(handle).st_size
        last = _last_line(handle, size)
        if last.rstrip(b"\n") and _parsed(last) is None:
            entry = {**entry, "after_torn": True}
        entry = {**entry, "before": _hash(last) if size else _START}
        begun = b"" if last.endswith(b"\n") or not size else b"\n"
        line = begun + json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        try:
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(handle, size)
            raise
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _let_group_append(handle: int, folder: Path) -> None:
    """In a home shared with a group its members ask too, and are recorded: the file is theirs to write."""
    own = os.fstat(handle)
    shared = folder.stat().st_mode & (stat.S_ISGID | stat.S_IRGRP) == stat.S_ISGID | stat.S_IRGRP
    mode = 0o660 if shared else 0o600
    if own.st_uid == os.geteuid() and stat.S_IMODE(own.st_mode) != mode:
        os.fchmod(handle, mode)


def _last_line(handle: int, size: int) -> bytes:
    """The bytes of the last line, its end included where it has one."""
    tail, reach = b"", _TAIL
    while len(tail) < size:
        tail = os.pread(handle, reach, max(0, size - reach))
        start = tail.rfind(b"\n", 0, len(tail) - 1) + 1
        if start:
            return tail[start:]
        reach *= 4
    return tail


def _hash(line: bytes) -> str:
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _code(text: str) -> str:
    """A text as the log keeps it: short, without what may be a telephone number."""
    return mask_numbers(shown_text(str(text)))[:_LONGEST]


def _account(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _login() -> str:
    """Who logged in, as the kernel keeps it through `su` and `sudo`; "" where it is not told, or the same."""
    with suppress(OSError, ValueError):
        login_id = int(Path("/proc/self/loginuid").read_text())
        if login_id not in (0xFFFFFFFF, os.geteuid()):
            return _account(login_id)
    return ""


def audit_entries(home: Home) -> Iterator[AuditEntry]:
    """The entries, oldest first, without lines that are none. Raises CallQAError."""
    for line in _lines(home):
        entry = _entry(line)
        if entry is not None:
            yield entry


def last_audit_entries(home: Home, most: int) -> list[AuditEntry]:
    """The newest entries, the newest first, as far as they lie in the last part of the file. Raises CallQAError."""
    try:
        with audit_file(home).open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - most * 1024))
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CallQAError(
            Message("{file}: cannot be read ({error})", file=audit_file(home), error=error.strerror or "")
        ) from error
    known = [entry for line in lines if (entry := _entry(line)) is not None]
    return known[: -most - 1 : -1]


def _entry(line: bytes) -> AuditEntry | None:
    known = _parsed(line) or {}
    try:
        return AuditEntry(
            datetime.fromisoformat(known["at"]),
            str(known["user"]),
            str(known["host"]),
            str(known["action"]),
            tuple(map(str, known.get("calls", ()))),
            dict(known.get("details", {})),
            str(known.get("login", "")),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None


def _lines(home: Home) -> Iterator[bytes]:
    try:
        with audit_file(home).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)
            yield from stream
    except FileNotFoundError:
        return
    except OSError as error:
        raise CallQAError(
            Message("{file}: cannot be read ({error})", file=audit_file(home), error=error.strerror or "")
        ) from error


def verify_audit(home: Home, head: str = "") -> AuditCheck:
    """Go over the whole chain; `head` is one that was kept elsewhere, or its beginning, which must be in it."""
    before, last_whole, entries, torn = _START, _START, 0, 0
    is_torn, knows_head = False, not head
    for number, line in enumerate(_lines(home), 1):
        entry = _parsed(line)
        if fault := _fault(entry, before, is_torn):
            return AuditCheck(entries, torn, last_whole, False, fault, number, knows_head)
        before, is_torn = _hash(line), entry is None
        if is_torn:
            torn += 1
        else:
            entries, last_whole = entries + 1, before
            knows_head = knows_head or before.startswith(head.lower())
    return AuditCheck(entries, torn, last_whole, is_torn, None, 0, knows_head)


def _fault(entry: dict[str, Any] | None, before: str, after_torn: bool) -> Message | None:
    """What is wrong with a line behind one of that hash; None is a line that a kill may have cut short."""
    if entry is None:
        return Message("is no entry") if after_torn else None
    if entry.get("before") != before:
        return Message("does not follow from the line before it: one of them was changed, or lines are gone")
    if after_torn and entry.get("after_torn") is not True:
        return Message("follows on a line that is no entry, and does not say so")
    return None
