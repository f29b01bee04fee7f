"""Sayings: sentences written down for an act, and near misses, which share words or topic but are not the act.

rulebook/sayings/ACT.txt          what people say who do it, one a line; # begins a remark
rulebook/sayings/ACT.not.txt      near misses
rulebook/sayings/everyday-agent.txt, …-customer.txt   what each side says every day, without anybody at fault
rulebook/sayings/aside/…          the same, set aside: nobody who writes phrases reads them, they only measure
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.datatypes import Party
from pipeline.errors import BadRule
from pipeline.judging.faults import Faults
from pipeline.judging.phrases import lines_of
from pipeline.judging.rulebook import SAYINGS_FOLDER, Rulebook
from pipeline.judging.rulebook_files import read_text

ASIDE = "aside"
_NOT, _EVERYDAY = ".not", "everyday-"


@dataclass(frozen=True, slots=True)
class Sayings:
    """Sentences that do an act, and near misses."""

    doing: tuple[str, ...] = ()
    near: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Changes whenever the sentences do."""
        text = json.dumps([sorted(self.doing), sorted(self.near)], ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_sayings(folder: Path, act: str, aside: bool = False) -> Sayings:
    """The sayings of an act of the rulebook in `folder`, those set aside or the others; none where there is no file.

    Raises BadRule where a file cannot be read.
    """
    faults = Faults()
    place = folder / SAYINGS_FOLDER / ASIDE if aside else folder / SAYINGS_FOLDER
    found = Sayings(*(_lines(place / f"{act}{ending}.txt", faults) for ending in ("", _NOT)))
    if faults.found:
        raise BadRule(faults.found)
    return found


def everyday_sayings(folder: Path, side: Party) -> tuple[str, ...]:
    """What a side says every day, as the rulebook in `folder` has it. Raises BadRule where the file cannot be read."""
    faults = Faults()
    found = _lines(folder / SAYINGS_FOLDER / f"{_EVERYDAY}{side}.txt", faults)
    if faults.found:
        raise BadRule(faults.found)
    return found


def _lines(file: Path, faults: Faults) -> tuple[str, ...]:
    text = read_text(file, faults) if file.exists() else ""
    lines = lines_of(text)
    return tuple(dict.fromkeys(lines)) if isinstance(lines, list) else ()


def acts_with_sayings(folder: Path) -> tuple[str, ...]:
    """The names of the acts that have sayings, whether conditions.yaml has them or not."""
    return tuple(sorted(dict.fromkeys(_names(folder / SAYINGS_FOLDER))))


def to_learn(book: Rulebook) -> tuple[str, ...]:
    """The acts whose sayings are not those that their recognisers were learnt from."""
    known = book.recognisers.acts if book.recognisers else {}
    there = acts_with_sayings(book.folder)
    return tuple(name for name in known if name in there and read_sayings(book.folder, name).key != known[name].of)


def _names(folder: Path) -> Iterator[str]:
    for file in folder.glob("*.txt"):
        if not file.stem.startswith(_EVERYDAY):
            yield file.stem.removesuffix(_NOT)
