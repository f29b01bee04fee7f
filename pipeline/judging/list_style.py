"""How readable a rulebook's lists are: how many regular expressions stand in it, and which lines are too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.judging.conditions.speech import Said
from pipeline.judging.faults import Faults
from pipeline.judging.rulebook import MORE_PHRASES, PHRASES_FILE, Rulebook
from pipeline.judging.rulebook_files import read_text

LONGEST_LINE = 120
"""Characters of a line that can be read."""


@dataclass(frozen=True, slots=True)
class LongLines:
    """The lines of a file of lists that are too long: how many, and the first."""

    file: Path
    count: int
    first: int


def regexes_in(book: Rulebook) -> int:
    """How many different regular expressions a rulebook has, in its lists and in its rules."""
    nodes = [node for rule in book.rules for node in rule.walk()]
    lists = [*book.phrase_lists.values(), *(listed for node in nodes for listed in node.condition.phrase_lists)]
    said = [node.condition for node in nodes if isinstance(node.condition, Said)]
    patterns = [pattern for listed in lists for pattern in listed.patterns]
    patterns += [condition.pattern for condition in said if condition.pattern is not None]
    return len({pattern.source for pattern in patterns})


def long_lines(folder: Path) -> Iterator[LongLines]:
    """The files of lists that have lines which are too long."""
    for file in (folder / PHRASES_FILE, *sorted(folder.glob(MORE_PHRASES))):
        text = read_text(file, Faults()) or ""
        found = [number for number, line in enumerate(text.split("\n"), 1) if len(line.strip()) > LONGEST_LINE]
        if found:
            yield LongLines(file, len(found), found[0])
