"""The door: which recordings the inbox holds, and what the telephone system knows of them.

A recording is known by the SHA-256 of its bytes, so renaming or copying a file makes no new call. What cannot
be a recording becomes a `Failure`, never an exception that would stop the night. Caller numbers are replaced by
a keyed hash before anything else sees them.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
import re
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.datatypes import CDR, Recording, Role
from pipeline.errors import BadArtefact, BadMetadata, BadSetting, shown
from pipeline.settings import Ingest, Settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Failure, Home, RecordingRecord, path_key

REASONS = {
    "missing": "a link to nothing",
    "outside-inbox": "a link to a file outside the inbox",
    "not-a-file": "a folder, pipe, socket or device that is named like a recording",
    "empty": "the file has no bytes",
    "too-large": "the file is larger than decode.largest_mb",
    "unreadable": "the file or folder cannot be read",
}
"""Every reason a Failure from here can have."""

_PARTIAL = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")
_METADATA = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
_RACY_NS = 2_000_000_000

_ALIASES = {
    "file": "file filename file_name recording recording_file record_file path 文件 文件名 录音 录音文件"
    " 录音文件名 录音名称",
    "call_id": "call_id callid id session_id uuid 通话编号 通话id 会话id 会话编号 流水号 呼叫编号 通话流水号",
    "started_at": "started_at start_time start begin_time call_time datetime timestamp 开始时间 通话开始时间 呼叫时间"
    " 通话时间 来电时间 起始时间",
    "agent_id": "agent_id agent agent_no agent_number employee_id staff_id 工号 坐席工号 坐席编号 客服工号 员工编号",
    "agent_name": "agent_name agentname staff_name 坐席 坐席姓名 客服 客服姓名 姓名 座席 座席姓名",
    "team": "team group team_name department 班组 小组 组别 团队 部门",
    "company": "company brand client tenant 公司 品牌 委托方 公司名称",
    "queue": "queue skill queue_name skill_group 队列 技能组 业务队列",
    "direction": "direction call_direction call_type 方向 呼叫方向 呼叫类型",
    "caller_number": "caller_number caller ani from phone phone_number customer_number customer_phone caller_id"
    " calling_number 主叫 主叫号码 来电号码 客户号码 客户电话 手机号 电话号码 电话",
    "ring_count": "ring_count rings 振铃次数 响铃次数 铃响次数",
    "wait_s": "wait_s wait waiting wait_time queue_time wait_seconds 等待 等待时长 等待时间 排队时长 等待秒数",
    "release_party": "release_party released_by hangup_party hung_up_by disconnected_by hangup_by 挂断方 挂机方 释放方"
    " 先挂机方",
    "channel_map": "channel_map channels channel_roles 声道 声道映射 声道对应",
    "language": "language lang 语言 语种",
    "scenario": "scenario 场景 业务场景",
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}

_VALUES: dict[str, dict[str, str]] = {
    "direction": {
        alias: value
        for value, aliases in {
            "inbound": "inbound in incoming 呼入 来电 呼入电话 进线",
            "outbound": "outbound out outgoing 呼出 外呼 去电 呼出电话",
        }.items()
        for alias in aliases.split()
    },
    "release_party": {
        alias: value
        for value, aliases in {
            "agent": "agent 坐席 座席 客服 员工 坐席挂断 座席挂断 客服挂断 坐席方 staff employee callee 被叫",
            "customer": "customer caller client user 客户 用户 主叫 客户挂断 用户挂断 客户方",
            "system": "system 系统 系统挂断 ivr timeout platform 平台",
        }.items()
        for alias in aliases.split()
    },
    "language": {
        alias: value
        for value, aliases in {
            "zh": "zh zh-cn zh_cn zh-hans cmn chinese mandarin 中文 汉语 普通话 国语",
            "en": "en en-us en_us en-gb en_gb english 英文 英语",
        }.items()
        for alias in aliases.split()
    },
}
_CHANNELS = {
    "0": 0, "left": 0, "l": 0, "ch0": 0, "左": 0, "左声道": 0,
    "1": 1, "right": 1, "r": 1, "ch1": 1, "右": 1, "右声道": 1,
}  # fmt: skip
_ROLES: dict[str, Role] = {
    **dict.fromkeys(("agent", "坐席", "座席", "客服", "员工", "staff"), "agent"),
    **dict.fromkeys(("customer", "caller", "client", "user", "客户", "用户", "主叫"), "customer"),
}
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[\sT_]*(\d{1,2})\s*[:时点]\s*(\d{1,2})\s*(?:[:分]\s*(\d{1,2})(?:\.\d+)?\s*秒?|分)?)?"
    r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?"
)
_NUMBER = re.compile(r"\+?\d(?:[\s\-().]*\d){6,}")


@dataclass(frozen=True, slots=True)
class Scan:
    """What the inbox held. `recordings` are unique by content, in order of their paths.

    `files` counts the files looked at, `copies` those whose bytes another path has too, `renamed` recordings
    that an earlier scan knew under other paths only, `unsettled` files left for the next scan because they are
    still being written. `warnings` are faults of single metadata rows, without their values. `rows_unused` are
    metadata rows without a recording, `without_row` recordings without a row (0 when there is no metadata).
    """

    recordings: tuple[Recording, ...]
    failures: tuple[Failure, ...]
    copies: int = 0
    files: int = 0
    renamed: int = 0
    unsettled: int = 0
    rows_unused: int = 0
    without_row: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HashedFile:
    """What a file looked like when its bytes were hashed."""

    size_bytes: int
    modified_ns: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes of an earlier scan by path, so that a second one reads no recording again."""

    files: dict[str, HashedFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    """A metadata row: its place for messages, the recording it names, and its CDR."""

    place: str
    file: str
    cdr: CDR


def scan(settings: Settings, home: Home) -> Scan:
    """Look through the inbox, write a Sighting for every recording that is new or changed, and return what is there.

    Failures are returned, not written. Raises BadMetadata when the CDR file cannot be read or mapped, and
    BadSetting for a time zone, column or file-name pattern that makes no sense, or an inbox that is missing.
    """
    inbox = settings.paths.inbox
    if not inbox.is_dir():
        raise BadSetting(f"paths.inbox: {shown(inbox)}: no such folder; make it, or name another in the settings")
    reader = _CdrReader(settings.ingest, home)
    metadata = _metadata_file(settings.ingest, inbox)
    rows, warnings = _rows(metadata, reader) if metadata else ([], [])
    failures: list[Failure] = []

    def fail(path: Path, reason: str, message: str) -> None:
        failures.append(
            Failure(path_key(path), shown(path), "ingest", reason, f"{shown(path)}: {message}", datetime.now(UTC))
        )

    known = _known_hashes(home)
    hashes: dict[str, HashedFile] = {}
    paths_of: dict[str, list[Path]] = defaultdict(list)
    sizes: dict[str, int] = {}
    files = unsettled = 0
    for path, info in _files(inbox, inbox, home.root, settings.ingest.extensions, fail):
        files += 1
        if info.st_size == 0:
            fail(path, "empty", "is empty; copy it again")
            continue
        if info.st_size > settings.decode.largest_mb * 1e6:
            fail(path, "too-large", f"is larger than {settings.decode.largest_mb:g} MB; raise decode.largest_mb")
            continue
        if settings.ingest.settle_s and time.time() - info.st_mtime < settings.ingest.settle_s:
            unsettled += 1
            continue
        name = shown(path)
        entry = known.files.get(name)
        if entry is None or (entry.size_bytes, entry.modified_ns, entry.inode) != _stamp(info):
            try:
                digest, after = _digest(path)
            except OSError as error:
                fail(path, "unreadable", f"cannot be read ({type(error).__name__}); check its permissions and the disk")
                continue
            if _stamp(after) != _stamp(info):
                unsettled += 1
                continue
            entry = HashedFile(*_stamp(info), digest)
        # a file changed again within the clock's grain would look the same
        if time.time_ns() - info.st_mtime_ns > _RACY_NS:
            hashes[name] = entry
        paths_of[entry.sha256].append(path)
        sizes[entry.sha256] = info.st_size
    if hashes != known.files:
        artefacts.write(_hashes_file(home), Hashes(hashes))

    matched, used = _match(rows, paths_of, inbox, warnings)
    recordings = []
    renamed = without_row = 0
    for sha256, paths in paths_of.items():
        row = matched.get(sha256)
        without_row += row is None and bool(rows)
        from_name = reader.from_name(paths, warnings)
        cdr = _merged(row.cdr if row else None, from_name)
        renamed += _sight(home, sha256, sizes[sha256], paths, cdr)
        recordings.append(Recording(sha256, paths[0], sizes[sha256], cdr))
    return Scan(
        recordings=tuple(recordings),
        failures=tuple(failures),
        copies=sum(len(paths) - 1 for paths in paths_of.values()),
        files=files,
        renamed=renamed,
        unsettled=unsettled,
        rows_unused=len(rows) - used,
        without_row=without_row,
        warnings=tuple(warnings),
    )


# --- files


def _stamp(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_size, info.st_mtime_ns, info.st_ino


def _files(
    folder: Path, inbox: Path, skipped: Path, extensions: tuple[str, ...], fail: Callable[[Path, str, str], None]
) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files named like recordings, depth first in order of names. Links are not followed.

    A link to a file of the inbox is left out, as the file itself is found; one that leads elsewhere fails.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        fail(folder, "unreadable", f"the folder cannot be read ({type(error).__name__}); check its permissions")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name.lower().endswith(_PARTIAL):
            continue
        is_named_so = path.suffix.lower() in extensions
        try:
            info = entry.stat(follow_symlinks=False)
        except OSError:
            # gone since the folder was listed
            continue
        if stat.S_ISDIR(info.st_mode):
            if is_named_so:
                fail(path, "not-a-file", "is a folder; recordings in it are found, rename it to lose this message")
            if not (skipped.exists() and os.path.samefile(path, skipped)):
                yield from _files(path, inbox, skipped, extensions, fail)
        elif is_named_so and stat.S_ISREG(info.st_mode):
            yield path, info
        elif stat.S_ISLNK(info.st_mode) and (is_named_so or path.is_dir()):
            if not path.exists():
                fail(path, "missing", "is a link to nothing; put the recording itself there")
            elif not path.resolve().is_relative_to(inbox.resolve()):
                fail(path, "outside-inbox", "is a link that leads out of the inbox; put the recording itself there")
        elif is_named_so:
            fail(path, "not-a-file", "is no regular file; put recordings themselves into the inbox")


def _digest(path: Path) -> tuple[str, os.stat_result]:
    """SHA-256 of a file's bytes, and its state afterwards. Raises OSError."""
    # a pipe put in the file's place meanwhile must not block
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), os.fstat(stream.fileno())


def _hashes_file(home: Home) -> Path:
    return home.root / "hashes.json.gz"


def _known_hashes(home: Home) -> Hashes:
    try:
        return artefacts.read(_hashes_file(home), Hashes)
    except BadArtefact:
        return Hashes()


def _sight(home: Home, sha256: str, size_bytes: int, paths: list[Path], cdr: CDR) -> bool:
    """Write the Sighting if it is new or says something else now. True when every earlier path is gone."""
    file = home.recording(sha256)
    try:
        old = artefacts.read(file, RecordingRecord)
    except BadArtefact:
        old = None
    now = [shown(path) for path in paths]
    gone = [path for path in old.paths if path not in now] if old else []
    record = RecordingRecord(sha256, size_bytes, (*now, *gone), old.first_seen if old else datetime.now(UTC), cdr)
    if record != old:
        artefacts.write(file, record)
    return old is not None and len(gone) == len(old.paths)


# --- metadata


def _metadata_file(settings: Ingest, inbox: Path) -> Path | None:
    if settings.metadata is not None:
        file = inbox / settings.metadata
        if not file.is_file():
            raise BadMetadata(f"ingest.metadata: {shown(file)}: no such file; a relative path starts at the inbox")
        return file
    found = [inbox / f"cdr{suffix}" for suffix in _METADATA if (inbox / f"cdr{suffix}").is_file()]
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise BadMetadata(f"{shown(inbox)}: {names}: which one counts? name it in the settings as ingest.metadata")
    return found[0] if found else None


def read_rows(file: Path, encoding: str = "utf-8-sig") -> list[tuple[str, dict[str, Any]]]:
    """The rows of a CSV, Parquet, JSON (list) or JSON-lines file, each with its place ("line 3", "row 3").

    Raises BadMetadata, with a remedy, when the file cannot be read as what its name says.
    """
    suffix = file.suffix.lower()
    try:
        if suffix == ".parquet":
            return [(f"row {n}", row) for n, row in enumerate(_parquet_rows(file), 1)]
        data = file.read_bytes()
        if suffix in (".json", ".jsonl", ".ndjson"):
            return _json_rows(data)
        if suffix in (".csv", ".tsv", ".txt"):
            return _csv_rows(_text(data, encoding))
    except BadMetadata as error:
        raise BadMetadata(f"{shown(file)}: {error}") from error
    except (OSError, ValueError, csv.Error) as error:
        # the error's own text may quote a caller's number
        what = f"{suffix.lstrip('.').upper()} ({type(error).__name__})"
        raise BadMetadata(f"{shown(file)}: cannot be read as {what}; export it again") from error
    raise BadMetadata(f"{shown(file)}: unknown kind of metadata; use .csv, .parquet, .json or .jsonl")


def _text(data: bytes, encoding: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("gb18030")
    except LookupError as error:
        raise BadSetting(f"ingest.encoding: {encoding}: no such encoding; use utf-8-sig or gb18030") from error


def _csv_rows(text: str) -> list[tuple[str, dict[str, Any]]]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise BadMetadata("has no header line; the first line must name the columns")
    if len(set(names)) < len(names):
        raise BadMetadata("has two columns of the same name; rename one")
    rows: list[tuple[str, dict[str, Any]]] = []
    for cells in reader:
        if any(cell.strip() for cell in cells):
            rows.append((f"line {reader.line_num}", dict(zip(names, cells, strict=False))))
            if len(cells) > len(names):
                rows[-1][1][""] = "too many"
    return rows


def _json_rows(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    text = _text(data, "utf-8-sig")
    try:
        whole = json.loads(text)
        rows = whole if isinstance(whole, list) else [whole]
        if isinstance(whole, dict):
            lists = (part for part in whole.values() if isinstance(part, list))
            rows = next((part for part in lists if all(isinstance(row, dict) for row in part)), rows)
    except json.JSONDecodeError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise BadMetadata("must hold a list of objects, or one object a line")
    return [(f"row {n}", row) for n, row in enumerate(rows, 1)]


def _parquet_rows(file: Path) -> list[dict[str, Any]]:
    import duckdb

    try:
        with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as database:
            result = database.execute("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet($1)", [_no_glob(file)])
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    except duckdb.Error as error:
        raise BadMetadata(f"cannot be read as PARQUET ({type(error).__name__}); export it again") from error


def _no_glob(file: Path) -> str:
    """The path as DuckDB takes it literally, where * ? [ would name other files."""
    return re.sub(r"([*?\[])", r"[\1]", str(file))


def _rows(file: Path, reader: _CdrReader) -> tuple[list[_Row], list[str]]:
    raw = read_rows(file, reader.settings.encoding)
    warnings: list[str] = []
    columns = reader.columns(file, {name for _, row in raw for name in row if name})
    rows = []
    for place, cells in raw:
        where = f"{shown(Path(file.name))} {place}"
        if "" in cells:
            warnings.append(f"{where}: more cells than columns, left out; quote cells that hold the delimiter")
            continue
        named: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, cell in cells.items():
            (named if name in columns else extra)[columns.get(name, name)] = cell
        rows.append(_Row(where, _plain(named.pop("file", None)), reader.cdr(named, extra, where, warnings)))
    return rows, warnings


def _match(
    rows: list[_Row], paths_of: Mapping[str, list[Path]], inbox: Path, warnings: list[str]
) -> tuple[dict[str, _Row], int]:
    """The row of each recording (by SHA-256), and how many rows found theirs.

    A row names its recording by the path in the inbox, an absolute path, the file's name, or the name without
    its extension; without such a column, by its call id. A later row replaces an earlier one.
    """
    index: dict[str, set[str]] = defaultdict(set)
    for sha256, paths in paths_of.items():
        for path in paths:
            inside = path.relative_to(inbox)
            for key in (str(path), inside.as_posix(), inside.with_suffix("").as_posix(), path.name, path.stem):
                index[key.casefold()].add(sha256)
    matched: dict[str, _Row] = {}
    used = 0
    for row in rows:
        key = (row.file or row.cdr.call_id or "").replace("\\", "/").removeprefix("./").casefold()
        name = key.rsplit("/", 1)[-1]
        found = index.get(key) or index.get(name) or index.get(name.rsplit(".", 1)[0], set())
        if len(found) > 1:
            warnings.append(f"{row.place}: several recordings have this name; give their path in the inbox")
        elif found:
            (sha256,) = found
            used += 1
            if sha256 in matched and matched[sha256].cdr != row.cdr:
                warnings.append(f"{row.place}: says something else than {matched[sha256].place} of one recording")
            matched[sha256] = row
    return matched, used


def _merged(row: CDR | None, from_name: CDR | None) -> CDR:
    """The row's fields, and those of the file's name where the row says nothing."""
    if row is None or from_name is None:
        return row or from_name or CDR()
    missing = {
        part.name: getattr(from_name, part.name)
        for part in fields(CDR)
        if part.name != "extra" and getattr(row, part.name) is None
    }
    return replace(row, **missing, extra={**from_name.extra, **row.extra})


class _CdrReader:
    """Turns cells into a CDR: translates values, and hashes caller numbers with the home's salt."""

    def __init__(self, settings: Ingest, home: Home) -> None:
        self.settings = settings
        self._home = home
        self._salt: bytes | None = None
        try:
            self._zone = ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            message = f"ingest.timezone: {settings.timezone}: no such zone; use one like Asia/Shanghai"
            raise BadSetting(message) from error
        if unknown := sorted(set(settings.columns) - set(_ALIASES)):
            raise BadSetting(f"ingest.columns: {', '.join(unknown)}: no such field; there are {', '.join(_ALIASES)}")
        if unknown := sorted(set(settings.values) - set(_ALIASES)):
            raise BadSetting(f"ingest.values: {', '.join(unknown)}: no such field; there are {', '.join(_ALIASES)}")
        try:
            self._pattern = re.compile(settings.file_name_pattern) if settings.file_name_pattern else None
        except re.error as error:
            raise BadSetting(f"ingest.file_name_pattern: {error}; it is a Python regular expression") from error
        if self._pattern and (unknown := sorted(set(self._pattern.groupindex) - (set(_ALIASES) - {"file"}))):
            raise BadSetting(f"ingest.file_name_pattern: group {', '.join(unknown)}: no such field; there are "
                             f"{', '.join(name for name in _ALIASES if name != 'file')}")  # fmt: skip

    def columns(self, file: Path, present: set[str]) -> dict[str, str]:
        """Column name → field. Raises BadMetadata when a column of the settings is not there."""
        chosen = {**self.settings.columns}
        if self.settings.file_column in present:
            chosen.setdefault("file", self.settings.file_column)
        if lost := sorted(name for name in chosen.values() if name not in present and present):
            there = ", ".join(sorted(present))
            raise BadMetadata(f"{shown(file)}: no column {', '.join(lost)} as ingest.columns says; there are {there}")
        mapping = {column: name for name, column in chosen.items()}
        for column in sorted(present):
            name = _NAMES.get(re.sub(r"[\s\-]+", "_", column.strip().casefold()))
            if name and name not in mapping.values() and column not in mapping:
                mapping[column] = name
        return mapping

    def from_name(self, paths: list[Path], warnings: list[str]) -> CDR | None:
        """The CDR that the first matching file name gives, by the pattern of the settings."""
        if self._pattern is None:
            return None
        for path in paths:
            if found := self._pattern.search(path.name):
                named = {name: value for name, value in found.groupdict().items() if value}
                return self.cdr(named, {}, shown(Path(path.name)), warnings)
        return None

    def cdr(self, named: Mapping[str, Any], extra: Mapping[str, Any], where: str, warnings: list[str]) -> CDR:
        """A CDR from cells by field. A cell that makes no sense is left out with a warning that does not quote it."""
        caller = _plain(named.get("caller_number"))
        got: dict[str, Any] = {"caller_hash": self.hashed(caller)}
        parsers: dict[str, Callable[[str], Any]] = {
            "started_at": self._time,
            "ring_count": _count,
            "wait_s": _duration_s,
            "channel_map": channel_map,
            **{name: _choice(name) for name in _VALUES},
        }
        for name, cell in named.items():
            text = _channels_text(cell) if name == "channel_map" else _plain(cell)
            text = self.settings.values.get(name, {}).get(text, text)
            if name == "caller_number" or not text:
                continue
            try:
                got[name] = parsers[name](text) if name in parsers else self._hidden(text, caller)
            except (ValueError, OverflowError, OSError):
                warnings.append(f"{where}: {name}: not understood and left out; see ingest.values in the settings")
        rest = {name: self._hidden(text, caller, whole=True) for name, cell in extra.items() if (text := _plain(cell))}
        return CDR(**got, extra=dict(sorted(rest.items())))

    def hashed(self, number: str) -> str | None:
        """HMAC-SHA256 of a telephone number's digits under the home's salt; None without digits."""
        digits = _digits(number)
        if not digits:
            return None
        if self._salt is None:
            self._salt = _read_salt(self._home)
        return hmac.new(self._salt, digits.encode(), hashlib.sha256).hexdigest()[:32]

    def _hidden(self, text: str, caller: str, whole: bool = False) -> str:
        """A text without the caller's number in it; `whole`: without anything that could be such a number."""
        if whole:
            return text if _DATE.fullmatch(text) else _NUMBER.sub(lambda found: self.hashed(found[0]) or "", text)
        digits = _digits(caller)
        if len(digits) < 7:
            return text
        return re.sub(r"(?:\+?0{0,2}86[\s-]?|0)?" + r"[\s-]?".join(digits), self.hashed(caller) or "", text)

    def _time(self, text: str) -> datetime:
        moment = parse_time(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)


def _read_salt(home: Home) -> bytes:
    """The home's salt, made at its first use, readable by the owner alone."""
    try:
        salt = home.salt.read_bytes()
    except FileNotFoundError:
        salt = b""
    if len(salt) < 16:
        # mkstemp, under write_whole, gives 0600
        write_whole(home.salt, os.urandom(32))
        salt = home.salt.read_bytes()
    return salt


def _plain(cell: Any) -> str:
    """A cell as text: numbers without a needless ".0", null and blanks as ""."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell).strip()
    return "" if text.casefold() in ("null", "none", "nan", "n/a", "\\n") else text


def _digits(number: str) -> str:
    """The digits that tell a subscriber, without China's country code, trunk prefix or separators."""
    # sip:…@host, extensions
    number = re.split(r"@|(?i:ext|x)|转", number)[0]
    digits = re.sub(r"\D", "", number)
    digits = digits.removeprefix("00") if digits.startswith("0086") else digits
    if digits.startswith("86") and len(digits) >= 12:
        digits = digits[2:]
    return digits.lstrip("0")


def _choice(name: str) -> Callable[[str], str]:
    def choose(text: str) -> str:
        try:
            return _VALUES[name][text.casefold()]
        except KeyError as error:
            raise ValueError(name) from error

    return choose


def _count(text: str) -> int:
    number = int(float(text))
    if not 0 <= number <= 1000:
        raise ValueError(text)
    return number


def _duration_s(text: str) -> float:
    """Seconds: "12", "12.5 s", "12秒", "1:05", "00:01:05". Raises ValueError."""
    text = re.sub(r"\s*(s|sec|seconds|秒)$", "", text.casefold())
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    if not 0 <= seconds < 86400 * 2:
        raise ValueError(text)
    return seconds


def parse_time(text: str) -> datetime:
    """A moment: ISO 8601, "2026/11/20 9:31", "2026年11月20日 9时31分", 20261120093100, or epoch seconds or ms.

    Naive where the text names no zone. Raises ValueError; day and month first would be a guess and are refused.
    """
    text = text.strip()
    compact = re.sub(r"[\sT_-]", "", text)
    if re.fullmatch(r"\d{10}|\d{13}|\d{10}\.\d+", text):
        return datetime.fromtimestamp(float(text) / (1000 if len(text) == 13 else 1), UTC)
    if re.fullmatch(r"(19|20)\d{12}", compact) and re.fullmatch(r"\d{8}[\sT_-]*\d{6}", text):
        return datetime.strptime(compact, "%Y%m%d%H%M%S")
    if found := _DATE.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second)
        if zone := found[7]:
            return moment.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").tzinfo)
        return moment
    return datetime.fromisoformat(text)


def _channels_text(cell: Any) -> str:
    if isinstance(cell, dict):
        return ",".join(f"{channel}={role}" for channel, role in cell.items())
    return ",".join(map(str, cell)) if isinstance(cell, list) else _plain(cell)


def channel_map(text: str) -> dict[int, Role]:
    """Who is on which of two channels: "0=agent,1=customer", "agent-left", "左=坐席", "agent,customer" (in order).

    Naming one is enough; 1 and 2 count from one. Raises ValueError.
    """
    words = [word for word in re.split(r"[\s,;:=/|{}\"'>，；：、_-]+", text.casefold()) if word]
    words = [part for word in words for part in _split_words(word)]
    if "2" in words:
        words = [{"1": "0", "2": "1"}.get(word, word) for word in words]
    roles = [_ROLES[word] for word in words if word in _ROLES]
    channels = [_CHANNELS[word] for word in words if word in _CHANNELS]
    if len(roles) + len(channels) != len(words) or not roles or len(set(roles)) < len(roles):
        raise ValueError(text)
    if not channels and len(roles) == 2:
        channels = [0, 1]
    if len(channels) != len(roles) or len(set(channels)) < len(channels):
        raise ValueError(text)
    mapping = dict(zip(channels, roles, strict=True))
    if len(mapping) == 1:
        ((channel, role),) = mapping.items()
        mapping[1 - channel] = "customer" if role == "agent" else "agent"
    return dict(sorted(mapping.items()))


def _split_words(word: str) -> list[str]:
    """左坐席 → 左, 坐席: Han words written together."""
    if word in _ROLES or word in _CHANNELS:
        return [word]
    names = "|".join(sorted((n for n in (*_ROLES, *_CHANNELS) if not n.isascii()), key=len, reverse=True))
    parts: list[str] = re.findall(names, word)
    return parts if "".join(parts) == word else [word]
