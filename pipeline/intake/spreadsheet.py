"""The rows of an Excel workbook (.xlsx), as the text of a CSV file: what is shown as a time is written as one."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO

from pipeline.errors import BadFile
from pipeline.messages import Message

_LARGEST_PART = 256_000_000
_MOST_COLUMNS = 1_000
_EPOCH = datetime(1899, 12, 30)
_DAYS_TO_1904 = 1462
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_CELL = re.compile(r"([A-Z]{1,3})\d*")
_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 46, 47, 55, 56), "h:mm:ss"),
}
"""Formats that a workbook names by a number alone, East Asian ones among them."""

_NO_LETTERS_OF_TIME = re.compile(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]|general', re.IGNORECASE)


_PACKED_AS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, ElementTree.ParseError, LookupError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
"""What damaged files raise; RuntimeError: a password."""


def workbook_text(stream: IO[bytes]) -> str:
    """The longest sheet as CSV. Raises BadFile for what is no workbook, or too large."""
    try:
        with zipfile.ZipFile(stream) as book:
            if sum(part.file_size for part in book.infolist()) > _LARGEST_PART:
                raise BadFile(Message("is larger than {size:g} MB; that cannot be right", size=_LARGEST_PART / 1e6))
            if any(part.compress_type not in _PACKED_AS for part in book.infolist()):
                raise zipfile.BadZipFile
            return _longest(book)
    except _DAMAGED as error:
        raise BadFile(Message("is no Excel workbook that can be read; save it as CSV")) from error


def _longest(book: zipfile.ZipFile) -> str:
    names = set(book.namelist())
    texts = _shared_texts(book) if "xl/sharedStrings.xml" in names else []
    formats = _formats(book) if "xl/styles.xml" in names else []
    begin = _EPOCH + timedelta(days=_DAYS_TO_1904 if b'date1904="1"' in book.read("xl/workbook.xml") else 0)
    best: list[list[str]] = []
    for name in sorted(filter(_SHEET.fullmatch, names)):
        rows = [_cells(row, texts, formats, begin) for row in _elements(book, name, "row")]
        best = rows if len(rows) > len(best) else best
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(best)
    return out.getvalue()


def _elements(book: zipfile.ZipFile, part: str, tag: str) -> Iterator[ElementTree.Element]:
    """The elements of a name, each emptied after it was seen."""
    with book.open(part) as stream:
        for _, element in ElementTree.iterparse(stream):
            if _local(element) == tag:
                yield element
                element.clear()


def _shared_texts(book: zipfile.ZipFile) -> list[str]:
    return [_joined(item) for item in _elements(book, "xl/sharedStrings.xml", "si")]


def _joined(item: ElementTree.Element) -> str:
    """A text of several runs; how it is read aloud (rPh) is none of it."""
    texts = [part.text or "" for part in item if _local(part) == "t"]
    texts += [part.text or "" for run in item if _local(run) == "r" for part in run if _local(part) == "t"]
    return "".join(texts)


def _formats(book: zipfile.ZipFile) -> list[str]:
    """The format of the numbers of each style."""
    root = ElementTree.fromstring(book.read("xl/styles.xml"))
    custom = {each.get("numFmtId"): each.get("formatCode", "") for each in root.iter() if _local(each) == "numFmt"}
    styles = [style for each in root if _local(each) == "cellXfs" for style in each]
    return [custom.get(style.get("numFmtId")) or _BUILT_IN.get(int(style.get("numFmtId") or 0), "") for style in styles]


def _cells(row: ElementTree.Element, texts: list[str], formats: list[str], begin: datetime) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if place := _CELL.match(cell.get("r", "")):
            column = 0
            for letter in place[1]:
                column = column * 26 + ord(letter) - 64
            if column > _MOST_COLUMNS:
                break
            cells += [""] * (column - 1 - len(cells))
        cells.append(_text(cell, texts, formats, begin))
    return cells


def _text(cell: ElementTree.Element, texts: list[str], formats: list[str], begin: datetime) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(_joined(part) for part in cell if _local(part) == "is")
    value = next((part.text or "" for part in cell if _local(part) == "v"), "")
    if kind == "s":
        return texts[int(value)] if value else ""
    style = int(cell.get("s", 0))
    shown = formats[style] if style < len(formats) else ""
    letters = set(_NO_LETTERS_OF_TIME.sub("", shown.casefold()))
    if kind != "n" or not value or not letters & set("ydhs"):
        return "" if kind == "e" else value
    try:
        seconds = round(float(value) * 86_400)
        if letters & set("yd"):
            return f"{begin + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):  # no calendar has that day
        return value
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]
