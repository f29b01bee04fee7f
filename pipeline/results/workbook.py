"""The same numbers as an Excel workbook, for people who live in Excel: a sheet each, links to the clips.

Made from the database alone. Every cell that strangers wrote goes in as text, never as a formula.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xlsxwriter

from pipeline.messages import Language, Message
from pipeline.results.quotes import MarkedQuote, read_marked
from pipeline.results.sheets import ACHIEVEMENT, CELL_LABELS, GROUPINGS, INDICATOR, SHEETS, SheetColumn
from pipeline.results.store import open_database, records
from pipeline.settings import Settings
from pipeline.storage.files import put_in_place
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

WORKBOOK = "callqa.xlsx"
MOST_SHEET_ROWS = 50_000
"""Rows a sheet; Excel opens more, but nobody reads them. `callqa sql … --format csv` has no limit."""
WIDEST = 60
"""Characters; longer text is wrapped."""
LONGEST_TEXT = 32_000
"""Characters in a cell; Excel takes 32 767."""
MOST_GROUPS = 200
"""Columns of an achievement sheet."""


def write_workbook(home: Home, settings: Settings, folder: Path) -> Path:
    """Write the workbook into a folder and return its path.

    Raises BadQuery when there is no database, OSError when it cannot be written; an old one then stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary,
        open_database(home.database, settings.ingest.timezone) as connection,
    ):
        path = Path(temporary) / WORKBOOK
        options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": False}
        with xlsxwriter.Workbook(str(path), options) as book:
            _Writer(book, connection, settings, home, folder).write()
        put_in_place(path, folder / WORKBOOK)
    return folder / WORKBOOK


def sheet_font(language: Language) -> dict[str, str | int]:
    """How all cells are written."""
    return {"font_name": "Microsoft YaHei" if language == "zh" else "Calibri", "font_size": 10, "valign": "top"}


