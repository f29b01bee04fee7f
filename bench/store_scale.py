"""How the database grows: every view and common query over a year of calls, and a night published into it.

    python bench/store_scale.py --calls 10000 100000        # tables of figures, as in bench/results/store.md
    python bench/store_scale.py --calls 1000000 --keep DIR  # what was made stays in DIR and is used again

Calls are those of judge_speed.py: some hundreds are generated and judged with the Chinese rulebook, 80 turns and 56
verdicts each, and stored under other names, agents, days and scores, with a clip for each fail. One week of a year is
published from its files, by the product's own way; the other 51 are that week with other names and dates, written by
what writes every part. A night's calls, a hundredth of all, are published last, from their files; that the unchanged
ones are on the disk is taken as read, and what listing them costs is measured by itself.

Seconds of the processor are told beside those of the clock: on a busy machine only the first mean anything. DuckDB has
two threads and 1 GB, so that an undisturbed clock shows about half of the processor's seconds where both are at work.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

import duckdb
from judge_speed import generate

from pipeline.datatypes import CDR, Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.results import store
from pipeline.results.excerpts import Excerpt, ExcerptSet, Line, excerpt_folder
from pipeline.results.parts import WeekPlan, quoted, write_files
from pipeline.results.rows import rulebook_info
from pipeline.results.store import assemble, build_database, open_database
from pipeline.results.tables import CALL_TABLES
from pipeline.results.views import VIEWS
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.changes import call_marks
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Hearing, Home, JudgedFile, RecordingRecord
from pipeline.timeline import Span

WEEKS, FIRST = 52, datetime(2025, 1, 6, tzinfo=ZoneInfo("Asia/Shanghai"))
DAY = "2025-06-04"
AGENTS, DISTINCT = 500, 200

PAGES: dict[str, str] = {
    **{f"view {name}, first 1,000": f"SELECT * FROM {name} LIMIT 1000" for name in VIEWS},
    "failed_checks of a day": f"SELECT * FROM failed_checks WHERE started_at::DATE = '{DAY}'",
    "failed_checks of a day, by started_at": (
        f"SELECT * FROM failed_checks WHERE started_at >= '{DAY}' AND started_at < DATE '{DAY}' + 1"
    ),
    "verdict_versions of a day, by started_at, first 1,000": (
        f"SELECT * FROM verdict_versions WHERE started_at >= '{DAY}' AND started_at < DATE '{DAY}' + 1 LIMIT 1000"
    ),
    "complaints of a day": f"SELECT * FROM complaints WHERE started_at::DATE = '{DAY}'",
    "agent_day of a day": f"SELECT * FROM agent_day WHERE day = '{DAY}'",
    "verdict_versions of a day, first 1,000": (
        f"SELECT * FROM verdict_versions WHERE started_at::DATE = '{DAY}' LIMIT 1000"
    ),
    "a call's turns": "SELECT * FROM turns WHERE sha256 = (SELECT sha256 FROM calls LIMIT 1)",
    "verdicts of a day, by calls.day": (
        f"SELECT count(*), sum(occurrences) FROM verdicts JOIN calls USING (sha256) WHERE day = '{DAY}'"
    ),
    "verdicts of a day, by call_day": f"SELECT count(*), sum(occurrences) FROM verdicts WHERE call_day = '{DAY}'",
    "sql.md 6, of a day": (
        "SELECT agent_name, started_at, e.quote, round(e.start_s, 1) AS at_s FROM (SELECT sha256, unnest(evidence) "
        f"AS e FROM verdicts WHERE rule_id = 'forbidden-phrases' AND outcome = 'fail' AND call_day = '{DAY}') "
        "JOIN calls USING (sha256) ORDER BY agent_name, started_at, at_s"
    ),
    "sql.md 8, of a day": (
        "SELECT started_at, agent_name, score, text FROM turns JOIN calls USING (sha256) WHERE role = 'customer' "
        f"AND regexp_matches(text, '投诉|态度|举报|complain|not good enough') AND call_day = '{DAY}' "
        "ORDER BY started_at DESC"
    ),
    "sql.md 10, of a day": (
        "SELECT file_name, 'unsure ' || count(*) AS why, min(coverage) AS coverage FROM verdicts JOIN calls "
        f"USING (sha256) WHERE outcome = 'unsure' AND call_day = '{DAY}' GROUP BY ALL HAVING count(*) >= 2"
    ),
}


def published_queries() -> dict[str, str]:
    """The queries of docs/sql.md as they stand there, of which the first 1,000 rows are fetched."""
    text = (CHECKOUT / "docs" / "sql.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    return {f"sql.md {number}, as written": block.strip().rstrip(";") for number, block in enumerate(blocks, start=1)}


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime + children.ru_utime + children.ru_stime


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def calls_of(templates: Sequence[Judged], count: int, first_day: datetime, days: float, seed: str) -> Iterator[Judged]:
    """Some calls over some days: the templates under other names."""
    draw = random.Random(seed)
    for number in range(count):
        template = draw.choice(templates)
        sha256 = f"{draw.getrandbits(256):064x}"
        agent = draw.randrange(AGENTS)
        cdr = CDR(
            call_id=f"{seed}-{number}", started_at=first_day + timedelta(days=days * number / count),
            agent_id=str(1000 + agent), agent_name=f"坐席{agent}", team=f"{agent % 20} 组", company=f"公司 {agent % 3}",
            queue=("维修", "预约", "投诉")[draw.randrange(3)], direction="inbound",
            caller_hash=f"{draw.getrandbits(64):x}",
        )  # fmt: skip
        assert template.scorecard
        card = replace(template.scorecard, sha256=sha256, score=draw.randrange(400, 1001) / 10)
        yield Judged(replace(template.call, sha256=sha256, cdr=cdr), card)


def save(home: Home, calls: Iterator[Judged]) -> int:
    """Store calls as a night does, but without waiting for the disk; returns how many."""
    count = 0
    for judged in calls:
        call, card = judged.call, judged.scorecard
        assert card
        hearing = Hearing("bench", "stereo", 0.99, {"recognizer": "none"})
        artefacts.write(home.judged(call.sha256), JudgedFile("bench", judged, hearing))
        record = RecordingRecord(call.sha256, 10_000, (f"/inbox/{call.cdr.call_id}.wav",), FIRST, call.cdr)
        artefacts.write(home.recording(call.sha256), record)
        clips = tuple(
            Excerpt(verdict.rule_id, 1, f"{verdict.rule_id}.mp3", Span(1, 9), "", verdict.reason, (_line(judged),))
            for verdict in card.verdicts
            if verdict.outcome == "fail"
        )
        path = excerpt_folder(home, call.sha256) / f"excerpts{artefacts.ARTEFACT_SUFFIX}"
        artefacts.write(path, ExcerptSet(call.sha256, call.language, clips))
        count += 1
    return count


def _line(judged: Judged) -> Line:
    turn = judged.call.turns[3]
    return Line("customer", turn.span, turn.text, True)


def other_week(home: Home, part: str, week: int, plan: WeekPlan) -> str:
    """A part that is another with the names and dates of so many weeks on."""
    target = home.parts / f"{FIRST.date() + timedelta(weeks=week)}-bench{week:011}"
    if target.exists():
        return target.name
    making = home.parts / f".making-{target.name}"
    shutil.rmtree(making, ignore_errors=True)
    stage = making / ".stage"
    stage.mkdir(parents=True)
    later = f"INTERVAL {week} WEEK"
    moved = {"started_at": f"started_at + {later}", "call_day": f"(call_day + {later})::DATE"} | {
        name: f"(date_trunc('{name}', day + {later}))::DATE" for name in ("day", "week", "month")
    }
    with duckdb.connect(config={"memory_limit": "1GB", "threads": "2"}) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        for table in CALL_TABLES:
            source = quoted(str(home.parts / part / f"{table}.parquet"))
            names = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
            replaced = [f"sha256(sha256 || {week}) AS sha256"]
            replaced += [f"{expression} AS {name}" for name, expression in moved.items() if name in names]
            connection.execute(
                f"COPY (SELECT * REPLACE ({', '.join(replaced)}) FROM {source}) "
                f"TO {quoted(str(stage / f'{table}-0000.parquet'))} (FORMAT parquet)"
            )
    write_files(making, stage, plan)
    shutil.rmtree(stage)
    making.rename(target)
    return target.name


def make_year(home: Home, settings: Settings, calls: int) -> dict[str, Any]:
    """Make a database of so many calls; what its first week cost to publish."""
    book = load_rulebook(CHECKOUT / "rules" / "hotline-zh")
    templates = [Judged(call, judge_call(call, book)) for call in generate(book, DISTINCT)]
    books = [rulebook_info(book)]
    a_week = calls // WEEKS
    figures: dict[str, Any] = {"books": books, "templates": templates}
    if not home.database.exists():
        save(home, calls_of(templates, a_week, FIRST, 7, "week"))
        started = cpu_s()
        build_database(home, settings, books)
        figures["publish a call, all new"] = f"{1000 * (cpu_s() - started) / a_week:.1f} ms CPU"
        with open_database(home.database, settings.ingest.timezone) as connection:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            (part,) = (row[0] for row in connection.execute("SELECT name FROM totals.parts").fetchall())
        zone = ZoneInfo(settings.ingest.timezone)
        plan = WeekPlan(home, {book.name: book for book in books}, zone, about["shape"], None, {})
        started, names = cpu_s(), [part]
        for week in range(1, WEEKS):
            names.append(other_week(home, part, week, plan))
            print(f"  week {week}: {cpu_s() - started:.0f} s CPU", file=sys.stderr)
        building = home.root / "year.building"
        started = cpu_s()
        assemble(building, home, names, about | {"content": "bench"}, plan.books, (), [])
        figures["the small database over 52 weeks"] = f"{cpu_s() - started:.1f} s CPU"
        building.replace(home.database)
    sizes = sum(path.stat().st_size for path in home.parts.rglob("*.parquet"))
    figures["parts"] = f"{sizes / 1e6:.0f} MB"
    figures["the small database"] = f"{home.database.stat().st_size / 1e6:.1f} MB"
    return figures


def ask_all(home: Home, settings: Settings, repeats: int) -> Iterator[tuple[str, float, float, int]]:
    """Every query: median seconds of the clock and of the processor, rows fetched. One connection, as a page has."""
    config = {"memory_limit": "1GB", "threads": "2"}
    for name, query in {**PAGES, **published_queries()}.items():
        with duckdb.connect(str(home.database), read_only=True, config=config) as connection:
            connection.execute(f"SET TimeZone = '{settings.ingest.timezone}'")
            clock, used, rows = [], [], 0
            for _ in range(repeats):
                at, started = time.perf_counter(), cpu_s()
                rows = len(connection.execute(query).fetchmany(1000))
                clock.append(time.perf_counter() - at)
                used.append(cpu_s() - started)
        yield name, statistics.median(clock), statistics.median(used), rows


def publish_night(home: Home, settings: Settings, figures: dict[str, Any], calls: int) -> None:
    """Publish a hundredth of all calls, of the last two days of the year, into the others."""
    count = save(home, calls_of(figures["templates"], calls // 100, FIRST + timedelta(weeks=51, days=5), 2, "night"))
    listed_from = cpu_s()
    there = call_marks(home)
    a_call_us = 1e6 * (cpu_s() - listed_from) / len(there)
    figures["listing the home's files, a call"] = f"{a_call_us:.0f} µs CPU"
    with open_database(home.database, settings.ingest.timezone) as connection:
        marks = dict(connection.execute("SELECT sha256, built_from FROM calls").fetchall())
    before = {path: file_sha256(path) for path in home.parts.rglob("calls.parquet")}
    store.call_marks = lambda home: {**marks, **there}
    started, at = cpu_s(), time.perf_counter()
    built = build_database(home, settings, figures["books"])
    took_s = cpu_s() - started
    figures[f"publish a night of {count:,} calls"] = f"{took_s:.1f} s CPU, {time.perf_counter() - at:.0f} s"
    figures["calls afterwards"] = f"{built.rows['calls']:,}"
    made = len(list(home.parts.rglob("calls.parquet"))) - len(before)
    same = all(path.exists() and file_sha256(path) == was for path, was in before.items())
    figures["weeks made anew"] = f"{made}; the files of the others are the same: {same}"
    figures["most memory of the process"] = f"{peak_mb():.0f} MB"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder in which what is made stays")
    given = parser.parse_args()
    os.fsync = lambda handle: None  # type: ignore[assignment]
    settings = load_settings()
    asked: dict[str, list[str]] = {}
    for calls in given.calls:
        with tempfile.TemporaryDirectory() as temporary:
            home = Home((given.keep or Path(temporary)).absolute() / str(calls))
            figures = make_year(home, settings, calls)
            for name, clock_s, used_s, rows in ask_all(home, settings, given.repeats):
                asked.setdefault(name, []).append(f"{1000 * clock_s:.0f} ({1000 * used_s:.0f}) {rows}")
                print(f"  {name}: {1000 * clock_s:.0f} ms, {1000 * used_s:.0f} ms CPU, {rows} rows", file=sys.stderr)
            publish_night(home, settings, figures, calls)
            print(f"\n{calls:,} calls\n")
            for name, value in figures.items():
                if name not in ("books", "templates"):
                    print(f"| {name} | {value} |")
    print(f"\nDuckDB {duckdb.__version__}: ms of the clock (of the processor), rows\n")
    print("| query | " + " | ".join(f"{calls:,}" for calls in given.calls) + " |")
    print("|---|" + "---:|" * len(given.calls))
    for name, values in asked.items():
        print(f"| {name} | " + " | ".join(values) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
