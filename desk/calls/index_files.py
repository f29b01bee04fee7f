"""What the list of calls is read from: two SQLite files for each part of the published database, made from it.

    call-index/2/2025-03-03-<hash>.calls.sqlite   a row a call: what is filtered, sorted and shown
    call-index/2/2025-03-03-<hash>.words.sqlite   where which words are said (FTS5), and the turns to quote them from

A part never changes once it is written and its name tells its content, so neither do these: a night brings files for
the parts that it made anew, the files of parts that are gone are removed, and a whole list is always of one snapshot.
They hold what the database shows, with what is masked there masked, and can be made again at any time.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

import duckdb

from desk.calls.search_words import BETWEEN_TURNS, search_words
from pipeline.results.parts import NOTHING_LOADED, index_part, quoted
from pipeline.storage.files import put_in_place
from pipeline.storage.home import Home

INDEX_VERSION = 2
"""Raised when files of earlier versions shall not be used."""

REPLACED_S = 900.0
"""So long files stay that no database needs any more: a list that was begun may still be read from them."""

IndexKind = Literal["calls", "words"]

SAID_ROLES = ("agent", "customer", "unknown")
"""Whose words stand apart in the index, in the order of its columns."""

OUTCOME_INDEX = {"fatal": "F", "fail": "f", "unsure": "u", "pass": "p", "nothing_found": "n", "not_applicable": "a"}
"""One letter for each outcome of a rule; a fail of a fatal rule and a pass that only found nothing have their own."""

_NONE = "."

_CALLS = """
CREATE TABLE calls (
    n INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, call_id TEXT, file_name TEXT, started REAL, day TEXT,
    agent_id TEXT, agent_name TEXT, team TEXT, company TEXT, queue TEXT, direction TEXT, scenario TEXT,
    language TEXT NOT NULL, length REAL NOT NULL, score REAL, fatal INTEGER NOT NULL, failed INTEGER,
    unsure INTEGER NOT NULL, complaint INTEGER NOT NULL, outcomes TEXT NOT NULL
) STRICT;
CREATE TABLE rules (
    place INTEGER PRIMARY KEY, rule_id TEXT NOT NULL, title_zh TEXT NOT NULL, title_en TEXT NOT NULL,
    severity TEXT NOT NULL
) STRICT
"""

_WORDS = """
CREATE VIRTUAL TABLE words USING fts5(agent, customer, unknown, content='', tokenize='ascii');
CREATE TABLE said (n INTEGER PRIMARY KEY, turns BLOB NOT NULL) STRICT
"""

# complaints are told as the view `complaints` tells them
_RULES = """
SELECT row_number() OVER (ORDER BY rule_id) AS place, rule_id, any_value(title_zh) AS title_zh,
    any_value(title_en) AS title_en,
    coalesce(max(severity) FILTER (severity = 'fatal'), any_value(severity), '') AS severity
FROM verdicts GROUP BY rule_id
"""
_CODED = """
SELECT sha256, place, CASE
    WHEN outcome = 'fail' AND severity = 'fatal' THEN 'F' WHEN outcome = 'fail' THEN 'f'
    WHEN outcome = 'unsure' THEN 'u' WHEN outcome = 'pass' AND nothing_found THEN 'n'
    WHEN outcome = 'pass' THEN 'p' ELSE 'a' END AS code,
    list_contains(tags, 'complaint') AND outcome <> 'not_applicable' AS complaint
FROM verdicts JOIN (SELECT rule_id, place FROM rules) USING (rule_id)
"""
_ROWS = f"""
WITH coded AS MATERIALIZED ({_CODED}),
outcomes AS (
    SELECT sha256, string_agg(coalesce(code, '{_NONE}'), '' ORDER BY place) AS outcomes
    FROM (SELECT sha256 FROM calls) CROSS JOIN (SELECT place FROM rules) LEFT JOIN coded USING (sha256, place)
    GROUP BY sha256
),
complaining AS (SELECT DISTINCT sha256 FROM coded WHERE complaint)
SELECT row_number() OVER (ORDER BY started_at NULLS FIRST, sha256) AS n, sha256, call_id, file_name,
    epoch_us(started_at) / 1e6 AS started, day::VARCHAR, agent_id, agent_name, team, company, queue, direction,
    scenario, language, duration_s, score, coalesce(fatal, false)::INTEGER, failed_rules,
    contains(coalesce(outcomes, ''), 'u')::INTEGER, (sha256 IN (FROM complaining))::INTEGER, coalesce(outcomes, '')
FROM calls LEFT JOIN outcomes USING (sha256) ORDER BY n
"""
_NUMBERED = "SELECT sha256, row_number() OVER (ORDER BY started_at NULLS FIRST, sha256) AS n FROM calls"
_SAID = f"string_agg(text, '{BETWEEN_TURNS}' ORDER BY turn) FILTER"
_TURNS = f"""
SELECT n, {", ".join(f"{_SAID} (said_by = '{role}')" for role in SAID_ROLES)},
    to_json(list(json_array(turn, said_by, round(start_s, 1), text) ORDER BY turn))
