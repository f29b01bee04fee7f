"""How the database grows: every view and common query over a year of calls, and a night published into it.

    python bench/store_scale.py --calls 10000 100000        # tables of figures, as in bench/results/store.md
    python bench/store_scale.py --calls 1000000 --keep DIR  # what was made stays in DIR and is used again

Calls are those of judge_speed.py: some hundreds are generated and judged with the Chinese rulebook, 80 turns and 56
verdicts each, and stored under other names, agents, days and scores, with a clip for each fail. At most 2,000 of them,
of one week, are published from their files, by the product's own way. The first week of the history is those, under as
many names and agents as it takes, in one part or one a day as the product cuts them, written by what writes every part.
The other 51 weeks are its files under other names and dates. Words and verdicts are the same again and again, so the
files pack better than a real history of that size. The night is real: its calls are stored and published from their
files into that history, on its last day. The history's own files are links to those of its first week, so that they
are as old and as large as its parts say, and the night lists and compares every one of them.

Seconds of the processor are told beside those of the clock: on a busy machine only the first mean anything. DuckDB has
two threads and 1 GB, so that an undisturbed clock shows about half of the processor's seconds where both are at work.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

import duckdb
from judge_speed import generate

from pipeline.datatypes import CDR, Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.masks import Masks
from pipeline.privacy.sensitive import find_masks
from pipeline.results.excerpts import Excerpt, ExcerptSet, Line, excerpt_folder
from pipeline.results.part_plans import WEEK_CALLS
from pipeline.results.parts import PART_FILES, WeekPlan, finish_part, part_rows, quoted, write_files, write_rows
from pipeline.results.rows import RulebookInfo, rulebook_info
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
AGENTS, DISTINCT, MOST_REAL = 500, 200, 2000
MASKS: dict[int, Masks] = {}
"""What is to be hidden of each template, found once as judging does."""

OUTCOMES = ("fail", "unsure", "pass", "not_applicable")

PAGES: dict[str, str] = {
    **{f"view {name}, first 1,000": f"SELECT * FROM {name} LIMIT 1000" for name in VIEWS},
    "failed_checks of a day": f"SELECT * FROM failed_checks WHERE day = '{DAY}'",
    "failed_checks of a day, by started_at::DATE": f"SELECT * FROM failed_checks WHERE started_at::DATE = '{DAY}'",
    "failed_checks of a day, by started_at": (
        f"SELECT * FROM failed_checks WHERE started_at >= '{DAY}' AND started_at < DATE '{DAY}' + 1"
    ),
    "verdict_versions of a day, by started_at, first 1,000": (
        f"SELECT * FROM verdict_versions WHERE started_at >= '{DAY}' AND started_at < DATE '{DAY}' + 1 LIMIT 1000"
    ),
    "suspects of a day, three a rule": f"SELECT * FROM suspects WHERE day = '{DAY}' AND place <= 3",
    "complaints of a day": f"SELECT * FROM complaints WHERE day = '{DAY}'",
    "excerpts of a day": f"SELECT * FROM excerpts WHERE day = '{DAY}'",
    "agent_day of a day": f"SELECT * FROM agent_day WHERE day = '{DAY}'",
    "verdict_versions of a day, first 1,000": f"SELECT * FROM verdict_versions WHERE day = '{DAY}' LIMIT 1000",
    "achievement_by(team)": "FROM achievement_by(team)",
    "a call's turns": "SELECT * FROM turns WHERE sha256 = (SELECT sha256 FROM calls LIMIT 1)",
    "verdicts of a day, by calls.day": (
        f"SELECT count(*), sum(occurrences) FROM verdicts JOIN calls USING (sha256) WHERE day = '{DAY}'"
    ),
    "verdicts of a day, by call_day": f"SELECT count(*), sum(occurrences) FROM verdicts WHERE call_day = '{DAY}'",
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
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


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
        if (masks := MASKS.get(id(call.turns))) is None:
            masks = MASKS[id(call.turns)] = find_masks(call)
        artefacts.write(home.judged(call.sha256), JudgedFile("bench", judged, hearing, masks=masks))
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


def first_part(home: Home, source: str, part: str, copies: int, plan: WeekPlan) -> str:
    """A part of the first week made of another: its calls, or a day's, under so many other names and agents each."""
    making = home.parts / f".making-{part}"
    making.mkdir(parents=True)
    weekday = part.partition(".")[2]
    files = {table: quoted(str(home.parts / source / f"{table}.parquet")) for table in CALL_TABLES}
    own = f"SELECT sha256 FROM {files['calls']} WHERE {f'isodow(day) = {weekday}' if weekday else 'true'}"
    agent = f"(agent_id::INTEGER - 1000 + 97 * copy) % {AGENTS}"
    replaced = {
        "sha256": "sha256(sha256 || '-' || copy)",
        "call_id": "call_id || '-' || copy",
        "agent_id": f"(1000 + {agent})::VARCHAR",
        "agent_name": f"'坐席' || {agent}",
        "team": f"({agent} % 20) || ' 组'",
    }
    fresh = {}
    for table, file in files.items():
        query = (
            f"SELECT * EXCLUDE (copy) {replacing(file, replaced)} FROM {file}, "
            f"(SELECT unnest(range({copies})) AS copy) WHERE sha256 IN ({own})"
        )
        for outcome in OUTCOMES if table == "verdicts" else ("",):
            fresh[f"{table}-{outcome}" if outcome else table] = query + (
                f" AND outcome = '{outcome}'" if outcome else ""
            )
    write_files(making, fresh, plan)
    making.rename(home.parts / f"{part}-{'bench':0>16}")
    return f"{part}-{'bench':0>16}"


