"""How long a replay of a whole store takes, start included, how soon a sample answers, and how much memory it takes.

    python bench/replay_speed.py                                # 100,000 stored calls, a draft that changes one rule
    python bench/replay_speed.py --calls 10000 100000 1000000   # how it grows
    python bench/replay_speed.py --calls 2000 --distinct 200 --cold

The calls are those of judge_speed.py: `--distinct` of them are generated, and stored under as many names as it takes.
The first hundred are judged by the whole rulebook, the others by the rule that the draft changes; the rest of their
verdicts is lent. Columns are made of the distinct calls and copied under the other names, so what a replay reads is as
large as in a real store, though the disk's cache helps more. `--cold`: without columns, which the replay then makes.

The command runs as a program of its own, as its author runs it: wall time to the sample's table and to the end,
processor time of all its processes, the largest one's memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

import numpy as np
from judge_speed import generate

from pipeline.datatypes import Judged
from pipeline.judging.call_cache import CALLS_IN_A_FILE, make_file, survey
from pipeline.judging.loader import load_rulebook
from pipeline.judging.replay import seldom_collect
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.storage import artefacts
from pipeline.storage.column_files import ColumnFile, write_columns
from pipeline.storage.home import Home, JudgedFile

WHOLLY_JUDGED = 100


def fill(home: Home, folder: Path, rule_id: str, distinct: int) -> None:
    """Store so many distinct calls."""
    book = load_rulebook(folder)
    seldom_collect()
    part, cards = book.only([rule_id]), []
    for number, call in enumerate(generate(book, distinct)):
        if number < WHOLLY_JUDGED:
            cards.append(judge_call(call, book))
            card = cards[-1]
        else:
            (own,) = judge_call(call, part).verdicts
            lent = cards[number % WHOLLY_JUDGED]
            card = replace(lent, verdicts=tuple(own if v.rule_id == rule_id else v for v in lent.verdicts))
        artefacts.write(home.judged(f"{number:064x}"), JudgedFile("bench", Judged(call, card)))


def make_columns(home: Home) -> float:
    """Columns of all calls that have none; how many ms of the processor a call took."""
    missing, started = survey(home).missing, time.process_time()
    for at in range(0, len(missing), CALLS_IN_A_FILE):
        make_file(home, missing[at : at + CALLS_IN_A_FILE])
    return 1000 * (time.process_time() - started) / max(1, len(missing))


def multiply(home: Home, distinct: int, calls: int, cold: bool) -> None:
    """Give the distinct calls other names, until there are so many."""
    have = sum(1 for _ in home.files("judged"))
    for number in range(have, calls):
        path = home.judged(f"{number:064x}")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(home.judged(f"{number % distinct:064x}"), path)
    if cold:
        return
    for file in survey(home).files:
        numbers = [int.from_bytes(sha, "big") for sha in file.shas]
        if max(numbers) >= distinct:
            continue
        columns, outcomes = (ColumnFile(file.path.with_suffix(each)) for each in (".calls", ".outcomes"))
        for copy in range(have // distinct, calls // distinct):
            shas = b"".join((number + copy * distinct).to_bytes(32, "big") for number in numbers)
            to = file.path.with_name(f"{file.path.stem}-{copy}.calls")
            write_columns(to, {name: columns[name] for name in columns} | {"sha": np.frombuffer(shas, np.uint8)})
            write_columns(to.with_suffix(".outcomes"), {name: outcomes[name] for name in outcomes})


def draft(book: Rulebook, folder: Path, rule_id: str) -> int:
    """The rulebook with another coverage for one rule; how many rules that changes."""
    shutil.copytree(book.folder, folder)
    file = folder / book.rule(rule_id).file.relative_to(book.folder)
    file.write_text(f"coverage: 0.55\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    return sum(rule.hash != book.rule(rule.id).hash for rule in load_rulebook(folder).rules)


def measure(home: Home, folder: Path, sample: int) -> tuple[float, float, float, float, float]:
    """Seconds to the sample's answer and to the end, of the processor in all, its share; MB of the largest process."""
    command = [sys.executable, "-m", "flows.cli", "rules", "replay", str(folder), "--sample", str(sample)]
    environment = {**os.environ, "CALLQA_HOME": str(home.root), "CALLQA_LANG": "en", "PYTHONUNBUFFERED": "1"}
    started, first_s = time.perf_counter(), 0.0
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if "by chance" in line and not first_s:
                first_s = time.perf_counter() - started
        # its own usage and that of its workers, and not that of what made the calls
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took_s = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(process.returncode)
    cpu_s = used.ru_utime + used.ru_stime
    return first_s, took_s, cpu_s, cpu_s / took_s, used.ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[100_000])
    parser.add_argument("--distinct", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--book", type=Path, default=CHECKOUT / "rules" / "hotline-zh")
    parser.add_argument("--rule", default="closing", help="the rule that the draft changes")
    parser.add_argument("--at", type=Path, help="folder for the home; default: a temporary one")
    given = parser.parse_args()
    book = load_rulebook(given.book)
    with tempfile.TemporaryDirectory(dir=given.at) as folder:
        home = Home(Path(folder) / "home")
        distinct = min(given.distinct, *given.calls)
        # in a process of its own: what this one holds would count as the replay's memory
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(fill, home, book.folder, given.rule, distinct).result()
            if not given.cold:
                print(f"columns: {pool.submit(make_columns, home).result():.1f} ms of the processor a call")
        rules = draft(book, Path(folder) / "draft", given.rule)
        print(f"{distinct} distinct calls; {rules} of {len(book.rules)} rules changed; {os.cpu_count()} processors\n")
        print("| calls | sample, s | all, s | processor, s | processors got | MB | columns, kB a call |")
        print("|---:|---:|---:|---:|---:|---:|---:|")
        for calls in sorted(given.calls):
            multiply(home, distinct, calls, given.cold)
            first_s, took_s, cpu_s, share, peak_mb = measure(home, Path(folder) / "draft", given.sample)
            size_kb = sum(path.stat().st_size for path in home.columns.rglob("*.*")) / calls / 1000
            print(
                f"| {calls:,} | {first_s:.1f} | {took_s:.1f} | {cpu_s:.1f} | {share:.2f} | {peak_mb:.0f} "
                f"| {size_kb:.1f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
