"""Which parts a night has to make: what changed since the last database, and where each call belongs.

A part holds the calls of a week. Of a week with more than `WEEK_CALLS` there is a part a day, so that a night does not
copy what the days before it brought. A call without a date lies by the day on which its recording was first seen. What
is held in memory here grows with what changed, not with the history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from pipeline.results.part_processes import places_of
from pipeline.results.parts import NOTHING_LOADED, PartPlace, WeekPlan, file_list, part_rows
from pipeline.storage.changes import call_marks
from pipeline.storage.home import Home

WEEK_CALLS = 10_000
"""Calls of a week from which on its days are parts of their own."""

_FETCHED = 10_000


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """What the last database says: its `about` table, and the name of each part."""

    about: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """The calls whose files are others than the last database was made from, with the mark of their files, and those
    that have to leave the parts they are in. `files` is a hash of all marks."""

    fresh: Mapping[str, str]
    gone: Sequence[str]
    files: str


def find_changes(home: Home, old: OldDatabase) -> Changes:
    """Compare the home's files with the parts; both come in the order of their SHA-256. Raises duckdb.Error."""
    fresh: dict[str, str] = {}
    gone: list[str] = []
    files = hashlib.sha256()
    with duckdb.connect(config={"memory_limit": "1GB", "threads": "2", **NOTHING_LOADED}) as connection:
        built = stored_marks(connection, home, old.parts.values())
        known = next(built, None)
        for sha256, mark in call_marks(home):
            files.update(f"{sha256} {mark}\n".encode())
            while known and known[0] < sha256:
                gone.append(known[0])
                known = next(built, None)
            if known == (sha256, mark):
                known = next(built, None)
            else:
                fresh[sha256] = mark
        while known:
            gone.append(known[0])
            known = next(built, None)
    return Changes(fresh, gone, files.hexdigest())


def stored_marks(connection: duckdb.DuckDBPyConnection, home: Home, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The calls of some parts and the marks of the files they were made from, in order."""
    listed = list(names)
    if not listed:
        return
    files = file_list(home.parts, listed, "calls")
    rows = connection.execute(f"SELECT sha256, built_from FROM read_parquet({files}) ORDER BY sha256")
    while batch := rows.fetchmany(_FETCHED):
        yield from batch


def plan_parts(base: WeekPlan, old: OldDatabase, changes: Changes) -> list[WeekPlan]:
    """What is to be made, for the calls that changed, came or went. Raises duckdb.Error, DamagedPart."""
    places = places_of(base.home, base.zone, list(changes.fresh))
    fresh: dict[str, list[str]] = {}
    for sha256 in sorted(changes.fresh, key=lambda sha256: (places[sha256].started, sha256)):
        fresh.setdefault(places[sha256].week, []).append(sha256)
    gone = _parts_of(base.home, old, {*changes.gone, *changes.fresh})
    plans: list[WeekPlan] = []
    for week in sorted(fresh.keys() | {week_of(part) for part in gone}):
        marks = {sha256: changes.fresh[sha256] for sha256 in fresh.get(week, ())}
        plans += _week_plans(base, old, week, marks, places, gone)
    return plans


def week_of(part: str) -> str:
    """The week of a part that is a day of one; of others, themselves."""
    return part.partition(".")[0]


def _week_plans(
    base: WeekPlan,
    old: OldDatabase,
    week: str,
    fresh: Mapping[str, str],
    places: Mapping[str, PartPlace],
    gone: Mapping[str, Sequence[str]],
) -> Iterator[WeekPlan]:
    whole = old.parts.get(week, "")
    calls = len(fresh) + (part_rows(base.home.parts / whole)["calls"] if whole else 0)
    if calls <= WEEK_CALLS and not any(week_of(part) == week != part for part in old.parts):
        yield replace(base, part=week, fresh=fresh, old=whole, gone=tuple(gone.get(week, ())))
        return
    left = set(gone.get(week, ()))
    moving = {sha256: day for sha256, day in _days_of(base, whole).items() if sha256 not in left} if whole else {}
    for day in range(1, 8):
        part = f"{week}.{day}"
        own = {sha256: mark for sha256, mark in fresh.items() if places[sha256].weekday == day}
        others = (*left, *(sha256 for sha256, at in moving.items() if at != day))
        if whole and (own or day in moving.values()):
            yield replace(base, part=part, fresh=own, old=whole, gone=others)
        elif own or part in gone:
            yield replace(base, part=part, fresh=own, old=old.parts.get(part, ""), gone=tuple(gone.get(part, ())))


def _parts_of(home: Home, old: OldDatabase, calls: Iterable[str]) -> dict[str, list[str]]:
    """Those of some calls that lie in parts, by part."""
    found: dict[str, list[str]] = {}
    if not old.parts:
        return found
    by_name = {name: part for part, name in old.parts.items()}
    with duckdb.connect(config={"memory_limit": "1GB", "threads": "2", **NOTHING_LOADED}) as connection:
        connection.execute("CREATE TABLE wanted AS SELECT unnest($calls::VARCHAR[]) AS sha256", {"calls": list(calls)})
        files = file_list(home.parts, list(by_name), "calls")
        rows = connection.execute(
            f"SELECT sha256, filename FROM read_parquet({files}, filename = true) "
            "WHERE sha256 IN (SELECT sha256 FROM wanted) ORDER BY sha256"
        ).fetchall()
    for sha256, path in rows:
        found.setdefault(by_name[Path(path).parent.name], []).append(sha256)
    return found


def _days_of(base: WeekPlan, name: str) -> dict[str, int]:
    """The weekday, from 1, of every call in a part."""
    with duckdb.connect(config={"memory_limit": "1GB", "threads": "2", **NOTHING_LOADED}) as connection:
        connection.execute("SET TimeZone = $zone", {"zone": base.zone.key})
        files = file_list(base.home.parts, [name], "calls")
        return dict(
            connection.execute(
                f"SELECT sha256, coalesce(isodow(coalesce(day, first_seen::DATE)), 1) FROM read_parquet({files})"
            ).fetchall()
        )
