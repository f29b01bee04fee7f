"""Whether files of the home changed: their sizes and times, folder by folder, without opening one.

Every file is written by rename, so any change shows in them. Listing a folder tells its names at once, and a name costs
some microseconds: a million calls some seconds, where asking after each path by itself took minutes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress

from pipeline.storage.artefacts import ARTEFACT_SUFFIX, EARLIER_SUFFIX
from pipeline.storage.home import Home


def file_mark(path: str) -> str:
    """Size and time of a file, or "" where there is none."""
    try:
        return _mark(os.stat(path))
    except FileNotFoundError:
        return ""


def call_marks(home: Home) -> Iterator[tuple[str, str]]:
    """Every recording that has verdicts, by SHA-256 and in its order, with a hash of the marks of the files its rows
    are made from: verdicts, record, clips."""
    judged, scores = home.root / "judged", home.root / "scores"
    for folder in sorted({name for top in (judged, scores) if top.is_dir() for name in os.listdir(top)}):
        recordings = _folder_marks(f"{home.root}/recordings/{folder}")
        # scores come last and count: that the words are still there is only until they are removed
        verdicts = _folder_marks(f"{judged}/{folder}") | _folder_marks(f"{scores}/{folder}")
        for sha256, mark in sorted(verdicts.items()):
            clips = f"{home.excerpts}/{folder}/{sha256}/excerpts"
            cut = file_mark(clips + ARTEFACT_SUFFIX) or file_mark(clips + EARLIER_SUFFIX)
            own = f"{mark}|{recordings.get(sha256, '')}|{cut}"
            yield sha256, hashlib.sha256(own.encode()).hexdigest()[:16]


def _folder_marks(folder: str) -> dict[str, str]:
    """The marks of a folder's artefacts, by what their names begin with."""
    found: dict[str, str] = {}
    for entry in _entries(folder):
        name = entry.name
        key, suffix = name[: (dot := name.find("."))], name[dot:]
        if not key or suffix not in (ARTEFACT_SUFFIX, EARLIER_SUFFIX):
            continue
        if suffix == EARLIER_SUFFIX and key in found:
            continue  # a killed process may have left what an earlier version wrote beside what is in its place
        with suppress(FileNotFoundError):
            found[key] = _mark(entry.stat())
    return found


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        yield from entries


def _mark(stat: os.stat_result) -> str:
    return f"{stat.st_size} {stat.st_mtime_ns}"
