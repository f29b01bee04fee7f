"""How long the database takes when it is built from the home's files alone, and what a killed build leaves to the next.

    python bench/rebuild_speed.py                   # 20,000 calls, 80 turns and 56 verdicts each
    python bench/rebuild_speed.py --calls 10000 40000

Calls are stored as in store_scale.py: 200 distinct ones under other names, agents, days and scores, so many a day as
make a million a year. Each build is a process of its own: seconds of the clock, of the processor with its workers',
and the largest one's memory. The second is killed when half of the calls are in their parts, and begun again: what it
took after that, and whether the rows of all tables are the same in the end.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

import duckdb
from judge_speed import generate
from store_scale import DISTINCT, FIRST, calls_of, save

from pipeline.datatypes import Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.results.tables import CALL_TABLES
from pipeline.settings import load_settings
from pipeline.storage.home import Home

CALLS_A_DAY = 1_000_000 / 364
BOOK = CHECKOUT / "rules" / "hotline-zh"


def fill(home: Home, calls: int) -> None:
    """Store calls, a million a year, without waiting for the disk."""
    os.fsync = lambda handle: None  # type: ignore[assignment]
    book = load_rulebook(BOOK)
    templates = [Judged(call, judge_call(call, book)) for call in generate(book, DISTINCT)]
    save(home, calls_of(templates, calls, FIRST, calls / CALLS_A_DAY, "year"))


def build(home: Home) -> None:
    """Build from nothing, as `callqa rebuild` does; prints how many calls are in their parts."""
    build_database(
        home, load_settings(), [rulebook_info(load_rulebook(BOOK))], anew=True,
        on_progress=lambda done, of: print(f"{done} calls of {of}", flush=True),
    )  # fmt: skip


def run(home: Home, kill_at: float = 2.0) -> tuple[float, float, float]:
    """Build in a process of its own, killed with all its workers at a share of the calls: seconds of the clock and of
    the processor, MB."""
    command, started = [sys.executable, __file__, "--build", str(home.root)], time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        for line in process.stdout:
            told = re.fullmatch(r"(\d+) calls of (\d+)\n", line)
            if told and int(told[1]) >= kill_at * int(told[2]):
                os.killpg(process.pid, signal.SIGKILL)
                break
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(process.returncode)
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def content(home: Home) -> dict[str, tuple[int, int]]:
    """Of each table of calls its rows, counted and hashed."""
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return {
            table: connection.execute(f"SELECT count(*), sum(hash(t)) FROM {table} t").fetchone()  # type: ignore[misc]
            for table in CALL_TABLES
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[20_000])
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        build(Home(given.build))
        return 0
    faults = 0
    print("| calls | build | clock, s | processor, s | ms a call | MB |\n|---:|---|---:|---:|---:|---:|")
    for calls in given.calls:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder) / "home")
            fill(home, calls)
            whole = run(home)
            tell(calls, "from nothing", whole)
            before = content(home)
            home.database.unlink()
            shutil.rmtree(home.parts)
            run(home, 0.5)
            tell(calls, "begun again after it was killed at half", run(home))
            if content(home) != before:
                faults += 1
                print(f"{calls}: rows differ")
    return 1 if faults else 0


def tell(calls: int, what: str, took: tuple[float, float, float]) -> None:
    clock_s, cpu_s, mb = took
    print(f"| {calls:,} | {what} | {clock_s:.1f} | {cpu_s:.1f} | {1000 * cpu_s / calls:.2f} | {mb:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
