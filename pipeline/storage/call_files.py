"""Where the home keeps files that are a single call's own: the one list of them.

Whoever gives calls a file of another kind adds its folder here; then it is forgotten with the call, and leaves backups
with it. What holds several calls in one file (columns, database, reports, the mark of what is not published) is seen to
in `flows.erasing`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.storage.home import Home

BY_CALL = ("recordings", "heard", "judged", "scores", "answers", "excerpts")
"""Folders whose files lie in folders of the first two digits of a recording's SHA-256."""

BY_NAME = ("unanswered", "failures")
"""Folders whose files lie there at once, their names beginning with the SHA-256."""

MADE_AGAIN = ("sound",)
"""Folders as those of `BY_CALL` whose files can be made again at any time: they are in no backup."""

WITH_WORDS = ("heard", "judged", "answers", "unanswered", "excerpts", "sound")
"""Those in which something stands that was said."""

WITH_SOUND = ("excerpts", "sound")
"""Those in which somebody is heard."""

EVERY_KIND = (*BY_CALL, *MADE_AGAIN, *BY_NAME)

_SHA_LENGTH = 64


@dataclass(frozen=True, slots=True)
class CallFile:
    """A file of a recording; `kind` is the folder's name."""

    sha256: str
    kind: str
    path: Path


def call_files(home: Home, calls: Collection[str], kinds: Collection[str] = EVERY_KIND) -> Iterator[CallFile]:
    """The files of some recordings, half-written ones too, by their SHA-256."""
    wanted = frozenset(calls)
    for kind in kinds:
        top = home.root / kind
        folders = [top / head for head in sorted({sha256[:2] for sha256 in wanted})] if kind not in BY_NAME else [top]
        for folder in folders:
            for name in _names(folder):
                sha256 = name.removeprefix(".")[:_SHA_LENGTH]
                if sha256 in wanted:
                    yield from (CallFile(sha256, kind, path) for path in _files(folder / name))


def stored_calls(home: Home, kinds: Collection[str] = EVERY_KIND) -> frozenset[str]:
    """The SHA-256s of all recordings of which the home has files of some kinds."""
    found: set[str] = set()
    for kind in kinds:
        top = home.root / kind
        for folder in (top / head for head in _names(top)) if kind not in BY_NAME else (top,):
            found.update(name[:_SHA_LENGTH] for name in _names(folder) if not name.startswith("."))
    return frozenset(name for name in found if len(name) == _SHA_LENGTH and set(name) <= set("0123456789abcdef"))


def _names(folder: Path) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(folder))
    return []


def _files(path: Path) -> Iterator[Path]:
    """A file, or all that is in a folder, and last the folder itself."""
    if path.is_dir() and not path.is_symlink():
        for name in _names(path):
            yield from _files(path / name)
    yield path
