"""Which call of the metadata belongs to which recording."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.intake.joining import JoinedCall, in_order
from pipeline.intake.name_presets import SIDE_SUFFIX
from pipeline.intake.reader import Leg
from pipeline.messages import Message

_MOST_PARTS = 8
"""Parts of a file's name that make one id: a uuid has five."""

_PARTS = re.compile(r"[^\W_]+")
_MOMENT = re.compile(r"(?:19|20)\d{6}[-_T.]?\d{4,9}")


@dataclass(slots=True)
class Matches:
    """The legs that tell of each recording (by SHA-256), best first, the calls that have a recording, each with its
    own, and those that have none."""

    legs: dict[str, tuple[Leg, ...]] = field(default_factory=dict)
    matched: list[tuple[JoinedCall, list[str]]] = field(default_factory=list)
    unmatched: list[JoinedCall] = field(default_factory=list)


def match_calls(
    calls: Iterable[JoinedCall],
    paths_of: Mapping[str, list[Path]],
    inbox: Path,
    extensions: tuple[str, ...],
    warnings: list[Message],
) -> Matches:
    """Which legs tell of which recording.

    A leg names its recording by the path in the inbox, an absolute path or an address, the file's name, or that
    without its extension or without the -all, -in or -out behind it. A call without such a name is told by its id as
    the file's name, or as a whole word of it where it can be nothing else; a note on one call also by its own name.
    """
    names = _Names(paths_of, inbox, extensions)
    found: dict[str, list[tuple[JoinedCall, tuple[str, ...]]]] = defaultdict(list)
    matches = Matches()
    for call in calls:
        recordings: dict[str, list[str]] = defaultdict(list)
        for leg in call.legs:
            named = {sha256: name for name in leg.recordings for sha256 in names.only(name, leg.place, warnings)}
            by_id = names.with_id(leg, is_named=bool(named))
            if leg.beside and not named and not by_id:
                named = dict.fromkeys(names.only(leg.beside, leg.place, warnings), leg.beside)
            for sha256, name in named.items():
                recordings[sha256].append(name)
            for sha256 in by_id:
                recordings.setdefault(sha256, [])
        if recordings:
            matches.matched.append((call, list(recordings)))
        else:
            matches.unmatched.append(call)
        for sha256, own in recordings.items():
            found[sha256].append((call, tuple(own)))
    for sha256, told in found.items():
        legs = [leg for call, own in told for leg in call.legs_for(own)]
        matches.legs[sha256] = tuple(legs if len(told) == 1 else in_order(legs))
    return matches


class _Names:
    """What the recordings of an inbox are called."""

    def __init__(self, paths_of: Mapping[str, list[Path]], inbox: Path, extensions: tuple[str, ...]) -> None:
        self._extensions = extensions
        self._by_name: dict[str, set[str]] = defaultdict(set)
        self._by_stem: dict[str, set[str]] = defaultdict(set)
        self._by_id: dict[str, set[str]] = defaultdict(set)
        for sha256, paths in paths_of.items():
            for path in paths:
                inside = path.relative_to(inbox)
                for key in (str(path), inside.as_posix(), path.name):
                    self._by_name[_folded(key)].add(sha256)
                stem = _folded(path.stem)
                inside_stem = _folded(inside.with_suffix("").as_posix())
                beside = _folded(str(path.with_suffix("")))
                for key in {stem, inside_stem, beside, SIDE_SUFFIX.sub("", stem), SIDE_SUFFIX.sub("", inside_stem)}:
                    self._by_stem[key].add(sha256)
                for key in _words(stem):
                    self._by_id[key].add(sha256)

    def named(self, name: str) -> set[str]:
        """The recordings that a system means by a name, path or address."""
        key = _folded(_path_of(name))
        last = key.rsplit("/", 1)[-1]
        for whole in dict.fromkeys((key, last)):
            stem = self._without_extension(whole)
            known = (
                self._by_name.get(whole)
                or self._by_stem.get(whole)
                or self._by_stem.get(stem)
                or self._by_stem.get(SIDE_SUFFIX.sub("", stem))
            )
            if known:
                return known
        return set()

    def only(self, name: str, place: Message, warnings: list[Message]) -> set[str]:
        """The one recording that is meant by a name; none, with a warning, where several are called so."""
        known = self.named(name)
        if len(known) > 1:
            warnings.append(
                Message("{place}: several recordings have this name; give their path in the inbox", place=place)
            )
            return set()
        return known

    def with_id(self, leg: Leg, is_named: bool) -> set[str]:
        """The recordings that are called by the leg's ids, unless it names its own, or have them in their names."""
        found: set[str] = set()
        if not is_named and leg.call_id:
            key = _folded(leg.call_id)
            known = self._by_stem.get(key) or self._by_name.get(key) or set()
            found |= known if len(known) == 1 else set()
        for id_ in leg.ids:
            if _is_unmistakable(id_):
                found |= self._by_id.get(_folded(id_), set())
        return found

    def _without_extension(self, name: str) -> str:
        stem, dot, extension = name.rpartition(".")
        return stem if f"{dot}{extension}" in self._extensions else name


def _folded(name: str) -> str:
    """A name as it is compared: in one case, and in one of the ways to write its letters."""
    return unicodedata.normalize("NFC", name).casefold()


def _path_of(name: str) -> str:
    """The path that a name, path or address gives."""
    if "://" in name:
        return unquote(urlsplit(name).path).removeprefix("/")
    return name.replace("\\", "/").removeprefix("./")


def _words(stem: str) -> Iterable[str]:
    """Every run of whole parts of a name: of "q-600-1795138260.18", "600-1795138260.18" and "1795138260.18" too."""
    parts = [(part.start(), part.end()) for part in _PARTS.finditer(stem)]
    for first, (start, _) in enumerate(parts):
        for _, end in parts[first : first + _MOST_PARTS]:
            if _is_unmistakable(word := stem[start:end]):
                yield word


def _is_unmistakable(id_: str) -> bool:
    """Whether an id is so long and odd that in a file's name it is nothing else: no time, no number to call."""
    if len(id_) < 10 or _MOMENT.fullmatch(id_):
        return False
    return len(id_) >= 16 if id_.isdecimal() else any(map(str.isdecimal, id_))
