"""Whether a long answer of `callqa sql` takes linear time and flat memory, in the process that asks.

    python bench/sql_stream.py                        # 250,000, 500,000 and 1,000,000 rows, CSV and JSON
    python bench/sql_stream.py --rows 2000000 8000000

Every answer is written to /dev/null by a process of its own, whose time and largest memory are printed; so is a single
value of 60 MB. Passes when the time a row of the longest is at most 1.5 times that of the shortest, and its memory
at most 16 MiB more. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.results.sql_output import Format, answer
from pipeline.settings import Sql

SLOWER, LARGER_MIB = 1.5, 16
ROWS = "SELECT range AS number, 'what was said in a turn, ' || range AS words FROM range({rows})"
VALUE = "SELECT repeat('x', 60000000) AS words"


def measure_one(database: Path, query: str, form: Format) -> None:
    """Answer, in this process; prints seconds and MiB."""
    start = time.monotonic()
    with open(os.devnull, "w", encoding="utf-8") as stream:
        answer(database, query, Sql(timeout_s=3600), form, stream, "UTC")
    print(time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(database: Path, query: str, form: Format) -> tuple[float, float]:
    """Seconds and MiB of an answer, by a process of its own."""
    command = [sys.executable, __file__, "--one", str(database), query, form]
    seconds, mib = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(mib)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure_one(Path(options.one[0]), *options.one[1:])
        return
    import duckdb

    good = True
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "callqa.duckdb"
        duckdb.connect(str(database)).close()
        for form in ("csv", "json"):
            figures = []
            for rows in sorted(options.rows):
                seconds, mib = measured(database, ROWS.format(rows=rows), form)
                figures.append((seconds / rows, mib))
                print(f"{form}: {rows:>9} rows {seconds:6.1f} s, {mib:.0f} MiB", flush=True)
            slower, larger = figures[-1][0] / figures[0][0], figures[-1][1] - figures[0][1]
            print(f"{form}: {slower:.2f} times the time a row, {larger:+.0f} MiB")
            good = good and slower <= SLOWER and larger <= LARGER_MIB
        for form in ("table", "csv", "json"):
            seconds, mib = measured(database, VALUE, form)
            print(f"{form}: one value of 60 MB {seconds:6.1f} s, {mib:.0f} MiB", flush=True)
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
