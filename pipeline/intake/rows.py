"""The rows of a CSV, Excel, Parquet, JSON, JSON-lines or XML file, whatever they mean."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pipeline.errors import BadFile, BadMetadata, BadSetting, shown
from pipeline.intake.nested import flattened, rows_within, xml_document
from pipeline.intake.reader import MetadataFile
from pipeline.intake.spreadsheet import workbook_text
from pipeline.intake.vocabulary import agent_field_of_column, field_of_column
from pipeline.messages import Message
from pipeline.storage.files import open_regular

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".xlsx")
"""What a table of calls may be called, in the order in which an inbox is searched for cdr.*."""

OTHER_TABLE_SUFFIXES = (".xml", ".txt", "")
"""What else may hold one; so are many other files called."""

LARGEST_BYTES = 256_000_000
MOST_ROWS = 1_000_000

BROKEN_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
"""What no text holds: control characters that are not blanks, and bytes of another encoding (see `_decoded`)."""

PlacedRow = tuple[Message, dict[str, Any]]
"""A row's place ("line 3", "row 3") and its cells by column.

Cells beyond the last column of a CSV stand under "", those of a column without a name nowhere.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, and what its columns are called, in order; `is_note`: one object, in JSON or XML."""

    columns: tuple[str, ...]
    rows: list[PlacedRow]
    is_note: bool = False


_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def read_rows(
    file: Path,
    warnings: list[Message],
    encoding: str = "utf-8-sig",
    *,
    suffix: str | None = None,
    follow_links: bool = False,
) -> Table:
    """The rows of a CSV, Parquet, JSON (list) or JSON-lines file, by its own suffix or the one given.

    A row that cannot be read is left out with a warning. Raises BadMetadata, with a remedy, when the file as a whole
    cannot be read as what its name says; what is named otherwise is read as CSV.
    """
    suffix = suffix or file.suffix.lower()
    try:
        return rows_of(read_metadata_file(file, encoding, suffix=suffix, follow_links=follow_links), warnings, suffix)
    except (BadMetadata, BadFile) as error:
        raise BadMetadata(Message("{place}: {fault}", place=shown(file), fault=error.message)) from error
    except OSError as error:
        fault = _unreadable(suffix.lstrip(".").upper(), error)
        raise BadMetadata(Message("{place}: {fault}", place=shown(file), fault=fault)) from error


def read_metadata_file(
    file: Path, encoding: str = "utf-8-sig", *, suffix: str | None = None, follow_links: bool = False
) -> MetadataFile:
    """A file with its text, in the encoding that fits best; one packed with gzip is unpacked, and its path lacks
    the ".gz". Raises BadFile, OSError, or BadSetting for the encoding.
    """
    with open_regular(file, LARGEST_BYTES, follow_links=follow_links) as stream:
        if (suffix or file.suffix.lower()) == ".parquet":
            return MetadataFile(file, "")
        if (suffix or file.suffix.lower()) == ".xlsx":
            return MetadataFile(file, workbook_text(stream))
        is_packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        data = _unpacked(stream) if is_packed else stream.read(LARGEST_BYTES)
    plain = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    return MetadataFile(plain, _decoded(data, encoding))


def _unpacked(stream: IO[bytes]) -> bytes:
    """What gzip packed. Raises BadFile when it is damaged, or larger than a file may be."""
    try:
        with gzip.GzipFile(fileobj=stream) as inside:
            data = inside.read(LARGEST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(Message("is damaged or cut short; export it again")) from error
    if len(data) > LARGEST_BYTES:
        raise BadFile(Message("is larger than {size:g} MB; that cannot be right", size=LARGEST_BYTES / 1e6))
    return data


def rows_of(file: MetadataFile, warnings: list[Message], suffix: str | None = None) -> Table:
    """The rows of a file as `read_rows` gives them. Raises BadMetadata, whose message does not name the file."""
    suffix = suffix or file.path.suffix.lower()
    told: list[Message] = []
    try:
        if suffix == ".parquet":
            table = _parquet_rows(file.path)
        elif suffix in (".json", ".jsonl", ".ndjson"):
            table = _json_rows(file.text, suffix != ".json", told)
        elif suffix == ".xml":
            rows = [row for row in rows_within(xml_document(file.text)) if isinstance(row, dict)]
            table = _table(
                [(Message("row {number}", number=number), flattened(row)) for number, row in enumerate(rows, 1)]
            )
        else:
            table = _csv_rows(file.text, told)
    except (OSError, ValueError, RecursionError) as error:
        raise BadMetadata(_unreadable(suffix.lstrip(".").upper(), error)) from error
    if len(table.rows) > MOST_ROWS:
        raise BadMetadata(Message("has more than {most} rows; export fewer days", most=MOST_ROWS))
    warnings += (Message("{file} {place}", file=file.shown_name, place=each) for each in told)
    return table


def _unreadable(kind: str, error: Exception) -> Message:
    # the error's own text may quote a caller's number
    return Message("cannot be read as {kind} ({error}); export it again", kind=kind, error=type(error).__name__)


def _decoded(data: bytes, encoding: str) -> str:
    """The text, in the encoding that fits best; bytes that do not fit become lone surrogates, which are no text."""
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        message = Message("ingest.encoding: {encoding}: no such encoding; use utf-8-sig or gb18030", encoding=encoding)
        raise BadSetting(message) from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    readings = []
    for codec in dict.fromkeys(("utf-8-sig", encoding, "gb18030")):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            readings.append(data.decode(codec, "surrogateescape"))
    return min(readings, key=lambda text: len(BROKEN_TEXT.findall(text)))


# --- CSV


class _Lines:
    """The lines of a text one by one; `at` is how many were given, and may be set back."""

    def __init__(self, text: str) -> None:
        self.lines = io.StringIO(text, newline="").readlines()
        self.at = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at >= len(self.lines):
            raise StopIteration
        self.at += 1
        return self.lines[self.at - 1]


_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_MOST_SHARED = 10_000
_MOST_TITLES = 10
"""Lines above the columns' names: a title, who made the export, blank ones."""


