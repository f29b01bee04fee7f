"""Answers as they stand in a page: numbers to the right, times and lists readable, calls as links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from desk.routing import Visit
from desk.sql.answers import LONGEST_SHOWN, QueryAnswer
from desk.sql.chart import Chart, chart_of
from pipeline.results.sql import is_numeric

CellKind = Literal["text", "short", "num", "null", "values", "fields"]

SHOWN_AT_ONCE = 200
"""Characters of a value that stand in a table; a click shows the rest."""

SHOWN_DIGITS = 12
"""Of the SHA-256 of a recording that leads to its call."""

ONE_LINE = 24
"""Characters of a value that is not broken into lines."""

MOST_PARTS = 12
"""Items of a list, or fields, that stand in a table one by one."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ZONE = re.compile(r"(?:\.000000)?(?:[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A value. `full`: all of it, where `text` is its beginning, and `is_cut` where that is not all either; `parts`: of
    a list its items, of a struct or map each name and value; `link`: where the call is that it names."""

    text: str
    kind: CellKind = "text"
    full: str = ""
    is_cut: bool = False
    parts: tuple[tuple[str, str], ...] = ()
    link: str = ""


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer. `columns` are names, types and whether numbers stand in it."""

    columns: tuple[tuple[str, str, bool], ...]
    rows: Sequence[Sequence[ShownCell]]
    more: bool
    hidden: int
    chart: Chart | None


def shown_answers(visit: Visit, answers: Sequence[QueryAnswer]) -> Sequence[ShownAnswer]:
    """Answers as they are shown to who asks."""
    links = _call_links(visit, answers)
    return [_shown(answer, links) for answer in answers]


def _shown(answer: QueryAnswer, links: Mapping[tuple[str, str], str]) -> ShownAnswer:
    names = [name.lower() for name in answer.columns]
    numeric = [is_numeric(kind) for kind in answer.types]
    nested = [_is_nested(kind) for kind in answer.types]
    by_sha256 = names.index("sha256") if "sha256" in names else None
    rows = []
    for row in answer.rows:
        cells = []
        for name, kind, is_number, has_parts, value in zip(names, answer.types, numeric, nested, row, strict=True):
            link = ""
            if name in ("sha256", "call_id") and isinstance(value, str):
                link = links.get((name, value), "")
                if name == "call_id" and by_sha256 is not None:
                    link = links.get(("sha256", str(row[by_sha256])), "")
            cells.append(_cell(value, kind, is_number, has_parts, link))
            if link and name == "sha256":
                cells[-1] = ShownCell(f"{value[:SHOWN_DIGITS]}…", "short", link=link)
        rows.append(cells)
    columns = tuple(zip(answer.columns, map(_short_type, answer.types), numeric, strict=True))
    return ShownAnswer(columns, rows, answer.more, answer.hidden, chart_of(answer))


def _cell(value: Any, kind: str, is_number: bool, has_parts: bool, link: str) -> ShownCell:
    if value is None:
        return ShownCell("NULL", "null")
    if isinstance(value, bool):
        return ShownCell("true" if value else "false", "short")
    if isinstance(value, int | float):
        return ShownCell(number_text(value), "num")
    text = str(value)
    if kind.startswith("TIMESTAMP"):
        text = time_text(text)
    if has_parts and len(text) <= LONGEST_SHOWN and (parts := _parts(text)) is not None:
        return parts
    if len(text) > SHOWN_AT_ONCE:
        return ShownCell(text[:SHOWN_AT_ONCE], "text", text[:LONGEST_SHOWN], len(text) > LONGEST_SHOWN)
    return ShownCell(text, "num" if is_number else "short" if len(text) <= ONE_LINE else "text", link=link)


def time_text(value: str) -> str:
    """A time as people read it, in the zone of the centre, which all are told in."""
    return _ZONE.sub("", value)


def number_text(value: float) -> str:
    """A number as people read it: four decimals, unless it is so small that they would say nothing."""
    if isinstance(value, int):
        return str(value)
    if value and (abs(value) < 0.001 or abs(value) >= 1e15):
        return f"{value:.4g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))


def _parts(text: str) -> ShownCell | None:
    """The items or fields of a nested value, if they are few; it came as JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, list | dict) or len(value) > MOST_PARTS or len(text) > 4 * SHOWN_AT_ONCE:
        return None
    if not value:
        return ShownCell(text, "short")
    if isinstance(value, dict):
        return ShownCell("", "fields", parts=tuple((str(name), _one_line(part)) for name, part in value.items()))
    return ShownCell("", "values", parts=tuple(("", _one_line(part)) for part in value))


def _one_line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short_type(kind: str) -> str:
    """The type of a column in a few letters; nested ones would be whole pages."""
    kind = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
    return kind if len(kind) <= 24 else kind[:23] + "…"


def _call_links(visit: Visit, answers: Iterable[QueryAnswer]) -> Mapping[tuple[str, str], str]:
    """The addresses of the calls that answers name, by the column's name and its value."""
    asked: dict[str, set[str]] = {"sha256": set(), "call_id": set()}
    for answer in answers:
        names = [name.lower() for name in answer.columns]
        for name in ("sha256", "call_id")[: 1 if "sha256" in names else 2]:
            for place in (n for n, column in enumerate(names) if column == name):
                asked[name] |= {row[place] for row in answer.rows if isinstance(row[place], str)}
    asked["sha256"] = {value for value in asked["sha256"] if _SHA256.fullmatch(value)}
    found: dict[tuple[str, str], str] = {}
    index = visit.desk.index
    if not any(asked.values()):
        return found
    values = {name: json.dumps(sorted(wanted)) for name, wanted in asked.items()}
    for part in index.state().parts:
        with index.reading(part, searchable=False) as reading:
            for name in ("sha256", "call_id"):
                if not asked[name]:
                    continue
                sql = (
                    f"SELECT sha256, {name} AS value FROM calls WHERE {name} IN (SELECT value FROM json_each(:{name}))"
                )
                for row in reading.rows(sql, values):
                    key = name, row["value"]
                    several = f"/calls?{urlencode({'call': row['value']})}"
                    found[key] = several if key in found else f"/calls/{visit.desk.call_ids.of(row['sha256'])}"
    return found
