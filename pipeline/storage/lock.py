"""One lock for a home, so that no two processes do the same work: held with `flock` on a file that stays.

The kernel lets go of it when its process dies, however that dies; what the file says of its holder is only for
people. (`filelock`, which Prefect brings, tells no holder and waits by asking again and again.)
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from pipeline.errors import CallQAError, shown
from pipeline.messages import Message
from pipeline.storage import audit
from pipeline.storage.files import is_temporary
from pipeline.storage.home import Home
from pipeline.storage.permissions import tighten
from pipeline.storage.sealing import sealing_in_force

_WRITTEN_BY_RUNS = ((), ("recordings",), ("heard",), ("judged",), ("failures",), ("runs",), ("excerpts",))
"""Folders of the home, and the home itself, in which none but runs writes."""

_LONGEST_WRITE_S = 3600.0

_MOMENT_S, _MOMENTS = 0.05, 6
"""Somebody who holds the home `between_runs` is gone after one or two moments; a run is not."""


@contextmanager
def run_lock(home: Home, group: str | None = None, restoring: bool = False) -> Iterator[None]:
    """Hold the home for one run. Raises CallQAError, naming who holds it, when another run does, or when a backup has
    been put into it in part and this run does not go on with that (`restoring`).

    The home is closed first to all but its owner and the group; what a killed run had half written, which may hold what
    people said, is removed.
    """
    sealing_in_force()  # a key that is missing is told before anything is done
    if tighten(home, group):
        audit.record(home, "closed")
    with home.lock.open("a+", encoding="utf-8") as stream:
        if not _taken_soon(stream):
            message = Message(
                "another run is at work in {folder} ({holder}); wait for it",
                folder=shown(home.root),
                holder=_holder(stream),
            )
            raise CallQAError(message)
        if home.restoring.exists() and not restoring:
            message = Message(
                "{home}: a backup has been restored in part; run `callqa restore` again", home=shown(home.root)
            )
            raise CallQAError(message)
        holder = {"pid": os.getpid(), "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")}
        stream.truncate(0)
        stream.write(json.dumps(holder))
        stream.flush()
        remove_half_written(home)
        try:
            yield
        finally:
            stream.truncate(0)


@contextmanager
def between_runs(home: Home) -> Iterator[bool]:
    """Hold the home for the moment that it takes to write a file; false while a run, or a restore in part, does."""
    with home.lock.open("a+", encoding="utf-8") as stream:
        yield not home.restoring.exists() and _taken_soon(stream)


def remove_half_written(home: Home) -> None:
    """Remove the temporary files of writers that were killed; only for who holds the run lock.

    Where others than runs write (reports, published rulebooks), a file of the last hour may be in use and stays.
    """
    for folder, _, names in os.walk(home.root):
        part = Path(folder).relative_to(home.root).parts[:1]
        for path in (Path(folder) / name for name in names if is_temporary(name)):
            with suppress(OSError):  # gone meanwhile, or not ours to remove
                if part in _WRITTEN_BY_RUNS or time.time() - path.stat().st_mtime > _LONGEST_WRITE_S:
                    path.unlink()


@contextmanager
def database_lock(home: Home) -> Iterator[None]:
    """Hold the right to build the home's database, waiting for whoever builds it now."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.database_lock.open("a+", encoding="utf-8") as stream:
        _taken(stream, wait=True)
        yield


@contextmanager
def call_index_lock(home: Home) -> Iterator[None]:
    """Hold the right to make and remove files of the index of calls, waiting for whoever does so now."""
    home.call_index.mkdir(parents=True, exist_ok=True)
    with (home.call_index / "lock").open("a+", encoding="utf-8") as stream:
        _taken(stream, wait=True)
        yield


@contextmanager
def publishing_lock(home: Home) -> Iterator[None]:
    """Hold the right to publish a rulebook to the home, waiting for whoever publishes now."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.rulebooks_lock.open("a+", encoding="utf-8") as stream:
        _taken(stream, wait=True)
        yield


def running(home: Home) -> Message | None:
    """Who runs over the home now, for people; None when nobody does."""
    if not home.lock.exists():
        return None
    with home.lock.open("r+", encoding="utf-8") as stream:
        return None if _taken(stream, wait=False) else _holder(stream)


def _taken(stream: TextIO, *, wait: bool) -> bool:
    """Take the lock until the stream is closed; False when another holds it and nobody wants to wait."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _taken_soon(stream: TextIO) -> bool:
    """Take the lock unless another holds it for longer than a few moments."""
    for _ in range(_MOMENTS):
        if _taken(stream, wait=False):
            return True
        time.sleep(_MOMENT_S)
    return False


def _holder(stream: TextIO) -> Message:
    stream.seek(0)
    try:
        holder = json.loads(stream.read())
        return Message("process {pid}, since {since}", pid=holder["pid"], since=holder["since"])
    except (ValueError, KeyError, TypeError):
        return Message("just started")
