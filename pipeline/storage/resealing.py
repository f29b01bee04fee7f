"""A home's files brought to how they are to lie: encrypted with the key in force, or plain."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.storage.artefacts import is_artefact
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home
from pipeline.storage.sealing import is_as_wanted, sealed, sealing_id, sealing_in_force, unsealed


@dataclass(frozen=True, slots=True)
class Resealed:
    """What was found: files that were written anew, files that lay as wanted, files that could not be read."""

    changed: int
    kept: int
    damaged: tuple[Path, ...]


def reseal(home: Home, on_progress: Callable[[int, int], None] = lambda done, of: None) -> Resealed:
    """Bring every artefact and clip to how files are written now; only for who holds the run lock.

    A file is replaced whole, and one that lies as wanted is not touched: what was cut short goes on where it was.
    Raises MissingKey before anything is lost, OSError.
    """
    _mark(home).unlink(missing_ok=True)
    for folder in (home.columns, home.sound):  # made anew when they are asked for
        shutil.rmtree(folder, ignore_errors=True)
    paths = [path for path in _files(home) if _is_ours(home, path)]
    changed, damaged = 0, []
    for number, path in enumerate(paths, 1):
        try:
            changed += _resealed(path)
        except ValueError:
            damaged.append(path)
        on_progress(number, len(paths))
    if key := sealing_in_force().first:
        write_whole(_mark(home), sealing_id(key).encode())
    return Resealed(changed, len(paths) - changed - len(damaged), tuple(damaged))


def is_resealed(home: Home) -> bool:
    """Whether no file of before is left that is not encrypted with the key in force."""
    key = sealing_in_force().first
    try:
        return key is not None and _mark(home).read_text("ascii") == sealing_id(key)
    except (OSError, UnicodeDecodeError):
        return False


def begin_sealed(home: Home) -> None:
    """Say of a home that is new that all in it is encrypted, where that is in force."""
    if not (home.root / "recordings").exists() and (key := sealing_in_force().first):
        write_whole(_mark(home), sealing_id(key).encode())


def _mark(home: Home) -> Path:
    return home.root / "encrypted"


def _files(home: Home) -> list[Path]:
    return sorted(Path(folder, name) for folder, _, names in os.walk(home.root) for name in names)


def _is_ours(home: Home, path: Path) -> bool:
    if path.is_symlink() or path.name.startswith("."):
        return False
    return is_artefact(path) or (path.suffix == ".mp3" and home.excerpts in path.parents)


def _resealed(path: Path) -> bool:
    data = path.read_bytes()
    if is_as_wanted(data):
        return False
    write_whole(path, sealed(unsealed(data, path)))
    return True
