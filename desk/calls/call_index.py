"""The index that the list of calls is read from: the files of the published parts, made when they are missing.

Files are made one after another, the newest part first: at first those that the list needs, which takes seconds, then
those that words are searched in. Until all are there a list says how many calls it does not know yet. `callqa nightly`
makes them too, at its end, so that people hardly ever wait.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from desk.calls.index_files import IndexKind, index_file, make_index_file, remove_other_files
from desk.snapshot import Snapshot
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.results.parts import DamagedPart, part_rows
from pipeline.storage.home import Home
from pipeline.storage.lock import call_index_lock

PATIENCE_S, BRIEFLY_S = 2.0, 0.3
"""So long the first list of all waits for its files, a small home's are there by then; and so long lists wait that can
be of the night before."""

MOST_IDLE = 400
"""Connections that are kept for the next question."""

INDEX_KINDS: tuple[IndexKind, ...] = ("calls", "words")


@dataclass(frozen=True, slots=True)
class IndexedRule:
    """A rule as the verdicts of a part tell of it; `place` is that of its letter in a call's outcomes, from 1."""

    place: int
    rule_id: str
    title_zh: str
    title_en: str
    severity: str


@dataclass(frozen=True, slots=True)
class IndexScope:
    """A condition that keeps questions to what an account sees, and its values; scopes of one `key` see the same."""

    sql: str
    values: Mapping[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What is known of a part without asking it: its calls, when the first and last began, on which days, its rules."""

    calls: int
    first: float | None
    last: float | None
    first_day: str | None
    last_day: str | None
    undated: int
    rules: tuple[IndexedRule, ...]


@dataclass(frozen=True)
class IndexState:
    """The index as one request sees it: parts that can be listed, those of them that words can be searched in, and the
    calls of the others. `faults` are parts that could not be read."""

    parts: tuple[str, ...]
    searchable: frozenset[str]
    unlisted_calls: int
    unsearchable_calls: int
    faults: int

    @property
    def is_whole(self) -> bool:
        return not self.unlisted_calls and not self.unsearchable_calls


class IndexPart:
    """One part's files, open. Values of questions go by name."""

    def __init__(self, home: Home, name: str, searchable: bool) -> None:
        self.name, self.searchable = name, searchable
        file = index_file(home, name, "calls")
        self._rows = sqlite3.connect(_address(file), uri=True, check_same_thread=False, isolation_level=None)
        self._rows.row_factory = sqlite3.Row
        if searchable:
            words = _address(index_file(home, name, "words"))
            self._rows.execute("ATTACH ? AS said_words", (words,))
        self._rows.execute("PRAGMA query_only = ON")

    def rows(self, sql: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        """The rows of a question."""
        return self._rows.execute(sql, values).fetchall()

    def close(self) -> None:
        self._rows.close()

    @cached_property
    def facts(self) -> PartFacts:
        """What is known of the part."""
        (whole,) = self.rows(
            "SELECT count(*), min(started), max(started), min(day), max(day), coalesce(sum(day IS NULL), 0) FROM calls",
            {},
        )
        rules = (IndexedRule(*row) for row in self.rows("SELECT * FROM rules ORDER BY place", {}))
        calls, first, last, first_day, last_day, undated = whole
        return PartFacts(calls, first, last, first_day, last_day, undated, tuple(rules))


class CallIndex:
    """The index of a home's published calls."""

    def __init__(self, home: Home, snapshot: Snapshot) -> None:
        self.home, self.snapshot = home, snapshot
        self._lock = threading.Lock()
        self._there: dict[IndexKind, set[str]] = {"calls": set(), "words": set()}
        self._faulty: set[str] = set()
        self._parts: tuple[str, ...] = ()
        self._listed: tuple[str, ...] = ()
        self._facts: dict[str, PartFacts] = {}
        self._idle: dict[str, list[IndexPart]] = {}
        self._maker: threading.Thread | None = None

    def state(self) -> IndexState:
        """The index of the database of now, or of the one before while this one's files are made. Raises BadQuery."""
        parts = self.snapshot.parts()
        until = time.monotonic() + (BRIEFLY_S if self._listed else PATIENCE_S)
        while self._look(parts) and (left_s := until - time.monotonic()) > 0:
            self._make().join(left_s)
            parts = self.snapshot.parts()  # a night may have come meanwhile
        with self._lock:
            if all(part in self._there["calls"] or part in self._faulty for part in parts):
                self._listed = parts
            elif self._listed and all(index_file(self.home, part, "calls").exists() for part in self._listed):
                # the night before, until this one's files are there: a list is old for a moment, and never in part
                parts = self._listed
                for kind in INDEX_KINDS:
                    self._there[kind] |= {p for p in parts if index_file(self.home, p, kind).exists()}
            listed, searchable = self._there["calls"], self._there["words"]
            known = tuple(part for part in parts if part in listed)
            return IndexState(
                known, frozenset(part for part in known if part in searchable),
                self._calls(set(parts) - listed), self._calls(set(known) - searchable),
                len(self._faulty.intersection(parts)),
            )  # fmt: skip

    @contextmanager
    def reading(self, part: str, searchable: bool) -> Iterator[IndexPart]:
        """A part of a state, to ask. Raises CallQAError where its files have gone."""
        with self._lock:
            idle = self._idle.get(part, [])
            opened = next((one for one in idle if one.searchable >= searchable), None)
            if opened:
                idle.remove(opened)
        try:
            opened = opened or IndexPart(self.home, part, searchable)
            yield opened
        except sqlite3.OperationalError as error:
            with self._lock:
                for there in self._there.values():
                    there.discard(part)
            raise CallQAError(Message("the list of calls is being made anew; ask again in a moment")) from error
        with self._lock:
            kept = sum(map(len, self._idle.values())) < MOST_IDLE and part in (*self._parts, *self._listed)
            if kept:
                self._idle.setdefault(part, []).append(opened)
        if not kept:
            opened.close()

    def found(self, state: IndexState, calls: Collection[str], since: str = "") -> dict[str, sqlite3.Row]:
        """Those of some calls (SHA-256) that are listed, each with call_id, started, day, score; of parts with calls
        since a day. Nothing is asked about who may see them."""
        rows: dict[str, sqlite3.Row] = {}
        left = set(calls)
        parts = {part: self.facts(part).last_day or "" for part in state.parts}
        for part in sorted(parts, key=lambda part: parts[part], reverse=True):
            if not left or parts[part] < since:
                break
            with self.reading(part, searchable=False) as opened:
                asked = "sha256 IN (SELECT value FROM json_each(:calls))"
                for row in opened.rows(
                    f"SELECT sha256, call_id, started, day, score FROM calls WHERE {asked}",
                    {"calls": json.dumps([*left])},
                ):
                    rows[row["sha256"]] = row
            left -= rows.keys()
        return rows

    def facts(self, part: str) -> PartFacts:
        """What is known of a part of a state."""
        if part not in self._facts:
            with self.reading(part, searchable=False) as opened:
                self._facts[part] = opened.facts
        return self._facts[part]

    def _look(self, parts: tuple[str, ...]) -> bool:
        """See which files are there; whether some are missing that can be made."""
        with self._lock:
            if parts != self._parts:
                self._parts = parts
                self._faulty.clear()
                for gone in self._idle.keys() - set(parts):
                    for opened in self._idle.pop(gone):
                        opened.close()
                for gone in self._facts.keys() - set(parts):
                    self._facts.pop(gone)
                for there in self._there.values():
                    there.intersection_update(parts)
            for kind in INDEX_KINDS:
                there = self._there[kind]
                there |= {p for p in parts if p not in there and index_file(self.home, p, kind).exists()}
            return any(p not in self._there[kind] for kind in INDEX_KINDS for p in parts if p not in self._faulty)

    def _make(self) -> threading.Thread:
        with self._lock:
            if self._maker is None or not self._maker.is_alive():
                self._maker = threading.Thread(target=self._make_all, name="index of calls", daemon=True)
                self._maker.start()
            return self._maker

    def _make_all(self) -> None:
        faulty = make_index(self.home, self._parts)
        with self._lock:
            self._faulty |= faulty

    def _calls(self, parts: set[str]) -> int:
        counted = 0
        for part in parts:
            with suppress(DamagedPart):
                counted += part_rows(self.home.parts / part)["calls"]
        return counted


def make_index(home: Home, parts: Sequence[str]) -> set[str]:
    """Make the missing files of a database's parts, the newest first, and remove those of others; the parts that could
    not be read. Whoever comes second waits and finds most of it done."""
    faulty: set[str] = set()
    with call_index_lock(home):
        remove_other_files(home, parts)
        for kind in INDEX_KINDS:
            for part in sorted(parts, reverse=True):
                try:
                    make_index_file(home, part, kind)
                except (duckdb.Error, OSError, sqlite3.Error):  # a part that has gone meanwhile, a full disk
                    faulty.add(part)
    return faulty


def _address(file: Path) -> str:
    """A file as SQLite opens it that nobody will ever change: without locks, without looking for a journal."""
    return f"file:{quote(os.path.abspath(file))}?mode=ro&immutable=1"
