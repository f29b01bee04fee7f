"""Contents that another took the place of, and that count no more: a half copy, a half of a pair.

A file that is gone from the inbox is no such thing: operations may empty it every night. Nor is any other content under
a name that was there before: recorders use names again. The earlier content must be seen to be of the same call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipeline.datatypes import Transcript
from pipeline.errors import BadArtefact
from pipeline.intake.contents import Contents, HashedFile
from pipeline.intake.name_presets import SIDE_SUFFIX
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord, path_key


def superseded_contents(
    contents: Contents, home: Home, is_known: Callable[[str], bool], call_ids: Callable[[str], Collection[str]]
) -> Iterator[tuple[str, str]]:
    """(earlier, later) contents by SHA-256, the later of which takes the place of the earlier one.

    It does so at the same path when it begins with all the bytes of the earlier one, when that was cut short or could
    not be heard at all, when its name can be only one call's (`is_known` of the name without its side), or when call
    metadata gives both one id (`call_ids` are the later content's). A pair takes the place of its halves and their mix.
    """
    yield from contents.sides.parts.items()
    for later, paths in contents.paths.items():
        if later in contents.sides.halves:
            continue
        for path in paths:
            before = contents.before.get(path_key(path))
            if before is None or before.sha256 == later or _is_there(before.sha256, contents):
                continue
            if is_known(SIDE_SUFFIX.sub("", path.stem)) or _is_same_call(path, before, home, call_ids(later)):
                yield before.sha256, later


def _is_there(sha256: str, contents: Contents) -> bool:
    return sha256 in contents.paths or sha256 in contents.sides.parts or sha256 in contents.sides.waiting


def _is_same_call(path: Path, before: HashedFile, home: Home, later_ids: Collection[str]) -> bool:
    transcript = home.newest_transcript(before.sha256)
    was_heard = transcript is not None or home.scores(before.sha256).exists()
    if not was_heard or _begins_with(path, before):
        return True
    with suppress(BadArtefact):
        if transcript and any(fault.kind == "cut-short" for fault in artefacts.read(transcript, Transcript).faults):
            return True
    with suppress(BadArtefact):
        return artefacts.read(home.recording(before.sha256), RecordingRecord).cdr.call_id in later_ids
    return False


def _begins_with(path: Path, before: HashedFile) -> bool:
    """Whether a file begins with all that lay there before: it was still being copied."""
    digest, rest = hashlib.sha256(), before.size_bytes
    try:
        with path.open("rb") as stream:
            while rest and (block := stream.read(min(rest, 1 << 20))):
                digest.update(block)
                rest -= len(block)
    except OSError:
        return False
    return not rest and digest.hexdigest() == before.sha256


def set_aside(superseded: Mapping[str, str], home: Home) -> tuple[str, ...]:
    """Mark what was superseded, and take back its verdicts and failures; its transcript stays. Those that are new."""
    done = []
    for earlier, later in superseded.items():
        if not home.recording(earlier).exists():
            continue
        verdicts = (home.judged(earlier), home.scores(earlier))
        for file in (*verdicts, home.failure(earlier), home.failure(f"{earlier}-excerpt")):
            file.unlink(missing_ok=True)
        with suppress(BadArtefact):
            record = artefacts.read(home.recording(earlier), RecordingRecord)
            if record.superseded_by != later:
                artefacts.write(home.recording(earlier), replace(record, superseded_by=later))
                done.append(earlier)
    return tuple(done)