def _csv_rows(text: str, warnings: list[Message]) -> Table:
    lines = _Lines(text)
    # for spreadsheets
    separator = _SEPARATOR.fullmatch(lines.lines[0]) if lines.lines else None
    lines.at = _header_at(lines.lines, 1 if separator else 0, warnings)
    header = lines.lines[lines.at] if lines.at < len(lines.lines) else ""
    delimiter = separator[1] if separator else delimiter_of(header)
    records = _records(lines, delimiter)
    names = [name.strip().lstrip("\ufeff") for name in next(records, (0, []))[1] or ()]
    if not any(names):
        raise BadMetadata(Message("has no header line; the first line must name the columns"))
    if BROKEN_TEXT.search(header):
        raise BadMetadata(Message("the first line is not text; save the file as UTF-8, see ingest.encoding"))
    if len(set(filter(None, names))) < len(list(filter(None, names))):
        raise BadMetadata(Message("has two columns of the same name; rename one"))
    rows: list[PlacedRow] = []
    for number, cells in records:
        if cells is None:
            warnings.append(
                Message(
                    "line {number}: a quotation mark that is not closed or doubled, or a cell of more than 128 KB; "
                    "left out",
                    number=number,
                )
            )
        elif any(cell.strip() for cell in cells) and not _is_sum(cells):
            row: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=False) if name}
            if any(cell.strip() for cell in cells[len(names) :]):
                row[""] = "too many"
            rows.append((Message("line {number}", number=number), row))
    return Table(tuple(filter(None, names)), rows)


def _header_at(lines: list[str], first: int, warnings: list[Message]) -> int:
    """Where the columns' names stand: in the line with most names that are known; where none has two, not in lines of
    one cell above a line of several.
    """
    head = [_split(line) for line in lines[first : first + _MOST_TITLES]]
    known = [sum(bool(field_of_column(cell) or agent_field_of_column(cell)) for cell in cells) for cells in head]
    at = known.index(max(known)) if known and max(known) > 1 else -1
    if at < 0:
        at = next((number for number, cells in enumerate(head) if len(cells) > 2), 0)
        if any(len(cells) > 1 for cells in head[:at]):
            at = 0
    warnings += (
        Message("line {number}: a title above the columns' names; passed over", number=first + number)
        for number, cells in enumerate(head[:at], 1)
        if cells
    )
    return first + at


def _split(line: str) -> list[str]:
    """The cells of a line that are not empty, whatever stands between them."""
    return [cell for cell in (cell.strip(' "\r\n') for cell in re.split(r"[,;\t|]", line)) if cell]


_SUMS = frozenset(("合计", "总计", "小计", "total", "totals", "grand total", "subtotal", "sum"))


def _is_sum(cells: list[str]) -> bool:
    """Whether a row is no call's, but what all come to: a report ends so."""
    return next(filter(None, map(str.strip, cells)), "").rstrip(":：").casefold() in _SUMS


