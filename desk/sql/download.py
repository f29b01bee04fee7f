"""Whole answers as CSV, sent as they come, or as an Excel workbook, a sheet each."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from starlette.responses import Response

from desk.routing import Visit, endpoint
from desk.sql.answers import asked_messages
from desk.sql.kept_queries import LONGEST_QUERY
from desk.sql.shown_answers import time_text
from desk.sql.turns import QueryDownload
from pipeline.errors import BadQuery, CallQAError
from pipeline.messages import Message
from pipeline.results.csv_cells import guarded
from pipeline.results.sql import AnswerLimits, QueryStop, StoppedQuery
from pipeline.results.workbook import LONGEST_TEXT, MOST_SHEET_ROWS

MOST_CSV_ROWS, MOST_CSV_CHARACTERS = 1_000_000, 500_000_000
MOST_SHEET_CHARACTERS = 50_000_000
"""What a file holds at most of all answers; a line behind the last row says so."""

DOWNLOAD_S = 900.0
"""So long a file may take, with whoever takes it."""

BLOCK_BYTES = 1 << 18


@endpoint("/sql/answer.csv", ("sql", "export"), "POST")
def _csv(visit: Visit) -> Response:
    return _download(visit, "csv", "text/csv; charset=utf-8", _csv_blocks)


@endpoint("/sql/answer.xlsx", ("sql", "export"), "POST")
def _xlsx(visit: Visit) -> Response:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(visit, "xlsx", kind, _workbook_blocks)


def _download(
    visit: Visit, ending: str, media_type: str, blocks: Callable[[Visit, str, QueryStop], Generator[bytes]]
) -> Response:
    sql = visit.field("sql").strip()
    if not sql or len(sql) > LONGEST_QUERY:
        raise BadQuery(Message("a query has 1 to {most} characters", most=LONGEST_QUERY))

    def recorded(stop: QueryStop) -> Generator[bytes]:
        visit.desk.trail.note("export", visit.whose.name, what=f"answer of a query as {ending}")
        yield from blocks(visit, sql, stop)

    def problem(error: CallQAError) -> Response:
        return visit.page("fault.html", 409, problem=error)

    def busy() -> Response:
        message = Message("others are asking the database just now; wait a moment and ask again")
        return visit.page("fault.html", 503, problem=message)

    now = datetime.now(ZoneInfo(visit.desk.settings.ingest.timezone))
    headers = {
        "content-type": media_type,
        "content-disposition": f'attachment; filename="answer-{now:%Y-%m-%d-%H%M}.{ending}"',
    }
    return QueryDownload(visit.desk.query_files, visit.whose.name, recorded, problem, busy, DOWNLOAD_S, headers)


def _csv_blocks(visit: Visit, sql: str, stop: QueryStop) -> Generator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    sent = answers = 0
    rows_left, characters_left, times = MOST_CSV_ROWS, MOST_CSV_CHARACTERS, list[bool]()

    def block() -> bytes:
        taken = text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()
        return taken if sent else b"\xef\xbb\xbf" + taken  # else Excel takes Chinese for something else

    try:
        with closing(asked_messages(visit, sql, AnswerLimits(), stop)) as messages:
            for message in messages:
                if "columns" in message:
                    writer.writerows([[]] * bool(answers))
                    writer.writerow(map(guarded, message["columns"]))
                    answers, times = answers + 1, [kind.startswith("TIMESTAMP") for kind in message["types"]]
                for row in message.get("rows", ()):
                    if min(rows_left, characters_left) <= 0:
                        raise BadQuery(_no_more(MOST_CSV_ROWS - rows_left))
                    before = text.tell()
                    writer.writerow([_csv_cell(*cell) for cell in zip(row, times, strict=True)])
                    rows_left, characters_left = rows_left - 1, characters_left - text.tell() + before
                if text.tell() >= BLOCK_BYTES:
                    yield block()
                    sent += 1
    except StoppedQuery:
        raise
    except CallQAError as error:
        if not sent and not answers:
            raise
        writer.writerow([visit.say("this is not all: {problem}", problem=error.message)])
    yield block()


def _no_more(rows: int) -> Message:
    return Message("a file holds no more than {rows} rows of it; narrow the query, or use callqa sql", rows=rows)


def _csv_cell(value: Any, is_time: bool) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return guarded(json.dumps(value, ensure_ascii=False))
    return guarded(time_text(value) if is_time and value is not None else value)


def _workbook_blocks(visit: Visit, sql: str, stop: QueryStop) -> Generator[bytes]:
    # what a killed desk leaves of it, the next query removes (`pipeline.results.store.remove_strays`)
    with tempfile.TemporaryDirectory(prefix="callqa-sql-") as folder:
        path = f"{folder}/answer.xlsx"
        options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True, "tmpdir": folder}
        with xlsxwriter.Workbook(path, options) as book:
            part = AnswerLimits(rows=MOST_SHEET_ROWS, columns=1000, characters=LONGEST_TEXT)
            with closing(asked_messages(visit, sql, part, stop)) as messages:
                _fill_workbook(visit, book, messages)
        with open(path, "rb") as file:
            while piece := file.read(BLOCK_BYTES):
                yield piece


def _fill_workbook(visit: Visit, book: Any, messages: Iterator[Mapping[str, Any]]) -> None:
    font = "Microsoft YaHei" if visit.language == "zh" else "Calibri"
    base = {"font_name": font, "font_size": 10, "valign": "top"}
    head = book.add_format({**base, "bold": True, "bg_color": "#0B6E69", "font_color": "#FFFFFF"})
    shapes = {
        "": book.add_format(base),
        "DATE": book.add_format({**base, "num_format": "yyyy-mm-dd"}),
        "TIMESTAMP": book.add_format({**base, "num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    sheet: Any = None
    kinds, place, answers, left = list[str](), 0, 0, MOST_SHEET_CHARACTERS
    for message in messages:
        if "columns" in message:
            answers, place = answers + 1, 0
            sheet = book.add_worksheet(visit.say("Answer {number}", number=answers))
            sheet.set_column(0, max(0, len(message["columns"]) - 1), 18)
            sheet.freeze_panes(1, 0)
            kinds = [_kind(kind) for kind in message["types"]]
            for number, name in enumerate(message["columns"]):
                sheet.write_string(0, number, name[:LONGEST_TEXT], head)
        for row in message.get("rows", ()):
            left -= sum(len(value) if isinstance(value, str) else 8 for value in row)
            if left < 0:
                sheet.write_string(place + 1, 0, visit.say("this is not all: {problem}", problem=_no_more(place)))
                return
            place += 1
            for number, (value, kind) in enumerate(zip(row, kinds, strict=True)):
                _write_cell(sheet, place, number, value, kind, shapes)
        if "truncated" in message:
            sheet.write_string(place + 1, 0, visit.say("this is not all: {problem}", problem=_no_more(place)))


def _kind(kind: str) -> str:
    return "TIMESTAMP" if kind.startswith("TIMESTAMP") else "DATE" if kind == "DATE" else ""


def _write_cell(sheet: Any, place: int, number: int, value: Any, kind: str, shapes: Mapping[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(place, number, value, shapes[""])
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 53):
        sheet.write_number(place, number, value, shapes[""])
    elif kind and (moment := _moment(str(value))):
        sheet.write_datetime(place, number, moment, shapes[kind])
    else:
        sheet.write_string(place, number, str(value)[:LONGEST_TEXT], shapes[""])


def _moment(text: str) -> datetime | None:
    """A time as Excel has it, which knows none before 1900."""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
    return moment if moment.year >= 1900 else None
