"""Whether files of the home changed: their sizes and times, folder by folder, without opening one.

Every file is written by rename, so any change shows in them. Listing a folder tells its names at once, and a name costs
some microseconds: a million calls some seconds, where asking after each path by itself took minutes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from pipeline.storage.artefacts import ARTEFACT_SUFFIX, EARLIER_SUFFIX
from pipeline.storage.home import Home


def file_mark(path: str) -> str:
    """Size and time of a file, or "" where there is none."""
    try:
        stat = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns}"


def call_marks(home: Home) -> Iterator[tuple[str, str]]:
    """Every recording that has verdicts, by SHA-256 and in its order, with a hash of the marks of the files its rows
    are made from: verdicts, record, clips."""
    judged, scores = home.root / "judged", home.root / "scores"
    for folder in sorted({name for top in (judged, scores) for name in _names(str(top))}):
        recordings = _folder_marks(f"{home.root}/recordings/{folder}")
        # scores come last and count: that the words are still there is only until they are removed
        verdicts = _folder_marks(f"{judged}/{folder}") | _folder_marks(f"{scores}/{folder}")
        clips = f"{home.excerpts}/{folder}"
        with_clips = set(_names(clips))  # to ask for a file that is not there takes longest
        for sha256 in sorted(verdicts):
            record = f"{clips}/{sha256}/excerpts" if sha256 in with_clips else ""
            cut = record and (file_mark(record + ARTEFACT_SUFFIX) or file_mark(record + EARLIER_SUFFIX))
            own = f"{verdicts[sha256]}|{recordings.get(sha256, '')}|{cut}"
            yield sha256, hashlib.sha256(own.encode()).hexdigest()[:16]


def _folder_marks(folder: str) -> dict[str, str]:
    """The marks of a folder's artefacts, by what their names begin with."""
    names, found = _names(folder), {}
    # a killed process may have left what an earlier version wrote beside what is in its place, which counts
    for suffix in (EARLIER_SUFFIX, ARTEFACT_SUFFIX):
        for name in names:
            key = name.removesuffix(suffix)
            if key != name and key and "." not in key and (mark := file_mark(f"{folder}/{name}")):
                found[key] = mark
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