def later_part(home: Home, source: str, week: int) -> str:
    """A part that is another, so many weeks on and under other names: each of its files copied so."""
    name = source.replace(source[:10], f"{FIRST.date() + timedelta(weeks=week)}")
    making = home.parts / f".making-{name}"
    making.mkdir(parents=True)
    later = f"INTERVAL {week} WEEK"
    replaced = {
        "sha256": f"sha256(sha256 || '-{week}')",
        "call_id": f"call_id || '-{week}'",
        "value": f"CASE WHEN grouped_by IN ('week', 'month') THEN "
        f"date_trunc(grouped_by, value::DATE + {later})::DATE::VARCHAR ELSE value END",
        **{name: f"{name} + {later}" for name in ("started_at", "first_call", "last_call")},
        **{name: f"({name} + {later})::DATE" for name in ("day", "call_day", "week")},
        "month": f"date_trunc('month', {{}} + {later})::DATE",
    }
    with duckdb.connect(config={"memory_limit": "1GB", "threads": "2"}) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        for table in PART_FILES:
            file = quoted(str(home.parts / source / f"{table}.parquet"))
            write_rows(connection, f"SELECT * {replacing(file, replaced)} FROM {file}", making, table)
    finish_part(making, part_rows(home.parts / source))
    making.rename(home.parts / name)
    return name


def link_history(home: Home, copies: int) -> None:
    """The stored files of the whole history: links to those of its first week, under the names of its calls."""
    for file in list((home.root / "judged").rglob(f"*{artefacts.ARTEFACT_SUFFIX}")):
        sha256 = file.name.removesuffix(artefacts.ARTEFACT_SUFFIX)
        record = excerpt_folder(home, sha256) / f"excerpts{artefacts.ARTEFACT_SUFFIX}"
        for copy in range(copies):
            first = hashlib.sha256(f"{sha256}-{copy}".encode()).hexdigest()
            others = (hashlib.sha256(f"{first}-{week}".encode()).hexdigest() for week in range(1, WEEKS))
            for name in (first, *others):
                folder = excerpt_folder(home, name)
                folder.mkdir(parents=True)
                os.link(record, folder / record.name)
                for was, link in ((file, home.judged(name)), (home.recording(sha256), home.recording(name))):
                    link.parent.mkdir(parents=True, exist_ok=True)
                    os.link(was, link)
        shutil.rmtree(record.parent)
        for was in (file, home.recording(sha256)):
            was.unlink()


def replacing(file: str, replaced: Mapping[str, str]) -> str:
    """REPLACE of those columns that a file has; what hangs on the day where there is one."""
    with duckdb.connect() as connection:
        names = [row[0] for row in connection.execute(f"DESCRIBE FROM {file}").fetchall()]
    day = "day" if "day" in names else "month"
    columns = [f"{replaced[name].format(day)} AS {name}" for name in names if name in replaced]
    return f"REPLACE ({', '.join(columns)})" if columns else ""


