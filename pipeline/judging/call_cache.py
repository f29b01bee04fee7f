"""Stored calls and their outcomes as columns, beside the artefacts: what a replay reads instead of a file a call.

    home/columns/<key>/
      <name>.calls       some hundreds of calls (`pipeline.judging.call_columns`), whatever rulebook judges them
      <name>.outcomes    what the judged files of these calls say, and the size and time that each had then

The key is a hash of the code and the words that make tokens of a text: with another, all is made anew. A call that was
judged again has new outcomes; one that was heard again goes into another file. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.datatypes import Judged
from pipeline.errors import BadArtefact
from pipeline.judging.call_columns import CallColumns
from pipeline.judging.making_columns import columns_of
from pipeline.judging.rescoring import OUTCOME_CODES, Outcomes, Points
from pipeline.storage import artefacts
from pipeline.storage.column_files import Column, ColumnFile, damaged_columns, write_columns
from pipeline.storage.home import Home, JudgedFile

CALLS_IN_A_FILE = 500
_HASH_BYTES = 8

_PIPELINE = Path(__file__).parent.parent
_MAKERS = ("language", "timeline.py", "datatypes.py", "judging/token_index.py", "judging/call_columns.py",
           "judging/making_columns.py", "judging/span_columns.py", "judging/call_cache.py",
           "storage/column_files.py")  # fmt: skip
"""What columns are made by."""

Sha = bytes
"""A recording's SHA-256 as it is, not in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Size and time of a judged file: every one is written by rename, so any change shows in them."""

    size: int
    modified_ns: int


@dataclass(frozen=True)
class CachedFile:
    """A file of calls: `rows` are those whose outcomes are known, `stale` those that were judged again since."""

    path: Path
    shas: tuple[Sha, ...]
    rows: tuple[int, ...]
    stale: tuple[int, ...]


@dataclass(frozen=True)
class Survey:
    """What there is of the stored calls: files of columns, and the calls that are in none."""

    files: tuple[CachedFile, ...]
    missing: tuple[Sha, ...]

    @property
    def calls(self) -> int:
        return len(self.missing) + sum(len(file.rows) + len(file.stale) for file in self.files)


