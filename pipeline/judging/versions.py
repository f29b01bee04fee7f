"""Published rulebooks: what counts is a version that was tested and put down, not the files somebody is editing.

    home/rulebooks/<folder's name>/
      published.json.gz        Publications: every version, when, and the hash of its content; the last is in force
      <version>/               the rulebook's files as they were published

A rulebook that was never published is in force as it stands.
"""

from __future__ import annotations

import filecmp
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import CallQAError
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import RULEBOOK_FILE
from pipeline.judging.verdicts import run_cases
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.files import put_in_place, write_whole
from pipeline.storage.home import Home

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,40}")
_VERSION_LINE = re.compile(r"(?m)^version:.*$")


@dataclass(frozen=True, slots=True)
class Publication:
    """One published version; `hash` is the loaded rulebook's."""

    version: str
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Publications:
    """All versions of a rulebook, the one in force last."""

    versions: tuple[Publication, ...]


def publications(home: Home, folder: Path) -> tuple[Publication, ...]:
    """The published versions of the rulebook in `folder`, oldest first. Raises BadArtefact."""
    record = _record(home, folder)
    return artefacts.read(record, Publications).versions if record.exists() else ()


def in_force(home: Home, folder: Path) -> Path:
    """The folder that calls are judged by: the last published version, else `folder` itself."""
    versions = publications(home, folder)
    return _shelf(home, folder) / versions[-1].version if versions else folder


def pending(home: Home, folder: Path) -> str | None:
    """The version in force when `folder` has been edited since, so that the edits do not count; else None."""
    versions = publications(home, folder)
    if not versions:
        return None
    published = _shelf(home, folder) / versions[-1].version
    names = [sorted(str(p.relative_to(root)) for p in root.rglob("*.yaml")) for root in (folder, published)]
    if names[0] != names[1]:
        return versions[-1].version
    _, different, unread = filecmp.cmpfiles(folder, published, names[0], shallow=False)
    return versions[-1].version if different or unread else None


def publish_rulebook(home: Home, folder: Path, version: str | None = None) -> Publication | None:
    """Put a rulebook in force under a version, and return it; None when it is in force already.

    Without `version` the file's own is taken, or the next one when that is published with other content; the file
    is changed to say so. Raises BadRule when it has faults, CallQAError when a case fails or the version is taken.
    """
    book = load_rulebook(folder)
    wrong = [result for result in run_cases(book) if not result.ok]
    if wrong:
        first = wrong[0]
        raise CallQAError(
            Message(
                "not published: {count} cases fail; the first: {file}:{line}: {rule}: {expected} expected, {found} "
                "found (`callqa rules test` lists all)",
                count=len(wrong), file=first.file, line=first.line, rule=first.rule_id,
                expected=first.expected, found=first.found,
            )
        )  # fmt: skip
    done = publications(home, folder)
    if done and pending(home, folder) is None and version in (None, done[-1].version):
        return None
    taken = {publication.version for publication in done}
    wanted = version or book.version
    if version is None and wanted in taken:
        wanted = _next(wanted, taken)
    if wanted in taken:
        raise CallQAError(
            Message("version {version} of {name} is published already; give another --version",
                    version=wanted, name=folder.name)
        )  # fmt: skip
    if not _VERSION.fullmatch(wanted):
        raise CallQAError(
            Message(
                "{version} is not a version; letters, digits, dots and dashes make one, such as 2026.2",
                version=repr(wanted),
            )
        )
    if wanted != book.version:
        _write_version(folder / RULEBOOK_FILE, wanted)
        book = load_rulebook(folder)
    publication = Publication(wanted, book.hash, datetime.now(UTC))
    _copy(folder, _shelf(home, folder) / wanted)
    artefacts.write(_record(home, folder), Publications((*done, publication)))
    return publication


def _shelf(home: Home, folder: Path) -> Path:
    return home.rulebooks / folder.resolve().name


def _record(home: Home, folder: Path) -> Path:
    return _shelf(home, folder) / "published.json.gz"


def _next(version: str, taken: set[str]) -> str:
    """2026.1 → 2026.2; a version without a number at its end gets one."""
    stem, digits = re.fullmatch(r"(.*?)(\d*)", version).groups()  # type: ignore[union-attr]
    number = int(digits or 1)
    stem = stem if digits else f"{version}."
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def _write_version(file: Path, version: str) -> None:
    text = file.read_text(encoding="utf-8-sig")
    write_whole(file, _VERSION_LINE.sub(f'version: "{version}"', text, count=1).encode())


def _copy(folder: Path, target: Path) -> None:
    """The rulebook's YAML files, by rename: a version is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as temporary:
        copy = Path(temporary) / "book"
        shutil.copytree(folder, copy, ignore=_only_yaml)
        # one that a killed publishing left behind is in no record
        shutil.rmtree(target, ignore_errors=True)
        put_in_place(copy, target)


def _only_yaml(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".yaml") and not (Path(folder) / name).is_dir()}
