"""How long the desk takes for every dashboard, and what the sums that they are made of add to publishing.

    python bench/store_scale.py --calls 1000000 --keep DIR
    python bench/desk_dashboards.py --home DIR/1000000        # tables of figures, as in bench/results/dashboards.md

Each is asked as a whole, through the application and its guard, by an administrator who sees all calls and by a
supervisor of one team: the medians of some repeats, of the clock and of the processor. DuckDB has two threads, so that
on a quiet machine the clock shows less than the processor's time; on a busy one it shows more.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT)]

import duckdb
from starlette.testclient import TestClient

from desk.calls import call_index
from desk.context import Desk, make_desk
from desk.dashboards.frame import DASHBOARDS
from desk.routing import ENDPOINTS
from pipeline.results.agent_weeks import AGENT_WEEKS, AGENT_WEEKS_TOTALS
from pipeline.results.parts import CALL_TABLES, file_list, quoted
from pipeline.results.views import WEEKLY
from pipeline.storage.home import Home
from tests.support.desks import settings_of, signed_in


def addresses(agent: str, rule: str) -> Iterator[str]:
    """Every dashboard, over a month and over a year; the tables of rates in all their ways."""
    known = {each.path for each in ENDPOINTS}
    for path in DASHBOARDS:
        if path in known:
            yield from (f"{path}?weeks={weeks}" for weeks in (4, 52))
    for rows, columns in (("agent", "week"), ("agent", "rule"), ("team", "rule"), ("rule", "agent"), ("rule", "team")):
        yield f"/dashboard/achievement?weeks=52&rows={rows}&columns={columns}"
    yield f"/dashboard/achievement?weeks=52&agent={agent}"
    yield f"/dashboard/achievement?weeks=52&rule={rule}"
    yield from (f"{path}.xlsx?weeks=52" for path in DASHBOARDS if f"{path}.xlsx" in known)


def ask(client: TestClient, address: str, repeats: int) -> tuple[float, float, int]:
    """Median milliseconds of the clock, those of the processor, and the answer's bytes."""
    clock, used = [], []
    size = 0
    for _ in range(repeats + 1):
        at, started = time.perf_counter(), time.process_time()
        answer = client.get(address)
        used.append(1000 * (time.process_time() - started))
        clock.append(1000 * (time.perf_counter() - at))
        assert answer.status_code == 200, (address, answer.status_code)
        size = len(answer.content)
    return statistics.median(clock[1:]), statistics.median(used[1:]), size


def all_answers(desk: Desk, team: str, agent: str, rule: str, repeats: int) -> None:
    everything = signed_in(desk, "administrator", "bench-administrator")
    one_team = signed_in(desk, "supervisor", "bench-supervisor", (team,))
    print("| page | all: clock | processor | one team: clock | processor | KB |\n|---|---:|---:|---:|---:|---:|")
    slowest = []
    for address in addresses(agent, rule):
        clock, used, size = ask(everything, address, repeats)
        team_clock, team_used, _ = ask(one_team, address, repeats)
        if ".xlsx" not in address:
            slowest.append(clock)
        shown = address.removeprefix("/dashboard").replace("|", "") or "/"
        cells = f"{clock:.0f} | {used:.0f} | {team_clock:.0f} | {team_used:.0f} | {size / 1024:.0f}"
        print(f"| `{shown}` | {cells} |", flush=True)
    print(f"\nslowest page {max(slowest):.0f} ms, median of all {statistics.median(slowest):.0f} ms\n")


def what_publishing_pays(home: Home, desk: Desk) -> None:
    """Seconds of the processor for the sums of the newest part, beside its other views, and for those over all."""
    parts = desk.snapshot.parts()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": "2"}) as connection:
        for table in (*CALL_TABLES, *(name for name in WEEKLY if name not in AGENT_WEEKS)):
            connection.execute(f"CREATE VIEW {table} AS FROM read_parquet({file_list(home.parts, parts[-1:], table)})")

        def spent_s(query: str) -> float:
            started = time.process_time()
            connection.execute(query)
            return time.process_time() - started

        own, others = 0.0, 0.0
        for name, query in WEEKLY.items():
            took_s = spent_s(f"COPY ({query}) TO {quoted(f'{folder}/{name}.parquet')} (FORMAT parquet)")
            own, others = (own + took_s, others) if name in AGENT_WEEKS else (own, others + took_s)
        calls = connection.execute("SELECT count(*) FROM calls").fetchone()
        connection.execute("CREATE SCHEMA weekly")
        connection.execute("CREATE SCHEMA totals")
        for name in AGENT_WEEKS:
            files = file_list(home.parts, parts, name)
            connection.execute(f"CREATE VIEW weekly.{name} AS FROM read_parquet({files})")
        totals = {name: spent_s(f"CREATE TABLE totals.{name} AS {query}") for name, query in AGENT_WEEKS_TOTALS.items()}
        rows = {name: connection.execute(f"SELECT count(*) FROM totals.{name}").fetchone() for name in totals}
    print("| publishing | s of the processor |\n|---|---:|")
    print(f"| sums of the newest part, {calls[0] if calls else 0:,} calls | {own:.2f} |")
    print(f"| its other views | {others:.2f} |")
    for name, took_s in totals.items():
        print(f"| {name} over {len(parts)} parts, {(rows[name] or (0,))[0]:,} rows | {took_s:.2f} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    # a home as it is after a night, whose index is made; nothing here needs what is in it
    call_index.make_index = lambda home, parts: set(parts)
    desk = make_desk(settings_of(given.home.absolute()), dict)
    with desk.snapshot.reading() as reader:
        calls = reader.value("SELECT sum(calls)::BIGINT FROM totals.agent_weeks")
        most = reader.rows(
            "SELECT team, agent, sum(calls) AS calls FROM totals.agent_weeks "
            "GROUP BY ALL ORDER BY calls DESC, agent LIMIT 1"
        )[0]
        rule = reader.value("SELECT rule_id FROM totals.agent_rules GROUP BY rule_id ORDER BY sum(fails) DESC LIMIT 1")
    print(f"{calls:,} calls\n")
    all_answers(desk, most["team"], most["agent"], rule, given.repeats)
    what_publishing_pays(Home(given.home.absolute()), desk)
    return 0


if __name__ == "__main__":
    sys.exit(main())
