"""A copy of a home in a folder: its files by what they hold, and a manifest that says which file holds what.

    target/manifest.json.zst    BackupManifest: every file of the home by path, with size, time and SHA-256
    target/files/ab/<sha256>    what a file holds; the same content lies there once
    target/backup.lock          one backup into a folder at a time

It holds what cannot be made again; not the database, which is built from it, and not the key of callers' hashes. It is
taken while a night runs: every file of a home is put in its place whole, and what rests on a file is copied before it.
What people write at the desk is copied by SQLite itself, as of one moment.
The next backup copies what is new, and removes what the home has no more, so that what was forgotten leaves it too. The
manifest changes at one moment: whoever is killed leaves the last backup or the new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from pipeline.errors import BadArtefact, CallQAError, shown
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.audit import audit_file
from pipeline.storage.erasure import unfinished
from pipeline.storage.files import file_sha256, is_temporary
from pipeline.storage.home import Home
from pipeline.storage.sqlite_file import copy_sqlite

BACKED_UP = (
    "excerpts", "judged", "scores", "answers", "unanswered", "failures", "heard", "runs", "recordings", "rulebooks",
    "reports",
)  # fmt: skip
"""Folders of a home, what rests on others first: a file that is copied finds there what it was made from."""

_PASSING = ("sessions", "links")
"""Tables whose rows are in no backup: who is signed in, and invitations, which must not come to life again."""

DATABASES = ("accounts.sqlite", "reviews.sqlite")
"""What people write; a file and its log are one state only as SQLite copies them."""

_BLOCK = 1 << 20
_HALF_WRITTEN = ".copying"


@dataclass(frozen=True, slots=True)
class BackedFile:
    """A file of the home: `path` from its root on, size, time of change, and the SHA-256 of its bytes."""

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup holds, as of when it was begun."""

    taken_at: datetime
    files: tuple[BackedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupOutcome:
    """What a backup came to: files in it, of them copied now, bytes copied; `removed` are contents it had before."""

    files: int
    size_bytes: int
    copied: int
    copied_bytes: int
    removed: int


@dataclass(frozen=True, slots=True)
class BackupFault:
    """A file of a backup whose content is not there, or not what it was."""

    path: str
    fault: Literal["missing", "damaged"]


def manifest_file(target: Path) -> Path:
    return artefacts.lying(target / f"manifest{artefacts.ARTEFACT_SUFFIX}")


def read_manifest(target: Path) -> BackupManifest:
    """What a backup holds. Raises CallQAError where there is none."""
    if not os.path.lexists(manifest_file(target)):
        raise CallQAError(
            Message("{folder}: there is no backup in it; `callqa backup` makes one", folder=shown(target))
        )
    return artefacts.read(manifest_file(target), BackupManifest)


def content_file(target: Path, sha256: str) -> Path:
    """Where a backup keeps a content."""
    return target / "files" / sha256[:2] / sha256


def take_backup(home: Home, target: Path, on_file: Callable[[int], None] = lambda files: None) -> BackupOutcome:
    """Bring the backup in a folder up to date. Raises CallQAError where it cannot be, OSError; the last one then stays.

    `on_file` is told how many files were seen to.
    """
    _check_places(home, target)
    target.mkdir(parents=True, exist_ok=True)
    with _target_lock(target):
        before = {}
        if os.path.lexists(manifest_file(target)):
            with suppress(BadArtefact):  # one that is damaged is made anew from what is there
                before = {file.path: file for file in read_manifest(target).files}
        _refuse_unfinished(home)
        taken_at = datetime.now(UTC)
        copy = _Copy(home, target, before)
        files = []
        for number, path in enumerate(_to_back_up(home), 1):
            if (file := copy.of(path)) is not None:
                files.append(file)
            on_file(number)
        # what left the home meanwhile, as a night or its owner wanted, leaves the backup with it
        files = [file for file in files if os.path.lexists(home.root / file.path)]
        _refuse_unfinished(home)
        copy.check()
        os.sync()  # the contents are on the disk before a manifest names them
        artefacts.write(manifest_file(target), BackupManifest(taken_at, tuple(files)))
        removed = _remove_unnamed(target, {file.sha256 for file in files})
    return BackupOutcome(len(files), sum(file.size_bytes for file in files), copy.files, copy.size_bytes, removed)


def verify_backup(target: Path, on_file: Callable[[int], None] = lambda files: None) -> list[BackupFault]:
    """Read every content of a backup again. Raises CallQAError where there is no backup."""
    faults: list[BackupFault] = []
    sound: dict[str, bool] = {}
    for number, file in enumerate(read_manifest(target).files, 1):
        content = content_file(target, file.sha256)
        if not content.exists():
            faults.append(BackupFault(file.path, "missing"))
        else:
            if file.sha256 not in sound:
                sound[file.sha256] = _holds(content, file.sha256)
            if not sound[file.sha256]:
                faults.append(BackupFault(file.path, "damaged"))
        on_file(number)
    return faults


def _holds(path: Path, sha256: str) -> bool:
    try:
        return file_sha256(path) == sha256
    except OSError:
        return False


class _Copy:
    """Copies files into a backup, those that look as they did in the last one only if their content is gone."""

    def __init__(self, home: Home, target: Path, before: Mapping[str, BackedFile]) -> None:
        self._home, self._target, self._before = home, target, before
        self._new: list[str] = []
        self.files = self.size_bytes = 0

    def of(self, path: Path) -> BackedFile | None:
        """A file of the home as it is in the backup now; None when it has left the home. Raises OSError."""
        name = str(path.relative_to(self._home.root))
        known = self._before.get(name)
        if name in DATABASES:
            return self._of_database(path, name, known)
        try:
            with path.open("rb") as stream:
                info = os.fstat(stream.fileno())
                if known and (known.size_bytes, known.modified_ns) == (info.st_size, info.st_mtime_ns):
                    with suppress(OSError):
                        if content_file(self._target, known.sha256).stat().st_size == known.size_bytes:
                            return known
                sha256, size_bytes = self._put(stream)
        except FileNotFoundError:
            return None
        return BackedFile(name, size_bytes, info.st_mtime_ns, sha256)

    def _of_database(self, path: Path, name: str, known: BackedFile | None) -> BackedFile:
        """What people wrote, as of now. Raises CallQAError where it is damaged."""
        log = path.with_name(f"{name}-wal")
        modified_ns = max(each.stat().st_mtime_ns for each in (path, log) if each.exists())
        if known and known.modified_ns == modified_ns and content_file(self._target, known.sha256).exists():
            return known
        copy = self._target / "files" / f"{_HALF_WRITTEN}.sqlite"
        copy.parent.mkdir(exist_ok=True)
        try:
            copy_sqlite(path, copy, _PASSING)
            with copy.open("rb") as stream:
                sha256, size_bytes = self._put(stream)
        finally:
            copy.unlink(missing_ok=True)
        return BackedFile(name, size_bytes, modified_ns, sha256)

    def _put(self, stream: BinaryIO) -> tuple[str, int]:
        """Copy what is left of a stream, unless it is there; its SHA-256 and size."""
        digest, size_bytes = hashlib.sha256(), 0
        (self._target / "files").mkdir(exist_ok=True)
        temporary = self._target / "files" / _HALF_WRITTEN
        with temporary.open("wb") as copy:
            while block := stream.read(_BLOCK):
                digest.update(block)
                copy.write(block)
                size_bytes += len(block)
        sha256 = digest.hexdigest()
        content = content_file(self._target, sha256)
        content.parent.mkdir(exist_ok=True)
        os.replace(temporary, content)
        self._new.append(sha256)
        self.files += 1
        self.size_bytes += size_bytes
        return sha256, size_bytes

    def check(self) -> None:
        """Read back what was copied. Raises CallQAError where the target does not hold it."""
        for sha256 in self._new:
            content = content_file(self._target, sha256)
            if not _holds(content, sha256):
                raise CallQAError(
                    Message(
                        "{file}: does not hold what was written; see to the disk of the backup, and run it again",
                        file=shown(content),
                    )
                )


def _check_places(home: Home, target: Path) -> None:
    """Raises CallQAError for a target in the home, around it, or that holds something else."""
    ours, theirs = home.root.resolve(), target.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise CallQAError(Message("{folder}: a backup belongs outside the home, on another disk", folder=shown(target)))
    if not home.root.is_dir():
        raise CallQAError(Message("{home}: no callqa home is there", home=shown(home.root)))
    known = {manifest_file(target).name, "files", "backup.lock"}
    if target.is_dir() and any(path.name not in known and not is_temporary(path.name) for path in target.iterdir()):
        raise CallQAError(
            Message("{folder}: holds other files than a backup; name an empty folder", folder=shown(target))
        )


def _refuse_unfinished(home: Home) -> None:
    if unfinished(home) is not None:
        raise CallQAError(
            Message(
                "{home}: calls are being forgotten, or that was cut short (`callqa forget` ends it); back up after it",
                home=shown(home.root),
            )
        )


def _to_back_up(home: Home) -> Iterator[Path]:
    for name in BACKED_UP:
        for folder, folders, names in os.walk(home.root / name):
            folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
            yield from (
                path
                for each in sorted(names)
                if not each.startswith(".") and not (path := Path(folder, each)).is_symlink()
            )
    yield from sorted((home.root / "fetched").glob(f"*.index{artefacts.ARTEFACT_SUFFIX}"))
    yield from (path for path in _single_files(home) if path.is_file())


def _single_files(home: Home) -> tuple[Path, ...]:
    return (
        home.root / "night.json.zst", home.root / "unpublished", home.forgotten_key, home.forgotten, audit_file(home),
        *(home.root / name for name in DATABASES),
    )  # fmt: skip


def belongs_in_backup(home: Home, path: str) -> bool:
    """Whether a backup may put a file at this path of a home: a manifest may come from anywhere."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts:
        return False
    return parts[0] in (*BACKED_UP, "fetched") or home.root / path in _single_files(home)


def _remove_unnamed(target: Path, named: set[str]) -> int:
    """Remove the contents that no file has any more, and what killed backups left."""
    removed = 0
    for folder, _, names in os.walk(target / "files"):
        for name in names:
            if name not in named:
                Path(folder, name).unlink(missing_ok=True)
                removed += not name.startswith(_HALF_WRITTEN)
    return removed


@contextmanager
def _target_lock(target: Path) -> Iterator[None]:
    with (target / "backup.lock").open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CallQAError(Message("{folder}: another backup is at work there", folder=shown(target))) from None
        yield


@dataclass(frozen=True, slots=True)
class BackupTargets:
    """The folders into which a home was backed up, as absolute paths, and when last."""

    targets: dict[str, datetime] = field(default_factory=dict)


def backup_targets(home: Home) -> dict[str, datetime]:
    """Where a home was backed up, and when last."""
    try:
        return dict(artefacts.read(_targets_file(home), BackupTargets).targets)
    except BadArtefact:
        return {}


def note_target(home: Home, target: Path) -> None:
    """Remember a backup, so that `callqa forget` can name it."""
    targets = backup_targets(home) | {str(target.resolve()): datetime.now(UTC)}
    artefacts.write(_targets_file(home), BackupTargets(targets))


def _targets_file(home: Home) -> Path:
    return artefacts.lying(home.root / f"backups{artefacts.ARTEFACT_SUFFIX}")
