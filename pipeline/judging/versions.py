"""Published rulebooks: what counts is a version that was tested and put down, not the files somebody is editing.

    home/rulebooks/<shelf>/
      published.json.zst       Publications: whose they are, every version, when, its hash; the last is in force
      <version>/               the rulebook's files as they were published

A shelf is one rulebook's: of the one that lies in the folder it was published from, or, where that has moved, of the
one with the same name and language. It is called after the folder, with a number where that is taken. A rulebook that
was never published is in force as it stands.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from pipeline.errors import BadArtefact, CallQAError, shown
from pipeline.judging.chinese_keys import KEYS
from pipeline.judging.faults import Faults
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rule_yaml import read_rule_yaml
from pipeline.judging.rulebook import RECOGNISERS_FILE, RULEBOOK_FILE, Rulebook, RulebookFile
from pipeline.judging.rulebook_files import LARGEST_FILE, yaml_files
from pipeline.judging.verdicts import run_cases
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.files import put_in_place, read_regular, write_whole
from pipeline.storage.home import Home
from pipeline.storage.lock import publishing_lock

_RECORD = "published.json"
"""What its name begins with."""
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,40}")
_VERSION_LINE = re.compile(rf"(?m)^(version|{KEYS['version']}):.*$")

Identity = tuple[str, str]
"""A rulebook's name and language."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One published version; `hash` is the loaded rulebook's."""

    version: str
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Publications:
    """All versions of a rulebook, the one in force last; `folder` is where that was published from."""

    versions: tuple[Publication, ...]
    folder: str = ""


def publications(home: Home, folder: Path) -> tuple[Publication, ...]:
    """The published versions of the rulebook in `folder`, oldest first. Raises BadArtefact, with the remedy."""
    shelf = _shelf(home, folder)
    return _read(shelf).versions if shelf else ()


def in_force(home: Home, folder: Path) -> Path:
    """The folder that calls are judged by: the last published version, else `folder` itself. Raises BadArtefact."""
    shelf = _shelf(home, folder)
    return shelf / _read(shelf).versions[-1].version if shelf else folder


def pending(home: Home, folder: Path) -> str | None:
    """The version in force when `folder` has been edited since, so that the edits do not count; else None."""
    published = in_force(home, folder)
    return None if published == folder or _same_files(folder, published) else published.name


def _same_files(folder: Path, published: Path) -> bool:
    faults = Faults()
    names = [[str(file.relative_to(root)) for file in _published_files(root, faults)] for root in (folder, published)]
    if faults.found or names[0] != names[1]:
        return False
    _, different, unread = filecmp.cmpfiles(folder, published, names[0], shallow=False)
    return not different and not unread


def _published_files(folder: Path, faults: Faults) -> list[Path]:
    """What calls are judged by: the YAML files, and what the recognisers have learnt."""
    learnt = folder / RECOGNISERS_FILE
    return [*yaml_files(folder, faults), *([learnt] if learnt.exists() else [])]


def publish_rulebook(
    home: Home, folder: Path, version: str | None = None, language: str | None = None
) -> Publication | None:
    """Put a rulebook in force under a version, and return it; None when it is in force already.

    Without `version` the file's own is taken, or the next one when that is published with other content; the file
    is changed to say so, once everything has been checked. One process publishes at a time; another waits.
    Raises BadRule when it has faults or is not for `language`, CallQAError when a case fails or the version is taken.
    """
    with publishing_lock(home):
        book = load_rulebook(folder, language)
        _check_cases(book)
        shelf = _shelf(home, folder)
        done = _read(shelf).versions if shelf else ()
        if done and pending(home, folder) is None and version in (None, done[-1].version):
            return None
        shelf = shelf or _new_shelf(home, folder)
        wanted = _wanted_version(book, version, {publication.version for publication in done}, shelf)
        shelf.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shelf, prefix=".") as temporary:
            copy = Path(temporary) / "book"
            published = _copy(book, copy, wanted)
            put_in_place(copy, _cleared(shelf / wanted))
        if wanted != book.version:
            write_whole(folder / RULEBOOK_FILE, _with_version(folder / RULEBOOK_FILE, wanted))
        publication = Publication(wanted, published.hash, datetime.now(UTC))
        artefacts.write(_record(shelf), Publications((*done, publication), str(folder.resolve())))
        return publication


def _check_cases(book: Rulebook) -> None:
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


def _wanted_version(book: Rulebook, version: str | None, taken: set[str], shelf: Path) -> str:
    wanted = version or book.version
    if version is None and wanted in taken:
        wanted = _next(wanted, taken)
    if wanted in taken:
        raise CallQAError(
            Message("version {version} of {name} is published already; give another --version",
                    version=wanted, name=book.folder.name)
        )  # fmt: skip
    # on some file systems case makes no difference; and what lies there and is no folder is no version
    reserved = wanted.lower().startswith(_RECORD) or (
        os.path.lexists(shelf / wanted) and not _is_folder(shelf / wanted)
    )
    if reserved or not _VERSION.fullmatch(wanted):
        raise CallQAError(
            Message(
                "{version} is not a version; letters, digits, dots and dashes make one, such as 2026.2",
                version=repr(wanted),
            )
        )
    return wanted


def _next(version: str, taken: set[str]) -> str:
    """2026.1 → 2026.2; a version without a number at its end gets one."""
    stem, digits = re.fullmatch(r"(.*?)(\d{0,9})", version).groups()  # type: ignore[union-attr]
    number = int(digits or 1)
    stem = stem if digits else f"{version}."
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def _copy(book: Rulebook, copy: Path, version: str) -> Rulebook:
    """The rulebook's YAML files under a version, loaded: what was tested is what is published."""
    for file in _published_files(book.folder, Faults()):
        target = copy / file.relative_to(book.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read_regular(file, LARGEST_FILE))
    if load_rulebook(copy).hash != book.hash:
        raise CallQAError(
            Message("{folder}: somebody edits it at this moment; publish it again", folder=shown(book.folder))
        )
    if version != book.version:
        head = copy / RULEBOOK_FILE
        head.write_bytes(_with_version(head, version))
    published = load_rulebook(copy)
    if published.version != version:
        raise CallQAError(
            Message(
                "{file}: write `version:` on a line of its own, so that it can be set",
                file=shown(book.folder / RULEBOOK_FILE),
            )
        )
    return published


