"""Language as data: lists and tables that stand in files beside the code, for a linguist to read and to correct.

A list is a text file, its words parted by white space, `#` and what follows on the line a comment. A table is a YAML
file that has every field of a dataclass and no other. Both are read once, by whoever first needs them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from pipeline.errors import BadLanguageData
from pipeline.language.text import HAN
from pipeline.messages import Message

FOLDER = Path(__file__).parent

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it was built

_Table = TypeVar("_Table")


def _split(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _characters(value: object) -> object:
    return frozenset("".join(value.split())) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""In a table: words parted by white space, or a list where words have spaces in them."""

WordSet = Annotated[frozenset[str], BeforeValidator(_split)]
"""The same, where only which words there are matters."""

Characters = Annotated[frozenset[str], BeforeValidator(_characters)]
"""In a table: characters in a row, white space left out."""


def _compiled(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return re.compile(value.replace(r"\p{Han}", f"[{HAN}]"))
    except re.error as error:
        raise ValueError(f"{value} is not a regular expression: {error}") from error


Expression = Annotated[re.Pattern[str], BeforeValidator(_compiled)]
"""In a table: a regular expression, in which `\\p{Han}` is a Han character."""


def read_words(language: str, name: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """The words of `LANGUAGE/NAME.txt`, in order. Raises `BadLanguageData`."""
    path = folder / language / f"{name}.txt"
    words = tuple(word for line in _text(path).splitlines() for word in line.partition("#")[0].split())
    if not words:
        raise BadLanguageData(Message("{file}: there is no word in it", file=_shown(path)))
    return words


def read_table(language: str, name: str, kind: type[_Table], folder: Path = FOLDER) -> _Table:
    """`LANGUAGE/NAME.yaml` as the dataclass `kind`. Raises `BadLanguageData`, with the place of the first fault."""
    path = folder / language / f"{name}.yaml"
    try:
        table = yaml.load(_text(path), _LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadLanguageData(
            Message("{file}:{line}: not YAML: {problem}", file=_shown(path), line=line, problem=error.problem or "")
        ) from error
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every kind is a dataclass
    if isinstance(table, dict) and (unknown := sorted(map(str, table.keys() - known))):
        raise BadLanguageData(Message("{file}: unknown: {names}", file=_shown(path), names=", ".join(unknown)))
    try:
        return TypeAdapter(kind).validate_python(table)
    except ValidationError as error:
        raise BadLanguageData(_fault(path, error.errors())) from error


def compile_listed(file: str, text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """A regular expression that stands in a file of the languages. Raises `BadLanguageData`."""
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise BadLanguageData(
            Message("{file}: {text} is not a regular expression: {problem}", file=file, text=text, problem=str(error))
        ) from error


def _fault(path: Path, errors: Sequence[Any]) -> Message:
    first = errors[0]
    place = " / ".join(map(str, first["loc"])) or "-"
    return Message("{file}: {place}: {problem}", file=_shown(path), place=place, problem=first["msg"])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadLanguageData(
            Message("{file} cannot be read: {problem}; install callqa again", file=_shown(path), problem=str(error))
        ) from error


def _shown(path: Path) -> str:
    return "/".join(path.parts[-2:])
