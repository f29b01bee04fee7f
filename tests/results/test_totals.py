"""Sums over all parts: those of weeks in which nothing changed are copied, and are what summing them anew gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.datatypes import Judged
from pipeline.results import part_plans
from pipeline.results.call_totals import BY_WEEK
from pipeline.results.store import build_database
from pipeline.results.views import TOTALS
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from tests.support.complaining import BOOK, complaining_call
from tests.support.factories import NIGHT, make_failure, save

WEEKS = ["2025-03-03", "2025-03-10", "2025-03-17"]
"""Those of the calls 0 to 8."""

ALTERED = {
    "agent_weeks": "agent_name", "agent_rules": "company", "complaint_calls": "words", "hearing_days": "queue",
    "hard_calls": "call_id",
}  # fmt: skip
"""A column of each table that is by week, to mark its rows."""


def call_of(number: int, **cdr: Any) -> Judged:
    """One of calls that are two days apart; every other is hard to hear."""
    judged = complaining_call(number, 2)
    facts = replace(judged.call.facts, coverage=(0.4, 0.9)[number % 2])
    return replace(judged, call=replace(judged.call, facts=facts, cdr=replace(judged.call.cdr, **cdr)))


def first_seen_later(home: Home, number: int) -> None:
    """A call without a date, whose part is that of the day on which it was first seen."""
    judged = call_of(number, started_at=None)
    save(home, [judged])
    path = home.recording(judged.call.sha256)
    record = artefacts.read(path, RecordingRecord)
    artefacts.write(path, replace(record, first_seen=NIGHT + timedelta(weeks=9)))


def fail(home: Home, name: str) -> None:
    """Something to publish that changes no part."""
    failure = make_failure(f"inbox/{name}.wav")
    artefacts.write(home.failure(failure.key), failure)


def forget(home: Home, *numbers: int) -> None:
    for number in numbers:
        sha256 = call_of(number).call.sha256
        for path in (home.judged(sha256), home.recording(sha256)):
            path.unlink()


def publish(home: Home, settings: Settings, calls: Sequence[Judged] = (), anew: bool = False) -> None:
    save(home, calls)
    assert build_database(home, settings, (BOOK,), anew).changed


def assert_sums_are_right(home: Home) -> dict[str, int]:
    """Every table of sums holds what its query gives over all parts; tells how many rows each has."""
    counts = {}
    with duckdb.connect(str(home.database), read_only=True) as connection:
        for name, query in TOTALS.items():
            kept, anew = (_rows(connection, sql) for sql in (f"FROM totals.{name}", query))
            assert kept == anew, name
            counts[name] = len(kept)
    return counts


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """Sorted and rounded: two ways to sum have no order and no last digit in common."""
    found = connection.execute(query).fetchall()
    return sorted(str([round(value, 6) if isinstance(value, float) else value for value in row]) for row in found)


def alter(home: Home, *statements: str) -> None:
    """Change the database behind the product's back."""
    with duckdb.connect(str(home.database)) as connection:
        for statement in statements:
            connection.execute(statement)


def mark_all(home: Home) -> None:
    """Write into the sums what no part says: it stays where rows are copied."""
    alter(home, *(f"UPDATE totals.{table} SET {column} = 'marked'" for table, column in ALTERED.items()))


def marked(home: Home, table: str) -> list[str | None]:
    """Weeks of the rows that are marked; None for calls without a date."""
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute(
            f"SELECT DISTINCT week::VARCHAR AS week FROM totals.{table} WHERE {ALTERED[table]} = 'marked' ORDER BY week"
        ).fetchall()
    return [week for (week,) in rows]


def test_whatever_changes_sums_are_those_of_all_parts(
    tmp_home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_home, settings, [*map(call_of, range(9)), call_of(14, started_at=None)])
    counts = assert_sums_are_right(tmp_home)
    assert all(counts[name] > 2 for name in BY_WEEK)

    def to_other_weeks() -> None:
        new, moved = (call_of(number, started_at=NIGHT + timedelta(weeks=5)) for number in (12, 0))
        save(tmp_home, [new, moved, call_of(4, agent_id="1009", agent_name="新人", team="九组")])
        save(tmp_home, [call_of(5, started_at=None)])
        first_seen_later(tmp_home, 13)

    def to_parts_of_days() -> None:
        monkeypatch.setattr(part_plans, "WEEK_CALLS", 2)
        save(tmp_home, [call_of(1, agent_name="改名")])

    for change in (to_other_weeks, lambda: forget(tmp_home, 7, 8), to_parts_of_days, lambda: forget(tmp_home, 2)):
        change()
        publish(tmp_home, settings)
        assert_sums_are_right(tmp_home)
    with duckdb.connect(str(tmp_home.database), read_only=True) as connection:
        parts = {part for (part,) in connection.execute("SELECT part FROM totals.parts").fetchall()}
    assert {"2025-03-03.3", "2025-03-10", "2025-04-07", "undated-2025-03-03", "undated-2025-05-05"} <= parts
    assert parts.isdisjoint({"2025-03-03", "2025-03-03.5", "2025-03-17"})


def test_only_the_weeks_of_parts_that_changed_are_summed(tmp_home: Home, settings: Settings) -> None:
    publish(tmp_home, settings, [*map(call_of, range(9)), call_of(14, started_at=None)])
    mark_all(tmp_home)
    fail(tmp_home, "no part is another")
    publish(tmp_home, settings)
    assert all(marked(tmp_home, table) == [*WEEKS, None] for table in BY_WEEK)
    publish(tmp_home, settings, [call_of(0, started_at=NIGHT + timedelta(weeks=2))])
    assert all(marked(tmp_home, table) == [WEEKS[1], None] for table in BY_WEEK), "it left one and came to another"
    first_seen_later(tmp_home, 13)
    publish(tmp_home, settings)
    assert all(marked(tmp_home, table) == [WEEKS[1]] for table in BY_WEEK), "all parts without a date are one week"
    publish(tmp_home, settings, anew=True)
    assert all(marked(tmp_home, table) == [] for table in BY_WEEK)


def test_sums_that_are_not_what_was_published_are_made_anew(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    publish(tmp_home, settings, [*map(call_of, (0, 4, 8)), call_of(14, started_at=None)])
    parts = set(tmp_home.parts.iterdir())
    (tmp_path / "secret").write_text("x")
    for done in (
        ["DELETE FROM totals.agent_rules WHERE week IS NULL AND rule_id = 'greeting'"],
        [f"UPDATE totals.agent_weeks SET calls = 7 WHERE week = '{WEEKS[1]}'"],
        ["DROP TABLE totals.hard_calls", f"CREATE VIEW totals.hard_calls AS FROM read_text('{tmp_path}/secret')"],
    ):
        alter(tmp_home, *done)
        fail(tmp_home, done[0])
        publish(tmp_home, settings)
        assert_sums_are_right(tmp_home)
        assert set(tmp_home.parts.iterdir()) == parts, "they are not to blame"
