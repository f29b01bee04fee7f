"""The recordings of the inbox by content: every file's SHA-256, read again only when the file looks otherwise."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import BadArtefact
from pipeline.intake.halves import Sides, find_sides
from pipeline.intake.listing import ingest_failure, look, named_like_recordings, settled, why
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Failure, Home, path_key

_CLOCK_GRAIN_NS = 2_000_000_000

NO_TIME = -1


@dataclass(frozen=True, slots=True)
class HashedFile:
    """What a file looked like when its bytes were hashed."""

    size_bytes: int
    modified_ns: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes of an earlier scan by path (`path_key`), so that a second one reads no recording again.

    A file that may have changed again without looking otherwise has no time (`NO_TIME`), and is read again.
    """

    files: dict[str, HashedFile] = field(default_factory=dict)


@dataclass(slots=True)
class Contents:
    """The files of the inbox by content: SHA-256 → paths in order, and size in bytes.

    `before` is what the last scan found by path; `others` are the files that are not named like recordings. What
    `sides` says of halves and mixes is worked in: a pair's paths are those of both files, and their own contents are
    left out of `paths`.
    """

    paths: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    files: int = 0
    unsettled: int = 0
    before: Mapping[str, HashedFile] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    sides: Sides = field(default_factory=Sides)

    @property
    def copies(self) -> int:
        """Files whose bytes another path has too; the second half of a pair is none."""
        return sum(len(paths) - 1 for paths in self.paths.values()) - len(self.sides.halves)


def read_contents(settings: Settings, home: Home, is_known: Callable[[str], bool]) -> Contents:
    """Every recording of the inbox, its bytes hashed unless an earlier scan did so.

    `is_known` says of a name without its side whether it tells a call (see `halves.find_sides`).
    """
    before = _earlier_hashes(home)
    contents = Contents(before=before.files)
    hashes: dict[str, HashedFile] = {}
    found = list(
        named_like_recordings(
            settings.inbox_folder, home.root, settings.ingest.extensions, contents.failures, contents.others
        )
    )
    contents.files = len(found)
    whole, contents.unsettled = settled(found, settings.ingest.settle_s)
    for path, info in ((file.path, file.info) for file in whole):
        if fault := _refused(info, settings.decode.largest_mb):
            contents.failures.append(ingest_failure(path, *fault))
            continue
        name = path_key(path)
        try:
            hashed = _hashed(path, info, before.files.get(name))
        except OSError as error:
            message = Message("cannot be read ({error}); check its permissions and the disk", error=why(error))
            contents.failures.append(ingest_failure(path, "unreadable", message))
            continue
        if hashed is None:
            contents.unsettled += 1
            continue
        # a file changed again within the clock's grain would look the same
        is_old = time.time_ns() - info.st_mtime_ns > _CLOCK_GRAIN_NS
        hashes[name] = hashed if is_old else replace(hashed, modified_ns=NO_TIME)
        contents.paths[hashed.sha256].append(path)
        contents.sizes[hashed.sha256] = info.st_size
    if hashes != before.files:
        artefacts.write(home.hashes, Hashes(hashes))
    settled_paths = {file.path for file in whole}
    unsettled = [file.path for file in found if file.path not in settled_paths]
    work_in_sides(contents, unsettled, is_known)
    return contents


def work_in_sides(contents: Contents, unsettled: Collection[Path], is_known: Callable[[str], bool]) -> None:
    """Put pairs in the places of their first halves, and leave out what is part of another recording, or waits."""
    contents.sides = find_sides(contents.paths, contents.sizes, unsettled, is_known)
    sides, paths = contents.sides, contents.paths
    pair_of_first = {first.sha256: pair for pair, (first, _) in sides.halves.items()}
    worked: dict[str, list[Path]] = defaultdict(list)
    for sha256, own in paths.items():
        if pair := pair_of_first.get(sha256):
            first, second = sides.halves[pair]
            worked[pair] = [first.path, second.path]
            contents.sizes[pair] = contents.sizes[first.sha256] + contents.sizes[second.sha256]
        elif sha256 not in sides.parts and sha256 not in sides.waiting:
            worked[sha256] = own
    contents.unsettled += len(sides.waiting)
    contents.paths = worked


def _refused(info: os.stat_result, largest_mb: float) -> tuple[str, Message] | None:
    if info.st_size == 0:
        return "empty", Message("is empty; copy it again")
    if info.st_size > largest_mb * 1e6:
        return "too-large", Message("is larger than {size:g} MB; raise decode.largest_mb", size=largest_mb)
    return None


def _hashed(path: Path, info: os.stat_result, before: HashedFile | None) -> HashedFile | None:
    """The file's hash, an earlier scan's if it looks as it did then; None when it changed while being read.

    Raises OSError.
    """
    as_found = look(info)
    if before and (before.size_bytes, before.modified_ns, before.inode) == as_found:
        return before
    sha256, after = _read_whole(path)
    return HashedFile(*as_found, sha256) if look(after) == as_found else None


def _read_whole(path: Path) -> tuple[str, os.stat_result]:
    """SHA-256 of a file's bytes, and its state afterwards. Raises OSError."""
    # a pipe put in the file's place meanwhile must not block
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as stream:
        return file_sha256(stream), os.fstat(stream.fileno())


def forget_hash(home: Home, path: Path) -> None:
    """Have the next scan read a file again that turned out to hold other bytes, though it looks as it did."""
    hashes = _earlier_hashes(home).files
    if hashes.pop(path_key(path), None) is not None:
        artefacts.write(home.hashes, Hashes(hashes))


def _earlier_hashes(home: Home) -> Hashes:
    try:
        return artefacts.read(home.hashes, Hashes)
    except BadArtefact:
        return Hashes()
