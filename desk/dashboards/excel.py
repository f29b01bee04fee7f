"""Dashboards as Excel: a sheet for each table, with what was asked above it, and links back to the desk.

Texts go in as texts, never as formulas. Links are there where the desk knows its own address (`desk.address`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import xlsxwriter
from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN
from desk.dashboards.frame import DASHBOARDS, Frame
from desk.routing import Visit
from pipeline.results.workbook import LONGEST_TEXT, WIDEST, sheet_font, sheet_formats, text_width
from pipeline.storage import audit

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

ExcelKind = Literal["text", "number", "percent", "date"]

LONGEST_LINK, MOST_LINKS = 2000, 60_000
"""Characters of a link, and links of a sheet, as Excel takes them."""

_HEADINGS = 3
"""The row of the headings; above it stands what was asked."""

_MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class LinkedCell:
    """A value that leads to a page of the desk."""

    value: str | float | None
    path: str


ExcelCell = str | float | date | LinkedCell | None


@dataclass(frozen=True, slots=True)
class ExcelColumn:
    """A column: its heading, and what its cells are. Shares are 0–1 and shown in percent."""

    title: str
    kind: ExcelKind = "text"


@dataclass(frozen=True, slots=True)
class ExcelTable:
    """A sheet: its name, a note on how it is counted, and its rows; `fixed` columns stay in sight.

    Cells of `percent` below `target` are marked.
    """

    title: str
    columns: Sequence[ExcelColumn]
    rows: Sequence[Sequence[ExcelCell]]
    note: str = ""
    fixed: int = 1
    target: float | None = None


def dashboard_excel(visit: Visit, frame: Frame, tables: Sequence[ExcelTable]) -> Response:
    """A dashboard's tables as a workbook to be kept, once that is recorded. Raises CallQAError when it cannot be."""
    path = visit.request.url.path.removesuffix(".xlsx")
    board = max((each for each in DASHBOARDS if f"{path}/".startswith(f"{each}/")), key=len)
    name = board.removeprefix("/dashboard").strip("/") or "overview"
    rows = sum(len(table.rows) for table in tables)
    audit.record(visit.desk.home, "export", user=visit.whose.name, what=f"dashboard {name}", rows=rows)
    asked = f"{DASHBOARDS[board].in_language(visit.language)} · {frame_in_words(visit, frame)}"
    day = f"{datetime.now(ZoneInfo(visit.desk.settings.ingest.timezone)):%Y-%m-%d}"
    headers = {"content-disposition": f'attachment; filename="callqa-{name}-{day}.xlsx"'}
    return Response(_workbook(visit, asked, tables), media_type=_MEDIA, headers=headers)


def frame_in_words(visit: Visit, frame: Frame) -> str:
    """The weeks, the company and the team of a dashboard, in words."""
    parts = [f"{frame.first} – {frame.last_day}"] if frame.first else []
    for chosen, others, every in ((frame.company, frame.companies, "all companies"), (frame.team, None, "all teams")):
        if chosen or others is None or len(others) > 1:
            parts.append(visit.say("none named") if chosen == NOT_GIVEN else chosen or visit.say(every))
    return " · ".join(parts)


def _workbook(visit: Visit, asked: str, tables: Sequence[ExcelTable]) -> bytes:
    stream, names = io.BytesIO(), set[str]()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(stream, options) as book:
        formats = sheet_formats(book, visit.language)
        formats["title"] = book.add_format({**sheet_font(visit.language), "bold": True, "font_size": 13})
        for kind, shape in (("text", "@"), ("number", "0.##"), ("percent", "0.0%")):
            link = {**sheet_font(visit.language), "font_color": "#0B6E69", "underline": 1, "num_format": shape}
            formats[f"{kind} link"] = book.add_format(link)
        for table in tables:
            sheet = book.add_worksheet(_sheet_name(table.title, names))
            _Sheet(sheet, table, formats, (visit.desk.settings.desk.address or "").rstrip("/")).write(asked)
    return stream.getvalue()


def _sheet_name(title: str, names: set[str]) -> str:
    """A name that Excel takes: short, without its special characters, given once."""
    base = re.sub(r"[\[\]:*?/\\']", " ", title).strip()[:28] or "–"
    name = next(n for n in (base, *(f"{base} {number}" for number in range(2, 100))) if n.lower() not in names)
    names.add(name.lower())
    return name


@dataclass(slots=True)
class _Sheet:
    sheet: Worksheet
    table: ExcelTable
    formats: dict[str, Format]
    address: str
    links: int = 0

    def write(self, asked: str) -> None:
        sheet, table = self.sheet, self.table
        sheet.write_string(0, 0, table.title, self.formats["title"])
        sheet.write_string(1, 0, " · ".join(filter(None, (asked, table.note))))
        sheet.set_row(_HEADINGS, 30)
        for number, column in enumerate(table.columns):
            sheet.write_string(_HEADINGS, number, column.title, self.formats["head"])
            shown = (text_width(_shown(row[number])) for row in table.rows[:500])
            widest = max((min(text_width(column.title), 14), *shown), default=8)
            sheet.set_column(number, number, min(WIDEST, max(8, widest + 2)))
        for place, row in enumerate(table.rows, start=_HEADINGS + 1):
            for number, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
                self.cell(place, number, column.kind, cell)
        last = _HEADINGS + len(table.rows)
        for number in self.marked() if table.rows else ():
            low = {"type": "cell", "criteria": "<", "value": table.target, "format": self.formats["below"]}
            sheet.conditional_format(_HEADINGS + 1, number, last, number, {"type": "blanks", "stop_if_true": True})
            sheet.conditional_format(_HEADINGS + 1, number, last, number, low)
        sheet.freeze_panes(_HEADINGS + 1, table.fixed)
        if table.rows:
            sheet.autofilter(_HEADINGS, 0, last, len(table.columns) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(_HEADINGS)

    def marked(self) -> Iterator[int]:
        if self.table.target is not None:
            yield from (number for number, column in enumerate(self.table.columns) if column.kind == "percent")

    def cell(self, place: int, number: int, kind: ExcelKind, cell: ExcelCell) -> None:
        path, value = (cell.path, cell.value) if isinstance(cell, LinkedCell) else ("", cell)
        shape = self.formats[kind]
        if path and self.address and value is not None and self.links < MOST_LINKS:
            address = f"{self.address}{path}"
            if len(address) <= LONGEST_LINK:
                self.links += 1
                shape = self.formats[f"{kind} link"]
                self.sheet.write_url(place, number, address, shape)
        if value is None:
            self.sheet.write_blank(place, number, None, shape)
        elif isinstance(value, str):
            self.sheet.write_string(place, number, value[:LONGEST_TEXT], shape)
        elif isinstance(value, date):
            self.sheet.write_datetime(place, number, datetime(value.year, value.month, value.day), shape)
        else:
            self.sheet.write_number(place, number, float(value), shape)


def _shown(cell: ExcelCell) -> str:
    value = cell.value if isinstance(cell, LinkedCell) else cell
    if value is None:
        return ""
    return f"{value:.1f} %" if isinstance(value, float) else str(value)