def make_year(
    home: Home, settings: Settings, calls: int, templates: Sequence[Judged], books: Sequence[RulebookInfo]
) -> dict[str, str]:
    """Make a database of so many calls, and tell its size."""
    a_week = calls // WEEKS
    copies = -(-a_week // MOST_REAL)
    real = a_week // copies
    figures = {"calls of the history": f"{real * copies * WEEKS:,}", "of them distinct": f"{real:,}"}
    if not home.database.exists():
        save(home, calls_of(templates, real, FIRST, 7, "week"))
        build_database(home, settings, books)
        with open_database(home.database, settings.ingest.timezone) as connection:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            (source,) = (row[0] for row in connection.execute("SELECT name FROM totals.parts").fetchall())
        link_history(home, copies)
        zone = ZoneInfo(settings.ingest.timezone)
        plan = WeekPlan(home, {book.name: book for book in books}, zone, about["shape"])
        monday = f"{FIRST.date()}"
        days = [monday] if real * copies <= WEEK_CALLS else [f"{monday}.{day}" for day in range(1, 8)]
        firsts = [first_part(home, source, part, copies, plan) for part in days]
        started, names = cpu_s(), list(firsts)
        for week in range(1, WEEKS):
            names += [later_part(home, part, week) for part in firsts]
            print(f"  week {week}: {cpu_s() - started:.0f} s CPU", file=sys.stderr, flush=True)
        shutil.rmtree(home.parts / source)
        building = home.root / "year.building"
        started = cpu_s()
        assemble(building, home, names, about | {"content": "bench"}, plan.books, (), [])
        figures["the small database over all parts"] = f"{cpu_s() - started:.1f} s CPU"
        building.replace(home.database)
    parts = list(home.parts.rglob("calls.parquet"))
    sizes = sum(path.stat().st_size for path in home.parts.rglob("*.parquet"))
    return figures | {
        "parts": f"{len(parts)}, {sizes / 1e6:,.0f} MB",
        "the small database": f"{home.database.stat().st_size / 1e6:.1f} MB",
    }


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


def publish_night(
    home: Home, settings: Settings, night: Sequence[Judged] | Iterator[Judged], books: Sequence[RulebookInfo]
) -> dict[str, str]:
    """Publish a night's calls into the others."""
    figures = {}
    count = save(home, night)
    started = cpu_s()
    listed = sum(1 for _ in call_marks(home))
    figures["listing the home's files, a call"] = f"{1e6 * (cpu_s() - started) / listed:.0f} µs CPU"
    before = {path: file_sha256(path) for path in home.parts.rglob("calls.parquet")}
    started, at = cpu_s(), time.perf_counter()
    built = build_database(home, settings, books)
    took_s, clock_s = cpu_s() - started, time.perf_counter() - at
    figures[f"publish a night of {count:,} calls"] = f"{took_s:.1f} s CPU, {clock_s:.0f} s"
    figures["calls afterwards"] = f"{built.rows['calls']:,}"
    figures["parts made"] = str(len(list(home.parts.rglob("calls.parquet"))) - len(before))
    same = all(path.exists() and file_sha256(path) == was for path, was in before.items())
    figures["the files of all others are the same"] = str(same)
    figures["most memory of one process"] = f"{peak_mb():.0f} MB"
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--night", type=int, default=10_000, help="calls that are published last")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder in which what is made stays")
    given = parser.parse_args()
    os.fsync = lambda handle: None  # type: ignore[assignment]
    settings = load_settings()
    asked: dict[str, list[str]] = {}
    book = load_rulebook(CHECKOUT / "rules" / "hotline-zh")
    templates, books = (
        [Judged(call, judge_call(call, book)) for call in generate(book, DISTINCT)],
        [rulebook_info(book)],
    )
    for calls in given.calls:
        with tempfile.TemporaryDirectory() as temporary:
            home = Home((given.keep or Path(temporary)).absolute() / str(calls))
            figures = make_year(home, settings, calls, templates, books)
            for name, clock_s, used_s, rows in ask_all(home, settings, given.repeats):
                asked.setdefault(name, []).append(f"{1000 * used_s:.0f} ({1000 * clock_s:.0f})")
                print(f"  {name}: {1000 * used_s:.0f} ms CPU, {1000 * clock_s:.0f} ms, {rows} rows", file=sys.stderr)
            night = calls_of(templates, given.night, FIRST + timedelta(weeks=51, days=6), 1, "night")
            figures |= publish_night(home, settings, night, books)
            print(f"\n{calls:,} calls\n")
            for name, value in figures.items():
                print(f"| {name} | {value} |", flush=True)
    print(f"\nDuckDB {duckdb.__version__}: ms of the processor (of the clock)\n")
    print("| query | " + " | ".join(f"{calls:,}" for calls in given.calls) + " |")
    print("|---|" + "---:|" * len(given.calls))
    for name, values in asked.items():
        print(f"| {name} | " + " | ".join(values) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
