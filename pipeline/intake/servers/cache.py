"""What was fetched from a server: files of a home under safe names, what they were on the server, and room for more.

    home/fetched/<place>/…               the files, in folders as on the server
    home/fetched/<place>.parts/          beginnings of files, to go on from
    home/fetched/<place>.index.json.zst  FetchIndex: what each name held; it outlives the bytes

A recording that was heard is known by its line in the index, so it is not fetched again though its bytes are gone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import BadArtefact
from pipeline.intake.servers.server import ServerFile
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import path_key

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file as it was fetched: its size and stamp on the server, and the hash of its bytes."""

    size_bytes: int
    stamp: str
    sha256: str


@dataclass(frozen=True, slots=True)
class FetchIndex:
    """Every file that was fetched from one address, by the key of its path here: a name may hold a telephone number."""

    files: dict[str, FetchedFile] = field(default_factory=dict)


def safe_name(parts: tuple[str, ...]) -> Path:
    """A relative path for a server's folders and name that leads nowhere but down; names that differ stay different.

    What is fit for a file's name is kept: people and patterns look for it. The rest is called by its hash.
    """
    return Path(*map(_safe_part, parts))


def _safe_part(part: str) -> str:
    raw = part.encode("utf-8", "surrogateescape")
    is_fit = part not in ("", ".", "..") and not set("/\0\\") & set(part) and len(raw) <= _LONGEST_NAME
    # what begins as the hashed names do could be taken for one
    if is_fit and not part.startswith("%%"):
        return part
    suffix = os.path.splitext(part)[1]
    return f"%%{hashlib.sha256(raw).hexdigest()[:32]}{suffix if suffix[1:].isalnum() and len(suffix) < 8 else ''}"


class FetchCache:
    """The fetched files of one address, and their index."""

    def __init__(self, folder: Path, limit_bytes: float) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._parts = folder.with_name(f"{folder.name}.parts")
        self._index_file = folder.with_name(f"{folder.name}.index{artefacts.ARTEFACT_SUFFIX}")
        self._in_use: set[Path] = set()
        try:
            self._index = dict(artefacts.read(self._index_file, FetchIndex).files)
        except BadArtefact:
            self._index = {}
        self._stored = dict(self._index)

    def path(self, file: ServerFile) -> Path:
        """Where a server's file lies here, or would."""
        return self.folder / safe_name(file.parts)

    def known(self, path: Path) -> FetchedFile | None:
        """What was fetched to a path last, whether or not the bytes are still there."""
        return self._index.get(self._key(path))

    def has(self, path: Path) -> bool:
        """Whether the bytes that the index tells of are there."""
        known = self.known(path)
        with suppress(OSError):
            return known is not None and path.stat().st_size == known.size_bytes
        return False

    def part(self, path: Path, stamp: str) -> Path:
        """Where the beginning of a file lies; another version of it has another."""
        name = hashlib.sha256(f"{self._key(path)}\n{stamp}".encode()).hexdigest()
        self._parts.mkdir(parents=True, exist_ok=True)
        return self._parts / f"{name}.part"

    def keep(self, part: Path, path: Path, stamp: str, changed_at_s: float | None) -> FetchedFile:
        """Put a whole file in its place. Raises OSError, for a name that the disk does not take as well."""
        fetched = FetchedFile(part.stat().st_size, stamp, file_sha256(part))
        path.parent.mkdir(parents=True, exist_ok=True)
        if changed_at_s is not None:
            os.utime(part, (changed_at_s, changed_at_s))
        os.replace(part, path)
        return fetched

    def note(self, path: Path, fetched: FetchedFile) -> None:
        self._index[self._key(path)] = fetched

    def write(self) -> None:
        """Write the index if it says something else than on the disk."""
        if self._index != self._stored:
            artefacts.write(self._index_file, FetchIndex(dict(self._index)))
            self._stored = dict(self._index)

    def keep_only(self, paths: Iterable[Path]) -> list[Path]:
        """Forget all other files, which the server has no more, and return those whose bytes are here."""
        kept = set(paths)
        keys = set(map(self._key, kept))
        self._index = {key: fetched for key, fetched in self._index.items() if key in keys}
        return [path for path, _ in _files(self.folder) if path not in kept]

    def drop_parts(self) -> None:
        """Remove beginnings of files that nothing will go on from."""
        shutil.rmtree(self._parts, ignore_errors=True)

    def use(self, path: Path) -> None:
        """The file is being read, or is what the calls are known by: it stays."""
        self._in_use.add(path)

    def release(self, path: Path) -> None:
        self._in_use.discard(path)

    def drop(self, path: Path) -> None:
        """Let the bytes go, unless they are being read; what they were stays known. Raises OSError."""
        if path not in self._in_use:
            path.unlink(missing_ok=True)

    def room_bytes(self, wanted_bytes: float, is_needed: Callable[[str], bool], *, at_any_price: bool = False) -> float:
        """The room for new files, after files that were heard left for it, the oldest first.

        `is_needed` tells by SHA-256 whether the bytes are still to be heard; `at_any_price` even those go, but none
        that is being heard: they can be fetched again.
        """
        files = sorted(_files(self.folder), key=lambda file: file[1].st_mtime)
        room = self._limit_bytes - sum(info.st_size for _, info in (*files, *_files(self._parts)))
        for unneeded in (True, False) if at_any_price else (True,):
            for path, info in files:
                if room >= wanted_bytes:
                    return room
                known = self.known(path)
                if path in self._in_use or (unneeded and known is not None and is_needed(known.sha256)):
                    continue
                if path.exists():
                    path.unlink()
                    room += info.st_size
        return room

    def _key(self, path: Path) -> str:
        return path_key(path.relative_to(self.folder))


def fetched_contents(fetched: Path) -> set[str]:
    """The SHA-256s of the recordings whose copies are here."""
    return {known for _, known in _copies(fetched) if known}


def drop_fetched(fetched: Path, contents: Collection[str]) -> Iterator[Path]:
    """Remove the copies of recordings with these bytes (SHA-256) that were fetched from servers, and tell which could
    not be removed. The index goes on knowing them, so that they are not fetched again."""
    for parts in fetched.glob("*.parts"):
        shutil.rmtree(parts, ignore_errors=True)
    for path, known in _copies(fetched):
        if known is None or known in contents:
            try:
                path.unlink()
            except OSError:
                yield path


def _copies(fetched: Path) -> Iterator[tuple[Path, str | None]]:
    """Every file that was fetched, and its SHA-256 by its index; None where the index does not know."""
    for folder in fetched.glob("*"):
        if not folder.is_dir() or folder.suffix == ".parts":
            continue
        try:
            index = artefacts.read(
                folder.with_name(f"{folder.name}.index{artefacts.ARTEFACT_SUFFIX}"), FetchIndex
            ).files
        except BadArtefact:
            index = {}
        for path, _ in _files(folder):
            known = index.get(path_key(path.relative_to(folder)))
            yield path, known.sha256 if known else None


def _files(top: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            path = Path(folder, name)
            with suppress(OSError):
                found.append((path, path.lstat()))
    return found