@cache
def cache_key() -> str:
    """A hash of all that columns are made by."""
    digest = hashlib.sha256()
    for top in _MAKERS:
        place = _PIPELINE / top
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.suffix in (".py", ".yaml", ".txt"):
                digest.update(f"{file.relative_to(_PIPELINE)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def survey(home: Home) -> Survey:
    """What of the stored calls is in columns; files that are damaged, or hold calls that are gone, are removed."""
    folder = _folder(home)
    stored = signatures(home)
    left = dict(stored)
    for other in home.columns.glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    kept: list[CachedFile] = []
    for path in sorted(folder.glob("*.calls")):
        found = _looked_at(path, left)
        if found is None:
            remove(path)
            continue
        kept.append(found)
        for row in (*found.rows, *found.stale):
            del left[found.shas[row]]
    small = [file for file in kept if len(file.rows) + len(file.stale) < CALLS_IN_A_FILE / 2]
    if left or len(small) > 1:
        # what is left of some files, and a few new calls, make one
        for file in small:
            kept.remove(file)
            left.update((file.shas[row], stored[file.shas[row]]) for row in (*file.rows, *file.stale))
            remove(file.path)
    return Survey(tuple(kept), tuple(sorted(left)))


def signatures(home: Home) -> dict[Sha, Signature]:
    """Of all stored calls."""
    found: dict[Sha, Signature] = {}
    with suppress(FileNotFoundError):
        for folder in os.scandir(home.root / "judged"):
            for entry in os.scandir(folder.path) if folder.is_dir() else ():
                if artefacts.is_artefact(entry):
                    with suppress(ValueError, FileNotFoundError):
                        stat = entry.stat()
                        sha = bytes.fromhex(entry.name.split(".")[0])
                        if sha not in found or entry.name.endswith(artefacts.ARTEFACT_SUFFIX):
                            found[sha] = Signature(stat.st_size, stat.st_mtime_ns)
    return found


def _folder(home: Home) -> Path:
    return home.columns / cache_key()


def remove(path: Path) -> None:
    """Take a file out of the cache."""
    with suppress(OSError):
        path.with_suffix(".outcomes").unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def drop_from_columns(home: Home, calls: Collection[str]) -> None:
    """Remove the files of the cache that hold one of these calls (SHA-256), and those of which that cannot be told.

    The next replay puts the other calls of theirs into files anew.
    """
    for path in is_in_columns(home, calls):
        remove(path)


def is_in_columns(home: Home, calls: Collection[str]) -> list[Path]:
    """The files of the cache that hold one of these calls (SHA-256), and those of which that cannot be told."""
    wanted = {bytes.fromhex(sha256) for sha256 in calls}
    found = []
    for path in sorted(home.columns.glob("*/*.calls")) if wanted else ():
        try:
            if not wanted.isdisjoint(_shas(ColumnFile(path))):
                found.append(path)
        except BadArtefact:
            found.append(path)
    return found


def _looked_at(path: Path, left: Mapping[Sha, Signature]) -> CachedFile | None:
    """A file of the cache; None where it is damaged, or a call in it is stored no more, or in another file."""
    try:
        shas = _shas(ColumnFile(path))
        if not all(sha in left for sha in shas) or len(set(shas)) < len(shas):
            return None
        outcomes = ColumnFile(path.with_suffix(".outcomes"))
        known = zip(outcomes["size"].tolist(), outcomes["modified_ns"].tolist(), strict=True)
        fresh = [(left[sha].size, left[sha].modified_ns) == own for sha, own in zip(shas, known, strict=True)]
    except (BadArtefact, ValueError):
        return None
    rows = tuple(row for row, is_fresh in enumerate(fresh) if is_fresh)
    return CachedFile(path, shas, rows, tuple(row for row, is_fresh in enumerate(fresh) if not is_fresh))


def _shas(file: ColumnFile) -> tuple[Sha, ...]:
    raw = file["sha"].tobytes()
    return tuple(raw[at : at + 32] for at in range(0, len(raw), 32))


@dataclass(frozen=True)
class StoredOutcomes:
    """What the judged files of some calls say. `rules` are ids and hashes, the columns of `outcomes` and `deducted`."""

    rules: tuple[tuple[str, str], ...]
    outcomes: Outcomes
    deducted: Points
    scores: Points
    """NaN where there is none."""
    is_judged: npt.NDArray[np.bool_]
    """Whether there is a scorecard at all."""


@dataclass(frozen=True)
class CachedCalls:
    """The calls of a file, and what they were judged."""

    columns: CallColumns
    shas: tuple[Sha, ...]
    stored: StoredOutcomes
    languages: tuple[str, ...]
    started_s: Points
    """Seconds since 1970; NaN where that is not known."""
    agents: tuple[str, ...]


def read_calls(path: Path) -> CachedCalls:
    """A file of the cache. Raises BadArtefact."""
    file, outcomes = ColumnFile(path), ColumnFile(path.with_suffix(".outcomes"))
    try:
        about = msgspec.msgpack.decode(file["about"].tobytes(), type=_About)
        rules = msgspec.msgpack.decode(outcomes["rules"].tobytes(), type=list[tuple[str, str]])
        shape = (len(about.languages), len(rules))
        stored = StoredOutcomes(
            tuple(rules), outcomes["outcome"].reshape(shape), outcomes["deducted"].reshape(shape),
            outcomes["score"], outcomes["is_judged"].astype(bool),
        )  # fmt: skip
    except (msgspec.MsgspecError, ValueError) as error:
        raise damaged_columns(path, error) from error
    columns = CallColumns(file)
    return CachedCalls(
        columns, _shas(file), stored, tuple(about.languages), file["started_s"], tuple(about.agents),
    )  # fmt: skip


class _About(msgspec.Struct, frozen=True):
    """Of each call, its language and what its agent is called."""

    languages: list[str]
    agents: list[str]


def make_file(home: Home, shas: Iterable[Sha]) -> tuple[CachedFile | None, int]:
    """Put stored calls into a file of the cache; None where none could be read. And how many could not be.

    Raises OSError where it cannot be written.
    """
    read = [_ReadFile.of(home, sha) for sha in shas]
    whole = [file for file in read if file is not None]
    if not whole:
        return None, len(read)
    calls = [file.judged.call for file in whole]
    started = [call.cdr.started_at.timestamp() if call.cdr.started_at else np.nan for call in calls]
    about = _About([call.language for call in calls], [c.cdr.agent_name or c.cdr.agent_id or "" for c in calls])
    columns = {
        "sha": np.frombuffer(b"".join(file.sha for file in whole), np.uint8),
        "content": np.frombuffer(b"".join(file.content for file in whole), np.uint8),
        "about": _encoded(about),
        "started_s": np.array(started),
    } | columns_of(calls)
    name = hashlib.sha256(columns["sha"].tobytes() + columns["content"].tobytes()).hexdigest()[:32]
    path = _folder(home) / f"{name}.calls"
    # without its outcomes a file of calls is none, and outcomes alone are not looked at
    write_columns(path.with_suffix(".outcomes"), _outcome_columns(whole))
    write_columns(path, columns)
    done = CachedFile(path, tuple(file.sha for file in whole), tuple(range(len(whole))), ())
    return done, len(read) - len(whole)


def refresh(home: Home, file: CachedFile) -> CachedFile | None:
    """Read anew what is said of calls that were judged again; None where one is another call now, or cannot be read.

    Raises BadArtefact where the cache is damaged, OSError where it cannot be written.
    """
    contents = ColumnFile(file.path)["content"].reshape(-1, _HASH_BYTES)
    outcomes = ColumnFile(path := file.path.with_suffix(".outcomes"))
    read = [_ReadFile.of(home, file.shas[row]) for row in file.stale]
    known = [found for found in read if found is not None]
    if [found.content for found in known] != [contents[row].tobytes() for row in file.stale]:
        return None
    write_columns(path, _with_rows(outcomes, _outcome_columns(known), np.array(file.stale)))
    return CachedFile(file.path, file.shas, tuple(range(len(file.shas))), ())


def _with_rows(before: ColumnFile, now: Mapping[str, Column], rows: npt.NDArray[np.int64]) -> dict[str, Column]:
    """The outcomes of a file, some rows of them new."""
    made: dict[str, Column] = {name: before[name].copy() for name in ("size", "modified_ns", "score", "is_judged")}
    for name, values in made.items():
        values[rows] = now[name]
    own = [msgspec.msgpack.decode(each["rules"].tobytes(), type=list[tuple[str, str]]) for each in (before, now)]
    rules = {rule: number for number, rule in enumerate(dict.fromkeys(own[0] + own[1]))}
    old, new = (np.array([rules[rule] for rule in each], np.int64) for each in own)
    for name in ("outcome", "deducted"):
        whole = np.zeros((len(made["size"]), len(rules)), before[name].dtype)
        whole[:, old] = before[name].reshape(len(whole), len(old))
        whole[rows] = 0
        whole[np.ix_(rows, new)] = now[name].reshape(len(rows), len(new))
        made[name] = whole
    used = np.flatnonzero(made["outcome"].any(axis=0))
    names = list(rules)
    made["rules"] = _encoded([names[number] for number in used.tolist()])
    return made | {name: made[name][:, used].ravel() for name in ("outcome", "deducted")}


def _encoded(value: object) -> Column:
    return np.frombuffer(msgspec.msgpack.encode(value), np.uint8)


@dataclass(frozen=True)
class _ReadFile:
    """A judged file as it was read; `content` is a hash of its call."""

    sha: Sha
    signature: Signature
    judged: Judged
    content: bytes

    @classmethod
    def of(cls, home: Home, sha: Sha) -> _ReadFile | None:
        path = home.judged(sha.hex())
        try:
            # before it is read: what is written meanwhile has another time
            stat = path.stat()
            judged = artefacts.read(path, JudgedFile).judged
        except (BadArtefact, OSError):
            return None
        content = hashlib.blake2b(
            msgspec.msgpack.encode(judged.call, enc_hook=artefacts.plain), digest_size=_HASH_BYTES
        ).digest()
        return cls(sha, Signature(stat.st_size, stat.st_mtime_ns), judged, content)


def _outcome_columns(files: Sequence[_ReadFile]) -> dict[str, Column]:
    cards = [file.judged.scorecard for file in files]
    rules: dict[tuple[str, str], int] = {}
    for card in cards:
        for verdict in card.verdicts if card else ():
            rules.setdefault((verdict.rule_id, verdict.rule_hash), len(rules))
    outcomes = np.zeros((len(files), len(rules)), np.uint8)
    deducted = np.zeros((len(files), len(rules)))
    codes = {name: code for code, name in enumerate(OUTCOME_CODES)}
    for row, card in enumerate(cards):
        for verdict in card.verdicts if card else ():
            column = rules[verdict.rule_id, verdict.rule_hash]
            outcomes[row, column], deducted[row, column] = codes[verdict.outcome], verdict.deducted
    scores = [card.score if card and card.score is not None else np.nan for card in cards]
    return {
        "size": np.array([file.signature.size for file in files], np.int64),
        "modified_ns": np.array([file.signature.modified_ns for file in files], np.int64),
        "rules": _encoded(list(rules)),
        "outcome": outcomes.ravel(),
        "deducted": deducted.ravel(),
        "score": np.array(scores, np.float64),
        "is_judged": np.array([card is not None for card in cards], np.uint8),
    }