def _with_version(head: Path, version: str) -> bytes:
    text = read_regular(head, LARGEST_FILE).decode("utf-8-sig")
    return _VERSION_LINE.sub(rf'\g<1>: "{version}"', text, count=1).encode()


def _cleared(target: Path) -> Path:
    """A version's place; what a killed publishing left there is in no record."""
    if _is_folder(target):
        shutil.rmtree(target)
    return target


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _shelf(home: Home, folder: Path) -> Path | None:
    """The shelf of the rulebook in a folder; None when it was never published. Raises BadArtefact."""
    here, own = folder.resolve(), _identity(folder)
    damaged: BadArtefact | None = None
    alike: list[tuple[datetime, Path]] = []
    for shelf in _shelves(home):
        try:
            record = _read(shelf)
        except BadArtefact as error:
            if shelf.name == here.name or (own and own in map(_identity, shelf.iterdir())):
                damaged = error
            continue
        if record.folder == str(here):
            return shelf
        # who is editing it may have broken it: of old records, which name no folder, the shelf's name tells whose it is
        unreadable = own is None and not record.folder and shelf.name == here.name
        if unreadable or (own and own == _identity(shelf / record.versions[-1].version)):
            alike.append((record.versions[-1].at, shelf))
    if alike:
        return max(alike)[1]
    if damaged:
        raise damaged
    return None


def _shelves(home: Home) -> list[Path]:
    return sorted(path for path in home.rulebooks.glob("*") if os.path.lexists(_record(path)))


def _new_shelf(home: Home, folder: Path) -> Path:
    name = folder.resolve().name
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(shelf for each in names if not os.path.lexists(_record(shelf := home.rulebooks / each)))


def _identity(folder: Path) -> Identity | None:
    """What the rulebook in a folder says it is; None when it cannot be read."""
    source = read_rule_yaml(folder / RULEBOOK_FILE, Faults(), RulebookFile)
    if source is None:
        return None
    name, language = source.value.get("name"), source.value.get("language")
    return (name, language) if isinstance(name, str) and isinstance(language, str) else None


def _record(shelf: Path) -> Path:
    return artefacts.lying(shelf / f"published{artefacts.ARTEFACT_SUFFIX}")


def _read(shelf: Path) -> Publications:
    """What was published on a shelf. Raises BadArtefact, with the remedy."""
    try:
        record = artefacts.read(_record(shelf), Publications)
        if record.versions:
            return record
    except BadArtefact:
        pass
    raise BadArtefact(
        Message(
            "{record}: damaged; put a copy of it back, or move {shelf} away and publish the rulebook anew",
            record=shown(_record(shelf)), shelf=shown(shelf),
        )
    )  # fmt: skip