def delimiter_of(line: str) -> str:
    """What stands between the cells of a file that begins with this line."""
    return max(",;\t|", key=line.count)


def csv_records(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str] | None]]:
    """Each record's last line and its cells, the first as well. One that is no CSV has None, and the next line is read
    as another.

    A quotation mark left open runs on until a cell is too large for the csv module, so the work stays linear.
    """
    return _records(_Lines(text), delimiter)


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    share = _sharing()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = lines.at
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.at = start + 1
            yield lines.at, None
        else:
            yield lines.at, list(map(share, cells))


def _sharing() -> Callable[[str], str]:
    """Gives one text for all that are alike: agents, queues and sides stand in row after row, and legs keep them."""
    known: dict[str, str] = {}

    def shared(text: str) -> str:
        return known.setdefault(text, text) if len(known) < _MOST_SHARED else known.get(text, text)

    return shared


# --- JSON


def _json_rows(text: str, is_lines: bool, warnings: list[Message]) -> Table:
    """The objects of a list, or one a line; where the whole does not parse, each is parsed by itself."""
    try:
        placed = [
            (Message("row {number}", number=number), row) for number, row in enumerate(rows_within(json.loads(text)), 1)
        ]
    except (ValueError, RecursionError) as error:
        if not is_lines:
            first = text.lstrip().split("\n", 1)[0]
            is_lines = isinstance(_parsed(first), dict)
        pieces = list(_json_lines(text) if is_lines else _json_elements(text))
        placed = [(Message("line {number}", number=number), _parsed(piece)) for number, piece in pieces]
        if not any(isinstance(row, dict) for _, row in placed):
            raise BadMetadata(_unreadable("JSON", error)) from error
        if not is_lines and all(isinstance(row, dict) for _, row in placed):
            warnings.append(Message("line {number} and after it: damaged or cut short; left out", number=pieces[-1][0]))
    rows = [(place, row) for place, row in placed if isinstance(row, dict)]
    if placed and not rows:
        raise BadMetadata(Message("must hold a list of objects, or one object a line"))
    for place, row in placed:
        if not isinstance(row, dict):
            warnings.append(Message("{place}: is not a JSON object that can be read; left out", place=place))
    return _table(rows)


def _placed(rows: list[Any]) -> list[tuple[Message, Any]]:
    return [(Message("row {number}", number=number), row) for number, row in enumerate(rows, 1)]


def _table(rows: list[PlacedRow]) -> Table:
    """The rows of a file without a header line: its columns are those of any row."""
    rows = [(place, flattened(row)) for place, row in rows]
    return Table(tuple(dict.fromkeys(name for _, row in rows for name in row)), rows, is_note=len(rows) == 1)


def _parsed(text: str) -> Any:
    """A piece of JSON; None when it is none, is nested too deeply, or holds a number of too many digits."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _json_elements(text: str) -> Iterator[tuple[int, str]]:
    """The objects that stand directly in the first list of a text, each with the line it starts in."""
    depth = 0
    inside: int | None = None
    start: int | None = None
    number, counted = 1, 0
    for token in _JSON_TOKEN.finditer(text):
        if token[0] in ("{", "["):
            if token[0] == "{" and depth == inside:
                start = token.start()
            depth += 1
            if token[0] == "[" and inside is None:
                inside = depth
        elif token[0] in ("}", "]"):
            depth -= 1
            if inside is not None and depth < inside:
                return
            if start is not None and depth == inside:
                number, counted = number + text.count("\n", counted, start), start
                yield number, text[start : token.end()]
                start = None
    if start is not None:
        yield number + text.count("\n", counted, start), text[start:]


# --- Parquet


_NOTHING_LOADED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""The engine fetches nothing, and takes up nothing that lies in somebody's home folder."""


def _parquet_rows(file: Path) -> Table:
    # DuckDB is for the results, yet nothing else that is installed reads Parquet
    import duckdb

    try:
        with duckdb.connect(":memory:", config=_NOTHING_LOADED) as database:
            database.execute("SET memory_limit = '1GB'")
            query = "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet($1) LIMIT $2"
            result = database.execute(query, [_no_glob(file), MOST_ROWS + 1])
            names = [column[0] for column in result.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    except duckdb.Error as error:
        raise BadMetadata(_unreadable("PARQUET", error)) from error
    return Table(tuple(names), [(Message("row {number}", number=number), row) for number, row in enumerate(rows, 1)])


def _no_glob(file: Path) -> str:
    """The path as DuckDB takes it literally, where * ? [ would name other files."""
    return re.sub(r"([*?\[])", r"[\1]", str(file))
