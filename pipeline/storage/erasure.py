"""What is to be erased, put down before anything is: whoever was killed, the next one goes on from it.

    home/erasing.json.zst    Erasure; gone once everything is erased and that was read back

It names calls, and is for its owner alone while it is there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from datetime import datetime

from pipeline.storage import artefacts
from pipeline.storage.changes import file_mark
from pipeline.storage.home import Home


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A recording in the inbox: the SHA-256 of its bytes and its path as a record has it (`stored_path`)."""

    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """What goes, by SHA-256 of the recordings: all of `calls`, the words of `words`, the clips of `clips`.

    `known_by` keeps the calls from being heard again (`tombstones.bury`); `recordings` are deleted from the inbox, and
    what was fetched from a server of the contents `copies`; `names` are ids and file names by which the calls may be
    called in logs and pages. What was written before `since` shows none of them. `failures` are keys of files that
    could not be read and had their names; `had_failures`: pages that list failures may show them.
    """

    calls: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    known_by: tuple[str, ...] = ()
    recordings: tuple[InboxFile, ...] = ()
    copies: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    since: datetime | None = None
    failures: tuple[str, ...] = ()
    had_failures: bool = False

    def __bool__(self) -> bool:
        return bool(self.calls or self.words or self.clips)


def begin(home: Home, erasure: Erasure) -> Erasure:
    """Put down what is to be erased, with what is so already. Raises OSError; then nothing is erased."""
    before = unfinished(home)
    whole = _together(before, erasure) if before else erasure
    artefacts.write(home.erasing, whole)
    return whole


def _together(one: Erasure, other: Erasure) -> Erasure:
    """What two tell."""
    each = {
        field.name: tuple(dict.fromkeys((*getattr(one, field.name), *getattr(other, field.name))))
        for field in fields(Erasure)
        if isinstance(getattr(one, field.name), tuple)
    }
    since = min(one.since, other.since) if one.since and other.since else None
    return replace(one, **each, since=since, had_failures=one.had_failures or other.had_failures)


def unfinished(home: Home) -> Erasure | None:
    """What was to be erased and is not yet. Raises BadArtefact."""
    return artefacts.read(home.erasing, Erasure) if os.path.lexists(home.erasing) else None


def erasing_state(home: Home) -> tuple[str, str]:
    """What is another one once something was forgotten, or begins or ends to be."""
    return file_mark(os.fspath(home.forgotten)), file_mark(os.fspath(home.erasing))


def end(home: Home) -> None:
    """All is erased."""
    home.erasing.unlink(missing_ok=True)