FROM (SELECT *, CASE WHEN role IN {SAID_ROLES} THEN role ELSE 'unknown' END AS said_by FROM turns)
JOIN ({_NUMBERED}) USING (sha256) GROUP BY n ORDER BY n
"""


def index_folder(home: Home) -> Path:
    """Where the files lie."""
    return home.call_index / str(INDEX_VERSION)


def index_file(home: Home, part: str, kind: IndexKind) -> Path:
    """A part's file of a kind."""
    return index_folder(home) / f"{part}.{kind}.sqlite"


def make_index_file(home: Home, part: str, kind: IndexKind) -> None:
    """Make a part's file, unless it is there. Raises duckdb.Error or OSError where the part cannot be read."""
    file = index_file(home, part, kind)
    if file.exists():
        return
    index_folder(home).mkdir(parents=True, exist_ok=True)
    making = file.with_name(f".{file.name}.making")
    making.unlink(missing_ok=True)
    try:
        with _reading(home, part) as parquet, closing(sqlite3.connect(making, isolation_level=None)) as connection:
            # whatever happens, a file is whole or is not there
            for pragma in (
                "page_size=8192",
                "journal_mode=OFF",
                "synchronous=OFF",
                "locking_mode=EXCLUSIVE",
                "cache_size=-65536",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN")
            for statement in (_CALLS if kind == "calls" else _WORDS).split(";"):
                connection.execute(statement)
            _fill[kind](parquet, connection)
            connection.execute("COMMIT")
        put_in_place(making, file)
    finally:
        making.unlink(missing_ok=True)


def remove_other_files(home: Home, parts: Iterable[str], kept_s: float = REPLACED_S) -> None:
    """Remove the files of all parts but these, once they have been left over for so long, of other versions, and what
    killed makers left; only for who holds the lock."""
    needed = set(parts)
    for file in home.call_index.glob("*/*"):
        mark = file.with_name(f"{file.name}.replaced")
        with suppress(OSError):
            if file.name.endswith(".replaced"):
                if not file.with_name(file.name.removesuffix(".replaced")).exists():
                    file.unlink()
            elif index_part(file) in needed and file.parent == index_folder(home):
                mark.unlink(missing_ok=True)
            elif kept_s and not mark.exists() and not file.name.endswith(".making"):
                mark.touch()
            elif not kept_s or not mark.exists() or mark.stat().st_mtime < time.time() - kept_s:
                file.unlink()
                mark.unlink(missing_ok=True)


def _reading(home: Home, part: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"memory_limit": "1GB", "threads": "1", **NOTHING_LOADED})
    for table in ("calls", "verdicts", "turns"):
        path = quoted(str(home.parts / part / f"{table}.parquet"))
        connection.execute(f"CREATE VIEW {table} AS FROM read_parquet({path})")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def _fill_calls(parquet: duckdb.DuckDBPyConnection, connection: sqlite3.Connection) -> None:
    parquet.execute(f"CREATE TABLE rules AS {_RULES}")
    rules = parquet.execute("FROM rules ORDER BY place").fetchall()
    connection.executemany("INSERT INTO rules VALUES (?, ?, ?, ?, ?)", rules)
    for rows in _batches(parquet, _ROWS):
        connection.executemany(f"INSERT INTO calls VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _fill_words(parquet: duckdb.DuckDBPyConnection, connection: sqlite3.Connection) -> None:
    # collected in memory and written in pieces as large as a page holds
    for option, value in (("hashsize", 1 << 26), ("pgsz", 8000)):
        connection.execute("INSERT INTO words (words, rank) VALUES (?, ?)", (option, value))
    for rows in _batches(parquet, _TURNS):
        for number, *said, turns in rows:
            columns = (" ".join(search_words(texts or "")) for texts in said)
            connection.execute(
                "INSERT INTO words (rowid, agent, customer, unknown) VALUES (?, ?, ?, ?)", (number, *columns)
            )
            packed = zlib.compress(turns.encode("utf-8", "replace"), 1)
            connection.execute("INSERT INTO said VALUES (?, ?)", (number, packed))
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")


_fill: dict[IndexKind, Callable[[duckdb.DuckDBPyConnection, sqlite3.Connection], None]] = {
    "calls": _fill_calls, "words": _fill_words,
}  # fmt: skip


def _batches(parquet: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    found = parquet.execute(query)
    while rows := found.fetchmany(500):
        yield rows


def read_said(packed: bytes) -> Sequence[tuple[int, str, float, str]]:
    """The turns of a call as they were put down: number, role, start, seconds, and words."""
    turns: list[tuple[int, str, float, str]] = json.loads(zlib.decompress(packed))
    return turns
