"""Answers to queries as people and programs want them: an aligned table, CSV or JSON, written as they come.

What is in the database was written by strangers: callers' words, names of files, cells of a CDR. None of it may steer
a terminal or run as a formula; in a file or a pipe, CSV and JSON hold every character that was in the database.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Literal

from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from pipeline.errors import shown_text
from pipeline.messages import Message, shown_json, shown_lines
from pipeline.results.sql import AnswerLimits, QueryResult, ask, is_numeric, run_query
from pipeline.settings import Sql

Format = Literal["table", "csv", "json"]

SHOWN_CHARACTERS = 300
SHOWN = AnswerLimits(rows=200, columns=100, characters=SHOWN_CHARACTERS + 1)
"""What a printed table shows; the character too many tells that there are more."""
NARROWEST = 9
"""Characters a column that a terminal must have room for; narrower ones become records."""


def answer(
    database: Path, sql: str, settings: Sql, form: Format, stream: IO[str], timezone: str, language: str = "en"
) -> None:
    """`callqa sql "…"`: run and print. `language` is that of the words around a table. Raises BadQuery."""
    if form == "table":
        for result in run_query(database, sql, settings, timezone, SHOWN):
            print_table(result, stream, language)
        return
    with closing(ask(database, sql, settings, timezone)) as messages:
        (write_csv if form == "csv" else write_json)(messages, stream)


def write_csv(messages: Iterable[Mapping[str, Any]], stream: IO[str]) -> None:
    """Answers as CSV (RFC 4180), an empty line between two.

    A text that a spreadsheet would run as a formula (it begins with = + - @ or a tab) gets a ' in front. On a
    terminal, what would steer it is escaped.
    """
    writer = csv.writer(stream, lineterminator="\r\n")
    harmless: Callable[[str], str] = (lambda text: shown_text(_no_formula(text))) if stream.isatty() else _no_formula
    first = True
    for message in messages:
        if "columns" in message:
            if not first:
                stream.write("\r\n")
            first = False
            writer.writerow(map(harmless, message["columns"]))
        for row in message.get("rows", ()):
            writer.writerow([_csv_cell(value, harmless) for value in row])


def _no_formula(text: str) -> str:
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _csv_cell(value: Any, harmless: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(json.dumps(value, ensure_ascii=False)) if isinstance(value, list | dict) else value


def write_json(messages: Iterable[Mapping[str, Any]], stream: IO[str]) -> None:
    """Answers as JSON: a list of objects, a line each; a list of such lists, where there are several answers.

    What would steer a terminal is written as JSON's own escapes, everywhere: it reads back the same.
    """
    ascii_only = not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    several, names, before, answers = False, [], "", 0
    for message in messages:
        if "results" in message:
            several = message["results"] != 1
            stream.write("[" if several else "")
        if "columns" in message:
            stream.write(_end_of_list(before) + ",\n" if answers else "")
            names, before, answers = _unique(message["columns"]), "[\n", answers + 1
        for row in message.get("rows", ()):
            line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=ascii_only)
            stream.write(before + "  " + shown_json(line))
            before = ",\n"
    stream.write((_end_of_list(before) if answers else "") + ("]\n" if several else "\n"))


def _end_of_list(before: str) -> str:
    return "\n]" if before.startswith(",") else "[]"


def _unique(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    taken = set()
    for column in columns:
        name, number = column, 1
        while name in taken:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
        taken.add(name)
    return names


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, float):
        text = f"{value:.4f}".rstrip("0").rstrip(".")
    elif isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
    return Text(shown_lines(_shortened(text)))


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def print_table(result: QueryResult, stream: IO[str], language: str = "en") -> None:
    """An answer as an aligned table; as records, where the terminal is too narrow for its columns."""
    terminal = stream.isatty()
    console = Console(file=stream, width=None if terminal else 10_000, highlight=False, soft_wrap=False)
    names = [shown_text(_shortened(column)) for column in result.columns]
    if not terminal or console.width >= NARROWEST * len(names):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name, kind in zip(names, result.types, strict=True):
            table.add_column(Text(name), justify="right" if is_numeric(kind) else "left", overflow="fold")
        for row in result.rows:
            table.add_row(*map(_cell, row))
        console.print(table)
    else:
        for part in _records(names, result.rows):
            console.print(part)
    console.print(Text(f"({_count(result).in_language(language)})", style="dim"))


def _records(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Any]:
    width = max(map(len, names))
    for number, row in enumerate(rows, start=1):
        yield Rule(Text(str(number), style="dim"), align="left")
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=width)
        grid.add_column(overflow="fold")
        for name, value in zip(names, row, strict=True):
            grid.add_row(Text(name, style="bold"), _cell(value))
        yield grid


def _count(result: QueryResult) -> Message:
    if result.truncated:
        rows = Message("first {rows} rows; --format csv or json gives all", rows=len(result.rows))
    else:
        rows = Message("1 row") if len(result.rows) == 1 else Message("{rows} rows", rows=len(result.rows))
    if not result.hidden_columns:
        return rows
    return Message("{rows}; {columns} more columns are not shown", rows=rows, columns=result.hidden_columns)