def sheet_formats(book: Workbook, language: Language) -> dict[str, Format]:
    """The look of cells by their kind; `head` is that of headings, `below` marks what is below the target."""
    base = sheet_font(language)
    head = {"bold": True, "bg_color": "#0B6E69", "font_color": "#FFFFFF", "text_wrap": True, "valign": "vcenter"}
    numbers = {"text": "@", "number": "0.##", "percent": "0.0%", "date": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm"}
    formats = {
        kind: book.add_format({**base, "num_format": shape, "text_wrap": kind == "text"})
        for kind, shape in numbers.items()
    }
    return formats | {
        "name": formats["text"],
        "quote": formats["text"],
        "clip": book.add_format({**base, "font_color": "#0B6E69", "underline": 1}),
        "head": book.add_format({**base, **head}),
        "below": book.add_format({"bg_color": "#FEE4E2", "font_color": "#B42318"}),
    }


class _Writer:
    def __init__(
        self, book: Workbook, connection: DuckDBPyConnection, settings: Settings, home: Home, folder: Path
    ) -> None:
        self.book, self.connection, self.home, self.folder = book, connection, home, folder
        self.language, self.target = settings.report.language, settings.report.target
        self.formats = sheet_formats(book, self.language)
        self.head, self.below = self.formats["head"], self.formats["below"]
        base = sheet_font(self.language)
        self.words = book.add_format({**base})
        self.matched = book.add_format({**base, "bold": True, "font_color": "#B42318"})

    def say(self, message: Message) -> str:
        return message.in_language(self.language)

    def rows(self, query: str) -> list[dict[str, Any]]:
        title = "title_zh" if self.language == "zh" else "title_en"
        return records(self.connection, f"{query.format(title=title)} LIMIT {MOST_SHEET_ROWS + 1}")

    def write(self) -> None:
        side = "zh" if self.language == "zh" else "en"
        indicators = self.rows(
            f"""SELECT title_{side} AS title, coalesce(named, dimension) AS dimension, achievement, passes, fails,
                unsure, not_applicable, precision, recall, n
            FROM achievement LEFT JOIN (
                SELECT rule_id, any_value(dimension_{side}) AS named, arg_min(precision, recall) AS precision,
                    min(recall) AS recall, arg_min(n, recall) AS n FROM rules GROUP BY rule_id
            ) USING (rule_id)
            ORDER BY achievement NULLS LAST, rule_id"""
        )
        first = self.sheet(Message("Achievement"), ACHIEVEMENT, indicators, 1)
        self.chart(first, len(indicators))
        for by, name in GROUPINGS.items():
            self.grouped(by, name)
        for sheet in SHEETS:
            self.sheet(sheet.name, sheet.columns, self.rows(sheet.query), sheet.fixed)

    def grouped(self, by: str, name: Message) -> None:
        """Indicators down, groups across: one glance shows who lacks what."""
        rows = self.rows(
            "SELECT rule_id, {title} AS title, value, achievement FROM achievement_groups "
            f"WHERE grouped_by = '{by}' ORDER BY value, rule_id"
        )
        groups = list(dict.fromkeys(row["value"] for row in rows))
        if by == "week":
            groups = groups[::-1]
        groups = groups[:MOST_GROUPS]
        by_rule: dict[str, dict[str, Any]] = {}
        for row in rows:
            by_rule.setdefault(row["rule_id"], {"title": row["title"]})[f"g{row['value']}"] = row["achievement"]
        columns = [INDICATOR, *(SheetColumn(f"g{group}", Message(str(group)), "percent") for group in groups)]
        self.sheet(name, columns, list(by_rule.values()), 1)

    def sheet(
        self, name: Message, columns: Sequence[SheetColumn], rows: Sequence[Mapping[str, Any]], fixed: int
    ) -> Worksheet:
        sheet: Worksheet = self.book.add_worksheet(self.say(name))
        sheet.set_row(0, 24)
        for number, column in enumerate(columns):
            heading = self.say(column.heading)
            sheet.write_string(0, number, heading, self.head)
            widths = [text_width(heading) + 3, *(text_width(self.shown(column, row)) for row in rows[:500])]
            sheet.set_column(number, number, min(WIDEST, max(8, *widths) + 1))
            for place, row in enumerate(rows[:MOST_SHEET_ROWS], start=1):
                self.cell(sheet, place, number, column, row)
            if column.kind == "percent" and (column.name == "achievement" or column.name.startswith("g")):
                area = (1, number, max(1, len(rows)), number)
                blank = {"type": "blanks", "stop_if_true": True, "format": self.formats["percent"]}
                sheet.conditional_format(*area, blank)
                low = {"type": "cell", "criteria": "<", "value": self.target, "format": self.below}
                sheet.conditional_format(*area, low)
        if len(rows) > MOST_SHEET_ROWS:
            more = Message("the first {rows} rows; callqa sql has the rest", rows=MOST_SHEET_ROWS)
            sheet.write_string(MOST_SHEET_ROWS + 1, 0, self.say(more))
        sheet.freeze_panes(1, fixed)
        if rows and columns:
            sheet.autofilter(0, 0, min(len(rows), MOST_SHEET_ROWS), len(columns) - 1)
        return sheet

    def shown(self, column: SheetColumn, row: Mapping[str, Any]) -> str:
        value = row.get(column.name)
        if value is None:
            return ""
        if column.kind == "clip":
            return self.say(Message("play"))
        if column.kind in ("date", "time"):
            return "2026-01-01" if column.kind == "date" else "2026-01-01 00:00"
        if column.kind in ("number", "percent"):
            return f"{value:.2f}"
        return max(str(value).split("\n"), key=text_width)

    def cell(self, sheet: Worksheet, place: int, number: int, column: SheetColumn, row: Mapping[str, Any]) -> None:
        shape, value = self.formats[column.kind], row.get(column.name)
        if value is None:
            sheet.write_blank(place, number, None, shape)
        elif column.kind in ("number", "percent"):
            sheet.write_number(place, number, float(value), shape)
        elif column.kind in ("date", "time"):
            day = date.fromisoformat(value) if isinstance(value, str) else value
            moment = day.replace(tzinfo=None) if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
            sheet.write_datetime(place, number, moment, shape)
        elif column.kind == "clip":
            file = os.path.relpath(self.home.root / value, self.folder)
            sheet.write_url(place, number, f"external:{file}", shape, self.say(Message("play")))
        elif column.kind == "quote":
            self.quote(sheet, place, number, read_marked(value, row["matched"] or ""))
        else:
            name = CELL_LABELS.get(value) if column.kind == "name" else None
            sheet.write_string(place, number, (self.say(name) if name else str(value))[:LONGEST_TEXT], shape)

    def quote(self, sheet: Worksheet, place: int, number: int, quote: MarkedQuote) -> None:
        """A sentence with its matched words in colour; Excel wants two pieces or more for that."""
        shape, pieces = self.formats["quote"], list[Any]()
        for words, style in ((quote.before, self.words), (quote.matched, self.matched), (quote.after, self.words)):
            if words:
                pieces += [style, words]
        if len(pieces) > 2 and len(quote.sentence) <= LONGEST_TEXT:
            sheet.write_rich_string(place, number, *pieces, shape)
        else:
            sheet.write_string(place, number, quote.sentence[:LONGEST_TEXT], shape)

    def chart(self, sheet: Worksheet, count: int) -> None:
        """Bars of the achievement rate beside its table."""
        if not count:
            return
        chart: Any = self.book.add_chart({"type": "bar"})
        name = sheet.get_name()
        chart.add_series(
            {"categories": [name, 1, 0, count, 0], "values": [name, 1, 2, count, 2], "fill": {"color": "#2A9D8F"},
             "gap": 40}
        )  # fmt: skip
        chart.set_title({"name": self.say(Message("Achievement rate")), "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_x_axis({"min": 0, "max": 1, "num_format": "0%", "major_gridlines": {"visible": True}})
        chart.set_y_axis({"reverse": True, "num_font": {"size": 9}})
        chart.set_size({"width": 760, "height": max(320, 18 * count + 90)})
        sheet.insert_chart(1, 9, chart)


def text_width(text: str) -> int:
    """Columns that a text takes: a Han character is as wide as two letters."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
