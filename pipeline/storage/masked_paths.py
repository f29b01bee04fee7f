"""Files whose stored paths have telephone numbers masked, found again on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pipeline.numbers import mask_numbers

MASK = "*"
"""What stands in a masked path for each digit that is hidden."""


def masked_like(name: str, masked: str) -> bool:
    """Whether a file of this name may be the one that is called so where its number is masked."""
    return len(name) == len(masked) and all(map(_may_be, name, masked))


def _may_be(own: str, masked: str) -> bool:
    return masked in (MASK, own)


def find_masked(path: Path) -> Iterator[Path]:
    """The files that a masked path may stand for; the path itself where nothing in it is masked, or none is there."""
    found = [Path(path.anchor)]
    for part in path.parts[1:] if path.anchor else path.parts:
        if MASK in part:
            found = [folder / name for folder in found for name in _names_like(folder, part)]
        else:
            found = [folder / part for folder in found]
    yield from found or [path]


def _names_like(folder: Path, masked: str) -> list[str]:
    try:
        names = _names(str(folder), os.stat(folder).st_mtime_ns)
    except OSError:
        return []
    # a number that only its call's record gives away is masked beyond what a name alone shows
    own = names.get(masked) or [name for each in names.values() for name in each]
    return [name for name in own if masked_like(name, masked)]


@lru_cache(maxsize=16)
def _names(folder: str, modified_ns: int) -> dict[str, list[str]]:
    """The names in a folder as they are masked, so that few are compared; `modified_ns` is the state of the folder."""
    names: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        names.setdefault(mask_numbers(name), []).append(name)
    return names
