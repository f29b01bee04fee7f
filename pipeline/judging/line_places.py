"""Where the lines of phrase lists stand: looked up in the files when somebody asks, for the engine does without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.judging.faults import Faults
from pipeline.judging.rulebook import CONDITIONS_FILE, MORE_PHRASES, PHRASES_FILE, Rulebook
from pipeline.judging.rulebook_files import read_text

_TOP_KEY = re.compile(r"([^\s#:\"'][^:]*):")


class LinePlaces:
    """The files of a rulebook, searched for lines as they are written there."""

    def __init__(self, book: Rulebook) -> None:
        self._rules = {rule.id: rule.file for rule in book.rules}
        lists = [book.folder / PHRASES_FILE, *sorted(book.folder.glob(MORE_PHRASES)), book.folder / CONDITIONS_FILE]
        self._lines = [line for file in lists if file.is_file() for line in _lines_in(file)]

    def of(self, name: str, line: str, rule: str = "") -> str:
        """File and line, as `phrases.yaml:12`: of the list `name`, of another that it draws on, or of a rule; "" where
        it is not found."""
        if not name and rule in self._rules:
            found = [(key, place) for key, place, text in _lines_in(self._rules[rule]) if line in text]
        else:
            found = [(key, place) for key, place, text in self._lines if _written(text) == line]
            found = found or [(key, place) for key, place, text in self._lines if key == name and line in text]
        return next((place for key, place in found if key == name), found[0][1] if found else "")


def _lines_in(file: Path) -> Iterator[tuple[str, str, str]]:
    """Every line of a file: the key that it is under, its place, its text."""
    key = ""
    for number, text in enumerate((read_text(file, Faults()) or "").splitlines(), 1):
        if top := _TOP_KEY.match(text):
            key = top[1].strip()
        yield key, f"{file.name}:{number}", text


def _written(text: str) -> str:
    """An item without what YAML puts around it."""
    return re.sub(r"^\s*-\s+", "", text).strip().strip("\"'")
