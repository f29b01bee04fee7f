"""What is to be erased, put down before anything is: whoever was killed, the next one goes on from it.

    home/erasing.json.zst    Erasure; gone once everything is erased and that was read back

It names calls, and is for its owner alone while it is there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from pipeline.storage import artefacts
from pipeline.storage.home import Home


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A recording in the inbox: the SHA-256 of its bytes and its path as a record has it (`stored_path`)."""

    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """What goes, by SHA-256 of the recordings: all of `calls`, the words of `words`, the clips of `clips`.

    `known_by` keeps the calls from being heard again (`tombstones.bury`); `recordings` are deleted from the inbox;
    `names` are ids and file names by which the calls may be called in logs and pages. What was written before `since`
    shows none of them. `failures` are keys of files that could not be read and had their names; `had_failures`: pages
    that list failures may show them.
    """

    calls: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    known_by: tuple[str, ...] = ()
    recordings: tuple[InboxFile, ...] = ()
    names: tuple[str, ...] = ()
    since: datetime | None = None
    failures: tuple[str, ...] = ()
    had_failures: bool = False

    def __bool__(self) -> bool:
        return bool(self.calls or self.words or self.clips)


def begin(home: Home, erasure: Erasure) -> None:
    """Put down what is to be erased. Raises OSError; then nothing is."""
    artefacts.write(home.erasing, erasure)


def unfinished(home: Home) -> Erasure | None:
    """What was to be erased and is not yet. Raises BadArtefact."""
    return artefacts.read(home.erasing, Erasure) if os.path.lexists(home.erasing) else None


def end(home: Home) -> None:
    """All is erased."""
    home.erasing.unlink(missing_ok=True)
